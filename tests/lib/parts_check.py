"""parts_check.py CLINIC PORT CENTRE SPOOL...: parts of a parcel in any order,
cut, repeated and at the same time (docs/formats/peer.md); TAP, without a plan.
The parcel is noise: what matters is which bytes the centre says it holds."""
import glob
import os
import sys
import time

from peer_line import Line, Lost, parcel_name

CLINIC, PORT, CENTRE = sys.argv[1], int(sys.argv[2]), sys.argv[3]
K = 1024
SIZE = 1000 * K
NOISE = os.urandom(SIZE)
cases = 0


def check(name, good, *said):
    global cases
    cases += 1
    print("ok" if good else "not ok", cases, "-", name, flush=True)
    if not good:
        print("#", *said, flush=True)


def until(seconds, question):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if question():
            return True
        time.sleep(0.05)
    return False


def part_head(line, parcel, offset, part, size=SIZE):
    head = line.part_head(parcel, offset, part)
    more = f"Upload-Length: {size}\r\n".encode() if size else b""
    return head[:-2] + more + b"\r\n"


def send(line, parcel, offset, end, size=SIZE):
    part = NOISE[offset:end]
    line.send(part_head(line, parcel, offset, part, size) + part)
    status, headers, _ = line.answer()
    return status, int(headers.get("upload-offset", "-1"))


def begin(parcel, offset, end, arrived):
    """A part of which only `arrived` bytes are sent; its connection stays."""
    line = Line(CLINIC, PORT)
    part = NOISE[offset:end]
    line.send(part_head(line, parcel, offset, part) + part[:arrived])
    until(20, lambda: longest() >= offset + arrived)
    return line, part[arrived:]


def longest():
    return max((os.stat(f).st_size for f in glob.glob(f"{CENTRE}/spool/incoming/*")),
               default=0)


def stands(line, parcel, size=SIZE):
    o = line.offer([(parcel, size)])[0]
    return o["state"], o.get("offset"), [(r["from"], r["to"]) for r in o.get("held", [])]


line, one = Line(CLINIC, PORT), parcel_name()
got = send(line, one, 0, 64 * K, size=None)
check("a part of an unknown parcel that does not say its size is not found", got[0] == 404, got)
got = send(line, one, 64 * K, 128 * K)
check("any part begins a parcel", got == (204, 0), got)
got = stands(line, one)
check("what is behind a gap is held", got == ("want", 0, [(64 * K, 128 * K)]), got)
got = send(line, one, 64 * K, 128 * K)
check("the same part again is too much", got[0] == 409, got)
got = send(line, one, 100 * K, 164 * K)
check("so is one that shares a byte", got[0] == 409, got)
got = send(line, one, 256 * K, 300 * K, size=SIZE + 1)
check("its size does not change", got[0] == 409, got)
got = send(line, one, SIZE - 10, SIZE, size=SIZE - 5)
check("a part ends within its parcel", got[0] == 400, got)
got = send(line, one, 0, 64 * K)
check("the gap closes: the offset takes in what was held", got == (204, 128 * K), got)

cut, _ = begin(one, 128 * K, 256 * K, 48 * K)
cut.close()
check("a part whose connection breaks is kept as far as it came",
      until(20, lambda: stands(line, one) == ("want", 176 * K, [])), stands(line, one))
hung, rest = begin(one, 176 * K, 256 * K, 32 * K)
got = stands(line, one)
check("an offer settles one that hangs", got == ("want", 208 * K, []), got)
hung.send(rest)
got = hung.answer()
check("what it brings afterwards is refused", got[0] == 503, got)
got = stands(line, one)
check("and does not count", got == ("want", 208 * K, []), got)

old, rest = begin(one, 208 * K, 300 * K, 16 * K)
got = send(line, one, 208 * K, 272 * K)
check("of two that bring the same bytes the newer counts", got == (204, 272 * K), got)
old.send(rest)
got = old.answer()
check("and the older one does not", got[0] == 503 and
      stands(line, one) == ("want", 272 * K, []), got)
old.close()

lines = [Line(CLINIC, PORT) for _ in range(4)]
parts = [(a, min(a + 60 * K, SIZE)) for a in range(272 * K, SIZE, 60 * K)]
last = parts.pop()
for group in range(0, len(parts), 4):
    now = list(zip(lines, parts[group:group + 4]))
    for other, (a, b) in now:
        other.send(part_head(other, one, a, NOISE[a:b]) + NOISE[a:b])
    answers = [other.answer()[0] for other, _ in now]
    if answers != [204] * len(now):
        check("parts at the same time", False, answers)
got = stands(line, one)
check("parts at the same time are all held", got == ("want", last[0], []), got)
got = send(line, one, *last)
check("the last one makes it whole", got == (204, SIZE), got)
until(20, lambda: stands(line, one)[0] != "have")
got = stands(line, one)[0]
check("noise is refused, and wanted from its first byte", got in ("refused", "want"), got)

two = parcel_name()
got = [send(line, two, 0, 100 * K), send(line, two, 200 * K, 300 * K)]
check("a second parcel has a gap", got == [(204, 100 * K), (204, 100 * K)], got)
with open(f"{CENTRE}/two", "w", encoding="ascii") as f:
    f.write(two)
many = parcel_name()
for a in range(0, 40):
    got = send(line, many, (2 * a + 1) * 10 * K, (2 * a + 2) * 10 * K)
check("too many gaps are refused, not forgotten", got[0] == 503, got)
got = stands(line, many)
check("and those that there was place for stand", len(got[2]) == 32, got)
try:
    lines[0].send(b"PATCH /peer/v1/parcels/" + one.encode() +
                  b" HTTP/1.1\r\nHost: c\r\nUpload-Length: 99999999999999999999\r\n"
                  b"Upload-Offset: 0\r\nContent-Digest: x\r\nContent-Length: 5\r\n\r\nhallo")
    got = lines[0].answer()[0]
except Lost:
    got = 400
check("nonsense is refused", got == 400, got)
