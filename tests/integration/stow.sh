#!/bin/sh
# stow.sh - a DICOMweb server that answers 503, 200, 202 and 409: each instance
# is judged by its own word, and only what failed is sent again.
. "$(dirname "$0")/../lib/node.sh"
need python3 dcmdump curl

uid_of() { dcmdump -q +P 0008,0018 "$1" | sed 's/.*\[\(.*\)\].*/\1/'; }
study_of() { dcmdump -q +P 0020,000d "$1" | head -n 1 | sed 's/.*\[\(.*\)\].*/\1/'; }
never=$(uid_of "$TESTDATA/ct/IM0001.dcm")
later=$(uid_of "$TESTDATA/ct/IM0002.dcm")
silent=$(uid_of "$TESTDATA/ct/IM0003.dcm")
alone=$(uid_of "$TESTDATA/sr/basic_text.dcm")
full=$(uid_of "$TESTDATA/ct/IM0005.dcm")
server=$(free_port)
python3 "$LIB/stow_server.py" "$server" "$T/server" 'down*2' "$never=0122" \
	"$later=0110*1" "$silent=silent*1" "$alone=C000" "$full=A700*1" \
	>"$T/stow_server.log" 2>&1 &
PIDS="$PIDS $!"
wait_for 10 curl -s "http://127.0.0.1:$server/dicom-web/studies" || exit 1

new_clinic clinic || exit 1
set_key clinic retry min 1
set_key clinic retry max 2
node clinic destination add web --stow "http://127.0.0.1:$server/dicom-web" \
	>/dev/null || exit 1
start_node clinic || exit 1
check "destination test says what works" node clinic destination test web
check "the modality sends" send "$DICOM_clinic" "$TESTDATA/ct" "$TESTDATA/sr"

count() { grep -c "^$1" "$T/server"; }
wait_for 20 has_at_least clinic instances 7 &&
	wait_for 20 truth clinic "j['queue']['inspected_all']" status
check "every delivery comes to an end" wait_for 60 all_settled clinic
check "503 was answered, and all was sent again" [ "$(count 'request 503')" -eq 2 ]
check "a partial success was answered" [ "$(count 'request 202')" -ge 1 ]
once() {
	for f in "$TESTDATA"/ct/*.dcm; do
		uid=$(uid_of "$f")
		[ "$uid" = "$never" ] && want=0 || want=1
		[ "$(count "stored $uid")" -eq $want ] ||
			{ echo "$uid: $(count "stored $uid") times"; cat "$T/server"; return 1; }
	done
}
check "what the server kept was sent until then and never after" once
check "0110 passes, so it was sent again" [ "$(count "failed $later")" -eq 1 ]
check "A700 passes, so it was sent again" [ "$(count "failed $full")" -eq 1 ]
check "no word is no success" [ "$(count "silent $silent")" -eq 1 ]
check "0122 does not pass: sent once" [ "$(count "failed $never")" -eq 1 ]
check "C000 is final: sent once" [ "$(count "failed $alone")" -eq 1 ]
ct=$(study_of "$TESTDATA/ct/IM0001.dcm")
counts() {
	truth clinic "[(s['instances'] - s['confirmed'], s['refused'], s['state']) for s in j['studies'] if s['study_uid'] == '$ct'] == [(1, 1, 'refused')]" study list
}
check "the study counts one refused, the others confirmed" counts
refused() { node clinic study why "$1" | grep "$2"; }
check "study why says the reason" refused "$ct" 0x0122
check "and that of the other study" \
	refused "$(study_of "$TESTDATA/sr/basic_text.dcm")" 0xC000
check "a retry by hand sends the refused one again" \
	sh -c "'$DF_BIN/dcm-forward' -C '$T/clinic' queue list --json |
	python3 -c 'import json,sys
print(*[d[\"id\"] for d in json.load(sys.stdin)[\"deliveries\"] if d[\"sop_instance\"] == \"$never\"])' |
	xargs '$DF_BIN/dcm-forward' -C '$T/clinic' queue retry"
twice() { [ "$(count "failed $never")" -eq 2 ]; }
check "and it arrives there" wait_for 20 twice
# the SR may have gone alone before, and got its own
none() { [ "$(count 'request 409')" -ge 1 ] && wait_for 10 counts; }
check "409 was answered to it, which changes nothing" none
done_testing
