#!/bin/sh
# two_centres.sh - a clinic that joins a second centre keeps the first.
#
# Each centre has its own CA. What was packed before the second join goes to
# the first; what comes after it goes to both, and both give their receipts; a
# study that came in part before it stays with the first.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend python3 openssl

new_centre county && new_centre city && new_clinic clinic || exit 1
set_key clinic study quiet 1
start_node county && start_node city && start_node clinic || exit 1
find "$TESTDATA" -name "*.dcm" | sort >"$T/files"
file() { sed -n "$1p" "$T/files"; }
receipts() { [ "$(grep -c receipt.given "$T/$1.log")" -ge "$2" ]; }
up() { truth clinic "sum(1 for d in j['queue']['destinations'] if d['up']) == $1" status; }
packed() { [ "$(grep -c manifest.signed "$T/clinic.log")" -ge "$1" ]; }

check "the clinic joins the county's centre" join clinic county
check "and the line works" wait_for 20 up 1
python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/ct" 2 late >/dev/null || exit 1
early=$(find "$T/ct" -type f | sort | head -n 1)
late=$(find "$T/ct" -type f | sort | tail -n 1)
check "a study goes there" send_sure "$DICOM_clinic" 1 "$early"
check "and has its receipt" wait_for 40 has_at_least clinic confirmed 1

stop_node county
check "while that centre is away, one is packed for it" \
	send_sure "$DICOM_clinic" 1 "$(file 2)"
check "and its manifest signed" wait_for 40 packed 2

check "the clinic joins the city's centre" join clinic city
check "the line to it works" wait_for 20 up 1
check "the first centre is back" start_node county
check "and its mailbox is asked for again" wait_for 60 up 2
check "what was packed for it arrives" wait_for 40 receipts county 2
check "and is confirmed" wait_for 20 has_at_least clinic confirmed 2

check "a new study is taken" send_sure "$DICOM_clinic" 1 "$(file 3)"
check "the first centre gives a receipt" wait_for 40 receipts county 3
check "the second centre gives a receipt" wait_for 40 receipts city 1
check "it is confirmed by both" wait_for 20 has_at_least clinic confirmed 3

check "a late image of the first study is taken" send_sure "$DICOM_clinic" 1 "$late"
check "it goes where that study went" wait_for 40 receipts county 4
check "and is confirmed" wait_for 20 has_at_least clinic confirmed 4
check "nothing waits for the other centre" wait_for 20 all_settled clinic
check "which has its own study only" test "$(sum_of city instances)" = 1

check "no centre refused anything" \
	sh -c "! grep -h 'tls.refused\\|manifest.refused' '$T'/county.log '$T'/city.log"
for name in county city; do
	check "peer test: $name" node clinic peer test "县医院 $name"
done
done_testing
