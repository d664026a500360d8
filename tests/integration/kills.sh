#!/bin/sh
# kills.sh - every room of both nodes, and each whole node, dies by SIGKILL
# while a 300-instance study travels; it completes by itself, nothing is lost,
# nothing is twice in the PACS.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu python3 pgrep
COUNT=${DF_COUNT:-300}

python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/study" "$COUNT" >"$T/uid" ||
	exit 1
ref=$(free_port)
pacs=$(free_port)
start_storescp "$ref" "$T/reference" || exit 1
mkdir -p "$T/pacs" # named by UID, as a PACS keeps them
storescp --bit-preserving --fork +xa -aet PACS -od "$T/pacs" "$pacs" \
	>"$T/pacs.log" 2>&1 &
PIDS="$PIDS $!"
dcmsend --decompress-never +sd -aet MODALITY -aec PACS 127.0.0.1 "$ref" \
	"$T/study" >/dev/null 2>&1

new_centre centre && new_clinic clinic || exit 1
set_key clinic retry max 2 && set_key clinic retry min 1
set_key centre retry max 2 && set_key centre retry min 1
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" --compress no >/dev/null || exit 1
start_node centre && start_node clinic && join clinic centre >/dev/null || exit 1

# a modality tries again until it was told Success for every instance
modality() {
	until send_sure "$DICOM_clinic" "$COUNT" "$T/study"; do
		[ $(($(date +%s) - began)) -gt 240 ] && return 1
		wait_for 20 is_ready clinic || return 1
	done
	: >"$T/sent"
}
began=$(date +%s)
modality &
MODALITY_PID=$!

kill_room() { # NODE ROOM
	pids=$(room_pids "$1" "$2")
	[ -n "$pids" ] || return 1
	kill -KILL $pids
	wait_for 20 is_ready "$1"
}
wait_for 60 has_at_least clinic instances 20
round=0
while [ "$round" -lt "${DF_ROUNDS:-1}" ]; do
	round=$((round + 1))
	for room in receive prepare deliver_https index console keys queue front; do
		check "the clinic survives the death of $room" \
			kill_room clinic "$room"
	done
	for room in prepare gateway deliver_dimse index console keys queue front; do
		check "the centre survives the death of $room" \
			kill_room centre "$room"
	done
done
kill_node_hard clinic
check "the clinic starts again after SIGKILL of everything" start_node clinic
kill_node_hard centre
check "the centre starts again after SIGKILL of everything" start_node centre

wait "$MODALITY_PID"
check "the modality was told Success for all" test -f "$T/sent"
check "the clinic has every instance once" \
	wait_for 30 truth clinic "j['studies'][0]['instances'] == $COUNT" study list
check "all are confirmed by the PACS" \
	wait_for 180 has_at_least centre confirmed "$COUNT"
check "the study is closed" send_studies clinic
check "the receipt names all" wait_for 120 has_at_least clinic confirmed "$COUNT"
check "the PACS holds exactly what was sent" \
	python3 "$LIB/dicom_bytes.py" --compare "$T/reference" "$T/pacs"
check "the clinic ends in order" stop_node clinic
check "the centre ends in order" stop_node centre
check "the spool of the clinic is sound" node clinic spool check
check "the spool of the centre is sound" node centre spool check
done_testing
