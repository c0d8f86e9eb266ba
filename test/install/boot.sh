# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Boots disk.sh's DISK on the machine with AMD-V that QEMU emulates. Needs common.sh and disk.sh.

# shellcheck source=scripts/lib/machine.sh
. "$TOP/scripts/lib/machine.sh"

need_packages qemu-system-x86 qemu-system-common seabios ovmf

# boot NAME HOW JOB [ARGS...] : the machine, with those further arguments for QEMU, starts by
# HOW (bios, uefi) and does the JOB. Its console is kept as NAME.console, what the job says as
# NAME.answer. It has BOOT_SECONDS for that. With ONE_THREAD, when not empty, several emulated
# processors take turns in one thread.
BOOT_SECONDS=400
ONE_THREAD=
boot() {
	local name=$1 how=$2 job=$3
	shift 3
	step "the machine boots by $how, for: $job"
	at_boot "$job"
	MACHINE_ARGS=()
	machine_processor tcg 1 1536M '' '' "$ONE_THREAD"
	# What the machine has on its disk need not outlive a failure of this one.
	MACHINE_ARGS+=(-drive "file=$DISK,format=raw,if=virtio,cache=unsafe"
		-serial "file:$OUT/$name.console" -serial "file:$OUT/$name.answer" "$@")
	if [ "$how" = uefi ]; then machine_uefi "$OUT"; fi
	timeout $BOOT_SECONDS qemu-system-x86_64 "${MACHINE_ARGS[@]}" </dev/null ||
		fail "QEMU's status is $? (124: not finished in time); see $OUT/$name.console"
	answered "$OUT/$name.answer"
}

# on_mullion NAME : whether that boot went through the hypervisor.
on_mullion() { grep -q '^mullion: AMD-V, ' "$OUT/$1.console"; }
