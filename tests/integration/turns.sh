#!/bin/sh
# turns.sh - a peer that asks more than its share waits for its turn, and
# nobody waits for it; strangers answer for their own address.
. "$(dirname "$0")/../lib/node.sh"
need python3

check "a centre is made" new_centre centre
set_key centre receive peer-requests 50
check "it starts" start_node centre
for clinic in rude polite; do
	new_clinic $clinic && start_node $clinic || exit 1
	check "clinic $clinic joins" join $clinic centre
	stop_node $clinic
done
gateway=$(room_pids centre gateway)
check "500 requests at once take their time, all are answered, others are not slower" \
	python3 - "$LIB" "$T" "$HTTPS_centre" <<'PY'
import sys, threading, time
sys.path.insert(0, sys.argv[1])
from peer_line import Line
node, port = sys.argv[2], int(sys.argv[3])
polite = Line(f"{node}/polite", port)
polite.ask("GET", "/peer/v1/hello")
lines = [Line(f"{node}/rude", port) for _ in range(5)]
began = time.monotonic()
statuses = []
def read(line):
    for _ in range(100):
        statuses.append(line.answer()[0])
for line in lines:
    line.send(line.head("GET", "/peer/v1/hello") * 100)
readers = [threading.Thread(target=read, args=(line,)) for line in lines]
for r in readers:
    r.start()
time.sleep(0.5) # the burst is over, the turns are not
worst = 0
while time.monotonic() - began < 4:
    t = time.monotonic()
    assert polite.ask("GET", "/peer/v1/hello")[0] == 200
    worst = max(worst, time.monotonic() - t)
    time.sleep(0.05)
for r in readers:
    r.join()
took = time.monotonic() - began
print(f"{took:.1f} s, polite {worst * 1000:.0f} ms at worst")
assert statuses == [200] * 500, sorted(set(statuses))
assert took >= 400 / 50 - 0.2, took # 100 at once, then 50 a second
assert worst < 1, worst # its own share is not touched
PY
check "one that goes while it waits leaves nothing behind" python3 - "$LIB" "$T" "$HTTPS_centre" <<'PY'
import sys, time
sys.path.insert(0, sys.argv[1])
from peer_line import Line
node, port = sys.argv[2], int(sys.argv[3])
for _ in range(8):
    line = Line(f"{node}/rude", port)
    line.send(line.head("GET", "/peer/v1/hello") * 60)
    line.close()
assert Line(f"{node}/polite", port).ask("GET", "/peer/v1/hello")[0] == 200
PY
same_gateway() { [ "$(room_pids centre gateway)" = "$gateway" ]; }
check "the gateway is still the same" same_gateway
done_testing
