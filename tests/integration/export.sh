#!/bin/bash
# export.sh - what leaves the node by a person's hand, images, reports and the
# register: whole or not at all under its name, for his eyes only, in the place
# of no other file; and never part of a study as if it were all of it.
. "$(dirname "$0")/../lib/node.sh"
need dcmsend python3 openssl
umask 022

check "a centre is made" new_centre centre
check "a clinic is made" new_clinic clinic
set_key clinic study quiet 1
check "the centre starts" start_node centre
check "the clinic starts" start_node clinic
check "the clinic joins" join clinic centre
check "a physician gets a certificate" sh "$LIB/report_pki.sh" "$T/pki"
node clinic report trust add "$T/pki/ca.pem" >/dev/null || exit 1
uid=$(python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/ct" 6 export)
check "an exam is sent" send_sure "$DICOM_clinic" 6 "$T/ct"
check "the centre holds it, by receipt" wait_for 60 has_at_least clinic confirmed 6
python3 "$LIB/make_pdf.py" "$T/report.pdf" "no acute finding"
check "a report on it is signed" node centre report submit --study "$uid" \
	--file "$T/report.pdf" --signer "$T/pki/rsa.p12" --passphrase-file "$T/pki/pass"
has_report() { truth clinic "len(j['reports']) == 1" report list; }
check "and comes" wait_for 40 has_report
report=$(node clinic report list --json | json 'j["reports"][0]["id"]')

# gives STATUS COMMAND...: the clinic's command ends with it; $T/said
gives() {
	want=$1
	shift
	node clinic "$@" >"$T/said" 2>&1
	got=$?
	cat "$T/said"
	[ $got -eq "$want" ]
}
only_mine() { [ "$(find "$@" -printf '%y%m\n' | grep -cvE '^(d700|f600)$')" -eq 0 ]; }
files() { ls "$1" | tr '\n' ' '; }

check "a study is exported" gives 0 study export "$uid" --to "$T/out"
check "all of it" [ "$(files "$T/out")" = "$(printf 'IM%06d.dcm ' 1 2 3 4 5 6)" ]
check "for nobody else to read" only_mine "$T/out"
sha256sum "$T/out"/* >"$T/sums"
check "a second one does not go over it" gives 5 study export "$uid" --to "$T/out"
check "and says what to do" grep -q "IM000001.dcm' is there already.*another name" "$T/said"
check "nothing was changed" sha256sum -c "$T/sums"
check "of a study that is not here" gives 4 study export 1.2.3 --to "$T/none"
check "no directory is made" [ ! -e "$T/none" ]

# ended COMMAND...: where no file may grow beyond 300 kB
failed() { (trap '' XFSZ; ulimit -f 300; gives 1 "$@"); }
killed() { (ulimit -c 0 -f 300; ! node clinic "$@"); }
check "a disk that takes no more ends it" failed study export "$uid" --to "$T/full"
check "and there is nothing that could be taken for an image" [ -z "$(files "$T/full")" ]
check "killed in the middle" killed study export "$uid" --to "$T/cut"
check "it leaves what says that it is a part" [ "$(files "$T/cut")" = "IM000001.dcm.part " ]

check "a report is exported" gives 0 report export "$report" --to "$T/r.pdf"
check "and its bundle" gives 0 report export "$report" --bundle "$T/bundle"
check "for nobody else to read, too" only_mine "$T/r.pdf" "$T/bundle"
check "it is what the physician signed" cmp "$T/report.pdf" "$T/r.pdf"
check "another does not go over it" gives 5 report export "$report" --to "$T/r.pdf"

check "the register is exported" gives 0 audit export --to "$T/register" --who 审计员
check "for the auditor only" only_mine "$T/register"
check "not over another one" gives 5 audit export --to "$T/register" --who 审计员
tiny() { (trap '' XFSZ; ulimit -f 0; gives 1 audit export --to "$T/half" --who 审计员); }
check "nor a half of it" tiny
check "under its name" [ ! -e "$T/half" ]

# an object that is lost
lost=$(ls -S "$T"/clinic/spool/objects/*/* | head -n 1) # of the last images
mv "$lost" "$T/lost"
part() { node clinic study export "$uid" --to "$T/part" >"$T/said" 2>&1; [ $? -ne 0 ]; }
check "part of a study is no success" part
check "and is called so" grep -q "不完整 not all of it" "$T/said"
stop_node clinic
check "the clinic starts without it" start_node clinic
check "and remembers what it had" gives 4 study export "$uid" --to "$T/rest"
check "as that which it lost" grep -q "quarantine list" "$T/said"
stop_node clinic
mv "$T/lost" "$lost"

# room is short: the images are let go under the centre's receipt
set_key clinic spool soft 0
check "the clinic is short of room" start_node clinic
gone() { truth clinic "j['purged'] == 6" study show "$uid"; }
check "and lets the images go" wait_for 40 gone
check "what is not here is not exported" gives 4 study export "$uid" --to "$T/gone"
check "the person reads where it is" grep -q "prior fetch" "$T/said"
done_testing
