# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# refusals-in-service.sh mullion|kvm : the part of refusals.sh that runs in the service domain,
# with Mullion below it or without.

fail() {
	echo "refusals: FAILED: $*"
	echo "--- the last kernel messages"
	dmesg | tail -n 10
	exit 1
}

# refuses MODULE ERROR TEXT : loading it fails with that error, and the kernel's log says why.
refuses() {
	dmesg -c >/dev/null
	if insmod "$1" 2>/tmp/said; then fail "$1 was loaded"; fi
	grep -qF "$2" /tmp/said || fail "$1: '$(cat /tmp/said)', not '$2'"
	dmesg | grep -qF "$3" || fail "$1: the log does not say '$3'"
	echo "refusals: as it must be: $(dmesg | grep -F "$3" | tail -n 1)"
}

module=/lib/modules/$(uname -r)/updates/dkms/mullion.ko
case $1 in
kvm)
	[ -c /dev/kvm ] || fail "Debian's KVM does not serve /dev/kvm"
	refuses /share/mullion.ko 'No such device' 'does not run on the Mullion hypervisor'
	[ -c /dev/kvm ] || fail "Debian's KVM lost /dev/kvm"
	;;
mullion)
	rmmod mullion || fail "the module cannot be unloaded"
	[ ! -e /dev/kvm ] || fail "/dev/kvm is still there without the module"

	# Debian's KVM, which a distribution loads where it sees the processor's flag.
	modprobe kvm || fail "Debian's kvm.ko cannot be loaded"
	refuses "$(find /lib/modules -name kvm-amd.ko)" 'not supported' 'disabled by bios'
	[ ! -e /dev/kvm ] || fail "Debian's KVM has taken /dev/kvm"

	insmod /share/holder.ko || fail "the holder of /dev/kvm cannot be loaded"
	refuses $module 'resource busy' '/dev/kvm is taken'
	rmmod holder || fail "the refused module holds on to something"

	refuses /share/other-abi.ko 'No such device' \
		'this module speaks ABI version 65535, the hypervisor version'

	# What was refused has left nothing behind.
	insmod $module || fail "the module cannot be loaded after all"
	mullion info >/dev/null || fail "mullion info has no answer"
	;;
esac
echo "refusals: passed"
