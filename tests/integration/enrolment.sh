#!/bin/sh
# enrolment.sh - a code works once, for one key, at one centre.
. "$(dirname "$0")/../lib/node.sh"
need python3

new_centre centre && new_centre other && new_clinic one && new_clinic two || exit 1
start_node centre && start_node other && start_node one && start_node two || exit 1
code=$(node centre peer invite "一号卫生院")
check "the code stands alone on standard output" \
	test "$(printf '%s\n' "$code" | wc -l) $(printf %s "$code" | wc -w)" = "1 1"
url=https://127.0.0.1:$HTTPS_centre

refused() { # NODE WORD ARGUMENTS...: fails, and says WORD
	on=$1
	word=$2
	shift 2
	node "$on" "$@" >"$T/refused" 2>&1 && return 1
	cat "$T/refused"
	grep -qi "$word" "$T/refused"
}
check "a code of another centre is refused before anything is sent" \
	refused one "key" peer join "https://127.0.0.1:$HTTPS_other" --code "$code"
typo=$(printf %s "$code" | tr 'A-Za-z0-9' 'B-ZAb-za1-90' | cut -c1)${code#?}
check "a mistyped code is refused" \
	refused one "code" peer join "$url" --code "$typo"
check "the clinic joins" node one peer join "$url" --code "$code"
check "the centre lists it" truth centre "len(j['peers']) == 1" peer list
check "the same code again, from another clinic, is refused" \
	refused two "used" peer join "$url" --code "$code"
check "the line works" \
	wait_for 20 truth one "any(d['up'] for d in j['queue']['destinations'])" status
done_testing
