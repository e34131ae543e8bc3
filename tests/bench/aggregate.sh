#!/bin/sh
# aggregate.sh [LINES] - sum of v by topic and minute over 110-byte event
# lines: sg-aggregate, which checks each line, adds exactly, counts sources
# and writes events, beside awk programs that split lines at the quotes, and
# Miller.  Same file, in turns, median of 5; Miller reads a tenth of it.
set -eu

lines=${1:-2000000}
cd "$(dirname "$0")/../.."
PATH=$PWD/bin:$PATH
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT INT TERM
LC_ALL=C
export LC_ALL

awk -v lines="$lines" 'BEGIN {
	srand(1)
	for (i = 0; i < lines; i++)
		printf "{\"topic\":\"MEASUREMENT/METER/meter-%04d/Load\"," \
		    "\"t\":%d,\"v\":%.1f,\"u\":\"W\",\"src\":\"gw%02d\"," \
		    "\"ep\":1,\"seq\":%d}\n", i * 7 % 1000,
		    1700000000 + int(i / 1000), rand() * 1000, i % 50, i + 1
}' >"$dir/events"
head -n $((lines / 10)) "$dir/events" >"$dir/tenth"

# shellcheck disable=SC2016	# awk's dollars
sums='{ s[$4, int(substr($7, 2) / 60)] += substr($9, 2) }
END { for (k in s) printf "%s %.1f\n", k, s[k] }'

ours() {
	sg-aggregate -W 1m --from 'MEASUREMENT/METER/{meter}/Load' \
	    --to 'AGGREGATE/{meter}/Load/60s' "$dir/events"
}

by_mawk() {
	mawk -F '"' "$sums" "$dir/events"
}

by_gawk() {
	gawk -b -F '"' "$sums" "$dir/events"
}

by_miller() {
	# shellcheck disable=SC2016	# Miller's dollars
	mlr --ijsonl --ocsv put -q '
	    @s[$topic][$t // 60] += $v;
	    end { emit @s, "topic", "minute" }' "$dir/tenth"
}

# measure NAME LINES COMMAND - Add the run's rate to the file NAME.
measure() {
	begun=$(date +%s%N)
	$3 >"$dir/$1.out"
	echo $(($2 * 1000000 / (($(date +%s%N) - begun) / 1000))) \
	    >>"$dir/$1.rate"
}

peers=
for peer in mawk gawk mlr; do
	if command -v $peer >/dev/null; then
		peers="$peers $peer"
	fi
done
for _ in 1 2 3 4 5; do
	measure sg-aggregate "$lines" ours
	for peer in $peers; do
		case $peer in
		mawk) measure mawk "$lines" by_mawk ;;
		gawk) measure gawk "$lines" by_gawk ;;
		mlr) measure mlr $((lines / 10)) by_miller ;;
		esac
	done
done

# A fast wrong answer does not count.
if [ -e "$dir/mawk.out" ]; then
	sed 's/.*"topic":"AGG[^/]*\/\([^/]*\).*"t":\([0-9]*\),"v":\([^,]*\).*/\1 \2 \3/' \
	    "$dir/sg-aggregate.out" |
	    awk '{ printf "%s %d %.1f\n", $1, $2 / 60, $3 }' | sort >"$dir/a"
	tr '\034' ' ' <"$dir/mawk.out" |
	    awk '{ split($1, part, "/"); print part[3], $2, $3 }' |
	    sort >"$dir/b"
	cmp "$dir/a" "$dir/b"
fi

rate() {
	sort -n "$dir/$1.rate" | sed -n 3p
}

us=$(rate sg-aggregate)
printf '%-14s %12s  %s\n' 'sum by minute' lines/s 'sg-aggregate is'
printf '%-14s %12d\n' sg-aggregate "$us"
for peer in mawk gawk mlr; do
	if [ -e "$dir/$peer.rate" ]; then
		them=$(rate $peer)
		printf '%-14s %12d  %s x\n' $peer "$them" \
		    "$(awk -v a="$us" -v b="$them" 'BEGIN { printf "%.1f", a / b }')"
	else
		printf '%-14s %12s  not compared: no %s here\n' $peer - $peer
	fi
done
