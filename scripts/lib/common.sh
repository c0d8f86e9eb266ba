# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What every script here starts with: places, messages, packages, stamps.
# Source it; it sets TOP (the source tree) and BUILD (everything that is made).

set -euo pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${MULLION_BUILD:-$TOP/build}
mkdir -p "$BUILD"
BUILD=$(cd "$BUILD" && pwd)

# say TEXT... : one line of progress, on standard error.
say() { echo "mullion: $*" >&2; }

# die TEXT... : says what is wrong and ends the script with status 2.
die() {
	echo "mullion: error: $*" >&2
	exit 2
}

# as_root COMMAND... : runs it as root, through sudo for an ordinary user.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "'$*' needs root: run this as root, or install sudo"
	fi
}

# apt_get ARGS... : apt-get without questions, waiting for another one to finish.
apt_get() {
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@"
}

# need_packages NAME... : installs those Debian packages that are missing.
need_packages() {
	local missing=() name

	command -v dpkg-query >/dev/null ||
		die "this is no Debian system (no dpkg): these scripts install Debian's packages"
	for name; do
		dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed ||
			missing+=("$name")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	say "installing packages: ${missing[*]}"
	if ! apt_get install --no-install-recommends "${missing[@]}" >"$BUILD/apt.log" 2>&1; then
		apt_get update >>"$BUILD/apt.log" 2>&1 || true
		apt_get install --no-install-recommends "${missing[@]}" >>"$BUILD/apt.log" 2>&1 ||
			die "apt-get could not install ${missing[*]}: see $BUILD/apt.log"
	fi
}

# fingerprint WORD... : a hash of the words; of a file's content where one names a file.
fingerprint() {
	local word
	for word; do
		if [ -f "$word" ]; then sha256sum <"$word"; else echo "$word"; fi
	done | sha256sum | cut -c1-32
}

# is_current STAMP HASH : whether the thing that STAMP stands for was made of HASH.
is_current() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

# exclusively NAME COMMAND... : runs it while holding the lock NAME, so that two scripts
# started together do not build the same thing twice.
exclusively() {
	local lock=$BUILD/.$1.lock
	shift
	(
		flock -n 9 || { say "waiting for another script that builds here"; flock 9; }
		"$@"
	) 9>"$lock"
}

# quietly LOG COMMAND... : runs it with its output in LOG, whose end is shown on failure.
quietly() {
	local log=$1
	shift
	if ! "$@" >"$log" 2>&1; then
		tail -n 30 "$log" >&2
		die "failed: $* (all of its output is in $log)"
	fi
}

# pack_tree DIR [PATH] : what is in DIR, or at PATH below it, as a cpio archive for the kernel, to
# standard output. Its files are root's, and it depends on nothing but them. Needs cpio.
pack_tree() {
	(cd "$1" && find "${2:-.}" | LC_ALL=C sort | cpio --quiet --reproducible -R 0:0 -o -H newc)
}
