#!/bin/sh
# prior_trouble.sh - a fetch that is disturbed: cancelled while the line hangs, a
# kill between an object's name and its row, parcels that were lost here or are
# not what they were, an exam that never becomes ready, one that kills its readers.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend dcmodify python3
[ -f "$DF_BIN/poison.so" ] || skip_all "the shims are not built"
ldd "$DF_BIN/dcm-forward" | grep -q libasan &&
	skip_all "a shim and the address sanitizer do not go together"

number=110101199003074477
check "a centre is made" new_centre centre
check "it lets its own modality in" node centre modality add MODALITY
check "a clinic is made" new_clinic b
set_key b retry max 2
set_key b retry min 1
check "the centre starts" start_node centre
rules() { # LINE...
	printf '%s\n' "$@" >"$T/rules.new" && mv "$T/rules.new" "$T/rules"
}
rules ""
DF_SHIM="$T/rules"
export DF_SHIM
start_b() { LD_PRELOAD="$DF_BIN/sysshim.so" start_node b; }
check "the clinic starts" start_b
line=$(free_port)
python3 "$LIB/relay.py" "$line" "$HTTPS_centre" 300000 --slow >"$T/relay.out" &
relay=$!
PIDS="$PIDS $relay"
wait_for 10 grep -q ready "$T/relay.out" || exit 1
check "it joins over a slow line" join b centre "$line"

# exam FILE COUNT SEED: made at the centre; prints its UID
from=MODALITY
exam() {
	python3 "$LIB/make_study.py" "$TESTDATA/$1" "$T/$3" "$2" "$3" || return 1
	dcmodify -nb -q -ie -m "PatientID=$number" -m "PatientName=Wang^San" \
		-m "StudyDate=$(date +%Y%m%d)" "$T/$3"/* || return 1
	dcmsend --no-halt --decompress-never +sd +r -aet "$from" -aec CENTRE \
		127.0.0.1 "$DICOM_centre" "$T/$3" >>"$T/dcmsend.log" 2>&1
}
told() { # UID
	truth b "any(p['study_uid'] == '$1' for p in j['priors'])" \
		prior search --id $number --purpose 复诊
}
fetch() { node b prior fetch "$1" --purpose 复诊; }
state_is() { # UID STATE
	truth b "[p['state'] for p in j['priors'] if p['study_uid'] == '$1'][:1] == ['$2']" prior list
}
nothing_left() { [ -z "$(ls "$T/b/spool/incoming")" ]; }

first=$(exam ct/IM0001.dcm 16 first)
check "the clinic finds an exam of the centre" wait_for 20 told "$first"

# --- cancelled while its part hangs ---
check "it is ordered" fetch "$first"
under_way() { ! nothing_left; }
check "it is on its way" wait_for 40 under_way
kill -STOP $relay
check "the line hangs, and it is cancelled" node b prior cancel "$first"
check "which is so at once" state_is "$first" cancelled
kill_node_hard b
check "the clinic dies, and starts again" start_b
check "it stays cancelled" state_is "$first" cancelled
check "nothing of it is left over" nothing_left
kill -CONT $relay

# --- killed when the object has its name, and no row ---
check "it is ordered again" fetch "$first"
rules "counts $T/counts" "room=queue call=rename path=*/objects/* do=die"
check "the queue dies over it" wait_for 60 sh -c "
	[ \"\$(od -An -tu8 -N16 '$T/counts' | awk '{ print \$2 }')\" = 1 ]"
rules ""
check "and all of it is here in the end" wait_for 60 state_is "$first" done
check "once" truth b "j['instances'] == 16 and j['quarantined'] == 0" study show "$first"
check "nothing is left over" nothing_left

# --- some of it is lost, some damaged: it can be fetched again ---
objects() { find "$T/b/spool/objects" -type f -size +64k | sort; }
stop_node b
rm -f "$(objects | head -n 1)"
truncate -s -1 "$(objects | tail -n 1)"
check "the clinic starts" start_b
check "images are missing" truth b "j['quarantined'] > 0 and j['instances'] < 16" study show "$first"
wait_for 20 told "$first"
check "it is ordered again" fetch "$first"
check "and comes" wait_for 60 state_is "$first" done
check "all of it, once" truth b "j['instances'] == 16 and j['quarantined'] == 0" study show "$first"
check "then all of it is here" sh -c "
	! '$DF_BIN/dcm-forward' -C '$T/b' prior fetch $first --purpose 复诊"

# --- what comes again is what it was, each image of it ---
stop_node b
rm -f "$(objects | head -n 1)"
check "the clinic starts" start_b
stop_node b
"$DF_BIN/pages-sql" "$T/b/state.db" "UPDATE instances SET digest =
	x'$(printf '%064d' 0)' WHERE n = (SELECT max(n) FROM instances WHERE state = 3)" || exit 1
check "one image was another" start_b
wait_for 20 told "$first"
check "it is ordered again" fetch "$first"
check "and refused" wait_for 60 state_is "$first" failed
check "in words" truth b "'does not hold what it held' in j['priors'][0]['error']" prior list

# --- one that the centre cannot make ready, and another behind it ---
stuck=$(exam ct/IM0002.dcm 2 stuck)
wait_for 20 told "$stuck"
rm -f "$(find "$T/centre/spool/objects" -type f -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)"
next=$(exam ct/IM0003.dcm 2 next)
check "two more are found" wait_for 20 told "$next"
check "one is ordered of which the centre lost an image" fetch "$stuck"
check "and one that is whole" fetch "$next"
check "which does not wait for ever" wait_for 60 state_is "$next" done
check "the other still does" state_is "$stuck" fetching
check "and says for what" truth b "any('making it ready' in p['error'] for p in j['priors'])" prior list
check "it is cancelled" node b prior cancel "$stuck"

# --- one that kills each process that reads it ---
stop_node b
start_b() { LD_PRELOAD="$DF_BIN/poison.so" start_node b; }
check "the clinic starts" start_b
check "the centre lets another modality in" node centre modality add POISON-SEGV
from=POISON-SEGV # in the parcel its name is not compressed
deadly=$(exam ct/IM0004.dcm 1 deadly)
wait_for 20 told "$deadly"
check "what is deadly is ordered" fetch "$deadly"
check "it is given up" wait_for 60 state_is "$deadly" failed
check "in words" truth b "'died' in j['priors'][0]['error']" prior list

stop_node b
check "the clinic is sound" node b spool check
done_testing
