#!/bin/sh
# dedup.sh - the same images are sent once: a study that comes again with other
# UIDs, and in another transfer syntax, stays here with its reason until a person
# sends it, also when room is short and a PACS has them. Two true exams of one day
# stay two, and so do images of two persons.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend dcmodify dcmcjpls dcmdump storescp echoscu python3

check "a centre is made" new_centre centre
check "a clinic is made" new_clinic clinic
set_key clinic study quiet 1
reports=$(free_port)
set_key clinic 'modality "MODALITY"' reports "MODALITY@127.0.0.1:$reports"
: >"$T/reports"
python3 "$LIB/commitment_scu.py" listen "$reports" "$T/reports" >"$T/listen.log" 2>&1 &
PIDS="$PIDS $!"
pacs=$(free_port)
start_storescp "$pacs" "$T/pacs" || exit 1
lan=$(free_port)
start_storescp "$lan" "$T/lan" || exit 1
node clinic destination add lan --dicom "LAN@127.0.0.1:$lan" --compress no >/dev/null || exit 1
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" --compress no >/dev/null || exit 1
check "the centre starts" start_node centre
check "the clinic starts" start_node clinic
check "the clinic joins" join clinic centre

# copies FROM TO SEED: the same images with other UIDs, as an import makes them
copies() {
	mkdir -p "$2"
	cp "$1"/* "$2"
	python3 - "$2" "$3" <<-'PY'
		import hashlib, os, subprocess, sys
		top, seed = sys.argv[1:]
		def new(what):
		    return "1.2.826.0.1.3680043.10.%d" % (int(hashlib.sha256((seed + what).encode()).hexdigest(), 16) % 10**28)
		for name in sorted(os.listdir(top)):
		    subprocess.run(["dcmodify", "-nb", "-q", "-m", "StudyInstanceUID=" + new("study"),
		                    "-m", "SeriesInstanceUID=" + new("series"),
		                    "-m", "SOPInstanceUID=" + new(name), os.path.join(top, name)], check=True)
		print(new("study"))
	PY
}
state_of() { truth clinic "j['state'] == '$2'" study show "$1"; }

first=$(python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/first" 6 dedup)
check "an exam is sent" send "$DICOM_clinic" "$T/first"
check "the centre holds it, by receipt" wait_for 60 state_of "$first" confirmed
in_pacs() { [ "$(find "$T/pacs" -type f | wc -l)" -eq "$1" ]; }
check "and so has its PACS" wait_for 40 in_pacs 6

# --- again, with other UIDs: imported from a CD ---
second=$(copies "$T/first" "$T/second" second)
check "the same images come with other UIDs" send "$DICOM_clinic" "$T/second"
check "they are kept here" wait_for 40 state_of "$second" linked
check "as the same as the first" truth clinic \
	"j['linked']['study_uid'] == '$first' and j['delivered'] == 0 and j['instances'] == 6" study show "$second"
check "a person reads why" sh -c "
	'$DF_BIN/dcm-forward' -C '$T/clinic' study why $second | grep -q '$first'"
check "and in study show" sh -c "
	'$DF_BIN/dcm-forward' -C '$T/clinic' study show $second | grep -q 'same .*$first'"

# --- and once more, in JPEG-LS ---
third=$(copies "$T/first" "$T/third" third)
for f in "$T"/third/*; do
	dcmcjpls "$f" "$f.ls" >/dev/null 2>&1 && mv "$f.ls" "$f" || exit 1
done
check "the same images come in JPEG-LS" send "$DICOM_clinic" "$T/third"
check "they are the same" wait_for 40 state_of "$third" linked

# --- what differs in one image is sent whole ---
fourth=$(copies "$T/first" "$T/fourth" fourth)
python3 - "$T/fourth" <<'PY'
import os, sys
name = sorted(os.listdir(sys.argv[1]))[-1]
path = os.path.join(sys.argv[1], name)
data = bytearray(open(path, "rb").read())
data[-1000] ^= 1
open(path, "wb").write(data)
PY
check "another time one image differs" send "$DICOM_clinic" "$T/fourth"
check "then all of it is sent" wait_for 60 state_of "$fourth" confirmed

# --- two true exams of one day, and the same phantom of two persons ---
fifth=$(python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/fifth" 6 another)
for f in "$T"/fifth/*; do
	dcmodify -nb -q -ie -m "AcquisitionTime=235901" "$f" || exit 1
done
check "a second exam of that day, the same pixels, at another time" send "$DICOM_clinic" "$T/fifth"
check "is an exam of its own" wait_for 60 state_of "$fifth" confirmed
sixth=$(copies "$T/first" "$T/sixth" sixth)
for f in "$T"/sixth/*; do
	dcmodify -nb -q -m "PatientID=OTHER1" -m "PatientName=Someone^Else" "$f" || exit 1
done
check "the images of another person" send "$DICOM_clinic" "$T/sixth"
check "go their way" wait_for 60 state_of "$sixth" confirmed

# --- a person wants it sent; urgent ones never wait ---
check "a person sends the second" node clinic study send "$second"
check "it goes" wait_for 60 state_of "$second" confirmed
check "and the third is still here" state_of "$third" linked
check "its modality asks for storage commitment" \
	python3 "$LIB/commitment_scu.py" ask --class 1.2.840.10008.5.1.4.1.1.2 "$DICOM_clinic" 2.25.3 \
	$(node clinic study show "$third" --json | json "' '.join(i['sop_instance'] for i in j['list'])")
check "what stays here is safe here" wait_for 40 grep -q '^2.25.3 6 0$' "$T/reports"
check "the PACS has what was sent, each once" wait_for 40 in_pacs 30

# --- the same after state.db is lost: it is sent, or held; never lost ---
stop_node clinic
check "the node passes its check" node clinic spool check
rm "$T"/clinic/state.db*
check "the clinic starts again" start_node clinic
check "the third is held as before" wait_for 20 state_of "$third" linked
check "what was sent goes its way, as before" state_of "$first" confirmed
check "also what a person sent" state_of "$second" confirmed

# --- a PACS here has all of them, and room is short ---
stop_node clinic
set_key clinic retention early yes
set_key clinic spool soft 0
check "the clinic is short of room" start_node clinic
gone() { truth clinic "j['purged'] == 6" study show "$1"; }
check "what the centre holds goes" wait_for 40 gone "$first"
check "also what a person sent" wait_for 40 gone "$second"
rounds() { truth clinic "j['queue']['retention']['rounds'] > 1" status; }
check "all that may go is looked for" wait_for 40 rounds
check "what it has under another name only stays" truth clinic \
	"j['purged'] == 0 and j['in_pacs'] == 6 and j['state'] == 'linked'" study show "$third"
set_key clinic study linked send
check "they are to be sent" node clinic reload
seventh=$(copies "$T/first" "$T/seventh" seventh)
check "once more other UIDs" send "$DICOM_clinic" "$T/seventh"
check "are sent" wait_for 60 state_of "$seventh" confirmed

# --- state.db is lost again: what was held is not held any more ---
stop_node clinic
rm "$T"/clinic/state.db*
check "state.db is made again" node clinic spool rebuild
check "the clinic starts with it" start_node clinic
check "the third is sent now" wait_for 60 state_of "$third" confirmed
done_testing
