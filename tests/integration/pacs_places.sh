#!/bin/sh
# pacs_places.sh - several associations to one PACS: one that has room for two
# only is not called down and gets all by those; one that breaks an association
# again and again gets all, and little of it twice; one with remarks has them.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend python3
COUNT=40

python3 "$LIB/make_study.py" "$TESTDATA/mr/epi01.dcm" "$T/study" $COUNT \
	>"$T/uid" || exit 1
python3 "$LIB/dicom_bytes.py" "$T/study" | cut -d' ' -f1 | sort >"$T/want"
new_clinic clinic || exit 1
set_key clinic retry min 1 && set_key clinic retry max 2
# pacs NAME RULE: one with its own mind
pacs() {
	port=$(free_port)
	python3 "$LIB/pacs.py" "$port" "$T/$1" "$2" >"$T/$1.log" 2>&1 &
	PIDS="$PIDS $!"
	wait_for 10 grep -q ready "$T/$1.log" &&
		node clinic destination add "$1" --dicom "PACS@127.0.0.1:$port" \
			--associations 6 >/dev/null
}
pacs narrow places:2 && pacs shaky abort:every=9 && pacs picky b007:every=10 ||
	exit 1
start_node clinic || exit 1
check "the modality sends" send_sure "$DICOM_clinic" $COUNT "$T/study"
has_all() { grep ' 0000$' "$T/$1" | cut -d' ' -f1 | sort -u | cmp - "$T/want"; }
check "a PACS with two places gets all" wait_for 30 has_all narrow
check "each once" [ "$(grep -c ' 0000$' "$T/narrow")" -eq $COUNT ]
check "though it has turned others away" grep -q rejected "$T/narrow"
check "and is not called down" truth clinic \
	"[d['up'] for d in j['queue']['destinations'] if d['name'] == 'narrow'] == [True]" \
	status
check "one that breaks associations gets all" wait_for 60 has_all shaky
broken=$(grep -c ' abcd$' "$T/shaky")
check "each lost association cost one image" sh -c \
	"[ \$(wc -l <'$T/shaky') -le $((COUNT + 2 * broken)) ]"
good() { [ "$(grep -c ' \(0000\|b007\)$' "$T/picky")" -eq $COUNT ]; }
check "one that has remarks gets each once" wait_for 30 good
check "every delivery comes to its end" wait_for 30 all_settled clinic
check "and none is refused" truth clinic "j['queue']['refused'] == 0" status
remarked() {
	truth clinic "[d['remarked'] for d in j['deliveries'] if d['destination'] == 'picky'] == [4]" \
		study show "$(cat "$T/uid")"
}
check "the remarks are counted" remarked
check "and study why tells of them" sh -c \
	"'$DF_BIN/dcm-forward' -C '$T/clinic' study why $(cat "$T/uid") | grep -q 'remark of the PACS'"
done_testing
