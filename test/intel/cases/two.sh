# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Two processors: thousands of NMIs, sent to a processor that goes from Linux to a guest and
# back, of which each must arrive in Linux; pages taken from two running vCPUs; and a guest of 64
# bits with two vCPUs by -kernel.
# modules: isolation
# files: test-guests/cloud.vmlinuz test-guests/tiny-amd64.initramfs test/kvm/kvm_smoke
# files: test/payload/leak test/isolation/isolation_probe test/bench/bench
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
rmmod nmi

# A guest that does nothing but exit, so that the processor is in root mode most of the time. What
# comes there on the way into the guest makes it turn back, which counts as a retry.
retries() {
	mullion stat | awk '/^VM/ { guest = 1 } guest && $1 == "retry" { n = $2 } END { print n + 0 }'
}
start busy -cpu host -m 64 -kernel /share/bench -append "only=1 rounds=1000000000 unattended=1"
wait_console busy 60 '^start'
before=$(retries)
taskset 1 insmod /share/nmi.ko cpu=1 count=5000 || fail "NMIs in root mode"
after=$(retries)
say "NMIs sent, $((after - before)) of them on the way into the guest"
[ "$after" -gt "$before" ] || fail "no NMI came on the way into the guest"
running busy || fail "the guest has ended"
mullion stat
stop busy

taskset -p 3 $$
/share/kvm_smoke replaced-pages || fail "pages taken from running vCPUs"
start linux -smp 2 -kernel /share/cloud.vmlinuz -initrd /share/tiny-amd64.initramfs \
	-append "console=ttyS0 cryptomgr.notests"
wait_console linux 200 'Total of 2 processors activated'
wait_console linux 200 GUEST-USERLAND
ended linux || fail "QEMU's status was $?"
say "passed"
