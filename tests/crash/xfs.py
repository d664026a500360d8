"""XFS on a loop device, and its power switch. Only as root, in a mount
namespace of its own (see private()).
"""
import ctypes
import fcntl
import os
import shutil
import struct
import subprocess
import sys
import time

SHUTDOWN = 0x8004587D  # XFS_IOC_GOINGDOWN
FLUSH, LOG, NOTHING = 0, 1, 2  # what is still written before the cut
SIZE = 320 << 20
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18
IMAGES = "/dev/shm" if os.path.isdir("/dev/shm") else "/tmp"


class Unable(Exception):
    """This machine cannot do it; str() says why."""


def private():
    """From here on nobody else sees our mounts, and they end with us."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0:
        raise Unable("needs root")
    if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(
            b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        raise Unable("no mount namespace: " + os.strerror(ctypes.get_errno()))


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unable(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def template():
    """A new, empty file system, once; its path."""
    path = f"{IMAGES}/dcmf-xfs-{os.getpid()}.img"
    if shutil.which("mkfs.xfs") is None:
        raise Unable("mkfs.xfs is not installed")
    with open(path, "wb") as f:
        f.truncate(SIZE)
    run("mkfs.xfs", "-q", "-f", path)
    return path


class Disk:
    """A file system on `mount`; cut() is the power cut."""

    def __init__(self, origin, mount):
        self.image = f"{origin}.{os.path.basename(mount)}"
        self.mount, self.loop = mount, None
        run("cp", "--sparse=always", origin, self.image)
        os.makedirs(mount, exist_ok=True)
        self.loop = run("losetup", "-f", "--show", self.image)
        self.on()

    def on(self):
        run("mount", "-t", "xfs", "-o", "nouuid", self.loop, self.mount)

    def cut(self, flags):
        fd = os.open(self.mount, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", flags))
        finally:
            os.close(fd)

    def off(self):
        """Unmounts as soon as the dying have let go."""
        end = time.monotonic() + 10
        while True:
            try:
                run("umount", self.mount)
                return
            except Unable:
                if time.monotonic() > end:
                    raise
                time.sleep(0.005)

    def remove(self):
        subprocess.run(["umount", "-l", self.mount], capture_output=True)
        if self.loop:
            subprocess.run(["losetup", "-d", self.loop], capture_output=True)
        os.unlink(self.image)


def skip(why):
    print(f"1..0 # skipped: {why}")
    sys.exit(77)
