#!/bin/sh
# commitment_centre.sh - a modality of a clinic is told that its images are
# safe when the centre has given its receipt, and not before; what has none in
# time is reported as failed.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend dcmdump python3

for n in 1 2 3; do
	python3 "$LIB/make_study.py" "$TESTDATA/mr/epi01.dcm" "$T/study$n" 6 "$n" \
		>"$T/uid$n" || exit 1
done
uids_of() {
	for f in "$T/study$1"/*; do
		dcmdump +P 0008,0018 "$f" | sed 's/.*\[\(.*\)\].*/\1/'
	done
}
reports=$(free_port)
new_centre centre && new_clinic clinic || exit 1
set_key clinic 'modality "MODALITY"' reports "MODALITY@127.0.0.1:$reports"
for key in min max; do set_key clinic retry $key 1; done
set_key clinic study quiet 1
start_node centre && start_node clinic && join clinic centre >/dev/null || exit 1
: >"$T/reports"
python3 "$LIB/commitment_scu.py" listen "$reports" "$T/reports" >"$T/listen.log" 2>&1 &
PIDS="$PIDS $!"
ask() {
	tx=$1
	shift
	python3 "$LIB/commitment_scu.py" ask "$DICOM_clinic" "$tx" "$@"
}
state_is() {
	truth clinic "[c['state'] for c in j['commitments']] == ['$1']" commitment list
}

check "the modality sends" send_sure "$DICOM_clinic" 6 "$T/study1"
check "and asks" ask 2.25.1 $(uids_of 1)
check "it is told when the centre has them" wait_for 40 grep -q '^2.25.1 6 0$' "$T/reports"
check "which the study says too" truth clinic "j['studies'][0]['confirmed'] == 6" study list

stop_node centre
check "the modality sends while the centre is away" \
	send_sure "$DICOM_clinic" 6 "$T/study2"
check "and asks" ask 2.25.2 $(uids_of 2)
packed() { [ "$(sum_of clinic packed)" -eq 12 ]; }
wait_for 30 packed
check "it waits" state_is open
kill_node_hard clinic
start_node clinic || exit 1
check "also over a crash" state_is open
check "nothing was promised" sh -c "! grep -q '^2.25.2 ' '$T/reports'"
start_node centre || exit 1
check "it is told when the centre has them" wait_for 60 grep -q '^2.25.2 6 0$' "$T/reports"

stop_node centre
set_key clinic commitment deadline 3
node clinic reload && wait_for 20 is_ready clinic
check "the modality sends while the centre is away" \
	send_sure "$DICOM_clinic" 6 "$T/study3"
check "and asks" ask 2.25.3 $(uids_of 3)
check "what is not safe in time is said to be not" \
	wait_for 20 grep -q '^2.25.3 0 6$' "$T/reports"
start_node centre || exit 1
confirmed() { [ "$(sum_of clinic confirmed)" -eq 18 ]; }
check "it arrives all the same" wait_for 60 confirmed
check "and when it is asked for again it is safe" ask 2.25.3 $(uids_of 3)
check "and said so" wait_for 20 grep -q '^2.25.3 6 0$' "$T/reports"
check "nothing more is owed" truth clinic "j['commitments'] == []" commitment list
check "each was told once" sh -c "
	[ \$(grep -c '^2.25.1 ' '$T/reports') -eq 1 ] &&
	[ \$(grep -c '^2.25.2 ' '$T/reports') -eq 1 ] &&
	[ \$(grep -c '^2.25.3 ' '$T/reports') -eq 2 ]"
check "the clinic ends in order" stop_node clinic
check "its spool is sound" node clinic spool check
done_testing
