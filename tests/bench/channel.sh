#!/bin/bash
# channel: what sessions cost on one core, without a socket: payload, and the
# handshake's two ends.  handshake: at the broker, over TCP.
# shellcheck disable=SC2154	# of bench.sh and tools.sh

HANDSHAKES=${HANDSHAKES:-1000}

channel() {
	local round size seal open both
	for ((round = 0; round < ROUNDS; round++)); do
		while read -r size seal open both; do
			if [ "$size" = handshakes ]; then
				echo "$seal" >>"$dir/hs.end"
				continue
			fi
			echo "$seal" >>"$dir/seal.$size"
			echo "$open" >>"$dir/open.$size"
			echo "$both" >>"$dir/both.$size"
		done < <("$programs/sessions")
	done
	heading "Channel on one core, without sockets: MB/s of payload"
	for size in 110 65536 1048576; do
		line "messages of $size B, sealed" "seal.$size" -
		line "  opened" "open.$size" -
	done
	line "1 MiB, sealed and opened; to reach" both.1048576 =300 '>=1'
	line "64 KiB, sealed and opened; to reach" both.65536 =300 '>=1'
	line "the broker's end of handshakes, a second; to reach" \
	    hs.end =500 '>=1'
}

# our_handshakes NAME - CPU milliseconds of the broker for one, to NAME.
our_handshakes() {
	local cpu elapsed
	start_secure_broker --memory || return
	read -r cpu elapsed < <("$programs/handshake" "$network" m localhost \
	    "$address" "$broker" "$HANDSHAKES")
	stop "$broker"
	awk "BEGIN { print 1000 * $cpu }" >>"$dir/$1"
	awk "BEGIN { print 1 / $elapsed }" >>"$dir/$1.elapsed"
	awk "BEGIN { print 1 / $cpu }" >>"$dir/$1.rate"
}

handshake() {
	local round
	for ((round = 0; round < ROUNDS; round++)); do
		our_handshakes hs
	done
	heading "Handshakes at the broker, over TCP"
	line "a second of its CPU time; to reach" hs.rate =500 '>=1'
	line "one after the other, by the clock, both ends here" hs.elapsed -
}
