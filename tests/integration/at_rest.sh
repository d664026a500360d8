#!/bin/sh
# at_rest.sh - no patient name or identifier of the test data is found by a
# byte search over the directories of both nodes, logs included.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu dcmdump python3

pacs=$(free_port)
start_storescp "$pacs" "$T/outside-pacs" || exit 1
new_centre centre && new_clinic clinic || exit 1
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" --compress no >/dev/null || exit 1
start_node centre && start_node clinic && join clinic centre >/dev/null || exit 1
send "$DICOM_clinic" "$TESTDATA"
check "images arrive" wait_for 60 has_at_least centre confirmed 5
send_studies clinic
check "receipts arrive" wait_for 60 has_at_least clinic confirmed 5

# every patient name, identifier, birth date and accession number sent
find "$TESTDATA" -name '*.dcm' -exec dcmdump --quiet -M +L \
	+P 0010,0010 +P 0010,0020 +P 0010,0030 +P 0008,0050 {} + |
	sed -n 's/^[^[]*\[\(.*\)\].*/\1/p' | sed 's/ *$//' |
	awk 'length($0) >= 6' | sort -u >"$T/outside-words"
echo "# $(wc -l <"$T/outside-words") names and identifiers"
check "there is something to look for" test -s "$T/outside-words"
found() {
	! grep -raFlf "$T/outside-words" "$T/clinic" "$T/centre" \
		"$T/clinic.log" "$T/centre.log"
}
check "none is found while the nodes run" found
check "the search itself works" \
	grep -raqFf "$T/outside-words" "$TESTDATA"
stop_node clinic
stop_node centre
check "none is found after they stopped" found
done_testing
