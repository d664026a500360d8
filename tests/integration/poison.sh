#!/bin/sh
# poison.sh - images that kill each process that reads them are put aside after
# three crashes; all others go their way; what dies by chance is not blamed.
# DF_COUNT images (300), of them DF_POISON deadly ones (12).
. "$(dirname "$0")/../lib/node.sh"
need python3 pgrep
[ -f "$DF_BIN/poison.so" ] || skip_all "the shim is not built"
ldd "$DF_BIN/dcm-forward" | grep -q libasan &&
	skip_all "a shim and the address sanitizer do not go together"
COUNT=${DF_COUNT:-300}
POISON=${DF_POISON:-12}

new_clinic clinic || exit 1
mkdir "$T/luck" && touch "$T/luck/1" "$T/luck/2" "$T/luck/3" "$T/luck/4" "$T/luck/5"
# as often as would convict, were these crashes, or the second one deaths at all
mkdir "$T/slow" "$T/lack"
(cd "$T/slow" && touch 1 2 3 4 && cd "$T/lack" && touch 1 2 3 4 5 6 7 8 9 10)
export DF_POISON_LUCK="$T/luck" DF_POISON_SLOW="$T/slow" DF_POISON_LACK="$T/lack"
export LIB TESTDATA
LD_PRELOAD="$DF_BIN/poison.so" start_node clinic || exit 1

cat >"$T/send.py" <<'EOF2'
import os, sys
sys.path.insert(0, os.environ["LIB"])
from pressure import Modality
port, count, poison = map(int, sys.argv[1:4])
m = Modality(port, os.environ["TESTDATA"] + "/mr/epi01.dcm")
kinds = [b"POISON-SEGV", b"POISON-ABRT", b"POISON-EXIT", b"POISON-KILL"]
bad = []
for i in range(count):
    word = b""
    if i == 5:
        word = b"POISON-LUCK"
    elif i == 6:
        word = b"POISON-SLOW"
    elif i == 7:
        word = b"POISON-LACK"
    elif poison and i % (count // poison) == 0:
        word = kinds[len(bad) % len(kinds)]
    uid, data = m.another(word)
    assert m.store(uid, data) == 0
    if word in kinds:
        bad.append(uid)
m.release()
open(sys.argv[4], "w").write("\n".join(sorted(bad)) + "\n")
EOF2
check "all $COUNT are taken" python3 "$T/send.py" "$DICOM_clinic" "$COUNT" "$POISON" "$T/bad"
bad=$(wc -l <"$T/bad")
check "all are looked into" wait_for 300 all_settled clinic
quarantined() {
	node clinic quarantine list --json |
		json "'\n'.join(sorted(q['sop_instance'] for q in j['quarantined'] if 'died' in q['reason']))" |
		cmp - "$T/bad"
}
check "exactly the $bad deadly ones are in quarantine" quarantined
check "the $((COUNT - bad)) others are understood" truth clinic \
	"sum(s['instances'] for s in j['studies']) == $COUNT - $bad" study list
check "what died five times by chance among them" \
	sh -c "[ -z \"\$(ls '$T/luck')\" ]"
check "what its alarm ended four times, too" sh -c "[ -z \"\$(ls '$T/slow')\" ]"
check "and what found no memory ten times" sh -c "[ -z \"\$(ls '$T/lack')\" ]"
check "no room but the cells was hurt" truth clinic \
	"all(r['restarts'] == 0 for r in j['rooms'] if r['room'] != 'prepare')" status
crashes=$(grep -c 'event=cell.crashed' "$T/clinic.log")
check "three crashes each, and no more" \
	[ "$crashes" -eq $((3 * (bad - bad / 4))) ]
stop_node clinic
check "the spool is sound" node clinic spool check

# --- the same at the centre, of a parcel that came over the line -------------------
mkdir "$T/chance" && (cd "$T/chance" && touch 1 2 3 4 5)
new_centre centre && new_clinic far || exit 1
DF_POISON_LUCK="$T/chance" LD_PRELOAD="$DF_BIN/poison.so" start_node centre || exit 1
start_node far && node far modality add POISON-LUCK >/dev/null && join far centre >/dev/null || exit 1
check "an image is taken" python3 - "$DICOM_far" <<'EOF2'
import os, sys
sys.path.insert(0, os.environ["LIB"])
from pressure import Modality
m = Modality(int(sys.argv[1]), os.environ["TESTDATA"] + "/mr/epi01.dcm",
             "POISON-LUCK")  # in the parcel its name is not compressed
uid, data = m.another(b"")
assert m.store(uid, data) == 0
m.release()
EOF2
check "it is looked into" wait_for 20 truth far "j['queue']['inspected_all']" status
send_studies far >/dev/null
check "a parcel whose reader is killed five times gets its receipt" \
	wait_for 60 has_at_least far confirmed 1
check "and was read by the sixth" sh -c "[ -z \"\$(ls '$T/chance')\" ]"
done_testing
