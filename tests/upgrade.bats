# A pair is upgraded one broker at a time: a twin of the next version, which
# says more than this one knows, is a twin as any other.

# shellcheck disable=SC2154	# set by ready and background

load helpers

# next_twin - Our broker A with upgrade.py as its twin B.
next_twin() {
	mkfifo port
	background peer python3 "$ROOT/tests/upgrade.py" port
	wait_lines 1 peer.out
	start_broker --name A -l tcp://127.0.0.1:0 --insecure \
	    -l "ipc://$XDG_RUNTIME_DIR/sg/broker" \
	    --twin "tcp://127.0.0.1:$(sed -n 's/listening //p' peer.out)"
	broker_tcp | sed 's/.*://' >port
	wait_until state '.twin.connected and .twin.synced'
}

state() {
	nngcat --req --dial "ipc://$XDG_RUNTIME_DIR/sg/broker" --raw \
	    --data '{"op":"stat"}' | jq -e "$1"
}

@test "a twin of the next version is heard: its frames, among what is new" {
	next_twin
	grep -qx 'asked hello 1 1' peer.out
	grep -qx 'asked mirror A' peer.out
	sg-sub -n 3 --from-start -w 20s 'T/B' >got
	[ "$(values got | tr '\n' ' ')" = '1 2 3 ' ]
	# It is told that they are durable here.
	wait_until grep -qx 'confirmed 1' peer.out
	state '.twin.name == "B" and .twin.copied == 3 and .twin.lost == 0'
	state '.degraded == []'
	# The note of a durable cursor is one that version 1 knows.
	state '.cursors.later'
}

@test "and is told what this one takes: that is safe then" {
	next_twin
	grep -qx 'answered hello 1' peer.out
	events T/A 1 100 | sg-pub --require-twin -w 20s
	wait_until eval "[ \"\$(grep -c '^got .*T/A' peer.out)\" -eq 100 ]"
	grep '^got .*T/A' peer.out | values >got
	seq 100 | cmp - got
	run ! grep refused peer.out
}

@test "it goes and comes back" {
	next_twin
	kill "$peer_pid"
	wait_until state '.degraded | index("twin")'
	events T/A 1 100 | sg-pub
	stop_broker
	rm port
	next_twin
	events T/A 101 110 | sg-pub --require-twin -w 20s
	# What it lacks is given once, in order.
	wait_until eval "[ \"\$(grep -c '^got .*T/A' peer.out)\" -eq 110 ]"
	grep '^got .*T/A' peer.out | values >got
	seq 110 | cmp - got
	[ "$(sg-sub -e T/B | wc -l)" -eq 3 ]
}
