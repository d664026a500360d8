#!/bin/sh
# refused_parcel.sh - a parcel that the centre refused: the clinic says so and
# why, keeps it, and a person's order sends it once more. An answer that does not
# say where a parcel stands is no refusal: it is asked for. One that the centre
# loses before its receipt is sent again.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend python3

check "a centre is made" new_centre centre
check "a clinic is made" new_clinic clinic
check "the centre starts" start_node centre
check "the clinic starts" start_node clinic
check "the clinic joins" join clinic centre
stop_node centre
check "the modality sends while the centre is away" send "$DICOM_clinic" "$TESTDATA/ct/IM0001.dcm"
check "the image is packed" wait_for 30 has_at_least clinic packed 1

# what the centre would keep of a refusal, as src/lib/spool writes it
made=$(grep 'event=parcel.made' "$T/clinic.log" | head -n 1)
hex=$(echo "$made" | sed 's/.*parcel="\([0-9a-f]*\)".*/\1/')
size=$(echo "$made" | sed 's/.* bytes=\([0-9]*\).*/\1/')
fp=$(basename "$T"/centre/keys/peers/*.pem .pem)
# error 11 is DF_E_LIMIT: not tried again by itself
"$DF_BIN/pages-sql" "$T/centre/state.db" "INSERT INTO uploads
	VALUES('$hex', '$fp', $size, $size, '', 2, 11, 'too large', 0, 1, 0)" || exit 1
check "the centre starts again" start_node centre
check "the clinic shows the refusal" wait_for 60 truth clinic \
	"any(s['state'] == 'refused' for s in j['studies'])" study list
check "and keeps the image" has_at_least clinic packed 1
check "study why says what to do" sh -c "
	'$DF_BIN/dcm-forward' -C '$T/clinic' study why \
		\"\$('$DF_BIN/dcm-forward' -C '$T/clinic' study list --json |
			python3 -c 'import json,sys; print(json.load(sys.stdin)[\"studies\"][0][\"study_uid\"])')\" |
		grep -q 'queue retry'"
id=$(node clinic queue list --json | json '[d["id"] for d in j["deliveries"] if d["state"] == "refused"][0]')
check "a person sends it once more" node clinic queue retry "$id"
check "studies are closed" send_studies clinic
check "it arrives and is receipted" wait_for 60 has_at_least clinic confirmed 1

# --- a centre that forgets to say where it stands ---
stop_node centre
"$LIB/forgetful_centre.py" "$T/centre" "$HTTPS_centre" "$T/requests" &
forgetful=$!
PIDS="$PIDS $forgetful"
check "another image is taken" send "$DICOM_clinic" "$TESTDATA/ct/IM0002.dcm"
asked_again() { # an offer behind a part
	sed -n '/^PATCH .* 204/,$p' "$T/requests" | grep -q "^POST /peer/v1/offers 200"
}
check "it is asked where the parcel stands" wait_for 30 asked_again
refused() { node clinic queue list --json | json 'any(d["state"] == "refused" for d in j["deliveries"])' | grep -q true; }
not_refused() { ! refused; }
check "nothing is refused for that" not_refused
kill $forgetful
check "the centre is itself again" start_node centre
check "studies are closed" send_studies clinic
check "it arrives and is receipted" wait_for 60 has_at_least clinic confirmed 2

# --- a centre that loses what it had not yet given its receipt for ---
check "a third image is taken" send "$DICOM_clinic" "$TESTDATA/ct/IM0003.dcm"
there() { truth centre "sum(s['instances'] for s in j['studies']) == 3" study list; }
check "it is at the centre" wait_for 30 there
stop_node centre
rm "$(find "$T/centre/spool/objects" -type f -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)"
check "which starts again without it" start_node centre
check "it is missing there" truth centre "j['queue']['quarantined'] == 1" status
check "studies are closed" send_studies clinic
check "it arrives again, and is receipted" wait_for 60 has_at_least clinic confirmed 3
check "once" truth centre "j['queue']['quarantined'] == 0" status
check "and it is there" there
done_testing
