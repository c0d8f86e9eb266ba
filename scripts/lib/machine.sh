# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The machine that Mullion runs on: QEMU's software processor with AMD-V, or a real
# one where nested virtualization is offered. Needs common.sh.

MACHINE_ARGS=()

# The emulated processor. The flags taken off belong to QEMU's EPYC, but its software
# processor has not got them and would say so at each start.
EMULATED_CPU="EPYC,+svm,+npt,-nrip-save,-xsavec,-rdseed,-sha-ni,-fxsr-opt,-misalignsse"
EMULATED_CPU+=",-3dnowprefetch,-osvw,-topoext"

# machine_accel WANTED [CPU [MODEL]] : what the machine of CPU (amd, intel) is made of: "tcg",
# "kvm" or "bochs" (which has the MODEL, when given). WANTED is auto, tcg or kvm.
machine_accel() {
	local flag=svm software=tcg offered=
	if [ "${2:-amd}" = intel ]; then flag=vmx software=bochs; fi
	if grep -qw $flag /proc/cpuinfo && [ -r /dev/kvm ] && [ -w /dev/kvm ]; then offered=1; fi
	if [ -n "${3:-}" ]; then
		[ "$1" = auto ] || die "--accel $1: not with --model, which is Bochs's"
		echo bochs
		return
	fi
	case $1 in
	auto) if [ -n "$offered" ]; then echo kvm; else echo $software; fi ;;
	tcg)
		[ $software = tcg ] ||
			die "--accel tcg: QEMU's software processor has no VT-x; --accel auto takes Bochs"
		echo tcg
		;;
	kvm)
		grep -qw $flag /proc/cpuinfo ||
			die "--accel kvm: this machine's processor offers no nested virtualization" \
				"(no $flag in the flags of /proc/cpuinfo); use --accel auto"
		[ -n "$offered" ] || die "--accel kvm: /dev/kvm is not there or not yours to use"
		echo kvm
		;;
	*) die "--accel $1: auto, tcg or kvm" ;;
	esac
}

# machine_processor ACCEL SMP MEM ICOUNT SHARED ONE_THREAD : the arguments that make the machine.
# SHARED, when not empty, puts its memory where virtiofsd can reach it. With ONE_THREAD the
# emulated processors take turns in one thread.
machine_processor() {
	local accel=$1 smp=$2 mem=$3 icount=$4 shared=$5 threads=${6:+single} machine=q35
	if [ "$accel" = kvm ]; then
		MACHINE_ARGS+=(-accel kvm -cpu host)
	elif [ -n "$icount" ]; then
		MACHINE_ARGS+=(-accel "tcg,thread=single" -icount "shift=0,sleep=off" -cpu "$EMULATED_CPU")
	else
		MACHINE_ARGS+=(-accel "tcg,thread=${threads:-multi}" -cpu "$EMULATED_CPU")
	fi
	if [ -n "$shared" ]; then
		machine+=,memory-backend=ram
		MACHINE_ARGS+=(-object "memory-backend-memfd,id=ram,size=$mem,share=on")
	fi
	MACHINE_ARGS+=(-machine "$machine" -smp "$smp" -m "$mem"
		-nodefaults -display none -no-reboot)
}

# machine_share DIR SCRATCH : shows DIR to the machine by virtiofs under the tag "share".
# The daemon ends with the machine.
machine_share() {
	local dir=$1 socket=$2/share.sock daemon=(/usr/lib/qemu/virtiofsd)
	if [ "$(id -u)" != 0 ]; then daemon=(unshare -r "${daemon[@]}"); fi
	"${daemon[@]}" --socket-path="$socket" -o "source=$dir" -o sandbox=chroot \
		-o log_level=err >"$2/share.log" 2>&1 &
	for _ in {1..50}; do
		[ ! -S "$socket" ] || break
		sleep 0.1
	done
	[ -S "$socket" ] || die "virtiofsd did not start: $(cat "$2/share.log")"
	MACHINE_ARGS+=(-chardev "socket,id=share,path=$socket"
		-device "vhost-user-fs-pci,chardev=share,tag=share")
}

# machine_uefi SCRATCH : OVMF for firmware, with variables of its own.
machine_uefi() {
	cp /usr/share/OVMF/OVMF_VARS_4M.fd "$1/vars.fd"
	MACHINE_ARGS+=(
		-drive "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd"
		-drive "if=pflash,format=raw,file=$1/vars.fd")
}

# machine_boot MODE KERNEL HV_ARGS LINUX LINUX_ARGS INITRAMFS SCRATCH : how the machine
# starts. MODE: native (LINUX itself), multiboot (KERNEL by QEMU's own loader), grub or
# uefi (KERNEL from a CD, by GRUB under SeaBIOS or OVMF).
machine_boot() {
	local mode=$1 kernel=$2 hv_args=$3 linux=$4 linux_args=$5 initramfs=$6 scratch=$7
	case $mode in
	native)
		MACHINE_ARGS+=(-kernel "$linux" -append "$linux_args" -initrd "$initramfs")
		;;
	multiboot)
		# QEMU takes a doubled comma for one.
		MACHINE_ARGS+=(-kernel "$kernel" -append "$hv_args"
			-initrd "$linux ${linux_args//,/,,},$initramfs")
		;;
	grub | uefi)
		"$TOP/scripts/image/iso" "$scratch/boot.iso" "$kernel" "$hv_args" \
			"$linux" "$linux_args" "$initramfs"
		MACHINE_ARGS+=(-cdrom "$scratch/boot.iso")
		[ "$mode" = grub ] || machine_uefi "$scratch"
		;;
	*) die "--boot $mode: multiboot, grub or uefi" ;;
	esac
}
