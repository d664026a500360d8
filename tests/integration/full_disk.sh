#!/bin/sh
# full_disk.sh - a stranger takes every byte, again and again: A700 within one
# instance, no torn object, nothing lost, and images are taken again by
# themselves within 10 s. DF_ROUNDS: how often (3).
. "$(dirname "$0")/../lib/node.sh"
need storescu python3 fallocate mkfs.ext4 losetup
[ "$(id -u)" = 0 ] || skip_all "needs root for a small file system"
unshare -m true 2>/dev/null || skip_all "needs a mount namespace"
if [ -z "${DF_INSIDE:-}" ]; then
	# the namespace goes away with us, and the mount with it
	trap - EXIT
	rm -rf "$T"
	DF_INSIDE=1 exec unshare -m --propagation private sh "$0"
fi
ROUNDS=${DF_ROUNDS:-3}

truncate -s 256M "$T/disk" && mkfs.ext4 -q -m 0 "$T/disk" &&
	mkdir "$T/clinic" && wait_for 60 mount -o loop "$T/disk" "$T/clinic" ||
	skip_all "cannot mount a disk image"
off() {
	code=$?
	umount -l "$T/clinic" 2>/dev/null
	(exit $code)
	finish
}
trap off EXIT
rmdir "$T/clinic/lost+found"
new_clinic clinic || exit 1
set_key clinic spool reserve "16 MiB"
set_key clinic spool reserve-percent 0
start_node clinic || exit 1
held() { truth clinic "j['queue']['disk']['held_bytes'] >= 16 << 20" status; }
check "the reserve is held" wait_for 10 held

# A modality that sends for ever, and keeps account; each round it tells how
# many it sent until the first A700, and when it was taken again.
cat >"$T/stranger.py" <<'EOF2'
import os, sys, time
sys.path.insert(0, os.environ["LIB"])
from pressure import Modality, Stranger
clinic, port, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
m = Modality(port, os.environ["TESTDATA"] + "/mr/t1.dcm", "MODALITY", "CLINIC")
worst = 0.0
for i in range(rounds):
    for _ in range(3):
        assert m.store() == 0x0000, "taken while there is room"
    s = Stranger(os.path.join(clinic, "stranger"))
    if i % 2:  # in the middle of an image: it is whole, or it is refused
        status = m.store(middle=s.take_all)
        assert status in (0x0000, 0xa700), f"round {i}: {status:04x} in the middle"
    else:
        s.take_all()
    status = m.store()
    assert status == 0xa700, f"round {i}: answered {status:04x} on a full disk"
    s.go()
    begun = time.monotonic()
    while m.store() != 0x0000:
        assert time.monotonic() - begun < 10, f"round {i}: not taken again"
        time.sleep(0.05)
    worst = max(worst, time.monotonic() - begun)
m.release()
with open(sys.argv[4], "w") as f:
    f.write("\n".join(m.acknowledged) + "\n")
print(f"{rounds} rounds, {len(m.acknowledged)} images taken, {m.refused} refused, "
      f"taken again after {worst:.2f} s at most")
EOF2
export LIB TESTDATA
strange() {
	python3 "$T/stranger.py" "$T/clinic" "$DICOM_clinic" "$ROUNDS" "$T/acked" \
		>"$T/rounds" 2>&1 || { cat "$T/rounds"; return 1; }
}
check "$ROUNDS times: A700 at once, taken again within 10 s" strange
sed 's/^/# /' "$T/rounds"
all_here() {
	node clinic study list --json | json "sum(s['instances'] for s in j['studies'])" |
		grep -qx "$(wc -l <"$T/acked")"
}
check "every image that was taken is there" wait_for 30 all_here
check "the queue lived through it" \
	truth clinic "all(r['restarts'] == 0 for r in j['rooms'])" status
check "the node ends" stop_node clinic
check "the spool is sound, nothing torn, nothing lost" \
	node clinic spool check --read-data
done_testing
