#!/bin/sh
# reborn.sh - state.db is lost, or one bit of it: what is made from the objects
# and the ledger says the same as what was there, line by line, at the clinic
# and at the centre. And index.db: the same answers after it was lost.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend storescp echoscu dcmodify python3 openssl

for n in 1 2 3; do
	python3 "$LIB/make_study.py" "$TESTDATA/mr/epi01.dcm" "$T/study$n" 10 $n \
		>"$T/uid$n" || exit 1
done
pacs=$(free_port)
start_storescp "$pacs" "$T/pacs" || exit 1
new_centre centre && new_clinic clinic || exit 1
for n in clinic centre; do set_key $n retry max 2 && set_key $n retry min 1; done
node centre destination add pacs --dicom "PACS@127.0.0.1:$pacs" --compress no >/dev/null || exit 1
start_node centre && start_node clinic && join clinic centre >/dev/null || exit 1

# --- a life with something of everything
mkdir "$T/odd"
cp "$T/study1"/*0001* "$T/odd/1-twice.dcm" 2>/dev/null ||
	cp "$(find "$T/study1" -type f | head -n 1)" "$T/odd/1-twice.dcm"
cp "$T/odd/1-twice.dcm" "$T/odd/2-other-content.dcm"
dcmodify -q -nb -m '(0018,0050)=9.5' "$T/odd/2-other-content.dcm" || exit 1
check "a study goes all the way" send_sure "$DICOM_clinic" 10 "$T/study1"
wait_for 20 truth clinic "j['queue']['inspected_all']" status
node clinic study send "$(cat "$T/uid1")" >/dev/null
check "to its receipt" wait_for 30 has_at_least clinic confirmed 10
check "and to the PACS" wait_for 30 has_at_least centre in_pacs 10
check "one comes again, and one with other content" \
	send "$DICOM_clinic" "$T/odd/1-twice.dcm" "$T/odd/2-other-content.dcm"
sh "$LIB/report_pki.sh" "$T/pki" || exit 1
node clinic report trust add "$T/pki/ca.pem" >/dev/null || exit 1
python3 "$LIB/make_pdf.py" "$T/report.pdf" "No acute finding." "Dr. Wang"
check "a report is written" node centre report submit --study "$(cat "$T/uid1")" \
	--file "$T/report.pdf" --signer "$T/pki/rsa.p12" --passphrase-file "$T/pki/pass"
signed() { truth clinic "[r['verification'] for r in j['reports']] == ['signed']" report list; }
check "and comes back" wait_for 20 signed
check "the centre ends" stop_node centre
check "a second study waits, sent" send_sure "$DICOM_clinic" 10 "$T/study2"
wait_for 20 truth clinic "j['queue']['inspected_all']" status
node clinic study send "$(cat "$T/uid2")" >/dev/null
wait_for 20 has_at_least clinic packed 20
check "a third one is only here" send_sure "$DICOM_clinic" 10 "$T/study3"
check "all is looked into" wait_for 20 truth clinic \
	"j['queue']['inspected_all'] and j['queue']['quarantined'] == 1 and j['queue']['index_left'] == 0" status
check "and packed" wait_for 30 has_at_least clinic packed 30
node clinic queue hold --all >/dev/null
check "the clinic ends" stop_node clinic

# same NODE: the dump is as it was
dump() { python3 "$LIB/state_dump.py" "$T/$1" >"$T/$1.$2"; }
same() { dump "$1" after && diff "$T/$1.before" "$T/$1.after"; }
dump clinic before && dump centre before || exit 1
lines() { grep -c "^$2" "$T/$1.before"; }
check "there is something of everything" sh -c \
	"for k in object study parcel instance delivery manifest pull report; do
	grep -q \"^\$k\" '$T/clinic.before' || { echo no \$k; exit 1; }; done
	for k in held mail; do grep -q \"^\$k\" '$T/centre.before' || exit 1; done"
# settled NODE: everything was looked into again, nothing new was found
settled() {
	truth "$1" "j['queue']['inspected_all'] and j['queue']['index_left'] == 0" status
}
again() { # NODE: starts, comes to rest, ends
	start_node "$1" && wait_for 30 settled "$1" && wait_for 30 verified "$1"
	rc=$?
	stop_node "$1"
	return $rc
}
verified() { # parcels made here are compared again
	[ "$1" = centre ] || [ "$(sum_of "$1" packed)" = 30 ] &&
		truth "$1" "j['queue']['held'] == $(grep -c '^delivery|1.*|3|' "$T/$1.before")" status
}

check "by hand: the clinic's" sh -c \
	"rm '$T'/clinic/state.db* && '$DF_BIN/dcm-forward' -C '$T/clinic' spool rebuild"
check "it comes to rest" again clinic
check "the clinic is the same" same clinic
check "by hand: the centre's" sh -c \
	"rm '$T'/centre/state.db* && '$DF_BIN/dcm-forward' -C '$T/centre' spool rebuild"
check "it comes to rest" again centre
check "the centre is the same" same centre

# --- one bit
flip() { # FILE OFFSET
	python3 -c 'import sys
f = open(sys.argv[1], "r+b"); at = int(sys.argv[2]) % f.seek(0, 2)
f.seek(at); b = f.read(1); f.seek(at); f.write(bytes([b[0] ^ 4]))' "$1" "$2"
}
check "a bit of the clinic's state.db is another" flip "$T/clinic/state.db" 5000
found() { node clinic spool check --json | json "'$1' in [f['kind'] for f in j['found']]"; }
check "a check names it" sh -c "'$DF_BIN/dcm-forward' -C '$T/clinic' spool check --json |
	grep -q state-pages-damaged"
check "it starts all the same, and comes to rest" again clinic
check "and is the same" same clinic
check "the damaged one was kept" sh -c "ls '$T'/clinic/state.db.20* >/dev/null"

# --- the index
start_node clinic
node clinic study list --json >"$T/studies.before"
node clinic report list --json >"$T/reports.before"
stop_node clinic
same_answers() {
	node clinic study list --json >"$T/studies.after"
	node clinic report list --json >"$T/reports.after"
	diff "$T/studies.before" "$T/studies.after" &&
		diff "$T/reports.before" "$T/reports.after"
}
index_dump() { DF_BIN="$DF_BIN" sh "$LIB/index_dump.sh" "$T/clinic" >"$T/index.$1"; }
same_rows() { index_dump after && diff "$T/index.before" "$T/index.after"; }
check "its rows are written down" index_dump before
check "there are some of each" sh -c "for k in patient key study series instance \
	object report; do grep -q \"^\$k|\" '$T/index.before' || { echo no \$k; exit 1; }; done"
check "the index is to be made anew" node clinic index rebuild
start_node clinic
check "everything is told again" wait_for 30 settled clinic
wait_for 30 same_answers
check "the same answers" same_answers
stop_node clinic
check "and row by row the same" same_rows
check "a bit of index.db is another" flip "$T/clinic/index.db" 9000
start_node clinic
node clinic study list >/dev/null
check "it is found and made anew" wait_for 30 settled clinic
wait_for 30 same_answers
check "the same answers" same_answers
stop_node clinic
check "index.db is of an older release" "$DF_BIN/pages-sql" \
	"$T/clinic/index.db" "PRAGMA user_version = 1"
start_node clinic
check "it steps aside" sh -c \
	"[ \$(ls '$T'/clinic | grep -c '^index.db.20.*Z\$') = 3 ]"
check "and is made anew" wait_for 30 settled clinic
wait_for 30 same_answers
check "the same answers" same_answers
stop_node clinic
check "row by row, too" same_rows
check "all is sound" node clinic spool check --read-data
done_testing
