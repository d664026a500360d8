#!/bin/sh
# one_exam.sh - the whole of mutual recognition, as two clinics and a centre
# live it: an exam at clinic A with its signed report; at clinic B the order
# knows of it before the exposure, it is judged, fetched, read, recognised; the
# ledger and the month's figures say so. Then a second patient whose exam has to
# be made again, and a cut line. DF_SERIES: a directory with the files of another
# head CT.
. "$(dirname "$0")/../lib/node.sh"
. "$LIB/exam.sh"
need dcmsend dcmodify findscu storescp echoscu python3 openssl

number=110101199003074477 # resident numbers, their check digits hold
number2=110101198502033237

# --- who is who, and whose marks count: tables, the same in every node ---
rules() { # NODE
	mkdir -p "$T/$1/recognition"
	printf 'institution\tnames\tareas\nxian\t县医院\tCN-33\nqiaotou\t桥头镇卫生院\tCN-33\n' \
		>"$T/$1/recognition/institutions.tsv"
	printf 'institution\tarea\tfrom\tto\titems\nxian\tCN-33\t20200101\t20991231\tCT-*\n' \
		>"$T/$1/recognition/marks.tsv"
	printf 'item\tyuan\tmsv\nCT-HEAD\t180\t2\n' >"$T/$1/recognition/prices.tsv"
}
prepare() { # NODE
	rules "$1"
	case $1 in
	a) set_key a node name 县医院 ;;
	b) set_key b node name 桥头镇卫生院 ;;
	esac
}
new_region prepare
physicians a b centre

# exam OUT SEED NUMBER NAME BIRTH: a head CT of real slices, made today at A
slices() { # OUT SEED: prints the study's UID
	if [ -z "${DF_SERIES:-}" ] || [ "$2" != one ]; then
		python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$1" 6 "$2"
	else
		cp -r "$DF_SERIES" "$1" && chmod -R u+w "$1" &&
			dcmdump +P 0020,000d "$1/$(ls "$1" | head -n 1)" |
			sed 's/.*\[\(.*\)\].*/\1/'
	fi
}
exam() {
	slices "$1" "$2" &&
		belongs "$1" "$3" "$4" "$5" M -i "(0008,0080)=县医院" \
			-i "(0008,1030)=头颅CT平扫"
}
uid=$(exam "$T/ct" one "$number" 'Wang^San=王^三' 19900307) || exit 1
uid2=$(exam "$T/ct2" two "$number2" 'Zhao^Liu=赵^六' 19850203) || exit 1
count=$(ls "$T/ct" | wc -l)

# --- at clinic A ---
check "two exams are made at clinic A" send "$DICOM_a" "$T/ct" "$T/ct2"
check "the centre holds them, by receipt" wait_for 60 has_at_least a confirmed $((count + 6))
for study in "$uid" "$uid2"; do
	check "a physician signs a report" wait_for 30 sign_report "$study"
done

# --- clinic B, before the exposure ---
told() { # UID NUMBER NAME WHY...
	study=$1 id=$2 name=$3
	shift 3
	truth b "any(p['study_uid'] == '$study' and p['verdict']['recognise'] == 'yes' for p in j['priors'])" \
		prior search --id "$id" --name "$name" --modality CT --body-part HEAD "$@"
}
sees_report() { truth a "len([r for r in j['reports'] if r['verification'] == 'signed']) == 2" report list; }
check "both reports are back at clinic A" wait_for 40 sees_report
node b order add --id B-1 --resident-id $number --name 'Wang^San=王^三' --sex M \
	--birth 1990-03-07 --modality CT --body-part HEAD --procedure 头颅CT平扫 \
	--json >"$T/order" || exit 1
order=$(json 'j["order"]["accession"]' <"$T/order")
says_so() { truth b "[o['mark'] for o in j['orders'] if o['accession'] == '$order'] == ['[已有互认CT $(date +%F) 县医院]']" order list; }
check "the order says so, as soon as the centre has answered" wait_for 20 says_so
on_worklist() {
	findscu -W -aet MODALITY -aec CLINIC -k 0008,0050 -k 0010,0010 -k 0010,2000 -k 0010,4000 \
		-k 0040,1400 -k '0040,0100[0].0008,0060=CT' -k '0040,0100[0].0040,0007' \
		127.0.0.1 "$DICOM_b" >"$T/worklist" 2>&1
	grep -q "$order" "$T/worklist" && grep -q 县医院 "$T/worklist"
}
check "the technician reads it on the modality's worklist" on_worklist

check "the exam is found by number, and may be recognised" wait_for 30 told "$uid" $number 王三 --order "$order"
check "its signed report is known too" truth b \
	"[r['verification'] for p in j['priors'] for r in p['reports']] == ['signed']" \
	prior search --id $number --order "$order"
check "every reason is said in both languages" truth b \
	"(lambda rs: bool(rs) and all(r['zh'] and r['en'] for r in rs))(j['priors'][0]['verdict']['reasons'])" \
	prior search --id $number --order "$order"
check "and read by a person in both" sh -c "
	'$DF_BIN/dcm-forward' -C '$T/b' prior search --id $number --order '$order' |
	grep -q '因为 because 身份证号相同 same resident ID;'"
# --- the doctor looks, and decides ---
check "it is fetched" node b prior fetch "$uid" --purpose 门诊 --by 李医生 --order "$order"
came() { truth b "any(p['study_uid'] == '$1' and p['state'] == 'done' for p in j['priors'])" prior list; }
check "it comes" wait_for 60 came "$uid"
in_pacs() { [ "$(find "$T/pacs" -type f | wc -l)" -eq "$count" ]; }
check "the PACS of clinic B shows its images" wait_for 40 in_pacs
report_b() { node b report list --study "$1" --json | json "[r['id'] for r in j['reports'] if r['verification'] == 'signed'][0]"; }
opens() { node b report export "$(report_b "$uid")" --to "$T/out.pdf"; }
check "its signed report opens" wait_for 40 opens
check "and is what the physician signed" cmp "$T/report.pdf" "$T/out.pdf"
r() { node b recognition "$@"; }
check "he looked" r view "$uid" --doctor 李医生 --order "$order"
check "he recognises it" truth b \
	"j['entry']['verdict'] == 'yes' and j['entry']['exam']['item'] == 'CT-HEAD'" \
	recognition accept "$uid" --doctor 李医生 --order "$order"
check "the order is not needed any more" node b order cancel "$order" --reason 互认 --by 李医生

# --- another patient: his state has changed, the exam is made again ---
check "the second patient's exam is found" wait_for 30 told "$uid2" $number2 赵六 --purpose 门诊
check "a doctor may say no, with a reason" r decline "$uid2" --doctor 李医生 --reason 1

# --- the month ---
node b recognition figures --json >"$T/figures" || exit 1
total() { json "j['total']['$1']" <"$T/figures"; }
check "one recognised, one declined, of two that could be" \
	[ "$(total eligible) $(total recognised) $(total declined)" = "2 1 1" ]
check "180 yuan and 2 mSv are saved, as an estimate" \
	[ "$(total saved_yuan) $(total saved_msv)" = "180 2" ]
node b audit export --to "$T/export" --who 审计员 || exit 1
check "the figures are those of the ledger" python3 "$LIB/recount.py" "$T/export" "$T/figures"
audited() { truth "$1" "any(e['entry'].get('question', {}).get('purpose') == '门诊' for e in j['entries'])" audit list --kind audit; }
check "who asked stands in the audit of clinic B" audited b
check "and in that of the centre" audited centre
for name in a b centre; do
	check "nothing is missing in the register of $name" node $name audit verify
done

# --- the line is cut ---
stop_node centre
unheard() { truth b "(any(p['study_uid'] == '$uid2' for p in j['priors']) and
	[(a['answered'], bool(a['why_zh'])) for a in j['asked']] == [(False, True)])" \
	prior search --id $number2 --purpose 门诊; }
check "clinic B answers from what it knows, and says whom it could not ask" unheard
check "and a person reads that" sh -c "
	'$DF_BIN/dcm-forward' -C '$T/b' prior search --id $number2 --purpose 门诊 >'$T/said' 2>&1 &&
	grep -q 'cannot be reached Failed to connect' '$T/said'"
check "an exam is registered all the same" node b order add --id B-2 \
	--resident-id $number2 --name 'Zhao^Liu=赵^六' --modality CT --procedure 头颅CT平扫
done_testing
