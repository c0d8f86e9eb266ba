#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh [PARAMETER=VALUE...] : boots Mullion and makes random hypercalls from the service
# domain; fails if root mode does what it must not. Parameters, as of the module:
#   seed=N calls=N seconds=N   where to start and when to stop (default: seed 1, a minute)
#   runs=N                     how often VCPU_RUN, by weight (default: 30; 1 is 5 times faster)
#   trace=1                    print each call before it is made
#   wild=1                     guests in random states that execute anything; QEMU's software
#                              processor does not survive them
# Ten million calls: run.sh calls=10000000 seconds=0 runs=1

# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/../../../scripts/lib/common.sh"
# shellcheck source=test/kmod/build.sh
. "$TOP/test/kmod/build.sh"

share_test_modules fuzz/hypercall hypercall_fuzz
"$TOP/scripts/run" --batch --timeout "${MULLION_FUZZ_TIMEOUT:-7200}" --share "$share" \
	--exec "dmesg -n 7; insmod /share/hypercall_fuzz.ko seconds=60 calls=1000000000 $*"
