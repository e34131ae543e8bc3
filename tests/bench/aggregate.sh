#!/bin/bash
# aggregate: sum of v by topic and minute over event lines of about 110 bytes:
# sg-aggregate, which checks each line, adds exactly, counts sources and
# writes events, beside awk programs that split lines at the quotes, and
# Miller, which reads a tenth of them.  And what it holds in memory for many
# sources.
# shellcheck disable=SC2154	# of bench.sh and tools.sh

AGGREGATE_LINES=2000000

make_aggregate_events() {
	awk -v lines=$AGGREGATE_LINES 'BEGIN {
		srand(1)
		for (i = 0; i < lines; i++)
			printf "{\"topic\":\"MEASUREMENT/METER/meter-%04d/Load\"," \
			    "\"t\":%d,\"v\":%.1f,\"u\":\"W\",\"src\":\"gw%02d\"," \
			    "\"ep\":1,\"seq\":%d}\n", i * 7 % 1000,
			    1700000000 + int(i / 1000), rand() * 1000, i % 50, i + 1
	}' >"$dir/agg.in"
	head -n $((AGGREGATE_LINES / 10)) "$dir/agg.in" >"$dir/agg.tenth"
}

# shellcheck disable=SC2016	# awk's dollars
sums='{ s[$4, int(substr($7, 2) / 60)] += substr($9, 2) }
END { for (k in s) printf "%s %.1f\n", k, s[k] }'

sum_by_sg() {
	"$bin/sg-aggregate" -W 1m --from 'MEASUREMENT/METER/{meter}/Load' \
	    --to 'AGGREGATE/{meter}/Load/60s' "$dir/agg.in"
}

sum_by_mawk() {
	LC_ALL=C mawk -F '"' "$sums" "$dir/agg.in"
}

sum_by_gawk() {
	LC_ALL=C gawk -b -F '"' "$sums" "$dir/agg.in"
}

sum_by_mlr() {
	# shellcheck disable=SC2016	# Miller's dollars
	mlr --ijsonl --ocsv put -q '
	    @s[$topic][$t // 60] += $v;
	    end { emit @s, "topic", "minute" }' "$dir/agg.tenth"
}

# sum_rate NAME - Add the run's rate to agg.NAME.
sum_rate() {
	local begin lines=$AGGREGATE_LINES
	[ "$1" != mlr ] || lines=$((lines / 10))
	begin=$(now)
	"sum_by_$1" >"$dir/agg.$1.out" 2>"$dir/agg.err" || {
		say "aggregate: $1: $(tail -n 1 "$dir/agg.err")"
		return
	}
	rate "$lines" "$begin" "$(now)" >>"$dir/agg.$1"
}

# A fast wrong answer does not count.
same_sums() {
	sed 's/.*"topic":"AGG[^/]*\/\([^/]*\).*"t":\([0-9]*\),"v":\([^,]*\).*/\1 \2 \3/' \
	    "$dir/agg.sg.out" |
	    awk '{ printf "%s %d %.1f\n", $1, $2 / 60, $3 }' | sort >"$dir/a"
	tr '\034' ' ' <"$dir/agg.mawk.out" |
	    awk '{ split($1, part, "/"); print part[3], $2, $3 }' |
	    sort >"$dir/b"
	cmp -s "$dir/a" "$dir/b"
}

# Four minutes of so many meters in ten regions, and a table of where they are.
make_sources() {
	awk -v meters="$1" -v lines="$dir/agg.sources" -v rows="$dir/agg.csv" '
	BEGIN {
		print "meter,area" >rows
		for (i = 0; i < meters; i++)
			printf "meter-%06d,area-%d\n", i, i % 10 >rows
		for (i = 0; i < 4 * meters; i++)
			printf "{\"topic\":\"MEASUREMENT/region-%d/meter-%06d/Load\"," \
			    "\"t\":%d,\"v\":%d.5,\"u\":\"W\",\"src\":\"gw%02d\"," \
			    "\"ep\":1,\"seq\":%d}\n", i % 10, i % meters,
			    1700000040 + 60 * int(i / meters) + i % 60,
			    i % 1000, i % 50, i + 1 >lines
	}'
}

# sources_memory NAME OPTION... - RssAnon in KiB with the sources made and three
# windows written and kept, to agg.NAME.
sources_memory() {
	local fifo=$dir/agg.fifo name=$1 pid
	shift
	rm -f "$fifo"
	mkfifo "$fifo"
	launch "$bin/sg-aggregate" -W 1m --stat sum \
	    --from 'MEASUREMENT/{region}/{meter}/Load' "$@" "$fifo"
	pid=$last
	exec {feed}>"$fifo"
	cat "$dir/agg.sources" >&$feed
	# Ten groups, three windows; the fourth one stays open.
	wait_until has_lines 30 "$dir/launched.out" &&
	    sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' \
		"/proc/$pid/status" >"$dir/agg.$name"
	exec {feed}>&-
	wait "$pid"
	rm -f "$fifo"
}

has_lines() {
	[ "$(wc -l <"$2")" -ge "$1" ]
}

# each_further NAME - Bytes, from agg.NAME.100 to agg.NAME.400 thousand.
each_further() {
	[ ! -s "$dir/agg.$1.100" ] || [ ! -s "$dir/agg.$1.400" ] ||
	    awk '{ kib = $1 - kib } END { printf "%d\n", kib * 1024 / 300000 }' \
	    "$dir/agg.$1.100" "$dir/agg.$1.400" >"$dir/agg.$1.each"
}

aggregate_memory() {
	local n
	for n in 100 400; do
		make_sources ${n}000
		sources_memory topic.$n --to 'AGGREGATE/{region}/Load/60s'
		sources_memory table.$n --to 'AGGREGATE/{area}/Load/60s' \
		    --join "$dir/agg.csv"
		rm -f "$dir/agg.sources" "$dir/agg.csv"
	done
	each_further topic
	each_further table
	heading "sg-aggregate, 10 groups: memory"
	line "100,000 sources: KiB; 200 MiB" agg.topic.100 =204800 '<=1'
	line "each further source: bytes; 100" agg.topic.each =100 '<=1'
	line "100,000 joined by a table, with it: KiB" agg.table.100 -
	line "each further source and row: bytes" agg.table.each -
}

aggregate() {
	local round peer
	make_aggregate_events
	for ((round = 0; round < ROUNDS; round++)); do
		sum_rate sg
		for peer in mawk gawk mlr; do
			! have $peer || sum_rate $peer
		done
	done
	if [ -e "$dir/agg.mawk" ] && ! same_sums; then
		say "aggregate: the sums differ from mawk's"
		rm "$dir/agg.sg"
	fi
	rm "$dir/agg.in" "$dir/agg.tenth"
	heading "sg-aggregate, sum by topic and minute: lines a second"
	line "mawk" agg.sg agg.mawk '>=3'
	line "gawk -b" agg.sg agg.gawk '>=3'
	line "Miller" agg.sg agg.mlr '>=30'
	aggregate_memory
}
