#!/bin/sh
# compress.sh - a PACS that takes JPEG-LS or JPEG 2000 gets its images in it,
# with the very same pixels, and what is lossy, coloured or compressed already
# as it came; one that says it takes them, and then refuses, gets the originals.
. "$(dirname "$0")/../lib/node.sh"
need dcmdump dcmconv dcmdjpls dcmdrle dcmdjpeg storescp opj_decompress python3 curl
ALL=${DF_DATA:-$TESTDATA}
JPEG_LS=1.2.840.10008.1.2.4.80
JPEG_2000=1.2.840.10008.1.2.4.90

new_clinic clinic || exit 1
set_key clinic retry min 1 && set_key clinic retry max 2
# pacs NAME COMPRESS: one that takes every transfer syntax
pacs() {
	eval "$1=$(free_port)"
	eval "port=\$$1"
	start_storescp "$port" "$T/$1" &&
		node clinic destination add "$1" --dicom "PACS@127.0.0.1:$port" \
			--compress "$2" >/dev/null
}
pacs ls jpeg-ls && pacs j2k jpeg2000 && pacs original no && pacs near auto || exit 1
moody=$(free_port)
# it accepts every context and chokes on what is compressed
python3 "$LIB/pacs.py" "$moody" "$T/moody.came" "a900:syntax=$JPEG_LS" \
	>"$T/moody.log" 2>&1 &
PIDS="$PIDS $!"
wait_for 10 grep -q ready "$T/moody.log" || exit 1
node clinic destination add moody --dicom "PACS@127.0.0.1:$moody" \
	--compress jpeg-ls --associations 1 >/dev/null || exit 1
server=$(free_port)
python3 "$LIB/stow_server.py" "$server" "$T/server" "syntax=$JPEG_LS" \
	>"$T/stow_server.log" 2>&1 &
PIDS="$PIDS $!"
wait_for 10 curl -s "http://127.0.0.1:$server/dicom-web/studies" || exit 1
node clinic destination add web --stow "http://127.0.0.1:$server/dicom-web" \
	--compress jpeg-ls --associations 1 >/dev/null || exit 1
start_node clinic || exit 1

python3 "$LIB/raw_scu.py" "$DICOM_clinic" "$ALL" >"$T/sent" || exit 1
check "every delivery comes to an end" wait_for 240 all_settled clinic
node clinic queue list --json >"$T/queue.json"
node clinic quarantine list --json >"$T/quarantine.json"
for d in ls j2k original near; do
	check "the pixels at the $d PACS are those that were sent" \
		python3 "$LIB/same_pixels.py" "$T/sent" "$T/$d" "$T/queue.json" \
		"$T/quarantine.json" $d
	sed 's/^/# /' "$T/check.out"
	cp "$T/check.out" "$T/$d.kinds"
done
went() { grep -c "from 1.2.840.10008.1.2\(.1\)\? in $2\$" "$T/$1.kinds"; }
check "uncompressed images go as JPEG-LS" [ "$(went ls $JPEG_LS)" -ge 1 ]
check "or as JPEG 2000" [ "$(went j2k $JPEG_2000)" -ge 1 ]
check "and as they came where that is wished" sh -c \
	"! grep -E 'from ([^ ]*) in ' '$T/original.kinds' | grep -vE 'from ([^ ]*) in \\1\$'"

# the one that came in JPEG-LS has no other form that was accepted
all=$(ls "$T/original" | wc -l)
came=$(grep -c "in $JPEG_LS\$" "$T/original.kinds")
check "a PACS that chokes on them gets the originals" sh -c \
	"[ \$(grep ' 0000\$' '$T/moody.came' | cut -d' ' -f1 | sort -u | wc -l) -eq $((all - came)) ]"
check "after it has refused them, at once" sh -c \
	"[ \$(grep -c ' a900\$' '$T/moody.came') -le $((came + 1)) ]"
check "a DICOMweb server too" sh -c \
	"[ \$(grep -c '^stored' '$T/server') -eq $((all - came)) ]"
check "after one request or two" sh -c \
	"grep -q '^request 415' '$T/server' &&
	[ \$(grep -c '^request 415' '$T/server') -le $((came + 3)) ]"
check "nothing else is refused" truth clinic "j['queue']['refused'] == 2 * $came" status
done_testing
