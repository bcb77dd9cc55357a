# What the scripts share: where we are, how they speak, how they wait. To be sourced.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/.."
log=dist/setup.log

# die SENTENCE: what is missing and how to get it, on standard error; exit code 1.
die() {
	echo "heddle: $*" >&2
	exit 1
}

# quietly WHAT COMMAND...: runs the command with its output in the log; says what it waits for only where that takes
# more than two seconds, and shows the end of the output where it fails.
quietly() {
	local what=$1 pid timer status=0
	shift
	mkdir -p dist
	{ echo "== $what: $*"; date; } >>"$log"
	"$@" >>"$log" 2>&1 </dev/null &
	pid=$!
	{ sleep 2 && echo "$what ..."; } >&2 &
	timer=$!
	wait "$pid" || status=$?
	kill "$timer" 2>/dev/null || true
	wait "$timer" 2>/dev/null || true
	if [ "$status" != 0 ]; then
		tail -n 25 "$log" >&2
		die "$what: \`$*\` ended with exit code $status (whole output: $log)"
	fi
}
