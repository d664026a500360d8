#!/usr/bin/env python3
"""A modality at the worklist as polite clients are not, without any library.

worklist_scu.py [--calling AET] ACTION PORT
    cancel    asks and takes it back in one breath: FE00, and the association lives
    broken    asks what cannot be read (C000), without keys (A900), and properly
    smuggle   sends an image on the worklist's context: it is refused
    mix FILE  one association: the worklist, an image, commitment, an echo
    flood     one association a question until it is refused (A700); another title
              is answered meanwhile, and after a while this one, too

Exit 1, and a word about it, when the answer is another.
"""
import argparse
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import raw_scu  # noqa: E402
from commitment_scu import COMMITMENT, Asker, Messages, command, u16  # noqa: E402
from implicit import tagged, values  # noqa: E402

WORKLIST = "1.2.840.10008.5.1.4.31"
ECHO = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
NAMES = tagged(0x00100010, b"") + tagged(0x00100020, b"")


class Console(Asker):
    def __init__(self, port, calling, *more):
        super().__init__(port, "CLINIC", calling, [(WORKLIST, raw_scu.ILE), *more])
        self.context = self.ids[(WORKLIST, raw_scu.ILE)]

    def ask(self, keys, then=b""):
        """C-FIND; `then` follows in the same write. Nothing is read."""
        out = []
        self.number += 1
        to = Messages(None, out.append)
        fields = [(2, WORKLIST.encode()), (0x100, u16(0x20)), (0x110, u16(self.number)),
                  (0x700, u16(0)), (0x800, u16(0x101 if keys is None else 1))]
        to.send(self.context, command(fields), keys)
        if then == "cancel":
            to.send(self.context, command([(0x100, u16(0xfff)), (0x120, u16(self.number)),
                                           (0x800, u16(0x101))]))
        self.s.sendall(b"".join(out))

    def answers(self):
        """The final status, and the items before it."""
        items = []
        while True:
            _, fields, body = self.messages.next()
            assert fields[0x120] == u16(self.number), "another message is answered"
            status = struct.unpack("<H", fields[0x900])[0]
            if status not in (0xff00, 0xff01):
                return status, items
            items.append(dict(values(body)))

    def find(self, keys):
        self.ask(keys)
        return self.answers()

    def echo(self):
        self.number += 1
        self.messages.send(self.ids[(ECHO, raw_scu.ILE)], command([
            (2, ECHO.encode()), (0x100, u16(0x30)), (0x110, u16(self.number)),
            (0x800, u16(0x101))]))
        return struct.unpack("<H", self.messages.next()[1][0x900])[0]


def good(console):
    status, items = console.find(NAMES)
    assert status == 0 and items, f"a proper question: {status:04x}, {len(items)} items"


def cancel(port, calling, _):
    console = Console(port, calling)
    console.ask(NAMES, "cancel")
    status, items = console.answers()
    assert status == 0xfe00, f"{status:04x} after {len(items)} items"
    good(console)


def broken(port, calling, _):
    console = Console(port, calling)
    for keys, wanted in ((b"\x10\0\x10\0\xff\xff\xff\xff", 0xc000), (b"\x10\0\x10", 0xc000),
                         (tagged(0x00100020, b"a" * 2000), 0xc000), (None, 0xa900)):
        status, items = console.find(keys)
        assert status == wanted and not items, f"{keys!r}: {status:04x}"
    good(console)


def smuggle(port, calling, _):
    console = Console(port, calling)
    status = console.store(WORKLIST, "1.2.3.4", raw_scu.ILE, NAMES)
    assert status == 0x122, f"an image on the worklist's context: {status:04x}"


def mix(port, calling, path):
    data = open(path, "rb").read()
    at, meta = raw_scu.meta_of(data)
    syntax = raw_scu.text(meta[0x10])
    uid = raw_scu.text(meta[3])
    console = Console(port, calling, (ECHO, raw_scu.ILE), (COMMITMENT, raw_scu.ILE), (CT, syntax))
    good(console)
    assert console.echo() == 0
    status = console.store(CT, uid, syntax, data[at:])
    assert status == 0, f"an image beside it: {status:04x}"
    good(console)
    assert Asker.ask(console, "2.25.815", [uid]) == 0, "commitment beside it"
    good(console)
    console.release()


def flood(port, calling, _):
    for asked in range(300):
        console = Console(port, calling)
        status, _ = console.find(NAMES)
        console.release()
        if status != 0:
            break
    assert status == 0xa700 and asked >= 20, f"{status:04x} after {asked} questions"
    good(Console(port, "CT_1"))
    console = Console(port, calling)
    while status == 0xa700:
        status, _ = console.find(NAMES)
    assert status == 0, f"after a while: {status:04x}"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--calling", default="CT_1")
    p.add_argument("action", choices=["cancel", "broken", "smuggle", "mix", "flood"])
    p.add_argument("port", type=int)
    p.add_argument("file", nargs="?")
    args = p.parse_args()
    try:
        globals()[args.action](args.port, args.calling, args.file)
    except (AssertionError, ConnectionError) as why:
        sys.exit(f"{args.action}: {why}")


if __name__ == "__main__":
    main()
