# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# AMD-V as Bochs has it, a second opinion on svm/. Not here is what its AMD-V does wrong: guests
# that spin with interrupts off, which no physical interrupt ends; triple faults, which end
# Bochs; page faults by the module's emulator, for VMRUN does not load CR2, though each exit stores
# it (of the check "state" CR2 is all that fails); single steps over what exits, for the trap comes
# in root mode.
# files: test/kvm/kvm_smoke test-guests/686.vmlinuz test-guests/tiny-i386.initramfs
grep -qw svm /proc/cpuinfo || fail "no AMD-V"
/share/kvm_smoke ports mmio strings interrupts dirty-log state-without-cr2 \
	in-kernel-writes ||
	fail "the smoke test of the KVM interface"
start linux32 -kernel /share/686.vmlinuz -initrd /share/tiny-i386.initramfs \
	-append "console=ttyS0 quiet cryptomgr.notests"
wait_console linux32 90 GUEST-USERLAND
ended linux32 || fail "QEMU's status was $?"
say "passed"
