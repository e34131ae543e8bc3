#!/bin/bash
# latency: from the write into a publisher's standard input to the read from a
# subscriber's standard output, at 1,000 events a second.
# shellcheck disable=SC2154	# of bench.sh and tools.sh

# one_latency NAME SUBSCRIBER PUBLISHER - Adds to NAME.50 and NAME.99.
one_latency() {
	local p50 p99 lost misplaced
	read -r p50 p99 lost misplaced < <("$programs/latency" -n 5000 "$2" \
	    "$3" 2>"$dir/latency.err") || return
	[ "$lost$misplaced" = 00 ] ||
	    say "latency $1: $lost lost, $misplaced out of order"
	echo "$p50" >>"$dir/$1.50"
	echo "$p99" >>"$dir/$1.99"
}

our_latency() {
	local name=$1
	shift
	start_broker -q "$@" || return
	one_latency "$name" "exec $bin/sg-sub '#'" "exec $bin/sg-pub"
	stop "$broker"
}

latency_round() {
	our_latency lat.m --memory
	our_latency lat.d
	if nats_program >/dev/null && [ -e "$peers/nats" ]; then
		start_nats && one_latency lat.n "exec $peers/nats sub $url x" \
		    "exec $peers/nats pub $url x"
		stop "$server"
	fi
	if mosquitto_program >/dev/null && have mosquitto_sub; then
		start_mosquitto && one_latency lat.q \
		    "exec mosquitto_sub -p $port -t x" \
		    "exec mosquitto_pub -p $port -t x -l"
		stop "$server"
	fi
}

latency() {
	local round
	for ((round = 0; round < ROUNDS; round++)); do
		latency_round
	done
	heading "Latency at 1000 events/s through two pipes, us"
	line "p50, --memory; NATS core" lat.m.50 lat.n.50 '<=2'
	line "p99, --memory; NATS core" lat.m.99 lat.n.99 '<=2'
	line "p50, --memory; mosquitto, its own clients" lat.m.50 lat.q.50
	line "p99, --memory; mosquitto, its own clients" lat.m.99 lat.q.99
	line "p50, fsync before ack; NATS core" lat.d.50 lat.n.50
	line "p99, fsync before ack; NATS core" lat.d.99 lat.n.99
}
