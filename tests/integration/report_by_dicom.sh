#!/bin/bash
# report_by_dicom.sh - what a reading PACS writes comes back by C-STORE: bound to
# its study, sealed by the centre, shown at the clinic; what cannot be bound
# stays at the centre and says why.
set -u
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescu dump2dcm pdf2dcm dcmdump python3 openssl

check "a centre is made" new_centre centre
check "the PACS may send to it" node centre modality add PACS
check "a clinic is made" new_clinic clinic
check "another clinic is made" new_clinic other
check "the centre starts" start_node centre
check "the clinic starts" start_node clinic
check "the other clinic starts" start_node other
check "the clinic joins" join clinic centre
check "the other clinic joins" join other centre

check "the clinic's studies are sent" send "$DICOM_clinic" "$TESTDATA/ct" "$TESTDATA/charset/gb18030.dcm"
there() { has_at_least centre instances 7; }
check "the centre has them" wait_for 60 there
uid_of() { dcmdump +P 0020,000D "$1" | sed 's/.*\[\(.*\)\].*/\1/'; }
ct=$(uid_of "$TESTDATA/ct/IM0001.dcm")
chinese=$(uid_of "$TESTDATA/charset/gb18030.dcm")

sr() { python3 "$LIB/make_sr.py" "$@" >/dev/null; }
store() { storescu -aet PACS -aec CENTRE 127.0.0.1 "$DICOM_centre" "$@"; }
# reports NODE EXPRESSION over j["reports"]
reports() { truth "$1" "$2" report list; }
n_at() { reports "$1" "len([r for r in j['reports'] if r['study_uid'] == '$2' and r['verification'] == 'sealed']) == $3"; }
id_of() { # STUDY: the newest report of it at the clinic
	node clinic report list --json |
		json "[r['id'] for r in j['reports'] if r['study_uid'] == '$1'][-1]"
}
shows() { # STUDY TEXT
	node clinic report show "$(id_of "$1")" | grep -qF -- "$2"
}

sr "$T/one.dcm" --study "$ct" --patient-id PLASTIC --name HEAD --charset gb18030 \
	--text "颅脑未见明显异常。" --text "No acute finding."
check "an SR in GB18030 is stored at the centre" store "$T/one.dcm"
check "the clinic has it, sealed" wait_for 30 n_at clinic "$ct" 1
check "the list says by whom" sh -c \
	"'$DF_BIN/dcm-forward' -C '$T/clinic' report list | grep -q 'sealed by centre'"
check "its Chinese text is shown" shows "$ct" "颅脑未见明显异常。"
check "its English text is shown" shows "$ct" "No acute finding."
check "that no physician verified it is said" shows "$ct" "not marked as verified"
check "it is exported" node clinic report export "$(id_of "$ct")" --to "$T/out.dcm"
check "as a DICOM file of the same report" sh -c \
	"dcmdump +P 0008,0018 '$T/out.dcm' >'$T/a'; dcmdump +P 0008,0018 '$T/one.dcm' | cmp - '$T/a'"

sr "$T/two.dcm" --study "$ct" --patient-id PLASTIC --name HEAD \
	--text "补充：左侧额叶小片状低密度影。"
check "a second SR, UTF-8, is stored" store "$T/two.dcm"
check "the clinic has both" wait_for 30 n_at clinic "$ct" 2
check "the newer text is shown" shows "$ct" "左侧额叶小片状低密度影"
check "the same SR again is taken" store "$T/two.dcm"
check "both are final" reports clinic \
	"all(r['status'] == 'final' for r in j['reports'])"

python3 "$LIB/make_pdf.py" "$T/report.pdf" "CT head" "Dr. Wang"
pdf2dcm -q +sf "$TESTDATA/charset/gb18030.dcm" +t Report "$T/report.pdf" "$T/pdf.dcm" 2>/dev/null ||
	pdf2dcm -q +se "$TESTDATA/charset/gb18030.dcm" "$T/report.pdf" "$T/pdf.dcm"
check "an Encapsulated PDF is stored" store "$T/pdf.dcm"
check "the clinic has it, sealed" wait_for 30 n_at clinic "$chinese" 1
check "it says that it is a PDF" shows "$chinese" "PDF"

sr "$T/wrong.dcm" --study "$chinese" --patient-id SOMEBODY-ELSE --text "of another patient"
check "an SR of another patient is stored" store "$T/wrong.dcm"
why_says() { # STUDY TEXT
	node centre study why "$1" | grep -qF -- "$2"
}
check "it stays, and why is said" wait_for 20 why_says "$chinese" "name different patients"
check "the clinic got no more than the PDF" n_at clinic "$chinese" 1
owner=$(dcmdump +P 0010,0020 "$TESTDATA/charset/gb18030.dcm" | sed 's/.*\[\(.*\)\].*/\1/')
sr "$T/right.dcm" --study "$chinese" --patient-id "$owner" --name "$(
	dcmdump +P 0010,0010 "$TESTDATA/charset/gb18030.dcm" | sed 's/.*\[\(.*\)\].*/\1/' |
		iconv -f gb18030 -t utf-8)" --text "of the right patient"
check "one of the right patient is stored beside it" store "$T/right.dcm"
two_kept() { node centre quarantine list --json | json "len([q for q in j['quarantined'] if q['study_uid'] == '$chinese']) == 2" | grep -qx true; }
check "it stays too: which is right is for a person to say" wait_for 20 two_kept
right=$(dcmdump +P 0008,0018 "$T/right.dcm" | sed 's/.*\[\(.*\)\].*/\1/')
id=$(node centre quarantine list --json | json "[q['id'] for q in j['quarantined'] if q['sop_instance'] == '$right'][0]")
check "it is shown" node centre quarantine show "$id"
check "and released" node centre quarantine release "$id" --reason "this is the patient" --by "Dr Wang"
check "the clinic has it" wait_for 30 n_at clinic "$chinese" 2

sr "$T/order.dcm" --study "$ct" --patient-id PLASTIC --accession NOT-THEIRS --text "another order"
check "an SR with an accession number of its own is stored" store "$T/order.dcm"
check "it goes: the clinic had none" wait_for 30 n_at clinic "$ct" 3

unknown=1.2.826.0.1.3680043.8.1055.1.77
sr "$T/unknown.dcm" --study "$unknown" --patient-id P1 --text "for nobody"
check "an SR for a study that nobody sent is stored" store "$T/unknown.dcm"
check "it stays, and why is said" wait_for 20 why_says "$unknown" "no clinic sent the study"
check "the clinic has none of it" n_at clinic "$unknown" 0
check "the other clinic saw no report at all" reports other 'j["reports"] == []'

early=$(python3 "$LIB/make_study.py" "$TESTDATA/mr/epi01.dcm" "$T/early" 1 7)
patient=$(dcmdump +P 0010,0020 "$T/early/IM00000" | sed 's/.*\[\(.*\)\].*/\1/')
sr "$T/early.dcm" --study "$early" --patient-id "$patient" --text "ahead of its images"
check "an SR comes before its images" store "$T/early.dcm"
check "it waits" wait_for 20 why_says "$early" "no clinic sent the study"
check "the images come" send "$DICOM_clinic" "$T/early"
check "then the clinic gets it" wait_for 60 n_at clinic "$early" 1

sr "$T/partial.dcm" --study "$early" --patient-id "$patient" --partial --text "not yet finished"
check "an SR that is not complete is stored" store "$T/partial.dcm"
check "the clinic has it" wait_for 30 n_at clinic "$early" 2
check "as preliminary" reports clinic \
	"sorted(r['status'] for r in j['reports'] if r['study_uid'] == '$early') == ['final', 'preliminary']"

early2=$(python3 "$LIB/make_study.py" "$TESTDATA/mr/epi02.dcm" "$T/early2" 1 8)
check "another study comes" send "$DICOM_clinic" "$T/early2"
check "to the centre too" wait_for 60 has_at_least centre instances 12
sr "$T/alone.dcm" --study "$early2" --patient-id X-"$patient" --text "of another patient"
check "its only SR names another patient" store "$T/alone.dcm"
check "it stays, and why is said" wait_for 20 why_says "$early2" "patient ID is not that"
check "the clinic has none of it" n_at clinic "$early2" 0
kept() { # STUDY: the newest report of it that is kept back
	node centre quarantine list --json |
		json "[q['id'] for q in j['quarantined'] if q['study_uid'] == '$1' and q['kind'] == 'report'][-1]"
}
id=$(kept "$early2")
check "a person at the centre releases it" node centre quarantine release "$id" \
	--reason "the PACS renumbers patients" --by "Dr Wang"
rejected() {
	reports clinic "any(r['study_uid'] == '$early2' and r['verification'] == 'rejected' and
		r['reason'] == 'wrong-patient' for r in j['reports'])"
}
check "the clinic has the last word: wrong patient" wait_for 30 rejected

sh "$LIB/report_pki.sh" "$T/pki"
node clinic report trust add "$T/pki/ca.pem" >/dev/null
submit() { # NODE FILE
	node "$1" report submit --study "$ct" --file "$2" --signer "$T/pki/rsa.p12" \
		--passphrase-file "$T/pki/pass"
}
refuses() { # WORDS NODE FILE
	words=$1
	shift
	! submit "$@" >"$T/said" 2>&1 && grep -qF -- "$words" "$T/said"
}
check "an image is not submitted as a report" refuses "neither a structured report" \
	centre "$TESTDATA/ct/IM0001.dcm"
check "nor a report on another study" refuses "another study" \
	centre "$TESTDATA/sr/basic_text.dcm"
sr "$T/not-his.dcm" --study "$ct" --patient-id OTHER --text x
check "nor one of another patient" refuses "another patient" centre "$T/not-his.dcm"
check "nor at a clinic" refuses "did not come from a clinic" clinic "$T/one.dcm"
check "a physician signs a DICOM SR" submit centre "$T/one.dcm"
signed_text() {
	id=$(node clinic report list --json |
		json "[r['id'] for r in j['reports'] if r['verification'] == 'signed'][0]")
	node clinic report show "$id" | grep -qF "颅脑未见明显异常。"
}
check "the clinic reads it as signed" wait_for 30 signed_text
forged() { # REASON FILE: past our own command
	python3 "$LIB/report_forge.py" "$T/centre" --study "$ct" --file "$2" --pki "$T/pki" \
		--signer ecdsa --set media-type=application/dicom >"$T/forged" || return 1
	sum=$(json 'j["statement_sha256"]' <"$T/forged")
	wait_for 30 reports clinic "any(r['statement_sha256'] == '$sum' and
		r['verification'] == 'rejected' and r['reason'] == '$1' for r in j['reports'])"
}
check "one on another study is refused by the clinic too" forged wrong-study \
	"$TESTDATA/sr/basic_text.dcm"
check "and one of another patient" forged wrong-patient "$T/not-his.dcm"

check "at the centre nobody closes a clinic's study" sh -c \
	"'$DF_BIN/dcm-forward' -C '$T/centre' study send '$ct' 2>&1 | grep -q 'only the clinic'"
done_testing
