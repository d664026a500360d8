#!/bin/sh
# hostile.sh - bad input at the DICOM door: a clear refusal, the node alive,
# nothing that was acknowledged lost.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescu echoscu python3

new_clinic clinic || exit 1
set_key clinic receive timeout 3 # what trickles is cut off by then, and again
start_node clinic || exit 1
alive() { echoscu -aet MODALITY -aec CLINIC 127.0.0.1 "$DICOM_clinic"; }
check "C-ECHO" alive
check "an unknown calling AE title is refused with the standard's reason" sh -c \
	"echoscu -v -aet STRANGER -aec CLINIC 127.0.0.1 $DICOM_clinic 2>&1 |
		grep -qi 'calling AE Title Not Recognized'"
check "an unknown called AE title is refused with the standard's reason" sh -c \
	"echoscu -v -aet MODALITY -aec ELSE 127.0.0.1 $DICOM_clinic 2>&1 |
		grep -qi 'called AE Title Not Recognized'"

python3 "$LIB/hostile.py" "$DICOM_clinic" "$TESTDATA/ct/IM0001.dcm" >"$T/hostile.txt" 2>&1
check "raw attacks run" test "$?" -eq 0
sed 's/^/# /' "$T/hostile.txt"
check "C-ECHO afterwards" alive
check "a good image still comes in" send "$DICOM_clinic" "$TESTDATA/ct/IM0001.dcm"
check "and is known" wait_for 30 has_at_least clinic instances 1

if [ -n "${DF_DATA:-}" ] && [ -d "$DF_DATA/malformed" ]; then
	for file in "$DF_DATA"/malformed/*; do
		send "$DICOM_clinic" "$file" # refused by client or node, or kept
		check "alive after $(basename "$file")" alive
	done
fi
check "every object is inspected, or in quarantine with a reason" wait_for 60 \
	truth clinic "j['queue']['inspected_all']" status
stop_node clinic
check "the spool is sound" node clinic spool check
done_testing
