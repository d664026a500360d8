"""rot - single bits are flipped in a stopped node's stored files, one after the
other; `spool check --read-data` must find every one, and name the file that it
is in when that is an object.

  rot.py BIN COUNT SEED NODE...

Each flip is taken back before the next. Anywhere: sealed headers and payloads,
envelopes, footers, pages of state.db and index.db, the ledger, FORMAT.
"""
import json
import os
import random
import subprocess
import sys

BIN, COUNT, SEED = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
NODES = sys.argv[4:]
random.seed(SEED)


def stored(node):
    """Files that hold custody, by kind."""
    kinds = {"state.db": [], "index.db": [], "ledger": [], "FORMAT": [], "object": [],
             "register": []}
    for name in ("state.db", "index.db"):
        kinds[name].append(f"{node}/{name}")
    kinds["ledger"].append(f"{node}/spool/ledger")
    kinds["FORMAT"].append(f"{node}/spool/FORMAT")
    if os.path.getsize(f"{node}/register") > 24:  # a head alone says nothing
        kinds["register"].append(f"{node}/register")
    for folder, _, names in os.walk(f"{node}/spool/objects"):
        kinds["object"] += [f"{folder}/{name}" for name in names
                            if os.path.getsize(f"{folder}/{name}") > 0]
    return kinds


def choose(kinds):
    weights = [4, 2, 2, 0.1, 12, 2 if kinds["register"] else 0]
    kind = random.choices(list(kinds), weights=weights)[0]
    path = random.choice(kinds[kind])
    size = os.path.getsize(path)
    at = random.randrange(size)
    if kind == "object" and random.random() < 0.4:  # the end is small: more of it
        at = size - 1 - random.randrange(min(size, 1200))
    return kind, path, at, 1 << random.randrange(8)


def flip(path, at, bit):
    with open(path, "r+b") as f:
        f.seek(at)
        b = f.read(1)
        f.seek(at)
        f.write(bytes([b[0] ^ bit]))


def check(node):
    out = subprocess.run([f"{BIN}/dcm-forward", "-C", node, "spool", "check",
                          "--read-data", "--json"], capture_output=True, text=True,
                         check=False)
    for line in out.stdout.splitlines():
        if '"found"' in line:
            return json.loads(line), out.returncode
    return {"found": [], "sound": False, "refused": True}, out.returncode


WANTED = {
    "state.db": {"state-pages-damaged"},
    "index.db": {"index-pages-damaged"},
    "ledger": {"ledger-damaged", "ledger-missing"},
    "register": {"register-damaged"},
    "object": {"torn", "damaged", "wrong-name", "wrong-length"},
}


def is_found(kind, path, said, code):
    if code == 0:
        return False
    if kind == "FORMAT":
        return said.get("refused", False)
    for f in said["found"]:
        if f["kind"] in WANTED[kind] and (
                kind != "object" or os.path.basename(path) in f["subjects"]):
            return True
    return False


def main():
    per_kind, missed = {}, []
    files = {node: stored(node) for node in NODES}
    for node in NODES:
        said, code = check(node)
        if code != 0 or not said["sound"]:
            print(f"# {node} was not sound before: {said}")
            return 1
    for _ in range(COUNT):
        node = random.choice(NODES)
        kind, path, at, bit = choose(files[node])
        flip(path, at, bit)
        said, code = check(node)
        flip(path, at, bit)
        per_kind[kind] = per_kind.get(kind, 0) + 1
        if not is_found(kind, path, said, code):
            missed.append((kind, path, at, bit, said["found"]))
    for miss in missed[:10]:
        print("# missed:", *miss)
    for node in NODES:
        if check(node)[1] != 0:
            print(f"# {node} is not as it was")
            return 1
    print(f"# {COUNT} flips, {len(missed)} missed:",
          ", ".join(f"{n} in {k}" for k, n in sorted(per_kind.items())))
    return 1 if missed else 0


sys.exit(main())
