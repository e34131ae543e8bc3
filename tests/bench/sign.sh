#!/bin/bash
# sign: signing and verifying events one by one, in one thread, beside
# libsodium on the bytes that are signed; then the filters with all cores.
# shellcheck disable=SC2154	# of bench.sh and tools.sh

sign_of() {
	local size=$1 bare_sign sign bare_verify verify
	read -r bare_sign sign bare_verify verify < \
	    <("$programs/sign" "$network" m "$dir/s$size.in") || return
	echo "$bare_sign" >>"$dir/sodium.sign.$size"
	echo "$sign" >>"$dir/sign.$size"
	echo "$bare_verify" >>"$dir/sodium.verify.$size"
	echo "$verify" >>"$dir/verify.$size"
}

sign() {
	local round size
	make_network || return
	for size in 110 800; do
		make_events 20000 "$size" 1000 "$dir/s$size.in"
	done
	for ((round = 0; round < ROUNDS; round++)); do
		sign_of 110
		sign_of 800
	done
	rm "$dir"/s*.in
	heading "Each event signed, one core, beside libsodium alone"
	for size in 110 800; do
		line "signed, $size B" "sign.$size" "sodium.sign.$size" '>=0.9'
		line "verified, $size B" "verify.$size" \
		    "sodium.verify.$size" '>=0.9'
	done
}
