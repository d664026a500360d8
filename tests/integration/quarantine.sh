#!/bin/sh
# quarantine.sh - what came in and cannot be sent is found by a technician: in
# `status`, in `quarantine list`, and in `study why` of the study it names.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend dcmodify python3

mkdir "$T/files"
cp "$TESTDATA/ct/IM0001.dcm" "$T/files/1-good.dcm"
# cp_as NAME OPTIONS...: the good one, changed
cp_as() {
	cp "$T/files/1-good.dcm" "$T/files/$1"
	to=$T/files/$1
	shift
	dcmodify -q -nb "$@" "$to" || exit 1
}
cp_as 2-other-content.dcm -m '(0018,0050)=9.5'
cp_as 3-other-study.dcm -m '(0020,000d)=1.2.3.4'
cp_as 4-no-study.dcm -ea '(0020,000d)' -m '(0008,0018)=1.2.3.5'
cp_as 5-no-series.dcm -ea '(0020,000e)' -m '(0020,000d)=1.2.3.6' \
	-m '(0008,0018)=1.2.3.7'
head -c 9000 "$TESTDATA/ct/IM0002.dcm" >"$T/files/6-truncated.dcm"
study=$(dcmdump -q +P 0020,000d "$TESTDATA/ct/IM0001.dcm" | sed 's/.*\[\(.*\)\].*/\1/')

new_clinic clinic && start_node clinic || exit 1
check "all are taken" sh -c "python3 '$LIB/raw_scu.py' '$DICOM_clinic' '$T/files' |
	tee '$T/sent' | grep -c ^0000 | grep -qx 6"
check "all are looked into" wait_for 20 all_settled clinic
total() {
	node clinic quarantine list --json |
		json "j['total'] == $1 and len(j['quarantined']) == $1 and all(q['reason'] for q in j['quarantined'])" |
		grep -qx true
}
check "five are listed, each with a reason" total 5
check "status counts them" truth clinic "j['queue']['quarantined'] == 5" status
listed() { node clinic quarantine list | grep -q "$1"; }
check "the list says which names no study" listed "未知 unknown"
check "and why" listed "the data set has no Study Instance UID"
# why UID TEXT
why() { node clinic study why "$1" | grep "$2"; }
rival="same SOP Instance UID as another instance, but other content"
check "study why: other content under the same UID" why "$study" "$rival"
check "study why: damaged on its way" why "$study" "says .* bytes, .* are left"
check "study why: under the UID of another study's instance" why 1.2.3.4 "$rival"
check "its state is quarantined" truth clinic \
	"[s['state'] for s in j['studies'] if s['study_uid'] == '1.2.3.4'] == ['quarantined']" \
	study list
check "study why: no series" why 1.2.3.6 "the data set has no Series Instance UID"
check "the first is as it was" truth clinic \
	"[(s['instances'], s['quarantined']) for s in j['studies'] if s['study_uid'] == '$study'] == [(1, 2)]" \
	study list
check "the node ends" stop_node clinic
check "the node starts again" start_node clinic
check "nothing is forgotten" total 5
check "the first again is no rival" send "$DICOM_clinic" "$T/files/1-good.dcm"
check "all are looked into" wait_for 20 all_settled clinic
check "five it stays" total 5
stop_node clinic
check "the spool is sound" node clinic spool check
done_testing
