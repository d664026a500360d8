#!/bin/sh
# pacs_trouble.sh - a PACS that is down, stops, is full for a moment, or
# refuses one object: the rest goes on, only what failed is sent again, and
# each image is there once.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu python3

python3 "$LIB/make_study.py" "$TESTDATA/mr/epi01.dcm" \
	"$T/study" 20 >"$T/uid" || exit 1
ref=$(free_port)
late=$(free_port)
moody=$(free_port)
start_storescp "$ref" "$T/reference" || exit 1
dcmsend --decompress-never +sd -aet MODALITY -aec PACS 127.0.0.1 "$ref" \
	"$T/study" >/dev/null 2>&1
python3 "$LIB/dicom_bytes.py" "$T/reference" | cut -d' ' -f1,2 | sort >"$T/want"
bad=$(head -n 7 "$T/want" | tail -n 1 | cut -d' ' -f1)
tail8=$(printf %s "$bad" | tail -c 8)

new_clinic clinic || exit 1
set_key clinic retry max 2 && set_key clinic retry min 1
set_key clinic dimse timeout 3 && set_key clinic dimse connect 3
node clinic destination add late --dicom "PACS@127.0.0.1:$late" >/dev/null || exit 1
node clinic destination add moody --dicom "PACS@127.0.0.1:$moody" >/dev/null || exit 1
python3 "$LIB/pacs.py" "$moody" "$T/moody.came" a700:first=3 "c001:uid=$tail8" \
	>"$T/moody.log" 2>&1 &
MOODY=$!
PIDS="$PIDS $MOODY"
wait_for 10 grep -q ready "$T/moody.log" || exit 1
start_node clinic || exit 1

# destination NAME EXPRESSION: over its status, as d
destination() {
	truth clinic "[$2 for d in j['queue']['destinations'] if d['name'] == '$1'][0]" status
}
good() { grep -c ' 0000$' "$T/moody.came"; }
has_good() { [ "$(good)" -ge "$1" ]; }
study() { truth clinic "$1" study show "$(cat "$T/uid")"; }

check "the modality sends" send_sure "$DICOM_clinic" 20 "$T/study"
check "what a busy PACS put off arrives, all but the one it refuses" \
	wait_for 30 has_good 19
check "only what failed was sent again" sh -c "
	[ \$(grep -c ' a700\$' '$T/moody.came') -eq 3 ] &&
	[ \$(grep -c ' c001\$' '$T/moody.came') -le 2 ] &&
	[ \$(grep -c ' 0000\$' '$T/moody.came') -eq 19 ]"
check "with the bytes that were sent" sh -c "
	grep ' 0000\$' '$T/moody.came' | cut -d' ' -f1,2 | sort >'$T/got'
	grep -v '^$bad ' '$T/want' | cmp - '$T/got'"
check "the refused one is counted" wait_for 10 truth clinic \
	"j['studies'][0]['refused'] == 1" study list
check "and study why names its status" sh -c \
	"'$DF_BIN/dcm-forward' -C '$T/clinic' study why $(cat "$T/uid") | grep -qi c001"
check "a PACS that is down is said to be down" wait_for 10 destination late "not d['up']"
start_storescp "$late" "$T/late" || exit 1
check "what waited for it arrives" wait_for 30 sh -c \
	"[ \$(ls '$T/late' | wc -l) -ge 20 ]"
check "and it is said to be up" wait_for 10 destination late "d['up']"
check "each once, as it was sent" \
	python3 "$LIB/dicom_bytes.py" --compare "$T/reference" "$T/late"

# a PACS that stops answering with an association open
python3 "$LIB/make_study.py" "$TESTDATA/mr/epi01.dcm" \
	"$T/second" 20 second >"$T/uid2" || exit 1
dcmsend --decompress-never +sd -aet MODALITY -aec PACS 127.0.0.1 "$ref" \
	"$T/second" >/dev/null 2>&1
kill -STOP "$PID_storescp" $(pgrep -P "$PID_storescp")
check "the modality sends while a PACS stands still" \
	send_sure "$DICOM_clinic" 20 "$T/second"
check "the other PACS has them meanwhile" wait_for 30 has_good 39
check "the one that stands still is said to be down" \
	wait_for 20 destination late "not d['up']"
kill -CONT "$PID_storescp" $(pgrep -P "$PID_storescp")
check "it goes on" wait_for 30 sh -c \
	"python3 '$LIB/dicom_bytes.py' '$T/late' | cut -d' ' -f1 | sort -u |
		[ \$(wc -l) -ge 40 ]"
check "with the bytes that were sent" sh -c "
	python3 '$LIB/dicom_bytes.py' '$T/late' | cut -d' ' -f1,2 | sort -u >'$T/got'
	python3 '$LIB/dicom_bytes.py' '$T/reference' | cut -d' ' -f1,2 | sort |
		cmp - '$T/got'"

# a person
kill "$MOODY"
wait "$MOODY" 2>/dev/null
python3 "$LIB/pacs.py" "$moody" "$T/moody.came" >"$T/moody2.log" 2>&1 &
PIDS="$PIDS $!"
wait_for 10 grep -q ready "$T/moody2.log"
id=$(node clinic queue list --json | json \
	"[d['id'] for d in j['deliveries'] if d['state'] == 'refused'][0]")
check "what was refused is tried again when a person says so" \
	node clinic queue retry "$id"
check "and arrives" wait_for 20 grep -q "^$bad .* 0000\$" "$T/moody.came"
check "nothing is refused any more" wait_for 10 truth clinic \
	"j['queue']['refused'] == 0" status
kill $(pgrep -P "$PID_storescp") "$PID_storescp"
python3 "$LIB/make_study.py" "$TESTDATA/mr/epi01.dcm" "$T/third" 3 third \
	>"$T/uid3" || exit 1
check "images come meanwhile" send_sure "$DICOM_clinic" 3 "$T/third"
check "the other destination has them" wait_for 20 has_good 43
wait_for 10 destination late "not d['up']"
check "what waits for a destination is held" node clinic queue hold --destination late
start_storescp "$late" "$T/late"
sleep 3 # longer than retry.max: nothing may come
check "it gets nothing" truth clinic "j['queue']['held'] == 3" status
check "until it is released" node clinic queue release --destination late
check "then they arrive" wait_for 20 truth clinic \
	"j['queue']['held'] == 0 and j['queue']['confirmed'] == 86" status

# a PACS that breaks the association over one object
choke=$(free_port)
python3 "$LIB/make_study.py" "$TESTDATA/mr/epi01.dcm" "$T/fourth" 20 fourth \
	>"$T/uid4" || exit 1
set_key clinic 'destination "moody"' dicom "PACS@127.0.0.1:$choke"
worst=$(dcmdump +P 0008,0018 "$T/fourth/IM00004" | sed 's/.*\[\(.*\)\].*/\1/' | tail -c 9)
python3 "$LIB/pacs.py" "$choke" "$T/choke.came" "abort:uid=$worst" >"$T/choke.log" 2>&1 &
PIDS="$PIDS $!"
wait_for 10 grep -q ready "$T/choke.log" || exit 1
node clinic reload && wait_for 20 is_ready clinic
check "the modality sends for a PACS that chokes" send_sure "$DICOM_clinic" 20 "$T/fourth"
choked_good() { [ "$(grep -c ' 0000$' "$T/choke.came")" -ge "$1" ]; }
check "all but the one it chokes on arrive" wait_for 30 choked_good 19
python3 "$LIB/make_study.py" "$TESTDATA/mr/epi01.dcm" "$T/fifth" 3 fifth >"$T/uid5" || exit 1
check "later images go past it" send_sure "$DICOM_clinic" 3 "$T/fifth"
check "and arrive" wait_for 30 choked_good 22
check "it is tried again with pauses, not in a circle" sh -c \
	"[ \$(grep -c ' abcd\$' '$T/choke.came') -le 40 ]"
check "the node ends in order" stop_node clinic
check "the spool is sound" node clinic spool check
done_testing
