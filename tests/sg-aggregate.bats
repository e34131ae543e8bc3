# sg-aggregate: groups, windows, statistics, units, late readings, sources.

load helpers

# reading SOURCE T V [UNIT] - One line.
reading() {
	printf '{"topic":"M/%s/Load","t":%s,"v":%s,"u":"%s"}\n' \
	    "$1" "$2" "$3" "${4:-W}"
}

aggregate() {
	sg-aggregate --from 'M/{m}/Load' --to 'A/all' "$@"
}

# figures MEMBER... - Those members of each line, separated by blanks.
figures() {
	local member filter='.t'
	for member; do
		filter+=",.$member"
	done
	jq -r "[$filter]|map(tostring)|join(\" \")"
}

@test "readings become one event for each group and window" {
	{
		reading a 0 0.1
		reading b 59.5 0.2
		reading a 60 1
	} | aggregate -W 1m >out
	diff - out <<-'END'
	{"topic":"A/all","t":0,"v":0.3,"u":"W","w":60,"n":2,"sources":2,"missing":0,"age":60}
	{"topic":"A/all","t":60,"v":1,"u":"W","w":60,"n":1,"sources":1,"missing":1,"age":60.5}
	END
}

@test "captures and columns of a table make the topic of the result" {
	printf 'meter,feeder,dso\na,F1,"East England"\nb,F2,"East England"\n' \
	    >meters.csv
	{
		reading a 0 1
		reading b 0 2
	} >in
	sg-aggregate --from 'M/{m}/Load' --join meters.csv \
	    --to 'A/{dso}/{feeder}/{m}' in | jq -r .topic >out
	diff - out <<-'END'
	A/East_England/F1/a
	A/East_England/F2/b
	END
}

@test "a row can be found by another column than the first" {
	printf 'feeder,id\nF1,a\nF2,b\n' >meters.csv
	reading b 0 2 >in
	sg-aggregate --from 'M/{m}/{what}' --join 'meters.csv:id={m}' \
	    --to 'A/{feeder}/{what}' in >out
	[ "$(jq -r .topic out)" = A/F2/Load ]
}

@test "a meter that is not in the table is reported once and saved whole" {
	printf 'meter,feeder\na,F1\n' >meters.csv
	{
		reading a 0 1
		reading x 0 2
		reading x 1 3
	} >in
	run -65 --separate-stderr sg-aggregate --from 'M/{m}/Load' \
	    --join meters.csv --to 'A/{feeder}' in
	diff <(echo "$stderr") - <<-'END'
	sg-aggregate: error: in:2: M/x/Load: not in the joined table
	sg-aggregate: warning: 2 of 3 lines refused
	END
	[ "${#lines[@]}" -eq 1 ]
	sg-aggregate --from 'M/{m}/Load' --join meters.csv --to 'A/{feeder}' \
	    --dead dead in >out 2>err
	grep /x/ in | diff - dead
}

@test "a meter without a feeder is reported like one without a row" {
	printf 'meter,feeder\na,F1\nb,\n' >meters.csv
	{
		reading a 0 1
		reading b 0 2
		reading b 1 2
	} >in
	run -65 --separate-stderr sg-aggregate --from 'M/{m}/Load' \
	    --join meters.csv --to 'A/{feeder}' in
	diff <(echo "$stderr") - <<-'END'
	sg-aggregate: error: in:2: M/b/Load: an empty cell in the joined table
	sg-aggregate: warning: 2 of 3 lines refused
	END
}

@test "tables that cannot be used are refused" {
	reading a 0 1 >in
	use() {
		sg-aggregate --from 'M/{m}/Load' --join meters.csv \
		    --to "${1:-A/{feeder\}}" in
	}
	run -66 use
	: >meters.csv
	run -65 use
	[[ "$output" == *'no header'* ]]
	printf 'meter,feeder\na,F1\nb,F2\na,F3\n' >meters.csv
	run -65 use
	[[ "$output" == *'"a" a second time'* ]]
	printf 'meter,feeder\na,F 1\nb,F_1\n' >meters.csv
	run -64 use
	[[ "$output" == *'would be one topic'* ]]
	run -64 use 'A/{region}'
	[[ "$output" == *'{region} is neither captured nor a column'* ]]
}

@test "usage errors are told" {
	run -64 sg-aggregate
	run -64 aggregate --stat median
	run -64 aggregate --stat sum,sum
	run -64 aggregate --stat energy
	run -64 aggregate -W 0
	run -64 aggregate --tz Mars/Olympus
	run -64 aggregate --unit parsec
	run -64 aggregate --field load,,
	run -64 sg-aggregate --from 'M/{m' --to A
}

@test "several statistics stand in m by name" {
	{
		reading a 0 5
		reading a 1 7
		reading b 2 7
	} | aggregate --stat sum,mean,min,max,max_at,count >out
	[ "$(jq -c .m out)" = '{"sum":19,"mean":6.333333333333333,"min":5,"max":7,"max_at":1,"count":3}' ]
	[ "$(jq -c .u out)" = '{"sum":"W","mean":"W","min":"W","max":"W"}' ]
}

@test "sums are exact in any order" {
	awk 'BEGIN { for (i = 0; i < 3000; i++)
		printf "{\"topic\":\"M/%d/Load\",\"t\":%d,\"v\":%s}\n",
		    i % 7, i % 300, (i % 2 ? "-" : "") "0.1e" i % 9 }' >in
	aggregate --grace 1h in >straight
	tac in | aggregate --grace 1h >backwards
	sort -t: -k4 in | aggregate --grace 1h >sorted
	cmp straight backwards
	cmp straight sorted
	[ "$(wc -l <straight)" -eq 5 ]
}

@test "kW, W and MW add up in W, or in the unit asked for" {
	{
		reading a 0 2.771 kW
		reading b 0 1 W
		reading c 0 0.000001 MW
	} >in
	[ "$(aggregate in | figures v u)" = '0 2773 W' ]
	[ "$(aggregate --unit kW in | figures v u)" = '0 2.773 kW' ]
}

@test "a unit that does not convert is refused by name" {
	{
		reading a 0 1 W
		reading b 0 230 V
	} >in
	run -65 --separate-stderr aggregate in
	[ "$stderr" = 'sg-aggregate: error: in:2: unit V does not convert to the W of A/all' ]
	run -65 --separate-stderr aggregate --stat energy --interval 1m --unit V in
	[ "$output" = '' ]
}

@test "energy is power by the interval of the readings" {
	for t in 0 60 120; do
		reading a $t 0.1 kW
	done | aggregate -W 15m --stat energy --interval 1m >out
	[ "$(figures v u <out)" = '0 5 Wh' ]
	reading a 0 120 | aggregate --stat energy --interval 1m --unit kWh >out
	[ "$(figures v u <out)" = '0 0.002 kWh' ]
}

@test "one value of each source can be made first" {
	{
		reading a 0 1
		reading a 30 2
		reading b 0 10
	} >in
	[ "$(aggregate --per-source mean in | figures v n)" = '0 11.5 3' ]
	[ "$(aggregate --per-source last in | figures v n)" = '0 12 3' ]
	[ "$(aggregate --per-source max --stat min in | figures v)" = '0 2' ]
}

@test "several topics can be one source" {
	{
		reading a.1 0 1
		reading a.2 0 2
	} | sed 's/a\.\(.\)/a\/\1/' >in
	sg-aggregate --from 'M/{m}/{phase}/Load' --to 'A' --source '{m}' in |
	    figures v sources >out
	[ "$(cat out)" = '0 3 1' ]
}

@test "an aggregate of aggregates is the aggregate of the readings" {
	awk 'BEGIN { for (i = 0; i < 5000; i++)
		printf "{\"topic\":\"M/%d/Load\",\"t\":%d,\"v\":%.2f,\"u\":\"%s\"}\n",
		    i % 11, int(i / 5), (i * 7919) % 1000 / 100 - 3,
		    i % 3 ? "W" : "kW" }' >in
	stats=sum,mean,min,max,min_at,max_at,first,last,count,energy
	aggregate --stat $stats --interval 1s -W 1m in |
	    sg-aggregate --from 'A/{x}' --to 'A/{x}' --stat $stats --interval 1s \
		-W 5m | jq -c 'del(.sources,.missing,.age)' >twice
	aggregate --stat $stats --interval 1s -W 5m in |
	    jq -c 'del(.sources,.missing,.age)' >once
	cmp once twice
	aggregate --stat mean in | sg-aggregate --from 'A/{x}' --to 'A/{x}' \
	    --stat mean -W 5m | jq -c 'del(.sources,.missing,.age)' >twice
	aggregate --stat mean -W 5m in |
	    jq -c 'del(.sources,.missing,.age)' >once
	cmp once twice
}

@test "aggregates of nothing, or of more than can be counted, add nothing" {
	{
		echo '{"topic":"M/a/Load","t":0,"m":{"sum":0},"w":1,"n":0}'
		echo '{"topic":"M/a/Load","t":0,"v":5,"sum":5,"w":1,"n":9007199254740991}'
		echo '{"topic":"M/a/Load","t":0,"v":5,"w":1,"n":1,"values":0}'
	} >in
	for how in each mean last; do
		run -65 --separate-stderr aggregate --stat mean,sum,max \
		    --per-source $how in
		[ "$output" = '' ]
		[ "$stderr" = 'sg-aggregate: error: in:2: n is out of range' ]
	done
}

@test "the highest of totals is found in a second stage" {
	{
		reading a 0 5
		reading b 0 6
		reading a 60 10
	} | aggregate | sg-aggregate -W 1h --from 'A/{x}' --to 'P/{x}' \
	    --stat max,max_at >out
	[ "$(jq -c .m out)" = '{"max":11,"max_at":0}' ]
	[ "$(jq .n out)" -eq 3 ]
}

@test "late readings correct the aggregate" {
	{
		reading a 0 1
		reading a 70 1
		reading b 1 2
		reading a 130 1
	} | aggregate >out
	figures v n rev <out | diff - <(printf '0 1 1 null\n0 3 2 1\n60 1 1 null\n120 1 1 null\n')
}

@test "late readings are dead letters or dropped if that is asked for" {
	{
		reading a 0 1
		reading a 70 1
		reading b 1 2
	} >in
	run -65 --separate-stderr aggregate --late dead in
	[ "$stderr" = 'sg-aggregate: error: in:3: late: its window is closed' ]
	[ "${#lines[@]}" -eq 2 ]
	aggregate --late dead --dead dead in >out 2>err
	reading b 1 2 | diff - dead
	aggregate --late drop --stats in >out 2>err
	jq -e '.tool == "sg-aggregate" and .in == 3 and .late == 1 and
	    .bad == 0 and .seconds > 0' err
	run -65 aggregate --keep 5s in
}

@test "a reading in the future is refused and closes nothing" {
	{
		reading a 1000 1
		reading a 1061 1
		reading a 1001 2
	} >in
	SG_NOW=@1000 run -65 --separate-stderr aggregate --skew 60s in
	[ "$stderr" = 'sg-aggregate: error: in:2: future: t is ahead of the clock' ]
	[ "$(figures v <<<"$output")" = '960 3' ]
}

@test "missing sources are counted and named" {
	printf 'meter,feeder\na,F\nb,F\nc,F\n' >meters.csv
	{
		reading a 0 1
		reading b 0 1
		reading a 60 1
	} | sg-aggregate --from 'M/{m}/Load' --join meters.csv --to 'A/{feeder}' \
	    --missing >out
	jq -c '[.sources,.missing,.age,.absent]' out | diff - <(
	echo '[2,1,60,["M/c/Load"]]'
	echo '[1,2,120,["M/b/Load","M/c/Load"]]')
}

@test "local days have 23 and 25 hours" {
	{
		reading a 1774742400 1 # 2026-03-29T00:00:00Z
		reading a 1774825199 1
		reading a 1774825200 2 # 2026-03-30T00:00:00+01:00
		reading a 1792882800 4 # 2026-10-25T00:00:00+01:00
		reading a 1792972799 4
	} | aggregate -W 1d --tz Europe/London | figures w v >out
	diff - out <<-'END'
	1774742400 82800 2
	1774825200 86400 2
	1792882800 90000 8
	END
}

@test "BAD and MISSING values are not counted" {
	{
		reading a 0 1
		reading a 1 5 | sed 's/}/,"q":"BAD"}/'
		reading a 2 5 | sed 's/}/,"q":"MISSING"}/'
		reading a 3 2 | sed 's/}/,"q":"ESTIMATED"}/'
	} | aggregate >out
	[ "$(figures v n <out)" = '0 3 2' ]
}

@test "marks pass through in their place, other events do not" {
	{
		reading a 0 1
		echo '{"topic":"$SG/MARK","x":1}'
		reading a 70 1
		echo '{"topic":"OTHER","t":1,"v":1}'
		echo '{"topic":"$SG/MARK","x":2}'
	} | aggregate | jq -c '.x // .t' >out
	diff - out <<-'END'
	1
	0
	2
	60
	END
}

@test "bad lines are reported with their number, and the rest is counted" {
	{
		reading a 0 1
		echo '{"topic":"M/a/Load","t":1}'
		echo 'not an event'
		echo '{"topic":"M/a/Load","t":1,"vs":"on"}'
		reading a 2 1
	} >in
	run -65 --separate-stderr aggregate in
	[ "${#stderr_lines[@]}" -eq 4 ]
	[ "${stderr_lines[3]}" = 'sg-aggregate: warning: 3 of 5 lines refused' ]
	[[ "${stderr_lines[0]}" == 'sg-aggregate: error: in:2: '* ]]
	[[ "${stderr_lines[2]}" == *'in:4: no number in v' ]]
	[ "$(figures v <<<"$output")" = '0 2' ]
	aggregate --dead dead in >out 2>err
	[ "$(wc -l <dead)" -eq 3 ]
	run -65 --separate-stderr aggregate --strict in
	[ "$output" = '' ]
}

@test "an empty input gives nothing and is no error" {
	run -0 --separate-stderr aggregate </dev/null
	[ "$output" = '' ]
	[ "$stderr" = '' ]
	run -66 aggregate absent
}

# start_aggregate OPTION... - Reading from descriptor 8, writing to live.
start_aggregate() {
	mkfifo pipe
	sg-aggregate --from 'M/{m}/Load' --to 'A/all' "$@" <pipe >live &
	pid=$!
	started+=($pid)
	exec 8>pipe
}

bytes_read() {
	sed -n 's/^rchar: //p' "/proc/$pid/io"
}

# It has read up to there and sleeps, waiting for more.
waits_at() {
	[ "$(bytes_read)" -ge "$1" ] && grep -q '^State:.S' "/proc/$pid/status"
}

@test "pauses in old data change nothing" {
	local line at
	awk 'BEGIN { for (i = 0; i < 400; i++)
		printf "{\"topic\":\"M/%d/Load\",\"t\":%d,\"v\":%d}\n",
		    i % 5, 1000000 + i * 3 - i * 7 % 20, i }' >in
	aggregate --grace 10s in >batch
	start_aggregate --grace 10s
	head -n 100 in >&8
	wait_lines 1 live
	wait_until waits_at 0
	while read -r line; do
		at=$(bytes_read)
		echo "$line" >&8
		wait_until waits_at $((at + ${#line} + 1))
	done < <(sed -n 101,160p in)
	tail -n +161 in >&8
	exec 8>&-
	wait $pid
	cmp batch live
}

@test "live, a window closes by the clock when the input is silent" {
	export SG_NOW=@1000130
	start_aggregate -W 10s --grace 5s
	reading a 1000111 1 >&8
	wait_lines 1 live
	[ "$(figures v <live)" = '1000110 1' ]
	exec 8>&-
	wait $pid
	[ "$(wc -l <live)" -eq 1 ]
}

@test "a window that the clock has not reached stays open" {
	export SG_NOW=@1000120
	start_aggregate -W 10s --grace 5s
	reading a 1000111 1 >&8
	reading a 1000101 1 >&8
	wait_lines 1 live
	exec 8>&-
	wait $pid
	figures v <live | diff - <(printf '1000100 1\n1000110 1\n')
}

@test "by the real clock, windows close in time, SIGHUP or not" {
	start_aggregate -W 1s --grace 1s
	reading a "$(date +%s)" 1 >&8
	wait_until waits_at 1
	kill -HUP $pid
	wait_lines 1 live
	exec 8>&-
	wait $pid
	[ "$(wc -l <live)" -eq 1 ]
}

@test "SIGTERM writes nothing more and is status 143" {
	start_aggregate
	{
		reading a 0 1
		reading a 66 1
	} >&8
	wait_lines 1 live
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	exec 8>&-
	[ $status -eq 143 ]
	[ "$(wc -l <live)" -eq 1 ]
}

@test "one member of m can be taken" {
	echo '{"topic":"M/a/Load","t":0,"m":{"load":1.5,"flex":2},"u":{"load":"kW","flex":"W"}}' >in
	[ "$(aggregate --field m.load in | figures v u)" = '0 1500 W' ]
	run -65 aggregate in
}

@test "more topics than allowed are refused" {
	{
		reading a 0 1
		reading b 0 1
		reading a 1 1
	} >in
	run -65 --separate-stderr aggregate --max-topics 1 in
	[ "$(figures v <<<"$output")" = '0 2' ]
}

@test "a hundred thousand groups come out by topic" {
	awk 'BEGIN { for (t = 0; t < 3; t++) for (i = 0; i < 100000; i++)
		printf "{\"topic\":\"M/%d/Load\",\"t\":%d,\"v\":1}\n",
		    i * 7919 % 100000, t * 60 }' >in
	sg-aggregate --from 'M/{m}/Load' --to 'A/{m}' in >out
	[ "$(wc -l <out)" -eq 300000 ]
	cut -d '"' -f 4,7 out | sed 's/\(.*\)":\([0-9]*\),/\2 \1/' |
	    LC_ALL=C sort -c -s -k1,1n -k2,2
}

@test "options that do not fit together are told" {
	run -64 aggregate --slide 7s
	run -64 aggregate -W month --slide 1d
	run -64 aggregate --slide 1ms
	run -64 aggregate --every 1us
	run -64 aggregate -W 1d --every 1s
	run -64 aggregate --stale 1m
	run -64 aggregate --stale 300d --per-source last
	run -64 aggregate --rollover 100
	run -64 aggregate --per-source delta --rollover -1
	run -64 aggregate --per-source rate --max-rate x
	run -64 aggregate --src us
	run -64 aggregate --src 'a b' --state s
	run -64 aggregate --stat p101
	run -64 sg-aggregate --from 'M/{m}/Load' --by x
	run -66 aggregate --expect absent.csv
}

@test "--by makes the topic of the result" {
	printf 'meter,feeder\na,F1\nb,F1\n' >meters.csv
	{
		reading a 0 1
		reading b 0 2
	} >in
	by() {
		sg-aggregate --from 'M/{m}/Load' --join meters.csv "$@" in |
		    jq -r .topic | sort -u
	}
	[ "$(by --by feeder)" = AGGREGATE/F1/Load/60s ]
	[ "$(by --by feeder,m -W 1d)" = "$(printf '%s\n' \
	    AGGREGATE/F1/a/Load/1d AGGREGATE/F1/b/Load/1d)" ]
	[ "$(by --by feeder -W month)" = AGGREGATE/F1/Load/month ]
	[ "$(by --by feeder -W 36h)" = AGGREGATE/F1/Load/129600s ]
	[ "$(by --by feeder -W 100ms)" = AGGREGATE/F1/Load/100ms ]
	reading a 0 1 | sg-aggregate --from 'M/{m}/{what}' --by m >out
	[ "$(jq -r .topic out)" = AGGREGATE/a/Value/60s ]
}

@test "several patterns feed one result" {
	{
		reading a 0 1
		echo '{"topic":"N/x/y/Load","t":1,"v":2,"u":"W"}'
		echo '{"topic":"O/x","t":1,"v":4,"u":"W"}'
	} | sg-aggregate --from 'M/{m}/Load' --from 'N/{m}/+/Load' --to A \
	    --stats >out 2>err
	[ "$(figures v sources <out)" = '0 3 2' ]
	[ "$(jq .other err)" -eq 1 ]
}

@test "windows slide" {
	{
		reading a 0 1
		reading b 25 2
		reading a 70 4
	} >in
	aggregate --slide 20s in | figures v n sources missing >out
	diff - out <<-'END'
	-40 1 1 1 0
	-20 3 2 2 0
	0 3 2 2 0
	20 6 2 2 0
	40 4 1 1 1
	60 4 1 1 1
	END
}

@test "a source's value is of the whole sliding window" {
	{
		reading a 0 1
		reading a 25 5
		reading b 30 7
	} | aggregate --slide 20s --per-source mean | figures v | head -n 3 |
	    diff - <(printf '%s\n' '-40 1' '-20 10' '0 10')
}

@test "a late reading corrects each window that it is in" {
	{
		reading a 0 1
		reading a 50 2
		reading a 3 4
		reading a 90 8
	} | aggregate --slide 30s --grace 0s | figures v rev >out
	diff - out <<-'END'
	-30 1 null
	-30 5 1
	0 7 null
	30 2 null
	60 8 null
	90 8 null
	END
}

@test "partial results tell of what came before, and rise" {
	{
		reading a 0 1
		reading a 19 2
		reading a 25 4
		reading a 18 8
		reading a 75 16
	} >in
	aggregate --every 20s --grace 10s in | figures v w partial rev >out
	diff - out <<-'END'
	0 11 60 true null
	0 15 60 true 1
	0 15 60 null 2
	60 16 60 true null
	60 16 60 null 1
	END
	aggregate --every 20s --grace 10s in |
	    sg-aggregate --from 'A/{x}' --to B -W 2m | figures v n |
	    diff - <(echo '0 31 5')
	aggregate --every 20s --grace 10s --stats in 2>&1 >/dev/null |
	    jq -e '.partials == 3 and .corrections == 0'
}

@test "several fields are aggregated at once" {
	{
		echo '{"topic":"M/a/Load","t":0,"m":{"load":1.5,"flex":2},"u":{"load":"kW","flex":"W"}}'
		echo '{"topic":"M/b/Load","t":1,"m":{"load":1}, "u":{"load":"kW"}}'
	} >in
	aggregate --field m.load,m.flex in |
	    jq -c '[.m, .u, .n, .counts]' >out
	echo '[{"load":2500,"flex":2},{"load":"W","flex":"W"},2,{"load":2,"flex":1}]' |
	    diff - out
	aggregate --field m.load,m.flex --stat max,count in | jq -c .m |
	    diff - <(echo '{"load.max":1500,"load.count":2,"flex.max":2,"flex.count":1}')
	aggregate --field m.load,m.flex in |
	    sg-aggregate --from 'A/{x}' --to A/all --field m.load,m.flex \
		-W 1m | jq -c .m | diff - <(echo '{"load":2500,"flex":2}')
}

counter() {
	reading "$1" "$2" "$3" Wh
}

@test "what a counter rose by adds up from window to window" {
	{
		counter a 50 100
		counter a 70 110
		counter a 110 130
		counter a 130 5
		counter a 170 6
	} >in
	aggregate --per-source delta in | figures v u n resets >out
	diff - out <<-'END'
	60 30 Wh 2 null
	120 6 Wh 2 1
	END
	aggregate --per-source rate in | figures v u | head -n 1 |
	    diff - <(echo '60 1800 W')
	aggregate --per-source delta --rollover 1000 in | figures v resets |
	    tail -n 1 | diff - <(echo '120 6 1')
	sed 's/130,"v":5/130,"v":4/; s/110,"v":130/110,"v":998/' in |
	    aggregate --per-source delta --rollover 1000 | figures v resets |
	    tail -n 1 | diff - <(echo '120 8 null')
}

@test "a counter that is faster than can be is ignored" {
	{
		counter a 0 100
		counter a 60 53700000000
		counter a 120 101
		counter a 180 102
	} | aggregate --per-source delta -W 1h --max-rate 10000 |
	    figures v ignored | diff - <(echo '0 2 1')
}

@test "a late reading of a counter corrects what follows" {
	{
		counter a 50 100
		counter a 130 130
		counter a 190 131
		counter a 70 110
		counter a 250 133
	} | aggregate --per-source delta --grace 0s | figures v rev >out
	diff - out <<-'END'
	120 30 null
	60 10 null
	120 20 1
	180 1 null
	240 2 null
	END
}

@test "a last value counts until it is stale" {
	{
		reading a 10 1
		reading b 20 2
		reading b 70 3
		reading b 130 4
		reading b 190 5
	} | aggregate --per-source last --stale 2m --missing |
	    figures v n sources missing >out
	diff - out <<-'END'
	0 3 2 2 0
	60 4 1 2 0
	120 4 1 1 1
	180 5 1 1 1
	240 5 0 1 1
	END
}

@test "those who are expected are missing, others are not" {
	printf 'id\na\nM/b/Load\n' >expect.csv
	{
		reading a 0 1
		reading x 0 1
		reading x 60 1
	} | aggregate --expect expect.csv --missing |
	    jq -c '[.sources,.missing,.unexpected,.absent]' >out
	diff - out <<-'END'
	[2,1,1,["M/b/Load"]]
	[1,2,1,["M/a/Load","M/b/Load"]]
	END
	printf 'n,id\n1,a\n2,b\n' >expect.csv
	reading a 0 1 | aggregate --expect expect.csv:id | figures missing |
	    diff - <(echo '0 1')
	printf 'id\n"a b"\n' >expect.csv
	run -65 aggregate --expect expect.csv </dev/null
	[[ "$output" == *'"a b" is expected, but '* ]]
}

@test "a source that was not seen in so many windows is forgotten" {
	{
		reading a 0 1
		reading b 0 1
		for t in 60 120 180 240; do
			reading b $t 1
		done
	} | aggregate --forget 2 | figures missing age | cut -d ' ' -f 2- >out
	diff - out <<-'END'
	0 60
	1 120
	0 60
	0 60
	0 60
	END
}

@test "the memory of forgotten sources is given back" {
	awk 'BEGIN { for (t = 0; t < 3000; t++) for (i = 0; i < 100; i++)
		printf "{\"topic\":\"M/a-long-name-of-a-meter-%d-%d/Load\",\"t\":%d,\"v\":1}\n",
		    t, i, t * 60 }' >in
	memory() {
		sg-aggregate --from 'M/{m}/Load' --to 'A/{m}' --keep 1m "$@" \
		    --stats in 2>err >out
		jq -e ".sources" err
		[ "$(wc -l <out)" -eq 300000 ]
	}
	[ "$(memory --forget 5)" -lt 2000 ]
	[ "$(memory)" -eq 300000 ]
}

@test "power is energy by the length of the window" {
	{
		counter a 0 100
		counter b 30 50
	} | aggregate -W 15m --stat power | figures v u |
	    diff - <(echo '0 600 W')
	run -65 --separate-stderr aggregate --stat power < <(reading a 0 1 V)
	[[ "$stderr" == *'is no energy: no power from the V of A/all' ]]
}

@test "deviation and quantiles" {
	for v in 2 4 4 4 5 5 7 9; do
		reading a "$v" "$v"
	done | aggregate --stat stddev,p50,p100 >out
	[ "$(jq .m.stddev out)" = 2 ]
	jq -e '(.m.p50 / 4 - 1 | fabs) < 0.01 and
	    (.m.p100 / 9 - 1 | fabs) < 0.01' out
}

@test "estimated readings are counted and told" {
	{
		reading a 0 1
		reading b 0 2 | sed 's/}/,"q":"ESTIMATED"}/'
	} | aggregate | figures v n q estimated |
	    diff - <(echo '0 3 2 ESTIMATED 1')
}

@test "with a state, the next run goes on with the open windows" {
	{
		reading a 0 1
		reading b 30 2
		reading a 50 4 kW
		reading a 70 8
		reading b 20 16
		reading a 130 32
		reading b 200 64
	} >in
	aggregate --state whole --missing --src us in >want
	[ "$(wc -l <want)" -eq 4 ]
	while read -r line; do
		aggregate --state parts --missing --src us <<<"$line"
	done <in >got
	diff want got
	jq -c '[.src,.ep,.seq]' got | diff - <(printf '["us",1,%d]\n' 1 2 3 4)
	run -78 aggregate --state parts --missing --src us -W 5m in
	[[ "$output" == *'parts: '* ]]
}

# mark ID T MEMBERS - A mark of the flow.
mark() {
	printf '{"topic":"$SG/MARK","t":%s,"d":{"name":"f","id":"%s","cursor":{"a.1":%s}%s}}\n' \
	    "$2" "$1" "$1" "$3"
}

@test "with a state, time is that of the marks" {
	{
		mark 1 1000 ',"done":true,"n":0'
		reading a 1001 1
		reading a 1070 1
		mark 2 1030 ''
		mark 3 1085 ',"committed":"2"'
		mark 4 1090 ',"committed":"3","end":true'
	} >in
	run -65 --separate-stderr aggregate --state s --skew 60s in
	[ "$stderr" = 'sg-aggregate: error: in:3: future: t is ahead of the clock' ]
	# Of the marks between, some are absorbed.
	jq -c '.d.id // [.t,.v]' <<<"$output" | grep -v '"[23]"' |
	    diff - <(printf '%s\n' '"1"' '[960,1]' '"4"')
}

@test "after a crash the flow goes on from the mark that the broker has" {
	{
		mark 1 1000 ',"done":true,"n":0'
		reading a 1001 1
		mark 2 1002 ',"end":true'
		reading a 1003 2
	} | aggregate --state s >out
	{
		mark 2 1002 ',"done":true,"n":1'
		reading a 1003 4
		reading a 1050 8
		mark 3 1091 ',"end":true'
	} | aggregate --state s | jq -c '.d.id // [.t,.v]' |
	    diff - <(printf '%s\n' '"2"' '[960,5]' '[1020,8]' '"3"')
	mark 9 1002 ',"done":true,"n":9' >in
	run -78 aggregate --state s in
}

@test "a state in use is told" {
	start_aggregate --state s
	reading a 0 1 >&8
	wait_until waits_at 1
	run -69 aggregate --state s </dev/null
	exec 8>&-
	wait $pid
}

@test "the examples of the manual work" {
	printf 'meter_id,feeder,phase\na,F1,A\nb,F1,B\n' >meters.csv
	{
		reading a 0 1000
		reading b 0 2000
		reading a 60 4000
	} | sed 's/"M/"MEASUREMENT\/METER/' >readings
	man=$ROOT/man/sg-aggregate.1
	awk '/^\.Bd/ { show = 1; next } /^\.Ed/ { show = 0; print ""; next }
	    show { sub(/\\e$/, "\\"); print }' "$man" >examples
	awk -v RS= 'NR == 1 { print }' examples >first
	awk -v RS= 'NR == 2 { print }' examples >second
	awk -v RS= 'NR == 3 { print }' examples >third
	bash first >minutes
	figures v topic <minutes |
	    diff - <(printf '%s\n' '0 3000 AGGREGATE/F1/Load/60s' \
		'60 4000 AGGREGATE/F1/Load/60s')
	[ "$(bash second | jq -c .m)" = '{"max":4000,"max_at":60}' ]
	bash third | jq .v | diff - <(printf '%s\n' 83.33333333333333 \
	    33.333333333333336)
}
