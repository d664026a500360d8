"""Talks to one room the way its neighbours do: messages over SEQPACKET.

For tests that run a single room without the rest of the node. The numbers of
message types, fields and roles come from the headers, so that they cannot
drift.
"""
import os
import re
import socket
import struct
import subprocess

SOURCE = os.environ["DF_SOURCE"]


def _names(header, table):
    text = open(f"{SOURCE}/include/df/{header}", encoding="utf-8").read()
    body = text[text.index(f"#define {table}(X)"):]
    lines = []
    for line in body.split("\n")[1:]:
        lines.append(line)
        if not line.rstrip().endswith("\\"):
            break
    body = re.sub(r"/\*.*?\*/", "", "\n".join(lines).replace("\\\n", "\n"),
                  flags=re.S)
    return re.findall(r"X\((\w+)", body)


MSG = {n: i + 1 for i, n in enumerate(_names("message.h", "DF_MSG_MAP"))}
FIELD = {n: i + 1 for i, n in enumerate(_names("message.h", "DF_FIELD_MAP"))}
ROLE = {n: i + 1 for i, n in enumerate(_names("room.h", "DF_ROLE_MAP"))}
ERR = dict(enumerate(_names("err.h", "DF_ERR_MAP")))
MSG_NAME = {v: k for k, v in MSG.items()}
FIELD_NAME = {v: k for k, v in FIELD.items()}


def fields(*pairs):
    out = b""
    for name, value in pairs:
        if isinstance(value, int):
            value = struct.pack(">Q", value)
        elif isinstance(value, str):
            value = value.encode()
        out += struct.pack(">HI", FIELD[name], len(value)) + value
    return out


class Message:
    def __init__(self, raw, fds):
        number, self.tag = struct.unpack(">HI", raw[:6])
        self.type, self.fds = MSG_NAME[number], fds
        self.fields = []
        at = 6
        while at < len(raw):
            name, size = struct.unpack(">HI", raw[at:at + 6])
            self.fields.append((FIELD_NAME[name], raw[at + 6:at + 6 + size]))
            at += 6 + size

    def get(self, name):
        for key, value in self.fields:
            if key == name:
                return value
        return None

    def text(self, name):
        value = self.get(name)
        return None if value is None else value.decode()

    def number(self, name):
        value = self.get(name)
        return None if value is None else int.from_bytes(value, "big")

    def err(self):
        value = self.number("ERR")
        return "OK" if value is None else ERR[value]


class Channel:
    def __init__(self, sock):
        self.sock = sock

    def send(self, kind, tag=0, body=b"", fds=()):
        raw = struct.pack(">HI", MSG[kind], tag) + body
        socket.send_fds(self.sock, [raw], list(fds))
        for fd in fds:
            os.close(fd)

    def receive(self, timeout=20):
        self.sock.settimeout(timeout)
        raw, fds, _, _ = socket.recv_fds(self.sock, 1 << 17, 64)
        return Message(raw, fds) if raw else None


def memfd(data):
    fd = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


class Room:
    """A room of ours with links to the roles in `peers`."""

    def __init__(self, program, role, config, peers, log=None):
        ours, theirs = socket.socketpair(socket.AF_UNIX,
                                         socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen(
            [program], pass_fds=(3,), stderr=log,
            preexec_fn=lambda: os.dup2(theirs.fileno(), 3))
        theirs.close()
        self.supervise = Channel(ours)
        self.supervise.send("START", 0,
                            fields(("ROLE", ROLE[role]), ("NUMBER", 0)),
                            [memfd(config.encode())])
        self.links = {}
        for peer in peers:
            a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.supervise.send("LINK", 0,
                                fields(("ROLE", ROLE[peer]), ("NUMBER", 0)),
                                [b.detach()])
            self.links[peer] = Channel(a)
        self.greet()
        assert self.supervise.receive().type == "READY"

    def greet(self):
        """What a room asks of its neighbours before it is ready."""

    def end(self):
        """Loss of supervise ends every room."""
        for link in self.links.values():
            link.sock.close()
        self.supervise.sock.close()
        return self.process.wait(10)
