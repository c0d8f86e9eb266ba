#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh MODEL [FAULT...] : has spin look at every state of MODEL.pml, where no claim may be
# broken, and then plants each FAULT, one at a time: each must break one.
set -eu

model=$1
shift
source=$(cd "$(dirname "$0")" && pwd)/$model.pml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# search [-DFAULT] : what a search through all states has found.
search() {
	spin "$@" -a "$source" > spin.log || { cat spin.log; exit 1; }
	cc -O2 -w -DSAFETY -DCOLLAPSE -o pan pan.c
	./pan -m2000000 > pan.log 2>&1 || true
	grep 'errors:' pan.log || { cat pan.log; exit 1; }
}

found=$(search)
if [[ $found != *'errors: 0'* ]] || grep -E 'too small|out of memory' pan.log; then
	spin -t -p -g "$source" | tail -60
	echo "FAIL: $model breaks its claim, or was not searched to its end"
	exit 1
fi
grep 'states, stored' pan.log
for fault; do
	found=$(search "-D$fault")
	if [[ $found == *'errors: 0'* ]]; then
		echo "FAIL: $model with $fault planted goes unnoticed"
		exit 1
	fi
	echo "$fault is noticed"
done
echo "PASS: $model"
