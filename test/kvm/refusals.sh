#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# mullion.ko refuses to be loaded, with a clear line, where it cannot serve: /dev/kvm is
# another's, the hypervisor has another ABI version, there is no Mullion at all.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/../../scripts/lib/common.sh"
# shellcheck source=test/kmod/build.sh
. "$TOP/test/kmod/build.sh"

# make_other_abi RELEASE : the module as of an ABI version that no hypervisor has, built of
# copies in $BUILD/test-modules/other-abi.
make_other_abi() {
	local out=$BUILD/test-modules/other-abi abi=hv/include/mullion/abi.h
	mkdir -p "$out/hv"
	cp -rpu "$TOP/hv/include" "$out/hv/"
	cp -rpu "$TOP/vmm-user" "$out/"
	# Not again when nothing has changed, for all depends on it.
	if ! grep -q '^#define MULLION_ABI_VERSION 65535$' "$out/$abi"; then
		sed -i 's/^\(#define MULLION_ABI_VERSION\) .*/\1 65535/' "$out/$abi"
	fi
	quietly "$BUILD/test-module.log" make -C "$out/vmm-user/module" \
		"KDIR=/usr/src/linux-headers-$1"
}

build_test_module kvm
exclusively test-modules make_other_abi "$(cat "$BUILD/service/release")"
share=$(mktemp -d)
trap 'rm -rf "$share"' EXIT
cp "$BUILD/test-modules/test/kvm/holder.ko" "$BUILD/module/mullion.ko" \
	"$TOP/test/kvm/refusals-in-service.sh" "$share"
cp "$BUILD/test-modules/other-abi/vmm-user/module/mullion.ko" "$share/other-abi.ko"
for below in mullion kvm; do
	"$TOP/scripts/run" --batch --timeout 120 --hypervisor "$below" --share "$share" \
		--exec "sh /share/refusals-in-service.sh $below"
done
