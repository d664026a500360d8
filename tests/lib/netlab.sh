# netlab.sh - a bad line between two network namespaces; source it after node.sh.
#
# How to use it:
#
#	. "$(dirname "$0")/../lib/node.sh"
#	. "$LIB/netlab.sh"
#	start_line --rate 20M --rtt 80 --loss 1      # skips (77) where it cannot be
#	new_centre centre; in_b start_node centre
#	new_clinic clinic; in_a start_node clinic; in_a join clinic centre
#	in_b start_storescp "$pacs" "$T/pacs"; in_a send "$DICOM_clinic" "$T/study"
#	line set loss 2; line cut 5; line down; line up; line reset; line stats
#	[ "$(line_bytes up)" -le 1000000 ]           # what the wire carried, A to B
#
# A program, or a function of node.sh, that runs by in_a is at the clinic's end
# (10.99.0.1, fd99::1), by in_b at the centre's (10.99.0.2, fd99::2); both have
# a loopback of their own, so a modality is in_a, a PACS in_b, on 127.0.0.1.
# Nodes made after start_line listen to peers on $CENTRE_HOST (10.99.0.2; set it
# to [fd99::2] for IPv6). Asking a node needs no in_a: control.sock is a file.
# Settings are in tests/line/badline.c: rate, down-rate, rtt, loss (%), burst,
# queue, cut-every, cut-for, and at the start mtu, seed, congestion, net, far.
# Namespaces have no names and go with their last process, so runs side by side
# do not meet. `$DF_BIN/keepcc COMMAND` runs a command that cannot choose another
# congestion control, as on a kernel that has only one.

# start_line [--NAME VALUE]...: makes it; LINE_PID, and stops at exit
start_line() {
	LINE="$T/line.sock"
	"$DF_BIN/badline" --control "$LINE" "$@" >"$T/line.ready" 2>"$T/line.log" &
	LINE_PID=$!
	until grep -q ready "$T/line.ready"; do
		if ! kill -0 "$LINE_PID" 2>/dev/null; then
			wait "$LINE_PID"
			[ $? -eq 77 ] && skip_all "no namespaces: $(cat "$T/line.log")"
			return 1
		fi
		sleep 0.05
	done
	PIDS="$PIDS $LINE_PID"
	read -r _ LINE_PID LINE_A LINE_B <"$T/line.ready"
	CENTRE_HOST=10.99.0.2
}
# line WORD...: tells it; the answer on standard output
line() { "$DF_BIN/badline" tell "$LINE" "$@"; }
# line_bytes up|down: what the wire has carried since the start or `line reset`
line_bytes() { line stats | json "j['$1']['bytes']"; }
# line_payload up|down: what TCP was given, each byte once
line_payload() { line stats | json "j['$1']['payload']"; }
has_passed() { [ "$(line_bytes "$1")" -ge "$2" ]; }

# in_a COMMAND...: at the clinic's end; in_b: at the centre's
in_a() { in_end "$LINE_A" "$@"; }
in_b() { in_end "$LINE_B" "$@"; }
in_end() {
	IN_NS="nsenter --net=/proc/$LINE_PID/fd/$1"
	shift
	in_rc=0
	case $(command -v "$1") in
	/*) $IN_NS "$@" || in_rc=$? ;;
	*) "$@" || in_rc=$? ;; # its programs go by way of IN_NS
	esac
	IN_NS=
	return $in_rc
}
