#!/bin/sh
# retention.sh - bytes go when others hold them by their word, and not before:
# by age or when space is short; what went is known, by digest, for ever.
#
# "Short of space" is a soft mark of 0: always, on any disk.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu storescu dcmodify python3

pacs=$(free_port)
new_centre centre || exit 1
node centre modality add PACS >/dev/null || exit 1
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" --compress no >/dev/null || exit 1
new_clinic clinic || exit 1
new_clinic alone || exit 1
for n in clinic centre alone; do
	set_key $n retention early no
	set_key $n retry min 1
	set_key $n retry max 2
done
set_key clinic study quiet 1
check "a centre starts; its PACS is away" start_node centre
check "a clinic starts" start_node clinic
check "and joins" join clinic centre

mkdir "$T/ct" "$T/late" "$T/other"
cp "$TESTDATA"/ct/IM000[1-3].dcm "$T/ct/"
cp "$TESTDATA/ct/IM0004.dcm" "$T/late/"
cp "$T/ct/IM0001.dcm" "$T/other/"
dcmodify -q -nb -m '(0018,0050)=9.5' "$T/other/IM0001.dcm"
uid=$(dcmdump -q +P 0020,000d "$T/ct/IM0001.dcm" | sed 's/.*\[\(.*\)\].*/\1/')

# files NODE N: objects that hold images
files() { [ "$(find "$T/$1/spool/objects" -type f -size +4k | wc -l)" -eq "$2" ]; }
no_files() { files "$1" 0; }
some_files() { ! files "$1" 0; }
# study NODE EXPRESSION over study show, as j
study() { truth "$1" "$2" study show "$uid"; }
retention() { truth "$1" "(lambda r: $2)(j['queue']['retention'])" status; }
sends() {
	python3 "$LIB/raw_scu.py" "$DICOM_clinic" "$1" >"$T/sent"
	[ "$(grep -c ^0000 "$T/sent")" -eq "$2" ]
}
# short NODE yes|no: with or without space, from now on
restart_with() {
	stop_node "$1"
	set_key "$1" retention early "$2"
	set_key "$1" spool soft 0
	start_node "$1"
}
sound() { node "$1" spool check; }

# --- at the clinic: not without a receipt
stop_node centre
check "a study comes while the line is down" sends "$T/ct" 3
check "it is packed" wait_for 30 study clinic 'j["packed"] == 3'
check "the clinic is short of space" restart_with clinic yes
looked() { retention "$1" 'r["early"] and r["rounds"] > 1'; }
check "it looks for what may go" wait_for 20 looked clinic
check "it lets nothing go" retention clinic 'r["purged_bytes"] == 0'
cp -r "$T/clinic/spool/objects" "$T/before"
check "the centre is back" start_node centre
node clinic queue retry --all >/dev/null 2>&1
check "the receipt comes" wait_for 60 study clinic 'j["confirmed"] == 3'
check "and only now the bytes go" wait_for 30 no_files clinic
check "study show says so" study clinic \
	'j["purged"] == 3 and j["retention"]["purged"] != "" and all(i["state"] == "purged" for i in j["list"]) and j["manifests"][0]["state"] == "receipted"'
why_says() { node clinic study why "$uid" | grep -q "已释放 released"; }
check "study why too" why_says
logged() { grep -q 'event=study.purged' "$T/clinic.log"; }
check "and the log" logged
check "status counts it" retention clinic 'r["purged_studies"] == 1'

# --- what went is known
check "the same bytes again: Success" sends "$T/ct" 3
check "nothing is stored" no_files clinic
check "other bytes under a UID that went: taken" sends "$T/other" 1
check "into quarantine" wait_for 20 study clinic 'j["quarantined"] == 1 and j["instances"] == 3'
check "study send does no harm" node clinic study send "$uid"
check "a late image comes" sends "$T/late" 1
check "its manifest names all four" wait_for 60 study clinic \
	'j["manifests"][0]["version"] == 2 and j["manifests"][0]["state"] == "receipted" and j["confirmed"] == 4'
check "then it goes too" wait_for 30 no_files clinic
check "the clinic ends" stop_node clinic
check "its spool is sound" sound clinic
# a power cut may undo what was not synced: the rows went, the files did not
(cd "$T/before" && find . -type f -size +4k -exec cp --parents -n {} "$T/clinic/spool/objects/" \;)
check "what went is back as a file" some_files clinic
check "it starts" start_node clinic
check "and is dropped: its row says so" no_files clinic
clean() { ! grep 'spool.object.lost\|level=error' "$T/clinic.log" | grep -v draining; }
check "nothing is missing" clean
known() {
	sends "$T/ct" 3 && sends "$T/late" 1 && all_settled clinic &&
		study clinic 'j["instances"] == 4 and j["quarantined"] == 1' &&
		no_files clinic
}
check "all is still known" known
check "the clinic ends" stop_node clinic
check "state.db is made again" sh -c "rm -f '$T'/clinic/state.db* &&
	'$DF_BIN/dcm-forward' -C '$T/clinic' spool rebuild"
check "it starts" start_node clinic
check "all is known after that too" known

# --- at the centre: not before its PACS has it
check "the centre is short of space" restart_with centre yes
check "it looks for what may go" wait_for 20 looked centre
waits() { study centre 'j["purged"] == 0 and j["confirmed"] == 0'; }
check "it keeps what its PACS has not confirmed" waits
check "all of it" some_files centre
check "the PACS is back" start_storescp "$pacs" "$T/pacs"
node centre queue retry --all >/dev/null 2>&1
node centre queue release --all >/dev/null 2>&1
in_pacs() { [ "$(find "$T/pacs" -type f | wc -l)" -eq "$1" ]; }
check "it gets all four" wait_for 60 in_pacs 4
check "and the centre lets go" wait_for 30 no_files centre
python3 "$LIB/make_sr.py" "$T/sr.dcm" --study "$uid" --patient-id PLASTIC \
	--name HEAD --text "No acute finding." >/dev/null
check "a report on that study" storescu -aet PACS -aec CENTRE 127.0.0.1 "$DICOM_centre" "$T/sr.dcm"
reported() { truth clinic "len([r for r in j['reports'] if r['study_uid'] == '$uid']) == 1" report list; }
check "still goes to the clinic" wait_for 40 reported
check "and stays at the centre" truth centre \
	"all(i['state'] != 'purged' for i in j['list'] if i['sop_class'].endswith('.88.11'))" study show "$uid"
check "the centre ends" stop_node centre
check "its spool is sound" sound centre

# --- nobody else holds it
check "a node without any destination starts" restart_with alone yes
check "it takes images" send "$DICOM_alone" "$T/ct"
check "looks into them" wait_for 20 truth alone 'j["queue"]["inspected_all"]' status
node alone study send "$uid" >/dev/null 2>&1
check "looks for what may go" wait_for 20 looked alone
check "and lets nothing go, ever" files alone 3
lan=$(free_port)
stop_node alone
node alone destination add lan --dicom "PACS@127.0.0.1:$lan" --compress no >/dev/null || exit 1
check "a PACS is added later: what is here is not sent to it" start_node alone
check "it looks for what may go" wait_for 20 looked alone
check "so it still stays" files alone 3
check "that PACS comes up" start_storescp "$lan" "$T/lan"
rm -rf "$T/late2"; cp -r "$T/late" "$T/late2"
check "a new image goes there" send "$DICOM_alone" "$T/late2"
lan_has() { [ "$(find "$T/lan" -type f | wc -l)" -ge "$1" ]; }
check "and arrives" wait_for 40 lan_has 1
check "its study still holds what nobody has" files alone 4

# --- by age
if ! command -v faketime >/dev/null; then
	echo "# by age: skipped, no faketime"
	done_testing
	exit
fi
check "space is no reason any more" restart_with alone no
check "another study comes" send "$DICOM_alone" "$TESTDATA/mr/t1.dcm"
check "and is in the PACS" wait_for 40 lan_has 2
mr=$(dcmdump -q +P 0020,000d "$TESTDATA/mr/t1.dcm" | sed 's/.*\[\(.*\)\].*/\1/')
check "it is complete" node alone study send "$mr"
may_go() { truth alone 'j["queue"]["retention"]["releasable_bytes"] > 0' status; }
check "it may go, in thirty days" wait_for 20 may_go
# days_later N: the node starts then
days_later() {
	stop_node alone
	faketime -f "+$1d" "$DF_BIN/dcm-forward" -C "$T/alone" serve \
		>>"$T/alone.log" 2>&1 &
	faked=$!
	PIDS="$PIDS $faked"
	wait_for 20 is_ready alone
	PID_alone=$(pgrep -P "$faked") # faketime stays, and waits for it
}
check "twenty days later" days_later 20
rounds() { truth alone 'j["queue"]["retention"]["rounds"] > 1' status; }
check "it looks for what may go" wait_for 20 rounds
check "it stays" files alone 5
check "thirty-one days later" days_later 31
check "it goes" wait_for 20 files alone 4
check "it looks again" wait_for 20 rounds
check "what nobody else has stays, for ever" files alone 4
stop_node alone
check "the spool is sound" sound alone
done_testing
