#!/bin/bash
# seal: batches of events under one signature, in one thread, with the
# processor's SHA-256 and without.
# shellcheck disable=SC2154	# of bench.sh and tools.sh

seal() {
	local round size a b c d cores
	cores=$(nproc)
	make_network || return
	for size in 110 800; do
		make_events 500000 "$size" 1000 "$dir/b$size.in"
	done
	unnumbered "$dir/b110.in" >"$dir/bf.in"
	for ((round = 0; round < ROUNDS; round++)); do
		for size in 110 800; do
			read -r a b c d < <("$programs/seal" "$network" m \
			    "$dir/b$size.in") || return
			echo "$a" >>"$dir/sealed.$size"
			echo "$b" >>"$dir/checked.$size"
			echo "$c" >>"$dir/sealed.plain.$size"
			echo "$d" >>"$dir/checked.plain.$size"
		done
		filters 500000 "$dir/bf.in" "$cores" --seal
		filters 500000 "$dir/bf.in" 1 --seal
	done
	rm "$dir"/b*.in
	heading "Sealed batches of 1,024: events a second, one core"
	line "110 B, sealed; to reach" sealed.110 =700000 '>=1'
	line "110 B, verified; to reach" checked.110 =1000000 '>=1'
	line "110 B, sealed, libsodium's SHA-256; to reach" sealed.plain.110 \
	    =400000 '>=1'
	line "110 B, verified, libsodium's SHA-256; to reach" \
	    checked.plain.110 =500000 '>=1'
	line "800 B, sealed" sealed.800 -
	line "800 B, verified" checked.800 -
	line "800 B, sealed, libsodium's SHA-256" sealed.plain.800 -
	line "800 B, verified, libsodium's SHA-256" checked.plain.800 -
	heading "The filters, 110 B, by the clock: $cores jobs beside one"
	line "sg-sign --seal" "sg-sign.$cores--seal" sg-sign.1--seal
	line "sg-verify of that" "sg-verify.$cores--seal" sg-verify.1--seal
}
