#!/bin/bash
# failover: how long nothing is delivered when a broker is killed or hangs, and
# what is lost, beside a JetStream cluster of three servers.
# shellcheck disable=SC2154	# of bench.sh and tools.sh

# 1,000 events a second of 110 bytes; the fault comes after 2 s and ends after
# 10 more.
FAILOVER_EVENTS=14000

# one_failover NAME kill|stop PID AGAIN SUBSCRIBER PUBLISHER - Adds to
# NAME.gap, NAME.lost and so on.
one_failover() {
	local name=$1 fault=-k gap ack acked lost twice misplaced
	[ "$2" = kill ] || fault=-t
	read -r gap ack acked lost twice misplaced < <("$programs/failover" \
	    -n "$FAILOVER_EVENTS" -a 2 -l 10 "$fault" "$3" -c "$4" "$5" "$6" \
	    2>"$dir/failover.err") || return
	[ "$acked" = "$FAILOVER_EVENTS" ] ||
	    say "failover $name: $acked of $FAILOVER_EVENTS acknowledged"
	echo "$gap" >>"$dir/$name.gap"
	echo "$ack" >>"$dir/$name.ack"
	echo "$lost" >>"$dir/$name.lost"
	echo "$twice" >>"$dir/$name.twice"
	echo "$misplaced" >>"$dir/$name.misplaced"
}

# our_failover kill|stop - Both clients are at A, which fails.
our_failover() {
	local to
	start_pair || return
	to="-b ${pair_url[A]},${pair_url[B]} --insecure"
	one_failover "fo.o.$1" "$1" "${pair[A]}" "exec ${pair_command[A]//$'\n'/ }" \
	    "exec $bin/sg-sub $to --from-start '#'" \
	    "exec $bin/sg-pub $to --ack-fd 4"
	stop_pair
}

# start_cluster - Three servers with new stores; pids in $servers, commands in
# $server_command and URLs in $server_url by 1 to 3.
start_cluster() {
	local i route routes=
	servers=() server_command=() server_url=()
	rm -rf "${dir:?}"/js.*
	for i in 1 2 3; do
		free_port
		route[i]=nats://127.0.0.1:$port
		routes+=${routes:+,}${route[i]}
		free_port
		server_url[i]=nats://127.0.0.1:$port
		server_command[i]="$(nats_program) -js -sd $dir/js.$i -n $i \
		    -a 127.0.0.1 -p $port --cluster_name bench \
		    --cluster ${route[i]}"
	done
	for i in 1 2 3; do
		server_command[i]+=" --routes $routes"
		# shellcheck disable=SC2086	# words
		launch ${server_command[i]}
		servers[i]=$last
	done
}

# js_failover NAME kill|stop PATIENCE - Both clients are at the leader of the
# stream, which fails.
js_failover() {
	local leader to all
	start_cluster
	wait_until listens "${server_url[1]##*:}" || return
	all="${server_url[1]},${server_url[2]},${server_url[3]}"
	leader=$("$peers/jetstream" make "$all" 2>/dev/null) || return
	to="${server_url[leader]},$all $3"
	one_failover "$1" "$2" "${servers[leader]}" \
	    "exec ${server_command[leader]} >/dev/null 2>&1" \
	    "exec $peers/jetstream sub $to 2>/dev/null" \
	    "exec $peers/jetstream pub $to 2>/dev/null"
	stop_cluster
}

stop_cluster() {
	local i
	for i in 1 2 3; do
		kill -KILL "${servers[i]}" 2>/dev/null
		wait "${servers[i]}" 2>/dev/null
	done
	rm -rf "${dir:?}"/js.*
}

# total FILE, longest FILE - Of all rounds, as line takes it.
total() {
	echo "=$(awk '{ n += $1 } END { print n + 0 }' "$dir/$1" 2>/dev/null)"
}

longest() {
	echo "=$(sort -n "$dir/$1" 2>/dev/null | tail -n 1)"
}

failover() {
	local round fault
	for ((round = 0; round < ROUNDS; round++)); do
		for fault in kill stop; do
			our_failover $fault
			if [ -e "$peers/jetstream" ] && nats_program >/dev/null
			then
				js_failover "fo.n.$fault" $fault 0
				js_failover "fo.t.$fault" $fault 1000
			fi
		done
	done
	heading "A broker fails, 1000 events/s; JetStream R=3"
	failover_rows kill killed 1000
	failover_rows stop "stopped for 10 s" 3000
}

# failover_rows kill|stop TITLE GOAL
failover_rows() {
	local what
	line "$2: longest time without an event, ms" "fo.o.$1.gap" \
	    "fo.n.$1.gap" '<=1'
	line "  the longest of all rounds" "$(longest "fo.o.$1.gap")" \
	    "$(longest "fo.n.$1.gap")"
	line "  to reach" "$(longest "fo.o.$1.gap")" "=$3" '<=1'
	line "  a JetStream client that waits 1 s" "fo.o.$1.gap" "fo.t.$1.gap"
	line "  without an acknowledgement" "fo.o.$1.ack" "fo.n.$1.ack"
	for what in lost twice misplaced; do
		line "  events ${what/misplaced/out of order}, all rounds" \
		    "$(total "fo.o.$1.$what")" "$(total "fo.n.$1.$what")"
	done
}
