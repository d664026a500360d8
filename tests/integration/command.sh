#!/bin/bash
# command - what the command takes, refuses and says, with and without a
# daemon behind it.
set -u
. "$DF_SOURCE/tests/lib/node.sh"
need python3
cli="$DF_BIN/dcm-forward"

# status_is N COMMAND...: ends with that exit status
status_is() {
	want=$1
	shift
	"$@" >"$T/out" 2>"$T/err"
	got=$?
	cat "$T/out" "$T/err"
	[ $got -eq "$want" ]
}
says() { grep -q -- "$1" "$T/out" "$T/err"; }

check "help lists every command" sh -c "'$cli' --help | grep -q 'report trust add CA.pem'"
check "no command is wrong usage" status_is 2 "$cli"
check "an unknown command is wrong usage" status_is 2 "$cli" -C "$T/n" fly
check "an unknown option is wrong usage" status_is 2 "$cli" -C "$T/n" status --fast
check "so is one that is given twice" status_is 2 "$cli" -C "$T/n" order add --id 1 --id 2
check "and one whose value is another option" status_is 2 "$cli" -C "$T/n" order add --id --name x
check "no directory is wrong usage" status_is 2 env -u DCM_FORWARD_DIR "$cli" status
check "a directory that is no node is not found" status_is 4 "$cli" -C "$T" config check
check "init needs a role" status_is 2 "$cli" -C "$T/n" init --name x --ae-title A
check "init refuses a wrong role" status_is 2 "$cli" -C "$T/n" init \
	--role hospital --name x --ae-title A
check "init refuses a name that ends the line" status_is 2 "$cli" -C "$T/n" init \
	--role clinic --name 'x
ae-title = B' --ae-title A
long=$(printf '长%.0s' {1..2000})
check "nor takes one that is too long" status_is 2 "$cli" -C "$T/n" init \
	--role clinic --name "$long" --ae-title A
check "nothing was made" test ! -e "$T/n/config.ini"
check "init makes a node" status_is 0 "$cli" -C "$T/n" init --role clinic \
	--name 桥头镇卫生院 --ae-title CLINIC --listen-dicom 127.0.0.1:0
check "only its owner reads it" sh -c "[ \$(stat -c %a '$T/n') = 700 ] &&
	[ \$(stat -c %a '$T/n/config.ini') = 600 ] &&
	[ \$(stat -c %a '$T/n/keys/node.key') = 600 ]"
check "init does not make it again" status_is 5 "$cli" -C "$T/n" init \
	--role clinic --name x --ae-title A
check "its configuration is good" status_is 0 "$cli" -C "$T/n" config check
check "the directory may come from the environment" \
	env DCM_FORWARD_DIR="$T/n" "$cli" config check
check "without a daemon status says so" status_is 3 "$cli" -C "$T/n" status
check "and what to do" says 'dcm-forward -C DIR serve'
check "a report that is to be looked at again, too" status_is 3 "$cli" -C "$T/n" report verify x
check "for programs too" sh -c "'$cli' -C '$T/n' status --json |
	python3 -c 'import json,sys; assert json.load(sys.stdin)[\"error\"] == \"PEER\"'"

# one COMMAND...: with --json there is one document, whatever comes of it
one() {
	"$cli" -C "$T/n" "$@" --json >"$T/out" 2>"$T/err"
	python3 -c 'import json, sys; assert json.load(open(sys.argv[1], encoding="utf-8")), "nothing"' "$T/out"
}
check "a result is JSON" one config check
check "and so is a file" one config sample
check "a table of rules" one recognition rules words.tsv
check "a command that has nothing to say" one modality add J1
check "a failure" one modality add J1
check "one that is told by a list" one doctor
check "one that repeats what is no text" one recognition rules "$(printf '\xd6\xd0\033[31m')"
check "no terminal obeys what it was given" sh -c "! grep -q '$(printf '\033')' '$T/err'"

check "a modality is added" status_is 0 "$cli" -C "$T/n" modality add CT1 \
	--from 10.0.0.0/8 --from 192.168.0.0/16
check "not twice" status_is 5 "$cli" -C "$T/n" modality add CT1
check "not with a wrong address" status_is 2 "$cli" -C "$T/n" modality add CT2 --from here
check "nor with a title that is too long" status_is 2 "$cli" -C "$T/n" modality add "$long"
check "nor a destination" status_is 2 "$cli" -C "$T/n" destination add "$long" --dicom A@127.0.0.1:1
check "a destination is added" status_is 0 "$cli" -C "$T/n" destination add pacs \
	--dicom PACS@127.0.0.1:104
check "not without an address" status_is 2 "$cli" -C "$T/n" destination add two
check "both are there" sh -c "'$cli' -C '$T/n' config show --json |
	python3 -c 'import json,sys; j = json.load(sys.stdin)
assert j[\"destination \\\"pacs\\\".dicom\"] == \"PACS@127.0.0.1:104\", j'"
cp "$T/n/config.ini" "$T/before"
printf '[study]\nquiet = soon\n' >>"$T/n/config.ini"
line=$(grep -n 'quiet = soon' "$T/n/config.ini" | cut -d: -f1)
check "a wrong line is named" status_is 1 "$cli" -C "$T/n" config check
check "by its number" says "line $line: "
check "and nothing is served with it" status_is 1 "$cli" -C "$T/n" serve
cp "$T/before" "$T/n/config.ini"
check "a code that is none is refused" status_is 1 "$cli" -C "$T/n" peer join \
	https://127.0.0.1:1 --code ABCD-EFGH
check "a physician's certificate is no trust anchor" sh -c "
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout '$T/k' -out '$T/dr.pem' -subj /CN=Dr -days 9 \
		-addext basicConstraints=critical,CA:FALSE 2>/dev/null &&
	! '$cli' -C '$T/n' report trust add '$T/dr.pem'"
check "the certificate of a CA is one" sh -c "
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout '$T/k' -out '$T/ca.pem' -subj /CN=CA -days 9 2>/dev/null &&
	'$cli' -C '$T/n' report trust add '$T/ca.pem'"

check "a noun alone lists its commands" status_is 2 "$cli" study
check "with what they do" says 'study why UID'
check "with --help it is no failure" status_is 0 "$cli" queue --help
check "a directory without a node is told from a silent one" status_is 4 "$cli" -C "$T" status
check "doctor without a daemon is bad" status_is 1 "$cli" -C "$T/n" doctor
check "it says what to do" says 'daemon'
mv "$T/n/keys/node.key" "$T/away"
check "a missing key is found" status_is 1 "$cli" -C "$T/n" doctor
check "by its name" says 'keys/node.key is missing'
check "and nothing is served without it" status_is 1 "$cli" -C "$T/n" serve
mv "$T/away" "$T/n/keys/node.key"
chmod 755 "$T/n/keys"
check "keys that others may read are found" sh -c \
	"'$cli' -C '$T/n' doctor 2>&1 | grep -q 'chmod 700 keys'"
chmod 700 "$T/n/keys"

# a daemon that accepts and never answers costs the person ten seconds
python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()
time.sleep(60)' "$T/n/control.sock" &
PIDS="$PIDS $!"
check "the stuck one listens" wait_for 10 test -S "$T/n/control.sock"
from=$(date +%s)
check "a stuck daemon ends in a time-out" status_is 6 "$cli" -C "$T/n" status
check "soon enough" test $(($(date +%s) - from)) -le 12
done_testing
