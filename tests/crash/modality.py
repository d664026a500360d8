#!/usr/bin/env python3
"""A modality that never gives up: modality.py PORT LEDGER SEED RATE

Sends studies of small CT images, RATE a second at most, on one association
after the other, each image until it was answered with Success. What it is
about to send and what was answered goes to LEDGER (see custody.py) at once:
`ack` is written after the answer has come. Now and then it sends again what
was answered long ago, as people do. Ends at SIGTERM.
"""
import hashlib
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../lib")
import raw_scu  # noqa: E402

TEMPLATE = HERE + "/../../testdata/dicom/mr/epi01.dcm"


def uid(old, *salt):
    """Another UID of the same length."""
    number = int(hashlib.sha256(repr(salt).encode()).hexdigest(), 16)
    return (b"1.2.1" + str(number).encode() * 2)[:len(old)]


class Studies:
    def __init__(self, seed):
        self.cls, name, self.syntax, self.data = raw_scu.read(TEMPLATE)
        self.sop, self.seed, self.number = name.encode(), seed, 0
        self.study, self.series = self.value(0x0D), self.value(0x0E)
        self.random = random.Random(seed)

    def value(self, number):
        explicit, order = raw_scu.layout_of(self.data)
        at = 0
        while True:
            group, e, n, value = raw_scu.element(self.data, at, explicit, order)
            if (group, e) == (0x20, number):
                return self.data[value:value + n].rstrip(b"\0")
            at = value + n

    def salt(self, i):
        text = f"{self.seed}/{self.number}/{i}"
        return hashlib.sha256(text.encode()).digest()

    def again(self, recent, one):
        """Sometimes one of the last that were sent, besides this one."""
        recent.append(one[:2] + (False,))
        del recent[:-60]
        if self.random.random() < 0.05:
            yield self.random.choice(recent)
        yield one

    def __iter__(self):
        """(UID, data set, the study ends with it), for ever."""
        recent = []
        while True:
            self.number += 1
            count = self.random.randrange(3, 25)
            base = self.data
            for old in (self.series, self.study):
                base = base.replace(old, uid(old, self.seed, self.number, old))
            for i in range(count):
                sop = uid(self.sop, self.seed, self.number, i)
                one = bytearray(base.replace(self.sop, sop))
                # no two images show the same; even bytes stay in range
                for k, b in enumerate(self.salt(i)):
                    one[-2 * (k + 1)] ^= b
                yield from self.again(
                    recent, (sop.decode(), bytes(one), i + 1 == count))


def main(port, path, seed, rate):
    studies, association = Studies(seed), None
    ledger = open(path, "ab", buffering=0)

    def note(word, name, digest):
        ledger.write(f"{word} {name} {digest} {time.time_ns()}\n".encode())

    print("ready", flush=True)
    due = time.monotonic()
    for name, data, last in studies:
        digest = hashlib.sha256(data).hexdigest()
        note("sent", name, digest)
        while True:
            try:
                if association is None:
                    association = raw_scu.Association(
                        port, "CLINIC", [(studies.cls, studies.syntax)])
                status = association.store(studies.cls, name, studies.syntax,
                                           data)
                if status == 0:
                    note("ack", name, digest)
                    break
            except OSError:
                pass
            if association is not None:
                association.s.close()
            association = None
            time.sleep(0.01)
        if last:
            try:
                association.release()
            except OSError:
                pass
            association = None
        due = max(due + 1 / rate, time.monotonic() - 1)
        time.sleep(max(0, due - time.monotonic()))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4]))
