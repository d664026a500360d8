#!/usr/bin/env python3
"""The peer protocol by hand: a client with a real node's keys, over real TLS.

Written from docs/formats/peer.md alone. Used by tests that need a peer that
does what our own deliver_https never would, or to measure single requests.
"""
import base64
import hashlib
import json
import os
import socket
import ssl
import time


class Lost(Exception):
    """The other side ended the connection."""


class Line:
    """One connection as the node whose directory is given (None: nobody)."""

    def __init__(self, node, port, timeout=30):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if node is not None:
            context.load_cert_chain(f"{node}/keys/node.crt", f"{node}/keys/node.key")
        raw = socket.create_connection(("127.0.0.1", port), timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(raw)
        self.rest = b""

    def send(self, data):
        self.socket.sendall(data)

    def head(self, method, path, headers=(), length=None):
        lines = [f"{method} {path} HTTP/1.1", "Host: centre"] + list(headers)
        if length is not None:
            lines.append(f"Content-Length: {length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def answer(self):
        """(status, headers, body)"""
        while b"\r\n\r\n" not in self.rest:
            self.more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        while len(self.rest) < length:
            self.more()
        body, self.rest = self.rest[:length], self.rest[length:]
        return int(lines[0].split()[1]), headers, body

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise Lost
        self.rest += data

    def ask(self, method, path, body=None, headers=()):
        length = None if body is None else len(body)
        self.send(self.head(method, path, headers, length) + (body or b""))
        return self.answer()

    def offer(self, parcels):
        """[(hex, size)] -> the answer's list"""
        text = json.dumps({"parcels": [{"id": i, "size": s} for i, s in parcels]}).encode()
        status, _, body = self.ask("POST", "/peer/v1/offers", text,
                                   ["Content-Type: application/json"])
        return json.loads(body)["parcels"] if status == 200 else [{"state": str(status)}]

    def part_head(self, parcel, offset, part):
        digest = base64.b64encode(hashlib.sha256(part).digest()).decode()
        return self.head("PATCH", f"/peer/v1/parcels/{parcel}", [
            f"Upload-Offset: {offset}", f"Content-Digest: sha-256=:{digest}:",
            "Content-Type: application/vnd.dcm-forward.parcel"], len(part))

    def part(self, parcel, offset, part):
        """(status, durable offset, seconds)"""
        began = time.monotonic()
        self.send(self.part_head(parcel, offset, part) + part)
        status, headers, _ = self.answer()
        return status, int(headers.get("upload-offset", "-1")), time.monotonic() - began

    def close(self):
        self.socket.close()


def parcel_name():
    return os.urandom(16).hex()
