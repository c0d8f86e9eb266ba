# SPDX-License-Identifier: GPL-2.0-only
# A guest with 4 vCPUs, its disk on virtio-blk and its network on vhost-net, under stress-ng's workers
# for clocks, memory, the disk and processors, while data go over the network. Neither Linux has
# anything to complain of. MULLION_TEST_SECONDS is how long (60).
# files: test-guests/cloud.vmlinuz test-guests/work.initramfs guest/disk.img test-guests/stress.img
seconds=${MULLION_TEST_SECONDS:-60}
trouble='WARNING: CPU|BUG:|Oops|rcu.*(stall|self-detected)|[Ss]oft lockup|hung task|blocked for more'
network_up
socat -u TCP-LISTEN:7003,fork,reuseaddr SYSTEM:'sha256sum >>/run/sums' &
start stressed -smp 4 -m 384 $NETWORK -kernel /share/cloud.vmlinuz -initrd /share/work.initramfs \
	-drive file=/share/disk.img,format=raw,if=virtio,snapshot=on \
	-drive file=/share/stress.img,format=raw,if=virtio,readonly=on \
	-append "console=ttyS0 quiet job=\"mount -t ext4 /dev/vda3 /mnt
mount -o bind /dev /mnt/dev; mount -t proc proc /mnt/proc; mount -t sysfs sys /mnt/sys
mount -t ext4 -r /dev/vdb /mnt/mnt; echo \$(nproc) processors
ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up; ping -c 2 10.9.0.1; echo STRESS-BEGINS
while :; do seq 5000 | nc 10.9.0.1 7003; done &
LD_LIBRARY_PATH=/mnt/lib chroot /mnt /mnt/stress-ng --temp-path /var/tmp --clock 2 --cpu 2 --vm 2 \
--vm-bytes 48M --hdd 1 --hdd-bytes 16M --verify --metrics-brief -t $seconds; echo STATUS-\$?-
cat /sys/devices/system/clocksource/*/current_clocksource; dmesg; echo JOB-DONE\""
wait_console stressed 600 STRESS-BEGINS
vhost_runs stressed
wait_console stressed $((2 * seconds + 300)) JOB-DONE
vhost_runs stressed
sed -n '/STRESS-BEGINS/,/^\[ /p' /share/out/stressed.console
console_shows stressed '^4 processors' && console_shows stressed STATUS-0- ||
	fail "stress-ng or the guest has not done what was asked"
grep -E "$trouble" /share/out/stressed.console && fail "the guest's Linux complains"
dmesg | grep -E "$trouble" && fail "the service domain's Linux complains"
[ "$(sort -u /run/sums)" = "$(seq 5000 | sha256sum)" ] || fail "what came over the network differs"
say "$(wc -l </run/sums) transfers arrived whole"
mullion stat
