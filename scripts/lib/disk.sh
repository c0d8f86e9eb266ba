# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Bootable disk images out of directories, without loop devices. Needs common.sh.

# le32 VALUE, le64 VALUE : the value's bytes, least significant first.
le32() {
	local i
	for i in 0 8 16 24; do printf '%b' "\\x$(printf %02x $(($1 >> i & 255)))"; done
}
le64() { le32 $(($1 & 0xffffffff)); le32 $(($1 >> 32)); }

# put FILE OFFSET : writes standard input into FILE at that byte.
put() { dd of="$1" bs=64K seek="$2" oflag=seek_bytes conv=notrunc status=none; }

# grub_bios_install IMAGE SECTOR CONFIG MODULE... : GRUB for BIOS, with its second
# stage at SECTOR (a BIOS boot partition's first). What grub-bios-setup does for a
# mounted disk: the master boot record learns where the second stage begins, and
# that one's first sector where its rest lies (GRUB's boot.h: 0x5c; diskboot: 0x1f4).
grub_bios_install() {
	local image=$1 sector=$2 config=$3 core
	shift 3
	core=$(mktemp)
	grub-mkimage -O i386-pc -p /boot/grub -c "$config" -o "$core" biosdisk part_gpt "$@"
	le64 $((sector + 1)) | put "$core" $((0x1f4))
	head -c 440 /usr/lib/grub/i386-pc/boot.img | put "$image" 0
	le64 "$sector" | put "$image" $((0x5c))
	put "$image" $((sector * 512)) <"$core"
	rm -f "$core"
}

# disk_from_root ROOT IMAGE LABEL : a raw GPT disk with GRUB for BIOS and for UEFI and
# an ext4 file system LABEL that holds ROOT, whose /boot/grub/grub.cfg GRUB reads.
disk_from_root() {
	local root=$1 image=$2 label=$3 scratch size
	# In MiB: the BIOS boot partition, the EFI system partition, then the root.
	local bios=1 esp=2 fs=10

	scratch=$(mktemp -d)
	size=$(($(du -sm "$root" | cut -f1) * 5 / 4 + 128))
	cat >"$scratch/grub.cfg" <<-END
		search --no-floppy --set=root --label $label
		set prefix=(\$root)/boot/grub
	END
	rm -f "$image"
	truncate -s $((fs + size + 1))M "$image"
	sfdisk --quiet "$image" <<-END
		label: gpt
		start=${bios}MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649
		start=${esp}MiB, size=8MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
		start=${fs}MiB, size=${size}MiB, type=L
	END

	mke2fs -q -t ext4 -L "$label" -d "$root" "$scratch/root.ext4" "${size}M"
	dd if="$scratch/root.ext4" of="$image" bs=1M seek=$fs conv=notrunc,sparse status=none

	grub-mkimage -O x86_64-efi -p /boot/grub -c "$scratch/grub.cfg" \
		-o "$scratch/bootx64.efi" part_gpt ext2 search search_label normal linux \
		serial terminal echo boot
	mformat -i "$image@@${esp}M" -T 16384 -h 64 -s 32 ::
	mmd -i "$image@@${esp}M" ::/EFI ::/EFI/BOOT
	mcopy -i "$image@@${esp}M" "$scratch/bootx64.efi" ::/EFI/BOOT/BOOTX64.EFI

	grub_bios_install "$image" $((bios * 2048)) "$scratch/grub.cfg" \
		ext2 search search_label normal linux serial terminal echo boot
	rm -rf "$scratch"
}
