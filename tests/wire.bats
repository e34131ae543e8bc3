# The wire by hand: every operation with a request typed for nngcat, without
# a newline at its end, as any nng binding in any language could send it.

load helpers

# ask REQUEST... - The lines of one request; the reply goes to reply (and its
# first line to header).
ask() {
	local request
	request=$(printf '%s\n' "$@")
	timeout "$WAIT_LIMIT" nngcat --req --dial "${URL:-$IPC}" --raw \
	    --data "$request" >reply || return
	head -n 1 reply >header
}

# replied JQ-CONDITION - True of the reply's header.
replied() {
	jq -e "$1" header >/dev/null || {
		echo "not so: $1"
		cat reply
		return 1
	}
}

# lines WANTED... - The event lines of the reply.
lines() {
	diff <(tail -n +2 reply) <([ $# -eq 0 ] || printf '%s\n' "$@")
}

pub() {
	ask '{"op":"pub"}' "$@" && replied '.ok'
}

parked() {
	ask '{"op":"stat"}' && jq -e ".parked == $1" header
}

setup() {
	common_setup
	IPC=ipc://$XDG_RUNTIME_DIR/sg/broker
	A='{"topic":"A/a","t":1,"v":1}'
	B='{"topic":"B/b","t":2,"v":2}'
	C='{"topic":"A/c","t":3,"v":3}'
}

@test "hello says version, log, limits and time" {
	start_broker
	ask '{"op":"hello","sg":1}'
	replied '.ok and .sg == 1 and .name == "broker" and
	    (.log | test("^broker[.][0-9]{16}$")) and .limits.frame == 1114112 and
	    .limits.events == 65536 and .time > 1700000000'
}

@test "hello in a version nobody speaks is refused with a reason" {
	start_broker
	ask '{"op":"hello","sg":99}'
	replied '.ok == false and .error == "bad" and (.why | test("sg"))'
}

@test "the broker is found over tcp as well, by name and by address" {
	[ "$(getent ahosts localhost | sed 's/ .*//;q')" = 127.0.0.1 ] ||
	    skip "localhost is not 127.0.0.1 in the first place"
	start_broker -l tcp://127.0.0.1:0 --insecure
	URL=$(broker_tcp)
	pub "$A"
	URL=${URL/127.0.0.1/localhost} ask '{"op":"last","filters":["#"]}'
	lines "$A"
}

@test "a published line comes back byte for byte by fetch" {
	start_broker
	pub '{ "v":1.50,"topic" : "A/a", "t":1.000, "x":"\u00e9" }' "$B"
	replied '.n == 2'
	ask '{"op":"fetch","filters":["#"],"cursor":"begin"}'
	replied '.ok and .n == 2 and .cursor == {"'"$(log_id)"'": 2}'
	lines '{ "v":1.50,"topic" : "A/a", "t":1.000, "x":"\u00e9" }' "$B"
}

@test "a frame of a channel is stored once, however often it is sent" {
	start_broker
	ask '{"op":"pub","from":"me","chan":"00000000000000aa","first":1}' \
	    "$A" "$B"
	replied '.ok and .local == 2 and .safe == 2'
	ask '{"op":"pub","from":"me","chan":"00000000000000aa","first":2}' \
	    "$B" "$C"
	replied '.ok and .local == 3 and .safe == 3'
	ask '{"op":"fetch","filters":["#"],"cursor":"begin"}'
	lines "$A" "$B" "$C"
}

@test "a frame that runs ahead waits for the one before it" {
	start_broker
	background late nngcat --req --dial "$IPC" --raw --data \
	    '{"op":"pub","from":"me","chan":"00000000000000aa","first":2}
'"$B"
	connected() {
		ask '{"op":"stat"}' && jq -e '.connections == 2' header
	}
	wait_until connected
	ask '{"op":"pub","from":"me","chan":"00000000000000aa","first":1}' "$A"
	replied '.ok'
	# shellcheck disable=SC2154	# set by background
	ends "$late_pid"
	jq -e '.ok and .local == 2' late.out
	ask '{"op":"fetch","filters":["#"],"cursor":"begin"}'
	lines "$A" "$B"
}

@test "a frame whose predecessors never come is answered with gap" {
	start_broker
	ask '{"op":"pub","from":"me","chan":"00000000000000aa","first":9}' "$A"
	replied '.ok == false and .error == "gap" and .local == 0'
}

@test "a channel said goodbye to is forgotten" {
	start_broker
	ask '{"op":"pub","from":"me","chan":"00000000000000aa","first":1}' "$A"
	replied '.local == 1'
	ask '{"op":"bye","from":"me","chan":"00000000000000aa"}'
	replied '.ok'
	ask '{"op":"pub","from":"me","chan":"00000000000000aa","first":1}' "$C"
	replied '.local == 1'
	ask '{"op":"fetch","filters":["#"],"cursor":"begin"}'
	lines "$A" "$C"
}

@test "one malformed line refuses its frame and names the line" {
	start_broker
	ask '{"op":"pub"}' "$A" '{"topic":"A/a","t":1}'
	replied '.ok == false and .error == "bad" and .line == 2 and
	    (.why | test("none of v"))'
	ask '{"op":"pub","n":3}' "$A" "$B"
	replied '.ok == false and .error == "bad"'
	ask '{"op":"fetch","filters":["#"],"cursor":"begin"}'
	replied '.n == 0'
}

@test "an expired command is refused alone" {
	start_broker
	ask '{"op":"pub"}' "$A" \
	    '{"topic":"COMMAND/x/on","t":1,"v":1,"id":"1","ttl":5}' "$B"
	replied '.ok and .n == 2 and .refused == [[2, "expired"]]'
	ask '{"op":"fetch","filters":["#"],"cursor":"begin"}'
	lines "$A" "$B"
}

@test "fetch keeps to its filters, its count and its end" {
	start_broker
	pub "$A" "$B" "$C"
	ask '{"op":"fetch","filters":["A/#","!A/c"],"cursor":"begin"}'
	replied '.n == 1'
	lines "$A"
	ask '{"op":"fetch","filters":["A/+"],"cursor":"begin","count":1}'
	local log
	log=$(log_id)
	replied '.n == 1 and .cursor["'"$log"'"] < 3'
	lines "$A"
	ask '{"op":"fetch","filters":["#"],"cursor":{"'"$log"'":1},"until":{"'"$log"'":2}}'
	replied '.n == 1 and .end'
	lines "$B"
}

@test "fetch with meta says who published what, when and where" {
	start_broker
	ask '{"op":"pub","from":"me"}' "$A" "$B"
	ask '{"op":"fetch","filters":["B/#"],"cursor":"begin","meta":true}'
	replied '.meta | length == 1 and .[0][0] == 1 and
	    .[0][1] > 1700000000 and .[0][2:] == ["me", "'"$(log_id)"'", 2]'
}

@test "a parked fetch is answered by the first event that matches" {
	start_broker
	# On a slow machine the heartbeat may come first; then once more.
	for _ in 1 2 3 4 5; do
		background late nngcat --req --dial "$IPC" --raw --data \
		    '{"op":"fetch","filters":["A/#"],"wait":1}'
		wait_until parked 1
		pub "$B" "$A"
		ends "$late_pid"
		head -n 1 late.out | jq -e '.n == 0' || break
	done
	head -n 1 late.out | jq -e '.ok and .n == 1'
	diff <(tail -n +2 late.out) <(echo "$A")
}

@test "a parked fetch without events beats within two seconds" {
	start_broker
	local before=$EPOCHREALTIME
	ask '{"op":"fetch","filters":["A/#"],"wait":60}'
	replied '.ok and .n == 0'
	awk -v a="$before" -v b="$EPOCHREALTIME" \
	    'BEGIN { exit !(b - a > 0.5 && b - a < 2) }'
}

@test "a refused filter is an error, never silence" {
	start_broker
	ask '{"op":"fetch","filters":["A/#/b"]}'
	replied '.ok == false and .error == "bad" and (.why | length > 0)'
	ask '{"op":"fetch","filters":["!A/#"]}'
	replied '.ok == false and .error == "bad"'
	ask '{"op":"last","filters":[]}'
	replied '.ok == false and .error == "bad"'
}

@test "last gives the newest event of each topic and where to go on" {
	start_broker
	pub "$A" "$B" '{"topic":"A/a","t":9,"v":9}'
	ask '{"op":"last","filters":["#"]}'
	replied '.ok and .n == 2 and .end and .cursor == {"'"$(log_id)"'": 3}'
	diff <(tail -n +2 reply | sort) \
	    <(printf '%s\n' '{"topic":"A/a","t":9,"v":9}' "$B")
}

@test "last in small pages ends explicitly" {
	local next=0 i
	start_broker
	pub "$A" "$B" "$C"
	: >all
	for i in 1 2 3 4; do
		ask '{"op":"last","filters":["#"],"max":40,"next":'"$next"'}'
		replied '.ok'
		tail -n +2 reply >>all
		jq -e '.end' header && break
		next=$(jq .next header)
	done
	jq -e '.end' header
	diff <(sort all) <(printf '%s\n' "$A" "$C" "$B")
}

@test "seek finds the beginning, the end and a time" {
	start_broker
	pub "$A"
	ask '{"op":"seek","to":"begin"}'
	replied '.ok and .cursor == {"'"$(log_id)"'": 0}'
	ask '{"op":"seek","to":"end"}'
	replied '.ok and .cursor == {"'"$(log_id)"'": 1}'
	ask '{"op":"seek","time":1}'
	replied '.ok and .cursor == {"'"$(log_id)"'": 0}'
}

@test "commit moves a durable cursor and null deletes it" {
	start_broker
	pub "$A" "$B" "$C"
	ask '{"op":"commit","name":"job","cursor":{"'"$(log_id)"'":2}}'
	replied '.ok'
	ask '{"op":"stat"}'
	replied '.cursors.job != null'
	ask '{"op":"fetch","filters":["#"],"name":"job"}'
	lines "$C"
	ask '{"op":"commit","name":"job","cursor":null}'
	replied '.ok'
	ask '{"op":"stat"}'
	replied '.cursors.job == null'
}

# hash TEXT - As it stands in the names of flows.
hash() {
	printf %s "$1" | sha256sum | cut -c 1-16
}

# results FIRST AFTER ID CURSOR LINE... - Publish them with a mark of flow agg.
results() {
	local first=$1 after=$2 id=$3 cursor=$4

	shift 4
	ask '{"op":"pub","from":"'"${FROM:-host}"'","chan":"'"$(hash agg)"'","first":'"$first"',"n":'$#',"commit":{"name":"agg","after":'"$after"',"t":9.5,"id":"'"$id"'","cursor":'"$cursor"'}}' \
	    "$@"
}

# mark NUMBER ID CURSOR - That mark as it is stored.
mark() {
	echo '{"topic":"$SG/MARK/'"$(hash "")/$(hash agg)"'","t":9.5,"d":{"name":"agg","id":"'"$2"'","cursor":'"$3"'},"seq":'"$1}"
}

# newest MARK - The newest mark of flow agg is that.
newest() {
	ask '{"op":"last","filters":["$SG/MARK/'"$(hash "")/$(hash agg)"'"]}'
	lines "$@"
}

@test "results and the mark behind them move the cursor in one frame" {
	local at
	start_broker
	pub "$A" "$B"
	at='{"'$(log_id)'":2}'
	results 1 0 x.1 "$at" "$C"
	replied '.ok and .local == 2 and .safe == 2'
	newest "$(mark 2 x.1 "$at")"
	ask '{"op":"fetch","filters":["A/#","$SG/MARK/#"],"cursor":"begin"}'
	lines "$A" "$C" "$(mark 2 x.1 "$at")"
	ask '{"op":"stat"}'
	replied '.cursors.agg.cursor == '"$at"
	# Who reads everything gets no marks, whether they are in memory or not.
	ask '{"op":"fetch","filters":["#"],"cursor":"begin"}'
	lines "$A" "$B" "$C"
	kill_broker
	start_broker
	ask '{"op":"fetch","filters":["#"],"cursor":"begin"}'
	lines "$A" "$B" "$C"
	newest "$(mark 2 x.1 "$at")"
	ask '{"op":"stat"}'
	replied '.cursors.agg.cursor == '"$at"
}

@test "a mark needs no results" {
	start_broker
	results 1 0 x.1 '{}'
	replied '.ok and .local == 1'
	results 2 1 x.2 '{}'
	replied '.ok and .local == 2'
	newest "$(mark 2 x.2 '{}')"
}

@test "results that do not follow on the newest mark are fenced" {
	start_broker
	results 1 0 x.1 '{}' "$A"
	replied '.ok and .local == 2'
	results 3 2 x.2 '{}' "$B"
	replied '.ok and .local == 4'
	results 3 2 y.2 '{}' "$C"
	replied '.error == "busy" and .mark == 4 and (.why | test("cursor agg"))'
	results 5 2 y.3 '{}' "$C"
	replied '.error == "busy" and .mark == 4 and .local == 4'
	# So is the beginning of a group, and one from another host.
	ask '{"op":"pub","from":"host","chan":"'"$(hash agg)"'","first":5,"commit":{"name":"agg","after":2}}' "$C"
	replied '.error == "busy" and .mark == 4'
	FROM=other results 1 0 z.1 '{}' "$C"
	replied '.error == "busy" and .mark == 4'
	newest "$(mark 4 x.2 '{}')"
	ask '{"op":"fetch","filters":["#"],"cursor":"begin"}'
	lines "$A" "$B"
	FROM=other results 5 4 z.1 '{}' "$C"
	replied '.ok and .local == 6'
	newest "$(mark 6 z.1 '{}')"
}

@test "what is sent again with its mark is there once" {
	start_broker
	results 1 0 x.1 '{}' "$A"
	results 1 0 x.1 '{}' "$A"
	replied '.ok and .local == 2'
	results 3 2 x.2 '{}' "$B"
	results 1 0 x.1 '{}' "$A"
	replied '.ok and .local == 4'
	# A mark may come alone: its results are there.
	ask '{"op":"pub","from":"host","chan":"'"$(hash agg)"'","first":5,"commit":{"name":"agg","after":4}}' "$A"
	replied '.ok and .local == 5'
	results 5 4 x.3 '{}' "$A"
	replied '.ok and .local == 6'
	ask '{"op":"fetch","filters":["#"],"cursor":"begin"}'
	lines "$A" "$B" "$A"
	newest "$(mark 6 x.3 '{}')"
}

@test "a group that was never ended is passed by later marks" {
	start_broker
	ask '{"op":"pub","from":"host","chan":"'"$(hash agg)"'","first":1,"commit":{"name":"agg","after":0}}' "$A" "$B" "$C"
	replied '.ok and .local == 3'
	# Its first line and a mark: the number is another line's.
	results 1 0 y.1 '{}' "$A"
	replied '.error == "gap" and .local == 3'
	ask '{"op":"pub","from":"host","chan":"'"$(hash agg)"'","first":4,"commit":{"name":"agg","after":0,"t":9.5,"id":"y.1","cursor":{},"ahead":2}}'
	replied '.ok and .local == 4'
	ask '{"op":"last","filters":["$SG/MARK/#"]}'
	[ "$(tail -n +2 reply | jq -c '[.seq,.d.ahead]')" = '[4,2]' ]
}

@test "a refused result uses up its number and the mark comes all the same" {
	start_broker
	results 1 0 x.1 '{}' "$A" '{"topic":"COMMAND/x/y","t":1,"v":1}' "$B"
	replied '.ok and .local == 4 and (.refused | length) == 1 and
	    .refused[0][0] == 2'
	results 5 4 x.2 '{}' '{"topic":"$SG/MARK/x","t":1,"v":1}'
	replied '.ok and .local == 6 and .refused[0][0] == 1'
	newest "$(mark 6 x.2 '{}')"
	results 7 6 x.3 '{}' '{"topic":"A/a"}'
	replied '.error == "bad" and .line == 1'
	newest "$(mark 6 x.2 '{}')"
}

@test "a commit that cannot be is refused and stores nothing" {
	local commit='"commit":{"name":"agg","after":0,"t":1,"id":"x","cursor":{}}'
	start_broker
	ask '{"op":"pub",'"$commit"'}' "$A"
	replied '.error == "bad" and (.why | test("chan"))'
	ask '{"op":"pub","from":"h","chan":"00000000000000aa","first":1,'"$commit"'}' "$A"
	replied '.error == "bad" and (.why | test("chan"))'
	results 1 1 x.1 '{}' "$A"
	replied '.error == "bad" and (.why | test("first"))'
	results 1 0 x.1 '{"'"$(log_id)"'":7}' "$A"
	replied '.error == "bad" and (.why | test("ahead"))'
	results 1 0 'x"1' '{}' "$A"
	replied '.error == "bad"'
	ask '{"op":"fetch","filters":["#","$SG/MARK/#"],"cursor":"begin"}'
	lines
	ask '{"op":"stat"}'
	replied '.cursors == {}'
}

@test "a flow whose cursor is deleted ends, and the next goes on behind it" {
	start_broker
	results 1 0 x.1 '{}' "$A"
	ask '{"op":"commit","name":"agg","cursor":null}'
	replied '.ok'
	ask '{"op":"last","filters":["$SG/MARK/#"]}'
	[ "$(tail -n +2 reply | jq -c '[.seq,.d]')" = \
	    '[3,{"name":"agg","deleted":true}]' ]
	results 3 2 x.2 '{}' "$B"
	replied '.error == "busy" and .mark == 3'
	kill_broker
	start_broker
	results 3 2 x.2 '{}' "$B"
	replied '.error == "busy" and .mark == 3'
	ask '{"op":"stat"}'
	replied '.cursors == {}'
	results 4 3 y.1 '{}' "$B"
	replied '.ok and .local == 5'
	newest "$(mark 5 y.1 '{}')"
	ask '{"op":"stat"}'
	replied '.cursors.agg.cursor == {}'
}

@test "the channel of a flow is not forgotten as long as its cursor is there" {
	start_broker
	results 1 0 x.1 '{}' "$A"
	ask '{"op":"bye","from":"host","chan":"'"$(hash agg)"'"}'
	replied '.ok'
	results 1 0 x.1 '{}' "$A"
	replied '.ok and .local == 2'
	ask '{"op":"fetch","filters":["#"],"cursor":"begin"}'
	lines "$A"
}

@test "a broker without a store keeps marks as long as it runs" {
	start_memory_broker
	results 1 0 x.1 '{}' "$A"
	replied '.ok and .local == 2'
	results 1 0 y.1 '{}' "$A"
	replied '.error == "busy" and .mark == 2'
	newest "$(mark 2 x.1 '{}')"
	ask '{"op":"stat"}'
	replied '.cursors.agg.cursor == {}'
	ask '{"op":"commit","name":"agg","cursor":null}'
	replied '.ok'
	results 3 2 x.2 '{}'
	replied '.error == "busy" and .mark == 3'
}

@test "a durable cursor in use is busy for another connection" {
	start_broker
	ask '{"op":"commit","name":"job","cursor":{}}'
	background holder nngcat --req --dial "$IPC" --raw --interval 1 --data \
	    '{"op":"fetch","sub":1,"filters":["#"],"name":"job","wait":1}'
	wait_until parked 1
	ask '{"op":"fetch","filters":["#"],"name":"job"}'
	replied '.ok == false and .error == "busy"'
}

@test "a reader behind retention is told what is gone" {
	local i
	start_memory_broker --memory-size 64K
	for i in 1 2 3 4 5 6 7 8; do
		# shellcheck disable=SC2046	# one argument a line
		pub $(events A/a $((i * 500)) $((i * 500 + 499)))
	done
	ask '{"op":"hello"}'
	i=$(jq -r .log header)
	ask '{"op":"fetch","filters":["#"],"cursor":{"'"$i"'":100}}'
	replied '.ok == false and .error == "gone" and .lost > 0 and
	    .cursor["'"$i"'"] == .lost + 100'
}

@test "stat counts" {
	start_broker
	pub "$A" "$B"
	ask '{"op":"stat"}'
	replied '.ok and .events_in == 2 and .connections == 1 and
	    .topics == 2 and .logs["'"$(log_id)"'"] == {first: 1, end: 2, own: true} and
	    .degraded == []'
}

@test "what is no request is answered with an error, and the next is served" {
	local bad
	start_broker
	for bad in 'nonsense' '{}' '[]' '{"op":"dance"}' '{"op":"call"}' \
	    '{"op":7}' '{"op":"stat"' '{"op":"seek"}' '{"op":"bye"}' \
	    '{"op":"pub","chan":"xyz","first":1}' '{"op":"commit"}' \
	    '{"op":"fetch"}' '{"op":"fetch","filters":"A"}'; do
		ask "$bad"
		replied '.ok == false and .error == "bad" and
		    (.why | length > 0)' || {
			echo "request: $bad"
			return 1
		}
	done
	ask '{"op":"hello"}'
	replied '.ok'
}

@test "a browser on the port is cut off with a reason in the log" {
	start_broker -l tcp://127.0.0.1:0 --insecure
	local port
	port=$(broker_tcp)
	port=${port##*:}
	exec 8<>"/dev/tcp/127.0.0.1/$port"
	echo 'GET / HTTP/1.1' >&8
	closed_by_peer 8
	exec 8<&-
	grep -q 'HTTP' broker.err
	URL=$(broker_tcp) ask '{"op":"hello"}'
	replied '.ok'
}

@test "the tap shows plain nng subscribers each event" {
	start_broker --tap "ipc://$TEST_TMP/tap"
	background tapped nngcat --sub --subscribe A/ \
	    --dial "ipc://$TEST_TMP/tap" --ascii
	seen() {
		pub "$B" "$A" && [ -s tapped.out ]
	}
	wait_until seen
	[ "$(head -n 1 tapped.out)" = "A/a $A" ]
}

# Two brokers.

# start_one NAME OTHER - One of two, at ipc://$TEST_TMP/NAME.
start_one() {
	ready "$1" sg-broker --name "$1" -d "store_$1" \
	    -l "ipc://$TEST_TMP/$1" --twin "ipc://$TEST_TMP/$2"
}

start_pair() {
	start_one a b
	start_one b a
	wait_until in_step a
	wait_until in_step b
}

# at NAME REQUEST... - Ask one of the two.
at() {
	local URL=ipc://$TEST_TMP/$1
	shift
	ask "$@"
}

in_step() {
	at "$1" '{"op":"stat"}' && jq -e '.twin.synced and .twin.connected and
	    .degraded == []' header
}

# told NAME CONDITION - Of the answer to stat.
told() {
	at "$1" '{"op":"stat"}' && jq -e "$2" header
}

@test "hello takes a range of versions, and tells of a twin" {
	start_one a b
	at a '{"op":"hello","sg":2,"upto":9}'
	replied '.ok == false and .error == "bad"'
	at a '{"op":"hello","sg":1,"upto":9}'
	replied '.ok and .sg == 1 and .twin'
}

@test "a broker that is alone has no twin and copies to nobody" {
	start_broker
	ask '{"op":"hello","sg":1,"upto":1}'
	replied '.ok and has("twin") == false'
	ask '{"op":"mirror","name":"b","cursor":{}}'
	replied '.ok == false and .error == "bad" and (.why | test("twin"))'
}

@test "fetch with ids names channels and their numbers without a gap" {
	start_broker
	ask '{"op":"pub","from":"me","chan":"00000000000000aa","first":5,"safe":4}' \
	    "$A" "$B" '{"topic":"COMMAND/x/on","t":1,"v":1,"id":"1","ttl":5}' "$C"
	replied '.ok and .local == 8'
	pub "$A"
	ask '{"op":"fetch","filters":["#"],"cursor":"begin","ids":true}'
	replied '[.meta[] | [.[0], .[4:]]] ==
	    [[2, [1, "00000000000000aa", 5]], [1, [3, "00000000000000aa", 8]],
	     [1, [4, "0000000000000000", 0]]]'
}

@test "either of two brokers gives what both have stored, from any cursor" {
	local cursor
	start_pair
	at a '{"op":"pub"}' "$A" && replied '.ok'
	at b '{"op":"pub"}' "$B" && replied '.ok'
	wait_until told a '[.logs[] | select(.end == 1)] | length == 2'
	wait_until told b '[.logs[] | select(.end == 1)] | length == 2'
	at b '{"op":"fetch","filters":["#"],"cursor":"begin"}'
	replied '.n == 2 and ([.cursor[]] == [1, 1])'
	diff <(tail -n +2 reply | sort) <(printf '%s\n' "$A" "$B")
	at a '{"op":"seek","to":"end"}'
	cursor=$(jq -c .cursor header)
	at b '{"op":"fetch","filters":["#"],"cursor":'"$cursor"'}'
	replied '.n == 0 and .cursor == '"$cursor"
	at b '{"op":"pub"}' "$C" && replied '.ok'
	at b '{"op":"fetch","filters":["#"],"cursor":'"$cursor"'}'
	lines "$C"
}

@test "a fetch that waits gets what the twin stores" {
	start_pair
	# On a slow machine the heartbeat may come first; then once more.
	for _ in 1 2 3 4 5; do
		background late nngcat --req --dial "ipc://$TEST_TMP/a" --raw \
		    --data '{"op":"fetch","filters":["A/#"],"wait":1}'
		wait_until told a '.parked == 1'
		at b '{"op":"pub"}' "$B" "$A" && replied '.ok'
		ends "$late_pid"
		head -n 1 late.out | jq -e '.n == 0' || break
	done
	diff <(tail -n +2 late.out) <(echo "$A")
}

@test "until holds in each log, and the cursor stays before what is beyond" {
	local until
	start_pair
	at a '{"op":"pub"}' "$A" && replied '.ok'
	at b '{"op":"pub"}' "$B" && replied '.ok'
	wait_until told a '[.logs[] | select(.end == 1)] | length == 2'
	at a '{"op":"seek","to":"end"}'
	until=$(jq -c .cursor header)
	at b '{"op":"pub"}' "$C" && replied '.ok'
	at a '{"op":"pub"}' "$C" && replied '.ok'
	wait_until told a '[.logs[] | select(.end == 2)] | length == 2'
	at a '{"op":"fetch","filters":["#"],"cursor":"begin","until":'"$until"'}'
	replied '.n == 2 and .end and .cursor == '"$until"
}

@test "durable cursors are the same at both brokers, and so is their end" {
	start_pair
	at a '{"op":"pub"}' "$A" "$B" && replied '.ok'
	wait_until told b '[.logs[] | select(.end == 2)] | length == 1'
	at b '{"op":"fetch","filters":["#"],"name":"job","cursor":"begin","count":1}'
	replied '.n == 1'
	at b '{"op":"commit","name":"job","cursor":'"$(jq -c .cursor header)"'}'
	replied '.ok'
	wait_until told a '.cursors.job.lag == 1'
	at a '{"op":"fetch","filters":["#"],"name":"job"}'
	lines "$B"
	at a '{"op":"commit","name":"job","cursor":null}'
	replied '.ok'
	wait_until told b '.cursors == {}'
	# Nor do they come back when a broker starts anew.
	kill -KILL "$b_pid"
	start_one b a
	wait_until in_step b
	told b '.cursors == {}'
	told a '.cursors == {}'
}

@test "marks are the same at both brokers, and fence at both" {
	start_pair
	URL=ipc://$TEST_TMP/a results 1 0 x.1 '{}' "$A"
	replied '.ok and .local == 2'
	wait_until told b '.cursors.agg.cursor == {}'
	# What is sent again at the other one is there already.
	URL=ipc://$TEST_TMP/b results 1 0 x.1 '{}' "$A"
	replied '.ok and .local == 2'
	URL=ipc://$TEST_TMP/b results 1 0 y.1 '{}' "$A"
	replied '.error == "busy" and .mark == 2'
	URL=ipc://$TEST_TMP/b results 3 2 x.2 '{"z.1":7}' "$B"
	replied '.ok and .local == 4'
	wait_until told a '.cursors.agg.cursor == {"z.1":7}'
	URL=ipc://$TEST_TMP/a newest "$(mark 4 x.2 '{"z.1":7}')"
	URL=ipc://$TEST_TMP/a results 3 2 z.2 '{}' "$C"
	replied '.error == "busy" and .mark == 4'
	at a '{"op":"fetch","filters":["#"],"cursor":"begin"}'
	diff <(tail -n +2 reply | sort) <(printf '%s\n' "$A" "$B" | sort)
	# It is so after a start, and the end of a flow is known at both.
	kill -KILL "$b_pid"
	start_one b a
	wait_until in_step b
	URL=ipc://$TEST_TMP/b results 3 2 z.2 '{}' "$C"
	replied '.error == "busy" and .mark == 4'
	at b '{"op":"commit","name":"agg","cursor":null}'
	replied '.ok'
	wait_until told a '.cursors == {}'
	URL=ipc://$TEST_TMP/a results 5 4 x.3 '{}' "$C"
	replied '.error == "busy" and .mark == 5'
}

@test "results that follow on a mark the twin alone has are behind" {
	start_pair
	URL=ipc://$TEST_TMP/a results 1 0 x.1 '{}'
	replied '.ok and .local == 1 and .safe == 1'
	kill -KILL "$b_pid"
	wait_until test ! -e "/proc/$b_pid/exe"
	URL=ipc://$TEST_TMP/a results 2 1 x.2 '{}'
	replied '.ok and .local == 2'
	kill -KILL "$a_pid"
	start_one b a
	FROM=other URL=ipc://$TEST_TMP/b results 3 2 x.3 '{}'
	replied '.error == "behind"'
	start_one a b
	wait_until in_step b
	FROM=other URL=ipc://$TEST_TMP/b results 3 2 x.3 '{}'
	replied '.ok and .local == 3'
}

@test "a broker that may have lost a log is behind until it has met its twin" {
	local cursor fetch
	start_pair
	at a '{"op":"pub"}' "$A" "$B" && replied '.ok'
	wait_until told b '[.logs[] | select(.end == 2)] | length == 1'
	at a '{"op":"fetch","filters":["#"],"cursor":"begin","count":1}'
	cursor=$(jq -c .cursor header)
	fetch='{"op":"fetch","filters":["#"],"cursor":'$cursor'}'
	kill -KILL "$a_pid" "$b_pid"
	wait_until test ! -e "/proc/$a_pid/exe"
	rm -r store_a
	start_one a b
	at a "$fetch"
	replied '.error == "behind" and (.why | test("log a[.]"))'
	at a '{"op":"commit","name":"job","cursor":'"$cursor"'}'
	replied '.error == "behind"'
	start_one b a
	wait_until in_step a
	at a "$fetch"
	replied '.ok'
	lines "$B"
}

@test "stat says whether the twin is there, and whose logs there are" {
	start_pair
	told a '.twin.name == "b" and .twin.synced and
	    ([.logs[] | .own] | sort | unique == [false, true])'
	kill -KILL "$b_pid"
	wait_until told a '.degraded == ["twin"] and .twin.connected == false'
	start_one b a
	wait_until in_step a
}
