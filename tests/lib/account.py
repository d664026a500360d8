#!/usr/bin/env python3
"""Where did every instance go? account.py REFERENCE PACS LISTING...

REFERENCE is a directory that a bit-preserving storescp filled, or the output
of raw_scu.py; PACS such a directory; a LISTING is the JSON of `quarantine
list` or `queue list`, of either node. Every data set of the reference must be
in the PACS byte for byte, or be listed with a reason; the PACS may hold
nothing else, and no SOP instance twice.
"""
import collections
import json
import os
import re
import sys

import dicom_bytes


def reference(path):
    if os.path.isdir(path):
        return [(u, d) for u, d, _ in dicom_bytes.pairs(path)]
    lines = (line.split(" ", 3) for line in open(path, encoding="utf-8"))
    return [(w[1], w[2]) for w in lines if w[0] == "0000"]


def listings(paths):
    by_digest, by_uid, silent = {}, {}, []
    for path in paths:
        j = json.load(open(path, encoding="utf-8"))
        for q in j.get("quarantined", []):
            by_digest[q["digest"]] = q["reason"]
            if not q["reason"]:
                silent.append(q["sop_instance"])
        for d in j.get("deliveries", []):
            if d["state"] == "refused":
                by_uid[d.get("sop_instance")] = "refused: " + d["error"]
    return by_digest, by_uid, silent


def main(ref, pacs, lists):
    sent, held = reference(ref), [(u, d) for u, d, _ in dicom_bytes.pairs(pacs)]
    by_digest, by_uid, silent = listings(lists)
    there, known = set(held), set(sent)
    bad = [f"quarantined without a reason: {u}" for u in silent]
    reasons, arrived = collections.Counter(), 0
    for uid, digest in sorted(known):
        if (uid, digest) in there:
            arrived += 1
        elif digest in by_digest:
            reasons[by_digest[digest]] += 1
        elif uid in by_uid:
            reasons[by_uid[uid]] += 1
        elif not re.fullmatch("[0-9.]{1,64}", uid):
            reasons["refused at the door: invalid SOP Instance UID"] += 1
        else:
            bad.append(f"silently missing or changed: {uid} {digest}")
    bad += [f"not what was sent: {u} {d}" for u, d in held if (u, d) not in known]
    twice = collections.Counter(u for u, _ in held)
    bad += [f"twice in the PACS: {u}" for u, n in twice.items() if n > 1]
    print(f"sent {len(sent)}, different {len(known)}, arrived equal {arrived}")
    for reason, n in reasons.most_common():
        print(f"{n} not sent on: {reason}")
    print("\n".join(bad))
    return 1 if bad or not arrived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
