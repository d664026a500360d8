#!/bin/sh
# register.sh - 200 entries while the room, and the whole node, is killed with
# SIGKILL again and again: every one that was acknowledged is there, once. Then
# a disk that is full, and one that fails.
# (DF_ENTRIES=2000 for the long form.)
. "$(dirname "$0")/../lib/node.sh"
need dcmsend echoscu python3
ENTRIES=${DF_ENTRIES:-200}

check "a clinic is made" new_clinic clinic
check "it starts" start_node clinic
check "an exam comes" send "$DICOM_clinic" "$TESTDATA/mr/epi01.dcm"
is_indexed() { truth clinic "j['queue']['inspected_all'] and j['queue']['index_left'] == 0" status; }
check "and is indexed" wait_for 60 is_indexed
uid=$(node clinic study list --json | json 'j["studies"][0]["study_uid"]')

# what fails is tried again as another one, as a doctor would
: >"$T/acknowledged"
python3 "$LIB/register_writer.py" "$T/clinic" "$uid" "$ENTRIES" "$T/acknowledged" &
WRITER=$!
PIDS="$PIDS $WRITER"
has() { [ "$(wc -l <"$T/acknowledged")" -ge "$1" ]; }

kills=0
for part in 10 20 30 40 50 60 70 80 90; do
	wait_for 120 has $((ENTRIES * part / 100))
	if [ $((part % 40)) = 30 ]; then
		kill_node_hard clinic
		start_node clinic
	else
		wait_for 20 room_pids clinic index && kill -KILL $(room_pids clinic index)
	fi && kills=$((kills + 1))
done
check "killed nine times" [ "$kills" = 9 ]
check "all are acknowledged" wait_for 120 has "$ENTRIES"
wait "$WRITER"
check "the room is there" wait_for 20 truth clinic "'entries' in j" recognition list --limit 1

compare() {
	rm -f "$T/export"
	node clinic audit export --to "$T/export" --who 审计员 >/dev/null &&
		python3 - "$T/acknowledged" "$T/export" <<'END'
import json
import sys

said = {int(s): o for s, o in (l.split() for l in open(sys.argv[1]))}
there = [json.loads(l) for l in open(sys.argv[2], encoding="utf-8")]
seqs = [e["seq"] for e in there]
assert seqs == sorted(set(seqs)), "not in order, or twice"
orders = {e["seq"]: e["entry"].get("order") for e in there}
lost = [s for s, o in said.items() if orders.get(s) != o]
print(len(said), "acknowledged,", len(there), "there")
assert not lost, f"acknowledged and lost: {lost}"
END
}
check "every acknowledged entry is there" compare
check "and the chain is whole" node clinic audit verify
check "the index has followed" truth clinic \
	"len(j['entries']) == $(grep -c '"recognition"' "$T/export")" recognition list --limit 10000

# --- a disk that does not take it
[ -f "$DF_BIN/sysshim.so" ] || { done_testing; exit; }
stop_node clinic
rules() {
	printf '%s\n' "$@" >"$T/rules.new" && mv "$T/rules.new" "$T/rules"
}
rules "# none"
DF_SHIM="$T/rules"
export DF_SHIM
LD_PRELOAD="$DF_BIN/sysshim.so" start_node clinic || exit 1
view() { node clinic recognition view "$uid" --doctor "$1" --order "$2"; }
refused() { ! "$@"; }
last() { node clinic audit verify --json | json 'j["last"]'; }
check "an entry is taken" view 医生 D1
before=$(last)
rules "room=index call=pwrite path=*/register n=1 times=0 do=error:ENOSPC"
check "a full disk is said to the doctor" refused view 医生 D2
check "and again" refused view 医生 D3
check "an exam is taken all the same" send_sure "$DICOM_clinic" 1 "$TESTDATA/mr/epi02.dcm"
rules "# none"
check "there is room again" view 医生 D4
check "nothing was written but that" [ "$(last)" = $((before + 1)) ]
changed() { now=$(room_pids clinic index) && [ "$now" != "$was" ]; }
for error in EIO ENOSPC; do
	was=$(room_pids clinic index)
	rules "counts $T/counts.$error" \
		"room=index call=fdatasync path=*/register n=1 times=1 do=error:$error"
	check "a sync that fails ($error) is said to the doctor" refused view 医生 D5
	check "the room begins anew from what the disk has" wait_for 20 changed
	check "and takes the next" wait_for 20 view 医生 D6
done
check "the chain is whole" node clinic audit verify
rules "counts $T/wal" "room=index call=pwrite path=*/index.db-wal n=1 times=1 do=error:EIO"
check "an entry is answered before index.db has it" view 医生 D7
acted() { [ "$(od -An -tu8 -j8 -N8 "$T/wal" | tr -d ' ')" = 1 ]; }
check "index.db does not take it" wait_for 20 acted
check "the room goes on, and takes the next" view 医生 D8
check "it is the same" [ "$(room_pids clinic index)" = "$now" ]
compare_orders() {
	node clinic recognition list --limit 10000 --json |
		json '(lambda o: {"D1", "D4", "D6", "D7", "D8"} <= o and not o & {"D2", "D3"})(
{e.get("order") for e in j["entries"]})' | grep -qx true
}
check "what was said is there, what was refused is not" compare_orders
rules "room=index call=pwrite path=*/index.db-wal n=1 times=0 do=error:ENOSPC"
check "an entry is answered, but index.db has no room" view 医生 D9
check "nor when it is opened" wait_for 20 grep -q event=index.open-failed "$T/clinic.log"
rules "# none"
check "there is room again" wait_for 20 view 医生 D10
check "both are there" truth clinic "{'D9', 'D10'} <= {e.get('order') for e in j['entries']}" \
	recognition list --limit 10000
check "no room ended by a fault of its own" sh -c \
	"! grep 'event=room.ended.*signal' '$T/clinic.log' | grep -v 'signal 9'"
done_testing
