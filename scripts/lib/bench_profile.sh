# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Where an operation's instructions go: scripts/bench --profile. Needs common.sh.

# profile_symbols KALLSYMS : where the names of functions begin, in order; and what lies between
# the programs.
profile_symbols() {
	nm "$BUILD/mullion.elf" | awk '$2 ~ /[tT]/ { print $1, "root mode: " $3 }'
	awk '$2 ~ /[tT]/ { print $1, ($4 ? "module: " : "Linux: ") $3 }' "$1"
	echo "0000000000000000 the guest"
	echo "$(nm "$BUILD/mullion.elf" | awk '$3 == "image_end" { print $1 }') QEMU"
}

# profile NAME SHARE OUTPUT : the emulator logs the address of each instruction for a while.
# SHARE has what scripts/bench puts there.
profile() {
	local number share=$2 output=$3 log=$3/addresses monitor=$2/monitor run
	number=$(sed -n 's/^\t{ \.name = "\([a-z0-9-]*\)",.*/\1/p' "$TOP/test/bench/bench.c" |
		grep -nxF "$1") ||
		die "--profile $1: no operation of that name; a run without it prints them"
	need_packages socat binutils
	rm -f "$log"
	"$TOP/scripts/run" --icount --batch --timeout 300 --share "$share" --linux-args nokaslr \
		--machine-args "-D $log -monitor unix:$monitor,server=on,wait=off" \
		--exec "cp /proc/kallsyms /share
			sh /share/measure.sh mullion 'rounds=1000000000 only=$((${number%%:*} - 1))'" \
		>"$output/profile.log" 2>&1 &
	run=$!
	until [ -e "$share/started" ]; do
		kill -0 $run 2>/dev/null || {
			cat "$output/profile.log"
			die "the run ended early"
		}
		sleep 0.5
	done
	{
		sleep 2
		printf '%s\n' "singlestep on" "log exec,nochain"
		sleep 2
		printf '%s\n' "log none" quit
		sleep 1
	} | socat - "unix-connect:$monitor" >/dev/null
	wait $run || true
	{
		profile_symbols "$share/kallsyms"
		sed -n 's|.*\[[0-9a-f]*/\([0-9a-f]\{16\}\)/.*|\1|p' "$log" | sort | uniq -c |
			awk '{ print $2, "+", $1 }'
	} | sort -s -k 1,1 | awk '
		$2 == "+" {
			count[name] += $3
			if (name == "root mode: svm_enter" && $3 > entries) entries = $3
			next
		}
		{ name = substr($0, 18) }
		END {
			printf "%d entries; instructions for each:\n", entries
			for (name in count) printf "%10.1f  %s\n", count[name] / entries, name
		}' | sort -rn | awk '!/^ *0\.[0-4]/'
	rm -f "$log"
}
