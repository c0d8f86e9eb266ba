#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# libvirt.sh [JOB...] : libvirt and virt-install, from their packages, on an installed Debian that
# runs on Mullion, do the JOBs of libvirt-in-machine.sh: they find the KVM they expect, and their
# domains run as such. With MULLION_TEST_HYPERVISOR=kvm it is Linux's own, to compare.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/../../scripts/lib/common.sh"
# shellcheck source=test/install/disk.sh
. "$TOP/test/install/disk.sh"
# shellcheck source=test/install/boot.sh
. "$TOP/test/install/boot.sh"

make_disk libvirt
[ -n "${MULLION_BUILT:-}" ] || "$TOP/scripts/image/guest"
if [ "${MULLION_TEST_HYPERVISOR:-mullion}" = mullion ]; then
	install_packages
	runs=mullion
else
	in_machine 'cp /mnt/cloud.vmlinuz /mnt/tiny-* /root'
	runs=plain
fi
install_libvirt
if [[ " $* " = *" installers "* ]]; then put_installer; fi
[ $# -gt 0 ] || set -- libvirt domain complaints
BOOT_SECONDS=3000
boot libvirt bios "$runs $*" -m 2G \
	-drive "file=$BUILD/guest/disk.img,format=raw,if=virtio,snapshot=on"
rm -rf "$DISK" "$SHARE"
step "passed; processor time of this script and of what it started:"
times
