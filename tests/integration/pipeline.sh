#!/bin/sh
# pipeline.sh - modality -> clinic -> centre -> PACS, byte for byte.
#
# The reference is the same client straight into a bit-preserving storescp:
# clients re-encode lengths as they send, so the wire is what must survive.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu python3
DATA=${DF_DATA:-$TESTDATA}

pacs=$(free_port)
ref=$(free_port)
start_storescp "$ref" "$T/reference" || exit 1
start_storescp "$pacs" "$T/pacs" || exit 1

check "a centre is made" new_centre centre
check "a clinic is made" new_clinic clinic
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" >/dev/null || exit 1
check "the centre starts" start_node centre
check "the clinic starts" start_node clinic
check "the clinic joins the centre" join clinic centre

dcmsend --no-halt --decompress-never +sd +r -aet MODALITY -aec PACS 127.0.0.1 "$ref" \
	"$DATA" >/dev/null 2>&1
sent=$(find "$T/reference" -type f | wc -l)
check "the client sends to the clinic" send "$DICOM_clinic" "$DATA"
uids=$(python3 "$LIB/dicom_bytes.py" "$T/reference" | cut -d' ' -f1 | sort -u | wc -l)
echo "# $sent instances, $uids SOP instance UIDs"

check "all are packed at the clinic" \
	wait_for 120 has_at_least clinic packed "$uids"
check "all reach the PACS while studies are still open" \
	wait_for 120 has_at_least centre confirmed "$uids"
check "studies are closed by hand" send_studies clinic
check "the clinic holds receipts for all" \
	wait_for 60 has_at_least clinic confirmed "$uids"
check "the PACS has the bytes that were sent" \
	python3 "$LIB/dicom_bytes.py" --compare --first "$T/reference" "$T/pacs"
check "the clinic ends in order" stop_node clinic
check "the centre ends in order" stop_node centre
check "the spool of the clinic is sound" node clinic spool check
check "the spool of the centre is sound" node centre spool check
done_testing
