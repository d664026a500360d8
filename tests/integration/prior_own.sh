#!/bin/sh
# prior_own.sh - a study that a clinic let go under a receipt comes back from the
# centre when it is fetched: over a slow line, with kill -9 on both sides in the
# middle, the same bytes, and it is the clinic's own again. That room is short
# takes nothing away meanwhile.
. "$(dirname "$0")/../lib/node.sh"
. "$(dirname "$0")/../lib/exam.sh"
need dcmsend dcmodify dcmdump python3

number=110101199003074477
slow_region 400000
uid=$(python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/ct" 24 own)
belongs "$T/ct" $number Wang^San 19900307 M || exit 1
check "a study is sent" send "$DICOM_clinic" "$T/ct"
check "and receipted" wait_for 60 has_at_least clinic confirmed 24

# room is short: it goes
stop_node clinic
set_key clinic retention early yes
set_key clinic spool soft 0
check "the clinic is short of room" start_node clinic
gone() { truth clinic "j['purged'] == 24" study show "$uid"; }
check "and lets it go" wait_for 40 gone

told() { truth clinic "any(a['answered'] for a in j['asked'])" prior search --id $number --purpose 复诊; }
check "the centre says what it has of him" wait_for 20 told
check "the clinic wants it back" node clinic prior fetch "$uid" --purpose 复诊
some() { truth clinic "0 < j['priors'][0]['here'] < 24" prior list; }
check "some of it is here" wait_for 40 some
kill_node_hard clinic
check "the clinic dies, and starts again" start_node clinic
kill_node_hard centre
check "the centre dies, and starts again" start_node centre
back() { truth clinic "[(p['state'], p['here']) for p in j['priors']] == [('done', 24)]" prior list; }
check "all of it is here in the end" wait_for 90 back
rounds() { truth clinic "j['queue']['retention']['rounds'] > $1" status; }
now=$(node clinic status --json | json "j['queue']['retention']['rounds']")
check "the clinic looks for what may go" wait_for 30 rounds $((now + 1))
check "it is the clinic's own, as before" truth clinic \
	"j['peer'] == '' and not j['prior'] and j['purged'] == 0 and j['confirmed'] == 24" study show "$uid"
check "it is exported" node clinic study export "$uid" --to "$T/out"
same_bytes() {
	python3 - "$T/ct" "$T/out" <<-'PY'
		import hashlib, os, struct, sys
		def sums(top):
		    for name in os.listdir(top):
		        b = open(os.path.join(top, name), "rb").read()
		        yield hashlib.sha256(b[144 + struct.unpack_from("<I", b, 140)[0]:]).digest()
		sys.exit(set(sums(sys.argv[1])) != set(sums(sys.argv[2])))
	PY
}
check "the same bytes" same_bytes
check "the centre got nothing twice" truth centre \
	"[s['instances'] for s in j['studies']] == [24]" study list
stop_node clinic
check "the clinic is sound" node clinic spool check
set_key clinic retention early no
rm "$T"/clinic/state.db*
check "state.db is lost" start_node clinic
still() { truth clinic "j['purged'] == 0 and j['packed'] == 24 and j['confirmed'] == 24" study show "$uid"; }
check "what came back is not gone again" wait_for 20 still
stop_node clinic
check "the clinic is sound" node clinic spool check
done_testing
