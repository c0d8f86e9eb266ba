# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Bootable disk images out of directories, without loop devices; and commands in them. Needs
# common.sh.

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

# disk_from_root ROOT IMAGE LABEL [SPARE] : a raw GPT disk with GRUB for BIOS and for UEFI
# and an ext4 file system LABEL that holds ROOT, whose /boot/grub/grub.cfg GRUB reads. It has
# room for another quarter, and for SPARE MiB.
disk_from_root() {
	local root=$1 image=$2 label=$3 scratch size
	# In MiB: the BIOS boot partition, the EFI system partition, then the root.
	local bios=1 esp=2 fs=10

	scratch=$(mktemp -d)
	size=$(($(du -sm "$root" | cut -f1) * 5 / 4 + ${4:-128}))
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

# have_loop_devices : whether in_disk can work here. A container may have none.
have_loop_devices() {
	local image loop
	image=$(mktemp)
	truncate -s 1M "$image"
	loop=$(as_root losetup --find --show "$image" 2>/dev/null) &&
		as_root losetup --detach "$loop" && as_root unshare --mount true
	local status=$?
	rm -f "$image"
	return $status
}

# in_disk IMAGE DIR COMMAND : runs COMMAND by a shell in the Debian on disk_from_root's IMAGE,
# with its root file system mounted and DIR as /mnt. There the disk is called /dev/vda, as in
# the machine; what the machine is busy with otherwise is not to be seen. Needs root.
in_disk() {
	local loop status=0
	need_packages fdisk mount
	loop=$(as_root losetup --find --show --partscan "$1")
	# Not every kernel finds the partitions by itself.
	[ -e "${loop}p3" ] || as_root partx --add "$loop"
	as_root unshare --mount bash -euc "$IN_DISK" "$loop" "$2" "$3" || status=$?
	as_root losetup --detach "$loop"
	return $status
}

# With /dev made anew before the mount, GRUB and the initramfs know the disk by its name there.
# shellcheck disable=SC2016
IN_DISK='
root=$(mktemp -d)
trap "umount --recursive --lazy $root; rmdir $root" EXIT
device() { mknod -m 666 "/dev/$1" "$2" "$3" "$4"; }
disk=$(stat -c "b 0x%t 0x%T" "$0") part=$(stat -c "b 0x%t 0x%T" "${0}p3")
uuid=$(blkid -s UUID -o value "${0}p3")
mount -t tmpfs dev /dev
mkdir -p /dev/disk/by-uuid /dev/pts
device vda $disk
device vda3 $part
device null c 1 3
device zero c 1 5
device random c 1 8
device urandom c 1 9
ln -s /proc/self/fd /dev/fd
ln -s ../../vda3 "/dev/disk/by-uuid/$uuid"
mount -t devpts -o newinstance,ptmxmode=666 devpts /dev/pts
ln -s pts/ptmx /dev/ptmx
mount /dev/vda3 "$root"
mount --bind /dev "$root/dev"
mount --bind /dev/pts "$root/dev/pts"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs tmp "$root/tmp"
mount --bind "$1" "$root/mnt"
chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
	DEBIAN_FRONTEND=noninteractive sh -euc "$2"
'
