#!/usr/bin/env python3
"""DICOMweb servers that misbehave: rude_server.py KIND PORT LOG

Kinds:
  busy     reads each request and answers 503 with Retry-After: 4
  trickle  reads it and answers 200 with a body of which a byte a second comes
  deaf     accepts and reads nothing, so that the sender can send no more
LOG gets a line a connection or request: seconds since the start, and what.
"""
import socket
import sys
import threading
import time

kind, port, began = sys.argv[1], int(sys.argv[2]), time.monotonic()
log = open(sys.argv[3], "a", buffering=1, encoding="ascii")
lock = threading.Lock()


def say(what):
    with lock:
        log.write(f"{time.monotonic() - began:.2f} {what}\n")


def whole_request(stream):
    """Reads one; False when the sender has closed."""
    length, chunked = 0, False
    line = stream.readline()
    if not line:
        return False
    while line not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        if name.lower() == "content-length":
            length = int(value)
        chunked = chunked or (name.lower(), value.strip()) == ("transfer-encoding", "chunked")
        line = stream.readline()
    while chunked and (size := int(stream.readline() or b"0", 16)):
        stream.read(size + 2)
    stream.read(2 if chunked else length)
    return True


def serve(connection):
    stream = connection.makefile("rb")
    try:
        while kind != "deaf" and whole_request(stream):
            say("request")
            if kind == "busy":
                connection.sendall(b"HTTP/1.1 503 Busy\r\nRetry-After: 4\r\n"
                                   b"Content-Length: 0\r\n\r\n")
                continue
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"
                               b"Content-Type: application/dicom+json\r\n\r\n")
            while True:
                connection.sendall(b" ")
                time.sleep(1)  # this is what it is for
        if kind == "deaf":
            threading.Event().wait()
    except OSError:
        say("cut")
    finally:
        connection.close()


listener = socket.create_server(("127.0.0.1", port))
while True:
    one, _ = listener.accept()
    say("connection")
    threading.Thread(target=serve, args=(one,), daemon=True).start()
