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

# unnumbered FILE - The events without ep and seq, which sg-sign gives.
unnumbered() {
	sed 's/,"ep":1,"seq":[0-9]*//' "$1"
}

# filter NAME N COMMAND... - Lines a second of the filter, by the clock, to
# NAME; its output is in $dir/filtered.
filter() {
	local name=$1 n=$2 begin
	shift 2
	begin=$(now)
	"$@" >"$dir/filtered" || return
	rate "$n" "$begin" "$(now)" >>"$dir/$name"
}

# filters N FILE JOBS SIGN-OPTION... - sg-sign and then sg-verify of what it
# wrote, to sg-sign.JOBS and sg-verify.JOBS with the options behind it.
filters() {
	local n=$1 file=$2 jobs=$3 name
	shift 3
	name=$jobs$*
	filter "sg-sign.$name" "$n" "$bin/sg-sign" -k "$network/keys/m.key" \
	    --trust "$network" -j "$jobs" "$@" "$file" || return
	mv "$dir/filtered" "$dir/signed.in"
	filter "sg-verify.$name" "$n" "$bin/sg-verify" --trust "$network" \
	    --at now -j "$jobs" "$dir/signed.in"
	rm -f "$dir/filtered" "$dir/signed.in"
}

sign() {
	local round size cores
	cores=$(nproc)
	make_network || return
	make_events 100000 110 1000 "$dir/s.in"
	unnumbered "$dir/s.in" >"$dir/sf.in"
	for size in 110 800; do
		make_events 20000 "$size" 1000 "$dir/s$size.in"
	done
	for ((round = 0; round < ROUNDS; round++)); do
		sign_of 110
		sign_of 800
		filters 100000 "$dir/sf.in" "$cores"
		filters 100000 "$dir/sf.in" 1
	done
	rm "$dir"/s*.in
	heading "Each event signed, one core, beside libsodium alone"
	for size in 110 800; do
		line "signed, $size B" "sign.$size" "sodium.sign.$size" '>=0.9'
		line "verified, $size B" "verify.$size" \
		    "sodium.verify.$size" '>=0.9'
	done
	heading "The filters, 110 B, by the clock: $cores jobs beside one"
	line "sg-sign" "sg-sign.$cores" sg-sign.1
	line "sg-verify" "sg-verify.$cores" sg-verify.1
}
