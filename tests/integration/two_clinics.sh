#!/bin/sh
# two_clinics.sh - what one clinic may not do to the studies of another.
#
# The second clinic, enrolled like the first, sends (a) the very bytes that
# the first sent, (b) other bytes under their UIDs. Neither reaches the PACS,
# and reports still go to the clinic that came first.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu python3 dcmodify dcmdump

pacs=$(free_port)
start_storescp "$pacs" "$T/pacs" || exit 1
check "a centre is made" new_centre centre
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" --compress no >/dev/null || exit 1
check "the centre starts" start_node centre
for clinic in first second third; do
	check "clinic $clinic is made" new_clinic $clinic
	set_key $clinic study quiet 1
	check "clinic $clinic starts" start_node $clinic
	check "clinic $clinic joins" join $clinic centre
done
file=$(find "$TESTDATA" -name '*.dcm' | sort | head -n 1)
cp "$file" "$T/one.dcm"
cp "$file" "$T/other.dcm"
dcmodify -nb -m "PatientName=Somebody^Else" "$T/other.dcm" || exit 1

check "the first sends" send "$DICOM_first" "$T/one.dcm"
check "its image is confirmed" wait_for 40 has_at_least first confirmed 1
in_pacs() { [ "$(find "$T/pacs" -type f | wc -l)" -eq "$1" ]; }
check "and is in the PACS" wait_for 40 in_pacs 1
owner=$(node centre study list --json | json 'j["studies"][0]["peer"]')

check "the same modality sends other bytes under the same UID" \
	send "$DICOM_first" "$T/other.dcm"
kept() { truth first 'j["studies"][0]["quarantined"] == 1 and j["studies"][0]["confirmed"] == 1' study list; }
check "they are kept in quarantine beside the first" wait_for 20 kept
check "and the same bytes again change nothing" send "$DICOM_first" "$T/one.dcm"
check "one and one" kept
check "another clinic sends the same bytes" send "$DICOM_third" "$T/one.dcm"
check "and has a receipt for them" wait_for 40 has_at_least third confirmed 1

check "another clinic sends other bytes under the same UIDs" \
	send "$DICOM_second" "$T/other.dcm"
quarantined() {
	truth centre 'any(s["quarantined"] == 1 and s["peer"] != "'"$owner"'" for s in j["studies"])' study list
}
check "they are in quarantine at the centre" wait_for 40 quarantined
told() { node second study why "$(node second study list --json | json 'j["studies"][0]["study_uid"]')" | grep -q "in quarantine here"; }
check "the sender hears why it gets no receipt" wait_for 40 told
check "none of it is confirmed to the sender" truth second \
	'all(s["confirmed"] == 0 for s in j["studies"])' study list
check "the PACS has one image" in_pacs 1
check "the study is still the first one's" truth centre \
	'j["peer"] == "'"$owner"'"' study show "$(node first study list --json | json 'j["studies"][0]["study_uid"]')"

# the centre forgets all it knows and finds it again in its objects
stop_node centre
check "state.db of the centre is made again" sh -c "
	rm -f '$T'/centre/state.db* && '$DF_BIN/dcm-forward' -C '$T/centre' spool rebuild"
check "the centre starts again" start_node centre
check "and still knows whose images they are" wait_for 40 quarantined
check "the images of both clinics stand" truth centre \
	'sum(s["instances"] + s["quarantined"] for s in j["studies"]) == 3' study list
not_the_others() {
	for f in "$T"/pacs/*; do
		dcmdump +P PatientName "$f" | grep -q 'Somebody^Else' && return 1
	done
	return 0
}
check "the PACS never saw the other's bytes" not_the_others

# what was taken before its sender was revoked goes on to the PACS
kill -KILL "$PID_storescp"
another=$(find "$TESTDATA" -name '*.dcm' | sort | tail -n 1)
check "a clinic sends another image" send "$DICOM_third" "$another"
check "the centre holds it" wait_for 40 has_at_least third confirmed 2
uid=$(dcmdump +P StudyInstanceUID "$another" | sed 's/.*\[\(.*\)\].*/\1/')
peer=$(node centre study show "$uid" --json | json 'j["peer"]')
check "its sender is revoked" node centre peer revoke "$peer"
stop_node centre
check "the centre starts without it" start_node centre
rm -rf "$T/pacs"
check "the PACS is back" start_storescp "$pacs" "$T/pacs"
node centre queue retry --all >/dev/null 2>&1
check "and gets the image" wait_for 60 in_pacs 1
refused() { [ "$(node third status --json | json 'all(not d["up"] for d in j["queue"]["destinations"])')" = true ]; }
check "the revoked clinic is shut out" wait_for 60 refused
done_testing
