#!/bin/bash
# table1: meters that send one event of 800 bytes a second each, as many as
# fill 100 Mbit/s, and as fill 1 Gbit/s; each with a connection of its own, to
# a broker on the same machine that syncs to disk before it acknowledges.
# shellcheck disable=SC2154	# of bench.sh and tools.sh

TABLE1_SECONDS=${TABLE1_SECONDS:-30} # 300 for the figure of five minutes
TABLE1_METERS=${TABLE1_METERS:-15625}
TABLE1_MANY=${TABLE1_MANY:-156250}
TABLE1_MANY_SECONDS=${TABLE1_MANY_SECONDS:-30} # 120 for the figure

# Without these a broker takes so many connections of one certificate, and so
# many handshakes at once, for an attack.
table1_limits=(--max-connections 200000 --max-strangers 200000
    --auth-timeout 60s --actor-connections 0 --actor-topics 0)

# table1_broker plain|trusted - With the store there is, at $address, or at a
# free port with a new store.
table1_broker() {
	local listen=tcp://${address:-127.0.0.1:0} options
	options=("${table1_limits[@]}")
	if [ "$1" = trusted ]; then
		options+=(-k "$network/keys/hub.key" --trust "$network"
		    --max-handshakes 0 --max-handshakes-all 0)
	else
		options+=(--insecure)
	fi
	start_ready "$bin/sg-broker" -l "$listen" "${options[@]}" || return
	broker=$last
	address=$(sed -n 's/.*listening on tcp:\/\/\([^ ]*\).*/\1/p' \
	    "$dir/ours.err" | tail -n 1)
}

# table1_sim plain|trusted OPTION... - sg-sim in the background, returns when
# all are connected; pid in $sim, its report in $dir/sim.json.
table1_sim() {
	local kind=$1 fifo=$dir/fifo.sim word='' options=(--insecure)
	shift
	[ "$kind" = plain ] ||
	    options=(-k "$network/keys/head.key" --trust "$network")
	rm -f "$fifo"
	mkfifo "$fifo"
	"$bin/sg-sim" -q -f json --retry 60s -w 60s --ready-fd 9 \
	    -b "tcp://$address" "${options[@]}" "$@" >"$dir/sim.json" \
	    2>"$dir/sim.err" </dev/null 9>"$fifo" &
	sim=$!
	pids+=("$sim")
	read -rt 120 word <"$fifo"
	[ "$word" = ready ] && return
	say "not connected: $(tail -n 1 "$dir/sim.err")"
	return 1
}

# report NAME - That member of the simulator's report.
report() {
	sed -n "s/.*\"m\":{[^}]*\"$1\":\([-0-9.]*\).*/\1/p" "$dir/sim.json"
}

# cpu_of PID - Its CPU time in milliseconds.
cpu_of() {
	awk '{ print ($14 + $15) * 10 }' "/proc/$1/stat"
}

# table1_name plain|trusted - What that broker is called.
table1_name() {
	[ "$1" = trusted ] && echo hub || echo broker
}

# table1_stored URL - Events that a broker has, and how many of them again.
table1_stored() {
	"$bin/sg-sub" -q --retry 60s -b "$1" -e --from-start \
	    'MEASUREMENT/METER/#' | sed 's/.*"src":"\([^"]*\)".*"seq":\([0-9]*\).*/\1 \2/' |
	    sort -S 30% | uniq -c | awk '
		{ n++; twice += $1 - 1 }
		END { print n + 0, twice + 0 }'
}

# table1_run plain|trusted METERS SECONDS OPTION... - Files t.$1.lost, .twice,
# .p99, .core, .us, .opening.
table1_run() {
	local kind=$1 meters=$2 seconds=$3 name=t.$1.$2 begun
	shift 3
	address=
	rm -rf "${XDG_STATE_HOME:?}"/*
	table1_broker "$kind" || return
	rss_anon "$broker" >"$dir/anon"
	table1_sim "$kind" -n "$meters" --for "${seconds}s" "$@" || return
	rss_anon "$broker" | awk -v before="$(cat "$dir/anon")" \
	    -v n="$meters" '{ print ($1 - before) * 1024 / n }' \
	    >"$dir/$name.kib"
	begun=$(cpu_of "$broker")
	sleep "$seconds"
	cpu_of "$broker" | awk -v a="$begun" -v s="$seconds" \
	    '{ print ($1 - a) / s / 1000 }' >"$dir/$name.core"
	wait "$sim"
	stop "$broker"
	report acked >"$dir/$name.acked"
	report opening >"$dir/$name.opening"
	report p99 | awk '{ print $1 * 1000 }' >"$dir/$name.p99"
	report max | awk '{ print $1 * 1000 }' >"$dir/$name.max"
	awk -v core="$(cat "$dir/$name.core")" -v s="$seconds" \
	    '{ print core * s * 1000000 / $1 }' "$dir/$name.acked" \
	    >"$dir/$name.us"
	table1_account "$name" "$(table1_name "$kind")"
}

# table1_account NAME BROKER - Into NAME.lost and NAME.twice, from its store.
table1_account() {
	start_ready "$bin/sg-broker" -l "ipc://$XDG_RUNTIME_DIR/account" \
	    --name "$2" || return
	table1_stored "ipc://$XDG_RUNTIME_DIR/account" |
	    while read -r stored twice; do
		awk -v n="$stored" '{ print $1 - n }' <(report sent) \
		    >"$dir/$1.lost"
		echo "$twice" >"$dir/$1.twice"
	    done
	stop "$last"
}

# table1_storm plain|trusted METERS - The broker is killed and started again:
# t.KIND.METERS.storm, seconds until the last is back; .stormlost.
table1_storm() {
	local name=t.$1.$2
	address=
	rm -rf "${XDG_STATE_HOME:?}"/*
	table1_broker "$1" || return
	table1_sim "$1" -n "$2" --period 10s --for 60s || return
	sleep 2
	kill -KILL "$broker"
	wait "$broker" 2>/dev/null
	table1_broker "$1" || return
	wait "$sim"
	stop "$broker"
	report outage >"$dir/$name.storm"
	table1_account storm "$(table1_name "$1")"
	mv "$dir/storm.lost" "$dir/$name.stormlost"
	mv "$dir/storm.twice" "$dir/$name.stormtwice"
}

# table1_peer NAME KIND PID ADDRESS OPTION... - One simulator for both
# protocols, which sends once in 4 ms what is due, as sg-sim does.
table1_peer() {
	"$programs/connections" -T 4 -c "$TABLE1_METERS" -r 1 -s 800 \
	    -d "$TABLE1_SECONDS" "${@:5}" "$2" "$4" "$3" |
	    tee >(cut -f 10 | awk '{ print $1 / 1000 }' >"$dir/$1.99") |
	    cut -f 8 >"$dir/$1"
}

# table1_mosquitto NAME OPTION... - Nothing on disk, nothing logged, no delay of
# small packets.
table1_mosquitto() {
	free_port
	cat >"$dir/mosquitto.conf" <<-END
	listener $port 127.0.0.1
	allow_anonymous true
	persistence false
	log_type none
	set_tcp_nodelay true
	sys_interval 0
	max_queued_messages 0
	max_inflight_messages 0
	END
	launch "$(mosquitto_program)" -c "$dir/mosquitto.conf"
	server=$last
	wait_until listens "$port" || return
	table1_peer "$1" mqtt1 "$server" "127.0.0.1:$port" "${@:2}"
	stop "$server"
}

# table1_same NAME PEER OPTION... - Both brokers, one after the other.
table1_same() {
	address=
	rm -rf "${XDG_STATE_HOME:?}"/*
	table1_broker plain || return
	table1_peer "$1" sg "$broker" "$address" "${@:3}"
	stop "$broker"
	! mosquitto_program >/dev/null || table1_mosquitto "$2" "${@:3}"
}

# table1_rows KIND METERS STORM KIB - What there is to show of it.
table1_rows() {
	local name=t.$1.$2
	line "acknowledged events" "$name.acked" -
	line "  lost" "$name.lost" -
	line "  stored twice" "$name.twice" -
	line "event to acknowledgement, p99, ms; to reach" "$name.p99" =100 '<=1'
	line "  the longest, ms" "$name.max" -
	line "cores of the broker; to reach" "$name.core" =0.5 '<=1'
	line "  CPU us per event" "$name.us" -
	line "all connected after, s" "$name.opening" -
	line "memory of an idle connection, KiB; to reach" "$name.kib" "=$4" \
	    '<=1'
	line "broker killed and started: all back after, s; to reach" \
	    "$name.storm" "=$3" '<=1'
	line "  lost" "$name.stormlost" -
	line "  stored twice" "$name.stormtwice" -
}

# table1_many PERIOD - All of Table I's 1 Gbit/s, each one event in PERIOD.
table1_many() {
	local name=t.plain.$TABLE1_MANY
	table1_run plain "$TABLE1_MANY" "$TABLE1_MANY_SECONDS" --period "$1" ||
	    return
	heading "$TABLE1_MANY meters, one event in $1 each, $TABLE1_MANY_SECONDS s"
	line "acknowledged events" "$name.acked" -
	line "  lost" "$name.lost" -
	line "  stored twice" "$name.twice" -
	line "event to acknowledgement, p99, ms" "$name.p99" -
	line "cores of the broker" "$name.core" -
	line "all connected after, s" "$name.opening" -
	line "memory of an idle connection, KiB; to reach" "$name.kib" =8 '<=1'
}

table1_head() {
	make_network || return
	[ -e "$network/keys/head.key" ] ||
	    "$bin/sg-trust" issue -q --trust "$network" head \
	    --pub 'MEASUREMENT/METER/#' --via 'METER/#'
}

table1() {
	local kind files
	files=$(ulimit -n)
	table1_head || return
	if [ "$files" -lt $((TABLE1_METERS + 200)) ]; then
		echo "table1: not measured, ulimit -n is $files"
		return
	fi
	for kind in plain trusted; do
		table1_run "$kind" "$TABLE1_METERS" "$TABLE1_SECONDS"
		table1_storm "$kind" "$TABLE1_METERS"
	done
	table1_same t.same t.qos1
	table1_same t.same-w t.qos1-w -w
	heading "$TABLE1_METERS meters, 1 event/s each, 800 B, $TABLE1_SECONDS s, plain"
	table1_rows plain "$TABLE1_METERS" 30 8
	heading "The same, each in a session of its own"
	table1_rows trusted "$TABLE1_METERS" 90 16
	heading "The same simulator for both, CPU us per event"
	line "fsync before ack; mosquitto QoS 1 (memory)" t.same t.qos1 '<1'
	line "  event to acknowledgement, p99, ms" t.same.99 t.qos1.99
	line "  with a subscriber to everything" t.same-w t.qos1-w '<1'
	line "    event to acknowledgement, p99, ms" t.same-w.99 t.qos1-w.99
	if [ "$files" -lt $((TABLE1_MANY + 200)) ]; then
		printf '\n%s\n' \
		    "$TABLE1_MANY meters: not measured, ulimit -n is $files"
		return
	fi
	table1_many 5s
	table1_many 1m
}
