#!/usr/bin/env python3
"""A second reader of DFENV, written from docs/formats/sealed.md alone.

Python's standard library and the openssl command; no code of ours. Opens a
parcel (with key, certificate and CA) or an object at rest (with the node's
KEK), checks everything that can be checked, prints one line a record, and
with --plain writes the plaintext. Slow, plain, meant to be read.
"""
import argparse
import hashlib
import hmac
import struct
import subprocess
import sys
import tempfile


class Refused(Exception):
    """What a reader must not accept."""


def need(condition, text):
    if not condition:
        raise Refused(text)


def openssl(arguments, data=b""):
    done = subprocess.run(["openssl"] + arguments, input=data,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise Refused("openssl " + arguments[0] + ": "
                      + done.stderr.decode(errors="replace").strip())
    return done.stdout


def hkdf(key, salt, info, length=32):
    secret = hmac.new(salt, key, hashlib.sha256).digest()
    out = block = b""
    count = 1
    while len(out) < length:
        block = hmac.new(secret, block + info + bytes([count]),
                         hashlib.sha256).digest()
        out += block
        count += 1
    return out[:length]


# --- AES-256-GCM: CTR and ECB by openssl, GHASH here -------------------------

def aes_ecb(key, block, decrypt=False):
    return openssl(["enc", "-d" if decrypt else "-e", "-aes-256-ecb",
                    "-nopad", "-K", key.hex()], block)


class Gcm:
    def __init__(self, key):
        self.key = key
        self.tables = self.make_tables(int.from_bytes(
            aes_ecb(key, bytes(16)), "big"))

    @staticmethod
    def make_tables(h):
        """16 tables of 256: byte i of the block times H."""
        powers = []
        for _ in range(128):
            powers.append(h)
            h = (h >> 1) ^ (0xE1 << 120 if h & 1 else 0)
        tables = []
        for byte in range(16):
            row = [0] * 256
            for value in range(1, 256):
                low = value & -value
                bit = 8 - low.bit_length()
                row[value] = row[value ^ low] ^ powers[byte * 8 + bit]
            tables.append(row)
        return tables

    def ghash(self, data):
        y = 0
        for at in range(0, len(data), 16):
            block = data[at:at + 16].ljust(16, b"\0")
            y ^= int.from_bytes(block, "big")
            z = 0
            for i, byte in enumerate(y.to_bytes(16, "big")):
                z ^= self.tables[i][byte]
            y = z
        return y

    def open(self, nonce, data):
        """Plaintext, or None when the tag is wrong."""
        text, tag = data[:-16], data[-16:]
        pad = (-len(text)) % 16
        s = self.ghash(text + bytes(pad)
                       + struct.pack(">QQ", 0, len(text) * 8))
        mask = int.from_bytes(aes_ecb(self.key, nonce + b"\0\0\0\1"), "big")
        if not hmac.compare_digest((s ^ mask).to_bytes(16, "big"), tag):
            return None
        if not text:
            return b""
        return openssl(["enc", "-d", "-aes-256-ctr", "-K", self.key.hex(),
                        "-iv", (nonce + b"\0\0\0\2").hex()], text)


def unwrap(kek, wrapped):
    """AES key wrap, RFC 3394."""
    a, r = wrapped[:8], [wrapped[i:i + 8] for i in range(8, 40, 8)]
    for j in range(5, -1, -1):
        for i in range(4, 0, -1):
            t = struct.unpack(">Q", a)[0] ^ (4 * j + i)
            b = aes_ecb(kek, struct.pack(">Q", t) + r[i - 1], decrypt=True)
            a, r[i - 1] = b[:8], b[8:]
    need(a == b"\xa6" * 8, "KEY: this KEK does not open it")
    return b"".join(r)


# --- the header --------------------------------------------------------------

CORE = struct.Struct(">8sHHBBH16sQQQ32s32s32s")


class Head:
    def __init__(self, data):
        need(len(data) >= 156, "TRUNC: no header")
        self.bytes = data[:152]
        (magic, version, suite, self.chunk_log2, self.content, flags, self.id,
         self.epoch, self.sequence, self.created, self.sender, self.previous,
         self.commitment) = CORE.unpack(self.bytes)
        need(magic == b"DFENV\r\n\x1a", "FORMAT: magic")
        need(version == 1 and flags == 0, "FORMAT: version or flags")
        need(suite == 1, "SUITE")
        need(16 <= self.chunk_log2 <= 20, "FORMAT: chunk size")
        need(1 <= self.content <= 4, "FORMAT: content")
        self.h0 = hashlib.sha256(self.bytes).digest()
        at = 152
        self.recipients, at = self.block(data, at, 65536)
        self.mac = data[at:at + 32]
        at += 32
        self.signature = None
        if self.content != 3:
            self.signature, at = self.block(data, at, 16384)
        need(at <= len(data), "TRUNC: header")
        self.end = at

    @staticmethod
    def block(data, at, most):
        need(at + 4 <= len(data), "TRUNC: header")
        n = struct.unpack(">I", data[at:at + 4])[0]
        need(0 < n <= most and at + 4 + n <= len(data), "FORMAT: length")
        return data[at + 4:at + 4 + n], at + 4 + n

    def check(self, cek):
        want = hkdf(cek, self.bytes[:120], b"dfenv/1 commit")
        need(hmac.compare_digest(want, self.commitment), "HEADER: commitment")
        key = hkdf(cek, self.h0, b"dfenv/1 header")
        mac = hmac.new(key, self.bytes
                       + struct.pack(">I", len(self.recipients))
                       + self.recipients, hashlib.sha256).digest()
        need(hmac.compare_digest(mac, self.mac), "HEADER: MAC")

    def check_signature(self, ca):
        """Signed over CORE, by the sender that CORE names, under this CA."""
        with tempfile.TemporaryDirectory() as d:
            core, signer = d + "/core", d + "/signer"
            with open(core, "wb") as f:
                f.write(self.bytes)
            openssl(["cms", "-verify", "-binary", "-inform", "DER",
                     "-content", core, "-CAfile", ca, "-no_check_time",
                     "-purpose", "any", "-signer", signer, "-out",
                     "/dev/null"], self.signature)
            public = openssl(["x509", "-in", signer, "-noout", "-pubkey"])
            der = openssl(["pkey", "-pubin", "-outform", "DER"], public)
        need(hashlib.sha256(der).digest() == self.sender,
             "SENDER: signer is not the sender")


def payload(head, cek, data):
    gcm = Gcm(hkdf(cek, head.h0, b"dfenv/1 payload"))
    whole = (1 << head.chunk_log2) + 16
    plain, at, index = b"", 0, 0
    need(len(data) >= 16, "TRUNC: no last chunk")
    while True:
        chunk = data[at:at + whole]
        at += len(chunk)
        last = at == len(data)
        nonce = bytes(7) + struct.pack(">IB", index, 1 if last else 0)
        text = gcm.open(nonce, chunk) if len(chunk) >= 16 else None
        need(text is not None, "CHUNK or TRUNC: chunk %d" % index)
        need(not (last and index > 0 and not text), "CHUNK: empty last chunk")
        plain += text
        if last:
            return plain
        index += 1


# --- records -----------------------------------------------------------------

NAMES = {1: "instance", 2: "note", 3: "contents", 4: "statement", 5: "cms",
         6: "body"}


def keys_of(header):
    return dict(line.split(": ", 1)
                for line in header.decode().splitlines())


def records(plain):
    """Checks every digest; yields (name, size, digest)."""
    at, seen, listed = 0, [], None
    while at < len(plain):
        need(listed is None, "MANIFEST: a record after contents")
        need(len(plain) - at >= 16, "FORMAT: frame")
        kind, flags, zero, hlen, blen = struct.unpack(
            ">BBHIQ", plain[at:at + 16])
        need(kind in NAMES and flags == 0 and zero == 0, "FORMAT: frame")
        need(at + 16 + hlen + blen <= len(plain), "FORMAT: lengths")
        header = plain[at + 16:at + 16 + hlen]
        body = plain[at + 16 + hlen:at + 16 + hlen + blen]
        digest = hashlib.sha256(body).hexdigest()
        if kind == 1:
            k = keys_of(header)
            need(k["body-digest"] == digest, "CORRUPT: body")
            if k["coding"] == "stored":
                need(k["digest"] == digest and int(k["size"]) == blen,
                     "CORRUPT: data set")
            seen.append((k["sop-instance"], k["digest"], at))
        elif kind == 3:
            k = keys_of(header)
            need(k["body-digest"] == digest, "MANIFEST: digest")
            listed = [(n, d, int(o)) for n, d, o in
                      (x.split(" ") for x in body.decode().splitlines())]
            need(int(k["count"]) == len(listed), "MANIFEST: count")
        elif kind != 2:
            seen.append((NAMES[kind], digest, at))
        yield NAMES[kind], blen, digest
        at += 16 + hlen + blen
    need(listed == seen, "MANIFEST: contents differ from the records")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("file")
    p.add_argument("--key")
    p.add_argument("--cert")
    p.add_argument("--ca")
    p.add_argument("--kek", help="file of 32 bytes, for an object at rest")
    p.add_argument("--plain", help="write the plaintext here")
    a = p.parse_args()
    with open(a.file, "rb") as f:
        data = f.read()
    try:
        head = Head(data)
        if head.content == 3:
            with open(a.kek, "rb") as f:
                cek = unwrap(f.read(), head.recipients)
        else:
            head.check_signature(a.ca)
            cek = openssl(["cms", "-decrypt", "-binary", "-inform", "DER",
                           "-inkey", a.key, "-recip", a.cert],
                          head.recipients)
            need(len(cek) == 32, "KEY: not a CEK")
        head.check(cek)
        plain = payload(head, cek, data[head.end:])
        lines = [] if head.content == 3 else list(records(plain))
    except (Refused, KeyError, ValueError) as e:
        print("refused: %s" % e)
        return 1
    for line in lines:
        print("%s %d %s" % line)
    print("plain %d %s" % (len(plain), hashlib.sha256(plain).hexdigest()))
    if a.plain:
        with open(a.plain, "wb") as f:
            f.write(plain)
    return 0


if __name__ == "__main__":
    sys.exit(main())
