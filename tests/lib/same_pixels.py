#!/usr/bin/env python3
"""Are the pixels that arrived those that were sent?

same_pixels.py SENT ARRIVED_DIR QUEUE.json QUARANTINE.json DESTINATION

SENT is the output of raw_scu.py. Each file that was answered with success
must have arrived with the pixels that DCMTK's own decoders (for JPEG 2000
OpenJPEG's) give for it, or be refused with a reason (then it must be one that
has no way without loss), or be in quarantine. Printed are the kinds, from what
to what.
"""
import collections
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import dicom_bytes
import raw_scu

DECODERS = {"1.2.840.10008.1.2.4.80": ["dcmdjpls"], "1.2.840.10008.1.2.5": ["dcmdrle"],
            "1.2.840.10008.1.2.4.57": ["dcmdjpeg", "+cn"],
            "1.2.840.10008.1.2.4.70": ["dcmdjpeg", "+cn"]}
NATIVE = (raw_scu.ILE, raw_scu.ELE, raw_scu.BE, raw_scu.DEFLATED)


def jpeg2000(path, work):
    """Of the words that the codestreams of grey frames decode to."""
    raw, total = os.path.join(work, "raw"), hashlib.sha256()
    subprocess.run(["rm", "-rf", raw], check=True)
    os.mkdir(raw)
    subprocess.run(["dcmdump", "-q", "+W", raw, path], capture_output=True, check=False)
    shown = subprocess.run(["dcmdump", "-q", "+P", "0028,0100", path], text=True,
                           capture_output=True, check=False).stdout
    size = int(re.search(r"US (\d+)", shown)[1]) // 8
    for name in sorted(os.listdir(raw), key=lambda n: int(re.findall(r"\d+", n)[-1]))[1:]:
        code, words = os.path.join(work, "frame.j2k"), os.path.join(work, "frame.rawl")
        shutil.copy(os.path.join(raw, name), code)
        if subprocess.run(["opj_decompress", "-i", code, "-o", words],
                          capture_output=True, check=False).returncode:
            return None
        data = open(words, "rb").read()
        bits = codestream_bits(open(code, "rb").read())
        if bits[0] > 8 * size:
            return None
        total.update(widened(data, bits, size))
    return total.hexdigest()


def codestream_bits(code):
    """Precision and sign of the first component (SIZ, ISO 15444-1 A.5.1)."""
    ssiz = code[4 + 38]
    return (ssiz & 0x7F) + 1, bool(ssiz & 0x80)


def widened(data, bits, size):
    """Samples as opj_decompress writes them, in words of `size` bytes."""
    width, signed = (1 if bits[0] <= 8 else 2), bits[1]
    if width == size:
        return data
    return b"".join(int.from_bytes(data[i:i + width], "little", signed=signed)
                    .to_bytes(size, "little", signed=signed)
                    for i in range(0, len(data), width))


def digest(path, syntax, work):
    """Of the uncompressed pixel data; None when it cannot be decoded."""
    if syntax == raw_scu.J2K:
        return jpeg2000(path, work)
    native, raw = os.path.join(work, "native.dcm"), os.path.join(work, "raw")
    subprocess.run(["rm", "-rf", raw], check=True)
    os.mkdir(raw)
    tool = DECODERS.get(syntax, ["dcmconv"])
    how = ["+te"] if tool == ["dcmconv"] else []
    if subprocess.run([*tool, *how, path, native], capture_output=True,
                      check=False).returncode:
        return None
    subprocess.run(["dcmdump", "-q", "+W", raw, native], capture_output=True,
                   check=False)
    total = hashlib.sha256()
    for name in sorted(os.listdir(raw)):
        total.update(open(os.path.join(raw, name), "rb").read())
    return total.hexdigest()


def main(sent, arrived, queue, quarantine, destination):
    there = {u: p for u, _, p in dicom_bytes.pairs(arrived)}
    aside = {q["digest"] for q in json.load(open(quarantine))["quarantined"]}
    refused = {d["sop_instance"]: d["error"] for d in json.load(open(queue))["deliveries"]
               if d["destination"] == destination and d["state"] == "refused"}
    seen, bad, kinds = set(), [], collections.Counter()
    with tempfile.TemporaryDirectory() as work:
        for line in open(sent, encoding="utf-8"):
            word, uid, sha, path = line.rstrip("\n").split(" ", 3)
            if word != "0000" or sha in aside or sha in seen:
                continue
            seen.add(sha)
            syntax = raw_scu.read(path)[2]
            if uid in there:
                want = digest(path, syntax, work)
                came = raw_scu.read(there[uid])[2]
                got = digest(there[uid], came, work)
                if want is None and came == syntax:
                    kinds[f"as it was sent, {syntax}"] += 1
                    continue
                if want is None or want != got:
                    bad.append(f"other pixels: {syntax} {path}")
                kinds[f"same pixels from {syntax} in {came}"] += 1
            elif uid not in refused:
                bad.append(f"neither there nor refused: {path}")
            else:
                kinds[f"refused {syntax}: " + re.sub(
                    "class [0-9.]+", "class ...", refused[uid])] += 1
                if syntax in NATIVE:
                    bad.append(f"refused without need: {syntax} {path}: {refused[uid]}")
    for kind, n in sorted(kinds.items()):
        print(f"{n} {kind}")
    print("\n".join(bad))
    return 1 if bad or not there else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
