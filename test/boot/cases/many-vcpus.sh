# SPDX-License-Identifier: GPL-2.0-only
# A guest with 64 vCPUs, more than there are processors. Its Linux complains of nothing.
# files: test-guests/cloud.vmlinuz test-guests/work.initramfs
start many -smp 64 -m 512 -kernel /share/cloud.vmlinuz -initrd /share/work.initramfs \
	-append "console=ttyS0 quiet job=\"echo \$(nproc) processors
echo \$(dmesg | grep -c 'Call[ ]Trace') traces\""
wait_console many 1200 '^64 processors'
wait_console many 100 '^0 traces'
stop many
