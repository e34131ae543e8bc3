# Two brokers, A and B, that are twins, for tests that begin with
#
#	load helpers
#	load pair
#
# Their stores are store.A and store.B, their pids $A_pid and $B_pid; $pair is
# what clients of both are given as -b.

pair=
pair_urls() {
	pair=$(url A),$(url B)
}

# url A|B
url() {
	echo "ipc://$XDG_RUNTIME_DIR/$1"
}

# start_twin A|B [OPTION]... - Start that one, or start it again.
start_twin() {
	local name=$1 other
	shift
	other=$([ "$name" = A ] && echo B || echo A)
	pair_urls
	# shellcheck disable=SC2154	# of trust_network
	ready "$name" sg-broker --name "$name" -d "store.$name" \
	    -l "$(url "$name")" --twin "$(url "$other")" "$@"
}

# start_pair [OPTION]... - Both, until they are in step.
start_pair() {
	start_twin A "$@"
	start_twin B "$@"
	in_step
}

# asked A|B JSON - The answer of that broker.
asked() {
	nngcat --req --dial "$(url "$1")" --raw --recv-timeout 2 --data "$2"
}

# state A|B FILTER - True if jq's filter is, of what that broker says of
# itself.
state() {
	asked "$1" '{"op":"stat"}' | jq -e "$2"
}

# in_step [A|B]... - Until each of them (both) has all of the other.
in_step() {
	local name
	[ $# -gt 0 ] || set -- A B
	for name; do
		wait_until state "$name" '.twin.connected and .twin.synced'
	done
}

# alone A|B - Until that one says that its twin is away.
alone() {
	wait_until state "$1" '.degraded | index("twin")'
}

# hit SIGNAL A|B - With kill, also wait for its end.
hit() {
	local pid=${2}_pid
	kill "-$1" "${!pid}"
	[ "$1" != KILL ] || wait "${!pid}" 2>/dev/null || :
}

# publisher NAME [OPTION]... - An sg-pub that publishes what feed adds.
publisher() {
	local name=$1
	shift
	mkfifo "$name.fifo"
	: >"$name.in"
	tail -n +1 -f "$name.in" >"$name.fifo" 2>/dev/null 3>&- &
	printf -v "${name}_feed" %s $!
	started+=($!)
	sg-pub -b "$pair" --ack-fd 4 "$@" <"$name.fifo" >"$name.out" \
	    2>"$name.err" 3>&- 4>"$name.acks" &
	printf -v "${name}_pid" %s $!
	started+=($!)
}

# feed NAME TOPIC FROM TO - Lines with v = FROM..TO for that publisher.
feed() {
	events "$2" "$3" "$4" >>"$1.in"
}

# acknowledged NAME N - Until that publisher has N lines acknowledged.
acknowledged() {
	wait_until _acks "$1" "$2"
}

_acks() {
	[ "$(tail -n 1 "$1.acks")" -ge "$2" ]
}

# published NAME - All of its input is acknowledged, and ends; it has to leave
# with 0.
published() {
	local feeder=${1}_feed pid=${1}_pid
	acknowledged "$1" "$(wc -l <"$1.in")"
	kill "${!feeder}"
	ends "${!pid}"
}

# subscriber NAME FILTER [OPTION]... - An sg-sub, from the first event on.
subscriber() {
	local name=$1 filter=$2
	shift 2
	ready "$name" sg-sub -b "$pair" --from-start "$@" "$filter"
}

# counted FILE TO - FILE has v = 1..TO, each once and in order.
counted() {
	values "$1" >counted.got
	seq "$2" | diff - counted.got
}

# set_of A|B FILTER - What that broker alone has of it, sorted.
set_of() {
	sg-sub -b "$(url "$1")" -e "$2" | sort
}

# same_set FILTER - Both have the same events of it.
same_set() {
	in_step
	set_of A "$1" >set.A
	set_of B "$1" >set.B
	cmp set.A set.B
}
