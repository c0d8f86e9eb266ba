# SPDX-License-Identifier: GPL-2.0-only
# QEMU dies by kill -9 while its guest runs: what Mullion held for it is given back, and
# the next guest runs.
accounts >/run/before
start victim -kernel /share/686.vmlinuz -initrd /share/tiny-i386.initramfs -append console=ttyS0
wait_console victim 60 'Linux version'
[ "$(guests)" = 1 ] || fail "mullion info lists $(guests) guests instead of one"
kill -9 "$(pid_of victim)"
ended victim
say "killed"
[ "$(guests)" = 0 ] || fail "the killed guest is still listed"
same_accounts /run/before
start next -fda /share/exit.img -device isa-debug-exit,iobase=0xf4,iosize=4
ended next
[ $? = 33 ] || fail "the next guest did not run to its end"
same_accounts /run/before
