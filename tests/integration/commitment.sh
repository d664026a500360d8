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
object_of() { # the raw object that holds an instance
	grep -lr "sop-instance: $1" "$T/clinic/spool/objects" | head -n 1
}
one=$(echo "$uids" | head -n 3 | tail -n 1)
python3 - "$(object_of "$one")" <<PY || exit 1
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(20000)
    byte = f.read(1)
    f.seek(20000)
    f.write(bytes([byte[0] ^ 0x10]))
PY
asked=$(asks $uids)
check "what was damaged after it was stored is not committed to" \
	wait_for 20 answered "$asked" Failure
check "and it alone is named" sh -c "
	curl -sf http://127.0.0.1:$ORTHANC_modality$asked >'$T/answer'
	python3 -c '
import json, sys
j = json.load(open(sys.argv[1]))
assert [f[\"SOPInstanceUID\"] for f in j[\"Failures\"]] == [sys.argv[2]], j
assert j[\"Failures\"][0][\"FailureReason\"] == 0x110, j' '$T/answer' $one"
check "staff are told" truth clinic "j['total'] == 1" quarantine list

# the modality is off when its report is due, and the node too
http=$ORTHANC_modality
kill "$PID_orthanc_modality"
timeout 20 tail --pid="$PID_orthanc_modality" -f /dev/null
python3 "$LIB/make_study.py" "$TESTDATA/mr/epi01.dcm" "$T/second" 3 second >/dev/null || exit 1
check "the modality sends" send_sure "$DICOM_clinic" 3 "$T/second"
second=$(for f in "$T"/second/*; do dcmdump +P 0008,0018 "$f" | sed 's/.*\[\(.*\)\].*/\1/'; done)
ask() { python3 "$LIB/commitment_scu.py" ask --calling MODALITY "$DICOM_clinic" "$@"; }
check "a modality that listens to nothing asks" ask 2.25.4711 $second
check "the same transaction again is the same" ask 2.25.4711 $second
check "with other images it is refused" sh -c \
	"! python3 '$LIB/commitment_scu.py' ask --calling MODALITY $DICOM_clinic 2.25.4711 1.2.3"
sed 's/^/# /' "$T/check.out"
check "its report waits" wait_for 10 truth clinic \
	"[c['state'] for c in j['commitments']] == ['ready']" commitment list
kill_node_hard clinic
start_node clinic || exit 1
check "also after a crash" wait_for 10 truth clinic \
	"[c['state'] for c in j['commitments']] == ['ready']" commitment list
port=$ORTHANC_DICOM_modality
python3 "$LIB/commitment_scu.py" listen "$port" "$T/reports" >"$T/listen.log" 2>&1 &
PIDS="$PIDS $!"
check "when the modality is there it gets it" wait_for 20 grep -q "^2.25.4711 3 0$" "$T/reports"
check "and then no more is owed" wait_for 10 truth clinic \
	"j['commitments'] == [] and j['over'] >= 4" commitment list
check "once" [ "$(grep -c '^2.25.4711 ' "$T/reports")" -eq 1 ]
check "on an association that stays the report comes there" \
	python3 "$LIB/commitment_scu.py" ask --stay --calling MODALITY "$DICOM_clinic" \
	2.25.4712 $second
sed 's/^/# /' "$T/check.out"
check "and nowhere else" sh -c "! grep -q '^2.25.4712 ' '$T/reports'"
many=$(for u in $second; do
	echo "$u"
	seq -f "1.2.3.9.$(echo "$u" | tail -c 9).%g" 300
done)
check "one that names more than is looked at in a turn" ask 2.25.4714 $many
check "is settled all the same" wait_for 20 grep -q '^2.25.4714 3 900$' "$T/reports"
check "asked twice at a time it is given once" python3 "$LIB/commitment_scu.py" \
	twice --calling MODALITY "$DICOM_clinic" 2.25.4713 $second
check "the node ends in order" stop_node clinic

# towards a PACS: Orthanc, and one that does not keep everything
new_clinic clinic2 || exit 1
ORTHANC_KNOWS="\"clinic\": [\"CLINIC\", \"127.0.0.1\", $DICOM_clinic2]"
start_orthanc pacs PACS || exit 1
moody=$(free_port)
tail8=$(echo "$uids" | tail -n 1 | tail -c 9)
python3 "$LIB/pacs.py" "$moody" "$T/moody.came" "commit:uid=$tail8" >"$T/moody.log" 2>&1 &
PIDS="$PIDS $!"
silent=$(free_port)
python3 "$LIB/pacs.py" "$silent" "$T/silent.came" commit:never >"$T/silent.log" 2>&1 &
PIDS="$PIDS $!"
PID_silent=$!
skips=$(free_port)
python3 "$LIB/pacs.py" "$skips" "$T/skips.came" "commit:skip=$tail8" >"$T/skips.log" 2>&1 &
PIDS="$PIDS $!"
late=$(free_port)
python3 "$LIB/pacs.py" "$late" "$T/late.came" commit:late=6 >"$T/late.log" 2>&1 &
PIDS="$PIDS $!"
for pacs in moody silent skips late; do
	wait_for 10 grep -q ready "$T/$pacs.log" || exit 1
done
node clinic2 destination add orthanc --dicom "PACS@127.0.0.1:$ORTHANC_DICOM_pacs" >/dev/null
node clinic2 destination add moody --dicom "MOODY@127.0.0.1:$moody" >/dev/null
node clinic2 destination add silent --dicom "SILENT@127.0.0.1:$silent" >/dev/null
node clinic2 destination add skips --dicom "SKIPS@127.0.0.1:$skips" >/dev/null
node clinic2 destination add late --dicom "LATE@127.0.0.1:$late" >/dev/null
set_key clinic2 retry min 1 && set_key clinic2 retry max 2
set_key clinic2 commitment answer 2
start_node clinic2 || exit 1
check "destination test says that it commits" sh -c \
	"'$DF_BIN/dcm-forward' -C '$T/clinic2' destination test orthanc | grep -q 'offers storage commitment'"
check "the modality sends" send_sure "$DICOM_clinic2" 12 "$T/study"
# of NAME STATE: how many deliveries to that destination are in that state
of() {
	node clinic2 queue list --json | json \
		"sum(d['destination'] == '$1' and d['state'] == '$2' for d in j['deliveries'])"
}
counts() { [ "$(of "$1" "$2")" -eq "$3" ]; }
check "what Orthanc commits to is confirmed" wait_for 20 sh -c \
	"! '$DF_BIN/dcm-forward' -C '$T/clinic2' queue list --json | grep -q orthanc"
check "what a PACS denies is sent again and then given up" \
	wait_for 30 counts moody refused 1
check "it was sent three times" [ "$(grep -c "$tail8 .* 0000\$" "$T/moody.came")" -eq 3 ]
check "the others are confirmed" counts moody delivered 0
check "what a PACS does not answer stays unconfirmed" counts silent delivered 12
check "what a PACS never mentions is given up, too" wait_for 30 counts skips refused 1
check "it was sent three times" [ "$(grep -c "$tail8 .* 0000\$" "$T/skips.came")" -eq 3 ]
check "what it says too late counts" wait_for 20 sh -c \
	"! '$DF_BIN/dcm-forward' -C '$T/clinic2' queue list --json | grep -q '\"late\"'"
check "to a question that was given up" grep -q 'commitment.late .*good=[1-9]' "$T/clinic2.log"
asks_of() { [ "$(grep -c 'event=commitment.unanswered' "$T/clinic2.log")" -ge "$1" ]; }
check "and it is asked again" wait_for 20 asks_of 2
check "study why says so" sh -c \
	"'$DF_BIN/dcm-forward' -C '$T/clinic2' study why $(cat "$T/uid") | grep -q 'not yet'"
kill "$PID_silent"
unasked() { grep -q 'event=commitment.unasked' "$T/clinic2.log"; }
wait_for 60 unasked
silences() { grep -c 'event=commitment.unanswered' "$T/clinic2.log"; }
check "what could not be asked is no silence" truth clinic2 \
	"sum(c['state'] == 'ended' for c in j['commitments']) == $(silences)" \
	commitment list --all
check "the node ends in order" stop_node clinic2
check "the spool is sound" node clinic2 spool check
done_testing
