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
