# SPDX-License-Identifier: GPL-2.0-only
# A guest gives memory back, by virtio-balloon and by virtio-mem: it leaves QEMU's process and the
# nested tables, and the service domain has it again.
# files: test-guests/cloud.vmlinuz test-guests/work.initramfs
# Megabytes: of QEMU's process, mapped into guests, available in the service domain.
process() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$(pid_of giver)/status" | awk '{ print int($1 / 1024) }'; }
mapped() { accounts | sed -n 's/^mapped://p' | awk '{ print int($1 / 1048576) }'; }
available() { awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo; }
look() {
	now_process=$(process) now_mapped=$(mapped) now_available=$(available)
	say "$1: QEMU's process has $now_process MB, $now_mapped are mapped, $now_available available"
}
# gave_back MEGABYTES : since the last look, but for what the guest had never touched, and others take
gave_back() {
	old_process=$now_process old_mapped=$now_mapped old_available=$now_available
	look "$2"
	[ $((old_process - now_process)) -ge $(($1 * 3 / 4)) ] || fail "QEMU's process has kept it"
	[ $((old_mapped - now_mapped)) -ge $(($1 * 3 / 4)) ] || fail "it is still mapped"
	# Linux's own estimate, of which others have taken meanwhile.
	[ $((now_available - old_available)) -ge $(($1 / 2)) ] || fail "Linux has not got it"
}
balloon_is() { monitor giver "info balloon" | grep -q "actual=$1"; }
plugged_is() { monitor giver "qom-get vm0 size" | grep -q "^$1\$"; }

start giver -m 256M,maxmem=1G -kernel /share/cloud.vmlinuz -initrd /share/work.initramfs \
	-device virtio-balloon-pci -object memory-backend-ram,id=more,size=128M \
	-device virtio-mem-pci,id=vm0,memdev=more,requested-size=128M \
	-append "console=ttyS0 quiet memhp_default_state=online_movable job=\"
until [ \$(awk '/MemTotal/ { print \$2 }' /proc/meminfo) -gt 250000 ]; do sleep 1; done
mount -t tmpfs -o size=100% tmpfs /mnt
dd if=/dev/zero of=/mnt/fill bs=1M count=\$(awk '/MemAvailable/ { print int(\$2 / 1024) - 24 }' /proc/meminfo)
rm /mnt/fill; echo FILLED; sleep 1000\""
wait_console giver 200 FILLED
look "filled"
monitor giver "qom-set vm0 requested-size 0" >/dev/null
wait_for 60 giver "virtio-mem is unplugged" plugged_is 0
sleep 1
gave_back 128 "unplugged"
monitor giver "balloon 160" >/dev/null
wait_for 120 giver "the balloon is full" balloon_is 160
sleep 1
gave_back 96 "inflated"
stop giver
