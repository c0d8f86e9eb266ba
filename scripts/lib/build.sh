# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Builds Mullion: root mode, the tools and the packages by CMake, the module by the kernel's
# own build system. Needs common.sh.

# build_configure ARGS... : CMake's first step, with these arguments.
build_configure() {
	need_packages gcc cmake make libc6-dev libelf-dev dpkg-dev
	exclusively cmake quietly "$BUILD/cmake.log" cmake -S "$TOP" -B "$BUILD" "$@"
}

# build_packages : the packages in $BUILD/packages, as people install them.
build_packages() {
	[ -f "$BUILD/CMakeCache.txt" ] || build_configure -DMULLION_BUILD_TESTS=OFF
	build_targets --target packages
}

# build_all : everything that is configured.
build_all() {
	build_targets
}

build_targets() {
	exclusively cmake quietly "$BUILD/make.log" cmake --build "$BUILD" --parallel "$(nproc)" "$@"
}

# build_module RELEASE : $BUILD/module/mullion.ko for that Debian kernel, from the package's
# sources as DKMS does it.
build_module() {
	need_packages "linux-headers-$1"
	exclusively module quietly "$BUILD/module.log" build_packaged_module "$1"
}

build_packaged_module() {
	mkdir -p "$BUILD/module"
	# But for what the compiler made, so that what did not change is not built again.
	find "$BUILD/module" -name '*.[ch]' -delete
	dpkg-deb -x "$BUILD"/packages/mullion-dkms_*.deb "$BUILD/module"
	make -C "$BUILD"/module/usr/src/mullion-*/vmm-user/module "KDIR=/usr/src/linux-headers-$1"
	cp -u "$BUILD"/module/usr/src/mullion-*/vmm-user/module/mullion.ko "$BUILD/module/"
}
