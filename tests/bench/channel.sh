#!/bin/bash
# channel: what sessions cost on one core, without a socket: payload, and the
# handshake's two ends.  handshake: at the broker, over TCP.
# shellcheck disable=SC2154	# of bench.sh and tools.sh

HANDSHAKES=${HANDSHAKES:-1000}

channel() {
	local round client broker seal open both
	make_network || return
	for ((round = 0; round < ROUNDS; round++)); do
		read -r client broker seal open both < \
		    <("$programs/channel" "$network" m hub localhost) || return
		awk "BEGIN { print 1 / $client }" >>"$dir/hs.client"
		awk "BEGIN { print 1 / $broker }" >>"$dir/hs.broker"
		echo "$seal" >>"$dir/seal.mb"
		echo "$open" >>"$dir/open.mb"
		echo "$both" >>"$dir/both.mb"
	done
	heading "Channel on one core, without sockets"
	line "payload, sealed, MB/s; to reach" seal.mb =300 '>=1'
	line "payload, opened, MB/s; to reach" open.mb =300 '>=1'
	line "payload, sealed and opened, MB/s; to reach" both.mb =300 '>=1'
	line "handshakes/s, the broker's end; to reach" hs.broker =500 '>=1'
	line "handshakes/s, the client's end" hs.client -
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
