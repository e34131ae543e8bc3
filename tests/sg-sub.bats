# sg-sub(1).  Events are published by hand, as any client could.

load helpers

# publish FILE... - Their lines as one frame each, durable when this returns.
publish() {
	local file
	for file; do
		{
			echo '{"op":"pub","from":"tester"}'
			cat "$file"
		} >"$TEST_TMP/frame"
		nngcat --req --dial "ipc://$XDG_RUNTIME_DIR/sg/broker" \
		    --ascii --file "$TEST_TMP/frame" | grep -q '^{"ok":true' ||
		    return 1
	done
}

# stored TOPIC FROM TO - Publish lines with v = FROM..TO.
stored() {
	events "$@" >"$TEST_TMP/lines"
	publish "$TEST_TMP/lines"
}

# expect STATUS COMMAND... - Its status; output in out, messages in err.
expect() {
	local want=$1 status=0
	shift
	"$@" >out 2>err </dev/null || status=$?
	if [ $status -ne "$want" ]; then
		echo "status $status, expected $want: $*"
		head -c 2000 out err
		return 1
	fi
}

same_values() {
	local wanted=$1
	shift
	diff <(values "$@" | tr '\n' ' ') <(echo -n "$wanted ")
}

# Refusals.

@test "a filter that is none is a usage error that names it" {
	expect 64 sg-sub 'A/#/B'
	grep -q 'A/#/B' err
	expect 64 sg-sub -t '!A'
	expect 64 sg-sub 'A//B'
}

@test "options that contradict each other are usage errors" {
	expect 64 sg-sub --last -e
	expect 64 sg-sub --last --meta
	expect 64 sg-sub --last -f csv --columns t,rt
	expect 64 sg-sub --live
	expect 64 sg-sub --arrived-since -1h --from-start
	expect 64 sg-sub --slot 15m -c a
	expect 64 sg-sub --slot 15x
	expect 64 sg-sub --slot 15m@1
	expect 64 sg-sub -x cat -e
	expect 64 sg-sub -x cat -c a
	expect 64 sg-sub -x cat -e -c a -o file
	expect 64 sg-sub --every 1s
	expect 64 sg-sub --columns t
	expect 64 sg-sub -f csv --columns t,t
	expect 64 sg-sub -c 'a b' -e
	expect 64 sg-sub -b nowhere
	grep -q '^sg-sub: error: nowhere: neither ' err
}

@test "without a broker sg-sub gives up after --retry with status 69" {
	expect 69 sg-sub --retry 100ms
	grep -q "error: no broker: ipc://$XDG_RUNTIME_DIR/sg/broker: " err
	[ "$(wc -l <err)" -eq 1 ]
	[ ! -s out ]
}

@test "an empty or absent list of topics does not mean all topics" {
	: >none
	expect 64 sg-sub --topics-from none
	expect 66 sg-sub --topics-from absent
}

@test "a full disk is status 74, and nothing unwritten is committed" {
	start_broker
	stored A/1 1 10
	expect 0 sg-sub -c job --from-start -n 0
	local status=0
	sg-sub -c job -e >/dev/full 2>err || status=$?
	[ $status -eq 74 ]
	expect 0 sg-sub -c job -e
	same_values '1 2 3 4 5 6 7 8 9 10' out
}

@test "a closed pipe ends sg-sub by SIGPIPE and nothing unwritten is committed" {
	start_broker
	events A/1 1 12000 >lines
	publish lines lines lines lines lines
	expect 0 sg-sub -c job --from-start -n 0
	sg-sub -c job -e | head -n 1 >out || :
	same_values 1 out
	expect 0 sg-sub -c job -e
	# A pipe holds 1 MiB at most, which is less than half of all.
	[ "$(wc -l <out)" -gt 30000 ]
	[ "$(tail -n 1 out | values)" -eq 12000 ]
}

@test "a closed pipe is status 141" {
	start_broker
	events A/1 1 12000 >lines
	publish lines lines
	run bash -c 'sg-sub -e | head -n 1 >out; exit "${PIPESTATUS[0]}"'
	[ "$status" -eq 141 ]
}

# Where to begin and to end.

@test "-e gives what is stored, byte for byte, and stops" {
	start_broker
	printf '%s\n' '{ "v" : 1e0 , "topic":"A/\u0031", "t" : 1.50, "x":{"y":[]} }' \
	    '{"topic":"B/2","t":2,"vs":"\u00e9 é"}' >odd
	publish odd
	expect 0 sg-sub -e
	cmp odd out
}

@test "-e without a match is status 1 and silent" {
	start_broker
	expect 1 sg-sub -e
	stored A/1 1 3
	expect 1 sg-sub -e 'B/#'
	[ ! -s out ]
	[ ! -s err ]
}

@test "-e stops where the log ended at the start" {
	start_broker
	events A/1 1 9000 >lines
	publish lines lines lines lines
	mkfifo pipe
	background sub bash -c 'exec sg-sub -e >pipe'
	exec 8<pipe
	IFS= read -r -u 8 -n 1 _
	stored B/1 1 5
	cat <&8 >rest
	exec 8<&-
	ends "$sub_pid" 0
	[ "$(wc -l <rest)" -eq 36000 ]
	run ! grep -q B/1 rest
}

@test "several filters, exclusions and captures of levels select topics" {
	start_broker
	stored A/1/x 1 1
	stored A/2/x 2 2
	stored B/1/y 3 3
	stored C 4 4
	expect 0 sg-sub -e 'A/+/x' -t 'B/#' '!A/2/#'
	same_values '1 3' out
	printf '# all of A\n\n  A/*  \r\nC\n#\n' >list
	expect 0 sg-sub -e --topics-from list
	same_values '1 2 4' out
	sg-sub -e --topics-from - <list >out
	same_values '1 2 4' out
}

@test "a live subscription gets what is published after it is ready" {
	start_broker
	stored A/1 1 3
	ready sub sg-sub 'A/#'
	stored A/1 4 5
	stored B/1 6 6
	wait_lines 2 sub.out
	kill -TERM "$sub_pid"
	ends "$sub_pid" 143
	same_values '4 5' sub.out
}

@test "SIGINT is status 130" {
	start_broker
	ready sub bash -c 'trap - INT; exec sg-sub "$@"' sg-sub
	kill -INT "$sub_pid"
	ends "$sub_pid" 130
}

@test "-n stops after exactly so many events" {
	start_broker
	stored A/1 1 100
	expect 0 sg-sub -e -n 7
	same_values '1 2 3 4 5 6 7' out
	expect 0 sg-sub --from-start -n 3 -s @1700000005
	same_values '5 6 7' out
}

@test "-n and -c: the cursor stands behind the last event written" {
	start_broker
	stored A/1 1 20
	expect 0 sg-sub -c job --from-start -n 3
	same_values '1 2 3' out
	expect 0 sg-sub -c job -n 2 -s @1700000007
	same_values '7 8' out
	expect 0 sg-sub -c job -e
	same_values '9 10 11 12 13 14 15 16 17 18 19 20' out
}

@test "-w ends with 124 and keeps what has come" {
	start_broker
	stored A/1 1 3
	expect 124 sg-sub --from-start -w 200ms
	same_values '1 2 3' out
}

@test "-i ends a silence with 0 if anything came, else 1" {
	start_broker
	stored A/1 1 3
	expect 0 sg-sub --from-start -i 200ms
	same_values '1 2 3' out
	expect 1 sg-sub -i 200ms
}

@test "--since and --until select by t, the end exclusive" {
	start_broker
	stored A/1 1 9
	expect 0 sg-sub -s @1700000003 --until @1700000006
	same_values '3 4 5' out
	expect 1 sg-sub -s @1700000300 -e
	expect 0 sg-sub --until 2023-11-14T22:13:22Z
	same_values '1' out
}

@test "--until a time to come ends there" {
	start_broker
	stored A/1 1 2
	local soon
	soon=$(($(date +%s) + 1))
	expect 0 sg-sub --from-start --until "@$soon"
	same_values '1 2' out
}

@test "--skew says how far back --since looks for what arrived" {
	start_broker
	local now
	now=$(date +%s)
	printf '{"topic":"A/1","t":%d,"v":9}\n' $((now + 600)) >ahead
	publish ahead
	expect 0 sg-sub -e -s "@$((now + 300))" --skew 1h
	same_values '9' out
	expect 1 sg-sub -e -s "@$((now + 300))" --skew 0
	expect 0 sg-sub -e -s "@$((now + 300))" --skew 0 --from-start
}

@test "--arrived-since begins by the time of receipt" {
	start_broker
	stored A/1 1 3
	local received
	received=$(sg-sub -e --meta -n 1 | sed 's/.*"rt":\([0-9.]*\).*/\1/')
	expect 0 sg-sub -e --arrived-since "@$received"
	same_values '1 2 3' out
	expect 1 sg-sub -e --arrived-since "@$((${received%.*} + 1000))"
}

@test "--slot is the last whole slot of the clock" {
	start_broker
	local i
	for i in 1 2 3 4 5 6 7 8; do
		printf '{"topic":"A/1","t":%d,"v":%d}\n' \
		    $((1700000000 / 900 * 900 - 2700 + i * 450)) $i
	done >lines
	publish lines
	SG_NOW=@1700000100 expect 0 sg-sub --slot 15m --skew 2000w
	same_values '6 7' out
	SG_NOW=@1700000100 expect 0 sg-sub --slot 15m@-1 --skew 2000w
	same_values '4 5' out
	SG_NOW=@1700000100 expect 1 sg-sub --slot 15m@-9 --skew 2000w
}

@test "--last is the newest event of each topic" {
	start_broker
	stored A/1 1 5
	stored A/2 7 8
	stored B/1 9 9
	expect 0 sg-sub --last 'A/#'
	diff <(values out | sort) <(printf '5\n8\n')
	expect 1 sg-sub --last 'C/#'
	expect 0 sg-sub --last -s @1700000006
	diff <(values out | sort) <(printf '8\n9\n')
	expect 0 sg-sub --last -n 1
	[ "$(wc -l <out)" -eq 1 ]
}

@test "--last --live goes on without a gap" {
	start_broker
	stored A/1 1 5
	ready sub sg-sub --last --live
	stored A/1 6 7
	wait_lines 3 sub.out
	same_values '5 6 7' sub.out
	kill "$sub_pid"
	ends "$sub_pid" 143
}

# Durable cursors.

@test "a durable cursor goes on where it stood, also in a new broker process" {
	start_broker
	expect 0 sg-sub -c job -n 0
	stored A/1 1 3
	expect 0 sg-sub -c job -e
	same_values '1 2 3' out
	expect 1 sg-sub -c job -e
	stored A/1 4 5
	stop_broker
	start_broker
	stored A/1 6 6
	expect 0 sg-sub -c job -e
	same_values '4 5 6' out
}

@test "a new cursor begins at the end unless told otherwise" {
	start_broker
	stored A/1 1 3
	expect 1 sg-sub -c new -e
	expect 0 sg-sub -c old --from-start -e
	same_values '1 2 3' out
	expect 0 sg-sub -c since -s @1700000002 -e
	same_values '2 3' out
}

@test "a cursor also moves past events that do not match" {
	start_broker
	expect 0 sg-sub -c job -n 0 'B/#'
	stored A/1 1 1000
	expect 1 sg-sub -c job -e 'B/#'
	stored A/1 1001 1002
	expect 0 sg-sub -c job -e 'A/#'
	same_values '1001 1002' out
}

@test "a cursor in use is refused to a second reader with status 69" {
	start_broker
	ready sub sg-sub -c job
	expect 69 sg-sub -c job -e --retry 100ms
	grep -q 'job is in use' err
	kill -KILL "$sub_pid"
	wait "$sub_pid" || :
	expect 1 sg-sub -c job -e
}

@test "kill -9 repeats at most what followed the last commit" {
	start_broker
	expect 0 sg-sub -c job -n 0
	events A/1 1 4000 >lines
	local i round
	: >all
	for round in 1 2 3 4 5 6; do
		ready sub sg-sub -c job
		for i in 1 2 3; do
			events A/1 $(((round * 3 + i) * 1000)) \
			    $(((round * 3 + i) * 1000 + 999)) >lines
			publish lines
		done
		wait_lines $((round % 3 * 1000 + 1)) sub.out
		kill -KILL "$sub_pid"
		wait "$sub_pid" || :
		# The last line may be cut.
		sed -n '/}$/p' sub.out >>all
	done
	sg-sub -c job -e >>all || [ $? -eq 1 ]
	values all | sort -n | uniq >got
	diff got <(seq 4000 21999)
}

# Commands.

@test "-x runs a command on everything up to the end and commits" {
	local log
	start_broker
	log=$(log_id)
	stored A/1 1 3
	expect 0 sg-sub -c job --from-start -e -x 'cat; echo "$SG_FROM $SG_TO"'
	same_values '1 2 3' out
	grep -qx "{\"$log\":0} {\"$log\":3}" out
	expect 1 sg-sub -c job -e -x 'echo ran'
	[ ! -s out ]
}

@test "-x commits nothing unless the command exits 0, whose status is ours" {
	start_broker
	stored A/1 1 3
	expect 7 sg-sub -c job --from-start -e -x 'cat; exit 7'
	same_values '1 2 3' out
	expect 137 sg-sub -c job -e -x 'kill -KILL $$'
	expect 127 sg-sub -c job -e -x /no/such/command
	expect 0 sg-sub -c job -e -x cat
	same_values '1 2 3' out
}

@test "-x -n runs it for each batch of n events" {
	local log
	start_broker
	log=$(log_id)
	stored A/1 1 7
	expect 0 sg-sub -c job --from-start -e -n 3 -x 'wc -l; echo "$SG_FROM$SG_TO"'
	diff out - <<-END
	3
	{"$log":0}{"$log":3}
	3
	{"$log":3}{"$log":6}
	1
	{"$log":6}{"$log":7}
	END
	expect 0 sg-sub -c other --from-start -e -n 2 -s @1700000003 -x 'wc -l'
	diff out <(printf '2\n2\n1\n')
}

@test "-x that fails in the middle keeps the batches before" {
	start_broker
	stored A/1 1 6
	expect 5 sg-sub -c job --from-start -e -n 2 \
	    -x 'cat >now; grep -q "\"v\":3" now && exit 5; cat now'
	same_values '1 2' out
	expect 0 sg-sub -c job -e
	same_values '3 4 5 6' out
}

@test "-x --every runs it for what came in that time" {
	start_broker
	ready sub sg-sub -c job --every 100ms -x 'cat; echo end'
	stored A/1 1 3
	wait_until grep -q end sub.out
	stored A/1 4 4
	wait_lines 6 sub.out
	kill "$sub_pid"
	ends "$sub_pid" 143
	same_values '1 2 3 4' sub.out
}

@test "-x passes SIGTERM on and waits for the command" {
	start_broker
	stored A/1 1 1
	background sub sg-sub -c job --from-start -e \
	    -x 'trap "echo told; exit 9" TERM; echo runs; while :; do read -rt 1 _ <>"$TEST_TMP/fifo" || :; done'
	mkfifo fifo
	wait_lines 1 sub.out
	kill "$sub_pid"
	ends "$sub_pid" 9
	grep -q told sub.out
	expect 0 sg-sub -c job -e
	same_values '1' out
}

@test "-x: each batch is a file of its own with its header row" {
	start_broker
	stored A/1 1 2
	expect 0 sg-sub -c job --from-start -e -n 1 -f csv --columns v -x cat
	diff out <(printf 'v\n1\nv\n2\n')
}

# A file.

@test "-o appends, and with -f csv writes one header row in all" {
	start_broker
	stored A/1 1 2
	expect 0 sg-sub -e -o file -f csv --columns v
	expect 0 sg-sub -e -o file -f csv --columns v
	diff file <(printf 'v\n1\n2\n1\n2\n')
}

@test "-o with -c goes on where the file ends, not where the cursor stands" {
	start_broker
	stored A/1 1 3
	expect 0 sg-sub -c job --from-start -e -o file
	# As after a kill between write and commit.
	echo '{"half":' >>file
	stored A/1 4 6
	expect 0 sg-sub -c job -e
	expect 0 sg-sub -c job -e -o file
	same_values '1 2 3 4 5 6' file
	[ "$(wc -l <file)" -eq 6 ]
	expect 1 sg-sub -c job -e
}

@test "-o refuses a file that lost something or belongs to another cursor" {
	start_broker
	stored A/1 1 3
	expect 0 sg-sub -c job --from-start -e -o file
	expect 65 sg-sub -c other -e -o file
	truncate -s 10 file
	expect 65 sg-sub -c job -e -o file
	mkfifo pipe
	exec 8<>pipe
	expect 65 sg-sub -c job -e -o pipe
	exec 8<&-
	expect 73 sg-sub -e -o no/such/folder
}

@test "-o: a file that was moved away begins anew where it stopped" {
	start_broker
	stored A/1 1 3
	expect 0 sg-sub -c job --from-start -e -o file
	mv file file.1
	stored A/1 4 5
	expect 0 sg-sub -c job -e -o file
	same_values '4 5' file
	expect 1 sg-sub -c job -e -o file
	same_values '4 5' file
}

@test "-o: one writer at a time" {
	start_broker
	ready sub sg-sub -c job -o file
	expect 69 sg-sub -c job2 -e -o file
	kill "$sub_pid"
	ends "$sub_pid" 143
}

file_has() {
	[ "$(stat -c %s file 2>/dev/null || echo 0)" -ge "$1" ]
}

@test "-o with -c holds each event exactly once under kill -9 of both" {
	start_broker
	expect 0 sg-sub -c job -n 0
	local round
	for round in $(seq 20); do
		background sub sg-sub -c job -o file --retry 10s
		events A/1 $((round * 1000)) $((round * 1000 + 999)) >lines
		publish lines
		wait_until file_has $((round % 3 * 20))
		if [ $((round % 5)) -eq 0 ]; then
			kill_broker
			start_broker
		fi
		kill -KILL "$sub_pid"
		wait "$sub_pid" 2>/dev/null || :
	done
	sg-sub -c job -e -o file || [ $? -eq 1 ]
	diff <(values file) <(seq 1000 20999)
}

# The broker goes away.

@test "a restart of the broker loses and repeats nothing" {
	start_broker
	ready sub sg-sub 'A/#'
	local round
	for round in 1 2 3; do
		stored A/1 $((round * 100)) $((round * 100 + 49))
		kill_broker
		start_broker
		stored A/1 $((round * 100 + 50)) $((round * 100 + 99))
	done
	wait_lines 300 sub.out
	kill "$sub_pid"
	ends "$sub_pid" 143
	diff <(values sub.out) <(seq 100 399)
}

@test "with --retry a lost broker ends sg-sub with status 69" {
	start_broker
	ready sub sg-sub --retry 200ms
	kill_broker
	ends "$sub_pid" 69
}

@test "a cursor behind retention is status 66; --skip-gone goes on" {
	start_broker --retain-size 3M --segment-size 1M --memory-size 64K
	expect 0 sg-sub -c job --from-start -n 0
	local i
	for i in $(seq 8); do
		events "A/$i" 1 9000 >lines
		publish lines
	done
	wait_until sg-sub -e -q -n 1 'A/8'
	wait_until eval '! sg-sub -c job -e -n 1 >/dev/null 2>&1'
	expect 66 sg-sub -c job -e
	grep -q 'gone' err
	expect 0 sg-sub -c job -e --skip-gone
	grep -q 'skipped' err
	[ "$(tail -n 1 out | values)" -eq 9000 ]
	expect 1 sg-sub -c job -e
}

@test "a stopped reader holds nobody up and misses nothing in the end" {
	start_broker --write-timeout 1s --memory-size 1M
	ready stopped sg-sub
	ready live sg-sub
	kill -STOP "$stopped_pid"
	events A/1 1 12000 >lines
	publish lines lines lines lines lines lines
	wait_lines 72000 live.out
	[ "$(wc -l <stopped.out)" -eq 0 ]
	kill -CONT "$stopped_pid"
	wait_until cmp stopped.out live.out
}

# Forms.

@test "--meta adds receive time, publisher and position" {
	start_broker
	stored A/1 1 2
	expect 0 sg-sub -e --meta
	grep -qE '^\{.*"v":2,"u":"W","rt":[0-9.]+,"from":"tester","pos":"broker[.][0-9]+:2"\}$' out
	expect 0 sg-sub -e --meta 'A/+' -f csv
	grep -q 'src,ep,seq,rt,from,pos$' out
	grep -q 'tester,broker[.][0-9]*:2$' out
	expect 0 sg-sub -e -f tsv --columns v,pos
	diff <(sed 's/[.][0-9]*:/.LOG:/' out) \
	    <(printf 'v\tpos\n1\tbroker.LOG:1\n2\tbroker.LOG:2\n')
}

@test "csv and tsv have a header row and the columns asked for" {
	start_broker
	stored A/1 1 1
	expect 0 sg-sub -e -f csv
	diff out - <<-'END'
	topic,t,v,u,vs,vb,m,q,src,ep,seq
	A/1,2023-11-14T22:13:21Z,1,W,,,,,,,
	END
	expect 0 sg-sub -e -f tsv --columns u,value,none
	diff out <(printf 'u\tvalue\tnone\nW\t1\t\n')
	expect 1 sg-sub -e -f csv B
	[ ! -s out ]
}

@test "pretty shows local time, topic, value and unit, without colours in a pipe" {
	start_broker
	stored A/1 1 1
	TZ=Europe/Berlin expect 0 sg-sub -e -f pretty
	diff out <(echo '2023-11-14 23:13:21.000  A/1  1 W')
}

@test "senml and influx are lines their readers take" {
	start_broker
	stored A/1 1 1
	expect 0 sg-sub -e -f senml
	diff out <(echo '[{"n":"A/1","t":1700000001,"u":"W","v":1}]')
	expect 0 sg-sub -e -f influx
	diff out <(echo 'A,topic=A/1,u=W v=1 1700000001000000000')
}

@test "an event that has no such form is reported and makes the status 65" {
	start_broker
	echo '{"topic":"A/1","t":1700000000,"enc":"QQ"}' >sealed
	publish sealed
	stored A/1 1 1
	expect 65 sg-sub -e -f senml
	[ "$(wc -l <out)" -eq 1 ]
	grep -q 'A/1: SenML' err
}

@test "--stats is one JSON object, also with -q" {
	start_broker
	stored A/1 1 5
	expect 0 sg-sub -q -e --stats
	jq -e '.tool == "sg-sub" and .in == 5 and .out == 5 and .bad == 0 and
	    .bytes > 0 and .seconds > 0 and .rate > 0' err
}

@test "members without a default column are told once, chosen columns are not" {
	start_broker
	{
		echo '{"topic":"A","t":1700000000,"v":1}'
		echo '{"topic":"A","t":1700000001,"vd":"AA"}'
		echo '{"topic":"A","t":1700000002,"v":1,"x":2,"y":3}'
	} >lines
	publish lines
	expect 0 sg-sub -e -f tsv
	diff err - <<-'END'
	sg-sub: warning: 2 events have members that no column shows; see --columns
	END
	expect 0 sg-sub -e -f csv --meta
	grep -q ' 2 events have members ' err
	expect 0 sg-sub -e -f csv --columns t,v
	[ ! -s err ]
}

@test "a pipe that a cursor writes to is not made larger" {
	local size='import fcntl, sys; sys.stdin.read(); print(fcntl.fcntl(0, 1032))'
	start_broker
	stored A 1 3
	sg-sub -c job --from-start -e | python3 -c "$size" >size
	: | python3 -c "$size" | diff - size
}
