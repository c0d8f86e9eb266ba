#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In dom0: runs the payload as an HVM guest, and prints its results as measure.sh does: from the CD
# /job/bench.iso for the instructions; then from /job/trace.iso, for fewer rounds, with Xen's trace
# on, which costs instructions itself and tells the transitions.

fail() {
	echo "measure-xen: $*"
	cat /run/serial /var/log/xen/qemu-dm-bench.log
	xl dmesg | tail -n 20
	exit 1
}

# payload CD : runs it; /run/serial is what it said.
payload() {
	cat >/run/bench.cfg <<-END
		name = "bench"
		type = "hvm"
		memory = 320
		vcpus = 2
		tsc_mode = "native"
		vga = "none"
		vnc = 0
		serial = [ "file:/run/serial", "null" ]
		on_poweroff = "destroy"
		on_crash = "destroy"
		boot = "d"
		device_model_args_hvm = [ "-cdrom", "$1",
			"-object", "iothread,id=thread,poll-max-ns=0",
			"-blockdev", "driver=null-co,node-name=null,size=1048576,read-zeroes=on",
			"-device", "virtio-blk-pci,drive=null,iothread=thread" ]
	END
	: >/run/serial
	xl create -q /run/bench.cfg || fail "the guest does not start"
	tries=0
	until grep -q '^done' /run/serial; do
		xl domid bench >/dev/null 2>&1 || fail "the guest ended early"
		tries=$((tries + 1))
		[ $tries -lt 300 ] || fail "the guest does not get done"
		sleep 1
	done
	xl destroy bench
}

payload /job/bench.iso
tr -d '\r' </run/serial >/run/results
xentrace -D -S 4096 -e 0xa3000 /run/trace &
payload /job/trace.iso
kill -INT $!
wait $!
# The payload's lines, as its writes to the serial port spell them, part one operation's exits and
# entries from another's.
xenalyze --svm-mode --dump-all /run/trace 2>/run/xenalyze.log | awk '
	BEGIN { for (i = 32; i < 127; i++) character[sprintf("%x", i)] = sprintf("%c", i) }
	/ d0v| d32767v/ { next }
	/ vmexit | vmentry/ { transitions++ }
	/ io write port 3f8 / {
		if ($NF in character) line = line character[$NF]
		if ($NF != "a") next
		split(line, word, " ")
		line = ""
		if (word[1] == "start") transitions = 0
		if (word[1] == "end") counted = transitions
		if (word[1] == "result") print word[2], word[3], counted
	}' >/run/transitions
awk 'FILENAME == ARGV[1] { if (NR == 1) nothing = $3; each[$1] = ($3 - nothing) / $2; next }
	$1 == "result" { print $0, ($2 in each) ? each[$2] * $3 : "-" }
	$1 == "skipped" { print "measure-xen: this machine has nothing for " $2 }
	' /run/transitions /run/results
