#!/usr/bin/env python3
"""Are the pixels in two Orthancs the same?

orthanc_pixels.py PORT_A PORT_B DESTINATION LISTING...

A was sent to directly, B through the nodes as their DESTINATION. A LISTING is
the JSON of `quarantine list` or `queue list`. Every instance of A (by SOP
instance UID) must be in B with the same raw frames, or, as JPEG-LS, with frames
that Orthanc decodes to the same, or a listing says why it
is not; a SOP instance that came more than once with different content may be
the other one in A when A could not take the first. B may hold more only where
the nodes could bring over what the direct send could not.
"""
import collections
import hashlib
import json
import re
import sys
import urllib.error
import urllib.request


JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_LS_FOUND = {}


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as r:
        return r.read()


def decoded(port, one):
    """The pixels of a JPEG-LS instance, as Orthanc decodes them."""
    how = {"Transcode": "1.2.840.10008.1.2.1", "Force": True, "Keep": ["SOPInstanceUID"],
           "Replace": {}}
    rq = urllib.request.Request(f"http://127.0.0.1:{port}/instances/{one['ID']}/modify",
                                json.dumps(how).encode(), method="POST")
    with urllib.request.urlopen(rq, timeout=60) as r:
        data = r.read()
    at = max(data.rfind(b"\xe0\x7f\x10\x00O" + vr + b"\0\0") for vr in (b"W", b"B"))
    size = int.from_bytes(data[at + 8:at + 12], "little")
    return data[at + 12:at + 12 + size]


def pixels(port):
    found = {}
    for one in json.loads(get(port, "/instances?expand")):
        uid = one["MainDicomTags"].get("SOPInstanceUID", "")
        total = hashlib.sha256()
        try:
            syntax = get(port, f"/instances/{one['ID']}/metadata/TransferSyntax").decode()
            frames = json.loads(get(port, f"/instances/{one['ID']}/frames"))
            if syntax == JPEG_LS:
                JPEG_LS_FOUND.setdefault(port, set()).add(uid)
                total.update(decoded(port, one).rstrip(b"\0"))
            else:
                raw = b"".join(get(port, f"/instances/{one['ID']}/frames/{frame}/raw")
                               for frame in frames)
                total.update(raw.rstrip(b"\0"))
        except urllib.error.HTTPError:
            total.update(b"no frames")
        found.setdefault(uid, set()).add(total.hexdigest())
    return found


def listed(paths, destination):
    why = {}
    for path in paths:
        j = json.load(open(path, encoding="utf-8"))
        for q in j.get("quarantined", []):
            why.setdefault(q["sop_instance"], q["reason"])
        for d in j.get("deliveries", []):
            if d["state"] == "refused" and d["destination"] == destination:
                why.setdefault(d.get("sop_instance"), "refused: " + d["error"])
    return why


def main(port_a, port_b, destination, lists):
    a, b, why = pixels(port_a), pixels(port_b), listed(lists, destination)
    bad, reasons, same = [], collections.Counter(), 0
    for uid in sorted(a):
        if uid in b and b[uid] <= a[uid]:
            same += 1
        elif uid in why:
            reasons[why[uid]] += 1
        elif not re.fullmatch("[0-9.]{1,64}", uid):
            reasons["refused at the door: invalid SOP Instance UID"] += 1
        else:
            bad.append(f"{'other pixels' if uid in b else 'missing'}: {uid}")
    more = sorted(set(b) - set(a))
    print(f"{same} of {len(a)} instances have the same pixels; {len(more)} more "
          "than a direct send could bring")
    print(f"{len(JPEG_LS_FOUND.get(port_b, set()))} of them decoded from JPEG-LS")
    for reason, n in reasons.most_common():
        print(f"{n} not the same, listed: {reason}")
    print("\n".join(bad))
    return 1 if bad or not same else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
