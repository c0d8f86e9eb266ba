# SPDX-License-Identifier: GPL-2.0-only
# The Debian installer's text image reaches its first question, on the VGA text screen (without
# nomodeset it draws its text on a framebuffer).
# files: test-guests/installer-text.linux test-guests/installer-text.initrd
start text -m 1024 -kernel /share/installer-text.linux -initrd /share/installer-text.initrd \
	-append "vga=normal fb=false nomodeset quiet"
wait_screen text 400 'Select a language'
screenshot text first
