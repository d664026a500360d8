#!/bin/sh
# restored.sh - what VERIFY has restored at a centre is what its PACS get: each
# of two of them byte for byte, and no image is decoded for them once more. A
# third that takes another transfer syntax only gets that, restored for it.
. "$(dirname "$0")/../lib/node.sh"
need storescp echoscu dcmdump python3
COUNT=12

python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/study" $COUNT \
	>/dev/null || exit 1
new_centre centre && new_clinic clinic || exit 1
pacs() { # NAME [what it accepts]
	port=$(free_port)
	PACS_ACCEPTS=${2:-} start_storescp "$port" "$T/$1" &&
		node centre destination add "$1" --dicom "PACS@127.0.0.1:$port" >/dev/null
}
pacs one && pacs two && pacs implicit +xi || exit 1
start_node centre && start_node clinic && join clinic centre || exit 1

python3 "$LIB/raw_scu.py" "$DICOM_clinic" "$T/study" >"$T/sent"
check "the modality sends" [ "$(grep -c ^0000 "$T/sent")" -eq $COUNT ]
cut -d' ' -f2,3 "$T/sent" | sort >"$T/want"
has_all() { [ "$(find "$T/$1" -type f | wc -l)" -eq $COUNT ]; }
same() {
	python3 "$LIB/dicom_bytes.py" "$T/$1" | cut -d' ' -f1,2 | sort |
		cmp - "$T/want"
}
for d in one two implicit; do
	check "PACS $d gets all" wait_for 60 has_all $d
done
check "every delivery comes to its end" wait_for 30 all_settled centre
check "the first has the bytes that were sent" same one
check "the second too" same two
node centre queue list --json >"$T/queue.json"
node centre quarantine list --json >"$T/quarantine.json"
check "the third has the pixels, in its transfer syntax" \
	python3 "$LIB/same_pixels.py" "$T/sent" "$T/implicit" "$T/queue.json" \
	"$T/quarantine.json" implicit
check "no image was decoded again but for the third" truth centre \
	"j['queue']['restored'] == {'kept': 0, 'bytes': 0, 'served': 2 * $COUNT, 'decoded_again': $COUNT}" \
	status
done_testing
