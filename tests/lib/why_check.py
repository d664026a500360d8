#!/usr/bin/env python3
"""Does `study why` of each study with quarantined instances say the reasons?
why_check.py PROGRAM NODE QUARANTINE.json
"""
import json
import subprocess
import sys

program, node, listing = sys.argv[1:]
by_study, unknown = {}, 0
for q in json.load(open(listing, encoding="utf-8"))["quarantined"]:
    if q["study_uid"]:
        by_study.setdefault(q["study_uid"], set()).add(q["reason"])
    else:
        unknown += 1
bad = 0
for study, reasons in by_study.items():
    said = subprocess.run([program, "-C", node, "study", "why", study],
                          capture_output=True, text=True, check=True).stdout
    if not any(r in said for r in reasons):
        print(f"study why {study} does not say {reasons}")
        bad += 1
print(f"{len(by_study)} studies; {unknown} instances name no study")
sys.exit(1 if bad else 0)
