#!/usr/bin/env python3
"""Real nodes for benches: made, configured, started, looked at, ended."""
import json
import os
import signal
import subprocess
import time

from ports import free_port

LIB = os.path.dirname(os.path.abspath(__file__))
QUIET = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_until(what, text, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return
        time.sleep(0.05)
    raise SystemExit(f"gave up waiting: {text}")


def children(pid):
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            text = open(f"/proc/{entry}/stat").read()
        except OSError:
            continue
        name, rest = text[text.index("(") + 1:text.rindex(")")], text.rsplit(")", 1)[1].split()
        if int(rest[1]) == pid:
            found[int(entry)] = (name, (int(rest[11]) + int(rest[12]))
                                 / os.sysconf("SC_CLK_TCK"))
    return found


def pss_mib(pid):
    try:
        for line in open(f"/proc/{pid}/smaps_rollup"):
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


class Node:
    def __init__(self, top, name, binaries):
        self.name, self.dir = name, f"{top}/{name}"
        self.command = [f"{binaries}/dcm-forward", "-C", self.dir]
        self.log = f"{top}/{name}.log"
        self.read = 0  # of the log
        self.process = None
        self.dicom = free_port()

    def run(self, *args):
        done = subprocess.run(self.command + list(args), capture_output=True, text=True,
                              timeout=120)
        if done.returncode != 0:
            raise SystemExit(f"{self.name}: {' '.join(args)}: {done.stdout}{done.stderr}")
        return done.stdout

    def set(self, section, key, value):
        subprocess.run([f"{LIB}/set_key.py", f"{self.dir}/config.ini", section, key, value],
                       check=True)

    def start(self):
        self.process = subprocess.Popen(self.command + ["serve"], stdout=subprocess.DEVNULL,
                                        stderr=open(self.log, "a"))
        wait_until(self.ready, f"{self.name} is ready", 120)

    def ready(self):
        done = subprocess.run(self.command + ["status", "--json"], capture_output=True, text=True)
        return done.returncode == 0 and json.loads(done.stdout)["ready"]

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.process = None

    def packed(self):
        studies = json.loads(self.run("study", "list", "--json"))["studies"]
        return sum(s["packed"] for s in studies)

    def said(self, event):
        """Has its log had that event since it was asked last?"""
        with open(self.log, encoding="utf-8") as f:
            f.seek(self.read)
            text = f.read()
        self.read += len(text[:text.rfind("\n") + 1].encode())
        return f" event={event} " in text

    def make(self, role, *more):
        """A node that holds back little of this machine's disk."""
        self.run("init", "--role", role, "--name", self.name, "--ae-title", role.upper(),
                 "--listen-dicom", f"127.0.0.1:{self.dicom}", *more)
        self.set("spool", "reserve", "16 MiB")
        self.set("spool", "reserve-percent", "0")

    def join(self, centre, port):
        code = centre.run("peer", "invite", self.name).strip()
        self.run("peer", "join", f"https://127.0.0.1:{port}", "--code", code)


def start_storescp(folder):
    """A PACS that keeps every byte: (process, port)"""
    port = free_port()
    os.mkdir(folder)
    return subprocess.Popen(
        ["storescp", "--bit-preserving", "--fork", "--unique-filenames", "+xa", "-od", folder,
         str(port)], env=dict(os.environ, TCP_NODELAY="1"), **QUIET), port
