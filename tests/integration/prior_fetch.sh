#!/bin/sh
# prior_fetch.sh - an exam made at one clinic is fetched by another: found by
# number, brought from the centre with its signed report, every byte the same,
# never sent on; an exam of the centre's own too; state.db is lost afterwards.
. "$(dirname "$0")/../lib/node.sh"
. "$LIB/exam.sh"
need dcmsend dcmodify dcmdump storescp echoscu python3 openssl

# one person, with a number that bears a check digit
number=110101199003074477
person() { belongs "$1" "$number" 'Wang^San=王^三' 19900307 M; }
new_region
physicians a b # not the centre: it passes on what it cannot judge

# --- an exam at clinic A, and its report ---
uid=$(python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/ct" 9 prior)
check "the exam is his" person "$T/ct"
check "it is made at clinic A" send "$DICOM_a" "$T/ct"
check "the centre holds all of it, by receipt" wait_for 60 has_at_least a confirmed 9
check "a physician signs a report" sign_report "$uid"
signed_at() { truth "$1" "any(r['verification'] == 'signed' for r in j['reports'])" report list; }
check "clinic A has it" wait_for 40 signed_at a

# --- clinic B asks, and fetches ---
check "what was not told is not given" sh -c "
	! '$DF_BIN/dcm-forward' -C '$T/b' prior fetch $uid >'$T/refused' 2>&1"
told() { truth b "any(p['study_uid'] == '$uid' for p in j['priors'])" prior search --id $number --purpose 复诊; }
check "clinic B finds it by number" wait_for 20 told
check "a purpose must be given" grep -q -- --purpose "$T/refused"
node b prior fetch "$uid" --purpose "$(printf '%02000d' 1)" >"$T/refused" 2>&1
check "and one that is kept whole" test $? -eq 2
fetch() { node b prior fetch "$1" --purpose 复诊 --by "Dr. Li"; }
check "it is ordered" fetch "$uid"
state_is() { truth b "[p['state'] for p in j['priors'] if p['study_uid'] == '$1'][:1] == ['$2']" prior list; }
check "and comes" wait_for 60 state_is "$uid" done
check "all nine images" truth b "[(p['here'], p['instances']) for p in j['priors']] == [(9, 9)]" prior list
check "its report is signed, and says that it is another's" wait_for 40 truth b \
	"any(r['verification'] == 'signed' and r['note'] == 'another-institution' for r in j['reports'])" report list
got() { node b report list --json | json "[r['id'] for r in j['reports']][0]"; }
check "the report opens" node b report export "$(got)" --to "$T/out.pdf"
check "and is the same" cmp "$T/report.pdf" "$T/out.pdf"
origin=$(node centre study show "$uid" --json | json 'j["peer"]')
check "the study is known as clinic A's" truth b "j['peer'] == '$origin' and j['prior']" study show "$uid"
in_pacs() { [ "$(find "$T/pacs" -type f | wc -l)" -eq "$1" ]; }
check "the PACS of clinic B gets it" wait_for 40 in_pacs 9
same_bytes() { # every data set under $1 stands in $2 (the PACS), bit for bit
	python3 - "$1" "${2:-$T/pacs}" <<-'PY'
		import hashlib, os, struct, sys
		def sums(top):
		    for name in sorted(os.listdir(top)):
		        b = open(os.path.join(top, name), "rb").read()
		        yield hashlib.sha256(b[144 + struct.unpack_from("<I", b, 140)[0]:]).digest()
		sys.exit(not set(sums(sys.argv[1])) <= set(sums(sys.argv[2])))
	PY
}
check "bit for bit as the modality sent it" same_bytes "$T/ct"
check "it is exported for a viewer" node b study export "$uid" --to "$T/disc"
check "all nine, the same bytes" same_bytes "$T/ct" "$T/disc"
check "nothing of it goes back to the centre" truth b \
	"all(d['kind'] == 'instance' for d in j['deliveries']) and j['manifests'] == []" study show "$uid"
check "and the centre has it once" truth centre \
	"[s['instances'] for s in j['studies'] if s['study_uid'] == '$uid'] == [9]" study list
check "asking again says that it is here" sh -c "
	! '$DF_BIN/dcm-forward' -C '$T/b' prior fetch $uid --purpose 复诊 2>'$T/again'"
check "in words" grep -q "all of it is here" "$T/again"

# --- an exam of the centre's own, which went to no peer ---
own=$(python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0002.dcm" "$T/own" 5 own)
check "the second exam is his" person "$T/own"
check "the centre lets its own modality in" node centre modality add MODALITY
at_centre() {
	dcmsend --no-halt --decompress-never +sd +r -aet MODALITY -aec CENTRE \
		127.0.0.1 "$DICOM_centre" "$1" >>"$T/dcmsend.log" 2>&1
}
check "it is made at the centre" at_centre "$T/own"
told_own() { truth b "any(p['study_uid'] == '$own' for p in j['priors'])" prior search --id $number --purpose 复诊; }
check "clinic B finds it too" wait_for 20 told_own
check "it is ordered" fetch "$own"
check "and comes, although it was in no parcel" wait_for 60 state_is "$own" done
check "the PACS has both" wait_for 40 in_pacs 14
check "bit for bit too" same_bytes "$T/own"

# --- a PACS that comes later: a new exam brings what it is compared with ---
later=$(free_port)
start_storescp "$later" "$T/later" || exit 1
check "the centre gets a PACS" node centre destination add late --dicom "PACS@127.0.0.1:$later" --compress no
next=$(python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0003.dcm" "$T/next" 3 next)
check "the next exam is his" person "$T/next"
check "it is made at clinic A" send "$DICOM_a" "$T/next"
along() { [ "$(find "$T/later" -type f | wc -l)" -eq 17 ]; }
check "the PACS gets it, and both earlier ones" wait_for 60 along

# --- what was fetched is a copy: state.db is lost, all is found again ---
stop_node b
rm -f "$T"/b/state.db*
check "state.db is made again" node b spool rebuild
check "the copies pass the check" node b spool check
check "clinic B starts again" start_node b
check "and still knows whose exam it is" wait_for 20 truth b \
	"j['peer'] == '$origin' and j['instances'] == 9 and j['prior']" study show "$uid"
check "its report stands" wait_for 40 signed_at b
check "nothing goes to the centre" truth b \
	"not any(d['kind'] == 'parcel' for s in ['$uid'] for d in j['deliveries'])" study show "$uid"

# --- a report that a PACS stores under the UID of the exam stands not in its way ---
seen=$(python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0004.dcm" "$T/seen" 2 seen)
check "the last exam is his" person "$T/seen"
check "it is made at clinic A" send "$DICOM_a" "$T/seen"
mkdir "$T/sr"
python3 "$LIB/make_sr.py" "$T/sr/1.dcm" --study "$seen" --patient-id "$number" \
	--name "Wang^San" --text "No acute finding." >/dev/null
check "the centre gets a report on it" at_centre "$T/sr"
both() { truth centre "sorted(s['instances'] for s in j['studies'] if s['study_uid'] == '$seen') == [1, 2]" study list; }
check "it has both" wait_for 60 both
told_seen() { truth b "[p['node'] for p in j['priors'] if p['study_uid'] == '$seen'] == ['$origin']" prior search --id $number --purpose 复诊; }
check "clinic B is told of the images" wait_for 20 told_seen
check "they are ordered" fetch "$seen"
check "and come" wait_for 60 state_is "$seen" done
check "both" truth b "[(p['here'], p['instances']) for p in j['priors'] if p['study_uid'] == '$seen'] == [(2, 2)]" prior list
done_testing
