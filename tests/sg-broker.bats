# The broker itself: start and end, what it refuses, what it keeps.

load helpers

teardown() {
	common_teardown
	! mountpoint -q "$TEST_TMP/small" || umount -l "$TEST_TMP/small"
	rm -rf "$TEST_TMP"
}

# ask JSON-AND-LINES - One request over the default socket, the answer's text.
ask() {
	nngcat --req --dial "ipc://$XDG_RUNTIME_DIR/sg/broker" --raw \
	    --recv-timeout 5 --data "$1"
}

event() {
	printf '{"topic":"MEASUREMENT/METER/%s/Load","t":%s,"v":%s}' "$@"
}

@test "it refuses any socket but ipc without --insecure" {
	run sg-broker -l tcp://127.0.0.1:0 --memory
	[ "$status" -eq 78 ]
	[[ $output == *"tcp://127.0.0.1:0: "*--insecure* ]]
	run sg-broker --tap tcp://127.0.0.1:0 --memory
	[ "$status" -eq 78 ]
}

@test "--insecure warns at every start" {
	start_memory_broker -l tcp://127.0.0.1:0 --insecure
	grep -q "warning: tcp://127.0.0.1:0: no authentication" broker.err
}

@test "bad options end with 64 and name the option" {
	local bad
	for bad in "--name a/b" "--memory -d x" "--max-line 1" \
	    "--last-topics 99999999" "operand" "-l" "-l nowhere" "--retain-age x"; do
		# shellcheck disable=SC2086
		run sg-broker $bad
		[ "$status" -eq 64 ]
	done
}

@test "an address that cannot be listened on ends with 73" {
	run sg-broker --memory -l ipc:///nonexistent/x/y/socket
	[ "$status" -eq 73 ]
	start_memory_broker
	run sg-broker --memory
	[ "$status" -eq 73 ]
	[[ $output == *"address in use"* ]]
}

@test "TERM and INT end it with 0 and remove the socket" {
	start_broker
	stop_broker
	[ ! -e "$XDG_RUNTIME_DIR/sg/broker" ]
	start_memory_broker
	kill -INT "$broker_pid"
	ends "$broker_pid" 0
}

@test "a second broker on the same store is refused" {
	start_broker
	run sg-broker -d "$BROKER_DIR" -l "ipc://$TEST_TMP/other"
	[ "$status" -eq 69 ]
	[[ $output == *"$BROKER_DIR: another broker"* ]]
}

@test "a store of a newer format is refused with 78" {
	start_broker
	stop_broker
	echo 'sg-store 99' >"$BROKER_DIR/FORMAT"
	run sg-broker -d "$BROKER_DIR"
	[ "$status" -eq 78 ]
}

@test "a store keeps its name" {
	start_broker --name a
	stop_broker
	run sg-broker -d "$BROKER_DIR" --name b
	[ "$status" -eq 78 ]
}

@test "what was acknowledged is there after kill -9" {
	start_broker
	local old
	ask '{"op":"pub"}
'"$(event 1 1 10)" | grep -q '"ok":true'
	old=$(log_id)
	kill_broker
	start_broker
	ask '{"op":"fetch","filters":["#"],"cursor":{}}' >got
	[ "$(sed -n 2p got)" = "$(event 1 1 10)" ]
	grep -q '"cursor":{"'"$(log_id)"'":0}\|"cursor":{"'"$old"'":1}' got
}

@test "--memory keeps nothing and says so" {
	start_memory_broker
	grep -q 'events are lost' broker.err
	ask '{"op":"pub"}
'"$(event 1 1 10)" >/dev/null
	stop_broker
	start_memory_broker
	ask '{"op":"fetch","filters":["#"],"cursor":"begin"}' >got
	grep -q '"n":0' got
}

@test "last values survive kill -9 and restarts" {
	start_broker
	ask '{"op":"pub"}
'"$(event 1 1 10; echo; event 2 1 20; echo; event 1 2 11)" >/dev/null
	kill_broker
	start_broker
	ask '{"op":"last","filters":["#"]}' >got
	grep -q '"end":true' got
	[ "$(grep -c topic got)" -eq 2 ]
	grep -qF "$(event 1 2 11)" got
	grep -qF "$(event 2 1 20)" got
	stop_broker
	start_broker
	ask '{"op":"last","filters":["+/METER/2/*"]}' >got
	[ "$(sed -n 2p got)" = "$(event 2 1 20)" ]
}

@test "commands have no last value" {
	start_broker
	ask '{"op":"pub"}
{"topic":"COMMAND/plug/On","t":'"$(date +%s)"',"d":{},"id":"a","ttl":60}' |
	    grep -q '"n":1'
	ask '{"op":"last","filters":["#"]}' | grep -q '"n":0'
	ask '{"op":"fetch","filters":["COMMAND/#"],"cursor":{}}' |
	    grep -q '"n":1'
}

@test "late commands are refused and named, the others are taken" {
	start_broker
	ask '{"op":"pub","from":"x","chan":"00000000000000aa","first":1}
{"topic":"COMMAND/plug/On","t":1000,"d":{},"id":"a","ttl":60}
'"$(event 1 1 10)" >got
	grep -q '"local":2' got
	grep -q '"refused":\[\[1,"expired"\]\]' got
	ask '{"op":"fetch","filters":["#"],"cursor":{}}' | grep -q '"n":1'
}

@test "a frame of refused lines alone uses its numbers, across kill -9" {
	start_broker
	ask '{"op":"pub","from":"x","chan":"00000000000000aa","first":1}
{"topic":"COMMAND/plug/On","t":1000,"d":{},"id":"a","ttl":60}' |
	    grep -q '"local":1'
	kill_broker
	start_broker
	ask '{"op":"pub","from":"x","chan":"00000000000000aa","first":2}
'"$(event 1 1 10)" | grep -q '"local":2'
}

@test "a frame sent again is stored once, across kill -9 too" {
	start_broker
	local frame
	frame='{"op":"pub","from":"x","chan":"00000000000000aa","first":1,"n":2}
'"$(event 1 1 10; echo; event 1 2 11)"
	ask "$frame" | grep -q '"local":2'
	ask "$frame" | grep -q '"local":2'
	kill_broker
	start_broker
	ask "$frame" | grep -q '"local":2'
	ask '{"op":"fetch","filters":["#"],"cursor":{}}' | grep -q '"n":2'
}

@test "a resend cut differently is stored once" {
	start_broker
	ask '{"op":"pub","from":"x","chan":"00000000000000aa","first":1}
'"$(event 1 1 1; echo; event 1 2 2)" >/dev/null
	ask '{"op":"pub","from":"x","chan":"00000000000000aa","first":2}
'"$(event 1 2 2; echo; event 1 3 3)" | grep -q '"local":3'
	ask '{"op":"fetch","filters":["#"],"cursor":{}}' >got
	[ "$(values got | xargs)" = "1 2 3" ]
}

@test "frames that overtake each other are stored in order" {
	start_broker
	local i pids=() url="ipc://$XDG_RUNTIME_DIR/sg/broker"
	for i in 4 3 2; do
		nngcat --req --dial "$url" --raw --recv-timeout 10 --data \
		    '{"op":"pub","from":"x","chan":"00000000000000aa","first":'$i'}
'"$(event 1 $i $i)" >"answer$i" 3>&- &
		pids+=($!)
	done
	wait_until ahead_is 3
	ask '{"op":"pub","from":"x","chan":"00000000000000aa","first":1}
'"$(event 1 1 1)" >/dev/null
	wait "${pids[@]}"
	ask '{"op":"fetch","filters":["#"],"cursor":{}}' >got
	[ "$(values got | xargs)" = "1 2 3 4" ]
	grep -q '"local":4' answer4
}

ahead_is() {
	ask '{"op":"stat"}' | grep -q "\"ahead\":$1[,}]"
}

@test "a gap that is not filled is answered with gap and the last number" {
	start_broker
	ask '{"op":"pub","from":"x","chan":"00000000000000aa","first":1}
'"$(event 1 1 1)" >/dev/null
	run nngcat --req --dial "ipc://$XDG_RUNTIME_DIR/sg/broker" --raw \
	    --recv-timeout 9 --data \
	    '{"op":"pub","from":"x","chan":"00000000000000aa","first":9}
'"$(event 1 9 9)"
	[[ $output == *'"error":"gap","local":1,"safe":1'* ]]
}

@test "a publisher's safe mark lets a forgotten channel go on" {
	start_memory_broker
	ask '{"op":"pub","from":"x","chan":"00000000000000aa","first":981,"safe":980}
'"$(event 1 1 1)" | grep -q '"local":981,"safe":981'
}

@test "an unreadable line refuses the whole frame and uses no number" {
	start_broker
	ask '{"op":"pub","from":"x","chan":"00000000000000aa","first":1}
'"$(event 1 1 1)"'
{"topic":"a//b","t":1,"v":1}' >got
	grep -q '"error":"bad","line":2' got
	ask '{"op":"pub","from":"x","chan":"00000000000000aa","first":1}
'"$(event 1 1 1)" | grep -q '"local":1'
}

@test "durable cursors survive kill -9" {
	start_broker
	ask '{"op":"pub"}
'"$(event 1 1 1; echo; event 1 2 2)" >/dev/null
	local log
	log=$(log_id)
	ask '{"op":"commit","name":"job","cursor":{"'"$log"'":1}}' |
	    grep -q '"ok":true'
	kill_broker
	start_broker
	ask '{"op":"stat"}' |
	    grep -q '"cursors":{"job":{"cursor":{"'"$log"'":1},"lag":1'
	ask '{"op":"fetch","filters":["#"],"name":"job"}' >got
	[ "$(values got)" = 2 ]
	ask '{"op":"commit","name":"job","cursor":null}' >/dev/null
	ask '{"op":"stat"}' | grep -q '"cursors":{}'
}

@test "a cursor ahead of the log is refused" {
	start_broker
	ask '{"op":"fetch","filters":["#"],"cursor":{"'"$(log_id)"'":99}}' |
	    grep -q 'ahead of this broker'
	ask '{"op":"commit","name":"x","cursor":{"broker.9000000000000000":0}}' |
	    grep -q 'ahead of this broker'
}

@test "a broker waits a moment for the store of one that was just killed" {
	start_broker
	kill -KILL "$broker_pid"
	start_broker
	stop_broker
}

@test "retention drops whole segments, readers are told, last values stay" {
	start_broker --segment-size 1M --retain-size 3M
	ask '{"op":"pub"}
'"$(event first 1 1)" >/dev/null
	local i
	events MEASUREMENT/METER/7/Load 1 8000 >lines
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		{ echo '{"op":"pub"}'; cat lines; } >frame
		nngcat --req --dial "ipc://$XDG_RUNTIME_DIR/sg/broker" --raw \
		    --file frame | grep -q '"n":8000'
	done
	wait_until dropped
	ask '{"op":"commit","name":"slow","cursor":{}}' >/dev/null
	ask '{"op":"stat"}' | jq -e '.cursors.slow.at_risk'
	ask '{"op":"fetch","filters":["#"],"cursor":{"'"$(log_id)"'":0}}' >got
	grep -q '"error":"gone","lost":[1-9]' got
	ask '{"op":"last","filters":["+/+/first/#"]}' |
	    grep -qF "$(event first 1 1)"
	kill_broker
	start_broker
	ask '{"op":"last","filters":["+/+/first/#"]}' |
	    grep -qF "$(event first 1 1)"
}

@test "a reader of a log that is gone as a whole is told, after restarts too" {
	start_broker --segment-size 1M --retain-age 1s
	ask '{"op":"pub"}
'"$(event 1 1 1)" >/dev/null
	local log
	log=$(log_id)
	wait_until all_dropped
	stop_broker
	start_broker
	ask '{"op":"fetch","filters":["#"],"cursor":{"'"$log"'":0}}' |
	    grep -q '"error":"gone","lost":1,'
	ask '{"op":"last","filters":["#"]}' | grep -qF "$(event 1 1 1)"
}

all_dropped() {
	ask '{"op":"stat"}' | grep -q '"logs":{"[^"]*":{"first":2,"end":1,'
}

dropped() {
	ask '{"op":"stat"}' | grep -q '"logs":{"[^"]*":{"first":[1-9][0-9]'
}

@test "a full disk refuses events, serves readers, and recovers" {
	[ "$(id -u)" -eq 0 ] || skip "mounting a small file system needs root"
	mkdir small
	mount -t tmpfs -o size=4m none small ||
	    skip "cannot mount a tmpfs here"
	BROKER_DIR=$TEST_TMP/small/log
	start_broker
	head -c 2500000 /dev/zero >small/ballast
	events MEASUREMENT/METER/7/Load 1 4000 >lines
	{ echo '{"op":"pub"}'; cat lines; } >frame
	local n=0 url="ipc://$XDG_RUNTIME_DIR/sg/broker"
	while nngcat --req --dial "$url" --raw --file frame >answer &&
	    grep -q '"n":4000' answer && [ $n -lt 50 ]; do
		n=$((n + 1))
	done
	grep -q '"error":"full","why":"No space left' answer
	[ $n -ge 1 ]
	ask '{"op":"fetch","filters":["#"],"cursor":{},"max":1000}' |
	    grep -q '"ok":true'
	rm small/ballast
	nngcat --req --dial "$url" --raw --file frame | grep -q '"n":4000'
	ask '{"op":"seek","to":"end"}' |
	    grep -q "{\"$(log_id)\":$(((n + 1) * 4000))}"
	stop_broker
	start_broker
	ask '{"op":"stat"}' | grep -q "\"end\":$(((n + 1) * 4000))"
	stop_broker
	umount small
}

@test "the tap sends topic, space, line to plain subscribers" {
	start_memory_broker --tap "ipc://$TEST_TMP/tap"
	background tap nngcat --sub --dial "ipc://$TEST_TMP/tap" \
	    --subscribe MEASUREMENT/METER/2 --raw
	wait_until tapped
	! grep -q METER/1 tap.out
	grep -q "^MEASUREMENT/METER/2/Load $(event 2 1 20)" tap.out
}

tapped() {
	ask '{"op":"pub"}
'"$(event 1 1 10; echo; event 2 1 20)" >/dev/null
	grep -q METER/2 tap.out
}

@test "a client that speaks something else is cut off with a reason" {
	start_memory_broker -l tcp://127.0.0.1:0 --insecure
	local port
	port=$(broker_tcp)
	port=${port##*:}
	exec 8<>"/dev/tcp/127.0.0.1/$port"
	printf 'GET / HTTP/1.1\r\n\r\n' >&8
	wait_until grep -q 'tcp:.*HTTP' broker.err
	exec 8>&-
}

@test "stat counts what came and went" {
	start_memory_broker
	ask '{"op":"pub"}
'"$(event 1 1 10; echo; event 2 1 20)" >/dev/null
	ask '{"op":"fetch","filters":["+/+/1/*"],"cursor":"begin"}' >/dev/null
	ask '{"op":"stat"}' >got
	grep -q '"events_in":2,"events_out":1,' got
	grep -q '"degraded":\["memory"\]' got
	jq -e '.topics == 2 and .connections == 1' got
}

@test "an idle subscriber costs next to nothing" {
	start_broker
	ready sub sg-sub '#'
	local before after
	before=$(requests)
	sleep 1.5	# the time over which requests are counted
	after=$(requests)
	[ $((after - before)) -le 10 ]
}

requests() {
	ask '{"op":"stat"}' | jq .requests
}
