# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What systemd need not start in a system that lives for a minute.

# Under emulation these take most of its time: an administrator's choice, no change to what
# the packages hold.
MASKED_UNITS=(apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer
	e2scrub_reap.service fstrim.timer getty-static.service modprobe@.service dev-hugepages.mount
	dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount
	proc-sys-fs-binfmt_misc.automount systemd-journal-flush.service
	systemd-pcrphase.service systemd-pcrphase-sysinit.service
	systemd-random-seed.service systemd-update-utmp.service
	systemd-update-utmp-runlevel.service)

# mask_units ROOT : in the system below ROOT; and with a machine-id its first boot is none,
# which would enable every unit anew.
mask_units() {
	local unit
	for unit in "${MASKED_UNITS[@]}"; do ln -sf /dev/null "$1/etc/systemd/system/$unit"; done
	echo 6d756c6c696f6e2d6d616368696e6530 >"$1/etc/machine-id"
}
