# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# The service domain's kernel and its root reach for what is not theirs; registers across the
# switch; random hypercalls, with guests that do what QEMU's software processor does not survive.
# modules: isolation fuzz/hypercall
# files: ./test/isolation/poke-in-service.sh
sh /share/poke-in-service.sh || fail "poke"
say "switches"
dmesg -n 7
insmod /share/switch.ko turns=3000 || fail "switch"
rmmod switch
say "random hypercalls"
insmod /share/hypercall_fuzz.ko seconds=15 calls=1000000000 wild=1 || fail "random hypercalls"
say "passed"
