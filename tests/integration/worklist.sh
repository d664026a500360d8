#!/bin/sh
# worklist.sh - what is to be done: registered at the clinic, found by
# modalities (findscu and Orthanc), closed by the exam, kept when index.db is
# lost; and what is known of an earlier exam is read before the exposure.
. "$(dirname "$0")/../lib/node.sh"
. "$LIB/exam.sh"
. "$LIB/orthanc.sh"
need findscu dump2dcm dcmdump dcmodify dcmsend python3 curl Orthanc

new_clinic clinic || exit 1
node clinic modality add CT_1 >/dev/null && node clinic modality add OLD >/dev/null &&
	node clinic modality add MUTE >/dev/null &&
	set_key clinic 'modality "OLD"' charset gb18030 &&
	set_key clinic 'modality "MUTE"' worklist no || exit 1
start_node clinic || exit 1
number=11010519491231002X
mkdir "$T/outside"

# An exam of long ago, by its date, of a patient who comes again today.
chest_ct "$T/outside/prior" "$number" || exit 1
check "an earlier exam comes" send_sure "$DICOM_clinic" 1 "$T/outside/prior"
known() { truth clinic "sum(bool(s.get('patient')) for s in j['studies']) == $1" study list; }
check "the index knows it" wait_for 20 known 1

add() { node clinic order add --json "$@"; }
add --id "$number" --name 王小东 --modality CT --body-part CHEST \
	--procedure 胸部CT平扫 >"$T/outside/again" || exit 1
in_order() { [ "$(json "$2" <"$T/outside/$1")" = true ]; }
check "registering shows it" in_order again \
	"[p['patient']['name'] for p in j['priors']] == ['王小东']"
check "and marks the order" in_order again \
	"j['order']['mark'].startswith('[已有') and '县医院' in j['order']['mark']"
# second bytes 0x5C and 0x5E, four bytes, and one that only UTF-8 consoles show
add --id K47120012 --name 'Cheng^X=誠^昢' --sex 男 --birth 1980-02-29 --modality DX \
	--procedure '右手，左手' --station-ae DX_1 --scheduled "$(date +%F) 23:59" \
	>"$T/outside/hands" &&
	add --id K47130013 --name '王^𬀩' --modality US --procedure 腹部超声 \
		--accession HIS-77 --scheduled 2099-12-31 >"$T/outside/later" || exit 1
refused() { ! add "$@"; }
check "a patient without a name is refused" refused --id 1 --modality CT
check "a day that is none is refused" refused --id 1 --name x --modality CT --scheduled 2026-13-01
check "an accession number has one patient" refused --id 9 --name x --modality CT --accession HIS-77
mistyped() { add --id 110105194912310029 --name 李四 --modality MR | json 'j["warning"]' |
	grep -qx resident_number_mistyped; }
check "a mistyped resident number is told, and taken" mistyped
check "in an emergency nothing is asked" add --emergency --modality CT

# ask TITLE DUMP_LINE...: findscu; the answers as text, one file each
ask() {
	title=$1
	shift
	rm -rf "$T/outside/rsp"
	mkdir "$T/outside/rsp"
	printf '%s\n' "$@" >"$T/outside/q.dump"
	dump2dcm -q "$T/outside/q.dump" "$T/outside/q.dcm" 2>/dev/null || return 1
	(cd "$T/outside/rsp" && findscu -v -W -X -aet "$title" -aec CLINIC \
		127.0.0.1 "$DICOM_clinic" ../q.dcm >"$T/outside/findscu" 2>&1)
}
# value TAG: of all answers, as UTF-8, sorted
value() {
	for f in "$T"/outside/rsp/*.dcm; do
		[ -f "$f" ] && dcmdump -q +U8 +P "$1" +L "$f"
	done | sed 's/^[^[]*\[\(.*\)\].*/\1/;s/[ ]*$//' | sort | tr '\n' '|'
}
# holds TAG VALUES
holds() {
	value "$1" >"$T/outside/got"
	[ "$(cat "$T/outside/got")" = "$2" ] || { cat "$T/outside/got"; return 1; }
}
step_of() { # MODALITY STATION DATE: the sequence with these keys
	printf '%s\n' '(0040,0100) SQ' '(fffe,e000) na' "(0008,0060) CS $1" \
		"(0040,0001) AE $2" "(0040,0002) DA $3" '(0040,0003) TM' \
		'(0040,0007) LO' '(0040,0009) SH' '(fffe,e00d) na' '(fffe,e0dd) na'
}
keys='(0008,0050) SH
(0010,0010) PN
(0010,0020) LO
(0020,000d) UI
(0040,1400) LT'
accession() { json 'j["order"]["accession"]' <"$T/outside/$1"; }

check "a modality asks for all" ask CT_1 "$keys" "$(step_of '' '' '')"
check "names are intact" holds 0010,0010 \
	"Cheng^X=誠^昢|UNKNOWN^EMERGENCY|李四|王^𬀩|王小东|"
to_use() { # of each order its own, as order list has it
	node clinic order list --json | json '"\n".join(sorted({o["study_uid"] for o in j["orders"]}))' >"$T/outside/uids"
	value 0020,000d | tr '|' '\n' | cmp - "$T/outside/uids" && [ "$(wc -l <"$T/outside/uids")" = 5 ]
}
check "each with the study UID it is to use" to_use
check "it asks by its kind and day" ask CT_1 '(0008,0005) CS [ISO_IR 192]' \
	"(0010,0010) PN [王*]" '(0008,0050) SH' "$(step_of '[CT]' '[CT_1]' "[$(date +%Y%m%d)]")"
check "and gets what it has to do" holds 0008,0050 "$(accession again)|"
check "the technician reads of the earlier exam" sh -c \
	"dcmdump +U8 +L '$T'/outside/rsp/*1.dcm | grep -q '(0040,0007) LO .\[已有.*县医院\] 胸部CT平扫\]'"
check "another asks by a range of days" ask CT_1 "$keys" "$(step_of '' '' '[20991201-21000101]')"
check "and gets what is then" holds 0010,0020 "K47130013|"
check "one asks by its title" ask CT_1 "$keys" "$(step_of '[DX]' '[DX_1]' '')"
check "and gets its own" holds 0010,0020 "K47120012|"
check "another title does not" ask CT_1 "$keys" "$(step_of '[DX]' '[DX_2]' '')"
check "get it" holds 0010,0020 ""
check "an old console asks" ask OLD '(0010,0010) PN' "$(step_of '[DX]' '' '')"
check "and gets GB18030" sh -c "dcmdump +P 0008,0005 '$T'/outside/rsp/*1.dcm | grep -q GB18030"
check "in which nothing is cut" holds 0010,0010 "Cheng^X=誠^昢|"
python3 - "$T/outside/gbk.dump" <<'PY'
import sys
open(sys.argv[1], "wb").write(
    b"(0008,0005) CS [GBK]\n(0010,0010) PN [Cheng^X=" + "誠".encode("gbk") + b"*]\n(0010,0020) LO\n")
PY
gbk_asks() {
	dump2dcm -q "$T/outside/gbk.dump" "$T/outside/q.dcm" && (cd "$T/outside/rsp" &&
		rm -f ./* && findscu -W -X -aet CT_1 -aec CLINIC 127.0.0.1 "$DICOM_clinic" ../q.dcm)
}
check "a console asks in GBK for a name with a backslash in it" gbk_asks
check "and is understood" holds 0010,0020 "K47120012|"
rude() { python3 "$LIB/worklist_scu.py" "$1" "$DICOM_clinic" ${2:+"$2"}; }
check "a modality takes its question back, and is told so" rude cancel
check "what cannot be read is answered, not followed" rude broken
check "no image comes by the worklist" rude smuggle
check "one association does all" rude mix "$T"/outside/prior/IM00000
asks_in_a_loop() { python3 "$LIB/worklist_scu.py" --calling OLD flood "$DICOM_clinic"; }
check "one that asks in a loop has its share, on however many associations" asks_in_a_loop
ask MUTE "$keys"
check "one that may not ask is told so" grep -qi "0x0\?124\|NotAuthori\|not authori" "$T/outside/findscu"
grep -i "find response" "$T/outside/findscu" | sed 's/^/# /'
check "a title that nobody knows gets no association" sh -c \
	"! findscu -W -aet NOBODY -aec CLINIC 127.0.0.1 $DICOM_clinic -k 0010,0010"

# a client of another make
ORTHANC_KNOWS="\"clinic\": [\"CLINIC\", \"127.0.0.1\", $DICOM_clinic]"
ORTHANC_ENCODING=Utf8
start_orthanc modality CT_1 || exit 1
orthanc_asks() {
	curl -sf "http://127.0.0.1:$ORTHANC_modality/modalities/clinic/find-worklist" -d '{
"PatientName": "", "PatientID": "K*", "AccessionNumber": "",
"ScheduledProcedureStepSequence": [{"Modality": "", "ScheduledProcedureStepDescription": ""}]}' \
		>"$T/outside/orthanc" || return 1
	json '"|".join(sorted(a["PatientName"] + ":" + a["ScheduledProcedureStepSequence"][0][
"ScheduledProcedureStepDescription"] for a in j))' <"$T/outside/orthanc" | tee "$T/outside/got" |
		grep -qxF 'Cheng^X=誠^昢:右手，左手|王^𬀩:腹部超声'
}
check "Orthanc reads the same names" orthanc_asks

# the exam comes as the worklist said
perform() { # NAME ORDER PATIENT_ID
	python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0002.dcm" "$T/outside/$1" 1 "$1" >/dev/null &&
		dcmodify -q -nb -i '(0008,0005)=ISO_IR 192' -i "(0010,0020)=$3" \
			-i '(0010,0010)=王小东' -i "(0008,0050)=$(accession "$2")" \
			"$T/outside/$1"/IM* && send_sure "$DICOM_clinic" 1 "$T/outside/$1"
}
state() { # ORDER STATE
	truth clinic "[o['state'] for o in j['orders'] if o['accession'] == '$(accession "$1")'] == ['$2']" \
		order list --all
}
check "an exam of another patient under this number" perform wrong later 999
check "comes" wait_for 20 known 2
check "and closes nothing" state later open
late() { # a second image of the exam of before
	cp "$T/outside/prior/IM00000" "$T/outside/late.dcm" &&
		dcmodify -q -nb -gin "$T/outside/late.dcm" &&
		send_sure "$DICOM_clinic" 1 "$T/outside/late.dcm"
}
check "an image of the earlier exam is late" late
images() { truth clinic "sum(s['instances'] for s in j['studies']) == $1" study list; }
check "it comes" wait_for 20 images 3
check "and is not the exam that was ordered" state again open
check "the exam comes" perform right again "$number"
check "its order is done" wait_for 20 state again performed
check "it is on no worklist any more" ask CT_1 "$keys" "$(step_of '' '' '')"
left() { value 0010,0020 >"$T/outside/got" && ! grep -q "$number" "$T/outside/got" &&
	grep -q "K47120012|K47130013|" "$T/outside/got"; }
check "the others are" left
check "one is cancelled" node clinic order cancel HIS-77 --reason 患者未到
check "once" sh -c "! '$DF_BIN/dcm-forward' -C '$T/clinic' order cancel HIS-77"
check "and is on no worklist" ask CT_1 "$keys" "$(step_of '[US]' '' '')"
check "any more" holds 0010,0020 ""

# the latest of all, in their order, and how many others there are
latest() {
	node clinic order list --all --json >"$T/outside/all" &&
		node clinic order list --all --limit 2 --json >"$T/outside/two" &&
		json '[o["id"] for o in j["orders"]][-2:] + [len(j["orders"]) - 2, 0]' \
			<"$T/outside/all" >"$T/outside/want" &&
		json '[o["id"] for o in j["orders"]] + [j["left_out"], 0]' \
			<"$T/outside/two" | cmp - "$T/outside/want"
}
check "of all that ever were the latest are listed" latest
says_left_out() { node clinic order list --all --limit 2 | grep -q "more: --limit"; }
check "and that there are others" says_left_out

# what people said is original data
node clinic order list --all --json | json 'sorted((o["id"], o["state"]) for o in j["orders"])' >"$T/outside/before"
stop_node clinic
rm -f "$T"/clinic/index.db*
start_node clinic || exit 1
same_orders() {
	node clinic order list --all --json | json 'sorted((o["id"], o["state"]) for o in j["orders"])' |
		cmp -s - "$T/outside/before"
}
check "orders outlive index.db" same_orders
hidden() { ! grep -rqaF -e "$1" "$T/clinic"; }
for word in 王小东 Cheng^X=誠 K47120012 "$number" 胸部CT平扫; do
	check "nobody reads $word in the node's directory" hidden "$word"
done
check "nor in its log" sh -c "! grep -qF -e 王小东 -e '$number' '$T/clinic.log'"
done_testing
