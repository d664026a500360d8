#!/bin/sh
# no_names.sh - people whose names are written in every character set come to a
# clinic, to the centre, to another clinic; they are looked for, ordered for,
# recognised, joined, reported on, held in quarantine. Staff read every name
# right, and a byte search for all names and numbers used, in every form, finds
# nothing in the directories of the nodes: while they run, after a crash, after
# they stopped.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend dcmodify findscu python3 openssl

mkdir "$T/outside"
python3 "$LIB/named.py" "$TESTDATA/charset/utf8.dcm" "$T/outside" || exit 1
words="$T/outside/words"
check "the search finds all of it in what is sent" sh -c "
	! python3 '$LIB/byte_search.py' '$words' '$T/outside'/p* >'$T/outside/hits' &&
	grep -q '单^喆昞 (gb18030)' '$T/outside/hits' && grep -q '何^琼花 (utf-8)' '$T/outside/hits'"
number=$(sed -n '/^33010619570404/p' "$words") # of the one whose name has three groups
other=$(sed -n '/^33010619570101/p' "$words")

new_centre centre || exit 1
start_node centre || exit 1
for clinic in a b; do
	new_clinic $clinic || exit 1
	set_key $clinic study quiet 1
	start_node $clinic && join $clinic centre >/dev/null || exit 1
done
check "physicians get their certificates" sh "$LIB/report_pki.sh" "$T/pki"
for clinic in a b; do node $clinic report trust add "$T/pki/ca.pem" >/dev/null || exit 1; done

# --- images, and what goes wrong with them ---
check "eight people come to clinic A" send_sure "$DICOM_a" 8 "$T"/outside/p?
shown() { # NODE: each name as it is, with how sure it is
	node "$1" study list --json >"$T/outside/list.json" && python3 - "$T/outside" <<-'PY'
		import json, sys
		top = sys.argv[1]
		want = json.load(open(top + "/shown.json"))
		have = {s["study_uid"]: [s["patient"]["patient_name"], s["patient"]["name_basis"]]
		        for s in json.load(open(top + "/list.json"))["studies"] if s.get("patient")}
		wrong = [(want[u], have.get(u)) for u in want if have.get(u) != want[u]]
		print(wrong)
		sys.exit(bool(wrong))
	PY
}
check "clinic A shows every name as it is, and which are guessed" wait_for 30 shown a
check "and marks them" sh -c "'$DF_BIN/dcm-forward' -C '$T/a' study list | grep -q '^单^喆昞 .*? '"
check "the centre shows them too" wait_for 60 shown centre
cp -r "$T/outside/p1" "$T/outside/again"
dcmodify -nb -m "(0010,0020)=$other" "$T"/outside/again/* >/dev/null 2>&1
check "the same image with another number" send "$DICOM_a" "$T/outside/again"
check "is held back" wait_for 30 truth a "j['total'] == 1" quarantine list

# --- a report, an order, a question, a decision ---
uid=$(json '[u for u in j if "何^琼花" in j[u][0]][0]' <"$T/outside/shown.json")
python3 "$LIB/make_pdf.py" "$T/outside/report.pdf" "HE^QIONGHUA $number: no finding" || exit 1
check "a report is signed" wait_for 30 node centre report submit --study "$uid" --file "$T/outside/report.pdf" \
	--signer "$T/pki/rsa.p12" --passphrase-file "$T/pki/pass"
check "an order is taken at clinic B" node b order add --id "B7731" --resident-id "$number" \
	--name "HE^QIONGHUA=何^琼花" --modality CT --birth 1957-04-04 --sex F \
	--procedure CHEST --comments "何琼花 0571-86503731 桥头镇柳树巷44号"
check "a modality reads it" sh -c "findscu -W -aet MODALITY -aec CLINIC -k 0008,0052 \
	-k '0010,0010=HE*' -k 0010,0020 -k '0040,0100[0].0008,0060=CT' \
	127.0.0.1 $DICOM_b 2>&1 | tee '$T/outside/found' | grep -q B7731"
told() { truth b "any(p['study_uid'] == '$uid' for p in j['priors'])" prior search --id "$number" \
	--name "何琼花" --purpose "何琼花 复诊"; }
check "clinic B asks for him by name and number" wait_for 40 told
node b prior search --name "单喆昞" --birth 1957-02-02 --purpose "单喆昞 急诊" >/dev/null || exit 1
check "and fetches" node b prior fetch "$uid" --purpose "何琼花 复诊" --by "Dr. Li"
done_there() { truth b "[p['state'] for p in j['priors']] == ['done']" prior list; }
check "it comes" wait_for 60 done_there
check "it is recognised" node b recognition accept "$uid" --doctor "Dr. Li" --text "何琼花 影像清楚"
ref() { node a identity show "$1" --json | json 'j["patient"]["ref"]'; }
one=$(ref "$uid")
two=$(ref "$(json '[u for u in j if "欧阳" in j[u][0]][0]' <"$T/outside/shown.json")")
check "a person joins two by mistake" node a identity merge "$one" "$two" --by "Dr. Li" --reason "何琼花 即 欧阳晓琳"
check "the audit has it" sh -c "'$DF_BIN/dcm-forward' -C '$T/a' audit list --json | grep -q 欧阳晓琳"

# --- what any other program would find ---
nothing() {
	python3 "$LIB/byte_search.py" "$words" "$T/a" "$T/b" "$T/centre" "$T/a.log" \
		"$T/b.log" "$T/centre.log"
}
searched() { nothing >"$T/outside/result"; rc=$?; tail -n 12 "$T/outside/result"; return $rc; }
check "nothing is found while they run" searched
tail -n 1 "$T/check.out" # how much was searched
for n in a b centre; do kill_node_hard $n; done
check "nor after a crash" searched
for n in a b centre; do start_node $n || exit 1; done
check "what was decided is still known" wait_for 20 truth b "len(j['entries']) >= 1" recognition list "$uid"
for n in a b centre; do stop_node $n; done
check "nor after they stopped" searched
# what a digest without a key would be: the same at every node
keys_of() { "$DF_BIN/pages-sql" "$T/$1/index.db" "SELECT key FROM patient_keys" | sort -u; }
keyed() {
	keys_of a >"$T/outside/a.keys" && keys_of centre >"$T/outside/centre.keys" &&
		[ "$(wc -l <"$T/outside/a.keys")" -ge 16 ] && [ "$(wc -l <"$T/outside/centre.keys")" -ge 16 ] &&
		[ -z "$(comm -12 "$T/outside/a.keys" "$T/outside/centre.keys")" ]
}
check "who is found by one node's keys is not found by another's" keyed
planted() { # in every form of it, in a node's directory
	python3 - "$number" "$T/b/spool/planted" <<-'PY' && ! nothing >"$T/outside/result" || return 1
		import base64, hashlib, os, sys
		number, top = sys.argv[1].encode(), sys.argv[2]
		os.mkdir(top)
		for name, form in (("plain", number), ("hex", number.hex().encode()),
		                   ("base64", base64.b64encode(b"xy" + number)),
		                   ("utf-16", sys.argv[1].encode("utf-16-le")),
		                   ("digest", hashlib.sha256(number).digest())):
		    open(os.path.join(top, name), "wb").write(b"\0x" + form + b"\0")
	PY
	[ "$(grep -o 'spool/planted/[^:]*' "$T/outside/result" | sort -u | wc -l)" -eq 5 ]
}
check "the search would have found it" planted
done_testing
