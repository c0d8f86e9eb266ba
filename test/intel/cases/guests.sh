# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Each way of an interrupt, and unmodified kernels that reach userland: of 64 bits by SeaBIOS and
# GRUB from a disk, of 32 bits without PAE by -kernel. One with a network by vhost-net, and one that
# gives memory back.
# disk: test-guests/cloud.vmlinuz test-guests/tiny-amd64.initramfs
# files: test/kvm/kvm_irqchip test-guests/686.vmlinuz test-guests/tiny-i386.initramfs
# files: test-guests/cloud.vmlinuz test-guests/work.initramfs
# files: ./test/boot/cases/vhost-net.sh ./test/boot/cases/giving-back.sh
/share/kvm_irqchip || fail "the interrupt controllers"
start disk -drive file=/share/disk.qcow2,format=qcow2,if=virtio
wait_console disk 60 GUEST-USERLAND
ended disk || fail "QEMU's status was $?"
start linux32 -kernel /share/686.vmlinuz -initrd /share/tiny-i386.initramfs \
	-append "console=ttyS0 quiet cryptomgr.notests"
wait_console linux32 60 GUEST-USERLAND
ended linux32 || fail "QEMU's status was $?"
. /share/vhost-net.sh
. /share/giving-back.sh
cat /share/out/*.console
mullion stat
say "passed"
