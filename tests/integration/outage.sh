#!/bin/sh
# outage.sh - the line is down for days while studies come every day. Nothing is
# lost, nobody is needed, memory does not grow, and when the line is back the
# urgent studies go first, the oldest of them first.
#
# Time is made: both nodes run under a clock that goes on by hours when all is
# done. DF_DAYS=10 DF_DAILY=60 DF_STEP=2 is the full measure (hours a step).
. "$(dirname "$0")/../lib/node.sh"
need dcmsend faketime python3 pgrep
ldd "$DF_BIN/dcm-forward" | grep -q libasan &&
	skip_all "faketime and the address sanitizer do not go together"
lib=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null | head -n 1)
[ -n "$lib" ] || skip_all "libfaketime is not where it is looked for"
days=${DF_DAYS:-1}
daily=${DF_DAILY:-12}
step=${DF_STEP:-6}
steps=$((days * 24 / step))
each=$((daily * step / 24))
total=$((steps * each))

line=$(free_port)
new_centre centre && new_clinic clinic || exit 1
set_key clinic parcel wait 100
set_key clinic line connections 1
node clinic modality add STATMR --stat >/dev/null || exit 1
clock() { echo "$1" >"$T/clock.new" && mv "$T/clock.new" "$T/clock"; }
clock "+0"
start_faked() {
	LD_PRELOAD=$lib FAKETIME_TIMESTAMP_FILE="$T/clock" FAKETIME_NO_CACHE=1 start_node "$1"
}
start_faked centre && start_faked clinic ||
	{ check "they start under a clock that can be set" false; exit 1; }
python3 "$LIB/relay.py" "$line" "$HTTPS_centre" >"$T/relay.log" 2>&1 &
RELAY=$!
PIDS="$PIDS $RELAY"
wait_for 10 grep -q ready "$T/relay.log" || exit 1
check "the clinic joins over the line" join clinic centre "$line"
peer_down() { truth clinic "not any(d['up'] for d in j['queue']['destinations'])" status; }
kill -USR1 "$RELAY"
check "the line is cut" wait_for 10 peer_down

send_as() { # AET DIR COUNT
	rm -f "$T/sent.report"
	dcmsend --no-halt --decompress-never +sd +r -aet "$1" -aec CLINIC +crf "$T/sent.report" \
		127.0.0.1 "$DICOM_clinic" "$2" >>"$T/dcmsend.log" 2>&1
	[ "$(grep -c '^DIMSE Status *: 0x0000' "$T/sent.report")" = "$3" ]
}
room_kib() { awk '/^Pss:/ { s += $2 } END { print s }' "/proc/$(room_pids clinic "$1")/smaps_rollup"; }
ok=true
sent=0
for s in $(seq 1 "$steps"); do
	rm -rf "$T/new" && mkdir "$T/new" "$T/new/stat" "$T/new/routine"
	for k in $(seq 1 "$each"); do
		kind=routine
		[ $(((sent + k) % 3)) -eq 0 ] && kind=stat
		python3 "$LIB/make_study.py" "$TESTDATA/mr/t1.dcm" "$T/new/$kind/$k" 2 \
			"outage$sent.$k" >"$T/uid"
		echo "$kind $(cat "$T/uid")" >>"$T/order"
	done
	for kind in stat routine; do
		n=$(find "$T/new/$kind" -type f | wc -l)
		[ "$n" -eq 0 ] && continue
		[ $kind = stat ] && ae=STATMR || ae=MODALITY
		send_as $ae "$T/new/$kind" "$n" || ok=false
	done
	sent=$((sent + each))
	# no work is in hand when hours pass
	wait_for 30 has_at_least clinic packed $((2 * sent)) || ok=false
	clock "+$((s * step))h"
	[ "$s" -eq $(((steps + 2) / 3)) ] && early="$(room_kib queue) $(room_kib deliver_https)"
done
check "for $days days all $((2 * total)) images of $total studies are taken" $ok
late="$(room_kib queue) $(room_kib deliver_https)"
echo "# KiB of queue and deliver_https after a third: $early, at the end: $late"
check "memory does not grow" python3 -c "
import sys
e, l = ([int(x) for x in t.split()] for t in sys.argv[1:])
# state.db keeps up to 16 MiB of its pages in memory
sys.exit(not (l[0] < 24 * 1024 and l[1] < e[1] + 4096))" "$early" "$late"
check "all studies are complete" wait_for 30 truth clinic \
	"all(s['closed'] for s in j['studies']) and len(j['studies']) == min($total, 1000)" study list
check "the clock did not jump, time went by" sh -c "! grep -q event=clock.jumped '$T/clinic.log'"

knocks() { python3 "$LIB/relay_bytes.py" "$T/relay.log" "$RELAY" 0 >/dev/null && tail -n 1 "$T/relay.log" | cut -d' ' -f5; }
before=$(knocks)
echo "# $before connections tried in $days days"
# ten minutes more, a minute a second
clock "+$((steps * step))h x60"
from=$(python3 "$LIB/relay_bytes.py" "$T/relay.log" "$RELAY" 0)
to=$(python3 "$LIB/relay_bytes.py" "$T/relay.log" "$RELAY" 0 "$from" 10)
tried=$(($(tail -n 1 "$T/relay.log" | cut -d' ' -f5) - before))
minutes=$(python3 -c "print(round(${to#* } - ${from#* }))")
echo "# $tried more in $minutes minutes"
check "a line that is down is tried once a minute" test "$tried" -le $((minutes + 3))
check "and it is tried" test "$tried" -ge 1
clock "+$((steps * step + 1))h"

kill -USR2 "$RELAY"
clock "+$((steps * step + 2))h"
check "the line is back: all arrives without a hand" \
	wait_for $((60 + total)) has_at_least clinic confirmed $((2 * total))
check "every image is at the centre" truth centre \
	"sum(s['instances'] for s in j['studies']) == 2 * min($total, 1000)" study list
node centre study list --json >"$T/there.json"
node clinic study list --json >"$T/here.json" # the newest first, both
order() {
	python3 -c "
import json, sys
there = [s['study_uid'] for s in json.load(open('$T/there.json'))['studies']][::-1]
came = json.load(open('$T/here.json'))['studies'][::-1]
want = [s['study_uid'] for p in (1, 0) for s in came if s['priority'] == p]
off = [abs(there.index(u) - i) for i, u in enumerate(want)]
urgent = sum(s['priority'] > 0 for s in came)
first = sum(there.index(u) < urgent for u in want[:urgent])
print('# out of place:', off, 'urgent ones in front:', first, 'of', urgent)
sys.exit(max(off) > 12 or first < urgent - 3)"
}
# A dozen parcels are on the way at once, and the centre compares one urgent one
# of a peer at a time, beside four others: of a dozen studies the order says
# nothing, and is only shown.
if [ "$total" -gt 24 ]; then
	check "urgent ones first, the oldest first, then the others by age" order
else
	order
fi
check "they are urgent at the centre too" truth centre \
	"sum(s['priority'] for s in j['studies']) == $(grep -c stat "$T/order")" study list
check "no room ended" truth clinic "all(r['restarts'] == 0 for r in j['rooms'])" status
stop_node clinic
check "the spool is sound" node clinic spool check
done_testing
