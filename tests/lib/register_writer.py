"""register_writer - views into the ledger, one after the other, until COUNT of
them were acknowledged; what fails is tried again as another one.

  register_writer.py NODE STUDY COUNT OUT

Speaks to control.sock as the command does; OUT gets "number order" of each
entry when its answer is here.
"""
import json
import os
import socket
import sys
import time

node, study, count, out = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
os.chdir(node)
done = tried = 0
with open(out, "w", encoding="utf-8", buffering=1) as f:
    while done < count:
        tried += 1
        args = {"study": study, "doctor": f"医生{tried}", "order": f"N{tried}"}
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(10)
                s.connect("control.sock")
                s.sendall(json.dumps({"verb": "recognition view",
                                      "args": args}).encode() + b"\n")
                answer = json.loads(s.makefile().readline())
            entry = answer["result"]["entry"]
        except (OSError, ValueError, KeyError):
            time.sleep(0.02)  # nobody there: it is being started
            continue
        f.write(f"{entry['seq']} {entry['order']}\n")
        done += 1
