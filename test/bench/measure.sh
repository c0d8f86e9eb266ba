#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# measure.sh COUNTER ARGUMENTS QEMU-ARGUMENT... : in the service domain, runs the payload
# /share/bench in stock QEMU and prints a line for each operation:
#	result NAME ROUNDS TICKS TRANSITIONS
# COUNTER says where transitions are counted: mullion, or kvm.

counter=$1 arguments=$2
shift 2

# What has been counted so far: an exit and an entry are two transitions. Mullion makes two
# more where the exit goes to the service domain.
transitions() {
	case $counter in
	mullion) mullion stat --json | grep -oE '"(vm|exits|to_service)":[0-9]+' | awk -F: '
		$1 == "\"vm\"" { guest = $2; next }
		guest { exits += $2 }
		END { print 2 * exits }' ;;
	kvm) echo $((2 * $(cat /sys/kernel/debug/kvm/exits))) ;;
	esac
}

fail() {
	echo "measure: $*" >&2
	kill "$qemu" 2>/dev/null
	exit 1
}

# BusyBox's read knows -t.
# shellcheck disable=SC3045
# next : the payload's next line, in $line; once it has said something, and so can take an NMI,
# it is woken again each second, halted as it is.
next() {
	until read -r -t 1 line <&3; do
		if ! kill -0 "$qemu" 2>/dev/null; then
			wait "$qemu"
			fail "QEMU ended with status $?"
		fi
		tries=$((tries + 1))
		[ $tries -lt 60 ] || fail "the payload says nothing"
		[ -z "$heard" ] || echo nmi >&4
	done
	tries=0 heard=1
}

[ "$counter" != kvm ] || mount -t debugfs none /sys/kernel/debug 2>/dev/null
dir=$(mktemp -d)
mkfifo "$dir/monitor.in" "$dir/monitor.out" "$dir/serial.in" "$dir/serial.out"
# Linux has huge pages for the first part of the memory, and none for that of a memfd. The
# block device's own thread tells the guest of a request's end by an irqfd.
qemu-system-x86_64 -accel kvm -cpu host -machine q35 -smp 2 -m 320 -nodefaults -display none \
	-object memory-backend-ram,id=large,size=256M -numa node,cpus=0-1,memdev=large \
	-object memory-backend-memfd,id=small,size=64M -numa node,memdev=small \
	-object iothread,id=thread,poll-max-ns=0 \
	-blockdev driver=null-co,node-name=null,size=1048576,read-zeroes=on \
	-device virtio-blk-pci,drive=null,iothread=thread \
	-no-reboot -chardev "pipe,id=monitor,path=$dir/monitor" -mon chardev=monitor \
	-chardev "pipe,id=serial,path=$dir/serial" -serial chardev:serial -serial null \
	-device isa-debug-exit,iobase=0xf4,iosize=4 \
	-kernel /share/bench -append "$arguments" "$@" &
qemu=$!
exec 4<>"$dir/monitor.in" 3<>"$dir/serial.out"
cat "$dir/monitor.out" >/dev/null &

tries=0 heard=
while next; do
	# shellcheck disable=SC2086
	set -- ${line%?}
	case $1 in
	start)
		before=$(transitions)
		: >/share/started
		;;
	end) counted=$(($(transitions) - before)) ;;
	result)
		echo "result $2 $3 $4 $counted"
		continue
		;;
	done) break ;;
	"") continue ;;
	*)
		echo "measure: the payload says: $line" >&2
		continue
		;;
	esac
	echo nmi >&4
done
wait $qemu
[ $? = 1 ] # what isa-debug-exit makes of the payload's 0
