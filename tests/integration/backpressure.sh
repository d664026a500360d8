#!/bin/sh
# backpressure.sh - a modality is much faster than the line: the queue grows on
# the disk, memory stays flat, and an urgent study overtakes what waits.
# DF_COUNT: images of 154 KB (700).
. "$(dirname "$0")/../lib/node.sh"
need python3 pgrep dcmodify
ldd "$DF_BIN/dcm-forward" | grep -q libasan &&
	skip_all "the address sanitizer keeps what is freed"
COUNT=${DF_COUNT:-700}
IMAGE="$TESTDATA/mr/t1.dcm"

new_centre centre && new_clinic clinic || exit 1
set_key clinic retry max 2 && set_key clinic retry min 1
set_key clinic parcel size "1 MiB"
node clinic modality add URGENT --stat >/dev/null
line=$(free_port)
python3 "$LIB/relay.py" "$line" "$HTTPS_centre" 125000 --slow >"$T/relay.log" 2>&1 &
PIDS="$PIDS $!"
start_node centre && start_node clinic && wait_for 10 grep -q ready "$T/relay.log" &&
	join clinic centre "$line" >/dev/null || exit 1

# memory NODE: PSS of all its processes, KiB
memory() {
	eval "parent=\$PID_$1"
	sum=0
	for pid in $parent $(pgrep -P "$parent"); do
		pss=$(sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$pid/smaps_rollup" 2>/dev/null)
		sum=$((sum + ${pss:-0}))
	done
	echo "$sum"
}
# watch FILE: one figure a second, until FILE is there
watch() {
	while [ ! -e "$1" ]; do
		memory clinic
		sleep 1
	done >"$T/memory"
}
peak() { sort -n "$T/memory" | tail -n 1; }
modality() { python3 "$LIB/pressure.py" store "$DICOM_clinic" "$IMAGE" "$1" "$2" >"$T/said"; }

# at first: every room has done each kind of its work
modality MODALITY 20
watch "$T/warm" &
watcher=$!
modality MODALITY 80
touch "$T/warm" && wait $watcher
before=$(peak)
watch "$T/done" &
watcher=$!
check "$COUNT images are taken as fast as they come" modality MODALITY "$COUNT"
check "all with Success" [ "$(sort -u "$T/said")" = 0000 ]
looked() { truth clinic "j['queue']['inspected_all']" status; }
check "all are looked into" wait_for 120 looked
left() { truth clinic "sum(s['instances'] - s['delivered'] for s in j['studies']) > $COUNT // 2" study list; }
check "most of them wait for the line" left
touch "$T/done" && wait $watcher
after=$(peak)
echo "# memory of all rooms: $before KiB at first, $after KiB with the queue full"
check "memory is flat: 24 MiB more at most" [ "$after" -le $((before + 24576)) ]

cp "$IMAGE" "$T/urgent.dcm" && dcmodify -q -nb -m '(0020,000d)=1.2.3.4' "$T/urgent.dcm"
IMAGE="$T/urgent.dcm"
check "an urgent study comes in" modality URGENT 3
urgent() { truth clinic "[s['$1'] for s in j['studies'] if s['study_uid'] == '1.2.3.4'] == [$2]" study list; }
check "it is looked into" wait_for 30 urgent instances 3
node clinic study send 1.2.3.4 >/dev/null
check "it overtakes all that waits" wait_for 90 urgent confirmed 3
check "which still waits" left
stop_node clinic
check "the spool is sound" node clinic spool check
done_testing
