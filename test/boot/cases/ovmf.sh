# SPDX-License-Identifier: GPL-2.0-only
# The default guest from OVMF: GRUB's EFI image, then the same system.
# files: guest/disk.img
cp /usr/share/OVMF/OVMF_VARS_4M.fd /run/vars.fd
start ovmf -m 512 \
	-drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd \
	-drive if=pflash,format=raw,file=/run/vars.fd \
	-drive "$(default_disk)"
wait_console ovmf 300 'starting Boot.*|Welcome to GRUB'
wait_console ovmf 300 'login: *$'
