"""Records a node at work: its disk's writes and what it promised meanwhile.

Two scenes. "clinic": modalities send, studies are packed, everything is killed
once and started again. "pair": the same and a centre takes the parcels and
gives receipts; the disk that is recorded is the centre's, and its promises are
the instances that the clinic holds a receipt for.
"""
import os
import random
import shutil
import threading
import time
import zlib

import custody
import mounts
import noderun
import sender

PORT, CENTRE_PORT, HTTPS = 11112, 11113, 8443


class Disk:
    """A node on a recording disk."""

    def __init__(self, work, name, fs, binaries):
        self.top, self.fs, self.bin = os.path.join(work, name), fs, binaries
        self.image, self.base = self.top + ".img", self.top + ".base"
        self.record, self.at = self.top + ".record", self.top
        self.node = noderun.Node(binaries, self.at + "/node")
        mounts.mkfs(self.image, fs)
        mounts.mount(self.image, self.at, fs)

    def begin(self):
        """What is there now is the beginning; from now on it is recorded."""
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
    """Two modalities side by side; a few large images among the small, and
    storage commitment is asked for what was sent. Answers go to `ack` and
    `asked`, which have come when these are called."""

    def __init__(self, images, seed, ack, asked=None):
        self.images, self.seed, self.ack, self.on_asked = images, seed, ack, asked
        self.threads = [threading.Thread(target=self.modality, args=(p,))
                        for p in (0, 1)]
        for t in self.threads:
            t.start()

    def modality(self, part):
        rng = random.Random(f"{self.seed}/{part}")
        sent = []
        client = sender.Sender(PORT, lambda uid, digest: (
            sent.append(uid), self.ack(uid, digest)))
        for number in range(part, self.images, 2):
            study = f"{self.seed}-{number * 3 // self.images}-{part}"
            client.send_surely(study, number, int(rng.random() < 0.06))
            if self.on_asked and len(sent) == 8:
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


def clinic(work, fs, binaries, seed, images=160, env=None, restart=True):
    """The Disk of a clinic that took `images`."""
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


def pair(work, fs, binaries, seed, images=80):
    """The Disk of the centre that such a clinic sends to."""
    disk = Disk(work, "centre", fs, binaries)
    disk.node.make("centre", "CENTRE", CENTRE_PORT, HTTPS)
    clinic_node = noderun.Node(binaries, work + "/sending")
    clinic_node.make("clinic", "CLINIC", PORT)
    disk.node.start()
    clinic_node.start()
    code = disk.node.command("peer", "invite", "clinic").strip()
    clinic_node.command("peer", "join", f"https://127.0.0.1:{HTTPS}",
                        "--code", code)
    disk.node.kill()
    disk.begin()
    disk.node.start()
    promised = set()

    def promises():
        under = custody.receipted(custody.Node(clinic_node.path),
                                  custody.Report())
        for uid, digest in sorted(under - promised):
            disk.ack(uid, digest)
        promised.update(under)
        return len(promised)

    for part in range(2):
        if part > 0:
            disk.node.kill()
            disk.node.start()
        Load(images // 2, f"{seed}-{part}", lambda *_: None).wait()
        send_all(clinic_node)
        wait_for(lambda: promises() >= (part + 1) * (images // 2))
    clinic_node.kill()
    disk.end()
    shutil.rmtree(clinic_node.path)
    return disk
