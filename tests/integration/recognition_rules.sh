#!/bin/sh
# recognition_rules.sh - recognition check on a real series: the rules are files
# of the node; a saved change counts at once, a wrong one changes nothing and
# says file and line. Nothing of it is built or started again.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend python3

mkdir "$T/outside"
cp "$TESTDATA/ct/IM0001.dcm" "$TESTDATA/ct/IM0002.dcm" "$T/outside"
new_clinic clinic || exit 1
start_node clinic || exit 1
check "a head CT of 2015 is sent" send_sure "$DICOM_clinic" 2 "$T/outside"
known() { truth clinic "len(j['studies']) == 1 and j['studies'][0]['patient']['instances'] == 2" study list; }
check "the index knows it" wait_for 20 known
uid=$(node clinic study list --json | json "j['studies'][0]['study_uid']")

# verdict EXPRESSION [ARGUMENTS]: over v (the verdict) and c (its codes that are
# not for it), four days after the exam
verdict() {
	expression=$1
	shift
	[ "$(node clinic recognition check "$uid" --on 20150210 "$@" --json |
		json "(lambda v, c: $expression)(j['exam']['verdict'],
sorted(r['code'] for r in j['exam']['verdict']['reasons'] if r['effect'] != 'for'))")" = true ]
}
# table FILE LINE...: one of the node's own; %b: \t is a tab
table() {
	file=$T/clinic/recognition/$1
	shift
	printf '%b\n' "$@" >"$file"
}
restarts() { node clinic status --json | json "sum(r['restarts'] for r in j['rooms'])"; }
index_pid=$(room_pids clinic index)

check "its texts say what it is" verdict "v['item'] == 'CT-HEAD'"
check "nobody has told who is who: a person must look" verdict \
	"v['recognise'] == 'unknown' and c == ['asking-unknown', 'institution-unknown', 'report-missing']"
ls -d "$T/clinic/recognition" >/dev/null || exit 1
nowhere() { node clinic recognition rules | grep -q "镇卫生院 clinic, is in no table: add a row"; }
check "and recognition rules says where to begin" nowhere
table institutions.tsv 'institution\tnames\tareas' \
	'qmc\tQueens;QMC\tCN-33' 'clinic\t镇卫生院 clinic\tCN-33'
check "who is who is told: there is no mark" verdict \
	"v['recognise'] == 'no' and c == ['mark-none', 'report-missing']"
check "we are found by our name" truth clinic "j['institution'] == 'clinic'" recognition rules
table marks.tsv 'institution\tarea\tfrom\tto\titems' \
	'qmc\tCN-33\t20150101\t20151231\tCT-*'
check "a mark: only the report is missing" verdict \
	"v['recognise'] == 'unknown' and c == ['report-missing']"
table items.tsv 'item\tzh\ten\tmodalities\tparts\tdays\treport' \
	'CT-HEAD\t头颅CT\thead CT\tCT\tHEAD,BRAIN\t14\tno'
check "this region wants none: yes" verdict "v['recognise'] == 'yes' and v['age_days'] == 4 and v['valid_days'] == 14"
check "it is not for another order" verdict \
	"v['recognise'] == 'no' and c == ['item-other']" --for 胸部CT
check "but for this one" verdict "v['recognise'] == 'yes'" --for 头颅CT平扫
table validity.tsv 'area\titem\trecognise\tdays' 'CN-33\tCT-*\tyes\t3'
check "the province allows three days: no" verdict \
	"v['recognise'] == 'no' and c == ['too-old']"

table validity.tsv 'area\titem\trecognise\tdays' 'CN-33\tCT-*\tyes\tthree'
check "a wrong table changes nothing" verdict "c == ['too-old']"
says() { node clinic recognition check "$uid" 2>&1 | grep -q "$1"; }
check "and is said, with file and line" says \
	"validity.tsv:2: 'three' is no number of days"
wrong() { node clinic "$@" 2>&1 | grep -q 'recognition/validity.tsv:2'; }
check "config check says so, too" wrong config check
check "and recognition rules" wrong recognition rules
rm "$T/clinic/recognition/validity.tsv"
check "without it: yes again" verdict "v['recognise'] == 'yes' and 'tables' not in j"
check "config check is content" node clinic config check
check "the room is the same all the while" [ "$(room_pids clinic index)" = "$index_pid" ]

described() {
	[ "$(node clinic recognition check --modality DX --description "$1" \
		--institution queens --date 20150206 --on 20150207 --json |
		json "' '.join(r['code'] for r in j['exam']['verdict']['reasons'] if r['effect'] != 'for')")" = "$2" ]
}
check "one that is only described" described 老人胸片 mark-none
table words.tsv 'text\tmeans' '老人胸片\tHAND' 'KV-9 BLICK\tCHEST'
check "a person adds words" described "kv 9 blick" mark-none
check "and takes ours away" described 手术 body-part-unknown
sample() { node clinic recognition rules words.tsv | grep -q '^胸部	CHEST$'; }
check "our own rows can be read" sample
refused() { ! node clinic recognition check >/dev/null 2>"$T/refused" && grep -q -- --modality "$T/refused"; }
check "an empty question is refused with what to say" refused
wrong_usage() { node clinic recognition check "$@" >/dev/null 2>&1; [ $? -eq 2 ]; }
check "a day that is none is refused" wrong_usage "$uid" --on 20150231
check "a report that is none" wrong_usage --modality CT --report sealed,signed
check "and an exam that is both there and described" wrong_usage "$uid" --modality CT
check "no room had to start again" [ "$(restarts)" = 0 ]
done_testing
