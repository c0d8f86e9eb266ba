# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A Debian on a disk that gets Mullion's packages. What is installed while the machine is off is
# installed by apt in its disk, by this host's processor, because compilers are slow in
# emulation. Sets OUT, SHARE, DISK; needs common.sh.

# shellcheck source=scripts/lib/disk.sh
. "$TOP/scripts/lib/disk.sh"

PATH=$PATH:/usr/sbin:/sbin
STARTED=$(date +%s)

step() { echo "install: $(($(date +%s) - STARTED)) s: $*"; }

fail() {
	echo "install: FAILED: $*"
	exit 1
}

# make_disk NAME : a disk for the test NAME, and SHARE with the packages and a guest.
make_disk() {
	OUT=$BUILD/boot-tests/$1
	SHARE=$OUT/share
	DISK=$OUT/disk.img
	if [ -z "${MULLION_BUILT:-}" ]; then
		"$TOP/scripts/image/machine"
		"$TOP/scripts/image/test-guests"
	fi
	rm -rf "$OUT"
	mkdir -p "$SHARE"
	cp --sparse=always "$BUILD/machine/disk.img" "$DISK"
	cp "$BUILD"/packages/*.deb "$BUILD"/test-guests/{cloud.vmlinuz,tiny-amd64.initramfs} \
		"$TOP"/test/install/*in-machine.sh "$SHARE"
}

# in_machine COMMAND : while it is off, with SHARE as /mnt.
in_machine() { in_disk "$DISK" "$SHARE" "$1" >>"$OUT/apt.log" 2>&1 || fail "$1: see $OUT/apt.log"; }

install_packages() {
	step "apt installs the packages"
	in_machine 'apt-get -y install /mnt/*.deb; cp /mnt/cloud.vmlinuz /mnt/tiny-* /root
		cp /boot/grub/grub.cfg /mnt/with.cfg'
}

# install_libvirt : with virt-install.
install_libvirt() {
	step "apt installs libvirt"
	cp -r "$BUILD/machine/libvirt" "$SHARE"
	in_machine 'apt-get -y --no-install-recommends install /mnt/libvirt/*.deb'
}

# put_installer : for virt-install, a CD with Debian's.
put_installer() {
	step "a CD is made"
	"$TOP/scripts/image/iso" "$SHARE/installer.iso" '' '' "$BUILD/test-guests/installer-text.linux" \
		"console=ttyS0 quiet" "$BUILD/test-guests/installer-text.initrd"
	in_machine 'cp /mnt/installer.iso /var/lib/libvirt/images'
}

# at_boot JOB : what of in-machine.sh the machine does when it is switched on the next time.
at_boot() {
	printf '#!/bin/sh\nsh /root/in-machine.sh %s 2>&1\necho "status $?"\n' "$1" >"$SHARE/job"
	in_machine 'cp /mnt/*in-machine.sh /mnt/job /root; chmod +x /root/job'
}

# answered FILE : shows what the job said, and fails unless it succeeded.
answered() {
	# UEFI firmware and GRUB write to this port, too.
	sed -n '/JOB/,$p' "$1"
	grep -q '^status 0' "$1" || fail "the job failed in the machine; see $1"
}
