#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The mullion command in the service domain: with guests and without, as root and not,
# with the module and without.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/../../scripts/lib/common.sh"

need_packages jq
share=$(mktemp -d)
trap 'rm -rf "$share"' EXIT
cp "$TOP/test/cli/cli-in-service.sh" "$share"
"$TOP/scripts/run" --batch --timeout 300 --share "$share" --exec 'sh /share/cli-in-service.sh'

# check FILE FILTER : the JSON text in FILE is well-formed and the filter says true.
check() {
	if ! jq -se "$2" "$share/$1" >/dev/null; then
		echo "cli: FAILED: not so in $1: $2"
		cat "$share/$1"
		exit 1
	fi
}
check info.json '.[0] | .technology == "AMD-V" and .memory.ram > .memory.root and
	.memory.donated > 0 and (.guests | length == 2) and
	(.guests | all(.vcpus == 1 and .donated > 0 and .process == "qemu-system-x86"))'
check info-after.json '.[0] | .memory.donated == 0 and .guests == []'
check stat.json 'length == 2 and .[1].time_ns > .[0].time_ns and
	all(.[]; [.vms[].vm][0] == 0 and ([.vms[] | select(.smm_of | not)] | length == 3)) and
	.[1].vms[0].vcpus[0].hypercall > .[0].vms[0].vcpus[0].hypercall and
	all(.[1].vms[1:][] | select(.smm_of | not) | .vcpus[]; .exits >= .io and .io > 0)'
check dmesg.json '.[0] | .[0].position == 0 and any(.[]; .level == "warning" and
	(.text | test("vcpu 0: triple fault")))'
echo "cli: passed"
