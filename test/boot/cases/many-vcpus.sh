# SPDX-License-Identifier: GPL-2.0-only
# A guest with 64 vCPUs, more than there are processors.
# files: test-guests/cloud.vmlinuz test-guests/tiny-amd64.initramfs
start many -smp 64 -m 512 -kernel /share/cloud.vmlinuz -initrd /share/tiny-amd64.initramfs \
	-append "console=ttyS0"
wait_console many 1200 'Total of 64 processors activated'
wait_console many 600 GUEST-USERLAND
ended many
! grep -E 'WARNING: CPU|BUG:|Oops|soft lockup' /share/out/many.console || fail "its Linux complains"
