#!/usr/bin/env python3
"""A DICOMweb server with opinions: stow_server.py PORT LOG [UID=WORD...]

Answers STOW-RS per instance as PS3.18 says: 200 when all are stored, 202 when
some, 409 when none. WORD for an instance:
  REASON      four hex digits: fails for ever with that failure reason
  REASON*N    fails N times, then is stored
  silent*N    is left out of the answer N times (and not stored)
`syntax=UID`: a request with that transfer syntax in it gets 415.
UID `down*N`: the first N requests get 503. LOG gets a line an event:
`request STATUS N` and `stored UID` / `failed UID REASON` / `silent UID`.
"""
import http.server
import json
import os
import re
import sys
import tempfile

import dicom_bytes

plan, unwanted = {}, b""
for arg in sys.argv[3:]:
    uid, word = (arg.split("=", 1) + [""])[:2]
    if uid == "syntax":
        unwanted = word.encode()
        continue
    if uid.startswith("down*"):
        uid, word = "down", "503*" + uid[5:]
    what, _, times = word.partition("*")
    plan[uid] = [what, int(times or 10**9)]
log = open(sys.argv[2], "a", buffering=1, encoding="utf-8")


def next_word(uid):
    word = plan.get(uid)
    if word is None or word[1] == 0:
        return None
    word[1] -= 1
    return word[0]


def uid_of(part):
    with tempfile.NamedTemporaryFile() as f:
        f.write(part)
        f.flush()
        return dicom_bytes.read(f.name)[0]


def uids_in(body, boundary):
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, data = part.partition(b"\r\n\r\n")
        assert b"application/dicom" in head, head
        yield uid_of(data[:-2])


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, count=0):
        log.write(f"request {status} {count}\n")
        data = json.dumps(body).encode() if body is not None else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.answer(200, [])

    def do_POST(self):
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = self.headers["Content-Type"]
        boundary = re.search('boundary="?([^";]+)', kind)[1].encode()
        if not self.path.endswith("/dicom-web/studies"):
            return self.answer(404, None)
        if next_word("down"):
            return self.answer(503, None)
        if unwanted and any(unwanted in part[:1000] for part in
                            body.split(b"--" + boundary)[1:-1]):
            return self.answer(415, None)
        stored, failed, silent = [], [], 0
        for uid in uids_in(body, boundary):
            word = next_word(uid)
            if word is None:
                stored.append({"00081155": {"vr": "UI", "Value": [uid]}})
                log.write(f"stored {uid}\n")
            elif word == "silent":
                silent += 1
                log.write(f"silent {uid}\n")
            else:
                failed.append({"00081155": {"vr": "UI", "Value": [uid]},
                               "00081197": {"vr": "US", "Value": [int(word, 16)]}})
                log.write(f"failed {uid} {word}\n")
        result = {}
        if stored:
            result["00081199"] = {"vr": "SQ", "Value": stored}
        if failed:
            result["00081198"] = {"vr": "SQ", "Value": failed}
        status = 409 if not stored and failed else 202 if failed or silent else 200
        return self.answer(status, result, len(stored) + len(failed) + silent)


os.umask(0o077)
http.server.ThreadingHTTPServer((os.environ.get("STOW_HOST", "127.0.0.1"),
                                 int(sys.argv[1])), Server).serve_forever()
