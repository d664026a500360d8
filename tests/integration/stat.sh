#!/bin/sh
# stat.sh - an urgent (STAT) study overtakes what is under way, and a small study
# does not wait for a giant one before it. The line is what a cap leaves of it.
#
# DF_ROUTINE and DF_URGENT are counts of CT images of 530 KB, some 205 KB of them
# on the line of DF_MBIT Mbit/s; 4000, 50 and 8 are the full measure: 2 GB in
# flight, 10 MB urgent.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend python3
routine=${DF_ROUTINE:-100}
urgent=${DF_URGENT:-4}
mbit=${DF_MBIT:-4}

for what in routine:$routine small:2 urgent:$urgent late:3; do
	python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/${what%:*}" "${what#*:}" \
		"${what%:*}" >"$T/${what%:*}.uid" || exit 1
done
line=$(free_port)
new_centre centre && new_clinic clinic || exit 1
set_key clinic parcel coding zstd
node clinic modality add STATCT --stat >/dev/null || exit 1
start_node centre && start_node clinic || exit 1
python3 "$LIB/relay.py" "$line" "$HTTPS_centre" >"$T/relay.log" 2>&1 &
RELAY=$!
PIDS="$PIDS $RELAY"
wait_for 10 grep -q ready "$T/relay.log" || exit 1
check "the clinic joins over the line" join clinic centre "$line"
stop_node clinic
echo "cap = $mbit Mbit/s" >>"$T/clinic/config.ini" # the peer stands last
start_node clinic || exit 1

send_as() { # AET DIR COUNT
	rm -f "$T/sent.report"
	dcmsend --no-halt --decompress-never +sd -aet "$1" -aec CLINIC +crf "$T/sent.report" \
		127.0.0.1 "$DICOM_clinic" "$2" >>"$T/dcmsend.log" 2>&1
	[ "$(grep -c '^DIMSE Status *: 0x0000' "$T/sent.report")" = "$3" ]
}
at_centre() { # WHAT: its images there
	uid=$(cat "$T/$1.uid")
	node centre study list --json |
		json "sum(s['instances'] for s in j['studies'] if s['study_uid'] == '$uid')"
}
has_there() { [ "$(at_centre "$1")" -ge "$2" ]; }
packed_bytes() {
	uid=$(cat "$T/$1.uid")
	node clinic study list --json |
		json "sum(s['packed_bytes'] for s in j['studies'] if s['study_uid'] == '$uid')"
}
ms() { date +%s%3N; }

check "a large routine study comes" send_as MODALITY "$T/routine" "$routine"
check "it is on the line" python3 "$LIB/relay_bytes.py" "$T/relay.log" "$RELAY" 1000000
check "an urgent one comes" send_as STATCT "$T/urgent" "$urgent"
begun=$(ms)
check "its first image is there" wait_for 120 has_there urgent 1
first=$(($(ms) - begun))
check "all of it is there" wait_for 60 has_there urgent "$urgent"
took=$(($(ms) - begun))
own=$(($(packed_bytes urgent) / 125 / mbit)) # ms
before=$(at_centre routine)
echo "# first image after $first ms, all after $took ms; its own line time is $own ms; $before of $routine routine images were there"
check "before the routine one" test "$before" -lt "$routine"
# once it was packed, only what was begun went on beside it: a parcel for each
# connection. On a machine that has the time, that is also seen in the time.
check "nothing was begun beside it" python3 -c "
import re, sys
def lines(log, event, uid):
    return [m[1] for m in re.finditer(r't=(\\S+) .*event=' + event + '.* study=\\W*' + uid, open(log).read())]
urgent, routine = (open('$T/' + w + '.uid').read().strip() for w in ('urgent', 'routine'))
made, there = (max(lines('$T/' + l, e, urgent)) for l, e in
               (('clinic.log', 'parcel.made'), ('centre.log', 'parcel.taken')))
between = [t for t in lines('$T/centre.log', 'parcel.taken', routine) if made < t < there]
print('# packed', made, 'there', there, 'routine between', between)
sys.exit(len(between) > 4)"
[ -n "${DF_ROUTINE:-}" ] &&
	check "in little more than its own time" test "$took" -le $((own * 12 / 10 + 1000))
check "the journal says so" truth clinic \
	"[s['priority'] for s in j['studies'] if s['study_uid'] == '$(cat "$T/urgent.uid")'] == [1]" \
	study list

check "a small routine study comes" send_as MODALITY "$T/small" 2
check "and one that a person will call urgent" send_as MODALITY "$T/late" 3
known() { node clinic study show "$(cat "$T/$1.uid")"; }
check "it is known by then" wait_for 60 known late
check "study send --stat" node clinic study send --stat "$(cat "$T/late.uid")"
check "it says so" sh -c "'$DF_BIN/dcm-forward' -C '$T/clinic' study why '$(cat "$T/late.uid")' | grep -q '急诊 STAT'"
check "all of it is there" wait_for 60 has_there late 3
check "the small one is" wait_for 60 has_there small 2
before=$(at_centre routine)
echo "# $before of $routine routine images were there"
check "and the large one is not" test "$before" -lt "$routine"
[ -n "${DF_ROUTINE:-}" ] && { done_testing; exit; }
check "what waits has its place" truth clinic \
	"sorted(d['place'] for d in j['deliveries'] if d['place']) == list(range(1, 1 + sum(d['place'] > 0 for d in j['deliveries'])))" \
	queue list
stop_node clinic
sed -i '/^cap = /d' "$T/clinic/config.ini"
start_node clinic || exit 1
check "the routine one goes on where it was" wait_for 60 has_there routine "$routine"
check "the studies are closed" send_studies clinic
check "all have their receipt" wait_for 30 has_at_least clinic confirmed $((routine + urgent + 5))
up=$(python3 "$LIB/relay_bytes.py" "$T/relay.log" "$RELAY" 0 | cut -d. -f1 | cut -d' ' -f1)
sum=$(sum_of clinic packed_bytes)
echo "# $sum bytes packed, $up carried"
check "nothing was sent twice" test "$up" -le $((sum + sum / 25 + 200000))
done_testing
