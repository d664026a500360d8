"""Who else carries a study over a bad line: tests/bench/line's other contenders.

Each is a function of the Lab that gives what `measure` found: seconds to the
first and the last image at B, and what the line carried.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

from linelab import HOST, Arrivals, cpu_seconds, folder_bytes, free_port, in_order
from linelab import machine_seconds, wait_until

QUIET = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
LONG = 1800


class Lab:
    """A directory, a line, the study, and all that was started."""

    def __init__(self, args, top, line, study):
        self.args, self.top, self.line = args, top, line
        self.rate = line.rate
        self.files, self.jls, self.count = study
        self.bytes, self.jls_bytes = folder_bytes(self.files), folder_bytes(self.jls)
        self.running, self.made = [], 0
        self.env = dict(os.environ, TCP_NODELAY="1", LC_ALL="C.UTF-8")

    def folder(self, name):
        self.made += 1
        path = f"{self.top}/{name}-{self.made}"
        os.mkdir(path)
        return path

    def start(self, end, *command, **how):
        with self.line.inside(end):
            process = subprocess.Popen(command, env=self.env, **{**QUIET, **how})
        self.running.append(process)
        return process

    def run(self, end, *command):
        with self.line.inside(end):
            return subprocess.run(command, env=self.env, check=True, capture_output=True,
                                  text=True).stdout

    def stop(self, *processes):
        for one in processes or self.running[::-1]:
            if one.poll() is None:
                one.send_signal(signal.SIGTERM)
        for one in processes or self.running[::-1]:
            try:
                one.wait(40)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()
            self.running.remove(one)

    def pacs(self, host):
        """storescp at B; (its folder's arrivals, port, process)."""
        port, folder = free_port(), self.folder("pacs")
        process = self.start("b", "storescp", "--bit-preserving", "--fork", "--unique-filenames",
                             "+xa", "-aet", "PACS", "-od", folder, str(port))
        wait_until(lambda: self.echo(host, port), 20, hint="storescp")
        return Arrivals(folder), port, process

    def echo(self, host, port):
        with self.line.inside("b"):
            return subprocess.run(["echoscu", "-aec", "PACS", host, str(port)],
                                  **QUIET).returncode == 0

    def measure(self, count, first_and_last):
        """Waits for `count`; what it took, and what the line carried."""
        self.line.tell("reset")
        mine, all_busy = cpu_seconds(os.getpid()), machine_seconds()
        begun = time.monotonic()
        times = first_and_last(begun)
        took = time.monotonic() - begun
        mine, all_busy = cpu_seconds(os.getpid()) - mine, machine_seconds() - all_busy
        found = result(self.line.stats(), begun, times, count)
        busy = found["line_until_s"] - found["line_from_s"]
        found.update(line_full_percent=round(found["wire_mb"] * 8e8 / self.rate / busy),
                     cpu_s=round(mine, 2),
                     others_percent=round(100 * (all_busy - mine) / took / os.cpu_count()))
        return found


def result(stats, begun, times, count):
    """`others_percent` says how far to believe it: what else the machine did."""
    up = stats["up"]
    return {"first_s": round(times[0] - begun, 2), "last_s": round(times[-1] - begun, 2),
            "images": count, "wire_mb": up["bytes"] / 1e6, "payload_mb": up["payload"] / 1e6,
            "tcp_again_mb": up["again"] / 1e6, "wire_down_mb": stats["down"]["bytes"] / 1e6,
            "connections": up["opened"], "late": stats["late_packets"],
            "line_from_s": stats["bulk_from_ms"] / 1e3,
            "line_until_s": stats["bulk_until_ms"] / 1e3}


def until_all(arrivals, count, check=lambda: None, seconds=LONG):
    """Times of `count` arrivals; check() may raise when it cannot succeed."""
    end = time.monotonic() + seconds
    while arrivals.count() < count:
        if time.monotonic() > end:
            raise TimeoutError(f"{len(arrivals.seen)} of {count} after {seconds} s")
        check()
        time.sleep(0.005)
    return arrivals.times()


# --- the others ---------------------------------------------------------------

SINK = """import socket,sys,time
s=socket.create_server((sys.argv[1],int(sys.argv[2]))); print("listens",flush=True)
c,_=s.accept(); n=0
while n<int(sys.argv[3]):
    d=c.recv(1<<18)
    if not d: sys.exit(1)
    n+=len(d)
print(time.monotonic(),flush=True)"""


def floor(lab, paths=None):
    """The JPEG-LS files' bytes (or those of `paths`) in one TCP stream: the time
    of the last byte's arrival."""
    port, paths = free_port(), paths or in_order(lab.jls)
    size = sum(os.path.getsize(p) for p in paths)
    sink = lab.start("b", sys.executable, "-c", SINK, HOST["b"], str(port), str(size),
                     stdout=subprocess.PIPE, text=True)
    sink.stdout.readline()

    def send(_):
        with lab.line.inside("a"):
            out = socket.create_connection((HOST["b"], port))
        for path in paths:
            with open(path, "rb") as f:
                out.sendall(f.read())
        return [float(sink.stdout.readline())]

    found = lab.measure(lab.count, send)
    found["first_s"] = None
    lab.stop(sink)
    return found


def floor_clean(lab):
    """The same on the line without its losses."""
    lab.line.tell("set", "loss", 0)
    try:
        return floor(lab)
    finally:
        lab.line.tell("set", "loss", lab.args.loss or 0)


def storescu(lab, folder=None, options=()):
    arrivals, port, pacs = lab.pacs(HOST["b"])

    def send(_):
        client = lab.start("a", "storescu", *options, "-aec", "PACS", HOST["b"], str(port),
                           *in_order(folder or lab.files))
        times = until_all(arrivals, lab.count, lambda: ended_badly(client))
        lab.stop(client)
        return times

    found = lab.measure(lab.count, send)
    lab.stop(pacs)
    return found


def ended_badly(client):
    if client.poll() not in (None, 0):
        raise RuntimeError(f"it gave up with {client.returncode}")


def storescu_jls(lab):
    return storescu(lab, lab.jls, ["-xt"])


class Orthanc:
    def __init__(self, lab, end, knows=None):
        self.lab, self.end, folder = lab, end, lab.folder("orthanc")
        self.http, self.dicom = free_port(), free_port()
        config = {"StorageDirectory": folder, "IndexDirectory": folder, "HttpPort": self.http,
                  "DicomPort": self.dicom, "DicomAet": "PACS", "RemoteAccessAllowed": True,
                  "AuthenticationEnabled": False, "DicomCheckCalledAet": False,
                  "SaveJobs": False, "OverwriteInstances": True, "DicomScpTimeout": 0,
                  "DicomScuTimeout": 0, "HttpTimeout": 0, "HttpVerbose": False,
                  "Plugins": ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"],
                  "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}}
        if knows:
            at = f"http://{HOST['b']}:{knows.http}"
            config["DicomModalities"] = {"b": ["PACS", HOST["b"], knows.dicom]}
            config["OrthancPeers"] = {"b": {"Url": at + "/", "Timeout": 0}}
            config["DicomWeb"]["Servers"] = {"b": {"Url": at + "/dicom-web/", "Timeout": LONG}}
        with open(f"{folder}.json", "w") as f:
            json.dump(config, f)
        self.process = lab.start(end, "Orthanc", f"{folder}.json")
        wait_until(lambda: self.ask("/system"), 30, hint="Orthanc")

    def ask(self, path, body=None):
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        with self.lab.line.inside(self.end):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", data,
                                        timeout=60) as answer:
                return json.loads(answer.read() or b"null")

    def count(self):
        return self.ask("/statistics")["CountInstances"]


def orthanc(lab, url, body):
    there = Orthanc(lab, "b")
    here = Orthanc(lab, "a", there)
    for path in in_order(lab.files):
        with open(path, "rb") as f:
            here.ask("/instances", f.read())
    ids = here.ask("/instances")

    def send(_):
        job, times = here.ask(url, body(ids))["ID"], []
        while len(times) < 2:
            if there.count() >= (lab.count if times else 1):
                times.append(time.monotonic())
                continue
            state = here.ask(f"/jobs/{job}")["State"]
            if state not in ("Running", "Pending", "Retry") and there.count() < lab.count:
                raise RuntimeError(f"{state} with {there.count()} of {lab.count} there")
            time.sleep(0.02)
        return times

    try:
        return lab.measure(lab.count, send)
    finally:
        lab.stop(here.process, there.process)


OTHERS = {
    "floor": floor, "floor-clean": floor_clean, "storescu": storescu, "storescu-jls": storescu_jls,
    "orthanc-store": lambda lab: orthanc(lab, "/modalities/b/store", lambda ids: {
        "Asynchronous": True, "Resources": ids}),
    "orthanc-peer": lambda lab: orthanc(lab, "/peers/b/store", lambda ids: {
        "Asynchronous": True, "Resources": ids}),
    "orthanc-peer-gz": lambda lab: orthanc(lab, "/peers/b/store", lambda ids: {
        "Asynchronous": True, "Resources": ids, "Compress": True}),
    "orthanc-stow": lambda lab: orthanc(lab, "/dicom-web/servers/b/stow", lambda ids: {
        "Synchronous": False, "Resources": ids}),
}
