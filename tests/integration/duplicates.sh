#!/bin/sh
# duplicates.sh - the same UID twice, at every moment of its life, as a table:
# same bytes are one copy and one send; other bytes are kept beside, told once,
# and a person decides.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu dcmodify python3

pacs=$(free_port)
start_storescp "$pacs" "$T/pacs" || exit 1
new_centre centre || exit 1
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" --compress no >/dev/null || exit 1
new_clinic clinic || exit 1
set_key clinic study quiet 1
check "a centre starts" start_node centre
check "a clinic starts" start_node clinic
check "and joins" join clinic centre

mkdir "$T/a" "$T/b" "$T/c" "$T/both"
cp "$TESTDATA/ct/IM0001.dcm" "$T/a/one.dcm"
for other in b c; do
	cp "$T/a/one.dcm" "$T/$other/one.dcm"
	dcmodify -q -nb -m "(0018,0050)=9.$other" "$T/$other/one.dcm" 2>/dev/null ||
		dcmodify -q -nb -m "(0018,0050)=9.5" "$T/$other/one.dcm"
done
dcmodify -q -nb -m '(0018,0050)=7.25' "$T/c/one.dcm"
cp "$T/a/one.dcm" "$T/both/1.dcm"
cp "$T/a/one.dcm" "$T/both/2.dcm"
uid=$(dcmdump -q +P 0020,000d "$T/a/one.dcm" | sed 's/.*\[\(.*\)\].*/\1/')

# sends DIR N: all N answered with Success
sends() {
	python3 "$LIB/raw_scu.py" "$DICOM_clinic" "$1" >"$T/sent"
	[ "$(grep -c ^0000 "$T/sent")" -eq "$2" ]
}
# of_study WHAT N
of_study() {
	truth clinic "[s['$1'] for s in j['studies'] if s['study_uid'] == '$uid'] == [$2]" study list
}
settled() { all_settled clinic && of_study confirmed "$1"; }
in_pacs() { [ "$(find "$T/pacs" -type f 2>/dev/null | wc -l)" -eq "$1" ]; }
objects() { [ "$(find "$T/clinic/spool/objects" "$T/clinic/spool/quarantine" -type f -size +4k | wc -l)" -eq "$1" ]; }

# --- same bytes
check "the same bytes twice in one association" sends "$T/both" 2
twice() {
	sends "$T/a" 1 &
	one=$!
	python3 "$LIB/raw_scu.py" "$DICOM_clinic" "$T/a" >"$T/sent.2" &
	two=$!
	wait $one && wait $two && grep -q ^0000 "$T/sent.2"
}
check "and from two associations at once, while the first is in flight" twice
check "the study is confirmed" wait_for 40 settled 1
check "as one image" of_study instances 1
check "it is in the PACS once" wait_for 40 in_pacs 1
check "the same bytes when all is delivered" sends "$T/a" 1
check "nothing is looked into" all_settled clinic
check "one image it is" of_study instances 1
check "one object holds it" objects 1

# --- other bytes
check "other bytes under its UID: taken, so that the modality goes on" sends "$T/b" 1
check "they are in quarantine" wait_for 20 of_study quarantined 1
check "the first stands" of_study instances 1
for round in 1 2 3; do
	check "the same other bytes again ($round)" sends "$T/b" 1
done
check "all is looked into" wait_for 20 all_settled clinic
check "they are told once" of_study quarantined 1
check "and kept once" objects 2
check "a third content is a third" sends "$T/c" 1
check "two in quarantine" wait_for 20 of_study quarantined 2
check "the PACS has one" in_pacs 1

# --- a person decides
id_of() { # the Nth in quarantine
	node clinic quarantine list --json | json "j['quarantined'][$1]['id']"
}
first=$(id_of 0)
second=$(id_of 1)
again() { truth clinic "j['came_again'] == 3 and j['standing']['state'] == 'packed'" quarantine show "$first"; }
check "show: how often it came, and what stands" again
refused() { ! "$@"; }
check "no release without a reason" refused node clinic quarantine release "$first"
check "no discard without --yes" refused node clinic quarantine discard "$second" --reason "x"
check "the second is discarded" node clinic quarantine discard "$second" \
	--reason "test pattern" --by "Technician Li" --yes
check "its file is gone" wait_for 10 objects 2
check "one is left" of_study quarantined 1
check "the first of them is released" node clinic quarantine release "$first" \
	--reason "the corrected slice thickness" --by "Technician Li"
swapped() {
	truth clinic "(lambda q: len(q) == 1 and q[0]['id'] != '$first' and 'released' in q[0]['reason'])(j['quarantined'])" quarantine list
}
check "what stood is set aside in its place" swapped
packed() {
	truth clinic "[i['state'] for i in j['list'] if i['state'] not in ('quarantined', 'discarded')] == ['packed']" study show "$uid"
}
check "it is packed and sent" wait_for 40 packed
at_centre() { [ "$(node centre quarantine list --json | json 'j["total"]')" -eq 1 ]; }
check "the centre has it in quarantine too: it had the first" wait_for 40 at_centre
check "its PACS was not overwritten" in_pacs 1
centre_id=$(node centre quarantine list --json | json 'j["quarantined"][0]["id"]')
check "the centre releases it" node centre quarantine release "$centre_id" \
	--reason "the clinic corrected it" --by "Dr Wang"
check "the PACS gets it" wait_for 40 in_pacs 2
confirmed_again() {
	truth clinic "j['manifests'][0]['state'] == 'receipted' and j['manifests'][0]['version'] == 2 and j['confirmed'] == 1" study show "$uid"
}
node clinic queue retry --all >/dev/null 2>&1
check "and the clinic its receipt" wait_for 60 confirmed_again
by_li() { node clinic quarantine show "$(id_of 0)" | grep -q 'Technician Li'; }
check "who decided is kept" by_li
check "no name of a person is in the log" refused grep -q "Technician" "$T/clinic.log"

# --- a discarded one is as if it had never come
check "what was discarded comes again" sends "$T/c" 1
check "and is judged anew" wait_for 20 of_study quarantined 2

# --- a damaged copy is no copy
file=$(find "$T/clinic/spool/quarantine" -type f | head -n 1)
cp "$file" "$T/whole"
printf XXXXXXXXXXXXXXXX | dd of="$file" bs=1 seek=5000 conv=notrunc 2>/dev/null
check "its file is damaged" refused cmp -s "$file" "$T/whole"
damaged=$(basename "$file")
check "a damaged one is not released" refused node clinic quarantine release "$damaged" --reason x
check "what stands still stands" packed
check "the same bytes come" sends "$T/c" 1
check "and are kept again" wait_for 20 of_study quarantined 3
check "the damaged one is discarded" node clinic quarantine discard "$damaged" --reason damaged --yes
check "two are left" of_study quarantined 2

# --- and all of it survives
check "the clinic ends" stop_node clinic
check "the spool is sound" node clinic spool check
check "state.db is made again" sh -c "rm -f '$T'/clinic/state.db* &&
	'$DF_BIN/dcm-forward' -C '$T/clinic' spool rebuild"
check "the clinic starts" start_node clinic
check "all is looked into" wait_for 20 all_settled clinic
check "the decision stands" of_study quarantined 2
check "the released one too" packed
check "the PACS has what it had" in_pacs 2
check "the same bytes again are known" sends "$T/b" 1
check "one image it is" of_study instances 1
stop_node clinic
check "the spool is sound in the end" node clinic spool check
done_testing
