# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# The part of poke.sh that runs in the service domain.

fail() {
	echo "poke: FAILED: $*"
	exit 1
}

dmesg -n 8
insmod /share/poke.ko || fail "the module found a hole"

# The kernel reports each of the tries that follow at length.
dmesg -n 1
# Linux lets root map through /dev/mem what is reserved; that is where root mode is. The
# process that touches it dies of it, and nothing else. What firmware reserves may be read.
refused=0
# shellcheck disable=SC2013 # addresses are words
for range in $(sed -n 's/^\([0-9a-f]*\)-[0-9a-f]* : Reserved$/\1/p' /proc/iomem); do
	address=$((0x$range))
	# Root mode's begin on a page, above 1 MiB, and below the devices.
	if [ $((address % 4096)) != 0 ] || [ "$address" -lt 1048576 ] ||
		[ "$address" -ge $((0xb0000000)) ]; then
		continue
	fi
	if devmem "$address" 64 >/dev/null 2>&1; then continue; fi
	refused=$((refused + 1))
	if dd if=/dev/mem bs=4096 skip=$((address / 4096)) count=1 of=/dev/null 2>/dev/null; then
		fail "$range cannot be mapped, but read"
	fi
done
[ "$refused" -ge 1 ] || fail "/dev/mem gives root mode's memory away"
echo "poke: $refused reserved ranges cannot be read through /dev/mem"
mullion info || fail "mullion info has no answer"
echo "poke: passed"
