# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The machine with VT-x: Bochs, an emulator of the processor, from Debian's packages. It
# runs 10 to 60 million instructions a second and boots from a CD or a disk. Needs common.sh.

# bochs_prepare : what Bochs needs; vgabios because its package only recommends it.
bochs_prepare() { need_packages bochs bochs-term bochsbios vgabios util-linux; }

# bochs_megabytes SIZE : 2G and 2048M as 2048.
bochs_megabytes() {
	if [[ $1 = *G ]]; then echo $((${1%G} * 1024)); else echo "${1%M}"; fi
}

# bochs_configure DIR MODEL SMP MEGABYTES MEDIUM [TERMINAL] : DIR/bochsrc. MODEL:
# corei7_haswell_4770 has VT-x with APICv, corei7_ivy_bridge_3770k without, zambezi has AMD-V.
# MEDIUM: a CD (.iso) or else a raw disk, to be written to, whose GRUB keeps to text
# (gfxpayload), for this display library has nothing else. Of more than 2048 MEGABYTES Bochs keeps
# what is used least in a file. The first serial port is TERMINAL's, or goes to DIR/console; the
# second goes to DIR/answer, what was drawn on the screen to DIR/screen.
bochs_configure() {
	local dir=$1 model=$2 smp=$3 memory=$4 terminal=${6:-} console="mode=file, dev=$1/console"
	local boot=disk medium="type=disk, mode=flat, path=$5"
	[[ $5 != *.iso ]] || boot=cdrom medium="type=cdrom, path=$5, status=inserted"
	[ -z "$terminal" ] || console="mode=term, dev=$terminal"
	mkdir -p "$dir"
	: >"$dir/console"
	: >"$dir/answer"
	: >"$dir/said"
	: >"$dir/screen"
	cat >"$dir/bochsrc" <<END
plugin_ctrl: unmapped=1, biosdev=1
config_interface: textconfig
display_library: term
memory: guest=$memory, host=$((memory < 2048 ? memory : 2048))
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: model=$model, count=$smp, ips=100000000, reset_on_triple_fault=0
clock: sync=none, time0=local
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: $medium
boot: $boot
com1: enabled=1, $console
com2: enabled=1, mode=file, dev=$dir/answer
log: $dir/log
debugger_log: $dir/debugger
panic: action=fatal
error: action=report
info: action=ignore
END
	# More than once: should the debugger stop of its own accord, there is nobody to go on.
	printf 'continue\n%.0s' {1..100} >"$dir/commands"
}

# bochs_debug DIR COMMANDS IMAGE : the next run is for Bochs's debugger, which knows IMAGE's
# symbols and executes the file COMMANDS; what it answers is in DIR/debugger afterwards.
bochs_debug() {
	nm "$3" | awk '$2 ~ /[tTdDbBrR]/ { print $1, $3 }' >"$1/symbols"
	{ echo "ldsym global \"$1/symbols\""; cat "$2"; } >"$1/commands"
}

# bochs_after_rdmsr FUNCTION : the address behind the first RDMSR in a function of root mode.
bochs_after_rdmsr() {
	objdump -d --no-show-raw-insn "--disassemble=$1" "$BUILD/mullion.elf" |
		awk '/rdmsr/ && !n++ { getline; sub(":", "", $1); print "0x" $1 }'
}

# bochs_watch DIR : what Bochs draws on the screen goes to DIR/screen. It draws on a terminal of its
# own, whose name it says in DIR/said, and waits for ever once some 70 kB are there that nobody
# has read.
bochs_watch() {
	local terminal=
	until [ -n "$terminal" ]; do
		sleep 0.2
		terminal=$(sed -n 's/.*connected to screen "\(.*\)".*/\1/p' "$1/said")
	done
	exec cat "$terminal" >"$1/screen" 2>/dev/null
}

# bochs_run DIR TIMEOUT [OPTIONS] : runs what bochs_configure wrote, showing the console.
# OPTIONS are lines for Bochs's configuration, quoted for a shell. TIMEOUT 0 is none. Status: 0
# after a power-off, 124 after TIMEOUT seconds, 1 after anything else (DIR/log says what).
bochs_run() {
	local dir=$1 seconds=$2 result=0 viewer watcher settings=
	if grep -q mode=term "$dir/bochsrc"; then settings=$(stty -g); fi
	tail -n +1 -f "$dir/console" &
	viewer=$!
	bochs_watch "$dir" &
	watcher=$!
	# Bochs wants a terminal; script makes one and keeps what was said on it.
	TERM=xterm timeout --foreground -k 5 "$seconds" script -qfec \
		"bochs -q -f '$dir/bochsrc' -rc '$dir/commands' ${3:-}" "$dir/said" \
		</dev/null >/dev/null 2>&1 || result=$?
	[ -z "$settings" ] || stty "$settings"
	sleep 1
	kill "$viewer" "$watcher" 2>/dev/null || true
	if grep -q 'PANIC.*soft power off' "$dir/log" 2>/dev/null; then return 0; fi
	[ "$result" != 124 ] || return 124
	return 1
}

# bochs_explain DIR : why Bochs ended, as far as it said, and the screen at that time.
bochs_explain() {
	grep -ash PANIC "$1/log" "$1/said" | tail -n 3 >&2 || true
	say "the machine's screen:"
	bochs_screen "$1" >&2
}

# bochs_screen DIR : the text of the screen when Bochs ended.
bochs_screen() {
	# What the terminal was told, without the sequences that move its cursor.
	sed 's/\x1b[[(][0-9;?]*[a-zA-Z]/\n/g' "$1/screen" | tr -d '\r' | grep -v '^ *$' | tail -n 25
}
