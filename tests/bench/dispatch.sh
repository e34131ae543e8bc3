#!/bin/bash
# dispatch: what an event costs the broker beside 10,000 subscribers that it
# does not concern, and if each event goes to another of them.
# shellcheck disable=SC2154	# of bench.sh and tools.sh

DISPATCH_EVENTS=3000000
DISPATCH_SPREAD=300000
DISPATCH_SECONDS=5

# dispatch_cpu NAME EVENTS OPTION... - CPU us per event to NAME; per second
# if EVENTS is 0.
dispatch_cpu() {
	local name=$1 events=$2
	shift 2
	start_broker -q --memory --memory-size 512M || return
	"$programs/subscribers" -d "$DISPATCH_SECONDS" -n "$events" "$@" \
	    "$XDG_RUNTIME_DIR/sg/broker" "$broker" \
	    "$bin/sg-pub" -q "$dir/dispatch.$events" |
	    awk '{ print ($1 > 0 ? $2 / $1 : $2 / $3 / 1000) }' >>"$dir/$name"
	stop "$broker"
}

dispatch() {
	local round
	if [ "$(ulimit -n)" -lt 10100 ]; then
		heading "Dispatch"
		echo "10,000 subscribers: not compared, ulimit -n $(ulimit -n)"
		return
	fi
	make_events $DISPATCH_EVENTS 110 10000 "$dir/dispatch.$DISPATCH_EVENTS"
	head -n $DISPATCH_SPREAD "$dir/dispatch.$DISPATCH_EVENTS" \
	    >"$dir/dispatch.$DISPATCH_SPREAD"
	: >"$dir/dispatch.0"
	for ((round = 0; round < ROUNDS; round++)); do
		dispatch_cpu d.alone $DISPATCH_EVENTS
		dispatch_cpu d.parked $DISPATCH_EVENTS -c 10000
		dispatch_cpu d.alone.few $DISPATCH_SPREAD
		dispatch_cpu d.spread $DISPATCH_SPREAD -c 10000 -s
		dispatch_cpu d.idle 0 -c 10000
	done
	rm "$dir"/dispatch.*
	heading "Dispatch, 110 B, --memory: CPU us an event"
	line "one subscriber of all beside 10,000; alone" d.parked d.alone '<2'
	line "each event to one of 10,000; all to one" d.spread d.alone.few
	line "heartbeats of 10,000, CPU ms a second" d.idle -
}
