#!/bin/sh
# receive and deliver_dimse alone against DCMTK's storescu and storescp.
set -u
for tool in python3 storescu storescp dcmconv; do
	command -v "$tool" >/dev/null || {
		echo "1..0 # skipped: no $tool"
		exit 77
	}
done
exec python3 "$DF_SOURCE/tests/lib/dimse_rooms.py"
