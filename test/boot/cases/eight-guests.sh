# SPDX-License-Identifier: GPL-2.0-only
# Eight guests at once, all at work. Some die by kill -9, at moments that nobody chose, and others
# take their places. None is disturbed, and in the end all memory is accounted for as before.
# MULLION_TEST_SECONDS is how long they die, at least (0).
# files: test-guests/cloud.vmlinuz test-guests/work.initramfs
seconds=${MULLION_TEST_SECONDS:-0}
eight() { [ "$(guests)" = 8 ]; }
start_one() {
	start "$1" -m 96 -nodefaults -kernel /share/cloud.vmlinuz -initrd /share/work.initramfs \
		-append "console=ttyS0 quiet job=\"n=0
while sum=\$(seq 20000 | sha256sum); do n=\$((n + 1)); echo WORK \$n \$sum; done\""
}
# kill_one NAME
kill_one() {
	kill -9 "$(pid_of "$1")"
	ended "$1"
	GUESTS=$(echo " $GUESTS " | sed "s/ $1 / /")
	say "$1 killed"
}
dmesg -c >/dev/null
accounts >/run/before
for number in $(seq 8); do start_one "guest$number"; done
end=$(($(cut -d . -f 1 /proc/uptime) + seconds))
while [ "$number" -lt 12 ] || [ "$(cut -d . -f 1 /proc/uptime)" -lt $end ]; do
	sleep "$(shuf -i 1-4 -n 1)"
	# shellcheck disable=SC2086 # names
	kill_one "$(shuf -e $GUESTS -n 1)"
	number=$((number + 1))
	start_one "guest$number"
done
wait_for 60 "guest$number" "eight guests in mullion info" eight
for name in $GUESTS; do wait_console "$name" 300 'WORK 3 '; done
sums=$(cat /share/out/guest*.console | tr -d '\r' | sed -n 's/^WORK [0-9]* \([0-9a-f]\{64\}\) .*/\1/p')
[ "$(echo "$sums" | sort -u)" = "$(seq 20000 | sha256sum | cut -d ' ' -f 1)" ] ||
	fail "the guests have not computed the same"
say "$number guests computed $(echo "$sums" | wc -l) sums, the same"
for name in $GUESTS; do kill_one "$name"; done
[ "$(guests)" = 0 ] || fail "killed guests are still listed"
same_accounts /run/before
dmesg | grep -E 'WARNING:|BUG:|Oops|blocked for more|soft lockup|are lost' && fail "Linux complains"
true
