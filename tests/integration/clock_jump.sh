#!/bin/sh
# clock_jump.sh - the clock of a running clinic jumps: a second, a day, to 2000,
# to 2040, and back. Images are taken all the time, no study closes early, no
# pause lasts for years, and when the clock is right all arrives.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend faketime python3 pgrep
ldd "$DF_BIN/dcm-forward" | grep -q libasan &&
	skip_all "faketime and the address sanitizer do not go together"
lib=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null | head -n 1)
[ -n "$lib" ] || skip_all "libfaketime is not where it is looked for"
IMAGE="$TESTDATA/mr/t1.dcm"

new_centre centre && new_clinic clinic || exit 1
set_key clinic retry max 2 && set_key clinic retry min 1
start_node centre && start_node clinic && join clinic centre >/dev/null || exit 1
check "the clinic ends" stop_node clinic
clock() { echo "$1" >"$T/clock.new" && mv "$T/clock.new" "$T/clock"; }
clock "+0"
LD_PRELOAD=$lib FAKETIME_TIMESTAMP_FILE="$T/clock" FAKETIME_CACHE_DURATION=1 \
	FAKETIME_DONT_FAKE_MONOTONIC=1 start_node clinic ||
	{ check "it starts under a clock that can be set" false; exit 1; }
store() {
	python3 "$LIB/pressure.py" store "$DICOM_clinic" "$IMAGE" MODALITY 2 "$T/acked" >"$T/said" &&
		[ "$(sort -u "$T/said")" = 0000 ]
}
jumps() { [ "$(grep -c event=clock.jumped "$T/clinic.log")" -ge "$1" ]; }
check "images are taken" store
wait_for 20 truth clinic "j['queue']['inspected_all']" status
n=0
for to in +1 -1 +1d -1d "@2000-01-01 00:00:00" "@2040-06-01 00:00:00" +0; do
	clock "$to"
	case $to in
	+1 | -1) what="a second, $to" ;;
	+0) what="back" ;;
	*) what="to $to" ;;
	esac
	case $to in
	+1 | -1) ;;
	*)
		n=$((n + 1))
		check "$what: it is in the log" wait_for 10 jumps $n
		;;
	esac
	check "$what: images are taken" store
	check "they are looked into" wait_for 20 truth clinic "j['queue']['inspected_all']" status
	check "the study is open all the same" truth clinic \
		"not any(s['closed'] for s in j['studies'])" study list
done
total=$(wc -l <"$T/acked")
send_studies clinic >/dev/null
check "the clock is right: all $total have their receipt" \
	wait_for 60 has_at_least clinic confirmed "$total"
check "every image is at the centre, once" truth centre \
	"sum(s['instances'] for s in j['studies']) == $total" study list
check "nothing was let go" truth clinic \
	"sum(s['instances'] for s in j['studies']) == $total" study list
check "no room ended" truth clinic "all(r['restarts'] == 0 for r in j['rooms'])" status
stop_node clinic
check "the spool is sound" node clinic spool check
done_testing
