#!/bin/sh
# commitment.sh - storage commitment with programs that are not ours: Orthanc
# as a modality that asks us, and as a PACS that we ask.
. "$(dirname "$0")/../lib/node.sh"
. "$LIB/orthanc.sh"
need dcmsend python3 curl Orthanc

python3 "$LIB/make_study.py" "$TESTDATA/mr/epi01.dcm" "$T/study" 12 >"$T/uid" || exit 1
new_clinic clinic || exit 1
ORTHANC_KNOWS="\"clinic\": [\"CLINIC\", \"127.0.0.1\", $DICOM_clinic]"
start_orthanc modality MODALITY || exit 1
set_key clinic 'modality "MODALITY"' reports "MODALITY@127.0.0.1:$ORTHANC_DICOM_modality"
set_key clinic commitment missing 1
set_key clinic retry min 1 && set_key clinic retry max 2
start_node clinic || exit 1

# asks PORT UID...: Orthanc asks for these instances; prints its name for it
MR=1.2.840.10008.5.1.4.1.1.4
asks() {
	list=$(printf '["%s","%s"],' $(for u in "$@"; do echo "$MR $u"; done))
	curl -sf "http://127.0.0.1:$ORTHANC_modality/modalities/clinic/storage-commitment" \
		-d "{\"DicomInstances\": [${list%,}]}" | json 'j["Path"]'
}
answer() { curl -sf "http://127.0.0.1:$ORTHANC_modality$1"; }
# answered PATH STATUS
answered() { [ "$(answer "$1" | json 'j["Status"]')" = "$2" ]; }

dcmsend +sd -aet MODALITY -aec ANY 127.0.0.1 "$ORTHANC_DICOM_modality" "$T/study" \
	>/dev/null 2>&1
check "the modality sends" send_sure "$DICOM_clinic" 12 "$T/study"
uids=$(for f in "$T"/study/*; do dcmdump +P 0008,0018 "$f" | sed 's/.*\[\(.*\)\].*/\1/'; done)
asked=$(asks $uids)
check "what is stored and re-read is committed to" wait_for 20 answered "$asked" Success
asked=$(asks $uids 1.2.3.4.5)
check "what never came is not" wait_for 20 answered "$asked" Failure
check "and it alone is named, with its reason" sh -c "
	curl -sf http://127.0.0.1:$ORTHANC_modality$asked >'$T/answer'
	python3 -c '
import json, sys
j = json.load(open(sys.argv[1]))
assert len(j[\"Success\"]) == 12, j
assert [f[\"SOPInstanceUID\"] for f in j[\"Failures\"]] == [\"1.2.3.4.5\"], j
assert j[\"Failures\"][0][\"FailureReason\"] == 0x112, j' '$T/answer'"
sed 's/^/# /' "$T/check.out"
done_testing
