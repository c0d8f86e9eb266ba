# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# AMD-V as Bochs has it, a second opinion on svm/. Not here: guests that spin with interrupts
# off, for Bochs has no physical interrupt end them; triple faults, which end Bochs; and page
# faults from the module's emulator, for Bochs's VMRUN does not load CR2.
# files: test/kvm/kvm_smoke test/payload/modes
grep -qw svm /proc/cpuinfo || fail "no AMD-V"
/share/kvm_smoke ports mmio strings interrupts dirty-log in-kernel-writes ||
	fail "the smoke test of the KVM interface"
qemu-system-x86_64 -accel kvm -cpu host -nodefaults -vga std -display none -serial stdio \
	-monitor none -no-reboot -m 64 -device isa-debug-exit,iobase=0xf4,iosize=4 \
	-kernel /share/modes </dev/null
[ $? = 1 ] || fail "payload modes"
say "passed"
