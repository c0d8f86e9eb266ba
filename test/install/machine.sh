#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A Debian on a disk boots plain, gets Mullion's packages, boots into Mullion by BIOS and by
# UEFI and runs a guest, gets a newer kernel and a newer Mullion, loses the packages, and boots
# plain again with everything as it was.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/../../scripts/lib/common.sh"
# shellcheck source=test/install/disk.sh
. "$TOP/test/install/disk.sh"
# shellcheck source=test/install/boot.sh
. "$TOP/test/install/boot.sh"

# remember NAME : what must be as it was, in OUT/NAME: files, packages, and of the boot NAME
# modules and command line. GRUB's environment counts boots; ldconfig and udev have caches.
remember() {
	mkdir "$OUT/$1"
	in_machine "find /boot /etc ! -name grubenv ! -name '*.cache' -printf '%M %u:%g %p %l\n' |
			sort >/mnt/files
		find /boot /etc -type f ! -name grubenv ! -name '*.cache' -exec sha256sum {} + |
			sort >/mnt/content
		dpkg-query -W -f '\${Package} \${Version} \${Status}\n' >/mnt/packages"
	mv "$SHARE"/{files,content,packages} "$OUT/$1"
	grep -E '^(module|cmdline) ' "$OUT/$1.answer" >"$OUT/$1/boot"
}

# newer_package FILE : the same package as of a later version, with another default for what
# people configure.
newer_package() {
	local tree=$OUT/newer
	rm -rf "$tree"
	dpkg-deb -R "$1" "$tree"
	sed -i "s/\b$VERSION\b/$VERSION+1/" "$tree/DEBIAN/control" "$tree/DEBIAN/postinst"
	if [ -d "$tree/usr/src" ]; then
		sed -i "s/\b$VERSION\b/$VERSION+1/" "$tree/DEBIAN/prerm" "$tree"/usr/src/*/dkms.conf
		mv "$tree/usr/src/mullion-$VERSION" "$tree/usr/src/mullion-$VERSION+1"
	else
		sed -i 's/reboot=60/reboot=50/' "$tree/etc/default/mullion"
	fi
	dpkg-deb --root-owner-group -b "$tree" "$SHARE/newer" >/dev/null
}

make_disk install
VERSION=$(dpkg-deb -f "$SHARE"/mullion_*.deb Version)
NEWER=$(cat "$BUILD/machine/newer")
mkdir "$SHARE/newer" "$SHARE/kernel"
cp "$BUILD"/machine/debs/*.deb "$SHARE/kernel"
for package in "$SHARE"/*.deb; do newer_package "$package"; done

boot before bios plain
! on_mullion before || fail "this was to be Linux alone"
remember before

install_packages
grep -q "^menuentry 'Debian GNU/Linux' " "$SHARE/with.cfg" || fail "the menu lost its entry"
grep -q "^menuentry 'Debian GNU/Linux, with Mullion' " "$SHARE/with.cfg" || fail "no menu entry"
in_machine 'modinfo -F signer /lib/modules/*/updates/dkms/mullion.ko |
	grep -x "DKMS module signing key"'
boot bios bios "mullion guest report"
on_mullion bios || fail "the menu's default is not Mullion"
boot uefi uefi mullion
on_mullion uefi || fail "the menu's default is not Mullion"
boot unsuitable bios "plain unsuitable" -cpu "$EMULATED_CPU,-npt"
grep -q '^mullion: error: Mullion cannot run here' "$OUT/unsuitable.console" ||
	fail "Mullion does not say that it cannot run"
diff <(grep '^module ' "$OUT/before/boot") <(grep '^module ' "$OUT/unsuitable.answer") ||
	fail "Linux alone has other modules"

step "apt installs a newer Mullion, where somebody has configured the one before"
in_machine "sed -i 's/reboot=60/reboot=60 loglevel=debug/' /etc/default/mullion
	apt-get -y -o Dpkg::Options::=--force-confdef install /mnt/newer/*.deb
	grep -x 'MULLION_CMDLINE=\"reboot=60 loglevel=debug\"' /etc/default/mullion
	grep 'multiboot2.*/boot/mullion reboot=60 loglevel=debug' /boot/grub/grub.cfg
	test \"\$(dpkg-query -W -f '\${Version}' mullion)\" = $VERSION+1"
step "apt installs Linux $NEWER"
in_machine "apt-get -y install /mnt/kernel/*.deb; dkms status
	modinfo -k $NEWER -F signer mullion | grep -x 'DKMS module signing key'"
boot newer bios "mullion guest"
on_mullion newer || fail "the menu's default is not Mullion"
grep -q "^Linux .* $NEWER " "$OUT/newer.answer" || fail "the newer kernel did not boot"

step "the newer kernel goes, then the packages"
in_machine "apt-get -y purge \$(cd /mnt/kernel; ls | sed 's/_.*//')
	apt-get -y purge mullion mullion-dkms
	! test -e /var/lib/dkms/mullion"
boot after bios plain
! on_mullion after || fail "this was to be Linux alone"
remember after
diff -r "$OUT/before" "$OUT/after" || fail "not everything is as it was"
rm -rf "$DISK" "$SHARE"
step "passed; processor time of this script and of what it started:"
times
