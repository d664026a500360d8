#!/bin/sh
# pacs_line.sh - a clinic without a second node, and two PACS behind a line that
# loses packets and is cut: by C-STORE and by STOW-RS all arrive, compressed
# because the line is slow, several at once; what had arrived is not sent again.
. "$(dirname "$0")/../lib/node.sh"
. "$LIB/netlab.sh"
need dcmsend dcmdump dcmdjpls storescp echoscu python3 curl nsenter
COUNT=${DF_COUNT:-24}
JPEG_LS=1.2.840.10008.1.2.4.80

start_line --rate 5M --rtt 60 --loss 0.5 || exit 1
python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/study" "$COUNT" \
	>"$T/uid" || exit 1
pacs=$(free_port)
server=$(free_port)
in_b start_storescp "$pacs" "$T/pacs" || exit 1
STOW_HOST=0.0.0.0 in_b python3 "$LIB/stow_server.py" "$server" "$T/server" >"$T/stow.log" 2>&1 &
PIDS="$PIDS $!"
is_listening() { in_b curl -s "http://127.0.0.1:$server/dicom-web/studies"; }
wait_for 10 is_listening || exit 1
new_clinic clinic || exit 1
set_key clinic dimse timeout 3 && set_key clinic retry min 1 &&
	set_key clinic retry max 2
node clinic destination add pacs --dicom "PACS@10.99.0.2:$pacs" >/dev/null &&
	node clinic destination add web --stow "http://10.99.0.2:$server/dicom-web" \
		>/dev/null || exit 1
in_a start_node clinic || exit 1
line reset >/dev/null

check "the modality sends" in_a send_sure "$DICOM_clinic" "$COUNT" "$T/study"
check "the line carries it" wait_for 20 has_passed up 400000
several() { [ "$(line stats | json "j['up']['opened']")" -ge 4 ]; }
check "over several associations and requests" several
line cut 5 >/dev/null
is_mended() { [ "$(line stats | json "j['is_down']")" = false ]; }
wait_for 10 is_mended
before=$(ls "$T/pacs" | wc -l)
came() { [ "$(ls "$T/pacs" | wc -l)" -gt "$before" ]; }
check "images come again soon after it is back" wait_for 8 came
check "all deliveries come to their end" wait_for 60 all_settled clinic
check "none was refused" truth clinic "j['queue']['refused'] == 0" status
stored() { grep '^stored' "$T/server" | sort -u | wc -l; }
check "the DICOMweb server has them all" [ "$(stored)" -eq "$COUNT" ]
up=$(line_payload up)
# both, 3 to 1 at the least, and for each lane what a cut may cost
size=$(du -sb "$T/study" | cut -f1)
most=$((2 * size / 3 + 8 * size / COUNT))
echo "# $size bytes in $COUNT images to two places, $up went up, at most $most"
check "compressed, and little of it twice" test "$up" -le "$most"
# the same instance may lie there twice when its answer was lost, and storescp
# leaves what it had of one that was cut
mkdir "$T/native"
for f in "$T/pacs"/*; do
	dcmftest "$f" >/dev/null || continue
	dcmdjpls "$f" "$T/native/$(basename "$f")" 2>/dev/null ||
		cp "$f" "$T/native/"
done
check "the PACS holds what was sent" sh -c "
	python3 '$LIB/dicom_bytes.py' '$T/native' | cut -d' ' -f1 | sort -u >'$T/got'
	python3 '$LIB/dicom_bytes.py' '$T/study' | cut -d' ' -f1 | sort -u | cmp - '$T/got'"
in_jls() { dcmdump -q +P 0002,0010 "$T/pacs"/* | grep -c JPEGLSLossless; }
check "mostly as JPEG-LS" [ "$(in_jls)" -ge $((COUNT - 2)) ]
done_testing
