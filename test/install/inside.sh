#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A Debian gets Mullion's packages by apt while it runs, its emulated processor compiling the
# module, boots into Mullion, and on it gets a newer kernel by "apt upgrade". It takes long, nearly
# all of it the compiler's: a quarter of an hour of processor time for each build of the module.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/../../scripts/lib/common.sh"
# shellcheck source=test/install/disk.sh
. "$TOP/test/install/disk.sh"
# shellcheck source=test/install/boot.sh
. "$TOP/test/install/boot.sh"

# current_package NAME DEPENDS : a newer one of those by which Debian names its current kernel.
current_package() {
	local tree=$OUT/current
	mkdir -p "$tree/DEBIAN" "$SHARE/repository"
	cat >"$tree/DEBIAN/control" <<-END
		Package: $1
		Version: 99
		Architecture: amd64
		Maintainer: nobody <nobody@localhost>
		Depends: $2
		Description: the current kernel
	END
	dpkg-deb --root-owner-group -b "$tree" "$SHARE/repository" >/dev/null
	rm -r "$tree"
}

make_disk inside
NEWER=$(cat "$BUILD/machine/newer")
current_package linux-image-amd64 "linux-image-$NEWER"
current_package linux-headers-amd64 "linux-headers-$NEWER"
cp "$BUILD"/machine/debs/*.deb "$BUILD/machine/newer" "$SHARE/repository"
in_machine 'mkdir /root/packages
	cp /mnt/*.deb /root/packages
	cp /mnt/cloud.vmlinuz /mnt/tiny-* /root
	cp -r /mnt/repository /root
	cd /root/repository
	dpkg-scanpackages . >Packages
	rm -rf /etc/apt/sources.list.d
	echo "deb [trusted=yes] file:/root/repository ./" >/etc/apt/sources.list
	# Nor has it what its packages recommend, for which apt would hold back an upgrade.
	echo "APT::Install-Recommends no;" >/etc/apt/apt.conf.d/00recommends'

BOOT_SECONDS=7200
boot install bios install_here -smp 2
boot mullion bios "mullion guest report"
on_mullion mullion || fail "the menu's default is not Mullion"
# With a thread for each processor QEMU's AMD-V is not to be relied on: see docs/debugging.md.
ONE_THREAD=1
boot upgrade bios "mullion upgrade_here" -smp 2
boot newer bios "mullion guest"
on_mullion newer || fail "the menu's default is not Mullion"
grep -q "^Linux .* $NEWER " "$OUT/newer.answer" || fail "the newer kernel did not boot"
rm -rf "$DISK" "$SHARE"
step "passed; processor time of this script and of what it started:"
times
