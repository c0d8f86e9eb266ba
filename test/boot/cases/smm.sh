# SPDX-License-Identifier: GPL-2.0-only
# Firmware that uses system management mode: SeaBIOS, for calls of its 32-bit code from 16-bit
# code, and OVMF with secure boot, whose variables nobody else may write, with one vCPU and two.
# files: test-guests/grub-rescue.iso test-guests/OVMF_CODE_4M.secboot.fd

# smm_used EXITS : the guest that runs has left SMM for the hypervisor so often, at least.
smm_used() {
	exits=$(mullion stat | awk '/system management mode/ { on = 1 } on && /^exits/ { print $2; exit }')
	[ "${exits:-0}" -ge "$1" ] || fail "${exits:-no} exits in system management mode"
	say "$exits exits in system management mode"
}

start bios -machine q35,smm=on -cdrom /share/grub-rescue.iso -boot d
wait_screen bios 120 'GNU GRUB'
smm_used 50
stop bios

# Flash that only SMM can write.
secure() {
	name=$1
	shift
	cp /usr/share/OVMF/OVMF_VARS_4M.fd "/run/$name.fd"
	start "$name" -machine q35,smm=on -global driver=cfi.pflash01,property=secure,value=on \
		-drive if=pflash,format=raw,readonly=on,file=/share/OVMF_CODE_4M.secboot.fd \
		-drive if=pflash,format=raw,file="/run/$name.fd" "$@"
	wait_console "$name" 420 'BdsDxe: loading Boot.* "EFI Internal Shell"'
	smm_used 10000
	cmp -s /usr/share/OVMF/OVMF_VARS_4M.fd "/run/$name.fd" && fail "no variable was written"
	stop "$name"
}
secure one
secure two -smp 2
