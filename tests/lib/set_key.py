#!/usr/bin/env python3
"""Sets one key of an INI file: set_key.py FILE SECTION KEY VALUE."""
import re
import sys

path, section, key, value = sys.argv[1:]
lines = open(path, encoding="utf-8").read().split("\n")
out, inside, done = [], False, False
for line in lines:
    head = re.match(r"\s*\[(.*)\]\s*$", line)
    if head:
        if inside and not done:
            out.append(f"{key} = {value}")
            done = True
        inside = head.group(1) == section
    elif inside and not done and re.match(rf"\s*;?\s*{re.escape(key)}\s*=", line):
        line = f"{key} = {value}"
        done = True
    out.append(line)
if not done:
    if not inside:
        out.append(f"[{section}]")
    out.append(f"{key} = {value}")
open(path, "w", encoding="utf-8").write("\n".join(out) + "\n")
