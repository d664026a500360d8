#!/bin/sh
# transcode.sh - a PACS that accepts one uncompressed transfer syntax only gets
# compressed, deflated and big endian images with the very same pixels; lossy
# ones, and what has no way without loss, are refused and the study says so.
. "$(dirname "$0")/../lib/node.sh"
need dcmdump dcmconv dcmdjpls dcmdrle dcmdjpeg storescp python3
ALL=${DF_DATA:-$TESTDATA}

implicit=$(free_port)
explicit=$(free_port)
PACS_ACCEPTS=+xi start_storescp "$implicit" "$T/implicit" || exit 1
python3 "$LIB/storescp_cfg.py" --syntax 1.2.840.10008.1.2.1 \
	$(python3 "$LIB/raw_scu.py" --classes "$ALL") >"$T/explicit.cfg"
PACS_ACCEPTS="-xf $T/explicit.cfg Everything" \
	start_storescp "$explicit" "$T/explicit" || exit 1
new_clinic clinic || exit 1
for d in implicit explicit; do
	eval "port=\$$d"
	node clinic destination add $d --dicom "PACS@127.0.0.1:$port" >/dev/null || exit 1
done
start_node clinic || exit 1
check "destination test says what works" node clinic destination test implicit

python3 "$LIB/raw_scu.py" "$DICOM_clinic" "$ALL" >"$T/sent" || exit 1
check "every delivery comes to an end" wait_for 240 all_settled clinic
node clinic queue list --json >"$T/queue.json"
node clinic quarantine list --json >"$T/quarantine.json"
for d in implicit explicit; do
	check "the pixels at the $d PACS are those that were sent" \
		python3 "$LIB/same_pixels.py" "$T/sent" "$T/$d" "$T/queue.json" \
		"$T/quarantine.json" $d
	sed 's/^/# /' "$T/check.out"
done
lossy=$(find "$TESTDATA/us" -name 'ybr_jpeg*')
study=$(dcmdump +P 0020,000d "$lossy" | sed 's/.*\[\(.*\)\].*/\1/')
node clinic study why "$study" >"$T/why"
check "study why says that a lossy image is not re-coded" \
	grep -q "1.2.840.10008.1.2.4.50 nor in one it could be brought to without loss" \
	"$T/why"
done_testing
