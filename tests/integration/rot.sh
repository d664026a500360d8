#!/bin/sh
# rot.sh - bits that flip while a node stands still: found by spool check
# wherever they are (DF_FLIPS=5000 is the full measure); an object that is hit
# is never sent as good, the others are, and what was lost can be sent again.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu python3

for n in 1 2 3; do
	python3 "$LIB/make_study.py" "$TESTDATA/mr/epi01.dcm" "$T/study$n" 12 $n \
		>"$T/uid$n" || exit 1
done
pacs=$(free_port)
ref=$(free_port)
start_storescp "$ref" "$T/reference" || exit 1
dcmsend --decompress-never +sd +r -aet MODALITY -aec PACS 127.0.0.1 "$ref" \
	"$T/study1" "$T/study2" >/dev/null 2>&1
new_centre centre && new_clinic clinic && new_clinic lone || exit 1
for n in clinic centre lone; do set_key $n retry max 2 && set_key $n retry min 1; done
node lone destination add pacs --dicom "PACS@127.0.0.1:$pacs" --compress no >/dev/null || exit 1
start_node centre && start_node clinic && start_node lone || exit 1
join clinic centre >/dev/null || exit 1
check "a study is at the centre" send_sure "$DICOM_clinic" 12 "$T/study3"
wait_for 20 truth clinic "j['queue']['inspected_all']" status
node clinic study send "$(cat "$T/uid3")" >/dev/null
check "with its receipt" wait_for 30 has_at_least clinic confirmed 12
# what the index has not got, or is told again because it is new, is routed at
# the next start, to a PACS of then, too
wait_for 20 grep -q event=index.new "$T/centre.log"
wait_for 20 truth centre "j['queue']['index_left'] == 0" status
stop_node centre
check "another waits at the clinic, packed" send_sure "$DICOM_clinic" 12 "$T/study2"
check "packed" wait_for 30 has_at_least clinic packed 24
check "a third waits, raw, for a PACS that is off" send_sure "$DICOM_lone" 12 "$T/study1"
wait_for 20 truth lone "j['queue']['inspected_all'] and j['queue']['index_left'] == 0" status
stop_node clinic
stop_node lone

check "every flipped bit is found" sh -c "python3 '$LIB/rot.py' '$DF_BIN' ${DF_FLIPS:-120} \
	${DF_SEED:-1} '$T/clinic' '$T/centre' '$T/lone' >&3" 3>&1

# --- raw objects, on their way to a PACS
flip() { # FILE OFFSET-FROM-END
	python3 -c 'import sys
f = open(sys.argv[1], "r+b"); f.seek(-int(sys.argv[2]), 2); at = f.tell()
b = f.read(1); f.seek(at); f.write(bytes([b[0] ^ 2]))' "$1" "$2"
}
i=0
find "$T/lone/spool/objects" -type f -size +1k | sort | head -n 4 >"$T/hit"
while read -r object; do # payload, envelope, footer, header
	case $i in
	0) flip "$object" 5000 ;; 1) flip "$object" 300 ;; 2) flip "$object" 4 ;;
	3) flip "$object" "$(($(stat -c %s "$object") - 60))" ;;
	esac
	i=$((i + 1))
done <"$T/hit"
start_storescp "$pacs" "$T/pacs" || exit 1
start_node lone || exit 1
check "the whole ones go to the PACS" wait_for 40 sh -c "[ \$(ls '$T/pacs' | wc -l) = 8 ]"
check "four are out of use" wait_for 40 truth lone "j['queue']['quarantined'] == 4" status
why() { node lone quarantine list --json | json "all('damaged' in q['reason'] for q in j['quarantined'])" | grep -qx true; }
check "staff are told what to do" wait_for 10 why
check "they are sent again" send_sure "$DICOM_lone" 12 "$T/study1"
check "and arrive" wait_for 40 sh -c "[ \$(ls '$T/pacs' | wc -l) = 12 ]"

# --- parcels, on their way to the centre
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" --compress no >/dev/null || exit 1
parcel=$(sqlite3 "$T/clinic/state.db" "SELECT p.object FROM parcels p JOIN studies s
	ON s.n = p.study WHERE s.uid = '$(cat "$T/uid2")' LIMIT 1" 2>/dev/null ||
	python3 -c 'import sqlite3, sys
print(sqlite3.connect(f"file:{sys.argv[1]}/state.db?immutable=1", uri=True).execute(
"SELECT p.object FROM parcels p JOIN studies s ON s.n = p.study WHERE s.uid = ?",
(sys.argv[2],)).fetchone()[0])' "$T/clinic" "$(cat "$T/uid2")")
flip "$T/clinic/spool/objects/$(echo "$parcel" | cut -c1-2)/$parcel" 6000
start_node centre && start_node clinic || exit 1
# the centre's word on a parcel comes with its answer to the manifest
node clinic study send "$(cat "$T/uid2")" >/dev/null
check "a damaged parcel is not taken for good" wait_for 40 truth clinic \
	"j['queue']['quarantined'] > 0" status
check "its images are sent again" send_sure "$DICOM_clinic" 12 "$T/study2"
wait_for 20 truth clinic "j['queue']['inspected_all']" status
node clinic study send "$(cat "$T/uid2")" >/dev/null
check "and all are at the PACS in the end" wait_for 60 sh -c \
	"python3 '$LIB/dicom_bytes.py' --compare '$T/reference' '$T/pacs'"
for n in clinic centre lone; do
	stop_node $n
	check "$n is sound" node $n spool check --read-data
done
done_testing
