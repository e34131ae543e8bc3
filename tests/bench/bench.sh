#!/bin/bash
# bench.sh [SECTION]... - the programs beside their peers, all in one run on
# this machine, median of ROUNDS (5).  Sections: scan throughput latency
# connections dispatch memory aggregate; all of them without operands.
# README beside this file says how each peer is set up.
set -u

cd "$(dirname "$0")/../.." || exit 1
ROUNDS=${ROUNDS:-5}
bin=${SG_BIN:-bin}
peers=build/peers
dir=$(mktemp -d "${BENCH_DIR:-/var/tmp}/sgbench.XXXXXX")
export XDG_RUNTIME_DIR=$dir/run XDG_STATE_HOME=$dir/state
mkdir -p "$XDG_RUNTIME_DIR" "$XDG_STATE_HOME" $peers
pids=()

finish() {
	kill "${pids[@]}" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT

have() {
	command -v "$1" >/dev/null
}

# Peers' programs are built where their libraries are.
build_peers() {
	local name lib
	for name in zmq:zmq redis:hiredis nats:nats latency:; do
		lib=${name#*:}
		name=${name%:*}
		if [ "$name" = latency ]; then
			${CC:-cc} -D_GNU_SOURCE -O2 -o $peers/$name \
			    tests/bench/latency.c
		else
			${CC:-cc} -D_GNU_SOURCE -O2 -o "$peers/$name" \
			    "tests/bench/peers/$name.c" "-l$lib" 2>/dev/null ||
			    rm -f "$peers/$name"
		fi
	done
}

# make_events LINES BYTES FILE - Complete event lines of 1,000 topics.
make_events() {
	awk -v lines="$1" -v size="$2" 'BEGIN {
		for (i = 0; i < size; i++)
			pad = pad "x"
		for (i = 0; i < lines; i++) {
			s = sprintf("{\"topic\":\"MEASUREMENT/METER/%04d/Load\"," \
			    "\"t\":%d.%03d,\"v\":%d.%d,\"u\":\"W\",\"src\":\"m\"," \
			    "\"ep\":1,\"seq\":%d", i % 1000, 1795388400 + i / 1000,
			    i % 1000, i % 500, i % 10, i + 1)
			n = size - length(s) - 2
			if (n > 9)
				s = s ",\"pad\":\"" substr(pad, 1, n - 9) "\""
			print s "}"
		}
	}' >"$3"
}

median() {
	sort -n | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'
}

now() {
	date +%s.%N
}

# start READY-LINE-FILE COMMAND... - In the background; waits for a line.
start() {
	local fifo=$dir/fifo.$RANDOM word
	mkfifo "$fifo"
	"$@" >"$fifo" 2>"$dir/err" &
	last=$!
	pids+=("$last")
	exec {out}<"$fifo"
	rm "$fifo"
	read -rt 20 -u "$out" word || return 1
}

start_broker() {
	local fifo=$dir/fifo.$RANDOM word
	mkfifo "$fifo"
	"$bin/sg-broker" -q "$@" --ready-fd 9 9>"$fifo" &
	broker=$!
	pids+=("$broker")
	read -rt 20 word <"$fifo"
	rm "$fifo"
}

stop() {
	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

rate() {
	awk -v n="$1" -v a="$2" -v b="$3" 'BEGIN { printf "%d\n", n / (b - a) }'
}

# Each of these prints events a second for one run of FILE with N lines.

ours() {
	local n=$1 file=$2 begin word fifo=$dir/fifo.$RANDOM
	shift 2
	start_broker "$@"
	mkfifo "$fifo"
	"$bin/sg-sub" '#' -n "$n" --ready-fd 9 9>"$fifo" >/dev/null &
	local sub=$!
	read -rt 20 word <"$fifo"
	rm "$fifo"
	begin=$(now)
	"$bin/sg-pub" -q "$file"
	wait $sub
	rate "$n" "$begin" "$(now)"
	stop "$broker"
	rm -rf "$XDG_STATE_HOME"/*
}

zmq() {
	local n=$1 file=$2 begin word proxy sub_out
	$peers/zmq proxy "ipc://$dir/zin" "ipc://$dir/zout" &
	proxy=$!
	pids+=("$proxy")
	start $peers/zmq sub "ipc://$dir/zout" "$n"
	sub_out=$out
	start $peers/zmq pub "ipc://$dir/zin" "$file"
	begin=$(now)
	read -rt 120 -u "$sub_out" word && rate "$n" "$begin" "$(now)"
	exec {sub_out}<&- {out}<&-
	stop "$proxy"
}

redis() {
	local n=$1 file=$2 begin word server sub_out
	redis-server --port 0 --unixsocket "$dir/redis" --dir "$dir" \
	    --save '' --appendonly yes --appendfsync everysec >/dev/null &
	server=$!
	pids+=("$server")
	until redis-cli -s "$dir/redis" ping >/dev/null 2>&1; do :; done
	start $peers/redis sub "$dir/redis" "$n"
	sub_out=$out
	start $peers/redis pub "$dir/redis" "$file"
	begin=$(now)
	read -rt 120 -u "$sub_out" word && rate "$n" "$begin" "$(now)"
	exec {sub_out}<&- {out}<&-
	stop "$server"
	rm -rf "$dir"/appendonlydir
}

jetstream() {
	local n=$1 file=$2 begin word server sub_out url=nats://127.0.0.1:14233
	nats-server -a 127.0.0.1 -p 14233 -js -sd "$dir/js" >"$dir/err" 2>&1 &
	server=$!
	pids+=("$server")
	until start $peers/nats js-sub $url "$n"; do :; done
	sub_out=$out
	start $peers/nats js-pub $url "$file"
	begin=$(now)
	read -rt 120 -u "$sub_out" word && rate "$n" "$begin" "$(now)"
	exec {sub_out}<&- {out}<&-
	stop "$server"
	rm -rf "$dir/js"
}

# dd BYTES - 1 MiB writes, each flushed, as events of so many bytes a second.
dd_dsync() {
	local begin
	begin=$(now)
	dd if=/dev/zero of="$dir/dd" bs=1M count=400 oflag=dsync 2>/dev/null
	rate $((400 * 1048576 / $1)) "$begin" "$(now)"
	rm "$dir/dd"
}

# row NAME - Median of $dir/NAME, or "not compared".
value() {
	[ -s "$dir/$1" ] && median <"$dir/$1"
}

# table OURS-FILE TITLE PEER-FILE TITLE FACTOR... - Ratios and the goal.
line() {
	local title=$1 mine=$2 theirs=$3 goal=$4 m t
	m=$(value "$mine")
	t=$(value "$theirs")
	if [ -z "$t" ]; then
		printf '%-46s %12s %12s %8s  %s\n' "$title" "$m" - - \
		    "not compared"
	else
		awk -v title="$title" -v m="$m" -v t="$t" -v goal="$goal" 'BEGIN {
			printf "%-46s %12d %12d %8.2f  %s\n", title, m, t, m / t,
			    goal
		}'
	fi
}

heading() {
	printf '\n%s\n' "$1"
	printf '%-46s %12s %12s %8s  %s\n' '' ours peer ratio goal
}

throughput() {
	local round
	make_events 4000000 110 "$dir/ev110"
	head -n 2000000 "$dir/ev110" >"$dir/ev110.2m"
	head -n 500000 "$dir/ev110" >"$dir/ev110.500k"
	head -n 200000 "$dir/ev110" >"$dir/ev110.200k"
	make_events 1000000 800 "$dir/ev800"
	head -n 150000 "$dir/ev800" >"$dir/ev800.150k"
	for ((round = 0; round < ROUNDS; round++)); do
		ours 4000000 "$dir/ev110" >>"$dir/o110"
		ours 4000000 "$dir/ev110" --memory >>"$dir/m110"
		ours 1000000 "$dir/ev800" >>"$dir/o800"
		dd_dsync 800 >>"$dir/dd800"
		[ ! -e $peers/zmq ] ||
		    zmq 2000000 "$dir/ev110.2m" >>"$dir/zmq110"
		[ ! -e $peers/redis ] || ! have redis-server ||
		    redis 500000 "$dir/ev110.500k" >>"$dir/redis110"
		[ ! -e $peers/nats ] || ! have nats-server || {
			jetstream 200000 "$dir/ev110.200k" >>"$dir/js110"
			jetstream 150000 "$dir/ev800.150k" >>"$dir/js800"
		}
	done
	echo 2000000 >"$dir/goal2m"
	echo 300000 >"$dir/goal300k"
	echo 3500000 >"$dir/goal35m"
	heading "Events a second, sg-pub to sg-broker to sg-sub > /dev/null"
	line "110 B, fsync before ack; peer: 2 M" o110 goal2m 1
	line "  ZeroMQ XPUB/XSUB, memory" o110 zmq110 1
	line "  JetStream, file" o110 js110 20
	line "  Redis streams, AOF everysec" o110 redis110 5
	line "800 B, fsync before ack; peer: 300 k" o800 goal300k 1
	line "  JetStream, file" o800 js800 4
	line "  dd oflag=dsync bs=1M" o800 dd800 0.6
	line "110 B, --memory; peer: 3.5 M" m110 goal35m 1
}

one_latency() {
	$peers/latency -n 5000 "$@" 2>/dev/null
}

latency() {
	local round server url=nats://127.0.0.1:14234
	for ((round = 0; round < ROUNDS; round++)); do
		start_broker --memory
		one_latency "exec $bin/sg-sub '#'" "exec $bin/sg-pub" >"$dir/l"
		cut -d ' ' -f 1 "$dir/l" >>"$dir/lat.m50"
		cut -d ' ' -f 2 "$dir/l" >>"$dir/lat.m99"
		stop "$broker"
		start_broker
		one_latency "exec $bin/sg-sub '#'" "exec $bin/sg-pub" >"$dir/l"
		cut -d ' ' -f 1 "$dir/l" >>"$dir/lat.d50"
		cut -d ' ' -f 2 "$dir/l" >>"$dir/lat.d99"
		stop "$broker"
		if have nats-server && [ -e $peers/nats ]; then
			nats-server -a 127.0.0.1 -p 14234 >/dev/null 2>&1 &
			server=$!
			pids+=("$server")
			one_latency "until $peers/nats sub $url x; do :; done" \
			    "until $peers/nats pub $url x; do :; done" >"$dir/l"
			cut -d ' ' -f 1 "$dir/l" >>"$dir/lat.n50"
			cut -d ' ' -f 2 "$dir/l" >>"$dir/lat.n99"
			stop "$server"
		fi
		if have mosquitto_sub && have mosquitto; then
			mosquitto -p 14235 >/dev/null 2>&1 &
			server=$!
			pids+=("$server")
			one_latency "exec mosquitto_sub -p 14235 -t x" \
			    "exec mosquitto_pub -p 14235 -t x -l" >"$dir/l"
			cut -d ' ' -f 1 "$dir/l" >>"$dir/lat.q50"
			cut -d ' ' -f 2 "$dir/l" >>"$dir/lat.q99"
			stop "$server"
		fi
	done
	heading "Latency at 1000 events/s through two pipes, microseconds"
	line "p50, --memory; NATS core" lat.m50 lat.n50 "<= 2"
	line "p99, --memory; NATS core" lat.m99 lat.n99 "<= 2"
	line "p50, --memory; mosquitto" lat.m50 lat.q50 ""
	line "p99, --memory; mosquitto" lat.m99 lat.q99 ""
	line "p50, durable; NATS core" lat.d50 lat.n50 ""
	line "p99, durable; NATS core" lat.d99 lat.n99 ""
}
