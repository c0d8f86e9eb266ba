# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Debian's Xen on QEMU's AMD-V, to compare with. Needs common.sh and machine.sh.

# xen_cd FILE PAYLOAD ARGUMENTS : a CD from which GRUB starts the payload. (QEMU's own loader would
# put it where Xen has its firmware, at 1 MiB.)
xen_cd() {
	mkdir -p "$1.tree/boot/grub"
	cp "$2" "$1.tree/boot/payload"
	printf '%s\n' "multiboot /boot/payload $3" boot >"$1.tree/boot/grub/grub.cfg"
	quietly "$BUILD/iso.log" grub-mkrescue -d /usr/lib/grub/i386-pc --locales= --fonts= --themes= \
		--install-modules="normal multiboot" -o "$1" "$1.tree"
	rm -rf "$1.tree"
}

# xen_run DIR LOG SECONDS : boots Xen with a PVH dom0 that has DIR as /job, runs /job/command, and
# powers off; instructions are counted, and the console is in LOG. Fails unless the command
# succeeds. A PV dom0 does not run on the software processor, whose far return between rings is not
# the processor's; nor does a PVH one's virtio-blk. And a time-stamp counter that does not call
# itself invariant, though it is, would have Xen emulate dom0's reads of it.
xen_run() {
	local initramfs=$1.initramfs
	pack_tree "$1/.." "./${1##*/}" | cat - "$BUILD/xen/initramfs" >"$initramfs"
	machine_processor tcg 1 4G 1 ''
	machine_boot multiboot "$BUILD/xen/xen" "com1=115200,8n1 console=com1 dom0=pvh dom0_mem=1G \
iommu=no-intremap cpuidle=0 mwait-idle=0 spec-ctrl=no" "$BUILD/xen/vmlinuz" "console=hvc0 quiet" \
		"$initramfs" ''
	timeout --foreground -k 5 "$3" qemu-system-x86_64 "${MACHINE_ARGS[@]}" -device amd-iommu \
		-cpu "$EMULATED_CPU,-rdtscp,-monitor,+invtsc,x-force-features=on" -serial "file:$2" \
		</dev/null 2>>"$2" && grep -q '^dom0: success' "$2"
}
