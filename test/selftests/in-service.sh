# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Runs in the service domain the tests that /share/tests lists, "SECONDS NAME [ARGUMENT...]" a
# line, and prints "selftest NAME STATE SECONDS" for each, after what it wrote unless it passed.

cd /share/bin && dmesg -c >/dev/null || exit 1
# Some make more threads than the default leaves them room for files.
# shellcheck disable=SC3045 # BusyBox knows it
ulimit -n 4096
while read -r limit name arguments; do
	started=$(cut -d . -f 1 /proc/uptime)
	# shellcheck disable=SC2086 # words
	timeout -k 5 "$limit" "./$name" $arguments >/tmp/said 2>&1 </dev/null
	case $? in
	0) state=passes ;;
	4) state=skips ;; # the suite's own word for it
	124 | 137 | 143) state=late ;;
	*) state=fails ;;
	esac
	[ $state = passes ] || tail -n 12 /tmp/said | sed 's/^/    /'
	echo "selftest $name $state $(($(cut -d . -f 1 /proc/uptime) - started))"
done </share/tests
dmesg | grep -E 'WARNING:|BUG:|Oops|blocked for more|soft lockup' && exit 1
exit 0
