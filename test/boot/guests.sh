# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# For tests that run in the service domain: guests started, watched and ended by name.
# /share holds the guests' files; what /share/out holds afterwards is kept.

# say TEXT... : a line of the test's report.
say() { echo "$(cut -d ' ' -f 1 /proc/uptime) $*"; }

# fail TEXT... : ends the test; shows the end of each guest's console and screen.
fail() {
	say "FAILED: $*"
	for name in $GUESTS; do
		echo "--- the end of $name's console"
		tail -n 15 "/share/out/$name.console" 2>/dev/null
		if running "$name"; then
			echo "--- $name's text screen"
			screen_text "$name" | grep -v '^ *$'
			echo "--- $name's processor"
			monitor "$name" "info registers" | head -n 12
			screenshot "$name" failed
		fi
		echo "--- what $name's QEMU said"
		cat "/share/out/$name.qemu" 2>/dev/null
	done
	if command -v mullion >/dev/null; then
		echo "--- mullion stat"
		mullion stat
	fi
	exit 1
}

GUESTS=

# start NAME ARGS... : a guest in the background with those further QEMU arguments. What its console
# shows is kept in /share/out/NAME.console; type_in reaches it.
start() {
	name=$1
	shift
	GUESTS="$GUESTS $name"
	rm -f "/share/out/$name.console"
	qemu-system-x86_64 -name "$name" -accel kvm -m 256 -nic none -display none -no-reboot \
		-chardev "socket,id=console,path=/run/$name.tty,server=on,wait=off,logfile=/share/out/$name.console" \
		-serial chardev:console \
		-monitor "unix:/run/$name.monitor,server,nowait" "$@" \
		>"/share/out/$name.qemu" 2>&1 </dev/null &
	echo $! >"/run/$name.pid"
	say "$name started"
}

# default_disk : the default guest's disk, for QEMU's -drive; what the guest writes there is dropped.
default_disk() {
	disk=/share/disk.img format=raw
	[ -f $disk ] || disk=/share/disk.qcow2 format=qcow2
	echo "file=$disk,format=$format,if=virtio,snapshot=on"
}

pid_of() { cat "/run/$1.pid"; }
running() { kill -0 "$(pid_of "$1")" 2>/dev/null; }

# monitor NAME COMMAND : what QEMU's monitor answers, without its greeting and echo.
monitor() {
	echo "$2" | socat -t 2 - "UNIX-CONNECT:/run/$1.monitor" 2>/dev/null |
		tr -d '\r' | grep -v '^(qemu)' | sed 1d
}

# wait_for SECONDS NAME WHAT COMMAND... : until COMMAND succeeds.
wait_for() {
	end=$(($(cut -d . -f 1 /proc/uptime) + $1)) name=$2 what=$3
	shift 3
	until "$@"; do
		if ! running "$name"; then
			"$@" && break
			fail "$name ended before $what"
		fi
		[ "$(cut -d . -f 1 /proc/uptime)" -lt "$end" ] || fail "$name: no $what in time"
		sleep 0.5
	done
	say "$name: $what"
}

# type_in NAME LINE : on its console's keyboard. QEMU forgets what the guest has not taken yet when
# the connection ends.
type_in() { { printf '%s\n' "$2"; sleep 2; } | socat -u - "UNIX-CONNECT:/run/$1.tty"; }

console_shows() { grep -qE "$2" "/share/out/$1.console" 2>/dev/null; }

# wait_console NAME SECONDS REGEX
wait_console() { wait_for "$2" "$1" "'$3' on its console" console_shows "$1" "$3"; }

# screen_text NAME : the 80 by 25 characters of a VGA text screen.
screen_text() {
	rm -f /run/text
	# Quoted, or the monitor takes the slash for a division.
	monitor "$1" 'pmemsave 0xb8000 4000 "/run/text"' >/dev/null
	[ -f /run/text ] || return 1
	od -An -v -tu1 -w2 /run/text | awk '{
		printf("%c", ($1 < 32 || $1 > 126) ? 32 : $1)
		if (NR % 80 == 0) print "" }'
}

screen_shows() { screen_text "$1" | grep -qE "$2"; }

# wait_screen NAME SECONDS REGEX : on its VGA text screen.
wait_screen() { wait_for "$2" "$1" "'$3' on its screen" screen_shows "$1" "$3"; }

# screenshot NAME LABEL : the screen as /share/out/NAME-LABEL.ppm.
screenshot() {
	monitor "$1" "screendump /share/out/$1-$2.ppm" >/dev/null
}

# ended NAME : waits for its QEMU's end and gives QEMU's status.
ended() {
	wait "$(pid_of "$1")"
}

stop() {
	kill "$(pid_of "$1")"
	ended "$1"
	say "$1 stopped"
}

mkdir -p /share/out

# accounts : the memory that Mullion accounts for, a line each. Needs mullion(8).
accounts() {
	mullion info --json | sed 's/[ "]//g; s/[,{]/\n/g' |
		grep -oE '^(root|root_unused|donated|mapped):[0-9]+' | head -n 4
}

guests() { mullion info --json | grep -o '"vm":' | wc -l; }

# same_accounts FILE : fails unless accounts say what FILE says.
same_accounts() {
	accounts >/run/accounts
	[ "$(wc -l <"$1")" = 4 ] || fail "mullion info does not account for memory"
	cmp -s "$1" /run/accounts || fail "memory was not given back; before and now:
$(paste "$1" /run/accounts)"
	say "memory is accounted for as before: $(tr '\n' ' ' </run/accounts)"
}

# network_up : a network of the service domain and guests that have $NETWORK among their arguments;
# the service domain is 10.9.0.1.
network_up() {
	modprobe tun && modprobe vhost_net || fail "no vhost-net"
	tunctl -t tap0 >/dev/null && ip addr add 10.9.0.1/24 dev tap0 && ip link set tap0 up ||
		fail "no network"
	NETWORK="-netdev tap,id=net0,ifname=tap0,script=no,downscript=no,vhost=on
		-device virtio-net-pci,netdev=net0,romfile="
}

# vhost_runs NAME : fails unless the kernel's own thread serves the guest's network and has done so.
vhost_runs() {
	for thread in /proc/[0-9]*; do
		[ "$(cat "$thread/comm" 2>/dev/null)" = "vhost-$(pid_of "$1")" ] || continue
		read -r ns _ turns <"$thread/schedstat"
		[ "$turns" -gt 1 ] || fail "$1's vhost thread has done nothing"
		say "$1's vhost thread ran $turns times, for $((ns / 1000000)) ms"
		return
	done
	fail "there is no vhost thread for $1"
}
