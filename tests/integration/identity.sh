#!/bin/sh
# identity.sh - who is one person: joined where it is exact, asked where it is
# not, decided by a person, taken back, and kept when index.db is lost. No
# image waits for any of it.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend dcmodify storescp echoscu python3

pacs=$(free_port)
start_storescp "$pacs" "$T/outside-pacs" || exit 1
mkdir "$T/outside"
number=11010519491231002X
# record NAME ID PATIENT BIRTH SEX: an exam of its own under that identity
record() {
	python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" \
		"$T/outside/$1" 1 "$1" >/dev/null &&
		dcmodify -q -nb -i '(0008,0005)=ISO_IR 192' \
			-i "(0010,0020)=$2" -i "(0010,0010)=$3" \
			-i "(0010,0030)=$4" -i "(0010,0040)=$5" \
			"$T/outside/$1"/IM*
}
record first "$number" "张三" 19491231 F &&
	record typed "１１０１０５１９４９１２３１００２ｘ" "ZHANG^SAN=张^三" 19491231 F &&
	record sound "$number" "章三" 19491231 F &&
	record other "$number" "王小五" 19880101 M &&
	record nameless P7741 "张三" 19491231 F &&
	record stranger P7742 "李四" 19600606 M || exit 1

new_clinic clinic || exit 1
node clinic destination add pacs --dicom "PACS@127.0.0.1:$pacs" --compress no >/dev/null || exit 1
start_node clinic || exit 1
check "six exams are sent" send_sure "$DICOM_clinic" 6 "$T/outside"
all_sent() { [ "$(find "$T/outside-pacs" -type f | wc -l)" -eq 6 ]; }
check "all reach the reader, whoever they are of" wait_for 30 all_sent
all_known() { truth clinic "$1" identity list --all; }
check "the index knows them" wait_for 20 all_known "len(j['questions']) >= 4"

# questions NODE: "match birth name name" a line, sorted
questions() {
	node clinic identity list --json | json '"\n".join(sorted(
" ".join([q["match"]] + sorted([q["a"]["patient_name"], q["b"]["patient_name"]])) for q in j["questions"]))'
}
questions >"$T/outside-questions"
sed 's/^/# /' "$T/outside-questions"
asked() { grep -qx "$1" "$T/outside-questions"; }
check "one sound, other characters: asked" asked "probable 张三 章三"
check "one number, another person: a contradiction" asked "contradiction 张三 王小五"
check "one name and birth date, no number: asked" asked "probable 张三 张三"
open=$(wc -l <"$T/outside-questions")
check "status counts them" truth clinic "j['identity']['open'] == $open" status
check "and says what to do" sh -c "'$DF_BIN/dcm-forward' -C '$T/clinic' status | grep -q 'dcm-forward identity list'"
held() { truth clinic "[s['patient']['identity_held'] for s in j['studies'] if s['patient']['patient_name'] == '$1'] == [$2]" study list; }
check "the exam of a contradiction is marked" held 王小五 True
check "that of a stranger is not" held 李四 False
check "staff see it where they look" sh -c "'$DF_BIN/dcm-forward' -C '$T/clinic' study list | grep -q '^王小五 *! '"
nobody() { ! grep -q "$1" "$T/outside-questions"; }
check "nothing is asked of a stranger" nobody 李四
says() { node clinic identity list | grep -q "$1"; }
check "each with its reasons, in two languages" says "姓名同音不同字 names sound alike"

# ref EXPRESSION: of the patient p that it holds for
ref() {
	node clinic identity list --all --json | json "[p['ref'] for q in j['questions'] for p in (q['a'], q['b']) if $1][0]"
}
first=$(ref 'p["patient_name"] == "张三" and p["patient_id"] == "'$number'"')
typed=$(ref 'p["patient_name"].startswith("ZHANG")')
nameless=$(ref 'p["patient_id"] == "P7741"')
sound=$(ref 'p["patient_name"] == "章三"')
other=$(ref 'p["patient_name"] == "王小五"')
# is_with REF REF...: these, and no others, are one person
is_with() {
	of=$1
	shift
	wanted=$(printf '%s\n' "$@" | sort)
	[ "$(node clinic identity show "$of" --json |
		json '"\n".join(sorted(p["ref"] for p in j["person"]))')" = "$wanted" ]
}
check "a number in full width is the same person" is_with "$first" "$first" "$typed"
check "his two exams are his" truth clinic "len(j['studies']) == 2" identity show "$first"
uid=$(node clinic study list --json | json "[s['study_uid'] for s in j['studies'] if s['patient']['patient_name'] == '王小五'][0]")
check "an exam leads to whose it is" truth clinic "j['patient']['ref'] == '$other'" identity show "$uid"
check "who contradicts is alone" is_with "$other" "$other"
check "who is probable is alone" is_with "$nameless" "$nameless"

fails_with() {
	want=$1
	shift
	node clinic "$@" >"$T/fails.out" 2>&1
	[ $? -eq "$want" ]
}
check "nobody decides without a name" fails_with 2 identity merge "$first" "$nameless" --reason x
check "nor without a reason" fails_with 2 identity merge "$first" "$nameless" --by 王敏
check "nor with more words than are kept" fails_with 2 identity merge "$first" "$nameless" --by 王敏 \
	--reason "$(printf '%0300d' 1)"
check "nor of one record" fails_with 2 identity merge "$first" "$first" --by 王敏 --reason x
check "nor of records that are not there" fails_with 4 identity merge "$first" \
	00000000000000000000000000000000 --by 王敏 --reason x

# decide SEQ_NAME VERB A B
decide() {
	name=$1
	shift
	seq=$(node clinic identity "$@" --by 王敏 --reason "电话核实" --json | json 'int(j["seq"])') &&
		eval "$name=$seq"
}
check "two records are merged" decide merged merge "$first" "$(echo "$nameless" | cut -c1-12)"
check "they are one person, with those who were" is_with "$nameless" "$first" "$typed" "$nameless"
questions >"$T/outside-questions"
check "and not asked again" nobody "probable 张三 张三"
check "merging again is refused" fails_with 5 identity merge "$first" "$nameless" --by 王敏 --reason x
check "a homophone is another person" decide parted split "$first" "$sound"
check "then the same after all" decide rejoined merge "$first" "$sound"
check "they are" is_with "$sound" "$first" "$typed" "$nameless" "$sound"
check "only what is in force is undone" fails_with 5 identity undo "$parted" --by 王敏 --reason x
check "it is undone" node clinic identity undo "$rejoined" --by 李莉 --reason "误操作"
check "what held before it holds" is_with "$sound" "$sound"
check "it is not undone twice" fails_with 5 identity undo "$rejoined" --by 李莉 --reason x
check "no decision, no undoing" fails_with 4 identity undo 9999 --by 李莉 --reason x
shown() { node clinic identity show "$sound" | grep -q "$1"; }
check "who decided and why is shown" shown "李莉.*误操作"

check "even who is exact can be parted" decide apart split "$first" "$typed"
check "then he is two" is_with "$typed" "$typed"
check "and one again" node clinic identity undo "$apart" --by 李莉 --reason "误操作"
check "with all that was his" is_with "$first" "$first" "$typed" "$nameless"

node clinic identity list --all --json >"$T/outside-before"
kill_node_hard clinic
rm -f "$T"/clinic/index.db*
check "killed, index.db lost, the node starts" start_node clinic
same_as_before() {
	node clinic identity list --all --json >"$T/outside-after"
	python3 - "$T/outside-before" "$T/outside-after" <<'END'
import json, sys
def told(path):
    def pair(q):
        two = sorted((q[s]["ref"], q[s]["patient_name"]) for s in "ab")
        return (two, q["match"], q["decided"], q["seq"], q["one_person"],
                [r["code"] for r in q["reasons"]])
    return sorted(map(pair, json.load(open(path))["questions"]))
a, b = map(told, sys.argv[1:])
sys.exit(a != b or not a)
END
}
check "questions and decisions are as they were" wait_for 20 same_as_before
check "and so is the person" is_with "$nameless" "$first" "$typed" "$nameless"
check "the merge is undone" node clinic identity undo "$merged" --by 李莉 --reason "误操作"
check "and asked again" is_with "$nameless" "$nameless"

printf '%s\n' 张三 章三 王小五 王敏 李莉 电话核实 误操作 "$number" ZHANG^SAN P7741 >"$T/outside-words"
found() { ! grep -raFlf "$T/outside-words" "$T/clinic" "$T/clinic.log"; }
check "no name or number stands anywhere in clear" found
stop_node clinic
check "nor after it stopped" found
done_testing
