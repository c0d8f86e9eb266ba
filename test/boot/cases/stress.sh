# SPDX-License-Identifier: GPL-2.0-only
# A Debian with 4 vCPUs, its disk on virtio-blk, its network on vhost-net: to its login, and then under
# stress-ng's workers for clocks, memory, the disk and processors, while data go over the network.
# Neither Linux has anything to complain of. MULLION_TEST_SECONDS is how long (60).
# files: guest/vmlinuz guest/initrd.img guest/disk.img test-guests/stress.img
seconds=${MULLION_TEST_SECONDS:-60}
trouble='WARNING: CPU|BUG:|Oops|rcu.*(stall|self-detected)|[Ss]oft lockup|hung task|blocked for more'
network_up
socat -u TCP-LISTEN:7003,fork,reuseaddr SYSTEM:'sha256sum >>/run/sums' &
# The job is a disk, as a console takes a few characters at a time. What a minimal Debian has not got
# is on the other.
printf '%-4096s' "mount -r /dev/vdb /mnt
PATH=\$PATH:/mnt; card=\$(ls /sys/class/net | grep -v lo)
busybox ip addr add 10.9.0.2/24 dev \$card; busybox ip link set \$card up
busybox ping -c 2 10.9.0.1; echo \$(nproc) processors; echo STRESS-BEGINS
while :; do seq 5000 | busybox nc 10.9.0.1 7003; done &
LD_LIBRARY_PATH=/mnt/lib stress-ng --temp-path /var/tmp --clock 2 --cpu 2 --vm 2 --vm-bytes 48M \
	--hdd 1 --hdd-bytes 16M --verify --metrics-brief -t $seconds; echo STATUS-\$?-
cat /sys/devices/system/clocksource/*/current_clocksource
dmesg | grep -E -A20 '$trouble'; echo JOB-DONE; exit
" >/run/job
# Not by its firmware, which polls its disk: of two processors in one thread, the one that polls
# keeps the other, which would serve it, waiting for a tenth of a second.
start stressed -smp 4 -m 512 $NETWORK -kernel /share/vmlinuz -initrd /share/initrd.img \
	-append "root=LABEL=guest-root ro console=ttyS0 quiet systemd.default_timeout_start_sec=900" \
	-drive "$(default_disk)" \
	-drive file=/share/stress.img,format=raw,if=virtio,readonly=on \
	-drive file=/run/job,format=raw,if=virtio,readonly=on
wait_console stressed 900 'login: *$'
type_in stressed root
wait_console stressed 200 'root@.*# *$'
type_in stressed "sh /dev/vdc"
wait_console stressed 100 '^STRESS-BEGINS'
vhost_runs stressed
wait_console stressed $((2 * seconds + 300)) '^JOB-DONE'
vhost_runs stressed
sed -n '/^STRESS-BEGINS/,/^JOB-DONE/p' /share/out/stressed.console
console_shows stressed '^4 processors' && console_shows stressed STATUS-0- ||
	fail "stress-ng or the guest has not done what was asked"
grep -E "$trouble" /share/out/stressed.console && fail "the guest's Linux complains"
dmesg | grep -E "$trouble" && fail "the service domain's Linux complains"
[ "$(sort -u /run/sums)" = "$(seq 5000 | sha256sum)" ] || fail "what came over the network differs"
say "$(wc -l </run/sums) transfers arrived whole"
mullion stat
