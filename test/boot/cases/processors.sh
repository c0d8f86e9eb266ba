# SPDX-License-Identifier: GPL-2.0-only
# The service domain has all processors, and keeps them while mullion.ko is there.
cpus=/sys/devices/system/cpu
online=$(cat $cpus/online)
count=$(nproc)
[ "$online" = "0-$((count - 1))" ] && [ "$count" -gt 1 ] || fail "processors $online are online"
mullion info | grep -E "^Processors: +$count," || fail "mullion info counts others"
for cpu in $(seq 0 $((count - 1))); do
	[ "$(taskset -c "$cpu" sh -c 'cat /proc/self/stat' | awk '{ print $39 }')" = "$cpu" ] ||
		fail "processor $cpu runs nothing"
done
for cpu in $(seq 1 $((count - 1))); do
	! echo 0 2>/dev/null >$cpus/cpu"$cpu"/online || fail "processor $cpu went away"
done
[ "$(cat $cpus/online)" = "$online" ] || fail "processors $(cat $cpus/online) are left"
say "$count processors, none of which can be taken away"
