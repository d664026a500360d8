#!/bin/sh
# degraded.sh - a sync that fails: no Success, an alarm, and images only after
# the disk was written to and read back. While it keeps failing the node says
# so, refuses with A700, tries by itself, and takes up again by itself.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend echoscu
[ -f "$DF_BIN/sysshim.so" ] || skip_all "no shim in $DF_BIN"
IMAGES=$(find "$TESTDATA/mr" "$TESTDATA/ct" -name '*.dcm' | sort)

rules() {
	printf '%s\n' "$@" >"$T/rules.new"
	mv "$T/rules.new" "$T/rules"
}
# one N: the n-th image, with Success
one() { send_sure "$DICOM_clinic" 1 "$(echo "$IMAGES" | sed -n "$1p")"; }
not_one() { ! one "$1"; }
status_was() { grep -qi "^DIMSE Status *: 0xA700" "$T/sent.report"; }
refusing() { truth clinic "j['queue'].get('refusing') == '$1'" status; }
good_again() { wait_for 20 is_ready clinic && refusing ""; }
troubled() { truth clinic "'$1' in j['queue'].get('disk_trouble', '')" status; }
says() {
	node clinic $1 >"$T/said" 2>&1
	grep -q "$2" "$T/said"
}
shown() { truth clinic "j['queue']['refusing_text'].count('probe') == 1" status; }
# ended_again N: the n-th image may pass; the queue has ended over it
ended_again() {
	one "$1"
	troubled "state.db"
}
sound() { node clinic spool check >"$T/sound" 2>&1; }

new_clinic clinic || exit 1
rules ""
DF_SHIM="$T/rules"
export DF_SHIM
LD_PRELOAD="$DF_BIN/sysshim.so" start_node clinic || exit 1
check "an image is taken" one 1

rules "room=receive path=*/objects/* call=fdatasync do=error:EIO"
check "its content could not be synced: no Success" not_one 2
rules ""
check "the node has started again, and wrote to its disk first" good_again
check "the alarm stays after that" troubled "cannot sync"
check "status says so in two languages" says status "磁盘曾写入失败"
check "doctor says what to do" says doctor "smartctl"
check "the modality's repetition is taken" one 2

rules "room=receive path=*/objects/* call=pread do=error:EIO"
check "a sync that says 0 of a file system that has ended: no Success" not_one 5
rules ""
check "the queue has ended over it, too" good_again
check "and the repetition is taken" one 5

rules "counts $T/counts" \
	"room=queue path=*state.db-wal call=fdatasync do=error:EIO"
check "the journal cannot be synced: the queue ends" wait_for 20 ended_again 3
check "and comes back" good_again
check "an image is taken" one 3
rules ""

: >"$T/broken"
rules "room=queue call=fdatasync,fsync while=$T/broken times=0 do=error:EIO" \
	"room=receive call=fdatasync while=$T/broken times=0 do=error:EIO"
check "a disk that fails for good: no Success" not_one 4
check "it says that it is degraded" wait_for 20 refusing degraded
check "and what the probe found" shown
check "status: the disk fails, in two languages" says status "磁盘写入失败"
check "an image is refused" not_one 4
check "with A700" status_was
check "an echo is answered" echoscu -aet MODALITY -aec CLINIC 127.0.0.1 "$DICOM_clinic"
rm "$T/broken"
check "the disk works: images are taken again within 10 s, without a hand" \
	wait_for 10 one 4
check "the node is ready" good_again
stop_node clinic
check "the spool is sound" sound
done_testing
