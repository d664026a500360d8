#!/usr/bin/env python3
"""An enrolled node that misbehaves: rude_peer.py [--for SECONDS] NODE PORT KIND

NODE is a directory with keys that the centre at PORT knows. Kinds:
  crowd     opens 100 connections and asks nothing
  trickle   sends its requests' heads, and parts, a byte a second each
  deaf      asks for much and never reads an answer
  still     asks for little on each of 16 connections and never reads
  heads     requests with heads of 100 KiB, again and again
  large     manifests of 16 MiB, eight at a time, most of each held back
  strangers 100 TLS callers without certificate, silent
Keeps at it until its time is over; says on one line each second how many of
its connections the centre has closed so far.
"""
import argparse
import os
import selectors
import ssl
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peer_line import Line, parcel_name  # noqa: E402

STUDY = "1.2.3.4"
WAITS = (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError)


class Rude:
    """One connection, and what it sends, so many bytes a second."""

    def __init__(self, node, port, data=b"", rate=None):
        self.line = Line(node, port)
        self.data, self.rate, self.sent = data, rate, 0
        self.began = time.monotonic()
        self.line.socket.setblocking(False)

    def go_on(self):
        """False when the other side has closed it."""
        allowed = len(self.data)
        if self.rate is not None:
            allowed = min(allowed, int((time.monotonic() - self.began) * self.rate) + 1)
        try:
            if self.sent < allowed:
                self.sent += self.line.socket.send(self.data[self.sent:allowed])
        except WAITS:
            pass
        except OSError:
            return False
        return True

    def wait(self):
        """Seconds until it can go on: each time this process wakes it takes a
        core from the others, which is not what is measured."""
        if self.rate is None or self.sent >= len(self.data):
            return 0.05
        due = self.began + self.sent / self.rate - time.monotonic()
        return min(max(due, 0.01), 0.5)

    def is_closed(self):
        try:
            return self.line.socket.recv(65536) == b""
        except WAITS:
            return False
        except OSError:
            return True


# Never read: what waits there would wake them all the time, and what this
# process costs would be taken for what it does to the centre.
DEAF = ("deaf", "still")


def part(node, port, rate):
    line = Line(node, port)
    name = parcel_name()
    line.offer([(name, 1 << 20)])
    body = os.urandom(256 << 10)
    return Rude(node, port, line.part_head(name, 0, body) + body, rate)


def make(kind, node, port):
    """All connections of that kind of rudeness."""
    if kind == "crowd":
        return [Rude(node, port) for _ in range(100)]
    if kind == "strangers":
        return [Rude(None, port) for _ in range(100)]
    head = Line(node, port).head("GET", "/peer/v1/hello")
    if kind == "trickle":
        return ([Rude(node, port, head, 1) for _ in range(8)]
                + [part(node, port, 1) for _ in range(8)])
    if kind == "deaf":  # 4,000 answers, none of them read
        return [Rude(node, port, head * 4000) for _ in range(16)]
    if kind == "still":
        return [Rude(node, port, head * 100) for _ in range(16)]
    if kind == "heads":
        big = head[:-2] + b"X: " + b"x" * (100 << 10) + b"\r\n\r\n"
        return [Rude(node, port, big) for _ in range(16)]
    if kind == "large":
        head = Line(node, port).head("POST", f"/peer/v1/studies/{STUDY}/manifests",
                                     length=16 << 20)
        return [Rude(node, port, head + bytes(15 << 20)) for _ in range(8)]
    raise SystemExit(f"no kind {kind}")


class AtIt:
    """All connections; made anew when the last is closed."""

    def __init__(self, kind, node, port):
        self.kind, self.node, self.port = kind, node, port
        self.open, self.closed = [], 0
        self.selector = selectors.DefaultSelector()

    def begin(self):
        try:
            self.open = make(self.kind, self.node, self.port)
        except (OSError, ValueError, KeyError):
            time.sleep(0.2)  # the centre is not there, or had enough
        for rude in self.open if self.kind not in DEAF else []:
            self.selector.register(rude.line.socket, selectors.EVENT_READ, rude)

    def end(self, rude):
        self.closed += 1
        if self.kind not in DEAF:
            self.selector.unregister(rude.line.socket)
        rude.line.close()
        self.open.remove(rude)

    def go_on(self):
        """What can be sent, and what the other side has closed until then."""
        if not self.open:
            self.begin()
        wait = min((rude.wait() for rude in self.open), default=0.05)
        ready = {k.data for k, _ in self.selector.select(wait)}
        for rude in list(self.open):
            if not rude.go_on() or (rude in ready and rude.is_closed()):
                self.end(rude)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--for", type=float, default=10, dest="seconds")
    p.add_argument("node")
    p.add_argument("port", type=int)
    p.add_argument("kind")
    args = p.parse_args()
    end, said = time.monotonic() + args.seconds, 0
    at_it = AtIt(args.kind, args.node, args.port)
    while time.monotonic() < end:
        at_it.go_on()
        if time.monotonic() - said >= 1:
            said = time.monotonic()
            print(f"{args.kind}: open {len(at_it.open)} closed {at_it.closed}", flush=True)


main()
