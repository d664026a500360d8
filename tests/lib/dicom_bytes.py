#!/usr/bin/env python3
"""Digests of data sets as they were on the wire.

dicom_bytes.py DIR...          one line a file: SOP instance UID, SHA-256 of the
                               bytes after the file meta information, file
dicom_bytes.py --compare A B   every (UID, digest) of A is in B and the other
                               way round; with --first, only the first digest
                               of each UID of A (by file time) must be in B and
                               B holds nothing that A lacks; no UID twice in B
"""
import hashlib
import os
import struct
import sys


def read(path):
    data = open(path, "rb").read()
    if data[128:132] != b"DICM":
        raise ValueError(f"{path}: no file meta information")
    at, end, uid = 132, None, None
    while end is None or at < end:
        group, element = struct.unpack_from("<HH", data, at)
        vr = data[at + 4:at + 6]
        if vr in (b"OB", b"UN", b"OW", b"SQ", b"UT"):
            length, value = struct.unpack_from("<I", data, at + 8)[0], at + 12
        else:
            length, value = struct.unpack_from("<H", data, at + 6)[0], at + 8
        if (group, element) == (2, 0):
            end = value + length + struct.unpack_from("<I", data, value)[0]
        if (group, element) == (2, 3):
            uid = data[value:value + length].rstrip(b"\0 ").decode("ascii")
        at = value + length
    return uid, hashlib.sha256(data[end:]).hexdigest()


def files(top):
    for folder, _, names in os.walk(top):
        for name in names:
            yield os.path.join(folder, name)


def pairs(top):
    found = []
    for path in sorted(files(top), key=lambda p: os.stat(p).st_mtime_ns):
        found.append((*read(path), path))
    return found


def compare(a, b, first_only):
    left, right = pairs(a), pairs(b)
    bad = []
    held = {(uid, digest) for uid, digest, _ in right}
    known = {(uid, digest) for uid, digest, _ in left}
    seen = set()
    for uid, digest, path in left:
        if first_only and uid in seen:
            continue
        seen.add(uid)
        if (uid, digest) not in held:
            bad.append(f"missing or changed: {uid} ({path})")
    for uid, digest, path in right:
        if (uid, digest) not in known:
            bad.append(f"not what was sent: {uid} ({path})")
    uids = [uid for uid, _, _ in right]
    bad += [f"arrived twice: {u}" for u in sorted(set(uids)) if uids.count(u) > 1]
    print("\n".join(bad) if bad else f"{len(right)} data sets are equal")
    return 1 if bad or not right else 0


if __name__ == "__main__":
    if sys.argv[1] == "--compare":
        rest = [a for a in sys.argv[2:] if a != "--first"]
        sys.exit(compare(*rest, "--first" in sys.argv))
    for top in sys.argv[1:]:
        for uid, digest, path in pairs(top):
            print(uid, digest, path)
