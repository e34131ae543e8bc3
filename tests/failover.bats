#!/usr/bin/env bats
# A list of brokers: clients stay with one, and move on when it dies or hangs.
# The brokers here know nothing of each other; twins are in twin.bats.

# shellcheck disable=SC2154	# set by ready and background

load helpers

# two_brokers - A and B, each by itself; the list in $SG_BROKER.
two_brokers() {
	a=ipc://$TEST_TMP/a b=ipc://$TEST_TMP/b
	ready broker_a sg-broker --name A -l "$a" -d log_a
	ready broker_b sg-broker --name B -l "$b" -d log_b
	export SG_BROKER=$a,$b
}

# publish_slowly NAME - sg-pub in the background with its input on descriptor
# 8, where one event has been written.
publish_slowly() {
	mkfifo "$1.in"
	background "$1" sg-pub --stats "$1.in"
	exec 8>"$1.in"
	events MEASUREMENT/x 1 1 >&8
}

@test "sg-pub goes on at the next broker when the first is killed" {
	two_brokers
	publish_slowly pub
	sg-sub -b "$a" --from-start -n 1 '#' >first
	kill -KILL "$broker_a_pid"
	events MEASUREMENT/x 2 100 >&8
	exec 8>&-
	ends "$pub_pid"
	[ "$(sg-sub -b "$b" -e '#' | values | tail -n 1)" = 100 ]
	grep -q "connected to $b" pub.err
}

@test "sg-pub goes on at the next broker when the first hangs" {
	two_brokers
	publish_slowly pub
	sg-sub -b "$a" --from-start -n 1 '#' >first
	kill -STOP "$broker_a_pid"
	events MEASUREMENT/x 2 100 >&8
	exec 8>&-
	ends "$pub_pid"
	[ "$(sg-sub -b "$b" -e '#' | values | tail -n 1)" = 100 ]
	kill -CONT "$broker_a_pid"
}

@test "sg-sub goes on at the next broker when the first hangs" {
	two_brokers
	background sub sg-sub --from-start -n 5 '#'
	events MEASUREMENT/x 1 3 | sg-pub -b "$a"
	wait_lines 3 sub.out
	kill -STOP "$broker_a_pid"
	events MEASUREMENT/x 4 5 | sg-pub -b "$b"
	ends "$sub_pid"
	[ "$(values sub.out | tr '\n' ' ')" = '1 2 3 4 5 ' ]
	grep -q 'connected again' sub.err
	kill -CONT "$broker_a_pid"
}

@test "a broker that hangs from the start is passed over" {
	two_brokers
	kill -STOP "$broker_a_pid"
	events MEASUREMENT/x 1 3 | sg-pub
	[ "$(sg-sub -e '#' | values | tr '\n' ' ')" = '1 2 3 ' ]
	[ "$(sg-sub -b "$b" -e '#' | wc -l)" = 3 ]
	kill -CONT "$broker_a_pid"
}

@test "with one broker a hung one is dialled again until it goes on" {
	two_brokers
	publish_slowly pub
	sg-sub -b "$a" --from-start -n 1 '#' >first
	kill -KILL "$broker_b_pid"
	kill -STOP "$broker_a_pid"
	events MEASUREMENT/x 2 50 >&8
	exec 8>&-
	# Until the client has given the connection up.
	sleep 3 # the silence itself
	kill -CONT "$broker_a_pid"
	ends "$pub_pid"
	[ "$(sg-sub -b "$a" -e '#' | values | tr '\n' ' ')" = \
	    "$(seq -s ' ' 1 50) " ]
}

@test "a client that was stopped itself does not blame its broker" {
	two_brokers
	background sub sg-sub --from-start -n 2 '#'
	events MEASUREMENT/x 1 1 | sg-pub -b "$a"
	wait_lines 1 sub.out
	kill -STOP "$sub_pid"
	sleep 3 # longer than a silent broker would get
	kill -CONT "$sub_pid"
	events MEASUREMENT/x 2 2 | sg-pub -b "$a"
	ends "$sub_pid"
	run ! grep 'connected again' sub.err
}

@test "a broker is not blamed for a command that takes long" {
	two_brokers
	background sub sg-sub -c job --from-start -n 1 -x 'sleep 4; cat >>out' '#'
	events MEASUREMENT/x 1 1 | sg-pub -b "$a"
	wait_lines 1 out
	run ! grep 'connected again' sub.err
	kill "$sub_pid"
	ends "$sub_pid" 143
}

@test "nor for a reader of our output that takes long" {
	two_brokers
	mkfifo pipe
	exec 7<>pipe
	sg-sub --from-start '#' >pipe 2>sub.err 3>&- 7>&- &
	started+=($!)
	awk 'BEGIN {
		s = sprintf("%1000s", ""); gsub(/ /, "x", s)
		for (i = 1; i <= 3000; i++)
			printf "{\"topic\":\"A/b\",\"t\":%d,\"vs\":\"%s\"}\n", i, s
	}' | sg-pub -b "$a"
	sleep 4 # it has to wait longer than a silent broker would
	run ! grep 'connected again' sub.err
	head -n 3000 <&7 >all
	[ "$(grep -c topic all)" = 3000 ]
	run ! grep 'connected again' sub.err
	exec 7>&-
}
