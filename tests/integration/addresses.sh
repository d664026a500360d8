#!/bin/sh
# addresses.sh - a centre that is reached by IPv6, and by a name with addresses
# of both kinds of which the first is dead. The name is in a hosts file that
# only this test sees.
[ "$(id -u)" -eq 0 ] || { echo "1..0 # skipped: needs root"; exit 77; }
unshare --mount true 2>/dev/null ||
	{ echo "1..0 # skipped: no mount namespaces here"; exit 77; }
[ -n "${DF_HOSTS:-}" ] || DF_HOSTS=own exec unshare --mount "$0" "$@"
. "$(dirname "$0")/../lib/node.sh"
. "$LIB/netlab.sh"
need dcmsend python3 nsenter unshare

start_line --rate 50M --rtt 20 || exit 1
printf '%s\n' "127.0.0.1 localhost" "fd99::dead centre.test" \
	"10.99.0.2 centre.test" >"$T/hosts"
mount --bind "$T/hosts" /etc/hosts || exit 1
new_centre centre && new_clinic six && new_clinic both || exit 1
set_key centre node listen-https "*:$HTTPS_centre"
for node in six both; do set_key $node node ae-title CLINIC; done
in_b start_node centre && in_a start_node six && in_a start_node both || exit 1
peer_up() { truth "$1" "all(d['up'] for d in j['queue']['destinations'])" status; }
join_at() { # CLINIC HOST
	code=$(node centre peer invite "镇卫生院 $1") || return 1
	in_a node "$1" peer join "https://$2:$HTTPS_centre" --code "$code"
}

check "a clinic joins by IPv6" join_at six "[fd99::2]"
check "and is on the line" wait_for 20 peer_up six
check "its image is sent" in_a send_sure "$DICOM_six" 1 "$TESTDATA/ct/IM0001.dcm"
check "and arrives" wait_for 20 has_at_least centre instances 1
check "another one joins by a name whose first address is dead" \
	join_at both centre.test
check "and is on the line" wait_for 20 peer_up both
check "its image is sent" in_a send_sure "$DICOM_both" 1 "$TESTDATA/mr/t1.dcm"
check "and arrives" wait_for 20 has_at_least centre instances 2
umount /etc/hosts
done_testing
