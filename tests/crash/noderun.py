"""Starts and kills a node quickly, for thousands of rounds."""
import ctypes
import os
import signal
import subprocess
import threading

DEATH_SIGNAL, SUBREAPER = 1, 36
QUIET = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
# small disks, and no waiting
SETTINGS = (("spool", "reserve", "1 MiB"), ("spool", "reserve-percent", "0"),
            ("parcel", "size", "256 KiB"), ("parcel", "wait", "200"),
            ("study", "quiet", "1"),
            ("retry", "min", "1"), ("retry", "max", "1"))
HERE = os.path.dirname(os.path.abspath(__file__))
SET_KEY = os.path.join(os.path.dirname(HERE), "lib", "set_key.py")


def die_with_parent():
    """In a child, before it runs its program: nothing outlives a test."""
    ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def adopt_orphans():
    """Rooms whose supervise was killed become our children: we reap them."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)


class NotReady(Exception):
    pass


class Node:
    def __init__(self, binaries, path):
        self.bin, self.path = binaries, path
        self.process, self.log = None, []
        self.ready = threading.Event()

    def command(self, *words, **kw):
        return subprocess.run(
            [os.path.join(self.bin, "dcm-forward"), "-C", self.path, *words],
            check=True, text=True, capture_output=True, **kw).stdout

    def make(self, role, title, port, https=None, settings=()):
        self.command("init", "--role", role, "--name", "replay", "--ae-title",
                     title, "--listen-dicom", f"127.0.0.1:{port}",
                     *(["--listen-https", f"127.0.0.1:{https}"] if https else []))
        for key in SETTINGS + tuple(settings):
            subprocess.run([SET_KEY, self.path + "/config.ini", *key],
                           check=True)
        if role == "clinic":
            self.command("modality", "add", "MODALITY")

    def start(self, seconds=20, wrap=(), env=None):
        """Returns when it is ready by itself; else NotReady."""
        self.log, self.ready = [], threading.Event()
        self.process = subprocess.Popen(
            [*wrap, os.path.join(self.bin, "df-supervise"), "-C", self.path],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, start_new_session=True, text=True,
            preexec_fn=die_with_parent,
            env={**os.environ, **(env or {})})
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        if not self.ready.wait(seconds) or not self.is_ready:
            self.kill()
            raise NotReady("".join(self.log[-12:]))

    def read(self):
        self.is_ready = False
        with self.process.stderr as lines:
            for line in lines:
                self.log.append(line)
                if "event=node.ready" in line:
                    self.is_ready = True
                    self.ready.set()
        self.ready.set()  # ended

    def kill(self):
        """Every process of it, at once; returns when all are gone."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        try:
            while True:
                os.waitpid(-self.process.pid, 0)
        except ChildProcessError:
            pass
        self.reader.join()
        self.process = None
