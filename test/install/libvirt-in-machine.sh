# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# in-machine.sh's jobs for libvirt, as packaged and as it comes configured: it knows of no Mullion.

IMAGES=/var/lib/libvirt/images

# prints REGEX COMMAND... : the command succeeds, and a line of what it prints has REGEX.
prints() {
	regex=$1
	shift
	output=$("$@" 2>&1) || fail "'$*' ended with $?: $output"
	printed "$regex"
}

# printed REGEX : and another line has this one.
printed() { echo "$output" | grep -E "$1" || fail "no '$1' in: $output"; }

# has_state DOMAIN STATE
has_state() { [ "$(virsh domstate "$1")" = "$2" ] || fail "$1 is $(virsh domstate "$1"), not $2"; }

# A failure leaves no guest behind, for whose end the machine's would wait.
destroy_all() { for domain in $(virsh list --name); do virsh destroy "$domain"; done; }

# console NAME COMMAND : COMMAND with a terminal, the process console_process. It gets what type_keys
# and type_line type; what it shows is in /root/NAME.console.
console() {
	trap destroy_all EXIT
	: >"/root/$1.console"
	mkfifo "/run/$1.keys"
	script -qfec "$2" "/root/$1.console" <"/run/$1.keys" >/dev/null 2>&1 &
	console_process=$!
	exec 3>"/run/$1.keys"
}

# type_keys FORMAT WORD... : as for printf.
# shellcheck disable=SC2059
type_keys() { printf "$@" >&3; }
type_line() { type_keys '%s\r' "$1"; }

# shown NAME REGEX : whether the console NAME shows a line with REGEX; what is for terminals, such as
# the prefix of a prompt, is none of it.
shown() {
	sed 's/\r//g; s/\x1b\[[0-9;?]*[A-Za-z]//g' "/root/$1.console" | grep -qaE "$2"
}

uptime_seconds() { cut -d. -f1 /proc/uptime; }

# shows NAME SECONDS REGEX : waits until the console NAME shows a line with REGEX.
shows() {
	since=$(uptime_seconds)
	ended=
	until shown "$1" "$3"; do
		[ -z "$ended" ] || shows_not "$1" "$3" "its command has ended"
		[ $(($(uptime_seconds) - since)) -lt "$2" ] || shows_not "$1" "$3" "$2 s have passed"
		# What was its last word is looked for once more.
		kill -0 "$console_process" 2>/dev/null || ended=1
		sleep 1
	done
	echo "$1: $(($(uptime_seconds) - since)) s until '$3'"
}

shows_not() {
	tail -n 20 "/root/$1.console"
	echo
	fail "$3, and the console of $1 does not show '$2'"
}

# On Mullion, in a QEMU that really uses it.
runs_by_kvm() {
	prints "<domain type='kvm' " virsh dumpxml "$1"
	prints 'kvm support: enabled' virsh qemu-monitor-command --hmp "$1" 'info kvm'
	[ ! -x /usr/sbin/mullion ] || prints '^Guests: +1' mullion info
}

# What libvirt makes of this machine.
libvirt() {
	prints 'Checking for hardware virtualization +: PASS' virt-host-validate qemu
	for device in kvm vhost-net net/tun; do printed "if device /dev/$device exists +: PASS"; done
	printed 'if device /dev/kvm is accessible +: PASS'
	prints "<domain type='kvm'/>" virsh capabilities
	prints '<domain>kvm</domain>' virsh domcapabilities
	printed "<mode name='host-passthrough' supported='yes'>"
	printed "<mode name='host-model' supported='yes'>"
}

# A domain with nothing but defaults, through all that is done to domains; its guest is a shell.
domain() {
	cp /root/cloud.vmlinuz /root/tiny-amd64.initramfs $IMAGES
	cat >/root/plain.xml <<-END
		<domain type='kvm'>
		  <name>plain</name>
		  <memory unit='MiB'>256</memory>
		  <vcpu>2</vcpu>
		  <os>
		    <type machine='q35'>hvm</type>
		    <kernel>$IMAGES/cloud.vmlinuz</kernel>
		    <initrd>$IMAGES/tiny-amd64.initramfs</initrd>
		    <cmdline>console=ttyS0 quiet rdinit=/bin/busybox -- sh</cmdline>
		  </os>
		  <features><acpi/></features>
		  <devices><console type='pty'/></devices>
		</domain>
	END
	prints "defined" virsh define /root/plain.xml
	console plain "virsh start --console plain"
	shows plain 600 '^/ # '
	runs_by_kvm plain
	type_line 'echo answer $((6 * 7))'
	shows plain 200 '^answer 42'

	prints suspended virsh suspend plain
	has_state plain paused
	type_line 'echo answer $((7 * 7))'
	sleep 5
	! shown plain '^answer 49' || fail "the guest runs, but is suspended"
	prints resumed virsh resume plain
	has_state plain running
	shows plain 200 '^answer 49'

	prints destroyed virsh destroy plain
	has_state plain 'shut off'
	prints undefined virsh undefine plain
}

# virt_install NAME WORD... : a domain of its making, on the default network; what it asks for is the
# guest's business.
virt_install() {
	name=$1
	shift
	virsh net-list --name | grep -qx default || prints started virsh net-start default
	console "$name" "virt-install --name $name --osinfo debian11 --graphics none $*"
}

gone() {
	virsh destroy "$1"
	prints undefined virsh undefine "$1"
}

# An installed disk.
import() {
	virt_install import --memory 512 --import --disk /dev/vdb
	shows import 1200 'login: *$'
	runs_by_kvm import
	type_line root
	shows import 300 '^root@.*# *$'
	type_line 'echo answer $((6 * 7))'
	shows import 300 '^answer 42'
	gone import
}

# Debian's installer, from a CD and as a kernel that is on one.
installers() {
	installer cdrom --cdrom $IMAGES/installer.iso
	installer location --cpu host-model \
		--location "$IMAGES/installer.iso,kernel=boot/vmlinuz,initrd=boot/initramfs" \
		--extra-args "'console=ttyS0 quiet'"
}

# installer NAME WORD... : it shows its first screen, takes the answer, and shows the next. Then
# somebody changes to its shell, by GNU screen's control-A 2, and ends it there.
installer() {
	virt_install "$@" --memory 1024 --disk size=0.5 --noreboot
	shows "$1" 1500 'Select a language'
	runs_by_kvm "$1"
	type_line ''
	shows "$1" 300 'Select your location'
	type_keys '\001%s' 2
	shows "$1" 100 '^~ #'
	type_line poweroff
	shows "$1" 300 'Domain creation completed'
	has_state "$1" 'shut off'
	prints undefined virsh undefine "$1"
}

# Neither libvirt nor its QEMUs missed something. That somebody asked a monitor, runs_by_kvm did. At an
# installation's end libvirt has three on any machine: virt-install has removed the kernel of a location
# that libvirt would give back, and a QEMU of whose times libvirt wants to know may have ended.
complaints() {
	journalctl -q --no-pager -u libvirtd -p warning | grep -v -e 'is tainted: custom-monitor' \
		-e 'unable to stat: .*/virtinst-' -e 'Unable to run security manager transaction' \
		-e 'cannot parse process status data' \
		>/root/complaints
	grep -iE 'warning|error|support|fail' /var/log/libvirt/qemu/*.log >>/root/complaints
	! [ -s /root/complaints ] || fail "libvirt complains: $(cat /root/complaints)"
}
