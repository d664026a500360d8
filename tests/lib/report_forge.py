#!/usr/bin/env python3
"""Makes report bundles as no honest program would, and hands them to a node.

    report_forge.py NODE_DIR --study UID --file BODY --pki DIR --signer NAME
        [--status WORD] [--report-id ID] [--version N] [--previous HEX]
        [--set KEY=VALUE]...    changed before it is signed
        [--then KEY=VALUE]...   changed after it was signed
        [--flip body|cms]       one bit changed after it was signed
        [--out DIR]             written there and not handed over

The statement is written here from docs/formats/report.md, without our code,
and signed by the openssl command with the people of report_pki.sh. It goes in
by control.sock, as `report submit` does. Prints report id, version and the
SHA-256 of the statement as JSON. Standard library only.
"""
import argparse
import array
import datetime
import hashlib
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile

KEYS = """dcmf-report report-id report-version status previous study-uid accession
accession-issuer patient-id patient-id-issuer patient-name-sha256 images clinic-node
centre-node media-type content content-length signer-role signed-at""".split()
IDS = "0123456789abcdefghjkmnpqrstvwxyz"


def ask(node, verb, args, files=()):
    """One line to control.sock, its result back."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(30)
    here = os.getcwd()
    os.chdir(node)  # the path of a UNIX socket may not be long
    s.connect("control.sock")
    os.chdir(here)
    line = json.dumps({"verb": verb, "args": args}).encode() + b"\n"
    fds = []
    for data in files:
        fd = os.memfd_create("part")
        os.write(fd, data)
        os.lseek(fd, 0, os.SEEK_SET)
        fds.append(fd)
    extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sent = s.sendmsg([line], extra)
    s.sendall(line[sent:])
    answer = b""
    while not answer.endswith(b"\n"):
        part = s.recv(65536)
        if not part:
            break
        answer += part
    answer = json.loads(answer)
    if not answer.get("ok"):
        sys.exit(f"report_forge: {verb}: {answer.get('error')}: {answer.get('text')}")
    return answer.get("result") or {}


def text(value):
    return (value or "").strip() or "-"


def statement(node, o, body):
    facts = ask(node, "study facts", {"study": o.study})
    show = ask(node, "study show", {"study": o.study})
    images = [m if isinstance(m, str) else m.get("digest", "")
              for m in show.get("manifests") or []]
    name = facts.get("patient_name") or ""
    now = datetime.datetime.now(datetime.timezone.utc)
    media = "application/pdf" if body.startswith(b"%PDF") else "application/dicom"
    values = {
        "dcmf-report": "1",
        "report-id": o.report_id or "".join(secrets.choice(IDS) for _ in range(26)),
        "report-version": str(o.version),
        "status": o.status,
        "previous": "sha256:" + o.previous if o.previous else "-",
        "study-uid": o.study,
        "accession": text(facts.get("accession")),
        "accession-issuer": text(facts.get("accession_issuer")),
        "patient-id": text(facts.get("patient_id")),
        "patient-id-issuer": text(facts.get("patient_id_issuer")),
        "patient-name-sha256": hashlib.sha256(name.encode()).hexdigest() if name else "-",
        "images": ",".join("sha256:" + i for i in images if i) or "-",
        "clinic-node": facts["clinic_node"],
        "centre-node": facts["node"],
        "media-type": media,
        "content": "sha256:" + hashlib.sha256(body).hexdigest(),
        "content-length": str(len(body)),
        "signer-role": "reporting-physician",
        "signed-at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return values


def change(values, changes):
    for c in changes or []:
        key, value = c.split("=", 1)
        if key not in values:
            sys.exit(f"report_forge: no key '{key}' in a statement")
        values[key] = value


def written(values):
    return "".join(f"{k}: {values[k]}\n" for k in KEYS).encode()


def sign(pki, name, data):
    chain = next(p for p in (f"{pki}/chain.pem" if name == "intermediate" else "",
                             f"{pki}/ca.pem") if p)
    with tempfile.NamedTemporaryFile() as f:
        f.write(data)
        f.flush()
        return subprocess.run(
            ["openssl", "cms", "-sign", "-binary", "-cades", "-md", "sha256",
             "-in", f.name, "-signer", f"{pki}/{name}.pem", "-inkey",
             f"{pki}/{name}.key", "-certfile", chain, "-outform", "DER"],
            check=True, capture_output=True).stdout


def flip(data):
    data = bytearray(data)
    data[len(data) // 2] ^= 1
    return bytes(data)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("node")
    for name in ("study", "file", "pki", "signer"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--status", default="final")
    p.add_argument("--report-id")
    p.add_argument("--version", type=int, default=1)
    p.add_argument("--previous")
    p.add_argument("--set", action="append")
    p.add_argument("--then", action="append")
    p.add_argument("--flip", choices=("body", "cms"))
    p.add_argument("--out")
    o = p.parse_args()
    with open(o.file, "rb") as f:
        body = f.read()
    values = statement(o.node, o, body)
    change(values, o.set)
    cms = sign(o.pki, o.signer, written(values))
    change(values, o.then)
    parts = {"statement": written(values),
             "cms": flip(cms) if o.flip == "cms" else cms,
             "body": flip(body) if o.flip == "body" else body}
    if o.out:
        os.mkdir(o.out)
        for name, data in parts.items():
            with open(f"{o.out}/{name}", "wb") as f:
                f.write(data)
    else:
        ask(o.node, "report submit", {"study": o.study}, list(parts.values()))
    print(json.dumps({
        "report_id": values["report-id"], "version": int(values["report-version"]),
        "statement_sha256": hashlib.sha256(parts["statement"]).hexdigest()}))


main()
