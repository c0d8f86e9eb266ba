# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What scripts/bench makes of counted operations. In each function NAMES are the hypervisors, in
# one word, and RESULTS has a line an operation: its name, then instructions and transitions on
# each of them, "-" for what was not counted.

# bench_results FILE... : RESULTS of a file for each hypervisor, with lines
#	NAME ROUNDS INSTRUCTIONS TRANSITIONS
# of which "nothing" is what measuring itself costs: instructions in each round, transitions before
# and after them. The first file says which operations.
bench_results() {
	awk '
		function number(value, format) {
			value = sprintf(format, value)
			return value + 0 == 0 ? sprintf(format, 0) : value # and no -0
		}
		FNR == 1 { files++ }
		files == 1 { name[NR] = $1; count = NR }
		$1 == "nothing" { t = $3 / $2; n = $4; next }
		{
			result[files, $1] = number($3 / $2 - t, "%.0f") " " \
				($4 == "-" ? $4 : number(($4 - n) / $2, "%.1f"))
		}
		END {
			for (i = 2; i <= count; i++) {
				printf "%s", name[i]
				for (f = 1; f <= files; f++)
					printf " %s", ((f, name[i]) in result) ? result[f, name[i]] : "- -"
				print ""
			}
		}' "$@"
}

# bench_table NAMES RESULTS
bench_table() {
	awk -v names="$1" '
		BEGIN {
			count = split(names, name, " ")
			printf "%-20s", "instructions"
			for (i = 1; i <= count; i++) printf " %12s %6s", name[i], "trans."
			for (i = 2; i <= count; i++) printf " %8s", "/" name[i]
			print ""
		}
		{
			printf "%-20s", $1
			for (i = 1; i <= count; i++) {
				printf " %12s %6s", $(2 * i), $(2 * i + 1)
				if ($(2 * i) == "-") lacking = 1
			}
			for (i = 2; i <= count; i++) {
				compared = $2 != "-" && $(2 * i) + 0 != 0
				printf " %8s", compared ? sprintf("%.2f", $2 / $(2 * i)) : "-"
			}
			print ""
		}
		END { if (lacking) print "-: the guest has a machine without that device there" }' "$2"
}

# bench_json NAMES RESULTS
bench_json() {
	awk -v names="$1" '
		BEGIN { count = split(names, name, " "); print "[" }
		{
			printf "%s{ \"operation\": \"%s\"", (NR > 1 ? ",\n" : ""), $1
			for (i = 1; i <= count; i++) {
				if ($(2 * i) == "-") continue
				printf ", \"%s\": { \"instructions\": %s", name[i], $(2 * i)
				if ($(2 * i + 1) != "-") printf ", \"transitions\": %s", $(2 * i + 1)
				printf " }"
			}
			printf " }"
		}
		END { print "\n]" }' "$2"
}

# bench_plot NAMES RESULTS SVG
bench_plot() {
	local name columns='' column=2
	for name in $1; do
		columns+="'$2' using $column:xtic(1) title '$name',"
		column=$((column + 2))
	done
	gnuplot <<-END
		set terminal svg size 1200,500 background 'white'
		set output '$3'
		set style data histogram
		set style fill solid
		set datafile missing '-'
		set logscale y
		set ylabel 'instructions an operation'
		set xtics rotate by -45
		set grid y
		plot ${columns%,}
	END
}
