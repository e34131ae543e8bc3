# Common ground of the tests with EnOcean devices: packets, and a radio module
# that is played.
#
# A test file begins with:  load helpers; load enocean

# packets LINE... - As the module hands them over (enocean_packets.py).
packets() {
	printf '%s\n' "$@" | python3 "$ROOT/tests/enocean_packets.py"
}

# module [OPTION]... - Start it (enocean_module.py).  What it tells is in
# module.out, the path that it is reached by in $line; see play().
module() {
	rm -f module.in
	mkfifo module.in
	python3 "$ROOT/tests/enocean_module.py" "$@" <module.in >module.out \
	    2>module.err 3>&- &
	started+=($!)
	exec 6>module.in
	wait_lines 1 module.out
	# shellcheck disable=SC2034	# the tests use it
	line=$(sed -n '1s/.*"path": "\([^"]*\)".*/\1/p' module.out)
}

# play LINE... - Let it do that.
play() {
	printf '%s\n' "$@" >&6
}

# told N WORDS - Until it has told of that N times at least.
told() {
	wait_until _told "$1" "$2"
}

_told() {
	[ "$(grep -c -- "$2" module.out)" -ge "$1" ]
}

# sent - Telegrams that the host has sent: "RORG PAYLOAD DEST".
sent() {
	jq -r 'select(.event == "radio") | [.rorg, .payload, .dest] |
	    join(" ")' module.out
}
