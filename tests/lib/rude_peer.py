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


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--for", type=float, default=10, dest="seconds")
    p.add_argument("node")
    p.add_argument("port", type=int)
    p.add_argument("kind")
    args = p.parse_args()
    end, closed, said, open_ones = time.monotonic() + args.seconds, 0, 0, []
    while time.monotonic() < end:
        if not open_ones:
            try:
                open_ones = make(args.kind, args.node, args.port)
            except (OSError, ValueError, KeyError):
                time.sleep(0.2)  # the centre is not there, or had enough
                continue
        selector = selectors.DefaultSelector()
        for rude in open_ones if args.kind not in DEAF else []:
            selector.register(rude.line.socket, selectors.EVENT_READ, rude)
        ready = {k.data for k, _ in selector.select(0.05)}
        selector.close()
        for rude in list(open_ones):
            alive = rude.go_on()
            if rude in ready:
                alive = alive and not rude.is_closed()
            if not alive:
                closed += 1
                rude.line.close()
                open_ones.remove(rude)
        if time.monotonic() - said >= 1:
            said = time.monotonic()
            print(f"{args.kind}: open {len(open_ones)} closed {closed}", flush=True)


main()
