# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Two processors, two guests at the same time.
# files: test-guests/cloud.vmlinuz test-guests/tiny-amd64.initramfs
# files: test/kvm/kvm_smoke
[ "$(nproc)" = 2 ] || fail "Linux has $(nproc) processors"
/share/kvm_smoke replaced-pages || fail "pages that are replaced under running vCPUs"
for name in one two; do
	start $name -kernel /share/cloud.vmlinuz -initrd /share/tiny-amd64.initramfs \
		-append "console=ttyS0 quiet cryptomgr.notests"
done
wait_console one 90 GUEST-USERLAND
wait_console two 90 GUEST-USERLAND
ended one || fail "QEMU's status was $?"
ended two || fail "QEMU's status was $?"
say "passed"
