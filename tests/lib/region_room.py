"""index alone: what other nodes ask about patients, and what we ask them.

The neighbours (queue, keys, gateway, deliver_https, console) are played here,
so that odd orders of arrival and lost writes can be made. Prints TAP.
"""
import json
import os
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from room import Room, fields, memfd  # noqa: E402

BIN = os.environ["DF_BIN"]
TMP = tempfile.mkdtemp(prefix="df-region-")
SELF, A, B, C, CENTRE = (d * 64 for d in "12345")
CONFIG = f"""[node]
role = clinic
name = Dorf
ae-title = DORF
listen-dicom = 127.0.0.1:0
[peer "centre"]
url = https://127.0.0.1:1
fingerprint = {CENTRE}
"""
WANG = {"id": "110101199003070011", "name": "王^小东", "birth": "19900307",
        "sex": "M"}
COUNT = [0, 0]


def ok(good, what, note=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print(f"{'ok' if good else 'not ok'} {COUNT[0]} - {what}", flush=True)
    if not good:
        print(f"# {note}", flush=True)


class Index(Room):
    """One on a directory of its own; `again` keeps the last one's."""

    def __init__(self, again=False):
        if not again:
            os.chdir(tempfile.mkdtemp(dir=TMP))
        self.tag = 0
        super().__init__(f"{BIN}/df-index", "INDEX", CONFIG,
                         ("QUEUE", "CONSOLE", "GATEWAY", "DELIVER_HTTPS",
                          "KEYS"))

    def greet(self):
        asked = self.links["KEYS"].receive()
        self.links["KEYS"].send("INDEX_KEY", asked.tag, fields(
            ("KEY", bytes(64)), ("PEER", SELF)))

    def send(self, role, kind, *pairs):
        self.tag += 1
        self.links[role].send(kind, self.tag, fields(*pairs))

    def call(self, role, kind, *pairs):
        self.send(role, kind, *pairs)
        reply = self.links[role].receive()
        assert reply.tag == self.tag, (reply.type, reply.tag)
        return reply

    def put(self, study, who=WANG, peer=None, modality="CT", date="20261101",
            wait=1, **more):
        """An image, or a report, of a study; as many as `wait` are stored
        after it."""
        pairs = [("OBJECT", "0123456789abcdefghjkmnpqrs"), ("STUDY", study),
                 ("SERIES", f"{study}.{self.tag}"),
                 ("SOP_INSTANCE", f"{study}.{self.tag}.1"),
                 ("MODALITY", modality), ("PATIENT_ID", who["id"]),
                 ("PATIENT_NAME", who["name"]), ("BIRTH_DATE", who["birth"]),
                 ("SEX", who["sex"]), ("DIGEST", os.urandom(32)),
                 ("STUDY_DATE", date), ("RECEIVED_MS", 1795309323000),
                 *more.items()]
        self.send("QUEUE", "FACTS_PUT", *pairs,
                  *([("PEER", peer)] if peer else []))
        self.stored(wait)

    def report(self, study, clinic, name, wait=1):
        """A report on that clinic's study, in the object `name`."""
        text = f"""dcmf-report: 1
report-id: {name}
report-version: 1
status: final
previous: -
study-uid: {study}
accession: -
accession-issuer: -
patient-id: {WANG["id"]}
patient-id-issuer: -
patient-name-sha256: -
images: -
clinic-node: {clinic}
centre-node: {SELF}
media-type: application/pdf
content: sha256:{"05" * 32}
content-length: 48211
signer-role: verifying-physician
signed-at: 2026-11-22T01:42:03Z
"""
        self.send("QUEUE", "REPORT_PUT", ("OBJECT", name), ("PEER", SELF),
                  ("STATEMENT", text), ("DIGEST", os.urandom(32)),
                  ("VERDICT", 0), ("SIGNER", "Dr"), ("NOW_MS", 1795309400000))
        self.stored(wait)

    def stored(self, n):
        for _ in range(n):
            reply = self.links["QUEUE"].receive()
            assert reply.err() == "OK", reply.fields

    def told(self, peer=B, **question):
        """The answer to that peer, as it is."""
        question.setdefault("purpose", "复诊")
        question.setdefault("identifiers", [
            {"type": "resident", "number": WANG["id"]}])
        reply = self.call("GATEWAY", "PRIOR_RQ", ("PEER", peer),
                          ("JSON", json.dumps(question)))
        assert reply.err() == "OK", reply.fields
        return read(reply.fds[0])

    def asked(self, peer=B, **question):
        """What that peer is told: {study: exam}."""
        return {f"{p['study_uid']}@{p['node'][0]}": p
                for p in self.told(peer, **question)["priors"]}

    def may(self, study, peer=B, purpose="复诊"):
        return self.call("GATEWAY", "FETCH_MAY_RQ", ("PEER", peer),
                         ("NAME", "b"), ("STUDY", study),
                         ("JSON", json.dumps({"purpose": purpose})))

    def entries(self, act):
        """How many of this act the register has."""
        return sum(e["entry"]["act"] == act for e in self.query(
            "audit read", newest=True, limit=100, kind="audit")["entries"])

    def query(self, verb, **args):
        reply = self.call("CONSOLE", "QUERY", ("VERB", verb),
                          ("JSON", json.dumps(args)))
        assert reply.err() == "OK", reply.fields
        return read(reply.fds[0])

    def search(self, answer, before=lambda: None, keep=None, **args):
        """What a person is shown; the centre answers so (keep: asked what)."""
        self.links["CONSOLE"].send("QUERY", 7, fields(
            ("VERB", "prior search"),
            ("JSON", json.dumps({"id": WANG["id"], "purpose": "x"} | args))))
        asked = self.links["DELIVER_HTTPS"].receive()
        before()
        if keep is not None:
            keep.append(json.loads(asked.text("JSON")))
        self.links["DELIVER_HTTPS"].send(
            "PRIORS", asked.tag, b"", [memfd(json.dumps(answer).encode())])
        return read(self.links["CONSOLE"].receive().fds[0])

    def recalled(self, **args):
        """What is shown when nobody is asked."""
        return self.query("prior search", local=True,
                          **({"id": WANG["id"]} | args))["priors"]


def read(fd):
    with os.fdopen(fd, "rb") as f:
        return json.loads(os.pread(f.fileno(), 1 << 20, 0))


def objects(message):
    return [v.decode() for k, v in message.fields if k == "OBJECT"]


def shim(*rules):
    """From now on; for a room that was started with it."""
    with open(f"{TMP}/rules.new", "w") as f:
        f.write("\n".join(rules) + "\n")
    os.rename(f"{TMP}/rules.new", f"{TMP}/rules")


# --- a report under the UID of a clinic's images ----------------------------
index = Index()
index.put("1.2.1", modality="SR")
ok(list(index.asked()) == ["1.2.1@1"], "what came here is told")
index.put("1.2.1", peer=A)
told = index.asked()
ok(list(told) == ["1.2.1@2"],
   "beside a clinic's images it is a report, and no exam", told)
may = index.may("1.2.1")
ok(may.err() == "OK" and may.text("PEER") == A,
   "the clinic's images may be fetched", may.fields)
index.put("1.2.1", peer=C)
index.asked()
may = index.may("1.2.1")
ok(may.err() == "CONFLICT" and "two clinics" in may.text("WHY"),
   "of two clinics' nobody can say which is meant, and that is said",
   may.fields)

index.put("1.2.2", peer=A)
index.put("1.2.2")
index.report("1.2.2", A, "0123456789abcdefghjkmnpqra")
index.report("1.2.2", SELF, "0123456789abcdefghjkmnpqrb")
index.asked()
ok(objects(index.may("1.2.2")) == ["0123456789abcdefghjkmnpqra"],
   "with a clinic's exam go the reports on that one only")
index.end()

# --- a fetch asks for its list again and again ------------------------------
index = Index()
index.put("1.5.1", peer=A)
refused = [index.may("1.5.1").err() for _ in range(9)]
ok(refused == ["DENIED"] * 9 and index.entries("fetch-asked") == 1,
   "who asks for what he was not told is in the register", refused)
index.asked()
for _ in range(9):
    index.may("1.5.1")
ok(index.may("1.5.1").err() == "OK" and index.entries("fetch-asked") == 2,
   "a fetch is one entry, however often it asks", index.entries("fetch-asked"))
index.may("1.5.1", purpose="急诊")
index.may("1.5.1", peer=C)
ok(index.entries("fetch-asked") == 4, "another purpose, or peer, is another")
index.end()
index = Index(again=True)
index.may("1.5.1")
ok(index.entries("fetch-asked") == 5, "as is one after a restart")
index.end()

# --- whom a person must decide about -----------------------------------------
LI = {"id": WANG["id"], "name": "李^梅", "birth": "19900307", "sex": "F"}
EXAM = {"study_uid": "1.3.1", "node": A, "match": "exact",
        "patient": {"name": "王^小东", "birth_date": "19900307", "sex": "M"},
        "study_date": "20261101", "modality": "CT"}
SON = {"id": WANG["id"], "name": "王^大东", "birth": "19900307", "sex": "M"}
NAMED = {"name": WANG["name"], "birth_date": WANG["birth"]}


def exact(found):
    return sorted(p.get("study_uid", "") for p in found if p["match"] == "exact")


index = Index()
index.put("1.4.1", peer=A)
index.put("1.4.2", LI, peer=C)
index.put("1.4.3")
ok(index.asked() == {} and index.asked(**NAMED) == {},
   "one number, two people: neither is told", index.asked())
found = index.recalled()
ok(len(found) == 3 and exact(found) == [], "here nobody is certain", found)
related = index.call("QUEUE", "RELATED_RQ", ("STUDY", "1.4.3"), ("NUMBER", 9),
                     ("WAIT_MS", 1 << 50))
ok(related.get("MAIL") is None, "nothing goes along with their exams")
question = []
index.search({"priors": []}, keep=question)
ok("name" not in question[0], "nobody is asked for more than was typed",
   question)
for one in index.query("identity list")["questions"]:
    index.query("identity split", a=one["a"]["ref"], b=one["b"]["ref"],
                by="李", reason="李梅用了他的证件")
ok(exact(index.asked(**NAMED).values()) == ["1.4.1", "1.4.3"],
   "who was told apart is himself again", index.asked(**NAMED))
ok(exact(index.asked().values()) == [] and len(index.asked()) == 3 and
   exact(index.recalled()) == [],
   "but their number alone says of neither that it is he", index.asked())
index.end()

index = Index()
index.put("1.4.1", peer=A)
index.put("1.4.2", SON, peer=C)
ok(exact(index.asked().values()) == [] and exact(index.recalled()) == [],
   "nor does one that came under two names", index.asked())
index.end()

index = Index()
index.put("1.4.1", {"id": WANG["id"], "name": "", "birth": "", "sex": ""}, peer=A)
index.put("1.4.2", LI, peer=C)
ok(index.asked(**NAMED, sex="M") == {},
   "nobody is told of one of whose records contradicts him",
   index.asked(**NAMED, sex="M"))
found = index.query("prior local", id=WANG["id"], name=WANG["name"],
                    birth_date=WANG["birth"], sex="M")
ok(exact(found["priors"]) == [] and exact(found["persons"]) == [],
   "nor is it certain here", found)
index.end()

index = Index()
index.search({"priors": [EXAM]})
ok(exact(index.recalled()) == ["1.3.1"] and
   exact(index.recalled(name=WANG["name"])) == ["1.3.1"] and
   exact(index.recalled(name=SON["name"])) == [] and
   index.recalled(name=LI["name"], sex="F") == [],
   "what was learned of his number is not another's")
index.end()

# --- more than an answer holds ------------------------------------------------
index = Index()
long = {k: "长" * 100 for k in ("INSTITUTION", "STUDY_DESCRIPTION")}
for n in range(90):
    index.put(f"1.7.{n}", date=f"{20260101 + n}", wait=0, **long)
    for r in range(33):
        index.report(f"1.7.{n}", SELF, f"{n:013}{r:013}", wait=0)
    index.stored(n % 9 // 8 * 9 * 34)
told = index.told()
dates = [p["study_date"] for p in told["priors"]]
size = len(json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode())
ok(size <= 256 << 10 and len(dates) > 50 and told["more"] is True,
   "an answer fits into what a peer takes, and says that there is more",
   (size, len(dates), told.get("more")))
ok(dates == [f"{20260190 - n}" for n in range(len(dates))],
   "it is the newest that are told", dates)
last = [r["report_id"] for r in told["priors"][0]["reports"]]
ok(last == [f"{89:013}{r:013}" for r in range(1, 33)],
   "of very many reports the last", last)
ok(index.may("1.7.89").err() == "OK" and index.may("1.7.0").err() == "DENIED",
   "what was left out was not told")
index.end()

# --- what is not recorded is not known --------------------------------------
if os.path.exists(f"{BIN}/sysshim.so"):
    shim("# none")
    os.environ |= {"LD_PRELOAD": f"{BIN}/sysshim.so", "DF_SHIM": f"{TMP}/rules"}
    index = Index()
    del os.environ["LD_PRELOAD"]
    found = index.search({"priors": [EXAM]}, lambda: shim(
        "room=index call=pwrite path=*/register n=1 times=0 do=error:ENOSPC"))
    ok(found["priors"] == [] and found["asked"][0]["code"] == "no-record",
       "an answer that cannot be recorded is not shown", found)
    shim("# none")
    ok(index.recalled() == [], "nor later", index.recalled())
    ok(len(index.search({"priors": [EXAM]})["priors"]) == 1 and
       len(index.recalled()) == 1, "one that is recorded is, also later")

    # many exams that may be recognised are one sync of the ledger
    many = [EXAM | {"study_uid": f"1.6.{n}", "instances": 2} for n in range(9)]
    shim(f"counts {TMP}/counts", "room=index call=fdatasync path=*/register "
         "n=1000 do=error:EIO")
    index.search({"priors": many})
    offered = len(index.query("recognition list")["entries"])
    with open(f"{TMP}/counts", "rb") as f:
        synced = int.from_bytes(f.read(8), "little")
    ok((offered, synced) == (9, 3),
       "question, answer and nine offers are three syncs", (offered, synced))
    shim(f"counts {TMP}/counts2", "room=index call=fdatasync path=*/register "
         "n=3 do=error:EIO")
    found = index.search({"priors": [p | {"node": C} for p in many]})
    ok(len(found["priors"]) == 9, "an offer that fails keeps nobody waiting")
    index.process.wait(20)
    index.end()
    index = Index(again=True)
    offered = len(index.query("recognition list")["entries"])
    ok(offered == 18 and index.query("audit verify")["broken"] == 0,
       "and the ledger is what the register says", offered)
    index.end()

# --- the audit, by kind -------------------------------------------------------
index = Index()
for n in range(3):
    index.search({"priors": [EXAM | {"study_uid": f"1.8.{n}", "instances": 2}]})
for n in range(250):
    index.asked()


def seqs(**args):
    answer = index.query("audit read", kind="recognition", **args)
    return [e["seq"] for e in answer["entries"]], answer


every, answer = seqs(**{"from": 1})
ok(len(every) == 3 and every == sorted(every), "entries of a kind", answer)
newest, answer = seqs(newest=True, limit=2)
ok(newest == every[1:],
   "its newest are found however many others came after", answer)
newest, answer = seqs(newest=True)
ok(newest == every and "looked_from" not in answer, "and all there are", answer)
first, answer = seqs(limit=1, **{"from": 1})
ok(first == every[:1] and seqs(**{"from": answer["more"]})[0] == every[1:],
   "its first, and where it goes on", answer)
index.end()

os.chdir("/")
shutil.rmtree(TMP)
print(f"1..{COUNT[0]}")
sys.exit(COUNT[1] != 0)
