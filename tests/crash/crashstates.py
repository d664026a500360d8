"""What a power cut could leave, out of a record of blkrec.

A disk may lose any write that came after the last flush before the cut, in any
order, and 4 KiB blocks of one write each for themselves. A state is the image
after flush number `flush`, and of the later writes those pieces that made it.
"""
import collections
import hashlib
import os
import random
import struct

import mounts

WRITE, FLUSH, MARK, DISCARD = 1, 2, 3, 4
BLOCK, SECTOR = 4096, 512
MODES = ("prefix", "subset", "torn", "one-missing", "one-only")

Piece = collections.namedtuple("Piece", "offset data size digest")
State = collections.namedtuple("State", "flush pieces marks cut mode")


class Record:
    def __init__(self, path):
        """events: ("write", first, last piece), ("flush",), ("mark", text)"""
        self.pieces, self.events, self.marks = [], [], []
        with open(path, "rb") as f:
            data = memoryview(f.read())
        at = 0
        while at + 16 <= len(data):
            kind, size, offset = struct.unpack_from("<IIQ", data, at)
            at += 16
            body = data[at:at + size] if kind in (WRITE, MARK) else b""
            at += len(body)
            if kind == MARK:
                if bytes(body) == b"end":
                    break
                self.marks.append(bytes(body).decode())
                self.events.append((MARK, len(self.marks)))
            elif kind == FLUSH:
                self.events.append((FLUSH,))
            else:
                first = len(self.pieces)
                self.cut(offset, body, size * SECTOR if kind == DISCARD else size)
                self.events.append((WRITE, first, len(self.pieces)))
        self.flushes = [i for i, e in enumerate(self.events) if e[0] == FLUSH]

    def cut(self, offset, body, size):
        """Pieces that do not cross a 4 KiB border; None = zeroes."""
        at = 0
        while at < size:
            step = min(BLOCK - (offset + at) % BLOCK, size - at) \
                if len(body) else size
            data = body[at:at + step] if len(body) else None
            digest = hashlib.blake2b(data or b"", digest_size=12).digest()
            self.pieces.append(Piece(offset + at, data, step, digest))
            at += step

    def count(self, kind):
        return sum(e[0] == kind for e in self.events)


def survivors(record, cut, mode, rng):
    """(number of the last flush before the cut, pieces that made it)."""
    flush = 0
    begin = 0
    for number, i in enumerate(record.flushes, 1):
        if i >= cut:
            break
        flush, begin = number, i + 1
    writes = [e for e in record.events[begin:cut] if e[0] == WRITE]
    if mode == "prefix":
        kept = writes
    elif mode == "one-missing":
        gone = rng.randrange(len(writes)) if writes else 0
        kept = writes[:gone] + writes[gone + 1:]
    elif mode == "one-only":
        kept = [rng.choice(writes)] if writes else []
    else:
        kept = writes
    pieces = [p for e in kept for p in range(e[1], e[2])]
    if mode == "subset":
        share = rng.choice((0.1, 0.5, 0.9))
        pieces = [p for e in writes if rng.random() < share
                  for p in range(e[1], e[2])]
    elif mode == "torn":
        share = rng.choice((0.2, 0.5, 0.95))
        pieces = [p for p in pieces if rng.random() < share]
    return flush, pieces, len(writes)


def cuts(record):
    """Where the power may go: everywhere; right after a promise more often."""
    marks = [i + 1 for i, e in enumerate(record.events) if e[0] == MARK]
    return range(1, len(record.events) + 1), marks


def key_of(record, flush, pieces):
    """Equal for equal disks: the last content of each place."""
    last = {}
    for p in pieces:
        piece = record.pieces[p]
        last[piece.offset] = (piece.size, piece.digest)
    h = hashlib.blake2b(str(flush).encode(), digest_size=16)
    for offset in sorted(last):
        h.update(b"%d:%d:%s" % (offset, *last[offset]))
    return h.digest()


def sample(record, count, seed):
    """(states, tries): `count` different ones, in the order of the flushes.
    Of equal disks the one with the most promises is kept."""
    rng = random.Random(seed)
    anywhere, marks = cuts(record)
    found, tries = {}, 0
    while len(found) < count and tries < 30 * count:
        mode = MODES[tries % len(MODES)]
        tries += 1
        cut = rng.choice(marks) if marks and rng.random() < 0.5 \
            else rng.choice(anywhere)
        flush, pieces, _ = survivors(record, cut, mode, rng)
        key = key_of(record, flush, pieces)
        n_marks = sum(e[0] == MARK for e in record.events[:cut])
        if key not in found or found[key].marks < n_marks:
            found[key] = State(flush, pieces, n_marks, cut, mode)
    return sorted(found.values(), key=lambda s: (s.flush, s.cut)), tries


class Builder:
    """Makes the images of states whose flushes only rise."""

    def __init__(self, record, base, folder):
        self.record, self.done = record, 0
        self.prefix = os.open(folder + "/prefix.img", os.O_RDWR | os.O_CREAT)
        source = os.open(base, os.O_RDONLY)
        mounts.copy_sparse(source, self.prefix)
        os.close(source)

    def put(self, fd, piece):
        data = piece.data if piece.data is not None else bytes(piece.size)
        os.pwrite(fd, data, piece.offset)

    def build(self, state, path):
        while self.done < state.flush:
            begin = self.record.flushes[self.done - 1] if self.done else 0
            for e in self.record.events[begin:self.record.flushes[self.done]]:
                if e[0] == WRITE:
                    for p in range(e[1], e[2]):
                        self.put(self.prefix, self.record.pieces[p])
            self.done += 1
        fd = os.open(path, os.O_RDWR | os.O_CREAT)
        mounts.copy_sparse(self.prefix, fd)
        for p in state.pieces:
            self.put(fd, self.record.pieces[p])
        os.close(fd)
