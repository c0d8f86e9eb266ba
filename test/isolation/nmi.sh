#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# nmi.sh PAYLOAD [COUNT] : NMIs find the service domain (nmi.c) while the payload guest `leak`
# runs on the processor that they are sent to; none of them is the guest's.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/../../scripts/lib/common.sh"
# shellcheck source=test/kmod/build.sh
. "$TOP/test/kmod/build.sh"

share_test_modules isolation nmi
cp "$1" "$share/leak"
cat >"$share/run" <<'END'
dmesg -n 7
taskset 2 qemu-system-x86_64 -accel kvm -cpu host -nodefaults -display none -monitor none \
	-serial file:/run/console -no-reboot -m 64 -device isa-debug-exit,iobase=0xf4,iosize=4 \
	-kernel /share/leak -append turns=2000 </dev/null &
guest=$!
until grep -q '^1\.\.' /run/console 2>/dev/null; do
	kill -0 $guest || exit 1
	sleep 0.1
done
taskset 1 insmod /share/nmi.ko cpu=1 count=$1 || exit 1
wait $guest
status=$?
cat /run/console
[ $status = 1 ]
END
"$TOP/scripts/run" --batch --smp 2 --timeout 280 --share "$share" --exec "sh /share/run ${2:-5000}"
