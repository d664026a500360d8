#!/bin/sh
# hub_limits.sh - a peer that fills the centre's disk stops at its share while
# others go on; one whose certificate ends in mid connection is shut out.
. "$(dirname "$0")/../lib/node.sh"
need python3 openssl
[ "$(id -u)" = 0 ] || skip_all "needs root for a small file system"
unshare -m true 2>/dev/null || skip_all "needs a mount namespace"
if [ -z "${DF_INSIDE:-}" ]; then
	# the namespace goes away with us, and the mount with it
	trap - EXIT
	rm -rf "$T"
	DF_INSIDE=1 exec unshare -m --propagation private sh "$0"
fi
off() {
	code=$?
	umount -l "$T/centre/spool" 2>/dev/null
	(exit $code)
	finish
}
trap off EXIT

new_centre centre || exit 1
mkdir -p "$T/centre/spool"
mount -t tmpfs -o size=96m tmpfs "$T/centre/spool" || exit 1
set_key centre spool soft 30
set_key centre spool high 40
start_node centre || exit 1
for n in rude polite; do # only their keys are used
	new_clinic $n && start_node $n && join $n centre >/dev/null || exit 1
	stop_node $n
done
rude_check() {
	"$LIB/rude_check.py" "$1" "$T/rude" "$T/polite" "$HTTPS_centre" \
		"$(room_pids centre gateway)"
}
check "a greedy peer stops at its share, a polite one is served" \
	rude_check --greedy
sed 's/^/# /' "$T/check.out"

# a certificate with seconds to live, as the centre would have issued it
fp=$(node centre peer list --json | json \
	'[p["fingerprint"] for p in j["peers"] if p["name"].endswith("rude")][0]')
mkdir "$T/ca" && : >"$T/ca/index" && echo 4711 >"$T/ca/serial"
cat >"$T/ca/conf" <<END
[ca]
default_ca = here
[here]
database = $T/ca/index
serial = $T/ca/serial
new_certs_dir = $T/ca
default_md = sha256
policy = any
[any]
commonName = supplied
END
short_cert() {
	openssl req -new -key "$T/rude/keys/node.key" -subj /CN=rude \
		-out "$T/ca/csr" &&
		openssl ca -batch -notext -config "$T/ca/conf" \
			-cert "$T/centre/keys/ca.crt" \
			-keyfile "$T/centre/keys/ca.key" -in "$T/ca/csr" \
			-startdate "$(date -u -d '-1 hour' +%Y%m%d%H%M%SZ)" \
			-enddate "$(date -u -d '+8 sec' +%Y%m%d%H%M%SZ)" \
			-out "$T/ca/crt" &&
		cp "$T/ca/crt" "$T/rude/keys/node.crt" &&
		cp "$T/ca/crt" "$T/centre/keys/peers/$fp.pem"
}
check "a certificate with seconds to live" short_cert
kill -KILL "$(room_pids centre keys)" # the next one reads it
check "keys is back" wait_for 5 is_ready centre
check "a certificate that ends in mid connection shuts its node out" \
	rude_check --expired
sed 's/^/# /' "$T/check.out"
done_testing
