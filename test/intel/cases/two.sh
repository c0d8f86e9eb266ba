# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Two processors: thousands of NMIs, sent to a processor that goes from Linux to a guest and
# back, of which each must arrive in Linux; and a guest of 64 bits with two vCPUs by -kernel.
# modules: isolation
# files: test-guests/cloud.vmlinuz test-guests/tiny-amd64.initramfs
# files: test/payload/leak test/isolation/isolation_probe
[ "$(nproc)" = 2 ] || fail "Linux has $(nproc) processors"

taskset -p 2 $$
start beside -cpu host -m 64 -device isa-debug-exit,iobase=0xf4,iosize=4 \
	-kernel /share/leak -append turns=300
wait_console beside 60 '^1\.\.'
/share/isolation_probe &
probe=$!
dmesg -n 7
taskset 1 insmod /share/nmi.ko cpu=1 count=10000 || fail "NMIs"
say "NMIs sent"
kill -TERM $probe
wait $probe || fail "registers of a process"
ended beside
[ $? = 1 ] || fail "registers of a guest"
mullion stat

taskset -p 3 $$
start linux -smp 2 -kernel /share/cloud.vmlinuz -initrd /share/tiny-amd64.initramfs \
	-append "console=ttyS0 cryptomgr.notests"
wait_console linux 200 'Total of 2 processors activated'
wait_console linux 200 GUEST-USERLAND
ended linux || fail "QEMU's status was $?"
say "passed"
