#!/usr/bin/env python3
"""doors.py PORT - rude callers at a DICOM door: what happens to each.

Prints one line a case; exits 1 when the door did not do what it should.
"""
import select
import socket
import sys
import time

PORT = int(sys.argv[1])
failed = False


def call(data=b""):
    s = socket.create_connection(("127.0.0.1", PORT))
    if data:
        s.sendall(data)
    return s


def closed_within(s, seconds):
    """Seconds until the door closes s, or None."""
    began = time.monotonic()
    ready, _, _ = select.select([s], [], [], seconds)
    if not ready:
        return None
    try:
        if s.recv(1) != b"":
            return None
    except ConnectionResetError:
        pass
    return time.monotonic() - began


def case(name, good):
    global failed
    failed = failed or not good
    print(("ok: " if good else "WRONG: ") + name, flush=True)


case("an HTTP request is closed at once",
     closed_within(call(b"GET / HTTP/1.0\r\n\r\n"), 3) is not None)
case("a request that says 4 GiB is closed at once",
     closed_within(call(b"\x01\0\xff\xff\xff\xff"), 3) is not None)
case("an abort before any association is closed at once",
     closed_within(call(b"\x07\0\0\0\0\x04\0\0\0\0"), 3) is not None)

silent = call()
began = time.monotonic()
half = call(b"\x01\0\0\0\x10\0half a request")
shut = call(b"\x01\0\0")
shut.shutdown(socket.SHUT_WR)
trickle = call(b"\x01")
for byte in b"\0\0\0\x10\0":
    time.sleep(0.2)
    trickle.send(bytes([byte]))
others = []
for s in (silent, half, shut, trickle):
    others.append(closed_within(s, 15 - (time.monotonic() - began)))
case("silent, half, shut and trickling callers go after ARTIM",
     all(t is not None for t in others) and time.monotonic() - began < 14)

crowd = [call() for _ in range(40)]
time.sleep(0.3)
refused = sum(closed_within(s, 0) is not None for s in crowd)
case(f"40 silent callers from one address: {refused} refused, not all",
     8 <= refused <= 20)
for s in crowd:
    s.close()
sys.exit(1 if failed else 0)
