# SPDX-License-Identifier: GPL-2.0-only
# memtest86+ from its CD tests a small guest's memory and finds no error.
start memtest -m 32 -cdrom /share/memtest.iso -boot d
wait_screen memtest 120 'Memtest86\+'
wait_screen memtest 240 'Pass: +[1-9]'
screenshot memtest pass
screen_shows memtest 'Errors: +0' || fail "memtest86+ counts errors"
