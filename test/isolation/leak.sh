#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# leak.sh PAYLOAD PROBE [TURNS] : nothing leaks across a switch. In the service domain first
# the module switch.c enters a guest of its own, with all registers filled on both sides; then
# the payload guest `leak` runs in QEMU beside the process `probe`, each with values of its
# own in its registers.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/../../scripts/lib/common.sh"
# shellcheck source=test/kmod/build.sh
. "$TOP/test/kmod/build.sh"

share_test_modules isolation switch
cp "$1" "$share/leak"
cp "$2" "$share/probe"
cat >"$share/run" <<'END'
dmesg -n 7
insmod /share/switch.ko turns=$1 || exit 1
/share/probe &
probe=$!
qemu-system-x86_64 -accel kvm -cpu host -nodefaults -display none -serial stdio -monitor none \
	-no-reboot -m 64 -device isa-debug-exit,iobase=0xf4,iosize=4 -kernel /share/leak \
	-append "turns=$(($1 / 10))" </dev/null
guest=$?
kill -TERM $probe || exit 1
wait $probe && [ $guest = 1 ]
END
"$TOP/scripts/run" --batch --timeout "${MULLION_LEAK_TIMEOUT:-380}" --share "$share" \
	--exec "sh /share/run ${3:-20000}"
