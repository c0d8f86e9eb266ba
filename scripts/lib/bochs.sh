# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The machine with VT-x: Bochs, an emulator of the processor, from Debian's packages. It
# runs 10 to 60 million instructions a second and boots from a CD. Needs common.sh.

# Models of processors: corei7_haswell_4770 and corei7_skylake_x, VT-x without and with
# APICv, and zambezi with AMD-V.

# bochs_prepare : what Bochs needs; vgabios because its package only recommends it.
bochs_prepare() { need_packages bochs bochs-term bochsbios vgabios util-linux; }

# bochs_megabytes SIZE : 2G and 2048M as 2048.
bochs_megabytes() {
	if [[ $1 = *G ]]; then echo $((${1%G} * 1024)); else echo "${1%M}"; fi
}

# bochs_configure DIR MODEL SMP MEGABYTES ISO : DIR/bochsrc. MODEL: corei7_haswell_4770 has
# VT-x without APICv, corei7_skylake_x with it, zambezi has AMD-V. ISO: image/iso's, with the
# GRUB command "set gfxpayload=text", for this display library has text mode only. The first
# serial port goes to DIR/console, the second to DIR/answer, what was drawn on the screen to
# DIR/screen.
bochs_configure() {
	local dir=$1 model=$2 smp=$3 memory=$4 iso=$5
	mkdir -p "$dir"
	: >"$dir/console"
	: >"$dir/answer"
	cat >"$dir/bochsrc" <<END
plugin_ctrl: unmapped=1, biosdev=1
config_interface: textconfig
display_library: term
memory: guest=$memory, host=$memory
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: model=$model, count=$smp, ips=100000000, reset_on_triple_fault=0
clock: sync=none, time0=local
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=$iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$dir/console
com2: enabled=1, mode=file, dev=$dir/answer
log: $dir/log
panic: action=fatal
error: action=report
info: action=ignore
END
	echo continue >"$dir/continue"
}

# bochs_run DIR TIMEOUT [COMMANDS] : runs what bochs_configure wrote, showing the console.
# COMMANDS is a file for Bochs's debugger in place of "continue". Status: 0 after a
# power-off, 124 after TIMEOUT seconds, 1 after anything else (DIR/log says what).
bochs_run() {
	local dir=$1 seconds=$2 commands=${3:-$1/continue} result=0 viewer
	tail -n +1 -f "$dir/console" &
	viewer=$!
	# Bochs wants a terminal; script makes one and keeps what was drawn on it.
	TERM=xterm timeout --foreground -k 5 "$seconds" script -qfec \
		"bochs -q -f '$dir/bochsrc' -rc '$commands'" "$dir/screen" </dev/null >/dev/null 2>&1 ||
		result=$?
	sleep 1
	kill "$viewer" 2>/dev/null || true
	if grep -q 'PANIC.*soft power off' "$dir/log" 2>/dev/null; then return 0; fi
	[ "$result" != 124 ] || return 124
	return 1
}

# bochs_screen DIR : the text of the screen when Bochs ended.
bochs_screen() {
	# What the terminal was told, without the sequences that move its cursor.
	sed 's/\x1b[[(][0-9;?]*[a-zA-Z]/\n/g' "$1/screen" | tr -d '\r' |
		grep -v -e '^ *$' -e '^Script ' | tail -n 25
}
