# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Whole jobs, counted: scripts/bench --jobs. Needs common.sh.

# jobs_share DIR : what test/bench/jobs.sh wants in /share.
jobs_share() {
	"$TOP/scripts/image/test-guests"
	"$TOP/scripts/image/compiler"
	mkdir -p "$1/payload"
	cp "$BUILD"/test-guests/{cloud.vmlinuz,tiny-amd64.initramfs} "$TOP/test/bench/jobs.sh" "$1"
	cp "$BUILD/compiler/root.cpio" "$1/compiler.cpio"
	cp "$TOP"/test/bench/*.[chS] "$TOP"/test/payload/{harness,trap,apic}.c \
		"$TOP"/test/payload/{start64,trap64}.S "$TOP"/test/payload/payload.{h,lds} "$1/payload"
}

# jobs_run OUTPUT SHARE WHERE JOB... : their results in OUTPUT/jobs-WHERE, as jobs.sh prints them.
# Linux has a periodic timer there, because QEMU's software processor may lose an interrupt that
# comes with a guest's exit: one that each tick sets anew would stand still then, and all with it.
jobs_run() {
	local output=$1 share=$2 where=$3 hypervisor=$3
	shift 3
	[ "$where" != bare ] || hypervisor=kvm
	say "jobs on $where: $*"
	"$TOP/scripts/run" --icount --batch --timeout 1800 --hypervisor "$hypervisor" \
		--linux-args "nohz=off highres=off" --share "$share" \
		--exec "sh /share/jobs.sh $where $*" >"$output/jobs-$where.log" 2>&1 || {
		cat "$output/jobs-$where.log"
		say "error: the jobs on $where failed"
		exit 1
	}
	tr -d '\r' <"$output/jobs-$where.log" | grep -E '^(job|reason) ' >"$output/jobs-$where"
}

# jobs_table RESULT... : files of jobs_run; the first is what others are compared with.
jobs_table() {
	awk '
		FNR == 1 { where = FILENAME; sub(/.*jobs-/, "", where); places[++n] = where }
		$1 == "job" { if (!($2 in seen)) { seen[$2]; order[++jobs] = $2 }; cost[$2, where] = $3 }
		$1 == "reason" {
			exits[$2, where] = exits[$2, where] sprintf("    %-24s %12.0f\n", $3, $4)
		}
		END {
			for (j = 1; j <= jobs; j++) {
				job = order[j]
				print job
				for (p = 1; p <= n; p++) {
					if (!((job, places[p]) in cost)) continue
					printf "  %-14s %24.0f instructions", places[p], cost[job, places[p]]
					if (p > 1) printf "  (%s / %s: %.4f)", places[1], places[p],
						cost[job, places[1]] / cost[job, places[p]]
					printf "\n%s", exits[job, places[p]]
				}
			}
		}' "$@"
}

# jobs_json RESULT...
jobs_json() {
	awk '
		FNR == 1 { where = FILENAME; sub(/.*jobs-/, "", where) }
		$1 == "job" { key = $2 SUBSEP where; order[++n] = key; cost[key] = $3 }
		$1 == "reason" { exits[$2, where] = exits[$2, where] sprintf(", \"%s\": %.0f", $3, $4) }
		END {
			print "["
			for (i = 1; i <= n; i++) {
				split(order[i], part, SUBSEP)
				printf "{ \"job\": \"%s\", \"on\": \"%s\", \"instructions\": %.0f, \"exits\": { %s } }%s\n",
					part[1], part[2], cost[order[i]], substr(exits[order[i]], 3), i < n ? "," : ""
			}
			print "]"
		}' "$@"
}

# jobs OUTPUT SHARE HYPERVISOR... : all of them, on each hypervisor and on the bare machine.
jobs() {
	local output=$1 share=$2 results=() hypervisor
	shift 2
	jobs_share "$share"
	for hypervisor; do
		if [ "$hypervisor" = mullion ]; then
			jobs_run "$output" "$share" mullion boot idle build
		else
			jobs_run "$output" "$share" "$hypervisor" boot idle
		fi
		results+=("$output/jobs-$hypervisor")
	done
	jobs_run "$output" "$share" bare build
	results+=("$output/jobs-bare")
	jobs_table "${results[@]}" | tee "$output/jobs.txt"
	jobs_json "${results[@]}" >"$output/jobs.json"
	say "also in $output: jobs.txt, jobs.json"
}
