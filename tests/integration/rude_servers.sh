#!/bin/sh
# rude_servers.sh - of four destinations one is always busy (503, and says when
# to come again), one trickles its answer, one stops reading: the fourth gets
# everything as if it were alone. DF_LONG=1 also waits until the slow ones are
# given up.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu python3
COUNT=${DF_COUNT:-12}

pacs=$(free_port)
start_storescp "$pacs" "$T/pacs" && new_clinic clinic || exit 1
set_key clinic retry min 1
set_key clinic retry max 2
# first in the list, so that whoever waits for it keeps the others waiting
for kind in busy trickle deaf; do
	port=$(free_port)
	"$LIB/rude_server.py" $kind "$port" "$T/$kind" &
	PIDS="$PIDS $!"
	node clinic destination add $kind \
		--stow "http://127.0.0.1:$port/dicom-web" >/dev/null || exit 1
done
node clinic destination add pacs --dicom "PACS@127.0.0.1:$pacs" \
	--compress no >/dev/null
start_node clinic || exit 1
python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/sent" "$COUNT" \
	>/dev/null || exit 1
check "the modality sends" send "$DICOM_clinic" "$T/sent"
all_there() { python3 "$LIB/dicom_bytes.py" --compare "$T/sent" "$T/pacs"; }
check "the PACS has every image once" wait_for 20 all_there
for kind in busy trickle; do
	check "the $kind one was asked" wait_for 20 grep -q request "$T/$kind"
done
check "the deaf one too" wait_for 20 grep -q connection "$T/deaf"

# It is asked by as many requests at once as were under way, on a busy machine
# not quite at once; and then not within the four seconds that it asked for.
came_back() { # twice
	awk '/request/ { if (n++ && $1 - last >= 3.9) back++; last = $1 }
		END { exit back < 2 }' "$T/busy"
}
check "the busy one is asked again" wait_for 60 came_back
patient() {
	awk '/request/ { gap = $1 - last; last = $1
			if (n++ && gap >= 3.9) away = 1
			else if (away && gap > 1) { print; bad = 1 } }
		END { exit bad }' "$T/busy"
}
check "after the time that it asked for" patient
says() { node clinic destination list --json | grep -q "$1"; }
if [ -n "${DF_LONG:-}" ]; then
	check "the trickled answer is given up" wait_for 60 grep -q cut "$T/trickle"
	check "and that is said" wait_for 10 says '"up": *false'
fi
check "another study goes to the PACS all the same" send "$DICOM_clinic" \
	"$TESTDATA/mr/t1.dcm"
mkdir "$T/more" && cp "$TESTDATA/mr/t1.dcm" "$T/sent/more"
check "and is there" wait_for 20 all_there
check "nothing is lost for the rude ones: it waits" truth clinic \
	'j["queue"]["waiting"] + j["queue"]["deferred"] + j["queue"]["sending"] > 0' status
done_testing
