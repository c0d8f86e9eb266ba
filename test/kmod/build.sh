# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Test modules for the service domain's kernel. Needs scripts/lib/common.sh.

# build_test_module DIR : builds the modules in test/DIR; they are then in
# $BUILD/test-modules/test/DIR/.
build_test_module() {
	[ -n "${MULLION_BUILT:-}" ] || "$TOP/scripts/image/service"
	need_packages "linux-headers-$(cat "$BUILD/service/release")"
	exclusively test-modules make_test_module "$1" "$(cat "$BUILD/service/release")"
}

# share_test_modules DIR MODULE... : builds those modules of test/DIR, and makes $share, a
# directory with them in it that goes when the script ends.
share_test_modules() {
	local dir=$1 module
	shift
	build_test_module "$dir"
	share=$(mktemp -d)
	trap 'rm -rf "$share"' EXIT
	for module; do cp "$BUILD/test-modules/test/$dir/$module.ko" "$share"; done
}

# The kernel's build system writes beside the sources, so it gets copies of them.
make_test_module() {
	local out=$BUILD/test-modules
	mkdir -p "$out/test/$1" "$out/hv"
	cp -rpu "$TOP/hv/include" "$out/hv/"
	cp -rpu "$TOP/test/kmod" "$out/test/"
	cp -rpu "$TOP/test/$1/." "$out/test/$1/"
	quietly "$BUILD/test-module.log" make -C "/usr/src/linux-headers-$2" "M=$out/test/$1" \
		modules
}
