#!/bin/sh
# scan.sh [LINES] - how many 110-byte event lines a second one core checks,
# beside mawk that splits them at the quotes and sums v by topic, unchecked:
# same file, in turns, median of 5.
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

median() {
	sort -n | sed -n 3p
}

for _ in 1 2 3 4 5; do
	build/cc/bench/scan "$dir/events" >"$dir/ours"
	cut -d ' ' -f 4 "$dir/ours" >>"$dir/sum"
	cut -d ' ' -f 5 "$dir/ours" >>"$dir/scan"
	if command -v mawk >/dev/null; then
		start=$(date +%s.%N)
		mawk -F'"' '{ s[$4] += substr($9, 2) }
		    END { for (k in s) { n++; t += s[k] }
			printf "%d %d %.1f\n", NR, n, t }' "$dir/events" \
		    >"$dir/theirs"
		echo "$(date +%s.%N) $start" | awk '{ print $1 - $2 }' \
		    >>"$dir/mawk"
	fi
done

rate() {
	awk -v n="$lines" -v s="$(median <"$1")" 'BEGIN { print n / s / 1e6 }'
}

scan=$(rate "$dir/scan")
sum=$(rate "$dir/sum")
printf '%-44s %6.2f M lines/s\n' 'check, from memory' "$scan" \
    'read, check, sum by topic' "$sum"
if [ -e "$dir/mawk" ]; then
	[ "$(cut -d ' ' -f 1-3 "$dir/ours")" = "$(cat "$dir/theirs")" ] ||
	    { echo "scan.sh: the sums differ" >&2; exit 1; }
	mawk=$(rate "$dir/mawk")
	printf '%-44s %6.2f M lines/s, ratio %.1f\n' \
	    "mawk -F'\"', sum by topic, unchecked" "$mawk" \
	    "$(awk -v a="$sum" -v b="$mawk" 'BEGIN { print a / b }')"
else
	echo 'mawk: not compared'
fi
