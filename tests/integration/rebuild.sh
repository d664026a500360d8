#!/bin/sh
# rebuild.sh - state.db is lost at both nodes: the objects bring everything
# back, what still had to travel travels, and the PACS has each image once.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu python3 openssl

for n in 1 2 3; do
	python3 "$LIB/make_study.py" "$TESTDATA/mr/epi01.dcm" "$T/study$n" 10 $n \
		>"$T/uid$n" || exit 1
done
ref=$(free_port)
pacs=$(free_port)
start_storescp "$ref" "$T/reference" || exit 1
mkdir -p "$T/pacs" # named by UID, as a PACS keeps them
storescp --bit-preserving --fork +xa -aet PACS -od "$T/pacs" "$pacs" \
	>"$T/pacs.log" 2>&1 &
PIDS="$PIDS $!"
dcmsend --decompress-never +sd +r -aet MODALITY -aec PACS 127.0.0.1 "$ref" \
	"$T/study1" "$T/study2" "$T/study3" >/dev/null 2>&1
new_centre centre && new_clinic clinic || exit 1
set_key clinic retry max 2 && set_key clinic retry min 1
set_key centre retry max 2 && set_key centre retry min 1
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" --compress no >/dev/null || exit 1
start_node centre && start_node clinic && join clinic centre >/dev/null || exit 1

check "a study goes all the way" send_sure "$DICOM_clinic" 10 "$T/study1"
wait_for 20 truth clinic "j['queue']['inspected_all']" status
node clinic study send "$(cat "$T/uid1")" >/dev/null
check "to its receipt" wait_for 30 has_at_least clinic confirmed 10
sh "$LIB/report_pki.sh" "$T/pki" || exit 1
node clinic report trust add "$T/pki/ca.pem" >/dev/null || exit 1
python3 "$LIB/make_pdf.py" "$T/report.pdf" "No acute finding." "Dr. Wang"
report() { # STUDY: a physician signs one at the centre
	node centre report submit --study "$(cat "$T/uid$1")" --file "$T/report.pdf" \
		--signer "$T/pki/rsa.p12" --passphrase-file "$T/pki/pass"
}
signed_reports() { # N: as many and no more are at the clinic, none refused
	truth clinic "[r['verification'] for r in j['reports']] == ['signed'] * $1" \
		report list
}
check "a report is written" report 1
check "and comes back" wait_for 20 signed_reports 1
check "the centre is gone" stop_node centre
check "another study waits at the clinic, packed" \
	send_sure "$DICOM_clinic" 10 "$T/study2"
wait_for 20 has_at_least clinic packed 20
check "a third one comes" send_sure "$DICOM_clinic" 10 "$T/study3"
kill_node_hard clinic # some of it raw, some packed, some between

rm -f "$T"/clinic/state.db* "$T"/centre/state.db*
check "the clinic's journal is made anew by hand" node clinic spool rebuild
check "the clinic starts" start_node clinic
check "the centre makes its journal anew by itself" start_node centre
known() { truth "$1" "sorted(s['instances'] for s in j['studies']) == [10, 10, 10]" study list; }
check "the clinic knows every study and instance" wait_for 30 known clinic
check "studies are closed by hand" send_studies clinic
check "the centre knows every study and instance" wait_for 30 known centre
check "every receipt is there" wait_for 30 has_at_least clinic confirmed 30
check "the PACS has all" wait_for 30 has_at_least centre confirmed 30
check "each once, as it was sent" \
	python3 "$LIB/dicom_bytes.py" --compare "$T/reference" "$T/pacs"

# --- after that life is as before
python3 "$LIB/make_study.py" "$TESTDATA/mr/epi01.dcm" "$T/more" 12 1 >/dev/null
check "late images of a study from before" send_sure "$DICOM_clinic" 12 "$T/more"
send_studies clinic >/dev/null
check "get their receipt" wait_for 30 has_at_least clinic confirmed 32

check "a second report is written" report 2
check "and comes back too, the first is not doubled" wait_for 20 signed_reports 2

# --- damage is said
check "the clinic ends in order" stop_node clinic
check "the centre ends in order" stop_node centre
check "the spool of the clinic is sound" node clinic spool check
check "the spool of the centre is sound" node centre spool check
object=$(find "$T/clinic/spool/objects" -type f | head -n 1)
cp "$object" "$T/kept"
python3 - "$object" <<'END'
import os, sys
size = os.path.getsize(sys.argv[1])
with open(sys.argv[1], "r+b") as f:
    f.seek(size - 60)
    byte = f.read(1)
    f.seek(size - 60)
    f.write(bytes([byte[0] ^ 1]))
END
check "a flipped bit in an envelope is found" sh -c \
	"! '$DF_BIN/dcm-forward' -C '$T/clinic' spool check"
cat "$T/kept" >"$object"
check "and is gone when it is mended" node clinic spool check
rm "$object"
check "a missing object is an alarm" sh -c \
	"! '$DF_BIN/dcm-forward' -C '$T/clinic' spool check"
done_testing
