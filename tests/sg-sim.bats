# sg-sim(1).

load helpers

# refused STATUS TEXT COMMAND... - It ends with that status and says that.
refused() {
	local want=$1 text=$2 status=0
	shift 2
	"$@" >out 2>err </dev/null || status=$?
	[ $status -eq "$want" ] || {
		echo "status $status, expected $want: $*"
		cat err
		return 1
	}
	grep -qF -- "$text" err || {
		echo "not said: $text"
		cat err
		return 1
	}
}

# member NAME [FILE] - That number of each report in JSON.
member() {
	sed -n "s/.*\"m\":{[^}]*\"$1\":\([-0-9.]*\).*/\1/p" "${2:-out}"
}

# A whole world at once.
sim() {
	sg-sim --since 2026-11-23T00:00:00Z --speed max "$@"
}

@test "the sessions of the manual come out as they stand there" {
	"$ROOT/tests/tutorial.py" "$ROOT/man/sg-sim.1"
}

@test "options that make no sense are refused with what is wrong" {
	refused 64 'no meters' sg-sim -n 0
	refused 64 'at most 2147483647' sg-sim -n 3000000000
	refused 64 'at most 2147483647' sg-sim --first 3000000000
	refused 64 'without {meter}' sg-sim -n 2 -t A/B
	refused 64 'empty level' sg-sim -t 'A//{meter}'
	refused 64 'begins with $' sg-sim -t '$SG/{meter}'
	refused 64 'not like 1/s' sg-sim --rate 1
	refused 64 'not like 1/s' sg-sim --rate x/s
	refused 64 'not like 1/s' sg-sim --rate 1/parsec
	refused 64 'must be above 0' sg-sim --rate 0/s
	refused 64 'must be above 0' sg-sim --rate 1/0s
	refused 64 'at most 1000000 a second' sg-sim --rate 2000000/s
	refused 64 'exclude each other' sg-sim --rate 1/s --period 1s
	refused 64 'jitter: longer' sg-sim --jitter 2s
	refused 64 'these events need up to' sg-sim --size 100
	refused 64 'at most 1048576' sg-sim --size 2M
	refused 64 'neither like 60x nor max' sg-sim --speed fast
	refused 64 'above 0' sg-sim --speed 0x
	refused 64 'is for standard output' sg-sim --speed max -b ipc:///x
	refused 64 'must be above 0' sg-sim --spread 0 -b ipc:///x
	refused 64 'neither ipc:///path nor tcp://' sg-sim -b http://x
	refused 64 "format" sg-sim -b ipc:///x -f xml
}

@test "what is for a broker alone is refused without one" {
	local option
	for option in --insecure '--spread 5' '--connect-rate 5' \
	    '--drop-every 5s' '--every 5s' '-f text' '-w 5s' '--retry 5s' \
	    '--ready-fd 2'; do
		# shellcheck disable=SC2086	# an option and its argument
		refused 64 'needs --broker' sg-sim $option
	done
}

@test "plain text over tcp has to be asked for" {
	refused 78 'give a key (-k) or --insecure' sg-sim -b tcp://127.0.0.1:9
}

@test "without a broker it gives up after --retry" {
	refused 69 '0 of 2 connections: ipc:///nowhere' \
	    sg-sim -n 2 -b ipc:///nowhere --retry 100ms
}

@test "more connections than files are refused before any is made" {
	bash -c 'ulimit -n 64; exec sg-sim -n 64 -b ipc:///nowhere' 2>err ||
	    [ $? -eq 78 ]
	grep -q 'the system allows 64' err
}

@test "SG_BROKER does not turn the output away from standard output" {
	SG_BROKER=ipc:///nowhere sim --limit 2 >out
	[ "$(wc -l <out)" -eq 2 ]
}

@test "the same options give the same bytes, another seed others" {
	sim -n 50 --limit 1000 --jitter 700ms --seed 7 >a
	sim -n 50 --limit 1000 --jitter 700ms --seed 7 >b
	sim -n 50 --limit 1000 --jitter 700ms --seed 8 >c
	cmp a b
	! cmp -s a c
	[ "$(wc -l <a)" -eq 1000 ]
}

@test "a meter's curve does not depend on the others" {
	sim -n 5 --period 1h --for 1d --seed 3 --jitter 1m |
	    grep METER/000004/ >a
	sim -n 2 --first 3 --period 1h --for 1d --seed 3 --jitter 1m |
	    grep METER/000004/ >b
	[ "$(wc -l <a)" -eq 24 ]
	cmp a b
}

@test "lines are events in the order of time, topics and numbers as asked" {
	sim -n 3 --limit 30 --jitter 900ms -t 'X/{meter}/Load' >out
	sg-csv --to-csv -t 'X/{meter}/Load' --columns '{meter},t,seq,ep,v,u' \
	    out >csv
	[ "$(wc -l <csv)" -eq 31 ]
	sed 1d csv | cut -d , -f 2 >times
	sort -c times
	sed 1d csv | sort -t , -k 1,1 -k 3n,3 | awk -F , '
		$1 != meter { meter = $1; seq = 0 }
		$3 != ++seq || $6 != "W" || $4 != 1795392000 { exit 1 }'
}

@test "a size is exact, in every line, and lines stay events" {
	sim -n 2 --limit 100 --size 800 >out
	[ "$(awk 'length != 800' out | wc -l)" -eq 0 ]
	[ "$(sg-csv --to-csv out 2>err | wc -l)" -eq 101 ]
}

@test "--rate and --period and --for say how many events there are" {
	[ "$(sim -n 7 --rate 4/m --for 10m | wc -l)" -eq 280 ]
	[ "$(sim -n 7 --period 15m --for 1d | wc -l)" -eq 672 ]
	[ "$(sim -n 7 --rate 3/s --for 10s --limit 100 | wc -l)" -eq 100 ]
}

@test "--speed makes their time pass faster" {
	local begun=$SECONDS
	sg-sim -n 10 --speed 3600x --rate 1/m --for 1h >out
	[ "$(wc -l <out)" -eq 600 ]
	[ $((SECONDS - begun)) -lt 30 ]
	sg-sim --speed 0.5x --rate 100/s --limit 3 >out
	[ "$(wc -l <out)" -eq 3 ]
}

@test "events come out while it waits, and a signal ends it with 143" {
	background sim sg-sim -n 2 --rate 5/s
	# shellcheck disable=SC2154	# set by background
	wait_lines 4 sim.out
	kill -TERM "$sim_pid"
	ends "$sim_pid" 143
	[ -z "$(tail -c 1 sim.out | tr -d '\n')" ]
}

@test "--stats counts" {
	sim -n 2 --limit 5 --stats >out 2>err
	grep -q '"tool":"sg-sim","in":0,"out":5,"bad":0' err
	start_memory_broker
	sg-sim -n 2 --limit 5 --rate 10/s -b "ipc://$XDG_RUNTIME_DIR/sg/broker" \
	    --stats >out 2>err
	grep -q '"tool":"sg-sim","in":5,"out":5,"bad":0' err
}

@test "to a broker each meter has a connection, and every event arrives once" {
	start_broker
	ready sim sg-sim -n 40 --rate 10/s --limit 800 -f json \
	    -b "ipc://$XDG_RUNTIME_DIR/sg/broker"
	ends "$sim_pid" 0
	[ "$(member connections sim.out)" -eq 40 ]
	[ "$(member sent sim.out)" -eq 800 ]
	[ "$(member acked sim.out)" -eq 800 ]
	[ "$(member safe sim.out)" -eq 800 ]
	[ "$(member pending sim.out)" -eq 0 ]
	[ "$(member lost sim.out)" -eq 0 ]
	sg-sub -e --from-start >got
	[ "$(awk 'length == 800' got | wc -l)" -eq 800 ]
	sg-csv --to-csv --columns src,seq got 2>err | sort | uniq -d >twice
	[ ! -s twice ]
	sg-csv -q --to-csv -t 'MEASUREMENT/METER/{meter}/Load' \
	    --columns '{meter}' got | sed 1d | sort -u >meters
	[ "$(wc -l <meters)" -eq 40 ]
}

@test "the report for a person, and one each --every" {
	start_memory_broker
	sg-sim -n 3 --rate 20/s --for 1s --every 200ms \
	    -b "ipc://$XDG_RUNTIME_DIR/sg/broker" >out
	[ "$(grep -c '^connections 3 of 3 open, 0 lost' out)" -ge 3 ]
	[ "$(grep -c '^latency     p50 [0-9.]* ms, p99 ' out)" -ge 3 ]
	tail -n 3 out | grep -q \
	    '^events      60 sent, 60 acknowledged, 0 pending, 0 sent again, 0 refused'
}

@test "over tcp connections come from as many addresses as --spread asks for" {
	start_memory_broker -l tcp://127.0.0.1:0 --insecure
	ready sim sg-sim -n 6 --spread 2 --connect-rate 0 --insecure \
	    -b "$(broker_tcp)"
	ss -Htn state established dst "$(broker_tcp | sed 's,.*//,,')" |
	    awk '{ print $3 }' | sed 's/:.*//' | sort | uniq -c |
	    awk '{ print $1, $2 }' >addresses
	kill -INT "$sim_pid"
	ends "$sim_pid" 130
	diff addresses - <<-'END'
	2 127.0.0.1
	2 127.0.0.2
	2 127.0.0.3
	END
}

@test "all connections dropped at once come back and lose nothing" {
	start_broker
	sg-sim -n 50 --rate 5/s --for 2s --drop-every 600ms -f json \
	    -b "ipc://$XDG_RUNTIME_DIR/sg/broker" >out
	[ "$(member lost)" -ge 100 ]
	[ "$(member acked)" -eq 500 ]
	sg-sub -e --from-start | sg-csv -q --to-csv --columns src,seq |
	    sed 1d >got
	[ "$(wc -l <got)" -eq 500 ]
	[ "$(sort -u got | wc -l)" -eq 500 ]
}

@test "a broker killed and started again has every event once" {
	start_broker
	ready sim sg-sim -n 50 --rate 10/s --limit 2500 -f json -w 60s \
	    -b "ipc://$XDG_RUNTIME_DIR/sg/broker"
	kill_broker
	start_broker
	ends "$sim_pid" 0
	[ "$(member lost sim.out)" -ge 1 ]
	[ "$(member acked sim.out)" -eq 2500 ]
	sg-sub -e --from-start | sg-csv -q --to-csv --columns src,seq |
	    sed 1d >got
	[ "$(wc -l <got)" -eq 2500 ]
	[ "$(sort -u got | wc -l)" -eq 2500 ]
}

@test "a broker that is gone at the end is 124 with what is pending" {
	start_memory_broker
	ready sim sg-sim -n 2 --rate 20/s --for 3s -w 500ms \
	    -b "ipc://$XDG_RUNTIME_DIR/sg/broker"
	kill_broker
	ends "$sim_pid" 124
	grep -q 'events were not acknowledged' sim.err
}

@test "each connection is a session of its own, of one certificate" {
	trust_network
	sg-trust issue -q --trust net head --pub 'MEASUREMENT/METER/#' \
	    --via 'METER/#'
	start_broker -l tcp://127.0.0.1:0 -l "ipc://$XDG_RUNTIME_DIR/sg/broker" \
	    --max-handshakes 0
	sg-sim -n 20 --rate 5/s --limit 200 -f json -k net/keys/head.key \
	    --trust net -b "$(broker_tcp | sed 's,//,//broker-a@,')" >out
	[ "$(member acked)" -eq 200 ]
	sg-sub -e --from-start --meta | grep -c '"from":"head"' >got
	[ "$(cat got)" -eq 200 ]
}

@test "a certificate that may not speak for the meters is refused before" {
	trust_network
	sg-trust issue -q --trust net other --pub '#'
	start_broker -l tcp://127.0.0.1:0
	refused 77 'METER/000001 is neither other nor in its via patterns' \
	    sg-sim -k net/keys/other.key --trust net -b "$(broker_tcp)"
}

@test "a broker that denies is 77, of another name too" {
	trust_network
	sg-trust issue -q --trust net head --pub 'X/#' --via 'METER/#'
	start_broker -l tcp://127.0.0.1:0
	SG_KEY='' refused 77 'this broker wants a session here' \
	    sg-sim --insecure --retry 200ms -b "$(broker_tcp)"
	refused 77 'connections' sg-sim -k net/keys/head.key --trust net \
	    --retry 200ms -b "$(broker_tcp | sed 's,//,//elsewhere@,')"
	refused 65 'events were refused, the last since' \
	    sg-sim -k net/keys/head.key --trust net --limit 3 --rate 9/s \
	    -b "$(broker_tcp | sed 's,//,//broker-a@,')"
}

@test "--pass-fd opens a key with a passphrase" {
	trust_network
	sg-trust issue -q --trust net head --pub 'MEASUREMENT/METER/#' \
	    --via 'METER/#' --pass-fd 4 4< <(echo secret)
	start_broker -l tcp://127.0.0.1:0
	sg-sim --limit 2 --rate 9/s -k net/keys/head.key --trust net \
	    -b "$(broker_tcp | sed 's,//,//broker-a@,')" \
	    --pass-fd 4 4< <(echo secret) >out
	grep -q '2 acknowledged' out
}
