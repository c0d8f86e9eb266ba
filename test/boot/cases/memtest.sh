# SPDX-License-Identifier: GPL-2.0-only
# memtest86+ from its CD tests a small guest's memory for two minutes of its own clock and
# finds no error. A full pass is started by hand: docs/guests.md.
# files: test-guests/memtest.iso
start memtest -m 32 -cdrom /share/memtest.iso -boot d
wait_screen memtest 120 'Memtest86\+'
wait_screen memtest 360 'Test #[2-9].*'
wait_screen memtest 360 'Time: +0:0[2-9]'
screenshot memtest running
screen_text memtest | grep -v '^ *$'
screen_shows memtest 'Errors: 0 ' || fail "memtest86+ counts errors"
