# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Test modules for the service domain's kernel. Needs scripts/lib/common.sh.

# build_test_module DIR : builds the module in test/DIR. Copies of the sources are
# built, because the kernel's build system writes beside them. Its .ko is then in
# $BUILD/test-modules/test/DIR/.
build_test_module() {
	local release out=$BUILD/test-modules
	"$TOP/scripts/image/service"
	release=$(cat "$BUILD/service/release")
	need_packages "linux-headers-$release"
	exclusively test-modules
	mkdir -p "$out/test/$1" "$out/hv"
	cp -rpu "$TOP/hv/include" "$out/hv/"
	cp -rpu "$TOP/test/kmod" "$out/test/"
	cp -rpu "$TOP/test/$1/." "$out/test/$1/"
	quietly "$BUILD/test-module.log" make -C "/usr/src/linux-headers-$release" \
		"M=$out/test/$1" modules
}
