# Common parts of the scripts: the working directory, messages and waiting. To be sourced.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/.."
log=dist/setup.log

# die SENTENCE: prints the problem and its remedy on standard error, and ends with exit code 1.
die() {
	echo "heddle: $*" >&2
	exit 1
}

# quietly WHAT COMMAND...: runs the command with its output in the log. Names the step only if it takes more than two
# seconds, and shows the end of the output if it fails.
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
