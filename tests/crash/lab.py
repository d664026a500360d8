"""A clinic, a centre, a modality and a PACS for the crash tests: starts them,
kills them, asks them. Directories and file systems are the caller's.
"""
import glob
import json
import os
import signal
import socket
import subprocess
import sys
import time

import custody

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ.get("DF_SOURCE", os.path.dirname(os.path.dirname(HERE)))
BIN = os.environ.get("DF_BIN", SOURCE + "/build/bin")
LIB = SOURCE + "/tests/lib"
sys.path.append(LIB)
from ports import free_port  # noqa: E402

FAST = "/dev/shm" if os.path.isdir("/dev/shm") else None  # memory, not disk


if not os.path.exists(BIN + "/df-queue"):
    sys.exit(f"no programs in {BIN}: build first, or set DF_BIN")


class Trouble(Exception):
    """The node did not do by itself what it must."""


def end_by_signal():
    """SIGTERM runs every `finally`: no node outlives its test."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def until(seconds, what, question):
    """The first true answer; raises when there was none in time."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Trouble(f"waited {seconds} s for: {what}")
        time.sleep(0.004)


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []


def is_dead(pid):
    """Killed, and not yet buried by its parent."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def room_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", encoding="ascii") as f:
            return f.read().split("\0")[0].rpartition("/df-")[2]
    except OSError:
        return ""


def kill_all(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Node:
    """One node in directory `path`; its output goes to `log`."""

    def __init__(self, path, log, environment=None):
        self.path, self.log = path, log
        self.environment = {**os.environ, **(environment or {})}
        self.process, self.over = None, False

    def cli(self, *arguments):
        done = subprocess.run([BIN + "/dcm-forward", "-C", self.path,
                               *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise Trouble(f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def set(self, section, key, value):
        subprocess.run([sys.executable, LIB + "/set_key.py",
                        self.path + "/config.ini", section, key, str(value)],
                       check=True)

    def ask(self, verb, seconds=5):
        """One question over control.sock; None while nobody answers."""
        d = None
        try:
            d = os.open(self.path, os.O_PATH)
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(seconds)
                s.connect(f"/proc/self/fd/{d}/control.sock")
                s.sendall(json.dumps({"verb": verb}).encode() + b"\n")
                text = b""
                while not text.endswith(b"\n"):
                    more = s.recv(1 << 16)
                    if not more:
                        return None
                    text += more
            answer = json.loads(text)
            return answer.get("result") if answer["ok"] else None
        except OSError:
            return None
        finally:
            if d is not None:
                os.close(d)

    def ready(self):
        status = self.ask("status", 1)
        return status if status and status["ready"] else None

    def start(self, seconds=15):
        """Starts it and returns the seconds until it was ready."""
        began = time.monotonic()
        if self.over:
            raise Trouble("the test ends")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [BIN + "/dcm-forward", "-C", self.path, "serve"],
                stdout=log, stderr=log, env=self.environment,
                start_new_session=True)
        until(seconds, f"{self.path} is ready", self.ready)
        return time.monotonic() - began

    def pids(self, room=None):
        pids = children(self.process.pid)
        return [p for p in pids if room_of(p) == room] if room else pids

    def kill(self):
        """SIGKILL of everything, at once."""
        kill_all([self.process.pid] + self.pids())
        self.process.wait()

    def behead(self):
        """SIGKILL of supervise alone: the rooms end by themselves."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """In order; True when it ended well within its time."""
        self.process.terminate()
        try:
            return self.process.wait(45) == 0
        except subprocess.TimeoutExpired:
            self.kill()
            return False

    def settled(self):
        """Nothing is left that could be done."""
        status = self.ask("status")
        q = status and status["queue"]
        return bool(q and q["inspected_all"] and not (
            q["waiting"] or q["sending"] or q["deferred"]))


class Lab:
    """Both nodes and their world under `top`; `clinic` and `centre` are the
    directories that may lie on file systems of their own."""

    def __init__(self, top, clinic=None, centre=None, shims=None):
        shims = shims or {}
        self.top, self.helpers = top, {}
        self.ledger, self.pacs = top + "/modality.ledger", top + "/pacs.ledger"
        open(self.ledger, "a").close()
        open(self.pacs, "a").close()
        self.clinic = Node(clinic or top + "/clinic", top + "/clinic.log",
                           shims.get("clinic"))
        self.centre = Node(centre or top + "/centre", top + "/centre.log",
                           shims.get("centre"))

    def helper(self, name, *command):
        log = open(f"{self.top}/{name}.log", "ab")
        p = subprocess.Popen([sys.executable, *map(str, command)], stderr=log,
                             stdout=subprocess.PIPE, text=True)
        if p.stdout.readline() != "ready\n":
            raise Trouble(f"{name} did not start")
        self.helpers[name] = p

    def end_helper(self, name):
        p = self.helpers.pop(name)
        p.terminate()
        p.wait()

    def create(self, purge=False):
        """New nodes, enrolled, with a PACS behind the centre. With `purge`
        their disks are always above the soft mark: what may go, goes."""
        self.port, https, pacs = free_port(), free_port(), free_port()
        self.clinic.cli("init", "--role", "clinic", "--name", "clinic",
                        "--ae-title", "CLINIC", "--listen-dicom",
                        f"127.0.0.1:{self.port}")
        self.clinic.cli("modality", "add", "MODALITY")
        self.centre.cli("init", "--role", "centre", "--name", "centre",
                        "--ae-title", "CENTRE", "--listen-dicom",
                        f"127.0.0.1:{free_port()}", "--listen-https",
                        f"127.0.0.1:{https}")
        for node in (self.clinic, self.centre):
            node.set("retry", "min", 1)
            node.set("retry", "max", 2)
            node.set("study", "quiet", 1)
            node.set("parcel", "wait", 100)
            node.set("spool", "reserve", "16 MiB")
            if purge:
                node.set("spool", "soft", 0)
        # its ledger is by digest: images are to come as they were
        self.centre.cli("destination", "add", "pacs", "--dicom",
                        f"PACS@127.0.0.1:{pacs}", "--compress", "no")
        self.helper("pacs", LIB + "/pacs.py", pacs, self.pacs)
        self.centre.start()
        self.clinic.start()
        code = self.centre.cli("peer", "invite", "clinic").strip()
        self.clinic.cli("peer", "join", f"https://127.0.0.1:{https}",
                        "--code", code)
        until(10, "the clinic after enrolment", self.clinic.ready)

    def modality(self, seed, rate=40):
        """Load from two modalities: goes on until load_end."""
        for n in (1, 2):
            self.helper(f"modality-{n}", HERE + "/modality.py", self.port,
                        self.ledger, f"{seed}/{n}", rate / 2)

    def load_end(self):
        self.end_helper("modality-1")
        self.end_helper("modality-2")

    def wait_settled(self, seconds=90):
        """Everything goes its way to the end without a hand: sent, at the
        PACS, under receipts."""
        def all_done():
            if not (self.clinic.settled() and self.centre.settled()):
                return False
            studies = (self.clinic.ask("study list") or {}).get("studies")
            return studies is not None and all(
                int(s["confirmed"]) == int(s["instances"]) for s in studies)
        until(seconds, "everything settled", all_done)

    def check(self, settled=False):
        """The invariants now; when all is settled, a purge may be between its
        commit and its unlink: what is wrong then must be wrong again."""
        for _ in range(5 if settled else 1):
            report = custody.check(self.clinic.path, self.ledger,
                                   self.centre.path, self.pacs, settled)
            if not report.bad:
                break
            time.sleep(0.3)
        return report

    def close(self):
        for node in (self.clinic, self.centre):
            node.over = True  # also for a thread that still wants it
        for node in (self.clinic, self.centre):
            if node.process and node.process.poll() is None:
                node.kill()
        for name in list(self.helpers):
            self.end_helper(name)


def logs_end(top, lines=15):
    """The last words of everybody, for a report of trouble."""
    for path in sorted(glob.glob(top + "/*.log")):
        with open(path, encoding="utf-8", errors="replace") as f:
            for line in f.readlines()[-lines:]:
                print(f"# {os.path.basename(path)}: {line.rstrip()}")
