#!/bin/sh
# start.sh - a node that holds a long queue is soon there again: an association
# is accepted and an image taken, and the first parcel is on the line.
#
# Prints the times; they fail the test only when they are out of all proportion.
# DF_PARCELS=10000 is the full measure; DF_EACH images a parcel (10).
. "$(dirname "$0")/../lib/node.sh"
need echoscu dcmsend python3
parcels=${DF_PARCELS:-1000}

new_centre centre && new_clinic clinic || exit 1
start_node centre && start_node clinic && join clinic centre >/dev/null || exit 1
stop_node clinic
peer=$(sed -n 's/^\[peer "\(.*\)"\]/\1/p' "$T/clinic/config.ini" | head -n 1)
check "a queue of $parcels parcels is there" \
	"$DF_BIN/make-queue" "$T/clinic" "$parcels" "$peer" "${DF_EACH:-10}"

ms() { date +%s%3N; }
# until LIMIT_MS COMMAND...: prints the ms since $begun when it first succeeds
until_ok() {
	limit=$1
	shift
	until "$@" >/dev/null 2>&1; do
		[ $(($(ms) - begun)) -gt "$limit" ] && return 1
		sleep 0.02
	done
	echo $(($(ms) - begun))
}
first_parcel() { grep -q "event=parcel.refused\|event=upload.begun" "$T/clinic.log" "$T/centre.log"; }
start_measured() { # LABEL
	: >"$T/clinic.log"
	: >"$T/centre.log"
	begun=$(ms)
	"$DF_BIN/dcm-forward" -C "$T/clinic" serve >>"$T/clinic.log" 2>&1 &
	PID_clinic=$!
	PIDS="$PIDS $!"
	echo_ms=$(until_ok 30000 echoscu -aet MODALITY -aec CLINIC 127.0.0.1 "$DICOM_clinic") || return 1
	send_sure "$DICOM_clinic" 1 "$TESTDATA/ct/IM0001.dcm" || return 1
	store_ms=$(($(ms) - begun))
	line_ms=$(until_ok 30000 first_parcel) || return 1
	echo "# $1: echo after $echo_ms ms, an image taken after $store_ms ms, first parcel across after $line_ms ms" >&3
}
exec 3>&1
check "after an orderly end" start_measured "$parcels parcels, after an orderly end"
check "in no time at all" [ "$echo_ms" -lt 10000 ]
kill_node_hard clinic
check "after a crash" start_measured "$parcels parcels, after a crash"
check "as soon" [ "$echo_ms" -lt 10000 ]
check "and sending goes on as soon" [ "$line_ms" -lt 20000 ]
kill_node_hard clinic
done_testing
