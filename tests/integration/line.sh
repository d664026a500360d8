#!/bin/sh
# line.sh - a clinic behind a shaped line that loses packets and is cut once:
# the study arrives byte for byte, what was durable is not sent again, and
# nothing is called done that is not. tests/bench/line has the long form.
. "$(dirname "$0")/../lib/node.sh"
. "$LIB/netlab.sh"
need dcmsend storescp echoscu python3 nsenter
COUNT=${DF_COUNT:-24}
PART=262144
CONNECTIONS=2

start_line --rate 10M --rtt 60 --loss 0.5 || exit 1
python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/study" "$COUNT" \
	>"$T/uid" || exit 1
pacs=$(free_port)
in_b start_storescp "$pacs" "$T/pacs" || exit 1
new_centre centre && new_clinic clinic || exit 1
set_key clinic line max-part $PART
set_key clinic line connections $CONNECTIONS
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" \
	--compress no >/dev/null || exit 1
in_b start_node centre && in_a start_node clinic || exit 1
check "the clinic joins over the line" in_a join clinic centre
line reset >/dev/null
line set rate 1500k >/dev/null # so slow that the cut is in mid transfer

check "the modality sends" in_a send_sure "$DICOM_clinic" "$COUNT" "$T/study"
check "the study is closed" send_studies clinic
check "the line carries it" wait_for 20 has_passed up 400000
line down >/dev/null
check "it is cut in mid transfer" test "$(line_payload up)" -lt 2000000
check "while it is cut nothing is called confirmed" \
	test "$(sum_of clinic confirmed)" = 0
line cut 3 >/dev/null
line set rate 10M >/dev/null
resumed=$(($(line_payload up) + PART))
more_is_sent() { [ "$(line_payload up)" -ge "$resumed" ]; }
check "bytes flow again by themselves" wait_for 20 more_is_sent
check "all arrive" wait_for 30 has_at_least centre confirmed "$COUNT"
check "the clinic has its receipt" wait_for 10 has_at_least clinic confirmed "$COUNT"
packed=$(sum_of clinic packed_bytes)
up=$(line_payload up)
# a part for each connection, and 4 % + 64 KiB for TLS and HTTP
most=$((packed + CONNECTIONS * PART + packed / 25 + 65536))
echo "# $packed bytes packed, $up went up, at most $most"
check "what was durable was not sent again" test "$up" -le "$most"
check "the PACS holds exactly what was sent, once" \
	python3 "$LIB/dicom_bytes.py" --compare "$T/study" "$T/pacs"
done_testing
