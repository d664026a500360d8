#!/bin/sh
# orthanc.sh - a real PACS behind the centre, by C-STORE and by STOW-RS: the
# pixels that it holds are those of a direct send.
. "$(dirname "$0")/../lib/node.sh"
. "$LIB/orthanc.sh"
need dcmsend python3 curl Orthanc
DATA=${DF_DATA:-$TESTDATA}

start_orthanc direct && start_orthanc pacs && start_orthanc web || exit 1
new_centre centre && new_clinic clinic || exit 1
node centre destination add pacs --dicom "PACS@127.0.0.1:$ORTHANC_DICOM_pacs" \
	>/dev/null || exit 1
if curl -sf "http://127.0.0.1:$ORTHANC_web/dicom-web/studies" >/dev/null; then
	WEB=1
	node centre destination add web \
		--stow "http://127.0.0.1:$ORTHANC_web/dicom-web" >/dev/null || exit 1
fi
start_node centre && start_node clinic && join clinic centre >/dev/null || exit 1
check "destination test says what works" node centre destination test pacs

dcmsend --no-halt --decompress-never +sd +r -aet MODALITY -aec PACS 127.0.0.1 \
	"$ORTHANC_DICOM_direct" "$DATA" >/dev/null 2>&1
count=$(orthanc_count direct)
echo "# $count instances"
check "the modality sends" send "$DICOM_clinic" "$DATA"
check "the PACS gets them all" wait_for 240 orthanc_has pacs "$count"
check "the same pixels by C-STORE" python3 "$LIB/orthanc_pixels.py" \
	"$ORTHANC_direct" "$ORTHANC_pacs"
if [ -n "${WEB:-}" ]; then
	check "destination test of the DICOMweb server" node centre destination test web
	check "the DICOMweb server gets them all" wait_for 240 orthanc_has web "$count"
	check "the same pixels by STOW-RS" python3 "$LIB/orthanc_pixels.py" \
		"$ORTHANC_direct" "$ORTHANC_web"
fi
done_testing
