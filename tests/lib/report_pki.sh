#!/bin/sh
# report_pki.sh DIR - the people who sign reports in tests, good and bad.
#
# Makes in DIR, with the openssl command alone (passphrase of every .p12: demo,
# also in DIR/pass):
#
#   ca.pem            the physicians' CA: the anchor for `report trust add`
#   other-ca.pem      a CA that nobody trusts
#   rsa.p12           good: RSA 2048                       "Dr. Wang 王医生"
#   ecdsa.p12         good: ECDSA P-256                    "Dr. Li 李医生"
#   p384.p12          good: ECDSA P-384
#   intermediate.p12  good: RSA 2048 below an intermediate CA, chain inside
#   expired.p12       certificate ended yesterday
#   notyet.p12        certificate begins in ten days
#   usage.p12         keyUsage keyEncipherment only
#   tls.p12           a web server's certificate (EKU serverAuth only)
#   unknown.p12       issued by other-ca
#   selfsigned.p12    issued by nobody
#   weak.p12          RSA 1024
#
# Each also as NAME.key and NAME.pem, for tools that take PEM.
set -eu
dir=${1:?usage: report_pki.sh DIR}
mkdir -p "$dir"
cd "$dir"
exec 3>log
printf demo >pass

quiet() { # COMMAND...: its words go to DIR/log, its failure ends us
	if ! "$@" >&3 2>&1; then
		echo "report_pki: failed: $*" >&2
		tail -5 log >&2
		exit 1
	fi
}

ca_conf() { # NAME: what `openssl ca` needs, because only it can set both dates
	mkdir -p "$1.d"
	: >"$1.d/index"
	printf 'unique_subject = no\n' >"$1.d/index.attr"
	openssl rand -hex 8 >"$1.d/serial"
	cat >"$1.cnf" <<-END
		[ca]
		default_ca = d
		[d]
		database = $1.d/index
		new_certs_dir = $1.d
		serial = $1.d/serial
		certificate = $1.pem
		private_key = $1.key
		default_md = sha256
		policy = any
		copy_extensions = none
		[any]
		commonName = supplied
		[physician]
		basicConstraints = critical,CA:FALSE
		keyUsage = critical,digitalSignature,nonRepudiation
		[usage]
		basicConstraints = critical,CA:FALSE
		keyUsage = critical,keyEncipherment
		[tls]
		basicConstraints = critical,CA:FALSE
		keyUsage = critical,digitalSignature
		extendedKeyUsage = serverAuth
		[between]
		basicConstraints = critical,CA:TRUE,pathlen:0
		keyUsage = critical,keyCertSign,cRLSign
	END
}

root() { # NAME SUBJECT
	quiet openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" \
		-out "$1.pem" -days 3650 -utf8 -subj "/CN=$2" \
		-addext keyUsage=critical,keyCertSign,cRLSign
	ca_conf "$1"
}

stamp() { date -u -d "$1" +%Y%m%d%H%M%SZ; }

# NAME KEY-ARGUMENTS SUBJECT CA SECTION FROM TO
issue() {
	name=$1 key=$2 subject=$3 ca=$4 section=$5 from=$6 to=$7
	# shellcheck disable=SC2086 # several words on purpose
	quiet openssl req -newkey $key -nodes -keyout "$name.key" \
		-out "$name.csr" -utf8 -subj "/CN=$subject"
	quiet openssl ca -batch -utf8 -notext -config "$ca.cnf" -extensions "$section" \
		-startdate "$(stamp "$from")" -enddate "$(stamp "$to")" \
		-in "$name.csr" -out "$name.pem"
	rm "$name.csr"
}

p12() { # NAME CHAIN
	quiet openssl pkcs12 -export -inkey "$1.key" -in "$1.pem" \
		-certfile "$2" -passout file:pass -out "$1.p12"
}

ec='ec -pkeyopt ec_paramgen_curve:'
was='1 day ago' will='300 days'

root ca 'Physicians CA 医师CA'
root other-ca 'Nobody knows this CA'

issue rsa rsa:2048 'Dr. Wang 王医生' ca physician "$was" "$will"
issue ecdsa "${ec}P-256" 'Dr. Li 李医生' ca physician "$was" "$will"
issue p384 "${ec}P-384" 'Dr. Chen' ca physician "$was" "$will"
issue expired rsa:2048 'Dr. Expired' ca physician '100 days ago' '1 day ago'
issue notyet rsa:2048 'Dr. Tomorrow' ca physician '10 days' '300 days'
issue usage rsa:2048 'Dr. Usage' ca usage "$was" "$will"
issue tls rsa:2048 'www.example.org' ca tls "$was" "$will"
issue weak rsa:1024 'Dr. Weak' ca physician "$was" "$will"
issue unknown rsa:2048 'Dr. Unknown' other-ca physician "$was" "$will"
for name in rsa ecdsa p384 expired notyet usage tls weak; do
	p12 "$name" ca.pem
done
p12 unknown other-ca.pem

issue between rsa:2048 'Hospital CA' ca between "$was" "$will"
ca_conf between
issue intermediate rsa:2048 'Dr. Below' between physician "$was" "$will"
cat between.pem ca.pem >chain.pem
p12 intermediate chain.pem

quiet openssl req -x509 -newkey rsa:2048 -nodes -keyout selfsigned.key \
	-out selfsigned.pem -days 300 -subj '/CN=Dr. Myself' \
	-addext keyUsage=critical,digitalSignature,nonRepudiation
quiet openssl pkcs12 -export -inkey selfsigned.key -in selfsigned.pem \
	-passout file:pass -out selfsigned.p12
