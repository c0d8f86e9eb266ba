#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bochs.sh [libvirt] : the disk of machine.sh, with the packages, boots into Mullion on VT-x, as
# Bochs has it; with libvirt's, too, to the end of a domain. This is run by hand: it takes about four
# minutes of processor time, with libvirt ten.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/bochs.sh
. "$TOP/scripts/lib/bochs.sh"
# shellcheck source=test/install/disk.sh
. "$TOP/test/install/disk.sh"

bochs_prepare
make_disk install-bochs
install_packages
step "somebody changes Linux's command line"
# A word for this machine, see scripts/run; and what Linux says is to be seen.
in_machine 'sed -i "s/highres=off/highres=off tsc_early_khz=100000/; s/=\"quiet\"/=/" \
	/etc/default/grub
	update-grub'
jobs=mullion
if [ "${1:-}" = libvirt ]; then
	install_libvirt
	jobs+=" libvirt domain complaints"
fi
at_boot "$jobs"
step "the machine boots"
bochs_configure "$OUT" corei7_haswell_4770 1 1024 "$DISK"
bochs_run "$OUT" 3600 || { bochs_explain "$OUT"; fail "the machine did not power off"; }
grep -q "^mullion: VT-x" "$OUT/console" || fail "Mullion did not start"
answered "$OUT/answer"
rm -rf "$DISK" "$SHARE"
step "passed"
