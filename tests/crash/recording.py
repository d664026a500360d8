"""Records a node at work: its disk's writes and what it promised meanwhile.

Scenes: "clinic": modalities send and ask for storage commitment, studies are
packed, everything is killed once. "again": the same after a power cut. "pair":
a centre takes parcels and gives receipts. "sending": the clinic that sends them
and lets go what is under receipts.
"""
import os
import random
import threading
import time
import zlib

import crashstates
import custody
import mounts
import noderun
import sender

PORT, CENTRE_PORT, HTTPS = 11112, 11113, 8443
MODALITIES = 4


class Disk:
    """A node on a recording disk."""

    def __init__(self, work, name, fs, binaries, image=None):
        self.top, self.fs, self.bin = os.path.join(work, name), fs, binaries
        self.image, self.base = self.top + ".img", self.top + ".base"
        self.record, self.at = self.top + ".record", self.top
        self.node = noderun.Node(binaries, self.at + "/node")
        if image:
            os.rename(image, self.image)
        else:
            mounts.mkfs(self.image, fs)
            mounts.mount(self.image, self.at, fs)

    def begin(self):
        """What is there now is the beginning; from now on it is recorded."""
        if os.path.ismount(self.at):
            mounts.unmount(self.at)
        with open(self.image, "rb") as a, open(self.base, "wb+") as b:
            mounts.copy_sparse(a.fileno(), b.fileno())
        self.disk = mounts.Recorder(self.bin + "/blkrec", self.image,
                                   self.record, self.at, self.fs)

    def ack(self, uid, digest):
        self.disk.mark(f"ack {uid} {digest} 0\n")

    def asked(self, transaction):
        self.disk.mark(f"asked {transaction} - 0\n")

    def end(self):
        self.node.kill()
        self.disk.close()
        os.unlink(self.image)


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(condition.__doc__ or "a condition")
        time.sleep(0.02)


class Load:
    """Some modalities side by side; a few large images among the small, and
    storage commitment is asked for what was sent. Answers go to `ack` and
    `asked`, which have come when these are called."""

    def __init__(self, images, seed, ack, asked=None):
        self.images, self.seed, self.ack, self.on_asked = images, seed, ack, asked
        self.threads = [threading.Thread(target=self.modality, args=(p,))
                        for p in range(MODALITIES)]
        for t in self.threads:
            t.start()

    def modality(self, part):
        rng = random.Random(f"{self.seed}/{part}")
        sent = set()
        client = sender.Sender(PORT, lambda uid, digest: (
            sent.add(uid), self.ack(uid, digest)))
        for number in range(part, self.images, MODALITIES):
            study = f"{self.seed}-{number * 3 // self.images}-{part}"
            kind = int(rng.random() < 0.06)
            client.send_surely(study, number, kind)
            if rng.random() < 0.2:  # the same again, as modalities do
                client.send_surely(study, number, kind)
            if self.on_asked and len(sent) >= 6:
                self.ask(f"1.2.3.{part}.{number}.{zlib.crc32(study.encode())}",
                         [(client.templates[0].sop_class, u) for u in sent])
                sent.clear()
            if rng.random() < 0.1:
                time.sleep(rng.random() * 0.05)
        client.close()

    def ask(self, transaction, references):
        asker = sender.Asker(PORT)
        if asker.ask(transaction, references) == 0:
            self.on_asked(transaction)
        asker.close()

    def wait(self):
        for t in self.threads:
            t.join()


def send_all(node):
    for study in custody.Node(node.path).rows["studies"]:
        node.command("study", "send", study["uid"])


def clinic(work, fs, binaries, seed, images=160, env=None):
    """A clinic that takes images; its rooms are killed once (a mutant lives
    on: its disk is not worth a second life)."""
    restart = env is None
    disk = Disk(work, "clinic", fs, binaries)
    disk.node.make("clinic", "CLINIC", PORT)
    disk.begin()
    disk.node.start(env=env)
    for part in range(2 if restart else 1):
        if part > 0:
            disk.node.kill()
            disk.node.start(env=env)
        Load(images // (2 if restart else 1), f"{seed}-{part}", disk.ack,
             disk.asked).wait()
    if restart:
        send_all(disk.node)
        time.sleep(0.4)  # the parcels of the last study are being made
    disk.end()
    return disk


def again(work, fs, binaries, seed, images=160, env=None):
    """A clinic that comes back from a power cut: the disk that a cut of the
    first scene left, from the mount that mends it onwards."""
    first = clinic(work, fs, binaries, seed, images // 2)
    record = crashstates.Record(first.record)
    states = crashstates.sample(record, 100, seed)[0]
    state = max(states, key=lambda s: (len(s.pieces) > 0, s.marks * len(s.pieces)))
    crashstates.Builder(record, first.base, work).build(state, work + "/left.img")
    disk = Disk(work, "clinic", fs, binaries, work + "/left.img")
    disk.begin()
    for line in record.marks[:state.marks]:
        disk.disk.mark(line)
    disk.node.start(env=env)
    Load(images // 2, f"{seed}-again", disk.ack, disk.asked).wait()
    send_all(disk.node)
    time.sleep(0.4)
    disk.end()
    return disk


class Pair:
    """A clinic and a centre, one of them on a recording disk."""

    def __init__(self, work, fs, binaries, recorded, env, settings=()):
        self.env = env
        self.disk = Disk(work, recorded, fs, binaries)
        other = noderun.Node(binaries, work + "/other")
        self.clinic, self.centre = (
            (self.disk.node, other) if recorded == "clinic"
            else (other, self.disk.node))
        self.centre.make("centre", "CENTRE", CENTRE_PORT, HTTPS)
        self.clinic.make("clinic", "CLINIC", PORT, settings=settings)
        self.centre.start()
        self.clinic.start()
        code = self.centre.command("peer", "invite", "clinic").strip()
        self.clinic.command("peer", "join", f"https://127.0.0.1:{HTTPS}",
                            "--code", code)
        self.disk.node.kill()
        self.disk.begin()
        self.disk.node.start(env=env)

    def restart(self):
        self.disk.node.kill()
        self.disk.node.start(env=self.env)

    def receipted(self):
        return custody.receipted(custody.Node(self.clinic.path),
                                 custody.Report())

    def end(self):
        self.clinic.kill()
        self.centre.kill()
        self.disk.end()
        return self.disk


def pair(work, fs, binaries, seed, images=80, env=None):
    """The centre that such a clinic sends to. Its promises are its receipts."""
    p = Pair(work, fs, binaries, "centre", env)
    promised = set()

    def promises():
        under = p.receipted()
        for uid, digest in sorted(under - promised):
            p.disk.ack(uid, digest)
        promised.update(under)
        return len(promised)

    for part in range(2):
        if part > 0:
            p.restart()
        Load(images // 2, f"{seed}-{part}", lambda *_: None).wait()
        send_all(p.clinic)
        wait_for(lambda: promises() >= (part + 1) * (images // 2))
    return p.end()


def sending(work, fs, binaries, seed, images=80, env=None):
    """The clinic of such a pair. Its disk is always nearly full, so that it
    lets go at once what is under receipts."""
    p = Pair(work, fs, binaries, "clinic", env,
             (("spool", "soft", "0"),))
    acknowledged = set()

    def ack(uid, digest):
        acknowledged.add(uid)
        p.disk.ack(uid, digest)

    for part in range(2):
        if part > 0:
            p.restart()
        Load(images // 2, f"{seed}-{part}", ack).wait()
        send_all(p.clinic)
        wait_for(lambda: len(p.receipted()) >= len(acknowledged))
    wait_for(lambda: not custody.Node(p.clinic.path).whole)
    return p.end()
