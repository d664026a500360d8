#!/bin/sh
# index alone: questions of other nodes about patients, and ours to them.
set -u
command -v python3 >/dev/null || {
	echo "1..0 # skipped: no python3"
	exit 77
}
exec python3 "$DF_SOURCE/tests/lib/region_room.py"
