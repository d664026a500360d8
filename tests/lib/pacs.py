#!/usr/bin/env python3
"""A PACS that misbehaves: pacs.py PORT LOG [RULE...]

Answers C-ECHO and C-STORE on any number of associations. A RULE is
STATUS:WHICH with STATUS in hex, or "abort" (the association breaks, as with a
PACS that chokes on an object), and WHICH

  first=N   the first N C-STOREs that come at all get STATUS
  uid=TAIL  an instance whose SOP instance UID ends in TAIL always gets it
  syntax=U  whatever comes in that transfer syntax
  every=N   each Nth C-STORE

(else 0000). One line a C-STORE goes to LOG: UID, SHA-256 of the data set as it
came, STATUS. Prints "ready" when it listens.

The rule places:N lets N associations in at once; others are rejected for now
(local limit exceeded), and the log gets a line "rejected".

Storage commitment is refused as a context, but with the rule commit:HOW. Then
an N-ACTION is answered with Success, and an N-EVENT-REPORT follows on the same
association: HOW is `good` (all), `none` (all failed), `uid=TAIL` (that one
failed), `skip=TAIL` (that one is not mentioned), `late=S` (all, S seconds
later), or `never` (no report ever comes). One line a reference goes to LOG:
"commit UID REASON" with 0000 for good.
"""
import hashlib
import socket
import struct
import sys
import threading

from implicit import element, tagged, values

port, log = int(sys.argv[1]), open(sys.argv[2], "a", buffering=1)
ABORT = 0xABCD  # no status of the standard's
COMMITMENT = b"1.2.840.10008.1.20.1"
rules = []
commit = None
places, inside = 1000, 0
for text in sys.argv[3:]:
    status, which = text.split(":")
    if status == "commit":
        commit = which
        continue
    if status == "places":
        places = int(which)
        continue
    kind, value = which.split("=")
    rules.append((ABORT if status == "abort" else int(status, 16), kind, value))
lock = threading.Lock()
came = 0


def status_of(uid, syntax):
    global came
    with lock:
        came += 1
        for status, kind, value in rules:
            if kind == "first" and came <= int(value):
                return status
            if kind == "uid" and uid.endswith(value):
                return status
            if kind == "syntax" and syntax == value:
                return status
            if kind == "every" and came % int(value) == 0:
                return status
    return 0


def exactly(s, n):
    out = b""
    while len(out) < n:
        more = s.recv(min(n - len(out), 1 << 16))
        if not more:
            raise EOFError
        out += more
    return out


def pdu(kind, body):
    return struct.pack(">BBI", kind, 0, len(body)) + body


def items(body):
    at = 0
    while at + 4 <= len(body):
        kind, _, size = struct.unpack_from(">BBH", body, at)
        yield kind, body[at + 4:at + 4 + size]
        at += 4 + size


def item(kind, body):
    return struct.pack(">BBH", kind, 0, len(body)) + body


def accept(request):
    """Every presentation context, with the first transfer syntax of each; but
    no storage commitment, which this one does not do."""
    out = request[:4] + request[4:68] + item(0x10, b"1.2.840.10008.3.1.1.1")
    for kind, body in items(request[68:]):
        if kind != 0x20:
            continue
        syntax = [v for k, v in items(body[4:]) if k == 0x40][0]
        uid = [v for k, v in items(body[4:]) if k == 0x30][0]
        result = 3 if uid == COMMITMENT and commit is None else 0
        out += item(0x21, bytes([body[0], 0, result, 0]) + item(0x40, syntax))
    user = item(0x51, struct.pack(">I", 65536)) + item(0x52, b"1.2.3.4")
    return pdu(2, out + item(0x50, user))


def syntaxes(request):
    """Context id: transfer syntax, the first of each."""
    return {body[0]: [v for k, v in items(body[4:]) if k == 0x40][0].rstrip(b"\0").decode()
            for kind, body in items(request[68:]) if kind == 0x20}


def fields(command):
    out, at = {}, 0
    while at + 8 <= len(command):
        _, number, size = struct.unpack_from("<HHI", command, at)
        out[number] = command[at + 8:at + 8 + size]
        at += 8 + size
    return out


def answer(context, rq, status):
    kind = struct.unpack("<H", rq[0x100])[0] | 0x8000
    body = element(2, rq[2] if 2 in rq else rq[3])
    body += element(0x100, struct.pack("<H", kind))
    body += element(0x120, rq[0x110]) + element(0x800, struct.pack("<H", 0x101))
    body += element(0x900, struct.pack("<H", status))
    for number in (0x1000, 0x1001):
        if number in rq:
            body += element(0x1000, rq[number])
    body = element(0, struct.pack("<I", len(body))) + body
    return pdu(4, struct.pack(">IBB", len(body) + 2, context, 3) + body)


def report(context, data):
    """The N-EVENT-REPORT for the data set of an N-ACTION."""
    found = dict(values(data))
    good, bad = b"", b""
    for _, one in values(found[0x00081199]):
        uid = dict(values(one))[0x00081155].rstrip(b"\0 ").decode()
        if commit.startswith("skip=") and uid.endswith(commit[5:]):
            continue
        failed = commit == "none" or (commit.startswith("uid=")
                                      and uid.endswith(commit[4:]))
        log.write(f"commit {uid} {'0110' if failed else '0000'}\n")
        if failed:
            bad += tagged(0xfffee000, one + tagged(0x00081197, b"\x10\x01"))
        else:
            good += tagged(0xfffee000, one)
    if not good and not bad:  # a report names something
        good = tagged(0xfffee000, tagged(0x00081150, COMMITMENT)
                      + tagged(0x00081155, b"1.2.3"))
    body = tagged(0x00081195, found[0x00081195])
    body += tagged(0x00081198, bad) if bad else b""
    body += tagged(0x00081199, good) if good else b""
    rq = element(2, COMMITMENT) + element(0x100, struct.pack("<H", 0x100))
    rq += element(0x110, struct.pack("<H", 77)) + element(0x800, struct.pack("<H", 1))
    rq += element(0x1000, COMMITMENT + b".1")
    rq += element(0x1002, struct.pack("<H", 2 if bad else 1))
    rq = element(0, struct.pack("<I", len(rq))) + rq
    return (pdu(4, struct.pack(">IBB", len(rq) + 2, context, 3) + rq)
            + pdu(4, struct.pack(">IBB", len(body) + 2, context, 2) + body))


def serve(s):
    command, rq, digest = b"", None, hashlib.sha256()
    asked, contexts = b"", {}
    while True:
        kind, _, size = struct.unpack(">BBI", exactly(s, 6))
        body = exactly(s, size)
        if kind == 1:
            contexts = syntaxes(body)
            s.sendall(accept(body))
        elif kind == 5:
            s.sendall(pdu(6, b"\0" * 4))
            return
        elif kind != 4:
            return
        at = 0
        while kind == 4 and at < len(body):
            size, context, flags = struct.unpack_from(">IBB", body, at)
            value = body[at + 6:at + 4 + size]
            at += 4 + size
            if flags & 1:
                command += value
                if not flags & 2:
                    continue
                rq, command, digest = fields(command), b"", hashlib.sha256()
                if struct.unpack("<H", rq[0x100])[0] & 0x8000:
                    continue
                if rq[0x800] == struct.pack("<H", 0x101):
                    s.sendall(answer(context, rq, 0))
                continue
            digest.update(value)
            if rq[0x100] == b"\x30\x01":
                asked += value
                if flags & 2:
                    s.sendall(answer(context, rq, 0))
                    if commit.startswith("late="):
                        threading.Timer(float(commit[5:]), s.sendall,
                                        [report(context, asked)]).start()
                    elif commit != "never":
                        s.sendall(report(context, asked))
                    asked = b""
                continue
            if flags & 2:
                uid = rq[0x1000].rstrip(b"\0 ").decode()
                status = status_of(uid, contexts[context])
                log.write(f"{uid} {digest.hexdigest()} {status:04x}\n")
                if status == ABORT:
                    return
                s.sendall(answer(context, rq, status))


def association(s):
    global inside
    with lock:
        room = inside < places
        inside += room
    try:
        if room:
            serve(s)
        else:
            exactly(s, struct.unpack(">BBI", exactly(s, 6))[2])
            log.write("rejected\n")
            s.sendall(pdu(3, bytes([0, 2, 3, 2])))
            exactly(s, 1)
    except (EOFError, OSError):
        pass
    finally:
        with lock:
            inside -= room
        s.close()


listener = socket.create_server(("127.0.0.1", port))
print("ready", flush=True)
while True:
    threading.Thread(target=association, args=(listener.accept()[0],),
                     daemon=True).start()
