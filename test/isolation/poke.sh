#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Reaches for root mode's memory and registers, as the service domain's kernel (poke.c)
# and as root in its user space; succeeds if nothing is to be had and all goes on.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/../../scripts/lib/common.sh"
# shellcheck source=test/kmod/build.sh
. "$TOP/test/kmod/build.sh"

share_test_modules isolation poke
cp "$TOP/test/isolation/poke-in-service.sh" "$share"
"$TOP/scripts/run" --batch --timeout 300 --share "$share" --exec 'sh /share/poke-in-service.sh'
