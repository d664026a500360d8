"""spool_zoo - one thing after the other is made wrong in a stopped node's
directory; `spool check` must name it, and `--repair` must mend what it says it
mends without losing the only copy of anything.

  spool_zoo.py BIN CLINIC CENTRE LONE
"""
import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile

BIN, CLINIC, CENTRE, LONE = sys.argv[1:5]
random.seed(7)
failed = 0


class Node:
    """A copy of a node, to be spoilt."""

    def __init__(self, source):
        self.dir = tempfile.mkdtemp(prefix="zoo.")
        subprocess.run(["cp", "-a", f"{source}/.", self.dir], check=True)
        self.spool = f"{self.dir}/spool"
        # the source stays as it is; the copy must not be open
        self.db = sqlite3.connect(f"file:{source}/state.db?immutable=1", uri=True)

    def rows(self, query, *args):
        return self.db.execute(query, args).fetchall()

    def one(self, query, *args):
        rows = self.rows(query, *args)
        assert rows, query
        return rows[0][0] if len(rows[0]) == 1 else rows[0]

    def sql(self, *statements):
        subprocess.run([f"{BIN}/pages-sql", f"{self.dir}/state.db", *statements], check=True)

    def path(self, name):
        return f"{self.spool}/objects/{name[:2]}/{name}"

    def raw(self):
        return self.one("SELECT object FROM instances WHERE in_parcel = 0 AND state = 1")

    def parcel(self):
        return self.one("SELECT object FROM parcels WHERE state = 1")

    def done(self):
        self.db.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def new_name():
    return "".join(random.choice("0123456789abcdefghjkmnpqrstvwxyz") for _ in range(26))


def flip(path, at):
    with open(path, "r+b") as f:
        size = f.seek(0, 2)
        at %= size
        f.seek(at)
        b = f.read(1)
        f.seek(at)
        f.write(bytes([b[0] ^ 16]))


def cut(path, by):
    os.truncate(path, os.path.getsize(path) - by)


def put(path, content=b"x"):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(content)


def dfenv(path):
    with open(path, "rb") as f:
        f.seek(-16, 2)
        return int.from_bytes(f.read(8), "big")


# --- the animals: (kind that must be named, node, what is done) ----------------------

def stranger(n):
    put(f"{n.spool}/objects/ab/notes.txt")


def strange_directory(n):
    put(f"{n.spool}/objects/lost+found/x")


def misplaced(n):
    name = n.raw()
    os.makedirs(f"{n.spool}/objects/zz", exist_ok=True)
    os.rename(n.path(name), f"{n.spool}/objects/zz/{name}")


def orphan(n):
    name = n.raw()
    n.sql(f"DELETE FROM instances WHERE object = '{name}'",
          f"DELETE FROM objects WHERE id = '{name}'")


def untold(n):
    name = n.raw()
    orphan(n)
    os.rename(n.path(name), f"{n.spool}/quarantine/{name}")


def unfinished(n):
    name = new_name()
    put(n.path(name), b"never whole")


def torn(n):
    cut(n.path(n.raw()), 5)


def torn_parcel(n):
    cut(n.path(n.parcel()), 300)


def wrong_name(n):
    one, other = n.rows("SELECT object FROM instances WHERE in_parcel = 0 AND state = 1 LIMIT 2")
    os.unlink(n.path(other[0]))  # as if the disk gave back another's blocks
    shutil.copy(n.path(one[0]), n.path(other[0]))


def envelope_flipped(n):
    path = n.path(n.raw())
    flip(path, dfenv(path) + 40)


def footer_flipped(n):
    flip(n.path(n.parcel()), -3)


def header_flipped(n):
    flip(n.path(n.raw()), 20)


def payload_flipped(n):
    path = n.path(n.parcel())
    flip(path, dfenv(path) - 100)


def wrong_length(n):
    n.sql(f"UPDATE objects SET bytes = bytes + 1 WHERE id = '{n.raw()}'")


def wrong_kind(n):
    n.sql(f"UPDATE objects SET kind = 3 WHERE id = '{n.raw()}'")


def lost(n):
    os.unlink(n.path(n.parcel()))


def instance_without_object(n):
    n.sql(f"DELETE FROM objects WHERE id = '{n.parcel()}'")


def wrong_digest(n):
    n.sql(f"UPDATE instances SET digest = zeroblob(32) WHERE object = '{n.raw()}'")


def wrong_digest_in_parcel(n):
    n.sql("UPDATE instances SET digest = zeroblob(32) WHERE n ="
          " (SELECT min(n) FROM instances WHERE in_parcel = 1)")


def wrong_record(n):
    n.sql("UPDATE instances SET record = record + 8 WHERE in_parcel = 1")


def other_parcel(n):
    n.sql("UPDATE instances SET parcel = parcel + 1000 WHERE in_parcel = 1")


def no_study(n):
    n.sql("UPDATE instances SET study = 999 WHERE in_parcel = 0 AND state = 1")


def twice(n):
    cols = [r[1] for r in n.rows("PRAGMA table_info(instances)") if r[1] != "n"]
    names = ", ".join(cols)
    n.sql(f"INSERT INTO instances({names}) SELECT {names} FROM instances"
          f" WHERE object = '{n.raw()}'")


def quarantined_gone(n):
    name = n.one("SELECT object FROM instances WHERE state = 3")
    for path in (f"{n.spool}/quarantine/{name}", n.path(name)):
        if os.path.exists(path):
            os.unlink(path)


def parcel_without_object(n):
    n.sql("UPDATE parcels SET object = '%s' WHERE state = 1" % new_name())


def parcel_without_instances(n):
    n.sql("UPDATE instances SET parcel = 0 WHERE in_parcel = 1")


def parcel_differs(n):
    n.sql("UPDATE parcels SET h0 = zeroblob(32) WHERE state = 1")


def parcel_place(n):
    n.sql("UPDATE parcels SET epoch = 1, sequence = 1",
          "UPDATE parcels SET study = (SELECT min(study) FROM parcels)")


def delivery_of_nothing(n):
    n.sql("UPDATE deliveries SET item = item + 1000 WHERE n ="
          " (SELECT max(n) FROM deliveries)")


def upload_without_file(n):
    n.sql("INSERT INTO uploads VALUES('%s', '%s', 100, 50, '%s', 0, 0, '', 0, 1, 0)"
          % ("a" * 32, "b" * 64, new_name()))


def upload_beyond(n):
    name = new_name()
    put(f"{n.spool}/incoming/{name}", b"x" * 20)
    n.sql("INSERT INTO uploads VALUES('%s', '%s', 100, 50, '%s', 0, 0, '', 0, 1, 0)"
          % ("a" * 32, "b" * 64, name))


def incoming_orphan(n):
    put(f"{n.spool}/incoming/{new_name()}")


def mail_without_object(n):
    n.sql("UPDATE mail SET object = '%s'" % new_name())


def report_without_object(n):
    n.sql("UPDATE reports SET object = '%s'" % new_name())


def manifest_differs(n):
    n.sql("UPDATE manifests SET digest = zeroblob(32)")


def receipt_differs(n):
    n.sql("UPDATE manifests SET receipt = 'no receipt' WHERE length(receipt) > 0")


def held_differs(n):
    n.sql("UPDATE held SET text = text || 'x'")


def ledger_flipped(n):
    flip(f"{n.spool}/ledger", 400)


def ledger_cut(n):
    cut(f"{n.spool}/ledger", 100)


def ledger_gone(n):
    os.unlink(f"{n.spool}/ledger")


def ledger_of_another(n):
    shutil.copy(f"{CENTRE}/spool/ledger", f"{n.spool}/ledger")


def state_flipped(n):
    flip(f"{n.dir}/state.db", 6000)


def index_flipped(n):
    flip(f"{n.dir}/index.db", 6000)


C, S, L = CLINIC, CENTRE, LONE
ZOO = [
    ("stranger", C, stranger), ("stranger", C, strange_directory),
    ("misplaced", L, misplaced), ("orphan", L, orphan),
    ("quarantined-without-row", L, untold), ("unfinished", C, unfinished),
    ("torn", L, torn), ("torn", C, torn_parcel), ("torn", S, torn_parcel),
    ("wrong-name", L, wrong_name), ("torn", L, envelope_flipped),
    ("torn", C, footer_flipped), ("damaged", L, header_flipped),
    ("damaged", C, payload_flipped), ("damaged", S, payload_flipped),
    ("wrong-length", L, wrong_length), ("wrong-kind", L, wrong_kind),
    ("lost", C, lost), ("instance-without-object", C, instance_without_object),
    ("instance-in-wrong-object", L, wrong_digest),
    ("instance-in-wrong-object", S, wrong_digest_in_parcel),
    ("instance-at-wrong-record", C, wrong_record),
    ("instance-in-wrong-object", C, other_parcel),
    ("instance-without-study", L, no_study), ("instance-twice", L, twice),
    ("quarantined-file-missing", L, quarantined_gone),
    ("parcel-without-object", C, parcel_without_object),
    ("parcel-without-instances", C, parcel_without_instances),
    ("parcel-row-differs", C, parcel_differs), ("parcel-place-taken", C, parcel_place),
    ("delivery-of-nothing", C, delivery_of_nothing),
    ("upload-without-file", S, upload_without_file),
    ("upload-offset-beyond", S, upload_beyond),
    ("incoming-without-row", S, incoming_orphan),
    ("mail-without-object", S, mail_without_object),
    ("report-without-object", C, report_without_object),
    ("manifest-differs", C, manifest_differs), ("receipt-differs", C, receipt_differs),
    ("manifest-differs", S, held_differs), ("ledger-damaged", C, ledger_flipped),
    ("ledger-missing", C, ledger_cut), ("ledger-missing", C, ledger_gone),
    ("ledger-missing", C, ledger_of_another), ("state-pages-damaged", C, state_flipped),
    ("index-pages-damaged", C, index_flipped),
]
NOT_MENDED = {"quarantined-file-missing"}  # bytes that are nowhere


def check(n, *options):
    out = subprocess.run([f"{BIN}/dcm-forward", "-C", n.dir, "spool", "check",
                          "--read-data", "--json", *options],
                         capture_output=True, text=True, check=False)
    for line in out.stdout.splitlines():  # what it found, then why it failed
        if '"found"' in line:
            return json.loads(line)
    return {"found": [], "sound": False, "error": out.stdout + out.stderr}


def contents(n):
    """Whole contents of every file of the spool that holds an image."""
    found = set()
    for top in ("objects", "quarantine"):
        for folder, _, names in os.walk(f"{n.spool}/{top}"):
            for name in names:
                with open(f"{folder}/{name}", "rb") as f:
                    data = f.read()
                if len(data) > 100:
                    found.add(hashlib.sha256(data).hexdigest())
    return found


def say(good, number, text, why=""):
    global failed
    failed += not good
    print(f"{'ok' if good else 'not ok'} {number} - {text}" + ("" if good else f"\n#   {why}"))


def main():
    number = 0
    for kind, source, spoil in ZOO:
        number += 1
        n = Node(source)
        try:
            spoil(n)
            before = contents(n)
            said = check(n)
            kinds = {f["kind"]: f for f in said["found"]}
            good = kind in kinds and (not kinds[kind]["alarm"] or not said["sound"])
            after = check(n, "--repair")
            lost = before - contents(n)
            left = [f["kind"] for f in after["found"] if f["alarm"]]
            mended = after.get("sound") or set(left) <= NOT_MENDED
            say(good and not lost and mended, number,
                f"{kind}: {spoil.__name__}",
                f"found {sorted(kinds)}, left {left}, {len(lost)} contents lost "
                f"{said.get('error', '')} {after.get('error', '')}")
        finally:
            n.done()
    for source in (CLINIC, CENTRE, LONE):
        number += 1
        n = Node(source)
        said = check(n)
        say(said["sound"] and not said["found"], number, "an unspoilt node is sound", said)
        n.done()
    print(f"1..{number}")
    return 1 if failed else 0


sys.exit(main())
