# SPDX-License-Identifier: GPL-2.0-only
# The Debian installer's text image reaches its first question.
start text -m 768 -kernel /share/installer-text.linux -initrd /share/installer-text.initrd \
	-append "vga=normal fb=false"
wait_screen text 400 'Select a language'
screenshot text first
