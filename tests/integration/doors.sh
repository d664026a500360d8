#!/bin/sh
# doors.sh - front and supervise: rude callers, rooms that die, a reload in the
# middle of an association, an end in order.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend echoscu storescu python3 pgrep

new_clinic clinic || exit 1
start_node clinic || exit 1
alive() { echoscu -aet MODALITY -aec CLINIC 127.0.0.1 "$DICOM_clinic"; }
front_ticks() { awk '{print $14 + $15}' "/proc/$(room_pids clinic front)/stat"; }

associated() {
	truth clinic "any(r['room'] == 'receive' for r in j['rooms'])" status
}

before=$(front_ticks)
check "rude callers" "$LIB/doors.py" "$DICOM_clinic"
after=$(front_ticks)
check "they cost no processor time ($((after - before)) ticks)" \
	test $((after - before)) -lt 100
check "the door is open" wait_for 5 alive

check "a second serve is refused" sh -c \
	"! timeout 20 '$DF_BIN/dcm-forward' -C '$T/clinic' serve"
check "and harms nothing" alive

for room in front queue keys index prepare console; do
	kill -KILL $(room_pids clinic $room)
	check "$room comes back" wait_for 15 is_ready clinic
	check "an association after the death of $room" wait_for 5 alive
done

# an association that lasts while the configuration changes
mkdir "$T/many"
for i in $(seq 40); do
	cp "$TESTDATA/ct/IM0001.dcm" "$T/many/$i.dcm"
done
storescu -R --repeat 8 -aet MODALITY -aec CLINIC 127.0.0.1 "$DICOM_clinic" \
	+sd "$T/many" >"$T/storescu.log" 2>&1 &
scu=$!
wait_for 5 associated
node clinic modality add LATER >/dev/null
check "a reload" node clinic reload
check "the new modality is served at once" echoscu -aet LATER -aec CLINIC \
	127.0.0.1 "$DICOM_clinic"
check "the association went on" wait $scu
check "one that is urgent is added" node clinic modality add URGENT --stat
check "it is served" dcmsend --decompress-never -aet URGENT -aec CLINIC \
	127.0.0.1 "$DICOM_clinic" "$TESTDATA/mr/epi01.dcm"
check "and its study is urgent at once" wait_for 10 truth clinic \
	"[s['priority'] for s in j['studies'] if s['source'] == 'URGENT'] == [1]" study list
echo "[bogus]" >>"$T/clinic/config.ini"
check "a wrong configuration is refused" sh -c \
	"! '$DF_BIN/dcm-forward' -C '$T/clinic' reload"
check "and the old one goes on" alive
sed -i '$d' "$T/clinic/config.ini"

# supervise dies: its rooms follow, the next one waits for them
kill -KILL "$PID_clinic"
wait "$PID_clinic" 2>/dev/null
check "the node starts again after supervise was killed" start_node clinic
check "and serves" alive

storescu -R --repeat 4 -aet MODALITY -aec CLINIC 127.0.0.1 "$DICOM_clinic" \
	+sd "$T/many" >"$T/storescu.log" 2>&1 &
scu=$!
wait_for 5 associated
kill -TERM "$PID_clinic"
check "SIGTERM lets an association finish" wait $scu
check "and the node ends with 0" wait "$PID_clinic"
check "no room is left" sh -c "! pgrep -f '$DF_BIN/df-.*' -P 1"
done_testing
