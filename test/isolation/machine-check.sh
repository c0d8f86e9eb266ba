#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# machine-check.sh [COUNT] : machine checks find the service domain (machine_check.c), injected by
# the monitor of the machine's QEMU while a processor goes from Linux to root mode and back. No
# guest runs: QEMU 7.2 delivers machine checks to guests whatever is intercepted.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/../../scripts/lib/common.sh"
# shellcheck source=test/kmod/build.sh
. "$TOP/test/kmod/build.sh"

count=${1:-100}
need_packages socat
share_test_modules isolation machine_check
monitor=$share/monitor log=$share/log

# seen TEXT : until it is on the console, and not for ever.
seen() {
	local i
	for ((i = 0; i < 3000; i++)); do
		if grep -q "machine checks: $1\>" "$log"; then return; fi
		sleep 0.02
	done
	exit 1
}

# Each waits for the one before: a machine check during another one ends the machine.
inject() {
	local sent
	seen ready
	for ((sent = 1; sent <= count; sent++)); do
		# Bank 0 of processor 1: valid, uncorrected; what it interrupts can go on.
		echo "mce 1 0 0xa000000000000000 5 0 0"
		seen "number $sent"
	done | socat - "UNIX-CONNECT:$monitor" >"$share/answers"
}
: >"$log"
inject &
injector=$!
trap 'kill $injector 2>/dev/null || true; rm -rf "$share"' EXIT
"$TOP/scripts/run" --batch --smp 2 --timeout 280 --share "$share" \
	--machine-args "-monitor unix:$monitor,server,nowait" --exec "dmesg -n 7
taskset 1 insmod /share/machine_check.ko cpu=1 count=$count ||
	{ tail -n 3 /share/answers; false; }" 2>&1 | tee "$log"
