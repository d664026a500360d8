#!/usr/bin/env python3
"""Misbehaves at a DICOM port: hostile.py PORT GOOD_FILE

Each attack is one connection (or some); after each, a C-ECHO from a fresh
association must be answered within two seconds.
"""
import socket
import struct
import sys
import time

PORT = int(sys.argv[1])
CT = b"1.2.840.10008.5.1.4.1.1.2"
VERIFY = b"1.2.840.10008.1.1"
ILE = b"1.2.840.10008.1.2"
ELE = b"1.2.840.10008.1.2.1"


def item(kind, body):
    return struct.pack(">BBH", kind, 0, len(body)) + body


def associate_rq(contexts, calling=b"MODALITY", called=b"CLINIC"):
    body = struct.pack(">HH16s16s32s", 1, 0, called.ljust(16), calling.ljust(16), b"")
    body += item(0x10, b"1.2.840.10008.3.1.1.1")
    for number, (abstract, syntax) in enumerate(contexts):
        body += item(0x20, struct.pack(">BBBB", 2 * number + 1, 0, 0, 0)
                     + item(0x30, abstract) + item(0x40, syntax))
    body += item(0x50, item(0x51, struct.pack(">I", 131072)) + item(0x52, b"1.2.3.4"))
    return struct.pack(">BBI", 1, 0, len(body)) + body


def element(group, number, value):
    return struct.pack("<HHI", group, number, len(value)) + value


def command(fields):
    body = b"".join(element(0, n, v) for n, v in fields)
    return element(0, 0, struct.pack("<I", len(body))) + body


def even(uid):
    return uid + b"\0" if len(uid) % 2 else uid


def store_rq(instance, context=1, class_uid=CT):
    body = command([(0x0002, even(class_uid)), (0x0100, struct.pack("<H", 1)),
                    (0x0110, struct.pack("<H", 1)), (0x0700, struct.pack("<H", 0)),
                    (0x0800, struct.pack("<H", 0)), (0x1000, even(instance))])
    return pdata(body, 3, context)


def pdata(body, flags, context=1):
    pdv = struct.pack(">IBB", len(body) + 2, context, flags) + body
    return struct.pack(">BBI", 4, 0, len(pdv)) + pdv


def connect():
    s = socket.create_connection(("127.0.0.1", PORT), timeout=10)
    s.settimeout(10)
    return s


def read_pdu(s):
    head = b""
    while len(head) < 6:
        try:
            more = s.recv(6 - len(head))
        except ConnectionResetError:  # as good as an A-ABORT
            more = b""
        if not more:
            return None, b""
        head += more
    size, body = struct.unpack(">I", head[2:])[0], b""
    while len(body) < size:
        more = s.recv(size - len(body))
        if not more:
            return None, b""
        body += more
    return head[0], body


def associate(contexts=((CT, ELE),)):
    s = connect()
    s.sendall(associate_rq(contexts))
    kind, _ = read_pdu(s)
    assert kind == 2, f"association not accepted: PDU type {kind}"
    return s


def status_of(s):
    kind, body = read_pdu(s)
    if kind != 4:
        return None
    at = body.find(struct.pack("<HHI", 0, 0x900, 2))
    return struct.unpack_from("<H", body, at + 8)[0] if at >= 0 else None


def echo():
    begun = time.monotonic()
    s = associate(((VERIFY, ILE),))
    s.sendall(pdata(command([(2, even(VERIFY)), (0x100, struct.pack("<H", 0x30)),
                             (0x110, struct.pack("<H", 7)),
                             (0x800, struct.pack("<H", 0x101))]), 3))
    assert status_of(s) == 0, "C-ECHO failed"
    s.sendall(struct.pack(">BBII", 5, 0, 4, 0))
    s.close()
    took = time.monotonic() - begun
    assert took < 2, f"C-ECHO took {took:.1f} s"


def silent():
    return [connect() for _ in range(20)]  # kept open by the caller


def half_request():
    s = connect()
    s.sendall(associate_rq(((CT, ELE),))[:40])
    return [s]


def huge_request():
    s = connect()
    s.sendall(struct.pack(">BBI", 1, 0, 0x7FFFFFFF) + b"x" * 1000)
    assert read_pdu(s)[0] in (None, 3, 7), "a 2 GiB A-ASSOCIATE-RQ was accepted"


def not_dicom():
    s = connect()
    s.sendall(b"GET / HTTP/1.0\r\n\r\n")
    assert read_pdu(s)[0] in (None, 7)


def huge_pdu():
    s = associate()
    s.sendall(struct.pack(">BBI", 4, 0, 0x7FFFFFF0) + b"x" * 100)
    assert read_pdu(s)[0] in (None, 7)


def unknown_context():
    s = associate()
    s.sendall(store_rq(b"1.2.3.900.1", context=99))
    assert read_pdu(s)[0] in (None, 7)


def abort_in_mid_pdu():
    s = associate()
    s.sendall(store_rq(b"1.2.3.900.2"))
    s.sendall(struct.pack(">BBIIBB", 4, 0, 1006, 1002, 1, 0) + b"y" * 500)
    s.close()


def abort_in_mid_data_set():
    s = associate()
    s.sendall(store_rq(b"1.2.3.900.3"))
    s.sendall(pdata(b"z" * 1000, 0))
    s.sendall(struct.pack(">BBII", 7, 0, 4, 0))
    s.close()


def data_on_other_context():
    s = associate(((CT, ELE), (VERIFY, ILE)))
    s.sendall(store_rq(b"1.2.3.900.4", context=1))
    s.sendall(pdata(b"q" * 1000, 2, context=3))
    assert status_of(s) != 0, "a data set on another context was taken"


def deep_sequences():
    depth = 10000
    data = b""
    for _ in range(depth):
        data += struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF)
        data += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    s = associate()
    s.sendall(store_rq(b"1.2.3.900.5"))
    for at in range(0, len(data), 16000):
        last = at + 16000 >= len(data)
        s.sendall(pdata(data[at:at + 16000], 2 if last else 0))
    print("   10,000-deep data set: status", hex(status_of(s) or 0))


def bad_uid():
    s = associate()
    s.sendall(store_rq(b"../../../../tmp/x "))
    s.sendall(pdata(b"\x08\x00\x18\x00UI\x02\x001\0", 2))
    status = status_of(s)
    assert status != 0, "a UID that is a path was taken"


def ends_within(s, seconds, piece):
    """Sends whole, tiny PDUs, each before any deadline on reading."""
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            s.sendall(piece)
            time.sleep(0.3)
    except OSError:
        return
    raise AssertionError("a trickle kept its association")


def trickled_data_set():
    s = associate()
    s.sendall(store_rq(b"1.2.3.900.6"))
    ends_within(s, 9, pdata(b"z", 0))


def empty_fragments():
    s = associate()
    s.sendall(store_rq(b"1.2.3.900.7"))
    ends_within(s, 9, pdata(b"", 0))


def trickled_command():
    s = associate()
    ends_within(s, 9, pdata(b"\0", 1))


held = []
for attack in (silent, half_request, huge_request, not_dicom, huge_pdu,
               unknown_context, abort_in_mid_pdu, abort_in_mid_data_set,
               data_on_other_context, deep_sequences, bad_uid, trickled_data_set,
               empty_fragments, trickled_command):
    held += attack() or []
    echo()
    print("survived", attack.__name__)
