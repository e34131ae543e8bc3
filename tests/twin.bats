#!/usr/bin/env bats
# Two brokers that are twins, and clients that know both: nothing is lost,
# nothing comes twice, nothing out of order, whichever broker fails.

# shellcheck disable=SC2154	# set by ready and background
# shellcheck disable=SC2119,SC2120	# options are optional

load helpers

setup() {
	common_setup
	a=ipc://$TEST_TMP/a b=ipc://$TEST_TMP/b
	export SG_BROKER=$a,$b
}

# The brokers do not keep the input of sg-pub open.
start_a() {
	ready broker_a sg-broker --name A -l "$a" -d log_a --twin "$b" 8>&-
}

start_b() {
	ready broker_b sg-broker --name B -l "$b" -d log_b --twin "$a" 8>&-
}

# two_twins - Both, each having what the other has.
two_twins() {
	start_a
	start_b
	in_step
}

in_step() {
	wait_until grep -q 'in step' broker_a.err
	wait_until grep -q 'in step' broker_b.err
}

kill_a() {
	kill -KILL "$broker_a_pid"
	wait "$broker_a_pid" || :
}

kill_b() {
	kill -KILL "$broker_b_pid"
	wait "$broker_b_pid" || :
}

# open_pub [OPTION]... - sg-pub in the background; put FROM TO gives it
# events, close_pub ends its input.
open_pub() {
	mkfifo pub.in
	background pub sg-pub "$@" pub.in
	exec 8>pub.in
}

put() {
	events MEASUREMENT/x "$1" "$2" >&8
}

close_pub() {
	exec 8>&-
	ends "$pub_pid" "${1:-0}"
}

# load_pub N - N events to sg-pub in the background, for some seconds.
load_pub() {
	mkfifo in
	events MEASUREMENT/x 1 "$1" | awk '{ print }
	    NR % 100 == 0 { fflush(); system("sleep 0.01") }' >in &
	started+=($!)
	background pub sg-pub in
}

# has URL N - That broker holds N events.
has() {
	[ "$(sg-sub -b "$1" -e 'MEASUREMENT/#' | wc -l)" = "$2" ]
}

# numbers FROM TO - What values gives of them.
numbers() {
	seq "$1" "$2"
}

# same FILE N - FILE has the events 1 to N, each once and in order.
same() {
	diff <(values "$1") <(numbers 1 "$2")
}

@test "what one broker takes is read from the other, and is safe" {
	two_twins
	events MEASUREMENT/x 1 100 | sg-pub -b "$a" --require-twin
	sg-sub -b "$b" -e '#' >out
	same out 100
	events MEASUREMENT/x 101 200 | sg-pub -b "$b" --require-twin
	sg-sub -b "$a" -e '#' >out
	same out 200
}

@test "a broker killed under load loses and doubles nothing" {
	two_twins
	background sub sg-sub --from-start -n 8000 'MEASUREMENT/#'
	load_pub 8000
	wait_lines 1000 sub.out
	kill_a
	ends "$pub_pid"
	start_a
	ends "$sub_pid"
	same sub.out 8000
	wait_until has "$a" 8000
}

@test "a broker that hangs under load loses and doubles nothing" {
	two_twins
	background sub sg-sub --from-start -n 8000 'MEASUREMENT/#'
	load_pub 8000
	wait_lines 1000 sub.out
	kill -STOP "$broker_a_pid"
	ends "$pub_pid"
	kill -CONT "$broker_a_pid"
	ends "$sub_pid"
	same sub.out 8000
	sg-sub -b "$b" -e '#' >at_b
	same at_b 8000
}

@test "a reader that reads all of it later gets each event once, at both" {
	two_twins
	load_pub 8000
	sg-sub -b "$b" --from-start -n 1000 'MEASUREMENT/#' >first
	kill_a
	ends "$pub_pid"
	start_a
	in_step
	sg-sub -b "$a" -e '#' >at_a
	sg-sub -b "$b" -e '#' >at_b
	same at_a 8000
	same at_b 8000
}

@test "without its twin a broker goes on, and sg-pub says so" {
	two_twins
	kill_b
	wait_until grep -q 'is away' broker_a.err
	events MEASUREMENT/x 1 10 >in
	sg-pub in 2>err
	grep -q '10 events are on one broker only' err
	sg-sub -b "$a" -e 'MEASUREMENT/#' >out
	same out 10
	start_b
	in_step
	wait_until has "$b" 10
}

@test "with --require-twin that is not enough, 75" {
	two_twins
	kill_b
	wait_until grep -q 'is away' broker_a.err
	events MEASUREMENT/x 1 10 >in
	run -75 sg-pub --require-twin --retry 1s in
	[[ $output = *'10 events are on one broker only, not on its twin'* ]]
	run -75 sg-pub --require-twin --retry 1m -w 1s in
	[[ $output = *'on one broker only, not on its twin'* ]]
}

@test "--require-twin waits until the twin is back" {
	two_twins
	kill_b
	wait_until grep -q 'is away' broker_a.err
	open_pub --require-twin --retry 30s --ack-fd 7 7>acks
	put 1 10
	wait_until has "$a" 10
	[ ! -s acks ]
	start_b
	close_pub
	[ "$(tail -n 1 acks)" = 10 ]
	has "$b" 10
}

@test "without it, what one broker has is acknowledged" {
	two_twins
	kill_b
	wait_until grep -q 'is away' broker_a.err
	open_pub --ack-fd 7 7>acks
	put 1 10
	wait_lines 1 acks
	wait_until grep -qx 10 acks
	wait_until grep -q 'on one broker only: its twin is away' pub.err
	close_pub
}

@test "what its publisher still has when a lone broker dies goes to the twin" {
	two_twins
	background sub sg-sub --from-start 'MEASUREMENT/#'
	open_pub
	put 1 5
	wait_lines 5 sub.out
	kill_b
	wait_until grep -q 'is away' broker_a.err
	put 6 10
	wait_lines 10 sub.out
	# A alone has 6 to 10; then B has them from sg-pub.
	kill_a
	start_b
	wait_until has "$b" 10
	put 11 15
	wait_lines 15 sub.out
	# And both of them, twice.
	start_a
	in_step
	put 16 20
	wait_lines 20 sub.out
	close_pub
	same sub.out 20
	sg-sub -b "$a" -e 'MEASUREMENT/#' >at_a
	sg-sub -b "$b" -e 'MEASUREMENT/#' >at_b
	same at_a 20
	same at_b 20
	kill "$sub_pid"
}

@test "what a lone broker alone had comes when it returns" {
	two_twins
	kill_b
	wait_until grep -q 'is away' broker_a.err
	events MEASUREMENT/x 1 5 >in
	sg-pub in
	kill_a
	start_b
	background sub sg-sub -b "$b" --from-start -n 10 'MEASUREMENT/#'
	events MEASUREMENT/x 6 10 | sg-pub
	wait_lines 5 sub.out
	start_a
	ends "$sub_pid"
	[ "$(values sub.out | tr '\n' ' ')" = '6 7 8 9 10 1 2 3 4 5 ' ]
}

@test "a durable cursor is known to both" {
	two_twins
	sg-sub -c job -n 0 '#'
	events MEASUREMENT/x 1 10 | sg-pub --require-twin
	sg-sub -c job -n 4 '#' >out
	kill_a
	sg-sub -c job -n 4 '#' >>out
	start_a
	in_step
	kill_b
	sg-sub -c job -e 'MEASUREMENT/#' >>out
	same out 10
}

@test "to a file each event goes once, whatever is killed" {
	two_twins
	sg-sub -c job -o file -n 0 'MEASUREMENT/#'
	load_pub 8000
	background sub sg-sub -c job -o file 'MEASUREMENT/#'
	wait_lines 1000 file
	kill -KILL "$sub_pid"
	kill_a
	background sub sg-sub -c job -o file 'MEASUREMENT/#'
	start_a
	in_step
	kill -KILL "$sub_pid"
	kill_b
	ends "$pub_pid"
	start_b
	sg-sub -c job -o file -e 'MEASUREMENT/#'
	same file 8000
}

@test "batches for a command go on at the other broker" {
	two_twins
	sg-sub -c job -n 0 '#'
	events MEASUREMENT/x 1 1000 | sg-pub --require-twin
	background sub sg-sub -c job -n 100 -x 'cat >>out' 'MEASUREMENT/#'
	wait_lines 200 out
	kill_a
	wait_lines 1000 out
	events MEASUREMENT/x 1001 1100 | sg-pub
	wait_lines 1100 out
	kill "$sub_pid"
	same out 1100
}

@test "a spool is kept until the twin has it, and the status is 0" {
	two_twins
	kill_b
	wait_until grep -q 'is away' broker_a.err
	events MEASUREMENT/x 1 10 >in
	run -0 sg-pub --spool spool in
	[[ $output = *'10 events are on one broker only'*'stay in the spool'* ]]
	# The disk of A is lost for good.
	kill_a
	rm -rf log_a
	start_b
	events MEASUREMENT/x 11 12 | sg-pub --spool spool
	sg-sub -b "$b" -e 'MEASUREMENT/#' >out
	same out 12
}

@test "a spool of which one broker had a part is sent again to the other" {
	two_twins
	kill_b
	wait_until grep -q 'is away' broker_a.err
	open_pub --spool spool
	put 1 20000
	wait_until has "$a" 20000
	kill_a
	rm -rf log_a
	start_b
	put 20001 20010
	close_pub
	sg-sub -b "$b" -e 'MEASUREMENT/#' >out
	same out 20010
}

@test "a broker that has lost its disk is left for its twin" {
	two_twins
	background sub sg-sub --from-start 'MEASUREMENT/#'
	open_pub --retry 1m
	put 1 10
	wait_lines 10 sub.out
	wait_until has "$b" 10
	kill_b
	kill_a
	rm -rf log_a
	start_a
	put 11 20
	# Neither is served there.
	wait_until grep -q "connected to $a" pub.err
	start_b
	wait_lines 20 sub.out
	close_pub
	same sub.out 20
	in_step
	sg-sub -b "$a" -e 'MEASUREMENT/#' >at_a
	same at_a 20
	kill "$sub_pid"
}
