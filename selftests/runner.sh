# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# To be sourced: runs test programs that print KTAP, one after the other, and
# prints one KTAP stream. A program's results are nested in the stream and
# followed by one result for the program itself, which also fails if the program
# crashes, hangs, or has no results at all.
#
# run_program calls after_program, if there is such a function: it prints what
# is wrong outside of the program, and succeeds if there is something.

number=0
failures=0

program=''

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap '[ -z "$program" ] || kill -KILL -- "-$program"; exit 143' INT TERM HUP
mkfifo "$scratch/output"

result() { # ok|"not ok" NAME [REASON]
	number=$((number + 1))
	[ "$1" = ok ] || failures=$((failures + 1))
	echo "$1 $number $2${3:+ # $3}"
}

# Indents the program's output as it comes, so that it is there if the machine
# dies in the middle. Fails if there was no result in it.
nest() { # LIMIT
	timeout "$1" awk '
		{ print "  " $0; fflush() }
		/^ *(not )?ok([^a-z]|$)/ { results++ }
		/^ *1\.\.0/ { results++ }
		END { exit !results }' <"$scratch/output"
}

how_it_ended() { # STATUS LIMIT
	case $1 in
	124 | 137) echo "still running after $2 s" ;;
	13[0-9] | 14[0-9] | 15[0-9]) echo "ended by signal $(kill -l "$1")" ;;
	*) echo "exit status $1" ;;
	esac
}

run_program() { # NAME LIMIT COMMAND...
	local name=$1 limit=$2 nest status=0 nested=0 reason=''

	shift 2
	echo "  # Subtest: $name"
	nest $((limit + 15)) &
	nest=$!
	timeout -k 5 "$limit" "$@" >"$scratch/output" 2>&1 </dev/null &
	program=$!
	wait "$program" || status=$?
	# timeout made it a process group: what is left of it would hold the pipe
	kill -KILL -- "-$program" 2>/dev/null || true
	program=''
	wait "$nest" || nested=$?

	case $status in
	0) ;;
	4) result ok "$name" "SKIP" && return ;; # kselftest's exit status
	*) reason=$(how_it_ended "$status" "$limit") ;;
	esac
	[ "$nested" = 0 ] || reason=${reason:-no results}
	if declare -F after_program >/dev/null && after_program "$name" >"$scratch/after"; then
		sed 's/^/  # /' "$scratch/after"
		reason=${reason:-the kernel complains}
	fi
	if [ -n "$reason" ]; then
		result "not ok" "$name" "$reason"
	else
		result ok "$name"
	fi
}

# Ends the stream, and the script
finish() {
	echo "1..$number"
	exit $((failures > 0))
}
