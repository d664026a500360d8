#!/bin/sh
# worklist_region.sh - the patient was examined at the county hospital: the
# clinic registers him, and its modality reads of it before the exposure; with
# the line cut it still does, from what was learned.
. "$(dirname "$0")/../lib/node.sh"
. "$LIB/exam.sh"
need findscu dcmodify dcmdump python3

new_centre centre && new_clinic clinic &&
	node centre modality add MODALITY >/dev/null || exit 1
# one that is never there: it keeps nothing back of what others say
printf '[peer "none"]\nurl = https://127.0.0.1:1\nfingerprint = %064d\n' 7 \
	>>"$T/clinic/config.ini"
start_node centre && start_node clinic || exit 1
join clinic centre >/dev/null || exit 1
mkdir "$T/outside"
number=11010519491231002X
chest_ct "$T/outside/prior" "$number" || exit 1
check "he is examined at the centre" dcmsend --no-halt +sd +r -aet MODALITY -aec CENTRE \
	127.0.0.1 "$DICOM_centre" "$T/outside/prior"
at_centre() { truth centre "len(j['priors']) == 1" prior search --id "$number" --local; }
check "the centre knows" wait_for 20 at_centre

add() { node clinic order add --id "$1" --resident-id "$number" --name 王小东 \
	--modality CT --body-part CHEST --procedure 胸部CT平扫 --json >"$T/outside/order"; }
check "he is registered at the clinic" add W0001
marked() { truth clinic "[o.get('mark', '')[:3] for o in j['orders'] if o['patient_id'] == '$1'] == ['[已有']" order list; }
check "what the centre says comes to the order" wait_for 20 marked W0001
asks() {
	rm -f "$T"/outside/*.dcm
	(cd "$T/outside" && findscu -W -X -aet MODALITY -aec CLINIC 127.0.0.1 "$DICOM_clinic" \
		-k 0010,0010 -k 0010,0020="$1" -k '0040,0100[0].0040,0007') &&
		dcmdump +U8 +L +P 0040,0007 "$T"/outside/rsp0001.dcm | tee "$T/outside/got" |
		grep -q '\[已有.*县医院\] 胸部CT平扫'
}
check "the modality reads it" asks W0001
acts() { truth "$1" "any(e['entry']['act'] == '$2' for e in j['entries'])" audit list --kind audit; }
check "who asked for whom stands in the record of the clinic" acts clinic prior-asked
check "and in that of the centre" acts centre prior-told
stop_node centre
check "he is registered again, while the line is down" add W0002
check "and it is known at once" marked W0002
check "at the modality too" asks W0002
check "nobody waits for the other side in an emergency" \
	node clinic order add --emergency --modality CT
done_testing
