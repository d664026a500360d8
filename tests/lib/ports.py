#!/usr/bin/env python3
"""Free TCP ports for tests: ports.py PID prints one that is PID's until it ends.

Below the range that the kernel gives to clients, because a node that is away
for a while must find its port free again. A port that was given out is kept by
a file with the number of its process, since a test takes several before it
listens on any, and several tests run side by side.
"""
import os
import random
import socket
import sys
import tempfile

CLAIMS = os.path.join(tempfile.gettempdir(), "dcmf-ports")
FIRST, LAST = 10000, 30000


def alive(pid):
    return os.path.exists(f"/proc/{pid}")


def claim(port, pid):
    """True when the port is PID's from now on."""
    path = os.path.join(CLAIMS, str(port))
    try:
        with open(path, "x", encoding="ascii") as f:
            f.write(str(pid))
        return True
    except FileExistsError:
        pass
    try:
        with open(path, encoding="ascii") as f:
            owner = f.read()
        if owner and not alive(owner):
            os.unlink(path)  # free the next time that it is drawn
    except FileNotFoundError:
        pass
    return False


def nobody_listens(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(pid=None):
    os.makedirs(CLAIMS, exist_ok=True)
    draw = random.SystemRandom()
    while True:
        port = draw.randrange(FIRST, LAST)
        if nobody_listens(port) and claim(port, pid or os.getpid()):
            return port


if __name__ == "__main__":
    print(free_port(int(sys.argv[1])))
