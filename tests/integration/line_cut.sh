#!/bin/sh
# line_cut.sh - the line breaks in mid transfer, again and again, and rooms of
# the line die; the transfer goes on from the last durable part, and what
# waited for the line leaves as soon as it is back.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu python3 pgrep
COUNT=${DF_COUNT:-60}
PART=262144
CONNECTIONS=2

python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/all" $((COUNT + 1)) \
	>"$T/uid" || exit 1
mkdir "$T/study" "$T/late"
mv "$T"/all/* "$T/study"
mv "$T/study/$(printf 'IM%05d' "$COUNT")" "$T/late"
pacs=$(free_port)
line=$(free_port)
ref=$(free_port)
start_storescp "$pacs" "$T/pacs" && start_storescp "$ref" "$T/reference" || exit 1
new_centre centre && new_clinic clinic || exit 1
set_key clinic retry min 1
set_key clinic line max-part $PART
set_key clinic line connections $CONNECTIONS
# so many bytes that the line is busy to the end
set_key clinic parcel coding predict+zstd
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" --compress no >/dev/null || exit 1
start_node centre && start_node clinic || exit 1

python3 "$LIB/relay.py" "$line" "$HTTPS_centre" 300000 --slow >"$T/relay.log" 2>&1 &
RELAY=$!
PIDS="$PIDS $RELAY"
wait_for 10 grep -q ready "$T/relay.log" || exit 1
check "the clinic joins over the line" join clinic centre "$line"

dcmsend --decompress-never +sd +r -aet MODALITY -aec PACS 127.0.0.1 "$ref" \
	"$T/study" "$T/late" >/dev/null 2>&1
peer_up() { truth clinic "all(d['up'] for d in j['queue']['destinations'])" status; }
peer_down() { truth clinic "not any(d['up'] for d in j['queue']['destinations'])" status; }
cut_line() { kill -USR1 "$RELAY"; }
mend_line() { kill -USR2 "$RELAY"; }
carried() { # bytes that went up the line so far
	lines=$(wc -l <"$T/relay.log")
	kill -HUP "$RELAY"
	wait_for 5 sh -c "[ \$(wc -l <'$T/relay.log') -gt $lines ]"
	tail -n 1 "$T/relay.log" | cut -d' ' -f2
}
has_carried() { [ "$(carried)" -ge "$1" ]; }

check "the modality sends" send_sure "$DICOM_clinic" "$COUNT" "$T/study"
check "all are packed" wait_for 60 has_at_least clinic packed "$COUNT"
packed=$(sum_of clinic packed_bytes)
breaks=0
for tenth in 2 4 6; do
	wait_for 60 has_carried $((packed / 10 * tenth))
	cut_line
	breaks=$((breaks + 1))
	check "the clinic says that the peer is away ($tenth tenths)" \
		wait_for 10 peer_down
	mend_line
	check "it is back within 5 s" wait_for 5 peer_up
done
for room in clinic/deliver_https centre/gateway centre/queue; do
	kill -KILL $(room_pids "${room%/*}" "${room#*/}")
	breaks=$((breaks + 1))
	at=$(carried)
	check "bytes flow after the death of $room" \
		wait_for 10 has_carried $((at + PART))
done
check "all arrive" wait_for 120 has_at_least centre confirmed "$COUNT"
up=$(carried)
# a part for each connection and break, and 4 % + 64 KiB for TLS and HTTP
most=$((packed + breaks * CONNECTIONS * PART + packed / 25 + 65536))
echo "# $packed bytes packed, $up carried, $breaks breaks, at most $most"
check "what was durable was not sent again" test "$up" -le "$most"

cut_line
check "an idle line that is cut is said to be down" wait_for 10 peer_down
check "the study is closed while it is" send_studies clinic
mend_line
check "the receipt names all, 5 s after it is back" \
	wait_for 5 has_at_least clinic confirmed "$COUNT"
cut_line
check "a late image comes while the line is down" \
	send_sure "$DICOM_clinic" 1 "$T/late"
wait_for 20 has_at_least clinic packed $((COUNT + 1))
check "the study is closed again" send_studies clinic
check "as version 2" wait_for 10 \
	truth clinic "j['studies'][0]['version'] == 2" study list
mend_line
check "its receipt comes" wait_for 10 has_at_least clinic confirmed $((COUNT + 1))
check "the centre has version 2" truth centre "j['studies'][0]['version'] == 2" study list
check "the late image is in the PACS" \
	wait_for 20 has_at_least centre confirmed $((COUNT + 1))
check "the PACS holds exactly what was sent, once" \
	python3 "$LIB/dicom_bytes.py" --compare "$T/reference" "$T/pacs"
done_testing
