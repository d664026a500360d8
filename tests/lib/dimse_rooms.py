"""receive and deliver_dimse, each alone, against DCMTK's programs.

The neighbours (queue, keys, supervise) are played here, so that what a room
says and does can be seen message by message. Prints TAP.
"""
import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import commitment_scu  # noqa: E402
from ports import free_port  # noqa: E402
from room import ROLE, Channel, Room, fields, memfd  # noqa: E402

BIN, SOURCE = os.environ["DF_BIN"], os.environ["DF_SOURCE"]
DATA = f"{SOURCE}/testdata/dicom"
TMP = tempfile.mkdtemp(prefix="df-dimse-")
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
JPEGLS = "1.2.840.10008.1.2.4.80"
VERIFICATION = "1.2.840.10008.1.1"
COUNT = [0, 0]


def ok(good, what, note=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print(f"{'ok' if good else 'not ok'} {COUNT[0]} - {what}", flush=True)
    if not good and note:
        print(f"# {note}", flush=True)


def even(data):
    """A deflated stream of odd length goes out with a NUL (PS3.5 A.5)."""
    return data + b"\0" * (len(data) % 2)


def split(path):
    """Data set, transfer syntax, SOP class and instance of a file."""
    raw = open(path, "rb").read()
    at, meta = 132, {}
    while raw[at:at + 2] == b"\2\0":
        number, vr = struct.unpack("<H2s", raw[at + 2:at + 6])
        if vr in (b"OB", b"UN"):
            head, size = 12, struct.unpack("<I", raw[at + 8:at + 12])[0]
        else:
            head, size = 8, struct.unpack("<H", raw[at + 6:at + 8])[0]
        meta[number] = raw[at + head:at + head + size].rstrip(b"\0 ")
        at += head + size
    return (raw[at:], meta[0x10].decode(), meta[2].decode(),
            meta[3].decode())


def wait_port(port):
    for _ in range(200):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("nobody listens")


class Pacs:
    def __init__(self, *options):
        self.port, self.dir = free_port(), tempfile.mkdtemp(dir=TMP)
        self.process = subprocess.Popen(
            ["storescp", "+B", "-od", self.dir, "+uf", *options,
             str(self.port)], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        wait_port(self.port)

    def held(self):
        return {f: split(f"{self.dir}/{f}") for f in os.listdir(self.dir)}

    def end(self):
        self.process.kill()
        self.process.wait()


# --- deliver_dimse ----------------------------------------------------------

class Deliverer:
    def __init__(self, port, extra=""):
        config = ("[node]\nrole = centre\nname = t\nae-title = NODE\n"
                  "[dimse]\nconnect = 2\ntimeout = 2\n"
                  f"[destination \"p\"]\ndicom = PACS@127.0.0.1:{port}\n"
                  + extra)
        self.room = Room(f"{BIN}/df-deliver_dimse", "DELIVER_DIMSE", config,
                         ["QUEUE"])
        self.queue = self.room.links["QUEUE"]

    def send(self, files, restore, before_fetch=None, tag=7):
        """Plays queue for one SEND; results by key, the end, the fetches."""
        body, originals = fields(("DESTINATION", "p")), {}
        for key, path in enumerate(files, 1):
            data, ts, sop_class, sop_instance = split(path)
            originals[key] = path
            body += fields(("INSTANCE", fields(
                ("KEY_NUMBER", key), ("SOP_CLASS", sop_class),
                ("SOP_INSTANCE", sop_instance), ("TRANSFER_SYNTAX", ts),
                ("SIZE", len(data)))))
        self.queue.send("SEND", tag, body)
        results, fetched = {}, []
        while True:
            m = self.queue.receive()
            if m.type == "JOB_DONE":
                return results, m, fetched
            if m.type == "RESULT":
                results[m.number("KEY_NUMBER")] = m
                continue
            assert m.type == "FETCH" and m.number("JOB") == tag
            key, ts = m.number("KEY_NUMBER"), m.text("TRANSFER_SYNTAX")
            if before_fetch:
                before_fetch(key)
            fetched.append((key, ts))
            data = restore(originals[key], ts)
            if data is None:
                self.queue.send("FETCHED", m.tag, fields(
                    ("ERR", 9), ("KEY_NUMBER", key), ("WHY", "damaged")))
                continue
            self.queue.send("FETCHED", m.tag, fields(
                ("KEY_NUMBER", key), ("SIZE", len(data)),
                ("TRANSFER_SYNTAX", ts)), [memfd(data)])


def restore(path, ts):
    data, original, _, _ = split(path)
    if ts == original:
        return data
    out = f"{TMP}/restored"
    subprocess.run(["dcmconv", "-F",
                    {IMPLICIT: "+ti", EXPLICIT: "+te"}[ts], path, out],
                   check=True, stderr=subprocess.DEVNULL)
    return open(out, "rb").read()


CT = [f"{DATA}/ct/IM000{i}.dcm" for i in range(1, 7)]
MIXED = [CT[0], f"{DATA}/syntaxes/jpeg_ls.dcm", f"{DATA}/syntaxes/rle.dcm",
         f"{DATA}/us/ybr_jpeg_30_frames.dcm", f"{DATA}/sr/basic_text.dcm",
         f"{DATA}/mr/enhanced_big_endian.dcm",
         f"{DATA}/syntaxes/deflated.dcm", f"{DATA}/syntaxes/jpeg2000.dcm"]


def deliver_bit_exact():
    pacs = Pacs("+xa")
    d = Deliverer(pacs.port)
    results, end, fetched = d.send(MIXED, restore)
    want = sorted(hashlib.sha256(even(split(f)[0])).hexdigest()
                  for f in MIXED)
    got = sorted(hashlib.sha256(v[0]).hexdigest()
                 for v in pacs.held().values())
    ok(end.err() == "OK" and all(r.err() == "OK" and r.number("STATUS") == 0
                                 for r in results.values()),
       "a PACS that takes everything takes everything",
       str([end.fields] + [r.fields for r in results.values()]))
    ok(got == want, "data sets arrive bit for bit in eight syntaxes",
       str([(v[1], len(v[0])) for v in pacs.held().values()]))
    ok(len(fetched) == len(MIXED), "each instance is fetched once")
    results, end, _ = d.send(CT, restore, tag=8)
    ok(end.err() == "OK" and len(results) == 6, "a second job follows")
    ok(d.room.end() in (0, 1), "loss of supervise ends the room")
    pacs.end()


def deliver_fallback():
    pacs = Pacs("+xi")  # implicit VR little endian only
    d = Deliverer(pacs.port)
    files = [CT[0], f"{DATA}/syntaxes/jpeg2000.dcm", CT[1]]
    results, end, fetched = d.send(files, restore)
    ok(end.err() == "OK" and [t for _, t in fetched] == [IMPLICIT] * 2,
       "what is accepted is asked for", str(fetched))
    ok(results[1].err() == "OK" and results[3].err() == "OK" and
       results[1].text("TRANSFER_SYNTAX") == IMPLICIT, "and sent so")
    ok(results[2].err() == "UNSUPPORTED" and
       "without loss" in results[2].text("WHY"),
       "what cannot be sent says why", results[2].text("WHY"))
    results, end, _ = d.send(CT[:3], lambda f, ts: None if f == CT[1]
                             else restore(f, ts), tag=9)
    ok(end.err() == "OK" and results[2].err() == "CONFLICT" and
       results[3].err() == "OK", "one that cannot be restored costs itself")
    d.room.end()
    pacs.end()


def deliver_failures():
    d = Deliverer(free_port())
    results, end, _ = d.send(CT[:2], restore)
    ok(end.err() == "PEER" and not results,
       "no PACS: the destination failed, not the objects", end.err())
    d.room.end()

    pacs = Pacs("+xa")
    d = Deliverer(pacs.port)
    results, end, _ = d.send(CT, restore,
                             lambda key: pacs.end() if key == 3 else None)
    ok(end.err() in ("PEER", "TIMEOUT") and
       all(r.err() == "OK" for k, r in results.items() if k == 1) and
       len(results) < 6, "a PACS that dies ends the job", end.err())
    d.room.end()

    pacs = Pacs("+xa")
    os.kill(pacs.process.pid, signal.SIGSTOP)
    d = Deliverer(pacs.port)
    start = time.monotonic()
    results, end, _ = d.send(CT[:2], restore)
    ok(end.err() == "TIMEOUT" and time.monotonic() - start < 15,
       "a PACS that is stopped is left", end.err())
    d.room.end()
    pacs.end()


def deliver_test():
    pacs = Pacs("+xe")
    d = Deliverer(pacs.port)
    d.queue.send("TEST", 3, fields(("DESTINATION", "p")))
    m = d.queue.receive()
    text = os.pread(m.fds[0], 65536, 0).decode() if m.fds else ""
    ok(m.type == "JOB_DONE" and m.err() == "OK" and '"echo":true' in text and
       EXPLICIT in text and JPEGLS not in text,
       "destination test says what works", text or str(m.fields))
    d.room.end()
    pacs.end()


# --- receive ----------------------------------------------------------------

class Receiver:
    """One association: a listener here, its socket handed on."""

    def __init__(self, extra="", timeout=2):
        config = ("[node]\nrole = clinic\nname = t\nae-title = NODE\n"
                  f"[receive]\ntimeout = {timeout}\n" + extra +
                  "[modality \"STORESCU\"]\n[modality \"ECHOSCU\"]\n")
        self.room = Room(f"{BIN}/df-receive", "RECEIVE", config,
                         ["QUEUE", "KEYS"], subprocess.DEVNULL)
        keys = self.room.links["KEYS"]
        m = keys.receive()
        assert m.type == "ASSOCIATION_KEY_RQ"
        keys.send("ASSOCIATION_KEY", m.tag, fields(
            ("CEK", b"k" * 32), ("WRAPPED", b"w" * 40), ("PEER", "ab" * 32)))
        self.queue = self.room.links["QUEUE"]
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.dir = tempfile.mkdtemp(dir=TMP)
        self.staged, self.committed, self.unstaged = {}, [], []
        self.told, self.report = [], False

    def accept(self):
        s, _ = self.listener.accept()
        self.room.supervise.send("ASSOCIATION", 0,
                                 fields(("ADDRESS", "127.0.0.1")),
                                 [s.detach()])

    def lend(self, tag):
        name = f"{len(self.staged):026d}"
        fd = os.open(f"{self.dir}/{name}", os.O_RDWR | os.O_CREAT)
        self.staged[name] = fd
        try:
            self.queue.send("STAGED", tag, fields(("ID", name)), [os.dup(fd)])
        except BrokenPipeError:
            pass  # it has stored its last image, and ended

    def queue_again(self):
        """The life of queue that lent a file ends, and another begins."""
        self.queue.sock.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.queue = Channel(ours)
        fd = theirs.detach()
        try:
            self.room.supervise.send("LINK", 0, fields(
                ("ROLE", ROLE["QUEUE"]), ("NUMBER", 0)), [fd])
        except BrokenPipeError:
            os.close(fd)  # it saw the end before the beginning, and ended

    def serve(self, stage_err=0, after_stage=None, instead=None):
        """Plays queue until the room ends."""
        while True:
            try:
                m = self.queue.receive()
            except ConnectionResetError:
                m = None
            if m is None:
                return self.room.process.wait(10)
            if m.type == "STAGE_RQ" and stage_err:
                self.queue.send("STAGED", m.tag, fields(("ERR", stage_err)))
            elif m.type == "STAGE_RQ" and instead:
                instead()
            elif m.type == "STAGE_RQ":
                self.lend(m.tag)
                if after_stage:
                    after_stage()
            elif m.type == "COMMIT":
                self.committed.append(m)
                self.lend(m.tag)
            elif m.type == "UNSTAGE":
                self.unstaged.append(m.text("ID"))
            elif m.type == "COMMITMENT_RQ":
                self.queue.send("COMMITMENT_STATUS", m.tag,
                                fields(("STATUS", 0)))
                if self.report:
                    self.queue.send("COMMITMENT_TELL", 0, fields(
                        ("TRANSACTION", m.text("TRANSACTION"))),
                        [os.dup(m.fds[0])])
            elif m.type == "COMMITMENT_TOLD":
                self.told.append(m)


def client(*args):
    return subprocess.Popen(args, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def receive_ct():
    r = Receiver()
    c = client("storescu", "-v", "-aec", "NODE", "127.0.0.1", str(r.port), *CT)
    r.accept()
    ended = r.serve()
    out, _ = c.communicate(timeout=20)
    ok(ended == 0 and c.returncode == 0 and len(r.committed) == 6,
       "six images are stored", out)
    ok("Success" in out and out.count("0x0000") == 6 or
       out.count("Success") == 6, "and acknowledged", out)
    m = r.committed[0]
    path = f"{r.dir}/{m.text('ID')}"
    raw = open(path, "rb").read()
    data = split(CT[0])[0]
    text = m.get("ENVELOPE")
    ok(raw[:8] == b"DFENV\r\n\x1a" and raw.endswith(text) and
       len(raw) == m.number("LENGTH") + len(text),
       "the file is DFENV and the envelope")
    ok(data[-4096:] not in raw and b"HEAD" not in raw,
       "and holds nothing readable")
    ok(b"sop-instance" in text.lower() or
       split(CT[0])[3].encode() in text, "the envelope names the instance")


def receive_refusals():
    r = Receiver()
    c = client("storescu", "-aec", "OTHER", "127.0.0.1", str(r.port), CT[0])
    r.accept()
    r.serve()
    out, _ = c.communicate(timeout=20)
    ok("Called AE Title Not Recognized" in out, "a wrong called AE", out)
    r = Receiver()
    c = client("storescu", "-aet", "EVIL", "-aec", "NODE", "127.0.0.1",
               str(r.port), CT[0])
    r.accept()
    r.serve()
    out, _ = c.communicate(timeout=20)
    ok("Calling AE Title Not Recognized" in out, "a wrong calling AE", out)
    r = Receiver()
    c = client("storescu", "-v", "-aec", "NODE", "127.0.0.1", str(r.port),
               CT[0])
    r.accept()
    r.serve(stage_err=2)
    out, _ = c.communicate(timeout=20)
    ok("a700" in out.lower() or "OutOfResources" in out.replace(" ", ""),
       "on a full spool an image is A700, and the association lives", out)
    for what, after_stage in (
            ("was lost", lambda r: r.queue.sock.shutdown(socket.SHUT_RDWR)),
            ("began again", Receiver.queue_again)):
        r = Receiver()
        c = client("storescu", "-v", "-aec", "NODE", "127.0.0.1", str(r.port),
                   CT[0])
        r.accept()
        ended = r.serve(after_stage=lambda r=r, then=after_stage: then(r))
        out, _ = c.communicate(timeout=20)
        ok("Success" not in out and c.returncode != 0 and not r.committed
           and ended >= 0,
           f"no Success of a file whose queue {what}", (ended, out))
    r = Receiver()
    c = client("storescu", "-v", "-aec", "NODE", "127.0.0.1", str(r.port),
               CT[0])
    r.accept()
    ended = r.serve(instead=r.queue_again)
    out, _ = c.communicate(timeout=20)
    ok("Success" not in out and c.returncode != 0 and ended >= 0,
       "nobody waits for a life of queue that has ended", (ended, out))
    r = Receiver("max-object = 1 MiB\n")
    big = f"{DATA}/dx/chest.dcm"
    c = client("storescu", "-nh", "-aec", "NODE", "127.0.0.1", str(r.port),
               big, CT[0])
    r.accept()
    r.serve()
    out, _ = c.communicate(timeout=20)
    ok(len(r.committed) == 1 and len(r.unstaged) == 1,
       "too large is refused, the next is stored", out)


def receive_abort():
    """A peer that vanishes in mid data set leaves nothing committed."""
    r = Receiver()
    relay = socket.create_server(("127.0.0.1", 0))
    c = client("storescu", "-aec", "NODE", "127.0.0.1",
               str(relay.getsockname()[1]), CT[0])
    near, _ = relay.accept()
    far = socket.create_connection(("127.0.0.1", r.port))
    r.accept()
    pid = os.fork()
    if pid == 0:
        passed = 0
        near.settimeout(2)
        while passed < 300000:
            for a, b in ((near, far), (far, near)):
                a.setblocking(False)
                try:
                    data = a.recv(65536)
                    b.setblocking(True)
                    b.sendall(data)
                    passed += len(data) * (a is near)
                except BlockingIOError:
                    time.sleep(0.001)
        os._exit(0)
    near.close()
    far.close()
    r.serve()
    os.waitpid(pid, 0)
    c.communicate(timeout=20)
    # the kernel may drop what receive had not read yet: then nothing began
    ok(not r.committed and len(r.unstaged) <= 1,
       "a connection cut in mid PDU commits nothing",
       f"{len(r.committed)} {r.unstaged}")


def receive_silence():
    r = Receiver()
    s = socket.create_connection(("127.0.0.1", r.port))
    r.accept()
    start = time.monotonic()
    r.serve()
    ok(time.monotonic() - start < 8, "a silent peer is left at the deadline")
    s.close()


# --- storage commitment -----------------------------------------------------

def beside(what):
    """Runs it while the main thread plays queue; its end is joined."""
    thread = threading.Thread(target=what, daemon=True)
    thread.start()
    return thread


def asker(r, calling="STORESCU"):
    return commitment_scu.Asker(r.port, "NODE", calling, [
        (commitment_scu.COMMITMENT, IMPLICIT), (VERIFICATION, IMPLICIT),
        (commitment_scu.MR, IMPLICIT)])


def receive_store_on_other_context():
    """C-STORE is for the abstract syntax of its context alone."""
    for calling, want in (("STORESCU", 0x0122), ("PACS", 0x0124)):
        r, got = Receiver("[destination \"p\"]\ndicom = PACS@127.0.0.1:1\n"), []

        def attack():
            a = asker(r, calling)
            for wrong in (commitment_scu.COMMITMENT, VERIFICATION):
                for sop_class in (commitment_scu.MR, wrong):
                    a.ids[(sop_class, IMPLICIT)] = a.ids[(wrong, IMPLICIT)]
                    got.append(a.store(sop_class, "1.2.3", IMPLICIT, b"12" * 9000))
            a.release()

        thread = beside(attack)
        r.accept()
        r.serve()
        thread.join(20)
        ok(got == [want] * 4 and not r.committed,
           f"C-STORE on a context of another class by {calling}", str(got))


def receive_ends_after_action():
    """The end of the node is noticed while a report is waited for."""
    r, over = Receiver(timeout=15), []

    def ask():
        a = asker(r)
        a.ask("2.25.1", ["1.2.3"])
        start = time.monotonic()
        r.room.supervise.send("DRAIN", 0, fields(("PURPOSE", "stop")))
        try:
            over.append(a.pdu()[0])
        except ConnectionError:
            pass
        over.append(time.monotonic() - start)

    thread = beside(ask)
    r.accept()
    r.serve()
    thread.join(20)
    ok(len(over) == 2 and over[0] == 7 and over[1] < 5,
       "an association that asked is ended with the node", str(over))


def receive_report_unanswered():
    """A peer that goes on and never answers its report."""
    r, seen = Receiver(), []
    r.report = True

    def go_on():
        a = asker(r)
        a.ask("2.25.1", ["1.2.3"])
        context, rq, _ = a.messages.next()
        for n in range(40):
            if r.told:
                break
            time.sleep(0.2)
            a.messages.send(a.ids[(VERIFICATION, IMPLICIT)], commitment_scu.command([
                (2, VERIFICATION.encode()), (0x100, b"\x30\0"),
                (0x110, struct.pack("<H", 50 + n)), (0x800, b"\1\1")]))
            seen.append(a.messages.next()[1][0x100])
        a.messages.answer(context, rq)
        seen.append(a.ask("2.25.2", ["1.2.3"]))
        while len(r.told) < 2:
            time.sleep(0.1)
        a.release()

    thread = beside(go_on)
    r.accept()
    r.serve()
    thread.join(20)
    ok([m.err() for m in r.told] == ["TIMEOUT"] * 2 and
       [m.text("TRANSACTION") for m in r.told] == ["2.25.1", "2.25.2"],
       "a report that is not answered is not given, and no other there",
       str([m.fields for m in r.told]))
    ok(len(seen) > 1 and seen[-1] == 0, "its association lives", str(seen))


def deliver_flood():
    """A modality that reports to us instead of answering our report."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def flood():
        s, _ = listener.accept()

        def pdu():
            kind, size = struct.unpack(">BxI", commitment_scu.exactly(s, 6))
            return kind, commitment_scu.exactly(s, size)
        s.sendall(commitment_scu.accept(pdu()[1]))
        messages = commitment_scu.Messages(pdu, s.sendall)
        context, rq, _ = messages.next()
        rq = commitment_scu.command([
            (2, rq[2]), (0x100, b"\0\1"), (0x110, b"\7\0"), (0x800, b"\1\0"),
            (0x1000, rq[0x1000]), (0x1002, b"\1\0")])
        try:
            while True:
                messages.send(context, rq, commitment_scu.request("2.25.9", ["1.2.3"]))
                messages.next()
                time.sleep(0.2)
        except OSError:
            pass

    beside(flood)
    d = Deliverer(1, f"[modality \"M\"]\nreports = M@127.0.0.1:{port}\n")
    d.queue.send("COMMITMENT_REPORT", 5, fields(
        ("TRANSACTION", "2.25.1"), ("CALLED", "M")),
        [memfd(f"{commitment_scu.MR} 1.2.3\n".encode())])
    m = d.queue.receive()
    ok(m.type == "JOB_DONE" and m.err() == "TIMEOUT",
       "a modality that never comes to its answer is left", str(m.fields))
    d.room.end()


def main():
    try:
        for case in (deliver_bit_exact, deliver_fallback, deliver_failures,
                     deliver_test, receive_ct, receive_refusals,
                     receive_abort, receive_silence,
                     receive_store_on_other_context, receive_ends_after_action,
                     receive_report_unanswered, deliver_flood):
            case()
    finally:
        shutil.rmtree(TMP, ignore_errors=True)
    print(f"1..{COUNT[0]}")
    return 1 if COUNT[1] else 0


sys.exit(main())
