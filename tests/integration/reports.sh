#!/bin/sh
# reports.sh - a signed report comes back; each forged one is refused, and why.
#
# The forger sits at the centre and has a working control socket: what reaches
# the clinic is sealed by the right centre, so that only statement, signature
# and order of versions stand between a forgery and the doctor.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu python3 openssl

pacs=$(free_port)
start_storescp "$pacs" "$T/pacs" || exit 1
check "a centre is made" new_centre centre
check "a clinic is made" new_clinic clinic
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" --compress no >/dev/null || exit 1
check "the centre starts" start_node centre
check "the clinic starts" start_node clinic
check "the clinic joins the centre" join clinic centre
check "physicians get their certificates" sh "$LIB/report_pki.sh" "$T/pki"
check "the clinic trusts the physicians' CA" node clinic report trust add "$T/pki/ca.pem"
python3 "$LIB/make_pdf.py" "$T/report.pdf" "CT head: no acute finding." "Dr. Wang"

check "the client sends to the clinic" send "$DICOM_clinic" "$TESTDATA"
sum_indexed() { [ "$(sum_of clinic packed)" -ge 2 ]; }
check "images are packed" wait_for 120 sum_indexed
check "studies are closed" send_studies clinic
all_confirmed() {
	truth clinic 'all(s["confirmed"] == s["instances"] for s in j["studies"])' study list
}
check "the clinic holds receipts" wait_for 120 all_confirmed
study() { # N: the UID of the N-th study
	node clinic study list --json | json "sorted(s['study_uid'] for s in j['studies'])[$1]"
}
one=$(study 0)
two=$(study 1)

# forge STUDY SIGNER [more]: hands one over at the centre; sets $sum and $id
forge() {
	of=$1
	by=$2
	shift 2
	python3 "$LIB/report_forge.py" "$T/centre" --study "$of" --file "$T/report.pdf" \
		--pki "$T/pki" --signer "$by" "$@" >"$T/forged" || return 1
	sum=$(json 'j["statement_sha256"]' <"$T/forged")
	id=$(json 'j["report_id"]' <"$T/forged")
}
# has SUM EXPRESSION: the clinic lists that statement, and EXPRESSION holds (r)
has() {
	truth clinic "any($2 for r in j['reports'] if r['statement_sha256'] == '$1')" report list
}
# refused NAME REASON: what was forged last is rejected for that reason
refused() {
	check "$1: refused as $2" wait_for 40 has "$sum" \
		"r['verification'] == 'rejected' and r['reason'] == '$2'"
}
object_of() {
	node clinic report list --json |
		json "[r['id'] for r in j['reports'] if r['statement_sha256'] == '$1'][0]"
}

check "a physician's report is handed over" node centre report submit --study "$one" \
	--file "$T/report.pdf" --signer "$T/pki/rsa.p12" --passphrase-file "$T/pki/pass"
signed_any() { truth clinic "any(r['verification'] == 'signed' for r in j['reports'])" report list; }
check "the clinic shows it as signed" wait_for 40 signed_any

for who in ecdsa p384 intermediate; do
	forge "$one" "$who"
	check "signed by $who: accepted" wait_for 40 has "$sum" "r['verification'] == 'signed'"
done
first=$sum
report=$id
check "its text is shown" node clinic report show "$(object_of "$first")"
check "it is exported" node clinic report export "$(object_of "$first")" --to "$T/out.pdf"
check "as the same bytes" cmp "$T/report.pdf" "$T/out.pdf"

forge "$one" ecdsa --report-id "$report" --version 2 --previous "$first" --status amended
second=$sum
check "the next version: accepted" wait_for 40 has "$second" "r['current']"
# another text for certain: in the same second it would be a replay
forge "$one" ecdsa --report-id "$report" --version 1 \
	--set "signed-at=$(date -u -d '-60 sec' +%Y-%m-%dT%H:%M:%SZ)"
refused "an older version after a newer one" older-version
check "the newer one stays" has "$second" "r['current']"
forge "$one" ecdsa --report-id "$report" --version 3 --previous "$first"
refused "a version that does not follow" wrong-predecessor
forge "$one" ecdsa --report-id "$report" --version 3 --previous "$second" --status preliminary
refused "final made preliminary" no-way-back
forge "$one" ecdsa --report-id "$report" --version 7 --previous "$second"
check "a version after a gap: held" wait_for 40 has "$sum" "r['verification'] == 'held'"

forge "$one" ecdsa --flip body
refused "a changed byte of the report" content-changed
refused_object=$(object_of "$sum")
check "its text is not shown" sh -c \
	"! '$DF_BIN/dcm-forward' -C '$T/clinic' report show '$refused_object'"
check "it is not exported" sh -c \
	"! '$DF_BIN/dcm-forward' -C '$T/clinic' report export '$refused_object' --to '$T/no.pdf'"
check "nothing was written" test ! -e "$T/no.pdf"
forge "$one" ecdsa --then status=amended
refused "a statement changed after signing" content-changed
forge "$two" ecdsa --set "study-uid=$one"
refused "another study's statement" wrong-patient
forge "$one" ecdsa --set patient-id=SOMEBODY-ELSE
refused "another patient" wrong-patient
forge "$one" ecdsa --set study-uid=1.2.3.4.5.6.7
refused "a study that nobody sent" unknown-study
forge "$one" ecdsa --set "clinic-node=$(printf '%064d' 0 | tr 0 a)"
refused "addressed to another clinic" wrong-clinic
forge "$one" ecdsa --set "centre-node=$(printf '%064d' 0 | tr 0 a)"
refused "in another centre's name" wrong-centre
forge "$one" ecdsa --set signer-role=centre-seal
refused "a physician as the seal" wrong-role
forge "$one" unknown
refused "an unknown signer" unknown-signer
forge "$one" selfsigned
refused "a signer certified by nobody" unknown-signer
forge "$one" expired
refused "an expired certificate" certificate-expired
forge "$one" notyet
refused "a certificate of next week" certificate-not-yet-valid
forge "$one" usage
refused "a wrong key usage" wrong-key-usage
forge "$one" tls
refused "a web server's certificate" wrong-key-usage
forge "$one" weak
refused "a weak key" weak-algorithm

forge "$one" ecdsa --report-id "$report" --version 2 --previous "$first" --status amended \
	--set accession-issuer=x
refused "a second statement of one version" version-conflict
check "and neither of the two is shown" has "$second" "r['verification'] == 'rejected'"
done_testing
