#!/bin/sh
# parts.sh - the centre and the parts of a parcel: any order, gaps, cuts, two
# writers, and what is left of them when its room dies.
. "$(dirname "$0")/../lib/node.sh"
need python3 pgrep

new_centre centre && new_clinic clinic || exit 1
start_node centre && start_node clinic || exit 1
check "the clinic joins" join clinic centre
stop_node clinic
python3 "$LIB/parts_check.py" "$T/clinic" "$HTTPS_centre" "$T/centre" >"$T/parts.tap" 2>"$T/parts.log"
check "the checks ran to their end" test $? -eq 0
sed 's/^ok [0-9]*/#  /; s/^not ok [0-9]*/#! /' "$T/parts.tap"
check "and all hold" sh -c "! grep '^not ok' '$T/parts.tap'"
kill -KILL $(room_pids centre queue)
stands() {
	PYTHONPATH="$LIB" python3 -c '
import sys
from peer_line import Line
line = Line(sys.argv[1], int(sys.argv[2]))
two = open(sys.argv[3] + "/two").read()
o = line.offer([(two, 1000 * 1024)])[0]
print(o)
sys.exit(not (o["state"] == "want" and o["offset"] == 100 * 1024))' \
		"$T/clinic" "$HTTPS_centre" "$T/centre"
}
check "after the death of queue the offset that was said stands" wait_for 20 stands
done_testing
