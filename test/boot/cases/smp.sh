# SPDX-License-Identifier: GPL-2.0-only
# Guests with several vCPUs: the interrupt controllers all in the kernel, and split.
# files: test-guests/cloud.vmlinuz test-guests/tiny-amd64.initramfs
start kernel -smp 4 -kernel /share/cloud.vmlinuz -initrd /share/tiny-amd64.initramfs \
	-append "console=ttyS0"
wait_console kernel 200 'Total of 4 processors activated'
wait_console kernel 200 GUEST-USERLAND
ended kernel
start split -machine q35,kernel-irqchip=split -smp 2 -kernel /share/cloud.vmlinuz \
	-initrd /share/tiny-amd64.initramfs -append "console=ttyS0"
wait_console split 200 'Total of 2 processors activated'
wait_console split 200 GUEST-USERLAND
ended split
