# SPDX-License-Identifier: GPL-2.0-only
# Debian's 32-bit kernel with PAE reaches userland and powers off.
# files: test-guests/686-pae.vmlinuz test-guests/tiny-i386.initramfs
start linux32 -kernel /share/686-pae.vmlinuz -initrd /share/tiny-i386.initramfs \
	-append "console=ttyS0 quiet"
wait_console linux32 250 GUEST-USERLAND
ended linux32 || fail "QEMU's status was $?"
