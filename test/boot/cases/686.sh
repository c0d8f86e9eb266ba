# SPDX-License-Identifier: GPL-2.0-only
# Debian's 32-bit kernel without PAE reaches userland and powers off.
start linux32 -kernel /share/686.vmlinuz -initrd /share/tiny-i386.initramfs \
	-append "console=ttyS0 quiet"
wait_console linux32 250 GUEST-USERLAND
ended linux32 || fail "QEMU's status was $?"
