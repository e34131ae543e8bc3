#!/bin/bash
# throughput: events a second from a file to a reader that drops them, each
# broker alone on the machine.
# shellcheck disable=SC2154	# of bench.sh and tools.sh

# Each of these prints events a second of one run over FILE with N lines.

# by_ours N FILE [BROKER-OPTION]...
by_ours() {
	local n=$1 file=$2 begin sub
	shift 2
	start_broker -q "$@" || return
	start_ready "$bin/sg-sub" -w 120s -n "$n" '#' || return
	sub=$last
	begin=$(now)
	"$bin/sg-pub" -q "$file"
	wait "$sub" && rate "$n" "$begin" "$(now)"
	stop "$broker"
}

# timed N READER-FD BEGIN - Until the reader has all.
timed() {
	if read -rt 60 -u "$2"; then
		rate "$1" "$3" "$(now)"
	else
		say "a reader has not got all in 60 s: $(jobs -r | tail -n 1)"
	fi
}

by_zmq() {
	local proxy reader begin
	launch "$peers/zmq" proxy "ipc://$dir/zin" "ipc://$dir/zout"
	proxy=$last
	start "$peers/zmq" sub "ipc://$dir/zout" "$1" || return
	reader=$out
	start "$peers/zmq" pub "ipc://$dir/zin" "$2" || return
	begin=$(now)
	timed "$1" "$reader" "$begin"
	exec {reader}<&- {out}<&-
	stop "$proxy"
}

by_redis() {
	local server reader begin
	launch "$(redis_program)" --port 0 --unixsocket "$dir/redis" \
	    --dir "$dir" --save '' --appendonly yes --appendfsync everysec
	server=$last
	wait_until redis-cli -s "$dir/redis" ping || return
	start "$peers/redis" sub "$dir/redis" "$1" || return
	reader=$out
	start "$peers/redis" pub "$dir/redis" "$2" || return
	begin=$(now)
	timed "$1" "$reader" "$begin"
	exec {reader}<&- {out}<&-
	stop "$server"
	rm -rf "$dir"/appendonlydir "$dir"/appendonly.aof
}

by_jetstream() {
	local reader begin
	start_nats -js -sd "$dir/js" || return
	start "$peers/nats" js-sub "$url" "$1" || return
	reader=$out
	start "$peers/nats" js-pub "$url" "$2" || return
	begin=$(now)
	timed "$1" "$reader" "$begin"
	exec {reader}<&- {out}<&-
	stop "$server"
	rm -rf "$dir/js"
}

# by_dd BYTES - 1 MiB writes, each flushed, as events of so many bytes.
by_dd() {
	local begin
	begin=$(now)
	dd if=/dev/zero of="$dir/dd" bs=1M count=400 oflag=dsync 2>/dev/null
	rate $((400 * 1048576 / $1)) "$begin" "$(now)"
	rm "$dir/dd"
}

throughput_round() {
	by_ours 4000000 "$dir/ev110" >>"$dir/o110"
	by_ours 4000000 "$dir/ev110" --memory >>"$dir/m110"
	[ ! -e "$peers/zmq" ] || by_zmq 2000000 "$dir/ev110.2m" >>"$dir/zmq110"
	if [ -e "$peers/redis" ] && redis_program >/dev/null; then
		by_redis 500000 "$dir/ev110.500k" >>"$dir/redis110"
	fi
	if [ -e "$peers/nats" ] && nats_program >/dev/null; then
		by_jetstream 200000 "$dir/ev110.200k" >>"$dir/js110"
		by_jetstream 150000 "$dir/ev800.150k" >>"$dir/js800"
	fi
	by_ours 1000000 "$dir/ev800" >>"$dir/o800"
	by_dd 800 >>"$dir/dd800"
}

throughput() {
	local round
	make_events 4000000 110 1000 "$dir/ev110"
	head -n 2000000 "$dir/ev110" >"$dir/ev110.2m"
	head -n 500000 "$dir/ev110" >"$dir/ev110.500k"
	head -n 200000 "$dir/ev110" >"$dir/ev110.200k"
	make_events 1000000 800 1000 "$dir/ev800"
	head -n 150000 "$dir/ev800" >"$dir/ev800.150k"
	for ((round = 0; round < ROUNDS; round++)); do
		throughput_round
	done
	rm "$dir"/ev110* "$dir"/ev800*
	heading "Events a second"
	line "110 B, fsync before ack; to reach" o110 =2000000 '>=1'
	line "  ZeroMQ XPUB/XSUB, memory, one event a message" o110 zmq110 '>=1'
	line "  NATS JetStream, file" o110 js110 '>=20'
	line "  Redis streams, AOF everysec" o110 redis110 '>=5'
	line "110 B, --memory; to reach" m110 =3500000 '>=1'
	line "  ZeroMQ XPUB/XSUB, memory, one event a message" m110 zmq110
	line "800 B, fsync before ack; to reach" o800 =300000 '>=1'
	line "  NATS JetStream, file" o800 js800 '>=4'
	line "  dd oflag=dsync bs=1M, as many bytes" o800 dd800 '>=0.6'
}
