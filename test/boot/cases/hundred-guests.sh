# SPDX-License-Identifier: GPL-2.0-only
# A hundred guests one after the other; no page of root mode's or of donated memory is
# lost. The first one is not counted: it may leave caches behind.
# files: test-guests/exit.img
run_one() {
	start "$1" -m 16 -net none -vga none -fda /share/exit.img \
		-device isa-debug-exit,iobase=0xf4,iosize=4 >/dev/null
	ended "$1"
	[ $? = 33 ] || fail "guest $1 did not run to its end"
	GUESTS=
}
run_one first
accounts >/run/before
for number in $(seq 100); do
	run_one "guest$number"
	[ $((number % 10)) != 0 ] || say "$number guests"
	rm -f /share/out/guest*
done
same_accounts /run/before
