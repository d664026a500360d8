#!/bin/sh
# zoo.sh - every kind of damage and contradiction that spool check knows, seeded
# one by one into copies of a clinic and a centre: named, mended, nothing lost.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend dcmodify storescp python3 openssl

for n in 1 2 3; do
	python3 "$LIB/make_study.py" "$TESTDATA/mr/epi01.dcm" "$T/study$n" 4 $n \
		>"$T/uid$n" || exit 1
done
new_centre centre && new_clinic clinic || exit 1
start_node centre && start_node clinic && join clinic centre >/dev/null || exit 1
send_sure "$DICOM_clinic" 4 "$T/study1" && send_sure "$DICOM_clinic" 4 "$T/study2" || exit 1
wait_for 20 truth clinic "j['queue']['inspected_all']" status
for n in 1 2; do node clinic study send "$(cat "$T/uid$n")" >/dev/null; done
wait_for 30 has_at_least clinic confirmed 8 || exit 1
mkdir "$T/odd"
cp "$(find "$T/study1" -type f | head -n 1)" "$T/odd/other.dcm"
dcmodify -q -nb -m '(0018,0050)=9.5' "$T/odd/other.dcm" || exit 1
send "$DICOM_clinic" "$T/odd/other.dcm"
sh "$LIB/report_pki.sh" "$T/pki" || exit 1
node clinic report trust add "$T/pki/ca.pem" >/dev/null || exit 1
python3 "$LIB/make_pdf.py" "$T/report.pdf" "No acute finding." "Dr. Wang"
node centre report submit --study "$(cat "$T/uid1")" --file "$T/report.pdf" \
	--signer "$T/pki/rsa.p12" --passphrase-file "$T/pki/pass" >/dev/null || exit 1
wait_for 20 truth clinic "len(j['reports']) == 1" report list || exit 1
stop_node centre
stop_node clinic
# a node that sends to nobody keeps what came as it came
new_clinic lone && start_node lone || exit 1
send "$DICOM_lone" "$T/study3" "$T/odd/other.dcm" "$T/study1"
wait_for 20 truth lone "j['queue']['inspected_all'] and j['queue']['quarantined'] == 1" \
	status || exit 1
stop_node lone
python3 "$LIB/spool_zoo.py" "$DF_BIN" "$T/clinic" "$T/centre" "$T/lone" || FAILED=1
