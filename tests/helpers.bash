# Common ground of the bats tests: a private place to work in, the programs
# in PATH, a broker that is started when it is ready and stopped at the end.
#
# A test file begins with:  load helpers

bats_require_minimum_version 1.5.0

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SG_BIN=$(cd "$ROOT" && realpath -m "${SG_BIN:-bin}")
SG_TEST_DATA=$(cd "$ROOT" && realpath -m "${SG_TEST_DATA:-../shared/data}")
export ROOT SG_BIN SG_TEST_DATA

# Tests wait for conditions; this is how long before they give up, seconds.
WAIT_LIMIT=${WAIT_LIMIT:-20}

setup() {
	common_setup
}

teardown() {
	common_teardown
}

# A file with a setup or teardown of its own calls these two.
common_setup() {
	# Short, because a socket's path may have 107 bytes.
	TEST_TMP=$(mktemp -d "${TMPDIR:-/tmp}/sgt.XXXXXX")
	export XDG_RUNTIME_DIR=$TEST_TMP/run XDG_STATE_HOME=$TEST_TMP/state
	export HOME=$TEST_TMP TMPDIR=$TEST_TMP
	export SG_SHARE=$ROOT/share PATH=$SG_BIN:$PATH
	export LC_ALL=C.UTF-8 TZ=UTC
	unset SG_BROKER SG_KEY SG_TRUST SG_PROXY SG_LOG SG_NOW broker_key
	mkdir -m 700 "$XDG_RUNTIME_DIR" "$XDG_STATE_HOME"
	cd "$TEST_TMP" || return 1
	started=()
}

common_teardown() {
	local pid each
	for pid in "${started[@]}"; do
		# What a function started is the child of a shell.
		for each in $(cat "/proc/$pid/task/$pid/children" 2>/dev/null) \
		    "$pid"; do
			kill -CONT "$each" 2>/dev/null || :
			kill -KILL "$each" 2>/dev/null || :
		done
	done
	for pid in "${started[@]}"; do
		wait "$pid" 2>/dev/null || :
	done
	if [ -n "${BATS_TEST_COMPLETED:-}" ]; then
		cd / && rm -rf "$TEST_TMP"
	else
		for log in "$TEST_TMP"/*.err; do
			[ -s "$log" ] || continue
			echo "--- $log"
			tail -n 20 "$log"
		done
		cd / && rm -rf "$TEST_TMP"
	fi
}

# background NAME COMMAND... - Start it, stdout to NAME.out, stderr to
# NAME.err, its pid in $NAME_pid (also killed at the end of the test).
background() {
	local name=$1
	shift
	"$@" >"$name.out" 2>"$name.err" </dev/null 3>&- &
	printf -v "${name}_pid" %s $!
	started+=($!)
}

# wait_until COMMAND... - Repeat until it succeeds, at most WAIT_LIMIT s.
wait_until() {
	local until=$((SECONDS + WAIT_LIMIT))
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $until ]; then
			echo "waited $WAIT_LIMIT s in vain for: $*"
			return 1
		fi
		sleep 0.02
	done
}

# wait_lines N FILE - Until FILE has at least N lines.
wait_lines() {
	wait_until _has_lines "$1" "$2"
}

_has_lines() {
	[ -e "$2" ] && [ "$(wc -l <"$2")" -ge "$1" ]
}

# closed_by_peer FD - Until the peer has closed the connection, in good order
# or, as it does when it leaves what we sent unread, by a reset.
closed_by_peer() {
	local status=0
	timeout "$WAIT_LIMIT" cat <&"$1" >/dev/null 2>&1 || status=$?
	[ "$status" -ne 124 ]
}

# ends PID [STATUS] - Wait for a background process, check its exit status.
ends() {
	local status=0
	wait_until _gone "$1" || return 1
	wait "$1" || status=$?
	if [ $status -ne "${2:-0}" ]; then
		echo "process ended with $status, expected ${2:-0}"
		return 1
	fi
}

# A zombie has ended, too.
_gone() {
	local state
	state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" \
	    2>/dev/null) || return 0
	[ -z "$state" ] || [ "$state" = Z ]
}

# ready NAME COMMAND... - As background(), with "--ready-fd 9" appended and
# returning when the program says that it is ready.
ready() {
	local name=$1 word='' fifo=$TEST_TMP/$1.ready
	shift
	rm -f "$fifo"
	mkfifo "$fifo"
	"$@" --ready-fd 9 >"$name.out" 2>"$name.err" </dev/null 3>&- \
	    9>"$fifo" &
	printf -v "${name}_pid" %s $!
	started+=($!)
	read -rt "$WAIT_LIMIT" word <"$fifo" || :
	if [ "$word" != ready ]; then
		echo "$name did not become ready: $*"
		cat "$name.err"
		return 1
	fi
}

# trust_network - From now on brokers have keys, and programs that of an
# operator who may do everything, in the network in net.
trust_network() {
	export SG_TRUST=$TEST_TMP/net
	sg-trust demo "$SG_TRUST"
	export SG_KEY=$SG_TRUST/keys/operator.key
	broker_key=$SG_TRUST/keys/broker-a.key
}

# start_broker [OPTION]... - A broker on the default socket with its log in
# $BROKER_DIR; its pid is $broker_pid, its stderr broker.err.
start_broker() {
	export BROKER_DIR=${BROKER_DIR:-$TEST_TMP/log}
	ready broker sg-broker -d "$BROKER_DIR" ${broker_key:+-k "$broker_key"} \
	    "$@"
}

# start_memory_broker [OPTION]... - One that keeps nothing.
start_memory_broker() {
	ready broker sg-broker --memory ${broker_key:+-k "$broker_key"} "$@"
}

# broker_tcp - URL of a broker started with -l tcp://127.0.0.1:0 --insecure.
broker_tcp() {
	sed -n 's/.*listening on \(tcp:[^ ]*\).*/\1/p' broker.err | sed -n '$p'
}

# log_id - Of the log that the broker on the default socket appends to.
log_id() {
	nngcat --req --dial "ipc://$XDG_RUNTIME_DIR/sg/broker" --raw \
	    --data '{"op":"hello"}' | head -n 1 | jq -r .log
}

# stop_broker - TERM; it drains and has to leave with 0.
stop_broker() {
	# shellcheck disable=SC2154	# set by ready
	kill -TERM "$broker_pid"
	ends "$broker_pid" 0
}

# kill_broker - As the power cut does it.
kill_broker() {
	kill -KILL "$broker_pid"
	wait "$broker_pid" 2>/dev/null || :
}

# events TOPIC FROM TO - Lines with v = FROM..TO, one second apart.
events() {
	awk -v topic="$1" -v from="$2" -v to="$3" 'BEGIN {
		for (i = from; i <= to; i++)
			printf "{\"topic\":\"%s\",\"t\":%d,\"v\":%d,\"u\":\"W\"}\n",
			    topic, 1700000000 + i, i
	}'
}

# values - The members v of event lines, one per line.
values() {
	sed -n 's/.*"v":\([-0-9.]*\).*/\1/p' "$@"
}

# need_data PATH - Path of shared test data, else skip and say why.
need_data() {
	[ -e "$SG_TEST_DATA/$1" ] ||
	    skip "no test data: $SG_TEST_DATA/$1 (set SG_TEST_DATA)"
}

# need_command NAME... - Skip, and say why, where a tool is not installed.
need_command() {
	local name
	for name; do
		command -v "$name" >/dev/null || skip "no $name here"
	done
}

# sanitized - True if the programs under test carry a sanitizer, for tests
# that measure time or memory.
sanitized() {
	[ -n "${SG_SANITIZED:-}" ]
}
