#!/bin/sh
# region.sh - a clinic asks which exams of a patient are known at the centre:
# who may ask and how, what is told, and what it still knows without a line.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend dcmodify python3

number() {
	python3 -c 'import sys; n = sys.argv[1]
w = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
print(n + "10X98765432"[sum(int(a) * b for a, b in zip(n, w)) % 11])' "$1"
}
NUMBER=$(number 11010119900307001)
NUMBER2=$(number 11010119900307005)
NAME='Wang^XiaoDong=王^小东'
OTHER='Zhao^Li=赵^丽'

check "a centre is made" new_centre centre
check "the centre starts" start_node centre
for clinic in a b; do
	check "clinic $clinic is made" new_clinic $clinic
	set_key $clinic study quiet 1
	check "clinic $clinic starts" start_node $clinic
	check "clinic $clinic joins" join $clinic centre
done
# patient OUT SEED ID [NAME]: a study of two images of that patient
patient() {
	python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$1" 2 "$2" >/dev/null &&
		dcmodify -nb -i "SpecificCharacterSet=ISO_IR 192" \
			-i "PatientName=${4:-$NAME}" -i "PatientID=$3" \
			-i "PatientBirthDate=19900307" -i "PatientSex=M" \
			-i "InstitutionName=县医院" "$1"/*
}
mkdir "$T/one" "$T/local" "$T/two" "$T/three" "$T/four"
patient "$T/one" 1 "$NUMBER" && patient "$T/local" 2 A-4711 &&
	patient "$T/two" 3 "$NUMBER2" "$OTHER" &&
	patient "$T/three" 4 "$NUMBER2" "$OTHER" || exit 1
mv "$T/three/$(ls "$T/three" | tail -n 1)" "$T/four"
dcmodify -nb -i "PatientName=Li^Si" -i "PatientBirthDate=19610102" "$T"/local/*
check "clinic a sends an exam" send "$DICOM_a" "$T/one" "$T/local" "$T/two"
check "the centre holds it" wait_for 40 has_at_least a confirmed 6

# search NODE EXPRESSION ARGS...: does it hold over what is found?
search() {
	on=$1
	expression=$2
	shift 2
	node "$on" prior search "$@" --json >"$T/found.json" &&
		[ "$(json "$expression" <"$T/found.json")" = true ]
}
told='len(j["priors"]) == 1 and j["asked"][0]["answered"]'
none='len(j["priors"]) == 0 and j["asked"][0]["answered"]'
unasked() { echo "not j['asked'][0]['answered'] and j['asked'][0]['code'] == '$1' and j['asked'][0]['why_zh'] != ''"; }

check "clinic b finds it by number" wait_for 20 search b "$told" \
	--id "$NUMBER" --purpose "admission, CT ordered"
found() { [ "$(json "$1" <"$T/found.json")" = true ]; }
check "it is the same person, and who it is can be seen" found \
	'(j["priors"][0]["match"] == "exact" and j["priors"][0]["patient"] ==
	{"name": "'"$NAME"'", "birth_date": "19900307", "sex": "M"})'
check "where it was made and lies" found '(j["priors"][0]["where"] == ["centre"]
	and len(j["priors"][0]["node"]) == 64 and j["priors"][0]["instances"] == 2
	and j["priors"][0]["institution"] == "县医院")'
check "nothing else is told of him" found 'not any(k in str(j["priors"]) for k in
	("patient_id", "'"$NUMBER"'", "address", "telephone"))'
check "the number may be typed in other ways" search b "$told" \
	--id "$(echo "$NUMBER" | sed 's/./& /6')" --purpose CT
check "an order is a purpose" search b "$told" --id "$NUMBER" --order A100
check "staff read it in both languages" sh -c "'$DF_BIN/dcm-forward' -C '$T/b' \
	prior search --id '$NUMBER' --purpose CT | grep -q '同一人 the same person'"

check "without a purpose nobody is asked" search b "$(unasked no-purpose)" \
	--id "$NUMBER"
check "what was learned before is shown, and when" found \
	'len(j["priors"]) == 1 and j["priors"][0]["learned_at"][:2] == "20"'
check "another number finds nothing" search b "$none" \
	--id 11010119900307002X --purpose CT
check "a name alone asks nobody" search b "$(unasked no-identity)" \
	--name "Wang^XiaoDong" --purpose CT
check "a name and a birth date may be him" search b "$told" \
	--name "王小东" --birth 1990-03-07 --purpose CT
check "but a person must look" found 'j["priors"][0]["match"] == "probable"'
check "the beginning of a name finds nobody" search b "$none" \
	--name "Wang" --birth 1990-03-07 --purpose CT
check "nor does the name with another birth date" search b "$none" \
	--name "王小东" --birth 1990-03-08 --purpose CT
check "a clinic's own number is of no use to another" search b "$none" \
	--id A-4711 --purpose CT
check "its own clinic asks with it" search a \
	'len(j["priors"]) == 1 and j["priors"][0]["where"] == ["here", "centre"]' \
	--id A-4711 --purpose CT
check "what is not wanted is left out" search b "$none" \
	--id "$NUMBER" --modality MR --purpose CT
acts() { # NODE ACT: are there such entries, with purpose and person?
	truth "$1" 'any(e["entry"]["act"] == "'"$2"'" and e["entry"].get("question",
e["entry"]).get("purpose", "").startswith("admission") for e in j["entries"])' audit list
}
check "the question is in the clinic's register" acts b prior-asked
check "the answer, too" acts b prior-answer
check "both are in the centre's" acts centre prior-told
check "with what was told, and to whom" truth centre 'any(len(e["entry"].get("studies",
[])) == 1 and len(e["entry"]["peer"]) == 64 for e in j["entries"])' audit list
check "whole, to the last entry" node centre audit verify
check "the purpose stands in no URL and no log" sh -c \
	"! grep -qE 'admission|1990|Wang' '$T/centre.log' '$T/b.log'"

# by hand: what our own program would never ask
check "raw questions are refused" python3 - "$LIB" "$T/b" "$HTTPS_centre" "$NUMBER" <<'PY'
import json, sys
sys.path.insert(0, sys.argv[1])
from peer_line import Line
node, port, number = sys.argv[2], int(sys.argv[3]), sys.argv[4]
line = Line(node, port)
def ask(o):
    body = o if isinstance(o, bytes) else json.dumps(o).encode()
    return line.ask("POST", "/peer/v1/priors", body, ["Content-Type: application/json"])
ids = [{"type": "resident", "number": number}]
assert ask({"identifiers": ids})[0] == 400                      # no purpose
assert ask({"name": "Wang*", "purpose": "x"})[0] == 400         # no birth date
assert ask(b"[]")[0] == 400 and ask(b"{" * 9000)[0] in (400, 413)
status, _, body = ask({"identifiers": [{"type": "local", "number": "A-4711"}], "purpose": "x"})
assert status == 403, (status, body)                            # nobody's number
status, _, body = ask({"name": "Wang*", "birth_date": "19900307", "purpose": "x"})
assert status == 200 and json.loads(body)["priors"] == []
status, _, body = ask({"identifiers": ids, "purpose": "x"})
assert status == 200 and len(json.loads(body)["priors"]) == 1
assert number.encode() not in body
stranger = Line(None, port)
assert stranger.ask("POST", "/peer/v1/priors", b"{}")[0] == 403
# nobody asks for the files of exams without end
said = []
while 503 not in said and len(said) < 200:
    status, headers, _ = line.ask("POST", "/peer/v1/priors/1.2.3/fetch", b'{"purpose":"x"}')
    said.append(status)
assert said[:60] == [403] * 60 and said[-1] == 503 and int(headers["retry-after"]) >= 1, said
# nor more questions than a clinic can need
for n in range(40):
    status, headers, _ = ask({"identifiers": ids, "purpose": "x"})
    if status == 503:
        break
assert status == 503 and int(headers["retry-after"]) >= 1, (n, status)
PY
# one question a minute: however long one takes, the next is too many
set_key centre region questions 1
stop_node centre
check "the centre allows fewer questions" start_node centre
check "who asks too much is told so" wait_for 30 search b "$(unasked busy)" \
	--id "$NUMBER" --purpose CT
check "and sees what is known from before" found 'len(j["priors"]) == 1'
check "lists that were asked for in the same words are one entry" truth centre \
	"[e['entry']['act'] for e in j['entries']].count('fetch-asked') == 1" audit list --limit 1000
set_key centre region questions 6000
stop_node centre
check "the centre allows more questions" start_node centre

# a new study asks by itself; $T/two is of somebody whom nobody has searched
lines=$(wc -l <"$T/centre.log")
check "clinic b has a new study of a patient of clinic a" send "$DICOM_b" "$T/three"
quietly() { grep -q 'event=region.asked.*told=[12] ' "$T/centre.log.new"; }
new_lines() { tail -n "+$lines" "$T/centre.log" >"$T/centre.log.new"; quietly; }
check "the centre is asked at once" wait_for 20 new_lines
check "another image of it" send "$DICOM_b" "$T/four"
check "is of a patient who is known" wait_for 20 has_at_least b packed 2

# the centre hangs: an answer in time all the same
gateway=$(room_pids centre gateway)
kill -STOP $gateway
began=$(date +%s%N)
check "a centre that hangs keeps nobody waiting" search b "$(unasked late)" \
	--id "$NUMBER2" --purpose CT
took=$((($(date +%s%N) - began) / 1000000))
echo "# $took ms"
check "not for more than two seconds" [ "$took" -lt 2500 ]
kill -CONT $gateway
check "what the new study asked for is known" found \
	'([p["where"] for p in j["priors"]].count(["centre"]) == 1 and
	any("learned_at" in p for p in j["priors"]))'

stop_node centre
check "without a line clinic b knows what it knew" search b "$(unasked unreachable)" \
	--id "$NUMBER" --purpose CT
check "and since when" found 'len(j["priors"]) == 1 and "learned_at" in j["priors"][0]'
stop_node b
check "also when it was off" start_node b
check "it answers" search b 'len(j["priors"]) == 1' --id "$NUMBER"

set_key centre region answer no
check "a centre that answers no questions" start_node centre
check "says so" wait_for 20 search b "$(unasked denied)" --id "$NUMBER" --purpose CT
set_key b region ask never
stop_node b
check "a clinic that asks nobody" start_node b
check "says so, too" search b "$(unasked off)" --id "$NUMBER" --purpose CT

# nothing of it on any disk
for n in centre a b; do stop_node "$n"; done
clear_text() {
	for word in "$NUMBER" "$NUMBER2" A-4711 "王小东" "王^小东" XiaoDong "赵^丽" 19900307 admission; do
		! grep -rlaF -- "$word" "$T/centre" "$T/a" "$T/b" || return 1
	done
}
check "no name, number, date or purpose is on a disk in clear" clear_text
check "nor in a log" sh -c "! grep -E '$NUMBER|A-4711|王|XiaoDong|赵|19900307|admission' '$T'/*.log"
done_testing
