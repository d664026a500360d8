#!/bin/sh
# poison_report.sh - a signed report that kills each process that reads it gets
# its verdict all the same, and the next report is read.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu python3 openssl
[ -f "$DF_BIN/poison.so" ] || skip_all "the shim is not built"

new_centre centre && new_clinic clinic || exit 1
start_node centre || exit 1
LD_PRELOAD="$DF_BIN/poison.so" start_node clinic || exit 1
check "the clinic joins" join clinic centre
sh "$LIB/report_pki.sh" "$T/pki" && node clinic report trust add "$T/pki/ca.pem" >/dev/null || exit 1
python3 "$LIB/make_pdf.py" "$T/deadly.pdf" "POISON-SEGV" "Dr. Wang"
python3 "$LIB/make_pdf.py" "$T/plain.pdf" "CT head: no acute finding." "Dr. Wang"
mkdir "$T/ct"
cp "$TESTDATA/ct/IM0001.dcm" "$T/ct"
check "a study is sent" send_sure "$DICOM_clinic" 1 "$T/ct"
wait_for 20 truth clinic "j['queue']['inspected_all']" status
send_studies clinic
check "with its receipt" wait_for 30 has_at_least clinic confirmed 1
uid=$(node clinic study list --json | json "j['studies'][0]['study_uid']")
submit() {
	node centre report submit --study "$uid" --file "$1" \
		--signer "$T/pki/rsa.p12" --passphrase-file "$T/pki/pass"
}
check "a deadly report comes" submit "$T/deadly.pdf"
listed() { truth clinic "any($1 for r in j['reports'])" report list; }
check "it is refused: nobody can read it" wait_for 90 listed \
	"r['verification'] == 'rejected' and r['reason'] == 'unreadable-content'"
check "another comes" submit "$T/plain.pdf"
check "and is shown as signed" wait_for 60 listed "r['verification'] == 'signed'"
done_testing
