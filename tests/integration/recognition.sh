#!/bin/sh
# recognition.sh - the ledger: earlier exams viewed, recognised, declined, taken
# back; figures that reconcile with the register; what verify finds.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend echoscu dcmodify dcmdump python3

check "a clinic is made" new_clinic clinic
# this clinic makes and asks; its own exams count
mkdir -p "$T/clinic/recognition"
printf 'institution\tnames\tnode\tareas\nBRIDGE\t镇卫生院 clinic\t\tCN-43\n' \
	>"$T/clinic/recognition/institutions.tsv"
printf 'item\tyuan\tmsv\nCT-*\t100.50\t2\nDX-*\t10\t0.25\nMR-*\t300\t0\n' \
	>"$T/clinic/recognition/prices.tsv"
printf 'item\tzh\ten\tmodalities\tparts\tdays\treport\nMR-HEAD\t颅脑MR\thead MR\tMR\tHEAD,BRAIN\t30\tno\n' \
	>"$T/clinic/recognition/items.tsv"
# one that the rules take: made here, today
cp "$TESTDATA/mr/epi01.dcm" "$T/own.dcm"
dcmodify -nb -gst -gse -gin -i "(0008,0005)=ISO_IR 192" -i "(0008,0080)=镇卫生院 clinic" \
	-i "(0008,0020)=$(date +%Y%m%d)" -i "(0010,0010)=赵钱孙" -i "(0010,0020)=P7755331" "$T/own.dcm" || exit 1
own=$(dcmdump +P 0020,000d "$T/own.dcm" | sed 's/.*\[\(.*\)\].*/\1/')
check "it starts" start_node clinic
check "exams come" send "$DICOM_clinic" "$TESTDATA" "$T/own.dcm"
is_indexed() { truth clinic "j['queue']['inspected_all'] and j['queue']['index_left'] == 0" status; }
check "and are indexed" wait_for 60 is_indexed
node clinic study list --json | json '"\n".join(sorted(s["study_uid"] for s in j["studies"] if s.get("patient")))' |
	grep -vxF "$own" >"$T/uids"
uid() { sed -n "$1p" "$T/uids"; }
check "there are five" [ "$(wc -l <"$T/uids")" -ge 5 ]

# --- acts
r() { node clinic recognition "$@"; }
seq_of() { json 'j["entry"]["seq"]'; }
refused_with() { # STATUS COMMAND...
	want=$1
	shift
	"$@" >"$T/out" 2>&1
	[ $? = "$want" ]
}
check "one is viewed" r view "$(uid 1)" --doctor 王医生 --order A1
one=$(r accept "$(uid 1)" --doctor 王医生 --order A1 --json | seq_of)
check "and recognised" [ "${one:-0}" -ge 2 ]
check "another is declined" r decline "$(uid 2)" --doctor 李医生 --order A2 --reason 1 --text 症状加重
check "why is asked" refused_with 2 r decline "$(uid 3)" --doctor 李医生
check "and must be one of the codes" refused_with 2 r decline "$(uid 3)" --doctor 李医生 --reason 99
check "an emergency is reason enough" r decline "$(uid 3)" --doctor 李医生 --emergency
check "who is asked" refused_with 2 r view "$(uid 3)"
check "200 characters are fine" r view "$(uid 4)" --doctor 王医生 \
	--text "$(python3 -c 'print("字" * 200)')"
check "201 are not" refused_with 2 r view "$(uid 4)" --doctor 王医生 \
	--text "$(python3 -c 'print("字" * 201)')"
check "an exam that nobody knows is none" refused_with 4 r accept 1.2.3.4 --doctor 王医生
two=$(r accept "$(uid 5)" --doctor 王医生 --json | seq_of)
check "a decision is taken back" r undo "$two" --doctor 王医生 --text 选错检查
check "once" refused_with 5 r undo "$two" --doctor 王医生 --text 选错检查
check "a view is not" refused_with 5 r undo 1 --doctor 王医生 --text 选错检查
check "a mind is changed" r decline "$(uid 5)" --doctor 王医生 --reason 11
check "one that the rules take is viewed" r view "$own" --doctor 王医生 --order A7
check "and taken" truth clinic "j['entry']['verdict'] == 'yes' and j['entry']['exam']['item'] == 'MR-HEAD'" \
	recognition accept "$own" --doctor 王医生 --order A7
check "the ledger shows all of it" truth clinic \
	"[e['act'] for e in j['entries']] == 'accept view decline undo accept view decline decline accept view'.split()" recognition list
check "and what was taken back" truth clinic \
	"[e['seq'] for e in j['entries'] if 'undone_by' in e] == [$two]" recognition list
check "of one exam" truth clinic "[e['act'] for e in j['entries']] == ['accept', 'view']" \
	recognition list "$(uid 1)"
check "whose patient it was" truth clinic \
	"all(e['patient']['name'] == '赵钱孙' and e['patient']['id'] == 'P7755331' for e in j['entries'])" recognition list "$own"

# --- figures
figures() {
	node clinic recognition figures --json >"$T/figures" &&
		rm -f "$T/export" && node clinic audit export --to "$T/export" --who 审计员 &&
		python3 "$LIB/recount.py" "$T/export" "$T/figures"
}
check "the figures are those of the register" figures
total() { json "j['total']['$1']" <"$T/figures"; }
check "6 cases: 1 eligible, 2 recognised, 3 declined, 1 only viewed, 3 viewed" \
	[ "$(total cases) $(total eligible) $(total recognised) $(total declined) $(total undecided) $(total viewed)" = "6 1 2 3 1 3" ]
check "two heads are 600 yuan" [ "$(total saved_yuan)" = 600 ]
check "reasons 1, 4 and 11" [ "$(total reasons)" = "{'1': 1, '4': 1, '11': 1}" ]
check "a table for a spreadsheet" sh -c "'$DF_BIN/dcm-forward' -C '$T/clinic' recognition figures --csv >'$T/csv' &&
	python3 -c 'import csv, sys
rows = list(csv.reader(open(sys.argv[1], encoding=\"utf-8-sig\")))
assert len({len(r) for r in rows}) == 1, rows
assert rows[-1][0].startswith(\"合计\") and rows[-1][3] == \"6\", rows[-1]' '$T/csv'"
check "of another month there is nothing" truth clinic \
	"j['total']['cases'] == 0 and j['rows'] == []" recognition figures --month 2020-02
check "a month is a month" refused_with 2 r figures --month 2020-13

# --- what follows from the register can be made again
node clinic recognition list --json >"$T/before"
stop_node clinic
rm -f "$T"/clinic/index.db*
check "it starts without its index" start_node clinic
node clinic recognition list --json >"$T/after"
check "the ledger is the same" cmp "$T/before" "$T/after"
check "and the figures" sh -c "'$DF_BIN/dcm-forward' -C '$T/clinic' recognition figures --json |
	cmp - '$T/figures'"
check "every entry is in its place" node clinic audit verify
check "who took copies is in it, too" truth clinic \
	"any(e['entry'].get('who') == '审计员' for e in j['entries'])" audit list --kind audit
check "a kind that is none is not taken for one without entries" refused_with 2 \
	node clinic audit list --kind recognitions
check "nor exported so" refused_with 2 node clinic audit export --to "$T/export2" --who 审计员 --kind x
check "where it goes on is said" sh -c \
	"'$DF_BIN/dcm-forward' -C '$T/clinic' audit list --from 1 --limit 2 | grep -q 'there are more: --from 3'"
check "only a named person takes one" refused_with 2 node clinic audit export --to "$T/export2"

# --- damage
clear_of() { ! grep -raqF -e "$1" "$T"/clinic/register "$T"/clinic/index.db*; }
check "no name of a patient stands in it" clear_of 赵钱孙
check "and no number" clear_of P7755331
check "nor of a doctor" clear_of 王医生
stop_node clinic
check "nothing is missing while it stands" node clinic audit verify
check "and spool check says so" node clinic spool check
cp "$T/clinic/register" "$T/whole"
python3 -c 'import sys
b = open(sys.argv[1], "rb").read(); open(sys.argv[2], "wb").write(b[:-20])' "$T/whole" "$T/clinic/register"
check "an end that was cut off is missed without a key" refused_with 1 node clinic audit verify
check "and by spool check" refused_with 1 node clinic spool check --json
check "which names it" grep -q register-damaged "$T/out"
cp "$T/whole" "$T/clinic/register"
python3 -c 'import sys
b = bytearray(open(sys.argv[1], "rb").read()); b[len(b) // 2] ^= 4
open(sys.argv[1], "wb").write(b)' "$T/clinic/register"
check "a flipped bit is found" refused_with 1 node clinic audit verify --json
check "and its entry named" [ "$(grep '"good"' "$T/out" | json 'j["broken"] > 1 and j["missing"] == 1')" = true ]
check "it works on" start_node clinic
check "the ledger is still whole in the index" sh -c \
	"'$DF_BIN/dcm-forward' -C '$T/clinic' recognition list --json | cmp - '$T/before'"
check "an entry is added behind the damage" r view "$(uid 4)" --doctor 王医生
check "and the damage stays said" refused_with 1 node clinic audit verify
stop_node clinic
python3 -c 'import sys
b = open(sys.argv[1], "rb").read(); open(sys.argv[2], "wb").write(b[:-20])' "$T/whole" "$T/clinic/register"
check "entries that are gone at the end" start_node clinic
check "are missed, because the index knew them" refused_with 1 node clinic audit verify
check "their numbers are not given again" truth clinic \
	"j['entry']['seq'] > $(json 'j["entries"][0]["seq"]' <"$T/before") + 1" \
	recognition view "$(uid 4)" --doctor 王医生
done_testing
