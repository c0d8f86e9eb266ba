#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh tcg|kvm|mullion IMAGE [ARGUMENTS] : boots a payload guest in stock QEMU, on QEMU's
# software processor, or in the service domain on Mullion or on Debian's own KVM; prints its
# report and succeeds if all of its tests passed.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/machine.sh
. "$TOP/scripts/lib/machine.sh"

where=$1 image=$2 arguments=${3:-}
machine=(-nodefaults -vga std -display none -serial stdio -monitor none -no-reboot -m 256
	-device "isa-debug-exit,iobase=0xf4,iosize=4")

# 1 is what isa-debug-exit makes of the payload's 0.
if [ "$where" = tcg ]; then
	need_packages qemu-system-x86 seabios
	status=0
	qemu-system-x86_64 -accel tcg -cpu "$EMULATED_CPU" "${machine[@]}" -kernel "$image" \
		-append "emulated=1 $arguments" </dev/null || status=$?
	exit $((status != 1))
fi

# A write to CR8 makes QEMU's software processor abort below KVM.
if [ "$where" = kvm ]; then arguments+=" cr8=0"; fi
emulated=$([ "$(machine_accel auto)" = tcg ] && echo 1 || echo 0)
share=$(mktemp -d)
trap 'rm -rf "$share"' EXIT
cp "$image" "$share/payload"
"$TOP/scripts/run" --batch --timeout "${MULLION_PAYLOAD_TIMEOUT:-300}" --hypervisor "$where" \
	--share "$share" --exec "dmesg -n 4
qemu-system-x86_64 -accel kvm -cpu host ${machine[*]} -kernel /share/payload \
	-append 'emulated=$emulated $arguments' </dev/null
[ \$? = 1 ]"
