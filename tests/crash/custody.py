"""The invariant checker: is everything that was acknowledged still ours?

One set of rules for the killer, the live power cuts and the replayed crash
states. Reads the files and a copy of the journal with its own code; the
program that is under test is not asked.

A ledger is a text file, one line an event, of a party outside of the node:
    sent UID SHA256 NS      a modality is about to send this data set
    ack UID SHA256 NS       it was answered 0x0000 (time in ns)
    asked UID - NS          storage commitment: this transaction was taken on
and of a PACS, as tests/lib/pacs.py writes it:
    UID SHA256 STATUS       a C-STORE came whole and was answered with STATUS
"""
import collections
import hashlib
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

import objects

QUARANTINED, PURGED = 3, 4  # states of an instance
CONFIRMED, REFUSED, STATES = 5, 6, 9  # of a delivery
TABLES = ("objects", "instances", "parcels", "deliveries", "manifests", "held",
          "uploads", "studies", "commitments")
SCRATCH = "/dev/shm" if os.path.isdir("/dev/shm") else None


class Report:
    """What is wrong, and how much was looked at."""

    def __init__(self):
        self.bad = []
        self.seen = collections.Counter()

    def no(self, rule, text):
        self.bad.append((rule, text))

    def json(self):
        return {"ok": not self.bad, "seen": dict(self.seen),
                "violations": [{"rule": r, "text": t} for r, t in self.bad]}


# --- ledgers -----------------------------------------------------------------

def modality_ledger(path):
    """(sent, acknowledged): sets of (UID, digest)."""
    sent, acks = set(), set()
    with open(path, encoding="ascii") as f:
        for line in f:
            word, uid, digest, _ = line.split(" ")
            if word == "asked":
                continue
            sent.add((uid, digest))
            if word == "ack":
                acks.add((uid, digest))
    return sent, acks


def asked_ledger(path):
    """The transactions of storage commitment that were taken on."""
    with open(path, encoding="ascii") as f:
        return {line.split(" ")[1] for line in f if line.startswith("asked ")}


def pacs_ledger(path):
    """How often each (UID, digest) was taken with Success."""
    taken = collections.Counter()
    with open(path, encoding="ascii") as f:
        for line in f:
            uid, digest, status = line.split()
            if status == "0000":
                taken[(uid, digest)] += 1
    return taken


# --- a node's directory ------------------------------------------------------

def boot_time():
    with open("/proc/stat", encoding="ascii") as f:
        return int(re.search(r"btime (\d+)", f.read()).group(1))


def queue_of(path):
    """(pid, start in seconds) of the df-queue that serves this directory."""
    there = os.stat(path)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                stat = f.read()
            if "(df-queue)" not in stat:
                continue
            if os.path.samestat(os.stat(f"/proc/{pid}/cwd"), there):
                ticks = int(stat.rpartition(")")[2].split()[19])
                return int(pid), (boot_time()
                                  + ticks / os.sysconf("SC_CLK_TCK"))
        except OSError:
            continue
    return None, None


class Frozen:
    """The queue of this node stands still, if it runs: what the journal says
    then is what a SIGKILL of this moment would leave."""

    def __init__(self, path):
        self.pid, self.since = queue_of(path)

    def __enter__(self):
        if self.pid:
            os.kill(self.pid, signal.SIGSTOP)
            for _ in range(2000):
                with open(f"/proc/{self.pid}/stat", encoding="ascii") as f:
                    if f.read().rpartition(")")[2].split()[0] in "TtZ":
                        break
                time.sleep(0.0005)  # nothing tells that another's child stands
        return self

    def __exit__(self, *_):
        if self.pid:
            try:
                os.kill(self.pid, signal.SIGCONT)
            except ProcessLookupError:
                pass


class Node:
    """Everything the rules look at, read once."""

    def __init__(self, path):
        self.path, self.spool = path, os.path.join(path, "spool")
        self.whole, self.unfinished, self.strangers = {}, {}, []
        with Frozen(path) as frozen:
            self.live, self.since = frozen.pid is not None, frozen.since
            self.files()
            self.quarantine = os.listdir(os.path.join(self.spool, "quarantine"))
            self.journal()

    def files(self):
        for path, ours in objects.walk(self.spool):
            if not ours:
                self.strangers.append(path)
                continue
            try:
                o = objects.read(path)
                self.whole[o.id] = o
            except objects.Unfinished as e:
                stat = os.stat(path)
                self.unfinished[os.path.basename(path)] = (
                    str(e), stat.st_mtime, stat.st_size)
            except FileNotFoundError:
                pass  # unlinked since: its replacement stands

    def journal(self):
        self.rows = {}
        with tempfile.TemporaryDirectory(dir=SCRATCH) as d:
            for name in ("state.db", "state.db-wal"):
                if os.path.exists(os.path.join(self.path, name)):
                    shutil.copyfile(os.path.join(self.path, name),
                                    os.path.join(d, name))
            db = sqlite3.connect(os.path.join(d, "state.db"))
            db.row_factory = sqlite3.Row
            try:
                self.integrity = db.execute(
                    "PRAGMA integrity_check").fetchone()[0]
                for table in TABLES:
                    self.rows[table] = db.execute(
                        f"SELECT * FROM {table}").fetchall()
            except sqlite3.DatabaseError as e:
                self.integrity = str(e)
                for table in TABLES:
                    self.rows.setdefault(table, [])
            db.close()

    def holders(self):
        """(UID, digest) -> the whole objects that hold it."""
        found = collections.defaultdict(list)
        for o in self.whole.values():
            for key in o.instances:
                found[key].append(o)
        return found


# --- receipts ----------------------------------------------------------------

_verified = {}


def signed_by(node, peer, text, signature):
    """Did the enrolled peer sign this text? By openssl, not by us."""
    key = hashlib.sha256(peer.encode() + text + b"\0" + signature).digest()
    if key not in _verified:
        keys = os.path.join(node.path, "keys")
        with tempfile.TemporaryDirectory(dir=SCRATCH) as d:
            with open(d + "/text", "wb") as f:
                f.write(text)
            done = subprocess.run(
                ["openssl", "cms", "-verify", "-binary", "-inform", "DER",
                 "-content", d + "/text", "-purpose", "any", "-no_check_time",
                 "-CAfile", keys + "/ca.crt", "-nointern", "-certfile",
                 f"{keys}/peers/{peer}.pem", "-out", "/dev/null"],
                input=signature, capture_output=True)
        _verified[key] = done.returncode == 0
    return _verified[key]


def lines(text):
    return dict(line.split(": ", 1) for line in text.decode().splitlines())


def receipted(node, report):
    """Every (UID, digest) of a manifest under a receipt that is valid."""
    under = set()
    for row in node.rows["manifests"]:
        if row["receipt"] is None or row["state"] != 1:
            continue
        text, receipt = bytes(row["text"]), bytes(row["receipt"])
        m, r = lines(text), lines(receipt)
        good = (r["manifest"] == "sha256:" + hashlib.sha256(text).hexdigest()
                and r["study-uid"] == m["study-uid"]
                and r["version"] == m["version"]
                and r["held"] == m["instances"]
                and signed_by(node, r["centre-node"], receipt,
                              bytes(row["receipt_signature"])))
        report.seen["receipts"] += 1
        if not good:
            report.no("receipt", f"of manifest {row['n']} is not valid")
            continue
        for line in text.decode().splitlines():
            if line.startswith("instance: "):
                uid, digest, _ = line[10:].split(" ")
                under.add((uid, digest))
    return under


# --- the rules ---------------------------------------------------------------

def rule_files(node, report):
    """Nothing but whole objects, and what is being written in this life."""
    for path in node.strangers:
        report.no("stranger", path)
    have_row = {r["id"] for r in node.rows["objects"]}
    for name, (why, mtime, size) in node.unfinished.items():
        if name in have_row:
            report.no("row-without-bytes", f"{name}: {why}")
        elif node.live and size > 0 and mtime < node.since - 0.02:
            report.no("leftover", f"{name}: {why}, older than the restart")
    for name in node.quarantine:
        report.no("needs-a-hand", f"quarantine/{name}")
    report.seen["objects"] += len(node.whole)


def rule_rows(node, report):
    """Each row has its bytes; states are legal; nothing needs a person."""
    if node.integrity != "ok":
        report.no("journal", node.integrity)
    keys = collections.Counter()
    for r in node.rows["objects"]:
        if r["id"] not in node.whole:
            report.no("row-without-bytes", f"object {r['id']}")
        elif node.whole[r["id"]].length != r["dfenv"]:
            report.no("row-without-bytes", f"object {r['id']}: other length")
    for r in node.rows["instances"]:
        key = (r["sop"], bytes(r["digest"] or b"").hex())
        keys[(r["peer"], *key)] += 1
        home = node.whole.get(r["object"])
        if not 0 <= r["state"] <= PURGED:
            report.no("state", f"instance {r['sop']} in state {r['state']}")
        elif r["state"] == QUARANTINED:
            report.no("needs-a-hand", f"instance {r['sop']}: {r['reason']}")
        elif r["state"] == PURGED:
            report.seen["purged"] += 1
        elif home is None:
            report.no("row-without-bytes", f"instance {r['sop']}")
        elif key not in home.instances:
            report.no("row-without-bytes",
                      f"instance {r['sop']} is not in {r['object']}")
    for key, n in keys.items():
        if n > 1:
            report.no("twice", f"{n} rows of {key}")
    for r in node.rows["deliveries"]:
        if not 0 <= r["state"] < STATES:
            report.no("state", f"delivery {r['n']} in state {r['state']}")
        elif r["state"] >= REFUSED:
            report.no("needs-a-hand", f"delivery {r['n']}: {r['why']}")
    for r in node.rows["uploads"]:
        path = os.path.join(node.spool, "incoming", r["file"] or "")
        if r["file"] in node.whole:
            continue  # an object already; its rows come with this turn
        if r["state"] == 0 and r["file"] and r["offset"] > 0 and (
                not os.path.exists(path)
                or os.path.getsize(path) < r["offset"]):
            report.no("offset", f"upload {r['hex']} says {r['offset']}")
    report.seen["rows"] += sum(len(v) for v in node.rows.values())


def rule_custody(node, acks, under, report):
    """Each acknowledged data set is held whole, or under a receipt."""
    holders = node.holders()
    for key in acks:
        if key not in holders and key not in under:
            report.no("lost", f"acknowledged {key[0]} {key[1]}")
    for key, homes in holders.items():
        raws = [o.id for o in homes if o.kind == "raw"]
        if len(raws) > 1 and not fresh(node, raws):
            report.no("twice", f"{key[0]} in {' '.join(raws)}")
    report.seen["acknowledged"] += len(acks)


def fresh(node, names):
    """One of them came in this life and may not have been compared yet."""
    have_row = {r["id"] for r in node.rows["objects"]}
    return node.live and any(n not in have_row for n in names)


def rule_settled(node, report):
    """All is done: one home each, no work left, nothing unfinished."""
    for key, homes in node.holders().items():
        if len(homes) > 1:
            report.no("twice", f"{key[0]} in {' '.join(o.id for o in homes)}")
    for name, (why, _, size) in node.unfinished.items():
        if size > 0:
            report.no("leftover", f"{name}: {why}")
    rows = {r["id"] for r in node.rows["objects"]}
    for name in set(node.whole) - rows:
        report.no("object-without-row", name)
    for r in node.rows["deliveries"]:
        if r["state"] != CONFIRMED:
            report.no("unsettled", f"delivery {r['n']} in {r['state']}")
    for r in node.rows["manifests"]:
        if r["receipt"] is None:
            report.no("unsettled", f"manifest {r['n']} has no receipt")


def rule_all_known(node, acks, under, report):
    """Each acknowledged data set has a row, or a receipt."""
    known = {(r["sop"], bytes(r["digest"]).hex())
             for r in node.rows["instances"]}
    for key in acks:
        if key not in known and key not in under:
            report.no("lost", f"no row of {key[0]} {key[1]}")


def rule_centre(under, centre, taken, report):
    """What a clinic holds a receipt for, the centre that gave it holds, or the
    PACS behind it."""
    held = centre.holders()
    for key in under:
        if key not in held and key not in (taken or ()):
            report.no("lost", f"receipted {key[0]} is not at the centre")
    report.seen["under receipt"] += len(under)


def rule_purged(node, word, report):
    """What was let go is under the word of the next holder."""
    for r in node.rows["instances"]:
        key = (r["sop"], bytes(r["digest"]).hex())
        if r["state"] == PURGED and key not in word:
            report.no("purged", f"{r['sop']} without a word for it")


def rule_pacs(taken, sent, acks, settled, report):
    """In effect once: one data set of a UID, and the one that was sent."""
    by_uid = collections.defaultdict(set)
    for uid, digest in taken:
        by_uid[uid].add(digest)
        if (uid, digest) not in sent:
            report.no("pacs", f"{uid} {digest} was never sent")
    for uid, digests in by_uid.items():
        if len(digests) > 1:
            report.no("twice", f"{len(digests)} different {uid} at the PACS")
    if settled:
        for key in acks - set(taken):
            report.no("lost", f"acknowledged {key[0]} is not at the PACS")
    report.seen["at the PACS"] += len(taken)
    report.seen["repetitions on the wire"] += sum(taken.values()) - len(taken)


def rule_asked(node, asked, report):
    """A transaction that was taken on is not forgotten."""
    known = {r["uid"] for r in node.rows["commitments"]}
    for transaction in asked - known:
        report.no("lost", f"storage commitment {transaction}")
    report.seen["asked"] += len(asked)


def rule_confirmed(node, taken, report):
    """What the journal calls confirmed by the PACS, the PACS has."""
    of = {r["n"]: (r["sop"], bytes(r["digest"]).hex())
          for r in node.rows["instances"]}
    for r in node.rows["deliveries"]:
        if r["kind"] == 2 and r["state"] == CONFIRMED \
                and taken[of.get(r["item"])] == 0:
            report.no("false-word", f"delivery {r['n']}: the PACS has not"
                      f" {of.get(r['item'])}")


def check(path=None, ledger=None, centre=None, pacs=None, settled=False):
    """Looks at the node in `path`, whose modality keeps `ledger`, and at the
    node in `centre` that its receipts come from (either alone will do); `pacs`
    is the ledger of the PACS behind the centre. Read in the order in which
    each must be contained in the next."""
    report = Report()
    acks = modality_ledger(ledger)[1] if ledger else set()
    clinic = Node(path) if path else None
    there = Node(centre) if centre else None
    nodes = [node for node in (clinic, there) if node]
    taken = pacs_ledger(pacs) if pacs else None
    under = receipted(clinic, report) if clinic else set()
    for node in nodes:
        rule_files(node, report)
        rule_rows(node, report)
        if settled:
            rule_settled(node, report)
        if taken is not None:
            rule_confirmed(node, taken, report)
    if clinic:
        rule_custody(clinic, acks, under, report)
        rule_purged(clinic, under, report)
    if clinic and settled:
        rule_all_known(clinic, acks, under, report)
    if there:
        rule_centre(under, there, taken, report)
    if there and taken is not None:
        rule_purged(there, taken, report)
    if taken is not None and ledger:
        sent = modality_ledger(ledger)[0]
        rule_pacs(taken, sent, acks, settled, report)
    return report
