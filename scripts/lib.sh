# Common parts of the scripts: the working directory, messages, waiting, and Debian systems. To be sourced.
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

# apt_mirror SUITE: the mirror from which this machine's apt takes the suite.
apt_mirror() {
	apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null | awk -v suite="$1" '$1 == suite { sub("/$", "", $2); print $2; exit }'
}

# debian_tree FOLDER SUITE PACKAGES ARCHITECTURE MIRROR: fills the folder with Debian's minimal system and the packages
# (separated by commas), without documentation and caches.
debian_tree() {
	local root=$1 suite=$2 packages=$3 architecture=$4 mirror=$5
	debootstrap --variant=minbase --arch="$architecture" --include="$packages" "$suite" "$root" "$mirror" || return
	rm -rf "$root"/usr/share/{doc,man,info,locale,lintian,bug,doc-base,groff} "$root"/var/cache/{apt,debconf}/* \
		"$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/debootstrap
}
