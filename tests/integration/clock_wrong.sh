#!/bin/sh
# clock_wrong.sh - a node whose clock is days wrong says so in words that name
# the clock; images are taken all the same and leave when it is set right.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend faketime python3 pgrep
ldd "$DF_BIN/dcm-forward" | grep -q libasan &&
	skip_all "faketime and the address sanitizer do not go together"

new_centre centre && new_clinic clinic || exit 1
set_key clinic retry max 2 && set_key clinic retry min 1
start_node centre && start_node clinic && join clinic centre >/dev/null || exit 1
start_at() { # OFFSET: the clinic, with its clock so far off
	faketime -f "$1" "$DF_BIN/dcm-forward" -C "$T/clinic" serve \
		>>"$T/clinic.log" 2>&1 &
	faked=$!
	PIDS="$PIDS $faked"
	wait_for 20 is_ready clinic || return 1
	PID_clinic=$(pgrep -P "$faked") # faketime stays, and waits for it
}
peer() { truth clinic "[$1 for d in j['queue']['destinations']][0]" status; }
said() { node clinic "$@" >"$T/said"; grep -qi clock "$T/said"; }

check "the clinic ends" stop_node clinic
check "it starts, two days behind" start_at -2d
check "it takes an image" send_sure "$DICOM_clinic" 1 "$TESTDATA/ct/IM0001.dcm"
check "the peer is away, and the clock may be why" \
	wait_for 10 peer "not d['up'] and 'clock' in d['last_error']"
check "status says it" said status
uid=$(node clinic study list --json | json 'j["studies"][0]["study_uid"]')
check "study why says it" wait_for 10 said study why "$uid"
check "doctor says it" sh -c "faketime -f -2d '$DF_BIN/dcm-forward' \
	-C '$T/clinic' doctor | grep -q 'clock is wrong'"
stop_node clinic

check "it starts, two days ahead" start_at +2d
check "the line works, with a warning" \
	wait_for 10 peer "d['up'] and 'clock' in d['warning']"
check "status says it" said status
check "doctor says it" sh -c "faketime -f +2d '$DF_BIN/dcm-forward' \
	-C '$T/clinic' doctor | grep -q 'BAD.*clock'"
stop_node clinic

check "it starts with the right time" start_node clinic
check "no warning is left" wait_for 10 peer "d['up'] and not d['warning']"
send_studies clinic >/dev/null
check "the image of the wrong time has its receipt" \
	wait_for 20 has_at_least clinic confirmed 1
done_testing
