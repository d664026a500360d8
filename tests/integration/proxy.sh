#!/bin/sh
# proxy.sh - a clinic behind the proxy of its house: CONNECT with a name and a
# password, one that ends its tunnels, one that is away.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend python3
COUNT=12

python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/all" $((2 * COUNT)) \
	>"$T/uid" || exit 1
mkdir "$T/one" "$T/two"
for n in $(seq 0 $((COUNT - 1))); do
	mv "$T/all/$(printf 'IM%05d' "$n")" "$T/one"
done
mv "$T/all"/* "$T/two"
house=$(free_port)
# proxy ARGUMENTS...: starts it, in place of the one that ran
proxy() {
	no_proxy
	python3 "$LIB/proxy.py" "$house" "$@" >"$T/proxy.out" 2>"$T/proxy.log" &
	PROXY=$!
	PIDS="$PIDS $PROXY"
	wait_for 10 grep -q ready "$T/proxy.out"
}
no_proxy() {
	[ -z "${PROXY:-}" ] && return
	kill "$PROXY"
	wait "$PROXY" 2>/dev/null
	PROXY=
}
says() { # TEXT COMMAND...: it fails, and says why
	text=$1
	shift
	! "$@" >"$T/said" 2>&1 && grep -q "$text" "$T/said"
}
peer_up() { truth clinic "all(d['up'] for d in j['queue']['destinations'])" status; }
peer_down() { truth clinic "not any(d['up'] for d in j['queue']['destinations'])" status; }
blames_proxy() { truth clinic "any('proxy' in (d.get('last_error') or '')
for d in j['queue']['destinations'])" status; }
sent_bytes() {
	node clinic status --json | json \
		"j['queue']['destinations'][0].get('line', {}).get('sent_bytes', 0)"
}

new_centre centre && new_clinic clinic || exit 1
set_key centre node listen-https "*:$HTTPS_centre"
set_key clinic line proxy "http://127.0.0.1:$house"
set_key clinic line max-part 262144
start_node centre && start_node clinic || exit 1
check "a proxy that is not there is named" \
	says "proxy is not there" join clinic centre
proxy --user house --password "s:3 cret" || exit 1
check "one that wants a password says so" \
	says "proxy wants a name and password" join clinic centre
set_key clinic line proxy-user house
set_key clinic line proxy-password proxy.pass
echo "s:3 cret" >"$T/clinic/proxy.pass"
check "with name and password the clinic joins" join clinic centre
check "and its daemon is on the line" wait_for 20 peer_up
check "through the proxy" grep -q "CONNECT 127.0.0.1:$HTTPS_centre 200" "$T/proxy.out"
check "a study is sent" send_sure "$DICOM_clinic" "$COUNT" "$T/one"
check "and arrives" wait_for 60 has_at_least centre instances "$COUNT"

proxy --user house --password "s:3 cret" --cut-after 150000
check "a second one, though the proxy ends its tunnels" \
	send_sure "$DICOM_clinic" "$COUNT" "$T/two"
check "arrives too" wait_for 60 has_at_least centre instances $((2 * COUNT))
check "the study is closed" send_studies clinic
check "and its receipt is here" wait_for 60 has_at_least clinic confirmed $((2 * COUNT))
tunnels=$(grep -c " 200 " "$T/proxy.out")
sent=$(sent_bytes)
packed=$(sum_of clinic packed_bytes)
echo "# $packed bytes packed, $sent sent, $tunnels tunnels"
# a part is larger than a tunnel lives: without its prefix none would arrive
check "of each tunnel a part is sent again, at most" \
	test "$sent" -le $((packed + tunnels * 262144))

no_proxy
check "without the proxy the line is down" wait_for 30 peer_down
check "and the proxy is blamed" wait_for 10 blames_proxy
proxy --user house --password "s:3 cret"
check "it is up again with it" wait_for 10 peer_up
done_testing
