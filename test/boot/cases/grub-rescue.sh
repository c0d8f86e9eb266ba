# SPDX-License-Identifier: GPL-2.0-only
# GRUB's rescue CD shows its menu, reaches its prompt and takes a command.
# files: test-guests/grub-rescue.iso
start rescue -cdrom /share/grub-rescue.iso -boot d
wait_screen rescue 120 'GNU GRUB'
monitor rescue "sendkey c" >/dev/null
wait_screen rescue 60 'grub> *$'
for key in l s ret; do monitor rescue "sendkey $key" >/dev/null; done
wait_screen rescue 60 '\(cd0?\)'
screenshot rescue prompt
