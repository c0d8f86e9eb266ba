# SPDX-License-Identifier: GPL-2.0-only
# A guest's network card that Linux's vhost-net serves: the guest's kicks reach it by an ioeventfd
# and its interrupts the guest by an irqfd, neither by way of QEMU. Data go both ways unharmed.
# files: test-guests/cloud.vmlinuz test-guests/work.initramfs
megabytes=8
network_up
dd if=/dev/urandom of=/run/data bs=1M count=$megabytes 2>/dev/null
socat -u OPEN:/run/data TCP-LISTEN:7001 &
socat -u TCP-LISTEN:7002 OPEN:/run/back,creat &
start net -kernel /share/cloud.vmlinuz -initrd /share/work.initramfs $NETWORK \
	-append "console=ttyS0 quiet job=\"ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up
ping -c 5 10.9.0.1; nc 10.9.0.1 7001 >/tmp/data; nc 10.9.0.1 7002 </tmp/data
grep virtio0 /proc/interrupts; echo JOB-DONE\""
wait_console net 120 GUEST-USERLAND
wait_console net 30 ', 0% packet loss'
vhost_runs net
wait_console net 120 JOB-DONE
ended net
grep -A 99 '^PING' /share/out/net.console
cmp /run/data /run/back || fail "what came back is not what was sent"
say "$megabytes MB went there and back"
