#!/bin/sh
# rebuild.sh - state.db is lost on both nodes; it is made again from the
# objects, and everything goes on: the PACS holds all, the receipts come anew.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu python3

pacs=$(free_port)
mkdir -p "$T/pacs"
start_storescp "$pacs" "$T/pacs" || exit 1
new_centre centre && new_clinic clinic || exit 1
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" >/dev/null || exit 1
start_node centre && start_node clinic && join clinic centre >/dev/null || exit 1
check "the modality sends" send "$DICOM_clinic" "$TESTDATA"
check "all reach the PACS" wait_for 60 has_at_least centre confirmed 27
n=$(sum_of clinic instances)
check "studies are closed by hand" send_studies clinic
check "receipts for all" wait_for 60 has_at_least clinic confirmed "$n"
stop_node clinic
stop_node centre
for node in clinic centre; do
	check "the spool of the $node is sound" node $node spool check
	check "the journal of the $node is made again" node $node spool rebuild
	check "the spool of the $node is sound after it" node $node spool check
done
check "the centre starts" start_node centre
check "the clinic starts" start_node clinic
check "the clinic knows every instance" has_at_least clinic instances "$n"
check "the centre knows every instance" has_at_least centre instances "$n"
check "all are in the PACS" wait_for 60 has_at_least centre confirmed "$n"
check "studies are closed again" send_studies clinic
check "receipts for all again" wait_for 60 has_at_least clinic confirmed "$n"
done_testing
