# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# The part of cli.sh that runs in the service domain. What it leaves in /share is judged
# outside.

fail() {
	echo "cli: FAILED: $*"
	exit 1
}

# says STATUS PATTERN COMMAND... : the command's status and something in its output.
says() {
	status=$1 pattern=$2
	shift 2
	"$@" >/tmp/output 2>&1
	result=$?
	if [ $result != "$status" ] || ! grep -qe "$pattern" /tmp/output; then
		cat /tmp/output
		fail "'$*' ended with $result; awaited: $status and '$pattern'"
	fi
}

# until_true COMMAND... : waits for it, up to a minute.
until_true() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 120 ] || fail "in vain: $*"
		sleep 0.5
	done
}

# guest ARGS... : a guest in the background; its PID is in $!.
guest() {
	qemu-system-x86_64 -accel kvm -m 64 -nodefaults -display none -no-reboot "$@" \
		>/dev/null 2>&1 &
}

lists() { mullion info | grep -q "^ .* $1  qemu"; }
guests() { [ "$(mullion info | sed -n 's/^Guests: *//p')" = "$1" ]; }
runs() { mullion stat --vm "$1" | grep -q '^  io *[1-9]'; }
vm_of() { mullion info | awk -v pid="$1" 'NF > 2 && $(NF-1) == pid { print $1 }'; }

says 0 'Guests: *0$' mullion info
says 0 '^Service domain' mullion stat
says 0 '^mullion: Mullion ' mullion dmesg
says 0 '^0x200100 [a-z0-9_]*+0x[0-9a-f]*/0x[0-9a-f]*$' mullion symbolize 200100
says 1 'no VM 1023' mullion stat --vm 1023
says 2 'no command' mullion bogus
says 2 'Try' mullion stat --interval no
says 1 'not an ELF file' mullion dmesg --elf /init
says 1 'could not be written' sh -c 'mullion info >/dev/full'

echo 'nobody:x:65534:65534::/:/bin/sh' >>/etc/passwd
says 1 'run this as root' su nobody -c 'mullion info'
rmmod mullion || fail "the module cannot be unloaded"
says 1 'module is not loaded' mullion stat
modprobe mullion || fail "the module cannot be loaded again"

guest
one=$!
guest
two=$!
until_true lists $one
until_true lists $two
until_true runs "$(vm_of $one)"
until_true runs "$(vm_of $two)"
mullion info --json >/share/info.json || fail "info --json"
mullion stat --json --interval 0.5 --count 2 >/share/stat.json || fail "stat --json"
says 0 'per second over 0.[2-9]' mullion stat --interval 0.3 --count 1
says 1 'could not\|cannot\|can.t' rmmod mullion
kill -9 $one
until_true guests 1
lists $two || fail "the other guest is gone"
kill -9 $two
until_true guests 0
mullion info --json >/share/info-after.json || fail "info --json"

# A guest that ends in a triple fault at its first instructions: LIDT of nothing, INT3.
mullion dmesg --follow >/tmp/followed &
follower=$!
head -c 65536 /dev/zero >/tmp/bios
printf '\017\001\036\000\000\314' | dd of=/tmp/bios bs=1 seek=65520 conv=notrunc 2>/dev/null
guest -bios /tmp/bios
wait $! || fail "QEMU's status was $?"
until_true grep -q 'vcpu 0: triple fault' /tmp/followed
until_true grep -q 'code: cc' /tmp/followed
kill $follower
mullion dmesg --json >/share/dmesg.json || fail "dmesg --json"
