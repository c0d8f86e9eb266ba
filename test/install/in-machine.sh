#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# in-machine.sh JOB... : what the machine does when it has booted, as its root.

fail() {
	echo "FAILED: $*"
	exit 1
}

# says STATUS TEXT COMMAND... : the command's status, and something in what it prints.
says() {
	status=$1 text=$2
	shift 2
	output=$("$@" 2>&1)
	result=$?
	echo "$output"
	[ $result = "$status" ] || fail "'$*' ended with $result instead of $status"
	case $output in
	*"$text"*) ;;
	*) fail "'$*' does not say '$text'" ;;
	esac
}

loaded() { grep -q "^$1 " /proc/modules; }

# Linux without Mullion, whether the packages are there or not.
plain() {
	sed 's/ .*//; s/^/module /' /proc/modules | sort
	echo "cmdline $(cat /proc/cmdline)"
	! loaded mullion || fail "mullion.ko is loaded"
}

# A machine that Mullion has left to Linux.
unsuitable() {
	loaded kvm_amd || fail "Linux's own KVM is not loaded"
	says 1 "PROBLEM  the processor's AMD-V has no nested paging" mullion doctor
	says 1 "went away again: the processor's AMD-V has no nested paging" mullion doctor
	says 1 "does not run on Mullion" mullion info
	says 1 "No such device" modprobe mullion
	dmesg | grep -F "mullion: this Linux does not run on the Mullion hypervisor" ||
		fail "the module does not say why it refuses"
}

mullion_runs() {
	uname -a
	says 0 "Guests:       0" mullion info
	says 0 "Mullion runs." mullion doctor
	modprobe kvm_amd
	modprobe kvm_intel
	if loaded kvm || loaded kvm_amd || loaded kvm_intel; then fail "Linux's own KVM is loaded"; fi
	grep -q ' ro console=ttyS0 no_timer_check nohz=off highres=off .*cryptomgr.notests' /proc/cmdline ||
		fail "the command line is not what it was: $(cat /proc/cmdline)"
}

# By stock QEMU, with its defaults.
guest() {
	timeout 200 qemu-system-x86_64 -accel kvm -m 256 -display none -no-reboot -nic none \
		-kernel /root/cloud.vmlinuz -append "console=ttyS0 panic=-1 quiet" \
		-initrd /root/tiny-amd64.initramfs -serial file:/root/guest.console \
		-monitor none </dev/null 2>/root/guest.qemu || fail "QEMU's status is $?"
	[ ! -s /root/guest.qemu ] || fail "QEMU says: $(cat /root/guest.qemu)"
	says 0 GUEST-USERLAND cat /root/guest.console
}

report() {
	says 0 "holds the report" mullion report --output /root/report
	for text in "Hypervisor:   Mullion" "loaded by GRUB" "ii  mullion-dkms" "multiboot2	/boot/mullion"; do
		grep -qF "$text" /root/report || fail "'$text' is not in the report"
	done
}

# timed COMMAND... : what it prints, with the machine's seconds since it was switched on.
timed() {
	"$@" 2>&1 | while read -r line; do echo "$(cut -d. -f1 /proc/uptime) $line"; done
}

# The packages of the directory, as somebody installs them who has been given them.
install_here() {
	cd /root/packages || fail "no packages"
	timed apt -y install ./mullion_*_amd64.deb ./mullion-dkms_*_all.deb
	installed="$(dpkg-query -W -f '${db:Status-Abbrev}' mullion mullion-dkms)"
	[ "$installed" = "ii ii " ] || fail "the packages' state is '$installed'"
	says 0 "This machine can run Mullion" mullion doctor
	says 0 "DKMS module signing key" modinfo -F signer mullion
}

# A newer kernel, in the way in which Debian's packages for "the current kernel" bring it.
upgrade_here() {
	timed apt update
	timed apt -y upgrade
	says 0 ": installed" dkms status -k "$(cat /root/repository/newer)"
}

# shellcheck source=test/install/libvirt-in-machine.sh
. "${0%/*}/libvirt-in-machine.sh"

# What is loaded on behalf of devices.
udevadm settle
echo "JOB $*"
for job; do
	echo "$(cut -d. -f1 /proc/uptime) s since the kernel started: $job"
	case $job in
	plain) plain ;;
	unsuitable) unsuitable ;;
	mullion) mullion_runs ;;
	guest) guest ;;
	report) report ;;
	install_here | upgrade_here) "$job" ;;
	libvirt | domain | import | installers | complaints) "$job" ;;
	*) fail "no job '$job'" ;;
	esac
done
