"""What presses on a node: a modality that never ends, a stranger on its disk.

Modality(port, template, calling, called): store() sends one more instance, a
copy of the template under a UID of its own, and returns the status; what was
answered with Success is in `acknowledged` as "UID SHA-256". A broken
association is opened anew at the next store(). big(size) is an instance whose
pixels are so many bytes that nothing makes smaller.
Stranger(path): take_all() leaves no byte on that disk, go() gives them back.
"""
import hashlib
import os
import random
import struct
import sys

import raw_scu

PIXELS = b"\xe0\x7f\x10\x00"


class Modality:
    def __init__(self, port, template, calling="MODALITY", called="CLINIC", seed=None):
        self.port, self.calling, self.called = port, calling, called
        self.cls, self.uid, self.syntax, self.data = raw_scu.read(template)
        self.random = random.Random(seed)
        self.assoc = None
        self.acknowledged, self.refused = [], 0

    def connect(self):
        self.assoc = raw_scu.Association(self.port, self.called, [(self.cls, self.syntax)],
                                        self.calling)

    def another(self, word=b""):
        """The template under a new UID of the same length, other pixels; word
        stands in them."""
        head = "2.25.1"
        uid = head + "".join(self.random.choices("123456789", k=len(self.uid) - len(head)))
        data = self.data.replace(self.uid.encode(), uid.encode())
        noise = self.random.randbytes(64)
        return uid, data[:-64 - 2 * len(word)] + word + word + noise

    def big(self, size):
        uid, data = self.another()
        head = data[:data.rindex(PIXELS)]
        explicit, _ = raw_scu.layout_of(data)
        kind = b"OW\0\0" if explicit else b""
        return uid, head + PIXELS + kind + struct.pack("<I", size) + self.random.randbytes(size)

    def store(self, uid=None, data=None, middle=None):
        if data is None:
            uid, data = self.another()
        try:
            if self.assoc is None:
                self.connect()
            status = self.assoc.store(self.cls, uid, self.syntax, data, middle)
        except (OSError, struct.error):
            self.close()
            raise
        if status == 0:
            self.acknowledged.append(f"{uid} {hashlib.sha256(data).hexdigest()}")
        else:
            self.refused += 1
        return status

    def close(self):
        if self.assoc is not None:
            self.assoc.s.close()
        self.assoc = None

    def release(self):
        if self.assoc is not None:
            self.assoc.release()
        self.assoc = None


class Stranger:
    def __init__(self, path):
        self.path = path

    def take_all(self):
        """All that is free, in halving steps; then bytes, to the last."""
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        at, step = 0, 1 << 26
        while step >= 4096:
            try:
                os.posix_fallocate(fd, at, step)
                at += step
            except OSError:
                step //= 2
        os.close(fd)

    def go(self):
        os.unlink(self.path)

    def take_until(self, left):
        """All but so many bytes of what is free for everybody."""
        free = os.statvfs(os.path.dirname(self.path))
        size = free.f_bavail * free.f_frsize - left
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.posix_fallocate(fd, 0, size)
        os.close(fd)


def main():
    """pressure.py store PORT FILE CALLING COUNT [ACKED [MIB]]: the statuses, one
    a line ("rejected" for an association that is not taken); MIB = big ones.
    pressure.py full PATH | fill PATH LEFT: a stranger."""
    if sys.argv[1] == "full":
        Stranger(sys.argv[2]).take_all()
    elif sys.argv[1] == "fill":
        Stranger(sys.argv[2]).take_until(int(sys.argv[3]))
    else:
        m = Modality(int(sys.argv[2]), sys.argv[3], sys.argv[4])
        for _ in range(int(sys.argv[5])):
            try:
                what = m.big(int(sys.argv[7]) << 20) if len(sys.argv) > 7 else ()
                print(f"{m.store(*what):04x}", flush=True)
            except ConnectionError as e:
                print("rejected" if "PDU 3" in str(e) else f"broken: {e}", flush=True)
        m.release()
        with open(sys.argv[6] if len(sys.argv) > 6 else os.devnull, "a") as f:
            f.writelines(a + "\n" for a in m.acknowledged)


if __name__ == "__main__":
    main()
