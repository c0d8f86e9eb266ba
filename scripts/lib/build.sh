# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Builds Mullion: root mode and the tools by CMake, the module by the kernel's own
# build system. Needs common.sh.

# build_configure ARGS... : CMake's first step, with these arguments.
build_configure() {
	need_packages gcc cmake make libc6-dev libelf-dev
	exclusively cmake quietly "$BUILD/cmake.log" cmake -S "$TOP" -B "$BUILD" "$@"
}

# build_hypervisor : $BUILD/mullion, the boot image, and the command.
build_hypervisor() {
	[ -f "$BUILD/CMakeCache.txt" ] || build_configure -DMULLION_BUILD_TESTS=OFF
	build_targets --target mullion --target mullion_cli
}

# build_all : everything that is configured.
build_all() {
	build_targets
}

build_targets() {
	exclusively cmake quietly "$BUILD/make.log" cmake --build "$BUILD" --parallel "$(nproc)" "$@"
}

# build_module RELEASE : $BUILD/module/mullion.ko for that Debian kernel.
build_module() {
	need_packages "linux-headers-$1"
	exclusively module quietly "$BUILD/module.log" make -C "$TOP/vmm-user/module" \
		"KDIR=/usr/src/linux-headers-$1" "MO=$BUILD/module"
	cp -u "$BUILD/module/vmm-user/module/mullion.ko" "$BUILD/module/"
}
