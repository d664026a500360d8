#!/bin/sh
# drain.sh - a node that is told to end takes nothing new, finishes the image
# that is arriving, and ends with 0; told twice it ends at once. A room that is
# killed is back soon (DF_BACK_MS: 5000, on a machine that does nothing else 2000).
# Nothing that was acknowledged is lost.
. "$(dirname "$0")/../lib/node.sh"
need python3 pgrep echoscu

new_clinic clinic && start_node clinic || exit 1
export LIB TESTDATA
# modality CASE: connects, does its part, and writes what was acknowledged
cat >"$T/modality.py" <<'EOF2'
import os, signal, socket, sys, time
sys.path.insert(0, os.environ["LIB"])
from pressure import Modality
case, port, node, acked = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
m = Modality(port, os.environ["TESTDATA"] + "/ct/IM0001.dcm")

def refused():
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    except OSError:  # it closed while we were in its queue
        return False
    return False

def until(what, seconds):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "in vain"
        time.sleep(0.02)

def gone():
    try:
        os.kill(node, 0)
    except ProcessLookupError:
        return True
    return open(f"/proc/{node}/stat").read().rsplit(")", 1)[1].split()[0] == "Z"

def term():
    os.kill(node, signal.SIGTERM)
    until(refused, 5)  # the door is closed, we are still inside

def broken(f):
    try:
        f()
    except (ConnectionError, OSError):
        m.close()
        return True
    return False

assert m.store() == 0
if case == "half":
    assert m.store(middle=term) == 0, "the image in hand is finished"
    begun = time.monotonic()
    while not broken(m.store):  # a study may come to its end in this time
        assert time.monotonic() - begun < 12, "it goes on and on"
        time.sleep(0.2)
elif case == "silent":
    term()
    begun = time.monotonic()
    kind, _ = m.assoc.pdu()
    assert kind == 7, f"PDU {kind} where A-ABORT was expected"
    assert time.monotonic() - begun < 3
elif case == "twice":
    def both():
        term()
        os.kill(node, signal.SIGTERM)
        until(gone, 3)
    assert broken(lambda: m.store(middle=both)), "ended in the middle of it"
open(acked, "a").write("".join(a + "\n" for a in m.acknowledged))
EOF2
modality() {
	eval "pid=\$PID_clinic"
	timeout 60 python3 "$T/modality.py" "$1" "$DICOM_clinic" "$pid" "$T/acked"
}
# ended_well SECONDS: the node is gone, with status 0
ended_well() {
	timeout "$1" tail --pid="$PID_clinic" -f /dev/null && wait "$PID_clinic"
}
for case in half silent twice; do
	case $case in
	half) what="an image that is arriving is finished, the next 10 s too" ;;
	silent) what="an association between two images is aborted" ;;
	twice) what="told twice it does not wait for the image" ;;
	esac
	check "$what" modality $case
	check "the node ends with 0" ended_well 30
	check "it starts again" start_node clinic
done
all_here() {
	node clinic study list --json | json "sum(s['instances'] for s in j['studies'])" |
		grep -qx "$(wc -l <"$T/acked")"
}
check "every acknowledged image is there, no half one" wait_for 30 all_here

# anew ROOM PIDS: that room is there, and none of those
anew() {
	now=$(room_pids clinic "$1") && [ -n "$now" ] || return 1
	for pid in $now; do
		case " $(echo $2) " in *" $pid "*) return 1 ;; esac
	done
}
# back ROOM: killed, and all rooms ready within 2 s; an echo in between
back() {
	pids=$(room_pids clinic "$1") && [ -n "$pids" ] || return 1
	begun=$(date +%s%3N)
	kill -KILL $pids
	until anew "$1" "$pids" && is_ready clinic; do
		[ $(($(date +%s%3N) - begun)) -lt 10000 ] || return 1
	done
	took=$(($(date +%s%3N) - begun))
	echo "# $1 is back after $took ms"
	[ "$took" -le "${DF_BACK_MS:-5000}" ]
}
for room in queue index keys front console prepare; do
	check "$room is back" back $room
	check "and images are taken" send_sure "$DICOM_clinic" 1 "$TESTDATA/ct/IM0002.dcm"
done
stop_node clinic
check "the spool is sound" node clinic spool check
done_testing
