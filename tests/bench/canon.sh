#!/bin/bash
# canon: the canonical form of events, one core, by CPU time.
# shellcheck disable=SC2154	# of bench.sh and tools.sh

# canon_of NAME FILE - Adds events a second to NAME, MB/s to NAME.mb.
canon_of() {
	local lines bytes seconds
	read -r lines bytes seconds < <("$programs/canon" "$2") || return
	awk -v n="$lines" -v s="$seconds" 'BEGIN { print n / s }' >>"$dir/$1"
	awk -v n="$bytes" -v s="$seconds" 'BEGIN { print n / s / 1e6 }' \
	    >>"$dir/$1.mb"
}

# Objects of 40 doubles that need all of their 17 digits.
make_digits() {
	awk -v lines="$1" 'BEGIN {
		srand(1)
		for (i = 0; i < lines; i++) {
			printf "{\"topic\":\"A/b\",\"t\":1,\"m\":{"
			for (k = 0; k < 40; k++)
				printf "%s\"c%02d\":%.16e", k ? "," : "", k,
				    rand() * exp((rand() - 0.5) * 1000)
			print "}}"
		}
	}'
}

jq_of() {
	local TIMEFORMAT='%3U %3S'
	{ time jq -cS . "$2" >/dev/null; } 2>&1 |
	    awk -v n="$(wc -l <"$2")" '{ print n / ($1 + $2) }' >>"$dir/$1"
}

canon() {
	local round
	make_events 1000000 110 1000 "$dir/c110.in"
	make_events 200000 800 1000 "$dir/c800.in"
	make_digits 20000 >"$dir/digits.in"
	head -n 100000 "$dir/c110.in" >"$dir/c110.jq.in"
	for ((round = 0; round < ROUNDS; round++)); do
		canon_of c110 "$dir/c110.in"
		canon_of c800 "$dir/c800.in"
		canon_of digits "$dir/digits.in"
		! have jq || jq_of c110.jq "$dir/c110.jq.in"
	done
	rm "$dir"/c110*.in "$dir"/c800.in "$dir"/digits.in
	heading "Canonical JSON: events a second of CPU time"
	line "110 B; to reach" c110 =1500000 '>=1'
	line "  jq -cS, which is not canonical" c110 c110.jq
	line "800 B; to reach" c800 =1500000 '>=1'
	line "17-digit doubles, MB/s; to reach" digits.mb =50 '>=1'
}
