# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Debian systems made of packages from wherever this machine gets its own.
# Needs common.sh.

SUITE=bookworm

# kernel_release FLAVOUR : the release of Debian's current kernel of that flavour
# (cloud-amd64, amd64), as in 6.1.0-1-cloud-amd64.
kernel_release() {
	local release

	release=$(apt-cache depends "linux-image-$1" 2>/dev/null |
		sed -n 's/^ *Depends: linux-image-//p' | head -n 1)
	if [ -z "$release" ]; then
		apt_get update >"$BUILD/apt.log" 2>&1 || true
		release=$(apt-cache depends "linux-image-$1" |
			sed -n 's/^ *Depends: linux-image-//p' | head -n 1)
	fi
	[ -n "$release" ] || die "apt knows no package linux-image-$1"
	echo "$release"
}

# debian_root DIR ARGS... : mmdebstrap into DIR with this machine's apt sources and
# with those of its apt settings that reaching them may need.
debian_root() {
	local dir=$1 line file args=() sources=()
	shift

	[ "$(id -u)" = 0 ] || die "making a Debian system out of packages needs root"
	while IFS= read -r line; do
		args+=("--aptopt=$line")
	done < <(apt-config dump |
		grep -E '^Acquire::(Check-Valid-Until|Check-Date|Retries|https?(::|$))' |
		grep -v ' "";$')
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
		/etc/apt/sources.list.d/*.sources; do
		if [ -f "$file" ] && grep -qE "^[^#]*\b$SUITE\b" "$file"; then
			sources+=("$file")
		fi
	done
	[ ${#sources[@]} -gt 0 ] || die "no apt source for Debian '$SUITE' under /etc/apt"
	rm -rf "$dir"
	mmdebstrap --quiet "${args[@]}" "$@" "$SUITE" "$dir" "${sources[@]}"
}

# initramfs_hook FILE MODULE... : FILE becomes an --essential-hook for debian_root, which is run before
# the kernel is installed: its initramfs is to hold these modules and no others but what they need.
initramfs_hook() {
	local file=$1
	shift
	cat >"$file" <<-END
		#!/bin/sh
		set -e
		mkdir -p "\$1/etc/initramfs-tools/conf.d" "\$1/usr/share/initramfs-tools/modules.d"
		echo MODULES=list >"\$1/etc/initramfs-tools/conf.d/modules"
		printf '%s\n' $* >"\$1/usr/share/initramfs-tools/modules.d/disks"
	END
	chmod +x "$file"
}

# kernel_modules ROOT RELEASE NAME... : file names, below ROOT, of these modules and of
# all that they need, in the order in which they must be loaded.
kernel_modules() {
	local root=$1 release=$2 name
	shift 2
	for name; do
		PATH=$PATH:/sbin:/usr/sbin modprobe -d "$root" -S "$release" -C /dev/null \
			--ignore-install --show-depends "$name"
	done | sed -n "s#^insmod $root/*##p" | awk '!seen[$1]++ { print $1 }'
}

# shared_libraries ROOT PROGRAM... : names below ROOT of the libraries they load.
shared_libraries() {
	local root=$1 program
	shift
	for program; do
		"$root/lib64/ld-linux-x86-64.so.2" --inhibit-cache --library-path \
			"$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu" \
			--list "$root/$program" || die "$program: its libraries are incomplete"
	done | sed -n "s#.* => $root/*\(.*\) (.*#\1#p" | sort -u
}

# download_packages DIR NAME[:ARCH]... : fetches packages, of amd64 or i386, without
# installing them and without telling this system's apt of i386, and unpacks all of
# them into DIR. Run "apt_private update" first.
download_packages() {
	local dir=$1 deb
	shift
	rm -rf "$dir" "$BUILD/apt/debs"
	mkdir -p "$dir" "$BUILD/apt/debs"
	(cd "$BUILD/apt/debs" && apt_private download "$@")
	for deb in "$BUILD"/apt/debs/*.deb; do dpkg-deb -x "$deb" "$dir"; done
	rm -rf "$BUILD/apt/debs"
}

# apt_private COMMAND... : apt-get with lists and a cache in $BUILD/apt, for amd64 and
# i386. "update" may fail for one list of several: then a package is not found.
apt_private() {
	mkdir -p "$BUILD/apt/lists/partial" "$BUILD/apt/cache/archives/partial"
	apt-get -q -o APT::Architecture=amd64 -o APT::Architectures::=amd64 \
		-o APT::Architectures::=i386 -o "Dir::State::Lists=$BUILD/apt/lists" \
		-o "Dir::Cache=$BUILD/apt/cache" -o APT::Sandbox::User="$(id -un)" "$@"
}

# package_depends NAME:ARCH : the first package it depends on, as apt_private knows it.
package_depends() {
	apt-cache -o APT::Architecture=amd64 -o APT::Architectures::=amd64 \
		-o APT::Architectures::=i386 -o "Dir::State::Lists=$BUILD/apt/lists" \
		-o "Dir::Cache=$BUILD/apt/cache" depends "$1" | sed -n 's/^ *Depends: //p' | head -n 1
}
