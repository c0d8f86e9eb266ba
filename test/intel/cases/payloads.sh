# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# The KVM interface, the payload guests in stock QEMU, and what a killed QEMU leaves behind.
# files: test/kvm/kvm_smoke test/kvm/kvm_debug test/kvm/kvm_smm test/payload/cpu test/payload/memory test/payload/modes
# files: test/payload/leak test/isolation/isolation_probe test-guests/exit.img

/share/kvm_smoke ports mmio strings interrupts signals dirty-log state in-kernel-writes \
	shutdown || fail "the smoke test of the KVM interface"
# Not handler and blocked: Bochs does not unblock NMIs at an entry.
/share/kvm_smm narrow relocation spaces slot-deleted refused behind-exception user-space apic init \
	|| fail "system management mode"
/share/kvm_debug || fail "debuggers outside the guest"

failed=
# payload NAME ARGUMENTS
payload() {
	say "payload $1"
	qemu-system-x86_64 -accel kvm -cpu host -nodefaults -vga std -display none -serial stdio \
		-monitor none -no-reboot -m 64 -device isa-debug-exit,iobase=0xf4,iosize=4 \
		-kernel "/share/$1" -append "$2" </dev/null
	[ $? = 1 ] || failed="$failed $1"
}
payload cpu
payload memory
payload modes

# Values of their own in the registers of a guest and of a process beside it.
/share/isolation_probe &
probe=$!
payload leak turns=300
kill -TERM $probe
wait $probe || failed="$failed probe"
[ -z "$failed" ] || fail "payloads:$failed"

# A small guest runs from a disk before and after another one is killed.
truncate -s 1M /share/exit.img # a BIOS takes no disk for one that is less than a cylinder
small() {
	start "$1" -drive file=/share/exit.img,format=raw,if=virtio \
		-device isa-debug-exit,iobase=0xf4,iosize=4
	ended "$1"
	[ $? = 33 ] || fail "guest $1 did not run to its end"
}
small first
accounts >/run/before
start victim -kernel /share/modes -append forever=1
sleep 1
[ "$(guests)" = 1 ] || fail "mullion info lists $(guests) guests instead of one"
kill -9 "$(pid_of victim)"
ended victim
[ "$(guests)" = 0 ] || fail "the killed guest is still listed"
same_accounts /run/before
small next
same_accounts /run/before
say "passed"
