#!/bin/bash
# bench.sh [SECTION]... - the programs beside their peers, all in one run on
# this machine, median of ROUNDS (5).  The sections are in $sections; all of
# them without operands.
# README beside this file says how each peer is set up.
# shellcheck disable=SC2034	# the sections use the variables
set -u

cd "$(dirname "$0")/../.." || exit 1
ROUNDS=${ROUNDS:-5}
bin=$PWD/${SG_BIN:-bin}
programs=$PWD/${BENCH_BUILD:-build/cc}/bench
peers=$PWD/${BENCH_BUILD:-build/cc}/peers
export LC_ALL=C
unset SG_BROKER SG_KEY SG_TRUST SG_LOG SG_NOW

sections='scan throughput latency connections dispatch aggregate rule canon
channel handshake sign seal secure tls twin failover table1 enocean'

for file in tools throughput latency connections dispatch scan aggregate \
    rule canon channel sign seal secure twin failover table1 enocean; do
	# shellcheck source=/dev/null
	. "tests/bench/$file.sh"
done

# Short, because a socket's path may have 107 bytes; on a disk, not in memory.
dir=$(mktemp -d "${BENCH_DIR:-/var/tmp}/sgb.XXXXXX") || exit 1
export XDG_RUNTIME_DIR=$dir/run XDG_STATE_HOME=$dir/state
mkdir -m 700 "$XDG_RUNTIME_DIR" "$XDG_STATE_HOME"
pids=()

finish() {
	[ ${#pids[@]} -eq 0 ] || kill -KILL "${pids[@]}" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

ulimit -n "$(ulimit -Hn)" 2>/dev/null

# version NAME COMMAND... - Its first line of output, or that it is not there.
version() {
	local name=$1 text
	shift
	text=$("$@" 2>&1 | sed -n 1p) || text=
	printf '%-12s %s\n' "$name" "${text:-not here}"
}

package() {
	dpkg-query -W -f "\${Version}\n" "$1" 2>/dev/null
}

head_of_table() {
	local file
	printf '%-12s %s, %s cores\n' processor \
	    "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sed 1q)" \
	    "$(nproc)"
	version kernel uname -sr
	printf '%-12s %s, %s\n' disk "$(df --output=fstype "$dir" | tail -n 1)" \
	    "$(df --output=source "$dir" | tail -n 1)"
	version load cat /proc/loadavg
	version ours "$bin/sg-broker" --version
	version mosquitto "$(mosquitto_program || echo mosquitto)" -h
	version nats "$(nats_program || echo nats-server)" --version
	version "libnats" package libnats-dev
	version redis "$(redis_program || echo redis-server)" --version
	version "libhiredis" package libhiredis-dev
	version "libzmq" package libzmq3-dev
	version mawk mawk -W version
	version gawk gawk --version
	version miller mlr --version
	version jq jq --version
	version node node --version
	printf '%-12s %s\n' rounds "$ROUNDS, the median is shown"
}

for section in "$@"; do
	[[ " ${sections//$'\n'/ } " == *" $section "* ]] || {
		say "no section $section"
		exit 64
	}
done
# shellcheck disable=SC2086	# words
[ $# -gt 0 ] || set -- $sections

head_of_table
for section; do
	"$section"
done
printf '\n%d s\n' $SECONDS
