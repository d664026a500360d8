"""Disks for crash tests: images, loop devices, mounts, a recording disk.

All inside a private mount (and network) namespace, so that nothing leaks when
a test dies: devices detach themselves with the last unmount. Bare system calls:
thousands of crash states are mounted, a process for each step would be the
greater part of the time. Needs root; missing() says what else is missing.
"""
import ctypes
import errno
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import time

NEWNS, NEWNET = 0x00020000, 0x40000000
MS_REC, MS_PRIVATE, MS_SLAVE, MS_SHARED = 0x4000, 0x40000, 0x80000, 0x100000
LOOP_GET_FREE, LOOP_CONFIGURE, LOOP_CLEAR = 0x4C82, 0x4C0A, 0x4C01
AUTOCLEAR = 4
FS_SHUTDOWN = 0x8004587d
FLUSH, LOG_FLUSH, NO_LOG_FLUSH = 0, 1, 2  # what is still written before
OPTIONS = {"ext4": "", "xfs": "nouuid"}
# ext4 as mkfs makes it on a real disk; the smallest that XFS takes
SIZE = {"ext4": 96 << 20, "xfs": 320 << 20}
MKFS = {"ext4": ["mkfs.ext4", "-q", "-b", "4096", "-E",
                 "lazy_itable_init=0,lazy_journal_init=0"],
        "xfs": ["mkfs.xfs", "-q"]}

libc = ctypes.CDLL(None, use_errno=True)
libc.mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]


def call(result):
    if result < 0:
        e = ctypes.get_errno()
        raise OSError(e, os.strerror(e))


def usable(device):
    try:
        os.close(os.open(device, os.O_RDWR))
        return True
    except OSError:
        return False


def missing(recorder=None, fs="ext4"):
    """Why no such disk (fs None: no namespace) can be had here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if fs is not None and not usable("/dev/loop-control"):
        return "needs loop devices"
    if fs is not None and shutil.which(MKFS[fs][0]) is None:
        return f"{MKFS[fs][0]} is not installed"
    if recorder is not None and not usable("/dev/fuse"):
        return "needs /dev/fuse"
    if recorder is not None and not os.path.exists(recorder):
        return "the recorder was not built (libfuse3)"
    if subprocess.run(["unshare", "-m", "--propagation", "private", "true"],
                      capture_output=True).returncode != 0:
        return "needs a mount namespace"
    return None


outside = None  # a namespace that sees none of our mounts; we see all of its


def private():
    """From now on our mounts and ports are our own, and our children's."""
    global outside
    call(libc.unshare(NEWNS | NEWNET))
    call(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    call(libc.mount(b"none", b"/", None, MS_REC | MS_SHARED, None))
    outside = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    call(libc.unshare(NEWNS))
    call(libc.mount(b"none", b"/", None, MS_REC | MS_SLAVE, None))
    with socket.socket() as s:  # loopback up
        fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", b"lo", 1))


def tmpfs(at):
    os.makedirs(at, exist_ok=True)
    call(libc.mount(b"none", at.encode(), b"tmpfs", 0, None))


def forget(at):
    """Takes what is mounted at `at` out of sight; its last user frees it."""
    libc.umount2(at.encode(), 2)


def mkfs(image, fs):
    with open(image, "wb") as f:
        f.truncate(SIZE[fs])
    subprocess.run(MKFS[fs] + [image], check=True)


def attach(path):
    """A loop device on this file; it goes when it is unmounted."""
    config = bytearray(304)
    with open(path, "r+b") as f, open("/dev/loop-control", "rb") as control:
        struct.pack_into("<II", config, 0, f.fileno(), 0)
        struct.pack_into("<I", config, 8 + 52, AUTOCLEAR)
        for _ in range(2000):
            number = fcntl.ioctl(control, LOOP_GET_FREE)
            device = f"/dev/loop{number}"
            if not os.path.exists(device):
                os.mknod(device, 0o60600, os.makedev(7, number))
            fd = os.open(device, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.ioctl(fd, LOOP_CONFIGURE, config)
                return device, fd
            except OSError as e:
                os.close(fd)
                if e.errno != errno.EBUSY:
                    raise
            time.sleep(0.001)  # another test was faster
    raise OSError(errno.EBUSY, "no loop device")


def mount(path, at, fs):
    """Mounts the file system in the file `path`."""
    os.makedirs(at, exist_ok=True)
    device, fd = attach(path)
    try:
        call(libc.mount(device.encode(), at.encode(), fs.encode(), 0,
                        OPTIONS[fs].encode()))
    finally:
        os.close(fd)  # the mount holds it, or it detaches now


def unmount(at, seconds=20):
    end = time.monotonic() + seconds
    while True:
        if libc.umount2(at.encode(), 0) == 0:
            return
        e = ctypes.get_errno()
        if e != errno.EBUSY or time.monotonic() > end:
            raise OSError(e, f"cannot unmount {at}: {os.strerror(e)}")
        time.sleep(0.002)


def shut_down(at, how=NO_LOG_FLUSH):
    """Cuts the file system off from its disk: nothing is written any more."""
    fd = os.open(at, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, FS_SHUTDOWN, struct.pack("<I", how))
    finally:
        os.close(fd)


def copy_sparse(source, target):
    """Only what is not a hole; target becomes a file of the same size."""
    size = os.fstat(source).st_size
    os.ftruncate(target, 0)
    os.ftruncate(target, size)
    at = 0
    while at < size:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
        except OSError as e:
            if e.errno == errno.ENXIO:
                return
            raise
        end = os.lseek(source, at, os.SEEK_HOLE)
        os.lseek(source, at, os.SEEK_SET)
        os.lseek(target, at, os.SEEK_SET)
        while at < end:
            at += os.sendfile(target, source, None, end - at)


class Recorder:
    """A disk that remembers (blkrec.c), mounted at `at` from `image`. Its
    process stays outside: were it the last that holds the mount which it
    serves, its end would wait for itself, and all loop devices for it."""

    def __init__(self, program, image, record, at, fs):
        self.fuse, self.at, self.fs = image + ".fuse", at, fs
        self.fail = image + ".fail"  # while it exists, the disk fails
        os.makedirs(self.fuse, exist_ok=True)
        self.process = subprocess.Popen(
            [program, image, record, self.fuse, self.fail],
            preexec_fn=self.go_outside)
        end = time.monotonic() + 10
        while not os.path.exists(self.fuse + "/mark"):
            if self.process.poll() is not None or time.monotonic() > end:
                raise OSError(errno.EIO, "the recorder does not start")
            time.sleep(0.005)
        mount(self.fuse + "/disk", at, fs)
        self.marks = os.open(self.fuse + "/mark", os.O_WRONLY | os.O_CLOEXEC)

    @staticmethod
    def go_outside():
        libc.prctl(1, 9, 0, 0, 0)  # dies with us
        call(libc.setns(outside, NEWNS))

    def mark(self, line):
        """What was promised; it is in the record when this returns."""
        os.write(self.marks, line.encode())

    def close(self):
        """The record ends here: what the unmount writes is no part of it."""
        self.mark("end")
        shut_down(self.at)
        unmount(self.at)
        os.close(self.marks)
        self.process.terminate()  # unmounts itself
        self.process.wait(20)
