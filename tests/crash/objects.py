"""Objects of a spool as docs/formats/spool.md describes them, read without any
code of the program: envelope, hash, checksum. For the checker of custody.
"""
import ctypes
import ctypes.util
import hashlib
import os
import re
import struct

NAME = re.compile("[0-9a-z]{26}")
RAW = ("kind", "id", "received", "checksum", "association", "called-ae",
       "calling-ae", "address", "sop-class", "sop-instance",
       "transfer-syntax", "size", "digest")
SEALED = ("kind", "id", "received", "checksum", "direction", "peer", "parcel",
          "study-uid", "epoch", "sequence", "h0", "previous")
END = b"DFENVEL1"


class _Hash128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


_xxh = ctypes.CDLL(ctypes.util.find_library("xxhash") or "libxxhash.so.0")
_xxh.XXH3_128bits.restype = _Hash128
_xxh.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]


def checksum(data):
    h = _xxh.XXH3_128bits(data, len(data))
    return f"{h.high:016x}{h.low:016x}"


class Unfinished(Exception):
    """Not a whole object; str() says what is missing."""


class Object:
    """One whole object: its envelope, and what it holds as (UID, digest)."""

    def __init__(self, path, data):
        self.path, self.id = path, os.path.basename(path)
        if len(data) < 16 or data[-8:] != END:
            raise Unfinished("no end")
        size = struct.unpack(">Q", data[-16:-8])[0]
        if size > len(data) - 16:
            raise Unfinished("its end names more bytes than there are")
        text = data[size:-16]
        body, mark, digest = text.rpartition(b"hash: ")
        hashed = hashlib.sha256(body).hexdigest().encode() + b"\n"
        if not mark or digest != hashed:
            raise Unfinished("its envelope does not match its hash")
        self.length = size
        self.fields, self.instances = {}, []
        for line in body.decode().splitlines():
            key, value = line.split(": ", 1)
            if key == "instance":
                part = value.split(" ")
                self.instances.append((part[0], part[4]))
            else:
                self.fields[key] = value
        self.kind = self.fields["kind"]
        wanted = RAW if self.kind == "raw" else SEALED
        if tuple(self.fields) != wanted or self.fields["id"] != self.id:
            raise Unfinished("its envelope is not of this format or file")
        if self.fields["checksum"] != checksum(data[:size]):
            raise Unfinished("its content does not match its checksum")
        if self.kind == "raw":
            self.instances = [(self.fields["sop-instance"],
                               self.fields["digest"])]


def read(path):
    with open(path, "rb") as f:
        return Object(path, f.read())


def walk(spool):
    """(path, name is ours and stands where it belongs) of every object file."""
    top = os.path.join(spool, "objects")
    for folder in os.scandir(top):
        if not folder.is_dir():
            yield folder.path, False
            continue
        for entry in os.scandir(folder.path):
            yield entry.path, bool(NAME.fullmatch(entry.name)
                                   and entry.name[:2] == folder.name)
