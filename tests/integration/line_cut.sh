#!/bin/sh
# line_cut.sh - the line breaks in mid transfer, again and again; the transfer
# goes on from the last durable part.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu python3

python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/study" 60 >"$T/uid" ||
	exit 1
pacs=$(free_port)
line=$(free_port)
ref=$(free_port)
start_storescp "$pacs" "$T/pacs" && start_storescp "$ref" "$T/reference" || exit 1
new_centre centre && new_clinic clinic || exit 1
set_key clinic retry max 2 && set_key clinic retry min 1
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" >/dev/null || exit 1
start_node centre && start_node clinic || exit 1

python3 "$LIB/relay.py" "$line" "$HTTPS_centre" 2000000 --slow >"$T/relay.log" 2>&1 &
RELAY=$!
PIDS="$PIDS $RELAY"
wait_for 10 grep -q ready "$T/relay.log" || exit 1
check "the clinic joins over the line" join clinic centre "$line"

dcmsend --decompress-never +sd -aet MODALITY -aec PACS 127.0.0.1 "$ref" \
	"$T/study" >/dev/null 2>&1
check "the modality sends" send "$DICOM_clinic" "$T/study"
for goal in 5 20 40; do
	wait_for 60 has_at_least centre instances "$goal"
	kill -USR1 "$RELAY"
	check "the clinic says that the peer is away (after $goal)" wait_for 30 \
		truth clinic "not any(d['up'] for d in j['queue']['destinations'])" status
	kill -USR2 "$RELAY"
done
check "all arrive" wait_for 120 has_at_least centre confirmed 60
check "the study is closed" send_studies clinic
check "the receipt names all" wait_for 60 has_at_least clinic confirmed 60
check "the PACS holds exactly what was sent, once" \
	python3 "$LIB/dicom_bytes.py" --compare "$T/reference" "$T/pacs"
done_testing
