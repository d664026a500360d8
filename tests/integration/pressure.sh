#!/bin/sh
# pressure.sh - a disk that fills, loses its inodes, turns read-only or goes
# away: what is taken and what not, and that sending goes on without a byte free.
. "$(dirname "$0")/../lib/node.sh"
need python3 mkfs.ext4 losetup xfs_io echoscu
[ "$(id -u)" = 0 ] || skip_all "needs root for small file systems"
unshare -m true 2>/dev/null || skip_all "needs a mount namespace"
if [ -z "${DF_INSIDE:-}" ]; then
	# the namespace goes away with us, and the mounts with it
	trap - EXIT
	rm -rf "$T"
	DF_INSIDE=1 exec unshare -m --propagation private sh "$0"
fi
off() {
	code=$?
	umount -l "$T"/*/spool "$T/clinic" "$T/wide" 2>/dev/null
	(exit $code)
	finish
}
trap off EXIT
IMAGE="$TESTDATA/mr/t1.dcm"
# disk NAME MIB WHERE: a file system of its own there
disk() {
	mkdir -p "$3" && truncate -s "$2M" "$T/$1.disk" &&
		mkfs.ext4 -q -m 0 "$T/$1.disk" &&
		wait_for 60 mount -o loop "$T/$1.disk" "$3" && # others use loops too
		rmdir "$3/lost+found"
}
# store NODE CALLING COUNT STATUS [MIB]: that many images, all answered so
store() {
	eval "port=\$DICOM_$1"
	python3 "$LIB/pressure.py" store "$port" "$IMAGE" "$2" "$3" "$T/acked-$1" \
		${5:+"$5"} >"$T/said"
	[ "$(sort -u "$T/said")" = "$4" ] || { cat "$T/said"; return 1; }
}
state() { truth "$1" "(lambda q: $2)(j['queue'])" status; }
fill() { python3 "$LIB/pressure.py" fill "$@"; }
full() { python3 "$LIB/pressure.py" full "$@"; }
all_here() {
	node "$1" study list --json |
		json "sum(s['instances'] for s in j['studies'])" |
		grep -qx "$(wc -l <"$T/acked-$1")"
}

# --- marks: 240 MiB, 16 of them kept back -----------------------------------------
new_clinic marks || exit 1
disk marks 256 "$T/marks/spool" || skip_all "cannot mount a disk image"
node marks modality add OTHER >/dev/null && node marks modality add URGENT --stat >/dev/null
start_node marks || exit 1
check "the reserve is held" wait_for 10 state marks "q['disk']['held_bytes'] >= 16 << 20"
check "images are taken" store marks MODALITY 1 0000
check "all is looked into" wait_for 20 all_settled marks
fill "$T/marks/spool/stranger" $((36 << 20))
check "above the soft mark: alarm" wait_for 5 state marks "q['disk']['mark'] == 'soft'"
check "and everybody is taken" store marks OTHER 1 0000
rm "$T/marks/spool/stranger" && fill "$T/marks/spool/stranger" $((15 << 20))
check "above the high mark: alarm" wait_for 5 state marks "q['disk']['mark'] == 'high'"
send_studies marks >/dev/null # no study is in flight any more
check "images of routine sources come later" store marks OTHER 1 a700
check "an echo of theirs is answered" echoscu -aet OTHER -aec CLINIC 127.0.0.1 "$DICOM_marks"
check "storage commitment too" python3 "$LIB/commitment_scu.py" ask --calling OTHER \
	"$DICOM_marks" 2.25.77 2.25.78
check "an urgent one is taken" store marks URGENT 1 0000
check "all is looked into" wait_for 20 all_settled marks
check "its study goes first" truth marks \
	"[s['priority'] for s in j['studies']] == [1]" study list
rm "$T/marks/spool/stranger" && full "$T/marks/spool/stranger"
check "full: the urgent one is told A700 too" store marks URGENT 1 a700
check "status says why" state marks "not q['accepting'] and q['refusing'] == 'space'"
rm "$T/marks/spool/stranger"
check "taken again" store marks MODALITY 1 0000

# --- the disk goes away, and comes back ------------------------------------------
umount -l "$T/marks/spool"
check "unmounted: A700" store marks MODALITY 1 a700
check "status says why" state marks "q['refusing'] == 'unmounted'"
check "nothing is written where it was" sh -c "[ -z \"\$(ls -A '$T/marks/spool')\" ]"
mount -o loop "$T/marks.disk" "$T/marks/spool"
check "mounted again: taken" wait_for 10 store marks MODALITY 1 0000
stop_node marks
check "the spool is sound" node marks spool check
umount "$T/marks/spool"
"$DF_BIN/dcm-forward" -C "$T/marks" serve >>"$T/marks.log" 2>&1 &
PID_marks=$!
PIDS="$PIDS $PID_marks"
check "started without its disk it refuses, and says why" \
	wait_for 10 state marks "q['refusing'] == 'unmounted'"
check "A700" store marks MODALITY 1 a700
check "and makes no second spool there" sh -c "[ -z \"\$(ls -A '$T/marks/spool')\" ]"
mount -o loop "$T/marks.disk" "$T/marks/spool"
check "its disk is mounted: taken within 10 s, by itself" \
	wait_for 10 store marks MODALITY 1 0000
check "every image is there" wait_for 30 all_here marks

# --- the file system turns read-only, as after an error ----------------------------
loop=$(losetup -j "$T/marks.disk" -O NAME -n | head -n 1)
mount -o remount,errors=remount-ro "$T/marks/spool"
if echo provoked >"/sys/fs/ext4/$(basename "$loop")/trigger_fs_error" 2>/dev/null; then
	check "read-only: A700" store marks MODALITY 1 a700
	check "status says why" wait_for 10 state marks "q['refusing'] in ('read-only', 'degraded')"
	umount -l "$T/marks/spool"
	stop_node marks
	e2fsck -fy "$T/marks.disk" >"$T/fsck" 2>&1
	mount -o loop "$T/marks.disk" "$T/marks/spool"
	start_node marks
	check "mended: taken" wait_for 10 store marks MODALITY 1 0000
	check "every image is there" wait_for 30 all_here marks
fi
stop_node marks
check "the spool is sound" node marks spool check

# --- inodes -----------------------------------------------------------------------
new_clinic inodes || exit 1
mkdir -p "$T/inodes/spool"
mount -t tmpfs -o size=128m,nr_inodes=1000 tmpfs "$T/inodes/spool"
start_node inodes || exit 1
check "images are taken" store inodes MODALITY 1 0000
mkdir "$T/inodes/spool/strangers"
python3 - "$T/inodes/spool/strangers" <<'EOF2'
import sys
try:
    for i in range(10000):
        open(f"{sys.argv[1]}/{i}", "w").close()
except OSError:
    pass
EOF2
check "no file can be made: A700" store inodes MODALITY 3 a700
check "status says why" state inodes "q['refusing'] == 'inodes'"
rm -r "$T/inodes/spool/strangers"
check "taken again within 10 s" wait_for 10 store inodes MODALITY 1 0000
check "every image is there" wait_for 30 all_here inodes
stop_node inodes
check "the spool is sound" node inodes spool check

# --- sending goes on without a byte free -------------------------------------------
new_centre centre || exit 1
disk clinic 256 "$T/clinic" && new_clinic clinic || exit 1
set_key clinic retry max 2 && set_key clinic retry min 1
# what makes no whole parcel waits for the end of its study: nobody packs while
# the disk is filled, and so gives out the reserve for the stranger to take
set_key clinic parcel wait 600000
start_node centre && start_node clinic && join clinic centre >/dev/null || exit 1
check "the reserve is held" wait_for 10 state clinic "q['disk']['held_bytes'] >= 16 << 20"
stop_node centre
check "images are taken while the centre is away" store clinic MODALITY 40 0000
check "what makes whole parcels is packed" wait_for 30 has_at_least clinic packed 19
# the room that the raw objects had comes back a little later
none_free() {
	full "$T/clinic/stranger"
	[ "$(df --output=avail -B1 "$T/clinic" | tail -n 1)" -lt 65536 ]
}
check "not a byte is free" wait_for 20 none_free
send_studies clinic >/dev/null
start_node centre
check "all is sent and receipted all the same" wait_for 60 has_at_least clinic confirmed 40
full "$T/clinic/stranger2"
check "full again: A700" store clinic MODALITY 1 a700
rm "$T/clinic/stranger" "$T/clinic/stranger2"
check "taken again" store clinic MODALITY 1 0000
check "the reserve is whole again" wait_for 10 state clinic "q['disk']['held_bytes'] >= 16 << 20"

# --- an object that needs most of the reserve while it is coded ---------------------
IMAGE="$TESTDATA/ct/IM0001.dcm" # a study of its own: the centre has the other
disk wide 768 "$T/wide" && new_clinic wide || exit 1
set_key wide spool reserve "160 MiB"
set_key wide retry max 2 && set_key wide retry min 1
set_key wide parcel size "1 GiB" && set_key wide parcel wait 600000
start_node wide && join wide centre >/dev/null || exit 1
check "the reserve is held" wait_for 30 state wide "q['disk']['held_bytes'] >= 160 << 20"
stop_node centre
check "an image is taken, the first parcel of its study" store wide MODALITY 1 0000
check "it is packed" wait_for 20 grep -q event=parcel.made "$T/wide.log"
check "a large one is taken" store wide MODALITY 1 0000 110
kill_node_hard wide # whatever it was going to do with it
made=$(grep -c event=parcel.made "$T/wide.log")
full "$T/wide/stranger"
start_node wide
check "all is looked into" wait_for 60 truth wide "j['queue']['inspected_all']" status
check "it is not packed yet" [ "$made" -eq 1 ]
send_studies wide >/dev/null
check "it is packed at once, without a byte free" \
	wait_for 60 sh -c "[ \$(grep -c event=parcel.made '$T/wide.log') -eq 2 ]"
check "and not in vain before" sh -c "! grep -q event=pack.failed '$T/wide.log'"
start_node centre
check "it is sent and receipted" wait_for 60 has_at_least wide confirmed 2
rm "$T/wide/stranger"
check "the reserve is whole again" wait_for 30 state wide "q['disk']['held_bytes'] >= 160 << 20"
stop_node wide
IMAGE="$TESTDATA/mr/t1.dcm"

# --- and without a reserve it waits ------------------------------------------------
stop_node clinic
set_key clinic spool reserve 0
rm -f "$T/clinic/spool/reserve"
start_node clinic
stop_node centre
check "images are taken" store clinic MODALITY 20 0000
refused_when_full() { # what is packed meanwhile gives room back
	full "$T/clinic/stranger"
	store clinic MODALITY 1 a700
}
check "full, and nothing held back: A700" wait_for 20 refused_when_full
send_studies clinic >/dev/null
start_node centre
alive() { truth clinic "j['ready']" status; }
check "the node lives" wait_for 10 alive
rm "$T/clinic/stranger"
check "there is room: taken again" wait_for 10 store clinic MODALITY 1 0000
send_studies clinic >/dev/null
check "all is sent and receipted" wait_for 60 sh -c "[ \"\$(wc -l <'$T/acked-clinic')\" -le \
	\"\$('$DF_BIN/dcm-forward' -C '$T/clinic' study list --json |
	python3 -c 'import json,sys; print(sum(s[\"confirmed\"] for s in json.load(sys.stdin)[\"studies\"]))')\" ]"
stop_node clinic
check "the spool is sound" node clinic spool check --read-data
done_testing
