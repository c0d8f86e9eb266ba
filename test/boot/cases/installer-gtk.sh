# SPDX-License-Identifier: GPL-2.0-only
# The Debian installer's graphical image reaches its first question. Its list of languages
# makes more than half of the screen white, which no console before it does.
# files: test-guests/installer-gtk.linux test-guests/installer-gtk.initrd
start gtk -m 1024 -kernel /share/installer-gtk.linux -initrd /share/installer-gtk.initrd \
	-append "vga=788 quiet"
mostly_white() {
	screenshot gtk first
	sleep 4
	bytes=$(wc -c </share/out/gtk-first.ppm) || return 1
	others=$(tr -d '\377' </share/out/gtk-first.ppm | wc -c)
	[ "$bytes" -gt 1000000 ] && [ $((2 * others)) -lt "$bytes" ]
}
wait_for 400 gtk "the list of languages" mostly_white
screenshot gtk first
sleep 2
