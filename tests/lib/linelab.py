"""A bad line for benchmarks: badline's two ends, what a PACS has got and when.

with Line(binaries, top, rate="20M", rtt=80) as line:
    with line.inside("b"): ...    # sockets opened and programs started there
"""
import contextlib
import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from ports import free_port

LIBC = ctypes.CDLL("libc.so.6", use_errno=True)
CLONE_NEWNET = 0x40000000
IN_CLOSE_WRITE = 8
HOST = {"a": "10.99.0.1", "b": "10.99.0.2"}


def number(text):
    """384k, 20M: as badline reads it."""
    text = str(text)
    factor = {"k": 1e3, "M": 1e6, "G": 1e9}.get(text[-1:], 1)
    return float(text.rstrip("kMG")) * factor


class Line:
    """badline with these settings; `a` is the clinic's end, `b` the centre's."""

    def __init__(self, binaries, top, **settings):
        self.badline = f"{binaries}/badline"
        self.control = f"{top}/line.sock"
        self.rate = number(settings["rate"])
        words = [w for k, v in settings.items() for w in ("--" + k.replace("_", "-"), str(v))]
        self.process = subprocess.Popen([self.badline, "--control", self.control] + words,
                                        stdout=subprocess.PIPE, text=True)
        ready = self.process.stdout.readline().split()
        if not ready:
            sys.exit("no line between namespaces here: root and /dev/net/tun are needed")
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.end = {name: os.open(f"/proc/{ready[1]}/fd/{fd}", os.O_RDONLY)
                    for name, fd in (("a", ready[2]), ("b", ready[3]))}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        for fd in (self.home, *self.end.values()):
            os.close(fd)

    def tell(self, *words):
        return subprocess.run([self.badline, "tell", self.control, *map(str, words)],
                              check=True, capture_output=True, text=True).stdout.strip()

    def stats(self):
        return json.loads(self.tell("stats"))

    @contextlib.contextmanager
    def inside(self, end):
        """This thread, and what it starts, is at that end meanwhile."""
        if LIBC.setns(self.end[end], CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            LIBC.setns(self.home, CLONE_NEWNET)


class Arrivals:
    """When each file in a folder was closed by who wrote it; own thread."""

    def __init__(self, folder):
        self.folder, self.seen = folder, {}
        self.fd = LIBC.inotify_init1(0)
        if self.fd < 0 or LIBC.inotify_add_watch(self.fd, folder.encode(), IN_CLOSE_WRITE) < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        while True:
            data, at, now = os.read(self.fd, 65536), 0, time.monotonic()
            while at < len(data):
                size = struct.unpack_from("I", data, at + 12)[0]
                name = data[at + 16:at + 16 + size].rstrip(b"\0").decode()
                self.seen.setdefault(name, now)
                at += 16 + size

    def count(self):
        return len(self.seen)

    def times(self):
        return sorted(dict(self.seen).values())


def wait_until(what, seconds, step=0.05, hint="an event"):
    """The value of what() once it is true; ends the program when it never is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError, KeyError):
            value = what()
            if value:
                return value
        time.sleep(step)
    raise TimeoutError(f"{hint}: not within {seconds:.0f} s")


# --- studies ------------------------------------------------------------------

def pixels_of(data):
    """Offset and length of the pixel data (16 bits, native, the last of them)."""
    for head, at_length in ((b"\xe0\x7f\x10\0OW\0\0", 8), (b"\xe0\x7f\x10\0OB\0\0", 8),
                            (b"\xe0\x7f\x10\0", 4)):
        at = data.rfind(head)
        if at >= 0:
            size = struct.unpack_from("<I", data, at + at_length)[0]
            if 0 < size <= len(data) - at - at_length - 4:
                return at + at_length + 4, size
    raise ValueError("no native pixel data")


def mirrored(data, how):
    """The same image upside down (how & 1), and turned by half (how & 2): other
    pixels of the same kind, in the order of real neighbours."""
    at, size = pixels_of(data)
    pixels = data[at:at + size]
    if how & 1:
        rows = data.index(b"\x28\0\x10\0") + 8
        stride = size // struct.unpack_from("<H", data, rows)[0]
        pixels = b"".join(pixels[k - stride:k] for k in range(size, 0, -stride))
    if how & 2:
        samples = memoryview(pixels).cast("H")
        pixels = struct.pack(f"={len(samples)}H", *samples[::-1])
    return data[:at] + pixels + data[at + size:]


def instance_number(path):
    out = subprocess.run(["dcmdump", "+P", "0020,0013", path], capture_output=True, text=True)
    return int(out.stdout.split("[")[1].split("]")[0])


def make_study(folders, out, count, uid):
    """`count` images of the real series in `folders`, mirrored when they are too
    few, as one study of one patient; their bytes."""
    os.makedirs(out)
    series = [sorted((os.path.join(f, n) for n in os.listdir(f)), key=instance_number)
              for f in folders]
    made = 0
    for how in range(4):
        for number, paths in enumerate(series):
            batch = []
            for path in paths[:count - made]:
                with open(path, "rb") as f:
                    data = f.read()
                batch.append(f"{out}/IM{made:05d}.dcm")
                with open(batch[-1], "wb") as f:
                    f.write(mirrored(data, how))
                made += 1
            if batch:
                subprocess.run(
                    ["dcmodify", "-nb", "-gin", "-m", f"StudyInstanceUID={uid}",
                     "-m", f"SeriesInstanceUID={uid}.{how * len(series) + number + 1}",
                     "-i", "PatientName=Line^Test", "-i", "PatientID=LINE-1",
                     "-i", "PatientBirthDate=19700101", "-i", "PatientSex=O",
                     "-i", "AccessionNumber=LINE", "-i", "StudyDate=20260101",
                     "-i", "StudyTime=120000"] + batch, check=True, stderr=subprocess.DEVNULL)
    if made < count:
        raise ValueError(f"{made} images of {count} in {folders}")
    as_sent(out)
    return folder_bytes(out)


def as_sent(folder):
    """Replaces the files by what storescu makes of them, so that what arrives
    can be compared byte for byte."""
    port, got = free_port(), folder + ".got"
    os.makedirs(got)
    pacs = subprocess.Popen(["storescp", "--bit-preserving", "+xa", "-od", got, str(port)])
    try:
        wait_until(lambda: subprocess.run(["echoscu", "127.0.0.1", str(port)],
                                          stderr=subprocess.DEVNULL).returncode == 0, 20)
        subprocess.run(["storescu", "127.0.0.1", str(port), *in_order(folder)], check=True,
                       env=dict(os.environ, TCP_NODELAY="1"))
    finally:
        pacs.terminate()
        pacs.wait()
    came = sorted(os.scandir(got), key=lambda e: e.stat().st_mtime_ns)
    for path, entry in zip(in_order(folder), came, strict=True):
        os.rename(entry.path, path)
    os.rmdir(got)


def in_order(folder):
    return [f"{folder}/{n}" for n in sorted(os.listdir(folder))]


def make_jpegls(source, out):
    """The same images as JPEG-LS files, two at a time; their bytes."""
    os.makedirs(out)
    paths = in_order(source)
    for at in range(0, len(paths), 2):
        some = [subprocess.Popen(["dcmcjpls", p, f"{out}/{os.path.basename(p)}"])
                for p in paths[at:at + 2]]
        if any(p.wait() != 0 for p in some):
            raise RuntimeError("dcmcjpls failed")
    return folder_bytes(out)


def cpu_seconds(*pids):
    """User and system time of these process trees, reaped children included."""
    children, total = {}, 0
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                with open(f"/proc/{entry}/stat", encoding="utf-8") as f:
                    stat = f.read().rsplit(")", 1)[1].split()
                children.setdefault(int(stat[1]), []).append((int(entry), stat))
                children.setdefault(-int(entry), []).append((int(entry), stat))
    todo = [one for pid in pids for one in children.get(-pid, [])]
    while todo:
        pid, stat = todo.pop()
        total += sum(int(x) for x in stat[11:15])
        todo += children.get(pid, [])
    return total / os.sysconf("SC_CLK_TCK")


def machine_seconds():
    """Busy processor time of the whole machine, in seconds since it started."""
    with open("/proc/stat", encoding="utf-8") as f:
        fields = [int(x) for x in f.readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def folder_bytes(folder):
    return sum(e.stat().st_size for e in os.scandir(folder))
