# SPDX-License-Identifier: GPL-2.0-only
# Two guests at the same time, one of 64 and one of 32 bits.
# files: test-guests/cloud.vmlinuz test-guests/tiny-amd64.initramfs
# files: test-guests/686-pae.vmlinuz test-guests/tiny-i386.initramfs
start one -kernel /share/cloud.vmlinuz -initrd /share/tiny-amd64.initramfs \
	-append "console=ttyS0 quiet"
start two -kernel /share/686-pae.vmlinuz -initrd /share/tiny-i386.initramfs \
	-append "console=ttyS0 quiet"
wait_console one 300 GUEST-USERLAND
wait_console two 300 GUEST-USERLAND
