#!/bin/sh
# line_freeze.sh - a line that goes silent without a word (no reset, no end):
# found by the want of progress, and taken up again where it was.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu python3

python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/study" 30 >"$T/uid" ||
	exit 1
pacs=$(free_port)
line=$(free_port)
ref=$(free_port)
start_storescp "$pacs" "$T/pacs" && start_storescp "$ref" "$T/reference" || exit 1
new_centre centre && new_clinic clinic || exit 1
set_key clinic retry min 1
[ -z "${DF_CONNECTIONS:-}" ] || set_key clinic line connections "$DF_CONNECTIONS"
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" --compress no >/dev/null || exit 1
start_node centre && start_node clinic || exit 1
python3 "$LIB/relay.py" "$line" "$HTTPS_centre" 1000000 --slow >"$T/relay.log" 2>&1 &
RELAY=$!
PIDS="$PIDS $RELAY"
wait_for 10 grep -q ready "$T/relay.log" || exit 1
check "the clinic joins over the line" join clinic centre "$line"
dcmsend --decompress-never +sd -aet MODALITY -aec PACS 127.0.0.1 "$ref" \
	"$T/study" >/dev/null 2>&1
peer_up() { truth clinic "all(d['up'] for d in j['queue']['destinations'])" status; }
peer_down() { ! peer_up; }

check "the modality sends" send_sure "$DICOM_clinic" 30 "$T/study"
check "it begins to arrive" wait_for 20 has_at_least centre instances 1
kill -STOP "$RELAY"
check "the clinic says that the peer is away" wait_for 45 peer_down
kill -CONT "$RELAY"
check "it is back within 10 s" wait_for 10 peer_up
check "all arrive" wait_for 30 has_at_least centre confirmed 30
check "the study is closed" send_studies clinic
check "the receipt names all" wait_for 20 has_at_least clinic confirmed 30
check "the PACS holds exactly what was sent, once" \
	python3 "$LIB/dicom_bytes.py" --compare "$T/reference" "$T/pacs"
done_testing
