#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# jobs.sh mullion|kvm|bare JOB... : in the service domain, does whole jobs and prints for each
#	job NAME INSTRUCTIONS
#	reason NAME WHAT COUNT
# INSTRUCTIONS are those that the machine executed meanwhile (under -icount), all that it was not
# idle for; WHAT is a counter of exits: a guest's, or those of the service domain itself where the
# job has no guest. Jobs:
#	boot	a guest with a kernel and an initramfs, to its power-off behind its first program
#	idle	a minute of a guest with four vCPUs whose only program sleeps
#	build	the benchmark's payload by gcc, in the service domain, the cheapest of three times
# Needs in /share: cloud.vmlinuz and tiny-amd64.initramfs; compiler.cpio, and the payload's
# sources in payload/.

where=$1
shift

fail() {
	echo "jobs: $*" >&2
	cat /tmp/console 2>/dev/null
	exit 1
}

# The instructions so far: a nanosecond each, without the idle ones.
instructions() {
	awk '/^now at/ { now = $3 }
		/\.(idle|iowait)_sleeptime/ { idle += $3 }
		END { printf "%.0f\n", now - idle }' /proc/timer_list
}

# counters VM : a line "WHAT COUNT" for each, summed up: with VM = 0 the service domain's exits,
# otherwise the guests'.
counters() {
	case $where in
	mullion) mullion stat --json | sed 's/[{},]/\n/g' | awk -F '"?:' -v service=$((!$1)) '
		{ sub(/^"/, "") }
		$1 == "vm" { wanted = ($2 == 0) == service }
		$1 == "index" || $1 == "pid" { next }
		wanted && $2 ~ /^[0-9]+$/ && $1 != "vm" { count[$1] += $2 }
		END { for (what in count) print what, count[what] }' ;;
	kvm)
		[ "$1" = 0 ] || for file in /sys/kernel/debug/kvm/*; do
			[ ! -f "$file" ] || echo "${file##*/} $(cat "$file")"
		done
		;;
	esac | sort >"$2"
}

# report NAME BEFORE AFTER INSTRUCTIONS
report() {
	echo "job $1 $4"
	awk -v job="$1" 'FILENAME == ARGV[1] { before[$1] = $2; next }
		$2 > before[$1] { print "reason", job, $1, $2 - before[$1] }' "$2" "$3"
}

# guest ARGUMENTS... : starts one; its console is /tmp/console.
guest() {
	rm -f /tmp/console
	qemu-system-x86_64 -accel kvm -cpu host -m 256 -nic none -display none -no-reboot \
		-no-shutdown -serial file:/tmp/console -monitor none -kernel /tmp/cloud.vmlinuz \
		-initrd /tmp/tiny-amd64.initramfs "$@" </dev/null &
	qemu=$!
}

end_guest() {
	kill $qemu
	wait $qemu
}

# Time that nothing happens in costs nothing, so each wait is one long sleep.
job_boot() {
	counters 1 /tmp/before
	start=$(instructions)
	guest -append "console=ttyS0 quiet"
	sleep 20
	end=$(instructions)
	counters 1 /tmp/after
	grep -q GUEST-USERLAND /tmp/console || fail "the guest did not reach userland"
	end_guest
	report boot /tmp/before /tmp/after $((end - start))
}

job_idle() {
	guest -smp 4 -append \
		'console=ttyS0 quiet rdinit=/bin/busybox -- sh -c "echo GUEST-USERLAND; exec /bin/busybox sleep 10000"'
	sleep 20
	grep -q GUEST-USERLAND /tmp/console || fail "the guest did not reach userland"
	counters 1 /tmp/before
	start=$(instructions)
	sleep 60
	end=$(instructions)
	counters 1 /tmp/after
	end_guest
	report idle /tmp/before /tmp/after $((end - start))
}

job_build() {
	least=
	mkdir -p /tmp/compiler
	(cd /tmp/compiler && cpio -idm </tmp/compiler.cpio 2>/dev/null && cp -r /share/payload/. work)
	mount -t devtmpfs devtmpfs /tmp/compiler/dev
	for turn in 1 2 3; do
		rm -f /tmp/compiler/work/program
		counters 0 "/tmp/before$turn"
		start=$(instructions)
		(
			cd /tmp/compiler || exit
			chroot . /usr/bin/gcc -O2 -ffreestanding -fno-pic -no-pie -mgeneral-regs-only \
				-mno-red-zone -fno-stack-protector -nostdlib -static -I work \
				-Wl,-T,work/payload.lds -Wl,--build-id=none -o work/program \
				work/*.c work/*.S
		) || fail "gcc failed"
		end=$(instructions)
		counters 0 "/tmp/after$turn"
		[ -s /tmp/compiler/work/program ] || fail "gcc made nothing"
		if [ -z "$least" ] || [ $((end - start)) -lt "$least" ]; then
			least=$((end - start)) cheapest=$turn
		fi
	done
	report build "/tmp/before$cheapest" "/tmp/after$cheapest" "$least"
}

# Out of the share, whose server is not of this machine.
cp /share/cloud.vmlinuz /share/tiny-amd64.initramfs /share/compiler.cpio /tmp
case $where in
kvm) mount -t debugfs none /sys/kernel/debug 2>/dev/null ;;
bare) modprobe -r kvm_amd || modprobe -r kvm_intel ;;
esac
for job; do "job_$job"; done
