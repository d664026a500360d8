#!/usr/bin/env python3
"""A modality that asks for storage commitment, without any library.

commitment_scu.py ask [--stay] [--calling AET] [--class UID] PORT TRANSACTION UID...
    asks for these instances (MR, or of that SOP class); with --stay it waits on its association for
    the report. Prints the status; exit 1 unless it is 0000 (and the report,
    when waited for, is a good one).
commitment_scu.py twice PORT TRANSACTION UID...
    asks on one association, and again on a second before it answers the report
    that it gets on the first. Exit 1 when the second gets it, too.
commitment_scu.py listen PORT LEDGER
    takes reports on associations that are opened to it, for ever. One line a
    report that was answered goes to LEDGER: TRANSACTION GOOD FAILED, the last
    two are how many.
"""
import argparse
import os
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import raw_scu  # noqa: E402
from implicit import element, tagged, values  # noqa: E402

COMMITMENT = "1.2.840.10008.1.20.1"
MR = "1.2.840.10008.5.1.4.1.1.4"


def refs(data):
    """Of a report: the transaction, the UIDs that are good, {UID: reason}."""
    found = dict(values(data))
    good, bad = [], {}
    for _, one in values(found.get(0x00081199, b"")):
        good.append(dict(values(one))[0x00081155].rstrip(b"\0 ").decode())
    for _, one in values(found.get(0x00081198, b"")):
        one = dict(values(one))
        bad[one[0x00081155].rstrip(b"\0 ").decode()] = struct.unpack("<H", one[0x00081197])[0]
    return found[0x00081195].rstrip(b"\0 ").decode(), good, bad


def request(transaction, uids, sop_class=MR):
    items = b"".join(
        tagged(0xfffee000, tagged(0x00081150, sop_class.encode())
               + tagged(0x00081155, uid.encode())) for uid in uids)
    return tagged(0x00081195, transaction.encode()) + tagged(0x00081199, items)


def command(fields):
    body = b"".join(element(n, v) for n, v in fields)
    return element(0, struct.pack("<I", len(body))) + body


def u16(v):
    return struct.pack("<H", v)


class Messages:
    """DIMSE messages over something that gives and takes PDUs."""

    def __init__(self, pdu, sendall):
        self.pdu, self.sendall, self.left = pdu, sendall, []

    def pdv(self):
        while not self.left:
            kind, body = self.pdu()
            if kind != 4:
                raise ConnectionError(f"PDU {kind} in place of data")
            at = 0
            while at < len(body):
                size, context, flags = struct.unpack_from(">IBB", body, at)
                self.left.append((context, flags, body[at + 6:at + 4 + size]))
                at += 4 + size
        return self.left.pop(0)

    def whole(self):
        data = b""
        while True:
            context, flags, value = self.pdv()
            data += value
            if flags & 2:
                return context, data

    def next(self):
        """(context, command as {number: value}, data set or None)"""
        context, data = self.whole()
        fields = {tag & 0xffff: value for tag, value in values(data)}
        body = None
        if fields[0x800] != u16(0x101):
            _, body = self.whole()
        return context, fields, body

    def send(self, context, cmd, data=None):
        for flags, value in ((3, cmd), (2, data)):
            for at in range(0, len(value or b""), 16000):
                last = at + 16000 >= len(value)
                bits = flags if last else flags & 1
                pdv = struct.pack(">IBB", len(value[at:at + 16000]) + 2, context, bits)
                pdv += value[at:at + 16000]
                self.sendall(struct.pack(">BBI", 4, 0, len(pdv)) + pdv)

    def answer(self, context, fields, status=0):
        self.send(context, command([
            (2, fields[2]), (0x100, u16(struct.unpack("<H", fields[0x100])[0] | 0x8000)),
            (0x120, fields[0x110]), (0x800, u16(0x101)), (0x900, u16(status)),
            (0x1000, fields[0x1000]), (0x1002, fields[0x1002])]))


class Asker(raw_scu.Association):
    def __init__(self, port, called, calling, contexts, sop_class=MR):
        super().__init__(port, called, contexts, calling)
        self.sop_class = sop_class
        self.messages = Messages(self.pdu, self.s.sendall)

    def ask(self, transaction, uids):
        context = self.ids[(COMMITMENT, raw_scu.ILE)]
        if context not in self.accepted:
            raise ConnectionError("storage commitment is not accepted")
        self.number += 1
        self.messages.send(context, command([
            (3, COMMITMENT.encode()), (0x100, u16(0x130)), (0x110, u16(self.number)),
            (0x800, u16(1)), (0x1001, COMMITMENT.encode() + b".1"), (0x1008, u16(1))]),
            request(transaction, uids, self.sop_class))
        _, fields, _ = self.messages.next()
        return struct.unpack("<H", fields[0x900])[0]

    def report(self):
        context, fields, body = self.messages.next()
        self.messages.answer(context, fields)
        return refs(body)


def accept(body):
    """A-ASSOCIATE-AC for every context, with the roles as proposed."""
    out, user, at = body[:68] + item(0x10, b"1.2.840.10008.3.1.1.1"), b"", 68
    while at < len(body):
        kind, size = struct.unpack_from(">BxH", body, at)
        value = body[at + 4:at + 4 + size]
        at += 4 + size
        if kind == 0x20:
            inner, first = 4, None
            while inner < len(value):
                k, n = struct.unpack_from(">BxH", value, inner)
                if k == 0x40 and first is None:
                    first = value[inner + 4:inner + 4 + n]
                inner += 4 + n
            out += item(0x21, bytes([value[0], 0, 0, 0]) + item(0x40, first))
        if kind == 0x50:
            inner = 0
            while inner < len(value):
                k, n = struct.unpack_from(">BxH", value, inner)
                if k == 0x54:
                    user += value[inner:inner + 4 + n]
                inner += 4 + n
    user = item(0x51, struct.pack(">I", 65536)) + item(0x52, b"1.2.3.4") + user
    return struct.pack(">BBI", 2, 0, len(out + item(0x50, user))) + out + item(0x50, user)


def item(kind, body):
    return struct.pack(">BBH", kind, 0, len(body)) + body


def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


def take(s, taken):
    """Serves one association; taken(transaction, good, bad) may refuse by
    raising, then there is no answer."""
    def pdu():
        kind, size = struct.unpack(">BxI", exactly(s, 6))
        body = exactly(s, size)
        if kind == 5:
            s.sendall(struct.pack(">BBII", 6, 0, 4, 0))
            raise ConnectionError("released")
        return kind, body

    try:
        s.settimeout(30)
        kind, body = pdu()
        if kind != 1:
            return
        s.sendall(accept(body))
        messages = Messages(pdu, s.sendall)
        while True:
            context, fields, data = messages.next()
            taken(*refs(data), lambda c=context, f=fields: messages.answer(c, f))
    except (ConnectionError, OSError):
        pass
    finally:
        s.close()


def listen(port, taken):
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        threading.Thread(target=take, args=(listener.accept()[0], taken),
                         daemon=True).start()


def twice(askers, transaction, uids):
    """Is the report given over the first of them alone?"""
    first, second = askers
    assert first.ask(transaction, uids) == 0
    context, fields, _ = first.messages.next()
    assert second.ask(transaction, uids) == 0
    second.s.settimeout(1.5)  # a report is given after half a second of silence
    try:
        second.messages.next()
        return False
    except TimeoutError:
        first.messages.answer(context, fields)
        first.release()
        second.s.close()
        return True


def main():
    p = argparse.ArgumentParser()
    p.add_argument("verb", choices=["ask", "twice", "listen"])
    p.add_argument("--stay", action="store_true")
    p.add_argument("--calling", default="MODALITY")
    p.add_argument("--called", default="CLINIC")
    p.add_argument("--class", dest="sop_class", default=MR)
    p.add_argument("port", type=int)
    p.add_argument("rest", nargs="+")
    a = p.parse_args()
    if a.verb == "listen":
        ledger = open(a.rest[0], "a", buffering=1)

        def taken(transaction, good, bad, answer):
            answer()
            ledger.write(f"{transaction} {len(good)} {len(bad)}\n")
        listen(a.port, taken)
    if a.verb == "twice":
        askers = [Asker(a.port, a.called, a.calling, [(COMMITMENT, raw_scu.ILE)])
                  for _ in range(2)]
        return 0 if twice(askers, a.rest[0], a.rest[1:]) else 1
    asker = Asker(a.port, a.called, a.calling, [(COMMITMENT, raw_scu.ILE)], a.sop_class)
    status = asker.ask(a.rest[0], a.rest[1:])
    print(f"{status:04x}")
    if status == 0 and a.stay:
        transaction, good, bad = asker.report()
        print(transaction, len(good), len(bad))
        status = transaction != a.rest[0] or len(good) != len(a.rest) - 1
    asker.release()
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
