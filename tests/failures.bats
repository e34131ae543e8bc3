# What fails, and what publishers and subscribers of a pair see of it: the
# table of sg-broker(8), row by row.  Ways that are cut as a cable is, also that
# between the two, are in netns.bats.

# shellcheck disable=SC2034,SC2154	# of helpers.bash and pair.bash

load helpers
load pair

# flowing - A pair, and clients at A with 100 events behind them.
flowing() {
	start_pair
	clients
}

clients() {
	subscriber sub T
	publisher pub --retry 30s
	feed pub T 1 100
	wait_lines 100 sub.out
	acknowledged pub 100
}

# all_of N - In the end every event is there, once and in order, everywhere.
all_of() {
	published pub
	wait_lines "$1" sub.out
	counted sub.out "$1"
	same_set T
	[ "$(wc -l <set.A)" -eq "$1" ]
}

# within MS COMMAND... - It succeeds by then, or a while later with a sanitizer.
within() {
	local begin ms=$1
	shift
	! sanitized || ms=$((ms * 4))
	begin=$(date +%s%N)
	"$@" || return
	begin=$((($(date +%s%N) - begin) / 1000000))
	[ $begin -le "$ms" ] || {
		echo "$begin ms, at most $ms: $*"
		return 1
	}
}

# start_relay - From $relayed to A, obeying what is written to relay.ctl.
start_relay() {
	mkfifo relay.ctl
	background relay "$SG_BIN/test/relay" "ipc://$TEST_TMP/relay" \
	    "$(url A)" relay.ctl
	wait_lines 1 relay.out
	relayed=ipc://$TEST_TMP/relay
}

# pub FIRST N SAFE - A frame of channel 1 with N events to A.
pub() {
	asked A "{\"op\":\"pub\",\"from\":\"p\",\"chan\":\"0000000000000001\",\"first\":$1,\"n\":$2,\"safe\":$3}
$(events T "$1" $(($1 + $2 - 1)))"
}

@test "a broker is killed: clients go on at the other within a second" {
	flowing
	hit KILL A
	feed pub T 101 200
	# They do not wait until it has been silent for 2 seconds.
	within 1800 wait_lines 200 sub.out
	acknowledged pub 200
	start_twin A
	feed pub T 201 300
	all_of 300
}

@test "a broker hangs: clients go on at the other within 3 seconds" {
	flowing
	hit STOP A
	feed pub T 101 200
	# A loaded machine is given more.
	within 6000 wait_lines 200 sub.out
	acknowledged pub 200
	hit CONT A
	feed pub T 201 300
	all_of 300
}

@test "the way to a broker stands still: clients go on at the other" {
	start_pair
	start_relay
	pair=$relayed,$(url B)
	subscriber sub T
	publisher pub
	feed pub T 1 100
	wait_lines 100 sub.out
	echo stall >relay.ctl
	feed pub T 101 200
	within 6000 wait_lines 200 sub.out
	acknowledged pub 200
	# What was under way arrives now.
	echo open >relay.ctl
	feed pub T 201 300
	all_of 300
}

@test "a connection is reset: clients go on at the other at once" {
	start_pair
	start_relay
	pair=$relayed,$(url B)
	subscriber sub T
	publisher pub
	feed pub T 1 5000
	wait_lines 100 sub.out
	echo reset >relay.ctl
	feed pub T 5001 5100
	within 1800 wait_lines 5100 sub.out
	acknowledged pub 5100
	all_of 5100
}

@test "a slow way costs time and nothing else" {
	start_pair
	start_relay
	pair=$relayed,$(url B)
	echo 300 >relay.ctl
	subscriber sub T
	publisher pub
	feed pub T 1 500
	wait_lines 500 sub.out
	all_of 500
	run ! grep again sub.err
}

@test "the twin is away: events are local, not safe, and it is said" {
	start_pair
	pub 1 10 0 | grep -q '"local":10,"safe":10[,}]'
	hit KILL B
	alone A
	wait_until grep 'warning: twin .* is away' A.err
	pub 11 10 10 | grep -q '"local":20,"safe":10[,}]'
	# A subscriber sees nothing of it.
	[ "$(sg-sub -b "$(url A),$(url B)" -e T | wc -l)" -eq 20 ]
	# shellcheck disable=SC2016	# a topic
	sg-sub -b "$(url A)" --last '$SG/TWIN' | grep -q '"vs":"away"'
	start_twin B
	in_step
	wait_until all_safe
	state A '.degraded == []'
	same_set T
}

all_safe() {
	pub 11 10 10 | grep -q '"local":20,"safe":20[,}]'
}

@test "a broker is started again: nobody sees anything" {
	flowing
	kill -TERM "$A_pid"
	ends "$A_pid"
	feed pub T 101 200
	wait_lines 200 sub.out
	start_twin A
	in_step
	kill -TERM "$B_pid"
	ends "$B_pid"
	feed pub T 201 300
	wait_lines 300 sub.out
	start_twin B
	all_of 300
	run ! grep -E 'warning|error' sub.err
	# Nothing but that they were not safe meanwhile.
	run ! grep error pub.err
}

@test "a disk is full: that broker says so, and goes on when there is room" {
	flowing
	prlimit --pid "$A_pid" --fsize=4096:
	feed pub T 101 200
	wait_until state A '.degraded | index("full")'
	# Its readers are served.
	[ "$(set_of A T | wc -l)" -ge 100 ]
	# So are the clients of the other, though nothing can be copied.
	events U 1 50 | sg-pub -b "$(url B)"
	[ "$(set_of B U | wc -l)" -eq 50 ]
	grep -q 'waiting' pub.err
	[ "$(grep -c 'refusing events' A.err)" -eq 1 ]
	prlimit --pid "$A_pid" --fsize=unlimited:
	wait_lines 200 sub.out
	wait_until state A '.degraded == []'
	feed pub T 201 300
	all_of 300
	same_set U
}

@test "a disk fails: that broker ends with 74, clients go on at the other" {
	! sanitized || skip "a sanitizer has to come before what fails the disk"
	failing_disk
	LD_PRELOAD=$TEST_TMP/fail.so start_twin A
	start_twin B
	in_step
	clients
	touch fail
	feed pub T 101 200
	wait_lines 200 sub.out
	ends "$A_pid" 74
	start_twin A
	feed pub T 201 300
	all_of 300
}

# failing_disk - What is started from now on fails to flush once there is a
# file "fail".
failing_disk() {
	cat >fail.c <<-'END'
		#define _GNU_SOURCE
		#include <dlfcn.h>
		#include <errno.h>
		#include <stdlib.h>
		#include <unistd.h>

		int
		fdatasync(int fd)
		{
			int (*real)(int) =
			    (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");

			if (access(getenv("FAIL"), F_OK) != 0)
				return real(fd);
			errno = EIO;
			return -1;
		}
	END
	"${CC:-cc}" -shared -fPIC -o fail.so fail.c -ldl
	export FAIL=$TEST_TMP/fail
}

@test "a disk is lost: the broker gets all back from its twin" {
	flowing
	hit KILL A
	feed pub T 101 200
	wait_lines 200 sub.out
	mv store.A lost
	start_twin A
	feed pub T 201 300
	all_of 300
}

@test "a disk is set back: the broker is behind until it has all back" {
	start_pair
	pub 1 10 0 | grep -q '"safe":10[,}]'
	sg-sub -b "$(url A)" --from-start -n 10 -o got.ndjson T
	hit KILL A
	cp -r store.A old
	start_twin A
	in_step
	pub 11 10 10 | grep -q '"safe":20[,}]'
	sg-sub -b "$(url A)" --from-start -n 20 -c reader T >taken
	hit KILL A
	hit KILL B
	rm -r store.A
	mv old store.A
	start_twin A
	# It knows 10 of what this publisher knows to be safe.
	pub 21 10 20 | grep -q '"error":"behind"'
	[ "$(sg-sub -b "$(url A)" -e T | wc -l)" -eq 10 ]
	start_twin B
	in_step
	pub 21 10 20 | grep -q '"local":30,"safe":30[,}]'
	same_set T
	values set.A | sort -n >got
	seq 30 | cmp - got
}

@test "with --accept-behind a broker goes on without what only its twin had" {
	start_pair
	pub 1 20 0 | grep -q '"safe":20[,}]'
	hit KILL A
	hit KILL B
	rm -r store.A store.B
	start_twin A
	pub 21 10 20 | grep -q '"error":"behind"'
	hit KILL A
	start_twin A --accept-behind
	pub 21 10 20 | grep -q '"local":30[,}]'
}

@test "both are killed: clients wait, and what was acknowledged is there" {
	flowing
	feed pub T 101 5000
	wait_lines 500 sub.out
	hit KILL A
	hit KILL B
	feed pub T 5001 5100
	start_twin B
	start_twin A
	wait_lines 5100 sub.out
	all_of 5100
}

@test "one after the other: what only one had comes back with it" {
	flowing
	hit KILL A
	feed pub T 101 200
	wait_lines 200 sub.out
	hit KILL B
	start_twin A
	# It has 100 and does not know what it lacks.
	events U 1 50 | sg-pub -b "$(url A)"
	start_twin B
	feed pub T 201 300
	all_of 300
	same_set U
	[ "$(wc -l <set.A)" -eq 50 ]
}
