# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# OVMF finds nothing to boot and gives its shell, which answers a command.
cp /usr/share/OVMF/OVMF_VARS_4M.fd /run/vars.fd
start ovmf \
	-drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd \
	-drive if=pflash,format=raw,file=/run/vars.fd
wait_console ovmf 600 'Shell> '
for key in v e r ret; do monitor ovmf "sendkey $key" >/dev/null; done
wait_console ovmf 60 'UEFI v'
