#!/bin/sh
# hub.sh - several clinics at once on one centre, and an enrolled node that
# misbehaves in every way meanwhile: all polite ones finish, nothing is lost or
# there twice, and what a peer has of the centre is bounded. DF_LONG=1 also
# waits for a request that trickles to be dropped. Figures: tests/bench/hub and
# tests/bench/rude.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu python3
CLINICS="a b c"
COUNT=${DF_COUNT:-4}

pacs=$(free_port)
start_storescp "$pacs" "$T/pacs" && new_centre centre || exit 1
set_key centre receive per-peer 12
set_key centre receive per-address 12
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" \
	--compress no >/dev/null
start_node centre || exit 1
for n in $CLINICS rude polite; do
	new_clinic "$n" && set_key "$n" study quiet 1 &&
		set_key "$n" line connections 2 && start_node "$n" &&
		join "$n" centre >/dev/null || exit 1
done
for n in rude polite; do # only their keys are used
	stop_node "$n"
done
for n in $CLINICS; do
	python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/sent/$n" \
		"$COUNT" "$n" >/dev/null || exit 1
done

gateway=$(room_pids centre gateway)
"$LIB/rude_check.py" ${DF_LONG:+--long} "$T/rude" "$T/polite" "$HTTPS_centre" \
	"$gateway" >"$T/rude_check.out" 2>&1 &
rude=$!
for n in $CLINICS; do
	eval "send \$DICOM_$n '$T/sent/$n'" &
done
for n in $CLINICS; do
	check "clinic $n has a receipt for all of its images" \
		wait_for 60 has_at_least "$n" confirmed "$COUNT"
done
all_there() { python3 "$LIB/dicom_bytes.py" --compare "$T/sent" "$T/pacs"; }
check "the PACS has every image once, byte for byte" wait_for 60 all_there
wait "$rude"
check "rude peers are bounded, a polite one is served beside each" [ $? -eq 0 ]
sed 's/^/# /' "$T/rude_check.out"

id=$(node centre peer list --json | json \
	'[p["fingerprint"] for p in j["peers"] if p["name"].endswith("rude")][0]')
check "a peer revoked in mid transfer is shut out at its next part" \
	"$LIB/rude_check.py" \
	--revoke "$DF_BIN/dcm-forward -C $T/centre peer revoke $id" \
	"$T/rude" "$T/polite" "$HTTPS_centre" "$gateway"
check "the gateway has lived through all of it" \
	[ "$(room_pids centre gateway)" = "$gateway" ]
done_testing
