#!/usr/bin/env python3
"""What a centre does to a rude peer, and what a polite one sees of it.

rude_check.py [--revoke COMMAND | --greedy | --expired] [--long] RUDE POLITE PORT GATEWAY_PID

RUDE and POLITE are directories of enrolled nodes that do not run; the centre
at PORT lets a peer have 12 connections and an address 12 strangers. With
--revoke COMMAND takes the rude one's right in mid transfer; with --greedy it
fills the centre's small disk, with --expired its certificate ends soon; with
--long a request that trickles is waited for (two minutes). Prints a line a case; exits
1 when one is wrong.
"""
import argparse
import os
import select
import shlex
import ssl
import subprocess
import sys
import time

from peer_line import Line, Lost, parcel_name

PER_PEER, PER_ADDRESS = 12, 12
PART = 256 << 10
failed = False


def case(name, good):
    global failed
    failed = failed or not good
    print(("ok: " if good else "WRONG: ") + name, flush=True)


def is_open(line):
    """Has the centre left it open? (Nothing is expected on it.)"""
    ready, _, _ = select.select([line.socket], [], [], 0)
    if not ready:
        return True
    try:
        line.socket.settimeout(1)
        return line.socket.recv(1) != b""
    except (ssl.SSLWantReadError, TimeoutError):
        return True
    except OSError:
        return False


def count_open(lines, most, seconds=5):
    """How many stay, once it is no more than `most`."""
    end = time.monotonic() + seconds
    while True:
        n = sum(is_open(x) for x in lines)
        if n <= most or time.monotonic() > end:
            return n
        time.sleep(0.05)


class Polite:
    def __init__(self, node, port):
        self.node, self.port, self.line = node, port, Line(node, port)

    def served(self, line=None):
        """Is a part taken, over an old connection (or line)?"""
        line = line or self.line
        name, body = parcel_name(), os.urandom(PART)
        if line.offer([(name, 2 * PART)])[0]["state"] != "want":
            return False
        return line.part(name, 0, body)[:2] == (204, PART)

    def served_anew(self):
        line = Line(self.node, self.port)
        good = self.served(line)
        line.close()
        return good


def pss_mib(pid):
    for line in open(f"/proc/{pid}/smaps_rollup"):
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0


def crowd(args, polite):
    lines = [Line(args.rude, args.port) for _ in range(3 * PER_PEER)]
    n = count_open(lines, PER_PEER)
    case(f"of {len(lines)} connections of one peer {n} stay", 0 < n <= PER_PEER)
    case("the newest of them is served", lines[-1].ask("GET", "/peer/v1/hello")[0] == 200)
    case("a polite peer is served", polite.served() and polite.served_anew())
    for line in lines:
        line.close()


def strangers(args, polite):
    lines = [Line(None, args.port) for _ in range(3 * PER_ADDRESS)]
    n = count_open(lines, PER_ADDRESS)
    case(f"of {len(lines)} strangers from one address {n} stay", 0 < n <= PER_ADDRESS)
    case("a polite peer from there is served, also one that comes new",
         polite.served() and polite.served_anew())
    for line in lines:
        line.close()


def deaf(args, polite):
    before = pss_mib(args.gateway)
    lines = [Line(args.rude, args.port) for _ in range(PER_PEER)]
    head = lines[0].head("GET", "/peer/v1/hello") * 4000
    for line in lines:
        line.socket.settimeout(0.3)
        try:
            while True:
                line.send(head)
        except OSError:
            pass  # nobody takes more
    case("a polite peer is served beside deaf ones", polite.served() and polite.served_anew())
    grown = pss_mib(args.gateway) - before
    case(f"they cost the gateway {grown:.1f} MiB", grown < 8)
    for line in lines:
        line.close()


def heads(args, polite):
    line = Line(args.rude, args.port)
    answer = None
    try:
        answer = line.ask("GET", "/peer/v1/hello", headers=["X: " + "x" * (512 << 10)])[0]
    except (Lost, OSError):
        pass
    case(f"a head of 512 KiB is refused ({answer or 'closed'})",
         answer is None or answer in (400, 413, 431))
    case("a polite peer is served", polite.served())
    line.close()


def large(args, polite):
    before = pss_mib(args.gateway)
    lines, answers = [Line(args.rude, args.port) for _ in range(6)], []
    path = "/peer/v1/studies/1.2.3/manifests"
    for line in lines:
        line.send(line.head("POST", path, length=16 << 20))
    lines[0].send(bytes(15 << 20))
    for line in lines[1:]:
        line.socket.settimeout(5)
        try:
            line.send(bytes(16 << 20))
            answers.append(line.answer()[0])
        except (Lost, OSError):
            answers.append(0)
    case(f"one manifest of 16 MiB at a time is read of one peer, others get {answers} (400: it was the one)",
         all(a in (0, 400, 503) for a in answers) and answers.count(400) <= 1)
    grown = pss_mib(args.gateway) - before
    case(f"it costs the gateway {grown:.1f} MiB", grown < 40)
    case("a polite peer is served", polite.served() and polite.served_anew())
    for line in lines:
        line.close()


def trickle(args, polite):
    line, began = Line(args.rude, args.port), time.monotonic()
    try:
        for byte in line.head("GET", "/peer/v1/hello", ["X: " + "x" * 1000]):
            line.send(bytes([byte]))
            if select.select([line.socket], [], [], 1)[0]:
                line.more()
    except (Lost, OSError):
        pass
    took = time.monotonic() - began
    case(f"a head that trickles is dropped after {took:.0f} s", 100 < took < 140)
    case("a polite peer is served", polite.served())


def greedy(args, polite):
    """The spool is small: who fills it stops at its mark, and others go on."""
    line, body, taken, status = Line(args.rude, args.port), os.urandom(1 << 20), 0, 0
    while taken < 200:
        name = parcel_name()
        if line.offer([(name, 9 << 20)])[0]["state"] != "want":
            break
        for at in range(8):
            status, _, _ = line.part(name, at << 20, body)
            if status != 204:
                break
            taken += 1
        if status != 204:
            break
    case(f"a peer that brings without end is stopped at {taken} MiB", 10 < taken < 60)
    case("and that is said as want of space",
         line.offer([(parcel_name(), 1 << 20)])[0].get("reason") == "NOSPACE")
    case("a polite peer is served", all(polite.served() for _ in range(8)))


def expired(args, polite):
    """The rude one's certificate ends while its connection is in use."""
    line, began, status = Line(args.rude, args.port), time.monotonic(), 0
    case("a certificate that is about to end is good", line.ask("GET", "/peer/v1/hello")[0] == 200)
    while status != 403 and time.monotonic() - began < 20:
        status, _, body = line.ask("GET", "/peer/v1/hello")
        time.sleep(0.05)
    case("on an open connection it is refused when it has ended",
         status == 403 and b"expired" in body)
    case("a polite peer is served", polite.served())


def revoke(args, polite):
    line, name = Line(args.rude, args.port), parcel_name()
    body = os.urandom(PART)
    case("a part before the revocation is taken",
         line.offer([(name, 4 * PART)])[0]["state"] == "want"
         and line.part(name, 0, body)[:2] == (204, PART))
    line.send(line.part_head(name, PART, body) + body[:PART // 2])
    subprocess.run(shlex.split(args.revoke), check=True, stdout=subprocess.DEVNULL)
    line.send(body[PART // 2:])
    line.answer()  # it was let in before
    case("the next on the same connection is refused",
         line.part(name, 2 * PART, body)[0] == 403)
    other = Line(args.rude, args.port)
    case("and all on another", other.ask("GET", "/peer/v1/hello")[0] == 403)
    case("a polite peer is served", polite.served() and polite.served_anew())


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--revoke")
    p.add_argument("--greedy", action="store_true")
    p.add_argument("--expired", action="store_true")
    p.add_argument("--long", action="store_true")
    p.add_argument("rude")
    p.add_argument("polite")
    p.add_argument("port", type=int)
    p.add_argument("gateway", type=int)
    args = p.parse_args()
    polite = Polite(args.polite, args.port)
    cases = [revoke] if args.revoke else [greedy] if args.greedy else [
        expired] if args.expired else [crowd, strangers, deaf, heads, large]
    for one in cases + ([trickle] if args.long else []):
        one(args, polite)
    sys.exit(1 if failed else 0)


main()
