#!/usr/bin/env python3
"""What relay.py has carried up: relay_bytes.py LOG PID BYTES [FROM SECONDS]

Asks it until that many bytes went up, or, with the answer FROM of an earlier
call, until so many seconds later; prints "BYTES SECONDS", the relay's own clock.
"""
import os
import signal
import sys
import time

log, pid, least = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
not_before = float(sys.argv[4].split()[1]) + float(sys.argv[5]) if len(sys.argv) > 5 else 0
give_up = time.monotonic() + 120
seen = 0
while time.monotonic() < give_up:
    os.kill(pid, signal.SIGHUP)
    time.sleep(0.02)
    lines = [w.split() for w in open(log) if w.startswith("bytes ") and w.endswith("\n")]
    if len(lines) == seen:
        continue
    seen = len(lines)
    up, at = int(lines[-1][1]), float(lines[-1][3])
    if up >= least and at >= not_before:
        print(up, at)
        sys.exit(0)
print("the line did not carry it", file=sys.stderr)
sys.exit(1)
