#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# guard.sh : fails when what guests do often costs a tenth more than in `limits`.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/../../scripts/lib/common.sh"

results=$BUILD/bench-guard
"$TOP/scripts/bench" --rounds 200 --output "$results"
awk '
	/^#/ { next }
	NR == FNR { limit[$1] = $2; next }
	!($1 in limit) { next }
	{
		measured[$1]
		if ($2 > 1.1 * limit[$1]) {
			print "guard: " $1 " costs " $2 " instructions, not " limit[$1]
			failed = 1
		}
	}
	END {
		for (name in limit)
			if (!(name in measured)) { print "guard: " name " was not measured"; failed = 1 }
		exit failed
	}' "$(dirname "$0")/limits" "$results/results"
