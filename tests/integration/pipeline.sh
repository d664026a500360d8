#!/bin/sh
# pipeline.sh - modality -> clinic -> centre -> PACS, byte for byte.
#
# The reference is the same client straight into a bit-preserving storescp:
# clients re-encode lengths as they send, so the wire is what must survive.
# DF_DATA=DIR sends another collection; DF_CLIENT=raw sends its files with no
# library in between, so that also those go that DCMTK's clients leave out.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu python3
DATA=${DF_DATA:-$TESTDATA}
CLIENT=${DF_CLIENT:-dcmsend}

pacs=$(free_port)
ref=$(free_port)
python3 "$LIB/storescp_cfg.py" \
	$(python3 "$LIB/raw_scu.py" --classes "$DATA") >"$T/storescp.cfg"
PACS_ACCEPTS="-xf $T/storescp.cfg Everything"
start_storescp "$pacs" "$T/pacs" || exit 1

check "a centre is made" new_centre centre
check "a clinic is made" new_clinic clinic
set_key clinic receive unknown-sop-classes yes
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" --compress no >/dev/null || exit 1
check "the centre starts" start_node centre
check "the clinic starts" start_node clinic
check "the clinic joins the centre" join clinic centre

if [ "$CLIENT" = raw ]; then
	raw() {
		python3 "$LIB/raw_scu.py" "$DICOM_clinic" "$DATA" >"$T/sent"
	}
	check "the client sends to the clinic" raw
	reference=$T/sent
	grep -v ^0000 "$T/sent" | sed "s:$DATA/::; s/^/# /"
	check "the clinic takes all that can be sent" \
		sh -c "! grep -vE '^(0000|unfit)' '$T/sent'"
else
	reference=$T/reference
	start_storescp "$ref" "$reference" || exit 1
	dcmsend --no-halt --decompress-never +sd +r -aet MODALITY -aec PACS \
		127.0.0.1 "$ref" "$DATA" >/dev/null 2>&1
	check "the client sends to the clinic" send "$DICOM_clinic" "$DATA"
fi

all_packed() {
	truth clinic 'j["queue"]["inspected_all"]' status &&
		[ "$(sum_of clinic packed)" -eq "$(sum_of clinic instances)" ]
}
all_arrived() {
	[ "$(($(sum_of centre confirmed) + $(sum_of centre refused)))" -ge "$1" ]
}
check "all that is sound is packed at the clinic" wait_for 120 all_packed
count=$(sum_of clinic packed)
check "all reach the PACS while studies are still open" \
	wait_for 240 all_arrived "$count"
check "studies are closed by hand" send_studies clinic
check "the clinic holds receipts for all" \
	wait_for 90 has_at_least clinic confirmed "$count"
for n in clinic centre; do
	node $n quarantine list --json >"$T/quarantine-$n.json"
	node $n queue list --json >"$T/queue-$n.json"
done
check "the PACS has the bytes that were sent, or a list says why not" \
	python3 "$LIB/account.py" "$reference" "$T/pacs" "$T"/quarantine-*.json \
	"$T"/queue-*.json
sed 's/^/# /' "$T/check.out"
check "study why says why" python3 "$LIB/why_check.py" "$DF_BIN/dcm-forward" \
	"$T/clinic" "$T/quarantine-clinic.json"
check "the clinic ends in order" stop_node clinic
check "the centre ends in order" stop_node centre
check "the spool of the clinic is sound" node clinic spool check
check "the spool of the centre is sound" node centre spool check
done_testing
