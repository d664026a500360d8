#!/usr/bin/env python3
"""A modality that sends files as they are: no library, no re-coding.

raw_scu.py [--called AET] PORT FILE|DIR...
raw_scu.py --classes FILE|DIR...    only lists their SOP classes

The data set of each file goes on the wire byte for byte, in a context of its
own SOP class and transfer syntax. Files without file meta information are
looked into, so that also these are sent. One line a file on standard output:
`0000 UID SHA-256 PATH`, or `refused`, or `unfit: why` for what no client can
send. Exits 1 when a file that can be sent was not answered.
"""
import argparse
import hashlib
import os
import re
import socket
import struct
import sys

ILE, ELE = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
BE, DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
J2K = "1.2.840.10008.1.2.4.90"
LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN",
        b"UR", b"UT", b"UV")
PDV = 16000  # the smallest that peers here take


class Unfit(Exception):
    pass


def text(value):
    return value.rstrip(b"\0 ").decode("ascii", "replace").strip()


def element(data, at, explicit, order="<"):
    group, number = struct.unpack_from(order + "HH", data, at)
    vr = data[at + 4:at + 6]
    if not explicit:
        return group, number, struct.unpack_from(order + "I", data, at + 4)[0], at + 8
    if vr in LONG:
        return group, number, struct.unpack_from(order + "I", data, at + 8)[0], at + 12
    return group, number, struct.unpack_from(order + "H", data, at + 6)[0], at + 8


def meta_of(data):
    """Where the data set begins, and what the meta information says."""
    if data[128:132] == b"DICM":
        at = 132
    elif data[:4] == b"DICM":
        at = 4
    else:
        at = 0
    found = {}
    while data[at:at + 2] == b"\x02\x00":
        _, number, length, value = element(data, at, True)
        found[number] = data[value:value + length]
        at = value + length
    return at, found


def layout_of(data):
    """(explicit, byte order) as the first element looks."""
    order = "<" if struct.unpack_from("<H", data)[0] < 0x100 else ">"
    return data[4:6].isalpha() and data[4:6].isupper(), order


def uids_of(data):
    """SOP class and instance from the head of a native data set."""
    explicit, order = layout_of(data)
    at, found = 0, {}
    while at + 8 <= len(data):
        group, number, length, value = element(data, at, explicit, order)
        if (group, number) > (8, 0x18) or length == 0xffffffff:
            break
        found[(group, number)] = text(data[value:value + length])
        at = value + length
    return found.get((8, 0x16), ""), found.get((8, 0x18), "")


def read(path):
    data = open(path, "rb").read()
    try:
        at, meta = meta_of(data)
        if 0x10 in meta:
            syntax = text(meta[0x10])
        else:
            explicit, order = layout_of(data[at:])
            syntax = BE if order == ">" else ELE if explicit else ILE
        cls, uid = uids_of(data[at:]) if syntax != DEFLATED else ("", "")
    except struct.error:
        raise Unfit("not DICOM") from None
    cls = cls or text(meta.get(0x02, b""))
    uid = uid or text(meta.get(0x03, b""))
    if cls.startswith("1.2.840.10008.1.3.10") or not cls:
        raise Unfit("not an instance (no SOP class, or a directory)")
    if cls.startswith(("1.2.840.10008.5.1.4.38.", "1.2.840.10008.5.1.4.39.",
                       "1.2.840.10008.5.1.4.43.", "1.2.840.10008.5.1.4.45.")):
        raise Unfit("not of a patient (a palette, protocol or implant)")
    if not re.fullmatch("[0-9.]{1,64}", uid):
        raise Unfit("no valid SOP Instance UID")
    data = data[at:]
    if len(data) % 2:
        if syntax != DEFLATED:
            raise Unfit("odd length")
        data += b"\0"  # PS3.5 A.5
    return cls, uid, syntax, data


def item(kind, body):
    return struct.pack(">BBH", kind, 0, len(body)) + body


class Association:
    def __init__(self, port, called, contexts, calling="MODALITY"):
        self.s = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = 0
        body = struct.pack(">HH16s16s32s", 1, 0, called.encode().ljust(16),
                           calling.encode().ljust(16), b"")
        body += item(0x10, b"1.2.840.10008.3.1.1.1")
        self.ids = {}
        for i, (cls, syntax) in enumerate(contexts):
            self.ids[(cls, syntax)] = 2 * i + 1
            body += item(0x20, struct.pack(">BBBB", 2 * i + 1, 0, 0, 0)
                         + item(0x30, cls.encode()) + item(0x40, syntax.encode()))
        body += item(0x50, item(0x51, struct.pack(">I", 131072))
                     + item(0x52, b"1.2.826.0.1.3680043.2.1143"))
        self.s.sendall(struct.pack(">BBI", 1, 0, len(body)) + body)
        kind, answer = self.pdu()
        if kind != 2:
            raise ConnectionError(f"association not accepted (PDU {kind})")
        self.accepted = set()
        at = 68
        while at < len(answer):
            what, size = struct.unpack_from(">BxH", answer, at)
            if what == 0x21 and answer[at + 6] == 0:
                self.accepted.add(answer[at + 4])
            at += 4 + size

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                raise ConnectionError("the peer closed the connection")
            data += more
        return data

    def pdu(self):
        kind, size = struct.unpack(">BxI", self.exactly(6))
        return kind, self.exactly(size)

    def send(self, context, flags, body):
        pdv = struct.pack(">IBB", len(body) + 2, context, flags) + body
        self.s.sendall(struct.pack(">BBI", 4, 0, len(pdv)) + pdv)

    def store(self, cls, uid, syntax, data, middle=None):
        """The status; None when the context was not accepted. middle() is
        called when half of the data set is on its way."""
        context = self.ids[(cls, syntax)]
        if context not in self.accepted:
            return None
        self.number += 1
        fields = b""
        for number, value in ((0x02, cls.encode()), (0x100, b"\1\0"),
                              (0x110, struct.pack("<H", self.number)),
                              (0x700, b"\0\0"), (0x800, b"\0\0"),
                              (0x1000, uid.encode())):
            value += b"\0" * (len(value) % 2)
            fields += struct.pack("<HHI", 0, number, len(value)) + value
        self.send(context, 3, struct.pack("<HHII", 0, 0, 4, len(fields)) + fields)
        for at in range(0, len(data), PDV):
            if middle is not None and at >= len(data) // 2:
                middle, now = None, middle
                now()
            self.send(context, 2 if at + PDV >= len(data) else 0, data[at:at + PDV])
        kind, body = self.pdu()
        if kind != 4:
            raise ConnectionError(f"no answer to C-STORE (PDU {kind})")
        at = 6
        while at + 8 <= len(body):
            _, field, length, value = element(body, at, False)
            if field == 0x900:
                return struct.unpack_from("<H", body, value)[0]
            at = value + length
        raise ConnectionError("an answer without a status")

    def release(self):
        self.s.sendall(struct.pack(">BBII", 5, 0, 4, 0))
        self.pdu()
        self.s.close()


def files(tops):
    for top in tops:
        if os.path.isfile(top):
            yield top
        for folder, folders, names in os.walk(top):
            folders.sort()
            for name in sorted(names):
                yield os.path.join(folder, name)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--called", default="CLINIC")
    p.add_argument("--classes", action="store_true")
    p.add_argument("tops", nargs="+")
    a = p.parse_args()
    port = 0 if a.classes else int(a.tops.pop(0))
    jobs, contexts, bad = [], [], 0
    for path in files(a.tops):
        try:
            cls, uid, syntax, data = read(path)
        except Unfit as e:
            if not a.classes:
                print(f"unfit: {e}: {path}")
            continue
        jobs.append((path, cls, uid, syntax, data))
        if (cls, syntax) not in contexts:
            contexts.append((cls, syntax))
    if a.classes:
        print("\n".join(sorted({cls for cls, _ in contexts})))
        return 0
    for begin in range(0, len(contexts), 100):
        some = contexts[begin:begin + 100]
        assoc = Association(port, a.called, some)
        for path, cls, uid, syntax, data in jobs:
            if (cls, syntax) not in some:
                continue
            try:
                status = assoc.store(cls, uid, syntax, data)
            except (ConnectionError, OSError) as e:
                bad += 1
                print(f"lost: {e}: {path}")
                assoc = Association(port, a.called, some)
                continue
            word = "refused" if status is None else f"{status:04x}"
            print(word, uid, hashlib.sha256(data).hexdigest(), path)
        assoc.release()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
