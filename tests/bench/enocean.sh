#!/bin/bash
# enocean: telegrams of a building decoded to event lines on one core, beside
# npm's enocean-js, which decodes a hundredth of them to fields and writes
# nothing; and the memory of the proxy along the way.
# shellcheck disable=SC2154	# of bench.sh and tools.sh

ENOCEAN_TELEGRAMS=1000000
ENOCEAN_PEER=0.1.0
enocean_modules=$PWD/build/enocean-js

# Once; a registry out of reach is no failure.
install_enocean_js() {
	[ ! -d "$enocean_modules/node_modules/enocean-js" ] || return 0
	have npm || return
	mkdir -p "$enocean_modules"
	echo '{"private":true}' >"$enocean_modules/package.json"
	(cd "$enocean_modules" && timeout 300 npm install \
	    "enocean-js@$ENOCEAN_PEER" --no-audit --no-fund \
	    --no-package-lock --ignore-scripts --loglevel=error >&2)
}

# A hundredth of the telegrams, and as often as that all of them.
make_enocean_packets() {
	local i
	tests/bench/enocean.py "$dir/enocean.csv" "$dir/enocean.part" \
	    $((ENOCEAN_TELEGRAMS / 100)) || return
	for ((i = 0; i < 100; i++)); do
		cat "$dir/enocean.part"
	done >"$dir/enocean.in"
}

# on_one_core COMMAND...
on_one_core() {
	taskset -c 0 "$@"
}

enocean_by_sg() {
	local begin
	begin=$(now)
	on_one_core "$bin/sg-proxy-enocean" "$@" --devices "$dir/enocean.csv" \
	    "$dir/enocean.in" >"$dir/enocean.out" || return
	rate $ENOCEAN_TELEGRAMS "$begin" "$(now)"
}

# The time is its own, without that of its start.
enocean_by_js() {
	local n sum seconds failed
	read -r n sum seconds failed < <(NODE_PATH=$enocean_modules/node_modules \
	    on_one_core node tests/bench/peers/enocean.cjs \
	    "$dir/enocean.csv" "$dir/enocean.part" 2>"$dir/enocean.err")
	if [ "${failed:-1}" -ne 0 ]; then
		say "enocean: enocean-js: $(tail -n 1 "$dir/enocean.err")"
		return 1
	fi
	echo "$n $sum" >"$dir/enocean.theirs"
	rate "$n" 0 "$seconds"
}

# The sum of the temperatures of the same telegrams is the same.
same_temperatures() {
	"$bin/sg-proxy-enocean" --devices "$dir/enocean.csv" \
	    "$dir/enocean.part" | awk -F '"' \
	    -v n=$((ENOCEAN_TELEGRAMS / 100)) '
	    $4 ~ /device-([01].|2[0-4])\/Temperature$/ { s += substr($9, 2) }
	    END { printf "%d %.0f\n", n, s }' |
	    cmp -s - "$dir/enocean.theirs"
}

# RssAnon in KiB, after N and 10 N telegrams through a FIFO.
enocean_memory() {
	local fifo=$dir/enocean.fifo i pid
	rm -f "$fifo"
	mkfifo "$fifo"
	launch "$bin/sg-proxy-enocean" --devices "$dir/enocean.csv" "$fifo"
	pid=$last
	exec {feed}>"$fifo"
	for ((i = 1; i <= 10; i++)); do
		cat "$dir/enocean.in" >&$feed
		case $i in
		1 | 10) sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' \
			"/proc/$pid/status" ;;
		esac
	done
	exec {feed}>&-
	wait "$pid"
}

enocean() {
	local round
	make_enocean_packets || return
	install_enocean_js || say "enocean: enocean-js cannot be had"
	for ((round = 0; round < ROUNDS; round++)); do
		enocean_by_sg >>"$dir/enocean.events"
		wc -l <"$dir/enocean.out" >"$dir/enocean.lines"
		enocean_by_sg --telegrams >>"$dir/enocean.whole"
		[ ! -d "$enocean_modules/node_modules" ] || ! have node ||
		    enocean_by_js >>"$dir/enocean.js"
	done
	if [ -s "$dir/enocean.js" ] && ! same_temperatures; then
		say "enocean: the temperatures differ from enocean-js's"
		rm "$dir/enocean.js"
	fi
	enocean_memory >"$dir/enocean.rss"
	sed -n 1p "$dir/enocean.rss" >"$dir/enocean.first"
	sed -n 2p "$dir/enocean.rss" >"$dir/enocean.last"
	rm -f "$dir/enocean.in" "$dir/enocean.out"
	heading "EnOcean telegrams a second on one core"
	line "to events of quantities; to reach" enocean.events =1000000 '>=1'
	line "  (events written of $ENOCEAN_TELEGRAMS telegrams)" enocean.lines -
	line "npm enocean-js, to fields, nothing written" \
	    enocean.events enocean.js '>=20'
	line "to events of telegrams (--telegrams); the same" \
	    enocean.whole enocean.js
	line "memory (RssAnon, KiB): after 10^7; after 10^6" \
	    enocean.last enocean.first '<=1.05'
}
