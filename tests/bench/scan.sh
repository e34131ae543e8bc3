#!/usr/bin/env bash
# scan.sh [LINES] - how many 110-byte event lines a second one core checks,
# beside mawk that splits them at the quotes and sums v by topic, unchecked:
# same file, in turns, median of 5, by processor time.
set -eu

lines=${1:-2000000}
cd "$(dirname "$0")/../.."
make -s build/cc/bench/scan
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT INT TERM

awk -v lines="$lines" 'BEGIN {
	srand(1)
	for (i = 0; i < lines; i++)
		printf "{\"topic\":\"MEASUREMENT/SENSOR/%d/PowerConsumption\"," \
		    "\"t\":%d.%03d,\"v\":%.1f,\"u\":\"W\",\"src\":\"m%d\"," \
		    "\"ep\":1,\"seq\":%d}\n", 1000 + i % 1000,
		    1795388400 + i / 1000, i % 1000, rand() * 1000, i % 50,
		    i / 50 + 1
}' >"$dir/events"

TIMEFORMAT='%3U %3S'
median() {
	sort -n | sed -n 3p
}

for _ in 1 2 3 4 5; do
	build/cc/bench/scan "$dir/events" >"$dir/ours"
	cut -d ' ' -f 4 "$dir/ours" >>"$dir/sum"
	cut -d ' ' -f 5 "$dir/ours" >>"$dir/scan"
	if command -v mawk >/dev/null; then
		{ time mawk -F'"' '{ s[$4] += substr($9, 2) }
		    END { for (k in s) { n++; t += s[k] }
			printf "%d %d %.1f\n", NR, n, t }' "$dir/events" \
		    >"$dir/theirs"; } 2>&1 | awk '{ print $1 + $2 }' \
		    >>"$dir/mawk"
	fi
done

rate() {
	awk -v n="$lines" -v s="$(median <"$1")" 'BEGIN { print n / s / 1e6 }'
}

report() {
	awk -v what="$1" -v rate="$(rate "$2")" -v base="$3" 'BEGIN {
		printf "%-40s %6.2f M lines/s per core", what, rate
		if (base > 0)
			printf ", ratio %.1f", rate / base
		print ""
	}'
}

mawk=0
if [ -e "$dir/mawk" ]; then
	[ "$(cut -d ' ' -f 1-3 "$dir/ours")" = "$(cat "$dir/theirs")" ] ||
	    { echo "scan.sh: the sums differ" >&2; exit 1; }
	mawk=$(rate "$dir/mawk")
	report "mawk -F'\"', sum by topic, unchecked" "$dir/mawk" 0
else
	echo 'mawk: not compared'
fi
report 'check, from memory' "$dir/scan" "$mawk"
report 'read, check, sum by topic' "$dir/sum" "$mawk"
