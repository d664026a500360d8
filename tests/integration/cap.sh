#!/bin/sh
# cap.sh - what is sent keeps to the cap of this hour, over all connections, and
# people see which one it is.
#
# Counts what the line carries between two moments; DF_SECONDS=20 is the full
# measure. A cap counts what TCP and IP add too, which the relay does not see.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu python3
seconds=${DF_SECONDS:-4}
rate=8000000
count=$((seconds * 12 + 10)) # 530 KB each, zstd makes some 250 of them

python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/study" "$count" \
	>"$T/uid" || exit 1
line=$(free_port)
new_centre centre && new_clinic clinic || exit 1
set_key clinic parcel coding zstd
start_node centre && start_node clinic || exit 1
python3 "$LIB/relay.py" "$line" "$HTTPS_centre" >"$T/relay.log" 2>&1 &
RELAY=$!
PIDS="$PIDS $RELAY"
wait_for 10 grep -q ready "$T/relay.log" || exit 1
check "the clinic joins over the line" join clinic centre "$line"
stop_node clinic
peer=$(sed -n 's/^\[peer "\(.*\)"\]/\1/p' "$T/clinic/config.ini" | head -n 1)
# the narrowest of these counts: today, all day
python3 - "$T/clinic/config.ini" "$(date +%a)" <<'PY' || exit 1
import sys
path, today = sys.argv[1:]
text = open(path, encoding="utf-8").read()
text = text.rstrip("\n") + f"""
cap = 300 Mbit/s
cap = {today} 8 Mbit/s
cap = Mon-Sun 00:00-24:00 none
"""
open(path, "w", encoding="utf-8").write(text)
PY
check "the configuration takes it" node clinic config check
start_node clinic || exit 1
cap_is() { truth clinic "j['queue']['destinations'][0]['cap']['$1'] == $2" status; }
check "status says the cap of this hour" cap_is bit_per_s $rate
check "and which line it is" cap_is line "'$(date +%a) 8 Mbit/s'"
check "also for people" sh -c "'$DF_BIN/dcm-forward' -C '$T/clinic' status | grep -q '限速 8 Mbit/s'"
check "the modality sends" send_sure "$DICOM_clinic" "$count" "$T/study"
# part_of_cap LOG PID: what went over that line in so many seconds, as a part of
# the cap; of full segments 52 in 1500 are heads
part_of_cap() {
	begun=$(python3 "$LIB/relay_bytes.py" "$1" "$2" 300000) &&
		ended=$(python3 "$LIB/relay_bytes.py" "$1" "$2" 0 "$begun" "$seconds") &&
		python3 -c "
import sys
b, e = [tuple(map(float, t.split())) for t in sys.argv[1:]]
print(round((e[0] - b[0]) * 8 * 1500 / 1448 / (e[1] - b[1]) / $rate, 3))" "$begun" "$ended"
}
part=$(part_of_cap "$T/relay.log" "$RELAY") || exit 1
echo "# over $seconds s the line carried $part of the cap"
# a busy machine may not send what it could; it must never send more
check "no more than the cap" python3 -c "import sys; sys.exit(not $part <= 1.05)"
check "and near to it" python3 -c "import sys; sys.exit(not $part >= 0.85)"
stop_node clinic
sed -i '/^cap = /d' "$T/clinic/config.ini"
start_node clinic || exit 1
check "no cap, no word of one" truth clinic \
	"'cap' not in j['queue']['destinations'][0]" status
check "the rest arrives" wait_for 60 has_at_least centre instances "$count"
check "the study is closed" send_studies clinic
check "its receipt names all" wait_for 30 has_at_least clinic confirmed "$count"

# the same for a PACS
pacs=$(free_port)
near=$(free_port)
start_storescp "$pacs" "$T/pacs" || exit 1
python3 "$LIB/relay.py" "$near" "$pacs" >"$T/near.log" 2>&1 &
RELAY=$!
PIDS="$PIDS $RELAY"
wait_for 10 grep -q ready "$T/near.log" || exit 1
new_clinic alone && node alone modality add STATMR --stat >/dev/null || exit 1
node alone destination add pacs --dicom "PACS@127.0.0.1:$near" --compress no >/dev/null || exit 1
echo "cap = 8 Mbit/s" >>"$T/alone/config.ini" # the destination stands last
start_node alone || exit 1
images=$((seconds * 2 + 25))
mkdir "$T/some"
cp $(find "$T/study" -type f | head -n "$images") "$T/some"
check "images for a PACS come" send_sure "$DICOM_alone" "$images" "$T/some"
part=$(part_of_cap "$T/near.log" "$RELAY") || exit 1
echo "# over $seconds s the line to the PACS carried $part of the cap"
check "no more than the cap" python3 -c "import sys; sys.exit(not $part <= 1.05)"
check "and near to it" python3 -c "import sys; sys.exit(not $part >= 0.8)"
check "an urgent image comes" dcmsend --decompress-never -aet STATMR -aec CLINIC \
	127.0.0.1 "$DICOM_alone" "$TESTDATA/mr/t1.dcm"
in_pacs() { truth alone "[s['confirmed'] for s in j['studies'] if s['priority'] == $1] == [$2]" study list; }
check "it is in the PACS" wait_for 30 in_pacs 1 1
check "before the others" truth alone \
	"[s['confirmed'] for s in j['studies'] if s['priority'] == 0][0] < $images" study list
stop_node alone
sed -i '/^cap = /d' "$T/alone/config.ini"
start_node alone || exit 1
images=$((images + 1))
check "all are in the PACS" wait_for 60 has_at_least alone confirmed "$images"
done_testing
