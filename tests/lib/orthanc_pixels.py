#!/usr/bin/env python3
"""Are the pixels in two Orthancs the same? orthanc_pixels.py PORT_A PORT_B

Every instance of A (by SOP instance UID) must be in B with the same raw
frames, and B must hold nothing else.
"""
import hashlib
import json
import sys
import urllib.error
import urllib.request


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as r:
        return r.read()


def pixels(port):
    found = {}
    for one in json.loads(get(port, "/instances?expand")):
        uid = one["MainDicomTags"]["SOPInstanceUID"]
        total = hashlib.sha256()
        try:
            for frame in json.loads(get(port, f"/instances/{one['ID']}/frames")):
                total.update(get(port, f"/instances/{one['ID']}/frames/{frame}/raw"))
        except urllib.error.HTTPError:
            total.update(b"no frames")
        found[uid] = total.hexdigest()
    return found


a, b = pixels(sys.argv[1]), pixels(sys.argv[2])
bad = [u for u in sorted(a.keys() | b.keys()) if a.get(u) != b.get(u)]
print("\n".join(bad) or f"{len(a)} instances, the same pixels")
sys.exit(1 if bad or not a else 0)
