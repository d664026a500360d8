#!/bin/sh
# The second reader, which shares no code with us, opens every golden object
# and refuses damaged copies.
set -eu
root=${DF_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
golden=$root/testdata/golden/dfenv-1
reader=$root/tests/lib/dfenv_open.py
command -v python3 >/dev/null && command -v openssl >/dev/null || {
	echo "1..0 # SKIP needs python3 and openssl"
	exit 77
}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT INT TERM
count=0 failed=0

ok() { # what, then a command
	count=$((count + 1))
	what=$1
	shift
	if "$@" >"$dir/out" 2>&1; then
		echo "ok $count - $what"
	else
		echo "not ok $count - $what"
		sed 's/^/# /' "$dir/out"
		failed=$((failed + 1))
	fi
}

read_as() { # node, file
	python3 "$reader" --key "$golden/$1.key" --cert "$golden/$1.crt" \
		--ca "$golden/ca.crt" --kek "$golden/kek" "$2"
}

opens() { # node, file, size, digest
	read_as "$1" "$golden/$2" >"$dir/lines" || {
		cat "$dir/lines"
		return 1
	}
	grep -qx "plain $3 $4" "$dir/lines"
}

refuses() { # file
	! read_as centre "$1" >"$dir/lines" && grep -q '^refused' "$dir/lines"
}

flip() { # from, to, offset
	python3 - "$@" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[int(sys.argv[3])] ^= 1
open(sys.argv[2], "wb").write(data)
PY
}

while read -r name size digest; do
	for node in clinic centre; do
		ok "$node opens $name" opens "$node" "$name" "$size" "$digest"
	done
done <"$golden/expect"

small=$golden/small.dfenv
bytes=$(wc -c <"$small")
for at in 0 9 11 13 20 60 119 130 153 200 $((bytes / 2)) $((bytes - 1)); do
	flip "$small" "$dir/flipped" "$at"
	ok "a flipped bit at byte $at is refused" refuses "$dir/flipped"
done
for cut in 100 155 1000 $((bytes - 17)) $((bytes - 1)); do
	head -c "$cut" "$small" >"$dir/cut"
	ok "cut to $cut bytes is refused" refuses "$dir/cut"
done
cat "$small" "$golden/expect" >"$dir/longer"
ok "bytes behind the end are refused" refuses "$dir/longer"
head -c $((142051 - 9000)) "$golden/chunks.dfenv" >"$dir/cut"
ok "a parcel without its end is refused" refuses "$dir/cut"

echo "1..$count"
[ "$failed" -eq 0 ]
