#!/usr/bin/env python3
"""Makes a study of COUNT instances from one real file, by patching its bytes.

make_study.py TEMPLATE OUT COUNT [SEED]

SOP instance, series and study UIDs get new values of the same length, in the
file meta information and in the data set, and the last pixels change, so that
every instance, also under another SEED, is another image of the same patient.
"""
import hashlib
import os
import re
import struct
import sys


def new_uid(old, salt):
    digits = str(int(hashlib.sha256(f"{old.decode()}/{salt}".encode()).hexdigest(), 16))
    body = (b"1.2." + b"1" + digits.encode())[: len(old)]
    assert len(body) == len(old) and len(old) >= 16, "UID too short to replace"
    return body


def find(data, group, element):
    tag = struct.pack("<HH", group, element)
    for m in re.finditer(re.escape(tag) + b"(UI)?", data):
        at = m.end()
        size = (struct.unpack_from("<H", data, at)[0] if m.group(1)
                else struct.unpack_from("<I", data, at)[0])
        value = data[at + (2 if m.group(1) else 4):][:size]
        if re.fullmatch(rb"[0-9.]{16,64}\0?", value):
            return value.rstrip(b"\0")
    raise SystemExit(f"no ({group:04x},{element:04x}) in the template")


def main():
    template, out, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seed = sys.argv[4] if len(sys.argv) > 4 else "0"
    data = open(template, "rb").read()
    sop, study, series = (find(data, 8, 0x18), find(data, 0x20, 0xD), find(data, 0x20, 0xE))
    data = data.replace(series, new_uid(series, f"series{seed}"))
    data = data.replace(study, new_uid(study, f"study{seed}"))
    salt = hashlib.sha256(seed.encode()).digest() if seed != "0" else bytes(32)
    os.makedirs(out, exist_ok=True)
    for i in range(count):
        one = bytearray(data.replace(sop, new_uid(sop, f"{seed}/{i}")))
        for k in range(64):  # in the last pixel rows; even bytes stay in range
            at = len(one) - 512 + 2 * k
            one[at] ^= (i * 7 + k + salt[k % 32]) & 0xFF
        with open(os.path.join(out, f"IM{i:05d}"), "wb") as f:
            f.write(one)
    print(new_uid(study, f"study{seed}").decode())


main()
