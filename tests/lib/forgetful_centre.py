#!/usr/bin/env python3
"""A centre that forgets to say where it stands: forgetful_centre.py DIR PORT LOG

Bears the key and certificate of the node in DIR. Wants every parcel from its
first byte, takes every part with 204, and leaves Upload-Offset out, as a
centre in want of memory, or a box on the way, could. LOG gets a line a request.
"""
import http.server
import json
import ssl
import sys

TOP, PORT, LOG = sys.argv[1], int(sys.argv[2]), sys.argv[3]


class Forgetful(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def say(self, status, text=b""):
        with open(LOG, "a", encoding="ascii") as f:
            f.write(f"{self.command} {self.path.split('?')[0]} {status}\n")
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.body()
        if self.path.endswith("/hello"):
            self.say(200, b'{"name":"c","peer_name":"p","now_ms":1795000000000}')
        else:
            self.say(503)

    def do_POST(self):
        body = self.body()
        if not self.path.endswith("/offers"):
            self.say(503)
            return
        wanted = [{"id": p["id"], "state": "want", "offset": 0}
                  for p in json.loads(body)["parcels"]]
        self.say(200, json.dumps({"parcels": wanted}).encode())

    def do_PATCH(self):
        self.body()
        self.say(204)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Forgetful)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(TOP + "/keys/node.crt", TOP + "/keys/node.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
