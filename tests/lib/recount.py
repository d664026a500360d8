"""recount - the figures of a month, counted again from the register itself.

  recount.py EXPORT FIGURES

EXPORT is what `audit export` wrote, FIGURES what `recognition figures --json`
said of the month of all of it. Written apart from the program, from
docs/formats/register.md. Exit 1 and a word when they differ.
"""
import collections
import json
import sys

entries = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
said = json.load(open(sys.argv[2], encoding="utf-8"))

undone = {e["entry"]["undo"] for e in entries
          if e["kind"] == "recognition" and e["entry"]["act"] == "undo"}
cases = collections.defaultdict(list)
for e in entries:
    if e["kind"] != "recognition":
        continue
    x = e["entry"]
    key = (x["study_uid"], x["node"], x.get("order") or str(x["day"]))
    cases[key].append((e["seq"], x))

rows = collections.defaultdict(collections.Counter)
for acts in cases.values():
    last = acts[-1][1]
    row = (last.get("exam", {}).get("item", ""),
           last.get("exam", {}).get("institution", ""))
    standing = [x for seq, x in acts
                if x["act"] in ("accept", "decline") and seq not in undone]
    counted = collections.Counter(cases=1)
    counted["eligible"] = any(x.get("verdict") == "yes" for _, x in acts)
    counted["viewed"] = any(x["act"] == "view" for _, x in acts)
    counted["emergency"] = any(x.get("emergency", False) for _, x in acts)
    if not standing:
        counted["undecided"] = 1
    elif standing[-1]["act"] == "accept":
        counted["recognised"] = 1
    else:
        counted["declined"] = 1
        counted["reason " + standing[-1]["reason"]] = 1
    rows[row] += counted
    rows[None] += counted


def flat(row):
    c = collections.Counter({k: row[k] for k in (
        "cases", "eligible", "viewed", "recognised", "declined", "undecided",
        "emergency")})
    c.update({"reason " + k: n for k, n in row["reasons"].items()})
    return +c


theirs = {(r["item"], r["institution"]): flat(r) for r in said["rows"]}
theirs[None] = flat(said["total"])
ours = {k: +v for k, v in rows.items()} or {None: collections.Counter()}
if theirs != ours:
    sys.exit(f"figures differ:\n  said     {theirs}\n  recounted {ours}")
t = said["total"]
if t["cases"] != t["recognised"] + t["declined"] + t["undecided"]:
    sys.exit("the total does not add up")
print(f"{len(entries)} entries, {len(cases)} cases: the same")
