#!/bin/sh
# ends.sh - how a node ends: a second one beside it is refused, SIGTERM lets a
# running association finish, the death of supervise ends every room.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend echoscu python3 pgrep

python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/study" 80 >"$T/uid" || exit 1
new_clinic clinic || exit 1
start_node clinic || exit 1

check "a second serve is refused" sh -c \
	"! timeout 10 '$DF_BIN/dcm-forward' -C '$T/clinic' serve >'$T/second.txt' 2>&1"
check "and says why" grep -q 'another dcm-forward serves' "$T/second.txt"
check "the first one goes on" is_ready clinic
check "spool check wants it stopped" sh -c \
	"! '$DF_BIN/dcm-forward' -C '$T/clinic' spool check"

# --- SIGTERM in mid association: every answer that was given holds
sender() {
	dcmsend --no-halt --decompress-never +sd -aet MODALITY -aec CLINIC \
		+crf "$T/term.report" 127.0.0.1 "$DICOM_clinic" "$T/study" \
		>>"$T/dcmsend.log" 2>&1
}
sender &
SENDER=$!
wait_for 20 has_at_least clinic instances 3
gone() { for pid in $rooms; do kill -0 "$pid" 2>/dev/null && return 1; done; return 0; }
rooms=$(pgrep -P "$PID_clinic")
began=$(date +%s)
stop_node clinic
check "SIGTERM with an association open ends within 35 s" \
	test $(($(date +%s) - began)) -le 35
wait "$SENDER"
told=$(grep -c '^DIMSE Status *: 0x0000' "$T/term.report")
echo "# $told instances were acknowledged"
check "nothing is left running" gone
check "the spool is sound" node clinic spool check
check "it starts again" start_node clinic
check "and holds at least all that were acknowledged" \
	wait_for 20 has_at_least clinic instances "$told"
check "the rest comes again, nothing twice" send_sure "$DICOM_clinic" 80 "$T/study"
check "all are there once" wait_for 20 truth clinic \
	"[s['instances'] for s in j['studies']] == [80]" study list

# --- SIGKILL of supervise alone
rooms=$(pgrep -P "$PID_clinic")
kill -KILL "$PID_clinic"
wait "$PID_clinic" 2>/dev/null
check "the rooms end when supervise is gone" wait_for 10 gone
check "the node starts again" start_node clinic
check "and still has all" wait_for 20 truth clinic \
	"[s['instances'] for s in j['studies']] == [80]" study list

# --- the same, and whoever has the doors is slow to go: a service manager
# starts the node again at once
front=$(room_pids clinic front)
kill -STOP "$front"
kill -KILL "$PID_clinic"
wait "$PID_clinic" 2>/dev/null
"$DF_BIN/dcm-forward" -C "$T/clinic" serve >>"$T/clinic.log" 2>&1 &
PID_clinic=$!
PIDS="$PIDS $PID_clinic"
waits() { ! timeout 2 tail --pid="$PID_clinic" -f /dev/null; }
check "a start waits for the doors of the last life" waits
kill -CONT "$front"
check "and has them then" wait_for 20 is_ready clinic

# --- SIGTERM with nothing to do, SIGTERM twice
began=$(date +%s)
check "it ends" stop_node clinic
check "at once" test $(($(date +%s) - began)) -le 5

# --- SIGTERM while rooms are started anew
ends_soon() {
	start_node clinic || return 1
	node clinic reload
	[ "$1" = 0 ] || sleep "$1"
	began=$(date +%s)
	stop_node clinic
	[ $(($(date +%s) - began)) -le 6 ]
}
for after in 0 0.05 0.1 0.2 0.4; do
	set_key clinic study quiet $((20 + $(date +%s) % 1000)) # a change
	check "SIGTERM $after s after a reload ends soon" ends_soon "$after"
done
done_testing
