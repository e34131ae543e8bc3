#!/bin/bash
# tools.sh - what the sections of bench.sh have in common: processes that are
# ready when start returns, files of events, and the table.
# shellcheck disable=SC2034,SC2154	# bench.sh and the sections know them

have() {
	command -v "$1" >/dev/null
}

# say WORD... - On standard error, beside the table.
say() {
	echo "bench: $*" >&2
}

now() {
	date +%s.%N
}

rate() {
	awk -v n="$1" -v a="$2" -v b="$3" 'BEGIN { printf "%d\n", n / (b - a) }'
}

# wait_until COMMAND... - Until it succeeds, 20 seconds at most.
wait_until() {
	local until=$((SECONDS + 20))
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $until ]; then
			say "waited in vain for: $*"
			return 1
		fi
		sleep 0.02
	done
}

# launch COMMAND... - In the background, pid in $last.
launch() {
	"$@" >"$dir/launched.out" 2>"$dir/launched.err" </dev/null &
	last=$!
	pids+=("$last")
}

# start COMMAND... - The same; returns at its first line of output, from where
# more can be read as $out.
start() {
	local fifo=$dir/fifo.$RANDOM word
	rm -f "$fifo"
	mkfifo "$fifo"
	"$@" >"$fifo" 2>"$dir/started.err" </dev/null &
	last=$!
	pids+=("$last")
	exec {out}<"$fifo"
	rm "$fifo"
	read -rt 20 -u "$out" word && return
	say "not ready: $*: $(tail -n 1 "$dir/started.err")"
	return 1
}

# start_ready COMMAND... - One of our programs, by --ready-fd.
start_ready() {
	local fifo=$dir/fifo.$RANDOM word
	rm -f "$fifo"
	mkfifo "$fifo"
	"$@" --ready-fd 9 >/dev/null 2>"$dir/ours.err" </dev/null 9>"$fifo" &
	last=$!
	pids+=("$last")
	word=
	read -rt 20 word <"$fifo"
	rm "$fifo"
	[ "$word" = ready ] && return
	say "not ready: $*: $(tail -n 1 "$dir/ours.err")"
	return 1
}

# start_broker OPTION... - With a new store; pid in $broker.
start_broker() {
	rm -rf "${XDG_STATE_HOME:?}"/*
	start_ready "$bin/sg-broker" "$@"
	broker=$last
}

# start_tcp_broker OPTION... - The same, listening at $address.
start_tcp_broker() {
	start_broker -l tcp://127.0.0.1:0 --insecure "$@" &&
	    address=$(sed -n 's/.*listening on tcp:\/\/\([^ ]*\).*/\1/p' \
	    "$dir/ours.err" | tail -n 1)
}

# make_network - Once: in $network a root, the broker "hub" and the actor "m",
# who may publish and read everything.
make_network() {
	network=$dir/network
	[ ! -e "$network" ] || return 0
	"$bin/sg-trust" init -q "$network" &&
	    "$bin/sg-trust" issue -q --trust "$network" hub --role broker \
	    --names localhost --names 127.0.0.1 &&
	    "$bin/sg-trust" issue -q --trust "$network" m --pub '#' --subs '#'
}

# start_secure_broker OPTION... - With a key and no limit of handshakes,
# listening at tcp://$address and at its ipc socket.
start_secure_broker() {
	make_network || return
	start_broker -k "$network/keys/hub.key" --trust "$network" \
	    -l tcp://127.0.0.1:0 -l "ipc://$XDG_RUNTIME_DIR/hub" \
	    --max-handshakes 1000000 --max-handshakes-all 1000000 "$@" &&
	    address=$(sed -n 's/.*listening on tcp:\/\/\([^ ]*\).*/\1/p' \
	    "$dir/ours.err" | tail -n 1)
}

stop() {
	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

listens() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# free_port - A port nobody listens at, in $port.
free_port() {
	port=$((20000 + RANDOM % 12000))
	while listens $port; do
		port=$((20000 + RANDOM % 12000))
	done
}

# start_mosquitto - At a free $port; pid in $server.
start_mosquitto() {
	free_port
	launch "$(mosquitto_program)" -p "$port"
	server=$last
	wait_until listens "$port"
}

# It is in sbin, which users may not have in their path.
mosquitto_program() {
	PATH=$PATH:/usr/sbin:/usr/local/sbin command -v mosquitto
}

# start_nats OPTION... - At a free $port with the $url; pid in $server.
start_nats() {
	free_port
	url=nats://127.0.0.1:$port
	launch "$(nats_program)" -a 127.0.0.1 -p "$port" "$@"
	server=$last
	wait_until listens "$port"
}

nats_program() {
	PATH=$PATH:/usr/sbin:/usr/local/sbin command -v nats-server
}

redis_program() {
	PATH=$PATH:/usr/sbin:/usr/local/sbin command -v redis-server
}

# make_events LINES BYTES TOPICS FILE - Complete event lines.
make_events() {
	[ -e "$4" ] || awk -v lines="$1" -v size="$2" -v topics="$3" 'BEGIN {
		for (i = 0; i < size; i++)
			pad = pad "x"
		for (i = 0; i < lines; i++) {
			s = sprintf("{\"topic\":\"MEASUREMENT/METER/%05d/Load\"," \
			    "\"t\":%d.%03d,\"v\":%d.%d,\"u\":\"W\",\"src\":\"m\"," \
			    "\"ep\":1,\"seq\":%d", i % topics,
			    1795388400 + i / 1000, i % 1000, i % 500, i % 10,
			    i + 1)
			n = size - length(s) - 2
			if (n > 9)
				s = s ",\"pad\":\"" substr(pad, 1, n - 9) "\""
			print s "}"
		}
	}' >"$4"
}

median() {
	sort -n | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'
}

# heading TITLE - Of a section of the table.
heading() {
	printf '\n%-54s %10s %10s %8s  %s\n' "$1" ours peer ratio goal
}

# value FILE - Median of the rounds; =N is N itself.
value() {
	case $1 in
	=*) echo "${1#=}" ;;
	*) [ ! -s "$dir/$1" ] || median <"$dir/$1" ;;
	esac
}

# line TITLE OURS PEER [GOAL] - A row: OURS and PEER as of value, GOAL is >=N,
# <=N or <N and speaks of the ratio.  PEER "-": a row without.
line() {
	awk -v title="$1" -v m="$(value "$2")" -v t="$(value "$3")" \
	    -v peer="$3" -v goal="${4:-}" '
	function show(v) {
		return v == "" ? "-" : v < 100 && v != int(v) ?
		    sprintf("%.2f", v) : sprintf("%d", v)
	}
	function met(ratio) {
		if (goal ~ /^>=/)
			return ratio >= (substr(goal, 3) + 0)
		if (goal ~ /^<=/)
			return ratio <= (substr(goal, 3) + 0)
		return ratio < (substr(goal, 2) + 0)
	}
	BEGIN {
		ratio = "-"
		if (m == "")
			note = "failed: no figure of ours"
		else if (t == "" && peer != "-")
			note = "not compared"
		else if (peer != "-" && t > 0) {
			ratio = sprintf("%.2f", m / t)
			if (goal != "")
				note = goal (met(m / t) ? " met" : " MISSED")
		}
		printf "%-54s %10s %10s %8s  %s\n", title, show(m), show(t),
		    ratio, note
	}'
}
