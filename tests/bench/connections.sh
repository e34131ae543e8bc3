#!/bin/bash
# connections: CPU time of the broker for an event of 800 bytes when 1,000
# connections send one a second each, and its memory.
# shellcheck disable=SC2154	# of bench.sh and tools.sh

CONNECTIONS_SECONDS=${CONNECTIONS_SECONDS:-5}

# cpu NAME KIND PID ADDRESS OPTION... - Adds to NAME; to NAME.99 how long an
# acknowledgement took.
cpu() {
	local name=$1 kind=$2 pid=$3 address=$4
	shift 4
	"$programs/connections" -c 1000 -r 1 -s 800 \
	    -d "$CONNECTIONS_SECONDS" "$@" "$kind" "$address" "$pid" |
	    tee >(cut -f 10 >>"$dir/$name.99") | cut -f 8 >>"$dir/$name"
}

# our_cpu NAME BROKER-OPTION... - Without and with a subscriber.
our_cpu() {
	local name=$1 watch
	shift
	for watch in '' -w; do
		start_tcp_broker "$@" || return
		# shellcheck disable=SC2086	# perhaps no option
		cpu "$name$watch" sg "$broker" "$address" $watch
		stop "$broker"
	done
}

mosquitto_cpu() {
	local watch
	for watch in '' -w; do
		start_mosquitto || return
		# shellcheck disable=SC2086	# perhaps no option
		cpu "$1$watch" "$2" "$server" "127.0.0.1:$port" $watch
		stop "$server"
	done
}

rss_anon() {
	awk '/^RssAnon:/ { print $2 / 1024 }' "/proc/$1/status"
}

# With its default store, started and nothing else.
memory_round() {
	start_broker -q || return
	rss_anon "$broker" >>"$dir/idle"
	stop "$broker"
	start_tcp_broker || return
	"$programs/connections" -c 10000 -d 0 sg "$address" "$broker" |
	    cut -f 11 | awk '{ print $1 / 1024 }' >>"$dir/per.connection"
	stop "$broker"
}

connections() {
	local round
	for ((round = 0; round < ROUNDS; round++)); do
		our_cpu c.memory --memory
		! mosquitto_program >/dev/null || mosquitto_cpu c.qos0 mqtt0
		our_cpu c.durable
		! mosquitto_program >/dev/null || mosquitto_cpu c.qos1 mqtt1
		memory_round
	done
	heading "1000 connections, 1 event/s each, 800 B: CPU us"
	line "--memory; mosquitto QoS 0" c.memory c.qos0 '<=1'
	line "  with a subscriber to everything" c.memory-w c.qos0-w '<=1'
	line "--memory; mosquitto QoS 1" c.memory c.qos1
	line "  with a subscriber to everything" c.memory-w c.qos1-w
	line "fsync before ack; mosquitto QoS 1 (memory)" c.durable c.qos1
	line "  with a subscriber to everything" c.durable-w c.qos1-w
	heading "Event to acknowledgement there, p99, us"
	line "--memory; mosquitto QoS 1" c.memory.99 c.qos1.99
	line "fsync before ack; mosquitto QoS 1 (memory)" c.durable.99 c.qos1.99
	heading "Memory of the broker (RssAnon)"
	line "idle, MiB; to reach" idle =20 '<=1'
	if [ "$(ulimit -n)" -ge 10100 ]; then
		line "of 10,000 idle connections each, KiB; to reach" \
		    per.connection =8 '<=1'
	else
		echo "10,000 connections: not compared, ulimit -n $(ulimit -n)"
	fi
}
