#!/bin/bash
# scan: how many 110-byte event lines a second one core checks, beside mawk
# that splits them at the quotes and sums v by topic, unchecked: by CPU time.
# shellcheck disable=SC2154	# of bench.sh and tools.sh

SCAN_LINES=2000000

make_scan_events() {
	awk -v lines=$SCAN_LINES 'BEGIN {
		srand(1)
		for (i = 0; i < lines; i++)
			printf "{\"topic\":\"MEASUREMENT/SENSOR/%d/PowerConsumption\"," \
			    "\"t\":%d.%03d,\"v\":%.1f,\"u\":\"W\",\"src\":\"m%d\"," \
			    "\"ep\":1,\"seq\":%d}\n", 1000 + i % 1000,
			    1795388400 + i / 1000, i % 1000, rand() * 1000, i % 50,
			    i / 50 + 1
	}' >"$dir/scan.in"
}

lines_by_seconds() {
	awk -v n=$SCAN_LINES '{ print n / $1 }'
}

scan_by_mawk() {
	local TIMEFORMAT='%3U %3S'
	{ time mawk -F'"' '{ s[$4] += substr($9, 2) }
	    END { for (k in s) { n++; t += s[k] }
		printf "%d %d %.1f\n", NR, n, t }' "$dir/scan.in" \
	    >"$dir/scan.theirs"; } 2>&1 | awk '{ print $1 + $2 }' |
	    lines_by_seconds >>"$dir/scan.mawk"
	[ "$(cut -d ' ' -f 1-3 "$dir/scan.ours")" = \
	    "$(cat "$dir/scan.theirs")" ] || {
		say "scan: the sums differ"
		rm "$dir/scan.mawk"
	}
}

scan() {
	local round
	make_scan_events
	for ((round = 0; round < ROUNDS; round++)); do
		"$programs/scan" "$dir/scan.in" >"$dir/scan.ours" || return
		cut -d ' ' -f 4 "$dir/scan.ours" | lines_by_seconds \
		    >>"$dir/scan.sum"
		cut -d ' ' -f 5 "$dir/scan.ours" | lines_by_seconds \
		    >>"$dir/scan.check"
		! have mawk || scan_by_mawk
	done
	rm "$dir/scan.in"
	heading "Scanner, 110 B: lines a second of CPU time"
	line "check, from memory; to reach" scan.check =6000000 '>=1'
	line "  mawk -F'\"', sum by topic, unchecked" scan.check scan.mawk '>=3'
	line "read, check, sum by topic; the same mawk" scan.sum scan.mawk
}
