#!/bin/bash
# twin: a pair of brokers that mirror each other, on one machine and one disk,
# beside one broker alone.
# shellcheck disable=SC2154	# of bench.sh and tools.sh

# start_one A|B - One of the pair; its pid in $pair.
start_one() {
	# shellcheck disable=SC2086	# words
	start_ready ${pair_command[$1]} && pair[$1]=$last
}

# start_pair [OPTION]... - Two brokers with new stores; pids in $pair, the
# commands that start them in $pair_command, URLs in $pair_url, by A and B.
start_pair() {
	local name
	declare -gA pair=() pair_command=() pair_url=()
	rm -rf "${dir:?}"/store.* "${XDG_STATE_HOME:?}"/*
	for name in A B; do
		free_port
		pair_url[$name]=tcp://127.0.0.1:$port
		pair_command[$name]="$bin/sg-broker -q --insecure $*
		    --name $name -l ${pair_url[$name]}"
		[[ " $* " == *" --memory "* ]] ||
		    pair_command[$name]+=" -d $dir/store.$name"
	done
	pair_command[A]+=" --twin ${pair_url[B]}"
	pair_command[B]+=" --twin ${pair_url[A]}"
	start_one A && start_one B && wait_until in_step A &&
	    wait_until in_step B
}

# in_step A|B - That one has its twin, and everything of it.
in_step() {
	[[ $(nngcat --req --dial "${pair_url[$1]}" --raw \
	    --data '{"op":"stat"}') =~ \"connected\":true.*\"synced\":true ]]
}

stop_pair() {
	stop "${pair[A]}"
	stop "${pair[B]}"
	rm -rf "${dir:?}"/store.*
}

# by_pair N FILE [OPTION]... - Events a second from FILE to a reader at the
# same broker of a pair.
by_pair() {
	local n=$1 file=$2
	shift 2
	start_pair "$@" || return
	carry "$n" "$file" "${pair_url[A]}" --insecure
	stop_pair
}

twin() {
	local round
	make_events 2000000 110 1000 "$dir/ev110"
	for ((round = 0; round < ROUNDS; round++)); do
		carry_plain 2000000 "$dir/ev110" tcp >>"$dir/lone.d"
		by_pair 2000000 "$dir/ev110" >>"$dir/pair.d"
		carry_plain 2000000 "$dir/ev110" tcp --memory >>"$dir/lone.m"
		by_pair 2000000 "$dir/ev110" --memory >>"$dir/pair.m"
	done
	rm "$dir/ev110"
	heading "Events a second of a pair; of one broker alone; 110 B"
	line "--memory" pair.m lone.m '>=0.5'
	line "fsync at both before ack, one disk" pair.d lone.d '>=0.35'
}
