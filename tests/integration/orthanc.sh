#!/bin/sh
# orthanc.sh - a real PACS behind the centre, by C-STORE and by STOW-RS: the
# pixels that it holds are those of a direct send.
. "$(dirname "$0")/../lib/node.sh"
. "$LIB/orthanc.sh"
need dcmsend python3 curl Orthanc
DATA=${DF_DATA:-$TESTDATA}

start_orthanc direct && start_orthanc pacs && start_orthanc small &&
	start_orthanc web || exit 1
new_centre centre && new_clinic clinic || exit 1
set_key clinic receive unknown-sop-classes yes
node centre destination add pacs --dicom "PACS@127.0.0.1:$ORTHANC_DICOM_pacs" \
	--compress no >/dev/null || exit 1
node centre destination add small --compress jpeg-ls \
	--dicom "PACS@127.0.0.1:$ORTHANC_DICOM_small" >/dev/null || exit 1
if curl -sf "http://127.0.0.1:$ORTHANC_web/dicom-web/studies" >/dev/null; then
	WEB=1
	node centre destination add web \
		--compress jpeg-ls \
		--stow "http://127.0.0.1:$ORTHANC_web/dicom-web" >/dev/null || exit 1
fi
start_node centre && start_node clinic && join clinic centre >/dev/null || exit 1
check "destination test says what works" node centre destination test pacs

dcmsend --no-halt --decompress-never +sd +r -aet MODALITY -aec PACS 127.0.0.1 \
	"$ORTHANC_DICOM_direct" "$DATA" >/dev/null 2>&1
echo "# $(orthanc_count direct) instances by a direct send"
check "the modality sends" send "$DICOM_clinic" "$DATA"

settled() {
	all_settled clinic && all_settled centre &&
		[ "$(sum_of clinic packed)" -gt 0 ] &&
		[ "$(sum_of centre instances)" -eq "$(sum_of clinic instances)" ]
}
check "every delivery comes to an end" wait_for 400 settled
for n in clinic centre; do
	node $n quarantine list --json >"$T/quarantine-$n.json"
	node $n queue list --json >"$T/queue-$n.json"
done
# same PORT NAME: as in the direct one, or a list says why not
same() {
	python3 "$LIB/orthanc_pixels.py" "$ORTHANC_direct" "$1" "$2" \
		"$T"/quarantine-*.json "$T"/queue-*.json
}
check "the same pixels by C-STORE" same "$ORTHANC_pacs" pacs
sed 's/^/# /' "$T/check.out"
check "as JPEG-LS too, which it decodes" same "$ORTHANC_small" small
sed 's/^/# /' "$T/check.out"
cp "$T/check.out" "$T/small.out"
check "most came so" grep -q '[1-9][0-9]* of them decoded' "$T/small.out"
if [ -n "${WEB:-}" ]; then
	check "destination test of the DICOMweb server" node centre destination test web
	check "the same pixels by STOW-RS" same "$ORTHANC_web" web
	sed 's/^/# /' "$T/check.out"
fi
done_testing
