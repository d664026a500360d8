#!/bin/sh
# full_disk.sh - a stranger fills the disk: A700, no torn object, nothing lost;
# when there is room again, images are accepted without a hand.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescu python3 fallocate
[ "$(id -u)" = 0 ] || skip_all "needs root for a small file system"
unshare -m true 2>/dev/null || skip_all "needs a mount namespace"
if [ -z "${DF_INSIDE:-}" ]; then
	# the namespace goes away with us, and the mount with it
	trap - EXIT
	rm -rf "$T"
	DF_INSIDE=1 exec unshare -m --propagation private sh "$0"
fi

mkdir -p "$T/clinic"
mount -t tmpfs -o size=96m tmpfs "$T/clinic" || skip_all "cannot mount tmpfs"
new_clinic clinic || exit 1
set_key clinic spool reserve "16 MiB"
set_key clinic spool reserve-percent 0
start_node clinic || exit 1
python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/study" 10 >"$T/uid"

check "images come in while there is room" send "$DICOM_clinic" "$T/study/IM00000"
free=$(df --output=avail -B1 "$T/clinic" | tail -n 1)
fallocate -l $((free - 8 * 1024 * 1024)) "$T/clinic/stranger" || exit 1

# what the client is told: A700 for the data set, or no association at all
refused() {
	storescu -v -aet MODALITY -aec CLINIC 127.0.0.1 "$DICOM_clinic" \
		"$T/study/IM00001" 2>&1 | tee "$T/refused" |
		grep -Eqi "0xa700|OutOfResources|congestion|limit"
}
check "the full disk is answered with out of resources" refused
check "status says so" truth clinic "j['queue']['accepting'] is False" status
rm "$T/clinic/stranger"
again() { send "$DICOM_clinic" "$T/study"; }
check "accepting again by itself" wait_for 15 again
check "every image is there once" \
	wait_for 30 truth clinic "j['studies'][0]['instances'] == 10" study list
stop_node clinic
check "the spool is sound" node clinic spool check
umount -l "$T/clinic"
done_testing
