#!/bin/sh
# codings.sh - what `coding = auto` chooses and says; each coding by
# configuration; an encoder that is broken is found out, passed over, counted.
. "$(dirname "$0")/../lib/node.sh"
need storescu storescp echoscu python3
[ -f "$DF_BIN/badcodec.so" ] || skip_all "the shim is not built"
ldd "$DF_BIN/dcm-forward" | grep -q libasan &&
	skip_all "a shim and the address sanitizer do not go together"

pacs=$(free_port)
start_storescp "$pacs" "$T/pacs" || exit 1
new_centre centre && new_clinic clinic || exit 1
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" --compress no >/dev/null || exit 1
# parcels of a few images each, at once
set_key clinic parcel size 65536
set_key clinic parcel wait 100
start_node centre || exit 1
LD_PRELOAD="$DF_BIN/badcodec.so" start_node clinic || exit 1
join clinic centre || exit 1

total=0
# study NAME COUNT: one of COUNT images is sent and packed
study() {
	"$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/send/$1" "$2" "$1" >/dev/null
	storescu +sd -aet MODALITY -aec CLINIC 127.0.0.1 "$DICOM_clinic" \
		"$T/send/$1" || return 1
	total=$((total + $2))
	wait_for 60 has_at_least clinic packed "$total"
}
mkdir "$T/send"
# shown EXPRESSION: over "codings" of the last study sent
shown() {
	node clinic study show "$uid" --json |
		json "(lambda c: $1)(j['codings'])" | grep -qx true
}
# before, then find_new: $uid is the study that came between
before() {
	node clinic study list --json |
		json '" ".join(s["study_uid"] for s in j["studies"])' >"$T/before"
}
find_new() {
	uid=$(node clinic study list --json | json \
		"[s['study_uid'] for s in j['studies'] if s['study_uid'] not in open('$T/before').read()][0]")
}

before
check "a study goes through an encoder that is broken" study bad 12
find_new
check "the smallest was wanted for a line not yet measured" shown \
	'any(w["wanted"] == "jpeg-xl" and w["why"] == "fills" and w["line_assumed"] for w in c["choices"])'
check "what came back otherwise is no parcel" grep -q event=parcel.bad "$T/clinic.log"
check "what the encoder spoils is counted from then on, and coded by zstd" shown \
	'[(w["mismatches"] > 0, w["fell_back"]) for w in c["choices"] if w["wanted"] == "jpeg-xl"][0] == (True, [u["instances"] for u in c["used"] if u["coding"] == "zstd"][0])'
check "status raises the alarm" truth clinic \
	'j["queue"]["codings"]["mismatches"] > 0' status
check "and says it to people" sh -c \
	"'$DF_BIN/dcm-forward' -C '$T/clinic' status | grep -q 编码器"
before
check "another study" study good 6
find_new
check "its first image is coded to be there soonest" shown \
	'any(w["why"] == "first" and w["wanted"] == "predict+zstd" and w["instances"] == 1 for w in c["choices"])'
check "does not use it again" shown \
	'"jpeg-xl" not in [u["coding"] for u in c["used"]] and sum(w["mismatches"] for w in c["choices"]) == 0'
node clinic study show "$uid" >"$T/show"
check "study show says so in words" grep -q "编码.* : 1, " "$T/show"
sed -n '/编码/,/^$/p' "$T/show" | head -n 6 | sed 's/^/# /'

for coding in stored zstd jpeg-ls predict+zstd jpeg2000 jpeg-xl; do
	set_key clinic parcel coding "$coding"
	stop_node clinic
	start_node clinic || exit 1
	before
	check "$coding by configuration" study "fixed-$coding" 3
	find_new
	check "$coding is what was used" shown \
		"[(u['coding'], u['instances']) for u in c['used']] == [('$coding', 3)] and [w['why'] for w in c['choices']] == ['fixed']"
done

all_there() { [ "$(find "$T/pacs" -type f | wc -l)" -ge "$total" ]; }
check "all are at the PACS" wait_for 60 all_there
ref=$(free_port)
start_storescp "$ref" "$T/reference" || exit 1
storescu +sd +r -aet MODALITY -aec PACS 127.0.0.1 "$ref" "$T/send" || exit 1
check "byte for byte" python3 "$LIB/account.py" "$T/reference" "$T/pacs"
check "studies are closed by hand" send_studies clinic
check "the clinic holds receipts for all" \
	wait_for 60 has_at_least clinic confirmed "$total"
done_testing
