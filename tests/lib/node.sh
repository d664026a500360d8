# node.sh - throw-away nodes for integration tests; source it.
#
# Gives a fresh directory $T that goes away at exit with everything that was
# started, and the helpers below. Output is TAP: `ok`/`not ok` by `check`.
# Nothing waits for a fixed time: `wait_for` asks until a condition holds.

: "${DF_BIN:?set DF_BIN to the directory of the programs}"
: "${DF_SOURCE:?set DF_SOURCE to the source tree}"
TESTDATA="$DF_SOURCE/testdata/dicom"
LIB="$DF_SOURCE/tests/lib"
T=${DF_T:-$(mktemp -d "${TMPDIR:-/tmp}/dcmf-test.XXXXXX")}
PIDS=""
IN_NS=               # what runs a program elsewhere (netlab.sh)
CENTRE_HOST=127.0.0.1 # where a centre listens to peers, and is dialled
CASES=0
FAILED=0
export LC_ALL=C.UTF-8

finish() {
	rc=$?
	trap - EXIT INT TERM
	for pid in $PIDS; do kill -TERM "$pid" 2>/dev/null; done
	for pid in $PIDS; do
		timeout 10 tail --pid="$pid" -f /dev/null 2>/dev/null ||
			kill -KILL "$pid" 2>/dev/null
	done
	if [ "$FAILED" -gt 0 ] || [ "$rc" -ne 0 ]; then
		for log in "$T"/*.log; do
			[ -f "$log" ] || continue
			echo "# --- $(basename "$log") (end)"
			tail -n 40 "$log" | sed 's/^/# /'
		done
	fi
	[ -n "${DF_KEEP:-}" ] && echo "# kept: $T" || rm -rf "$T"
	[ "$rc" -ne 0 ] && exit "$rc"
	[ "$FAILED" -eq 0 ]
	exit $?
}
trap finish EXIT
trap 'exit 130' INT TERM

# check NAME COMMAND...: one case
check() {
	case_name=$1
	shift
	CASES=$((CASES + 1))
	if "$@" >"$T/check.out" 2>&1; then
		echo "ok $CASES - $case_name"
	else
		FAILED=$((FAILED + 1))
		echo "not ok $CASES - $case_name"
		head -n 20 "$T/check.out" | sed 's/^/#   /'
	fi
}
done_testing() { echo "1..$CASES"; }
skip_all() {
	echo "1..0 # skipped: $*"
	exit 77
}
need() {
	for tool in "$@"; do
		command -v "$tool" >/dev/null || skip_all "$tool is not installed"
	done
}

free_port() { python3 "$LIB/ports.py" $$; }

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
	limit=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ "$(date +%s)" -ge "$limit" ]; then
			echo "# gave up waiting for: $*"
			return 1
		fi
		sleep 0.1
	done
}

# node NAME ARGS...: the command on that node
node() {
	dir=$1
	shift
	$IN_NS "$DF_BIN/dcm-forward" -C "$T/$dir" "$@"
}

# json EXPRESSION: evaluates Python over the JSON on standard input, as `j`
json() {
	python3 -c 'import json,sys
j = json.load(sys.stdin)
r = eval(sys.argv[1])
print(r if not isinstance(r, bool) else str(r).lower())' "$1"
}
# truth NODE EXPRESSION COMMAND...: does EXPRESSION hold over its --json?
truth() {
	on=$1
	expression=$2
	shift 2
	[ "$(node "$on" "$@" --json | json "$expression")" = true ]
}

is_ready() { truth "$1" 'bool(j["ready"])' status; }

# start_node NAME: serve in the background, until ready
start_node() {
	$IN_NS "$DF_BIN/dcm-forward" -C "$T/$1" serve >>"$T/$1.log" 2>&1 &
	eval "PID_$1=$!"
	PIDS="$PIDS $!"
	wait_for 20 is_ready "$1"
}
# stop_node NAME [SIGNAL]
stop_node() {
	eval "pid=\$PID_$1"
	kill "-${2:-TERM}" "$pid" 2>/dev/null
	timeout 40 tail --pid="$pid" -f /dev/null
	wait "$pid" 2>/dev/null
}
# room_pids NODE ROOM: processes of that room of that node
room_pids() {
	eval "parent=\$PID_$1"
	pgrep -P "$parent" -f "/df-$2( |\$)"
}
# kill_node_hard NODE: every process of it, at once, with SIGKILL
kill_node_hard() {
	eval "parent=\$PID_$1"
	kill -KILL "$parent" $(pgrep -P "$parent") 2>/dev/null
	timeout 10 tail --pid="$parent" -f /dev/null
	wait "$parent" 2>/dev/null
}

# new_clinic NAME [init arguments]: a node and $DICOM_NAME
new_clinic() {
	name=$1
	shift
	port=$(free_port)
	eval "DICOM_$name=$port"
	node "$name" init --role clinic --name "镇卫生院 $name" \
		--ae-title CLINIC --listen-dicom "127.0.0.1:$port" "$@" >/dev/null &&
		small_reserve "$name" &&
		node "$name" modality add MODALITY >/dev/null
}
# new_centre NAME: a node and $DICOM_NAME, $HTTPS_NAME
new_centre() {
	name=$1
	port=$(free_port)
	https=$(free_port)
	eval "DICOM_$name=$port HTTPS_$name=$https"
	node "$name" init --role centre --name "县医院 $name" --ae-title CENTRE \
		--listen-dicom "127.0.0.1:$port" \
		--listen-https "$CENTRE_HOST:$https" >/dev/null &&
		small_reserve "$name"
}
# a node for a test holds back little of this machine's disk
small_reserve() {
	set_key "$1" spool reserve "16 MiB" && set_key "$1" spool reserve-percent 0
}
# set_key NODE SECTION KEY VALUE: edits its configuration
set_key() {
	python3 "$LIB/set_key.py" "$T/$1/config.ini" "$2" "$3" "$4"
}
# join CLINIC CENTRE [PORT]: enrols, both running; PORT = a line between them
join() {
	eval "url=https://$CENTRE_HOST:\${3:-\$HTTPS_$2}"
	code=$(node "$2" peer invite "镇卫生院 $1") || return 1
	node "$1" peer join "$url" --code "$code"
}

# start_storescp PORT DIR: a PACS that keeps every byte as it came; it accepts
# $PACS_ACCEPTS (options), or every transfer syntax that +xa means
start_storescp() {
	mkdir -p "$2"
	$IN_NS storescp --bit-preserving --fork --unique-filenames ${PACS_ACCEPTS:-+xa} \
		-aet PACS -od "$2" "$1" >>"$T/storescp-$1.log" 2>&1 &
	eval "PID_storescp=$!"
	PIDS="$PIDS $!"
	wait_for 10 $IN_NS echoscu -aec PACS 127.0.0.1 "$1"
}
# send PORT FILE|DIR...: as a modality would; never re-codes
send() {
	port=$1
	shift
	$IN_NS dcmsend --no-halt --decompress-never +sd +r -aet MODALITY \
		-aec CLINIC 127.0.0.1 "$port" "$@" >>"$T/dcmsend.log" 2>&1
}
# send_sure PORT COUNT FILE|DIR...: succeeds only when every one of COUNT was
# answered with Success (dcmsend also ends with 0 when its association broke)
send_sure() {
	port=$1
	wanted=$2
	shift 2
	rm -f "$T/sent.report"
	$IN_NS dcmsend --no-halt --decompress-never +sd +r -aet MODALITY -aec CLINIC \
		+crf "$T/sent.report" 127.0.0.1 "$port" "$@" \
		>>"$T/dcmsend.log" 2>&1
	[ "$(grep -c '^DIMSE Status *: 0x0000' "$T/sent.report")" = "$wanted" ]
}

# sum_of NODE KEY: that count over all studies
sum_of() {
	node "$1" study list --json |
		json "sum(int(s.get('$2') or 0) for s in j['studies'])"
}
# has_at_least NODE KEY N
has_at_least() { [ "$(sum_of "$1" "$2")" -ge "$3" ]; }
# all_settled NODE: all is looked into, no delivery can go on by itself
all_settled() {
	truth "$1" '(lambda q: q["inspected_all"] and not (q["waiting"] or
q["sending"] or q["deferred"]))(j["queue"])' status
}
# send_studies NODE: closes every study by hand
send_studies() {
	node "$1" study list --json |
		json '"\n".join(s["study_uid"] for s in j["studies"])' |
		while read -r uid; do node "$1" study send "$uid" || return 1; done
}
