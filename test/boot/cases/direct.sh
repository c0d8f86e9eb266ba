# SPDX-License-Identifier: GPL-2.0-only
# The default guest's kernel and initramfs by QEMU's -kernel, its disk as the root.
# files: guest/vmlinuz guest/initrd.img guest/disk.img
start direct -m 512 -kernel /share/vmlinuz -initrd /share/initrd.img \
	-append "root=LABEL=guest-root ro console=ttyS0 quiet" \
	-drive "$(default_disk)"
wait_console direct 300 'login: *$'
