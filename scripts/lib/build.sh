# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Builds Mullion: root mode and the tools by CMake, the module by the kernel's own
# build system. Needs common.sh.

# build_hypervisor : $BUILD/hv/mullion and what else CMake makes.
build_hypervisor() {
	need_packages gcc cmake make libc6-dev libelf-dev
	exclusively cmake
	[ -f "$BUILD/CMakeCache.txt" ] ||
		quietly "$BUILD/cmake.log" cmake -S "$TOP" -B "$BUILD"
	quietly "$BUILD/make.log" cmake --build "$BUILD" --parallel "$(nproc)"
}

# build_module RELEASE : $BUILD/module/mullion.ko for that Debian kernel.
build_module() {
	local headers=/usr/src/linux-headers-$1
	need_packages "linux-headers-$1"
	exclusively module
	mkdir -p "$BUILD/module/vmm-user" "$BUILD/module/hv"
	# The kernel's build writes beside its sources, so it gets copies of them.
	cp -rpu "$TOP/vmm-user/module" "$BUILD/module/vmm-user/"
	cp -rpu "$TOP/hv/include" "$BUILD/module/hv/"
	quietly "$BUILD/module.log" make -C "$BUILD/module/vmm-user/module" "KDIR=$headers"
	cp -pu "$BUILD/module/vmm-user/module/mullion.ko" "$BUILD/module/"
}
