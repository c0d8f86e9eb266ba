# SPDX-License-Identifier: GPL-2.0-only
# The Debian installer's graphical image reaches its first question: the X server's
# screen with the installer's window, judged outside by its screenshot.
start gtk -m 1024 -kernel /share/installer-gtk.linux -initrd /share/installer-gtk.initrd \
	-append "vga=788"
graphical() {
	screenshot gtk first
	sleep 1
	[ "$(sed -n '2{p;q}' /share/out/gtk-first.ppm 2>/dev/null)" = "800 600" ]
}
wait_for 200 gtk "a graphics mode" graphical
sleep 120
screenshot gtk first
sleep 2
