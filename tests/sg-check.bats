# sg-check(1): what a monitoring system sees.

load helpers

# checks STATUS ARGUMENT... - Run sg-check; its answer in out, messages in err.
checks() {
	local want=$1 status=0
	shift
	timeout "$WAIT_LIMIT" sg-check "$@" >out 2>err </dev/null || status=$?
	if [ $status -ne "$want" ]; then
		echo "status $status, expected $want: sg-check $*"
		head -c 2000 out err
		return 1
	fi
}

url() {
	echo "ipc://$XDG_RUNTIME_DIR/sg/broker"
}

# sample NAME LABELS - The value of a sample in out.
sample() {
	awk -v want="sg_$1$2" '$1 == want { print $2 }' out
}

# clean - out is what a textfile collector takes: HELP and TYPE of a name
# once, before all its samples, which stand together; values are numbers.
clean() {
	awk '
	/^# HELP / { if ($3 in seen) bad("again: " $3); seen[$3] = name = $3
		     next }
	/^# TYPE / { if ($3 != name || $4 != "gauge") bad($0); next }
	{
		sample = $1
		sub(/[{].*/, "", sample)
		if (sample != name)
			bad("not under its name: " $0)
		if ($NF !~ /^-?[0-9.e+-]+$/)
			bad("no number: " $0)
	}
	function bad(why) { print why; status = 1 }
	END { exit status }' out
}

now() {
	date +%s
}

# Refusals.

@test "an unknown verb, none, or operands that it does not take are usage errors" {
	checks 64
	checks 64 nothing
	grep -q "nothing: no such verb" err
	checks 64 broker more
	checks 64 spool
	checks 64 cursor
	grep -q -- "-c NAME" err
}

@test "an option that a verb does not look at is a usage error" {
	checks 64 broker -c a
	checks 64 broker --held
	checks 64 broker --expect 1m
	checks 64 lag -t A
	checks 64 lag --away 1m
	checks 64 stale --spool-size 1G
	checks 64 keys -w 1s
	checks 64 spool --memory .
	checks 64 broker --rounds 1
	checks 64 lag --for 1s
	checks 64 lag --kinds kill
	checks 64 lag --rate 1
	checks 64 lag --seed 1
	checks 64 lag --dir x
	grep -q "lag: --dir does not belong there" err
	checks 64 failover --warning 1
	checks 64 failover --critical 1
}

@test "values that mean nothing are usage errors" {
	checks 64 broker --warning fast
	checks 64 lag --critical 1h
	checks 64 stale -t 'A//B'
	checks 64 stale -t '!A'
	checks 64 broker -f xml
	checks 64 failover --kinds kill,explode
	grep -q "kill,explode: not a list" err
	checks 64 failover --kinds ''
	checks 64 failover --memory --kinds both
	checks 64 failover --rate 0
}

@test "no broker is critical, in every format, without waiting" {
	local verb
	for verb in broker lag "cursor -c a" stale; do
		# shellcheck disable=SC2086
		checks 2 $verb
		grep -q "^critical: $(url): no answer: Connection refused$" out
		# shellcheck disable=SC2086
		checks 2 $verb -f nagios
		grep -q "^SG [A-Z]* CRITICAL - $(url): no answer" out
		# shellcheck disable=SC2086
		checks 2 $verb -f json
		jq -e '.state == "critical" and .code == 2' out
		# shellcheck disable=SC2086
		checks 2 $verb -f prometheus
		[ "$(sample check_state "{check=\"${verb%% *}\"}")" = 2 ]
		clean
	done
}

@test "a broker that hangs is critical when the time is up" {
	start_broker
	kill -STOP "$broker_pid"
	checks 2 broker -w 300ms
	grep -q "$(url): no answer: none in time" out
	checks 2 lag -w 300ms
	checks 2 stale -w 300ms
	checks 2 cursor -c a -w 300ms
	kill -CONT "$broker_pid"
}

@test "what cannot be asked is unknown" {
	checks 3 broker -k none.key
	grep -q '^unknown: no network: ' out
	sg-trust init net
	checks 3 broker --trust net -k none.key
	grep -q '^unknown: none.key: ' out
	checks 3 broker -b tcp://localhost:1
	checks 3 keys
	grep -q '^unknown: no network: ' out
	checks 3 spool nothing
	grep -q '^unknown: nothing: no spool' out
	checks 64 broker --proxy-auth file
}

# Brokers.

@test "a broker is fine, and says how it is, in every format" {
	start_broker --name A
	checks 0 broker
	grep -q "^ok: $(url): broker A answers in [0-9.]*ms, up for " out
	[ "$(wc -l <out)" -eq 1 ]
	checks 0 broker -f nagios
	[ "$(wc -l <out)" -eq 1 ]
	grep -q "^SG BROKER OK - .* | .*'broker_up $(url)'=1 " out
	grep -q "'broker_hello_seconds $(url)'=0[.0-9e-]*s;0.5;2 " out
	checks 0 broker -f json
	jq -e '.check == "broker" and .code == 0 and
	    (.figures[] | select(.name == "broker_up").value == 1)' out
	checks 0 broker -f prometheus
	clean
	[ "$(sample broker_up "{url=\"$(url)\"}")" = 1 ]
	[ "$(sample broker_full "{url=\"$(url)\"}")" = 0 ]
}

@test "each broker of a list is looked at" {
	start_broker
	checks 2 broker -b "$(url),ipc://$TEST_TMP/other"
	grep -q "^ok: $(url): " out
	grep -q "^critical: ipc://$TEST_TMP/other: no answer" out
	checks 2 broker -b "$(url),ipc://$TEST_TMP/other" -f prometheus
	clean
	[ "$(sample broker_up "{url=\"$(url)\"}")" = 1 ]
	[ "$(sample broker_up "{url=\"ipc://$TEST_TMP/other\"}")" = 0 ]
}

@test "an answer slower than the limits is told" {
	start_broker
	checks 1 broker --warning 0 --critical 1m
	checks 2 broker --critical 0
	checks 2 broker --critical 0 -f nagios
	grep -q '^SG BROKER CRITICAL - ' out
}

@test "a broker that keeps nothing is a warning" {
	start_memory_broker
	checks 1 broker
	grep -q "^warning: $(url): it keeps nothing on disk$" out
}

@test "with keys the same is asked as that actor" {
	trust_network
	start_broker
	checks 0 broker
	checks 0 lag
	checks 2 stale -t 'A/#'
	grep -q '^critical: A/#: no event is known$' out
	export SG_KEY=$SG_TRUST/keys/flat12.key
	checks 0 broker
	checks 3 stale -t 'A/#'
	grep -q "^unknown: $(url): denied" out
}

# Cursors.

@test "lag names each cursor, and limits are events" {
	start_broker
	events A/B 1 30 | sg-pub
	sg-sub -c one -n 10 --from-start >one.out
	sg-sub -c two -n 25 --from-start >two.out
	checks 0 lag
	grep -q '^ok: one: 20 events behind, not held$' out
	grep -q '^ok: two: 5 events behind, not held$' out
	checks 1 lag --warning 10
	grep -q '^warning: one: ' out
	grep -q '^ok: two: ' out
	checks 2 lag --critical 4 -f json
	jq -e '[.findings[].state] == ["critical", "critical"]' out
	checks 0 lag -c two --warning 10 -f nagios
	grep -q "^SG LAG OK - two: .*'cursor_lag_events two'=5;10;100000" out
	checks 1 lag --warning 10 -f prometheus
	clean
	[ "$(sample cursor_lag_events '{cursor="one"}')" = 20 ]
	[ "$(sample cursor_held '{cursor="one"}')" = 0 ]
}

@test "of many cursors and many logs all are told" {
	local i
	start_broker
	events A/B 1 3 | sg-pub
	for i in {1..120}; do
		echo "{\"op\":\"commit\",\"name\":\"c$i\",\"cursor\":{}}" >frame
		nngcat --req --dial "$(url)" --raw --file frame >>answers
	done
	checks 0 lag
	[ "$(grep -c '^ok: c[0-9]*: 3 events behind' out)" -eq 120 ]
	checks 0 lag -f prometheus
	clean
	checks 0 broker
}

@test "no cursor at all is no fault of lag, one that is asked for is" {
	start_broker
	checks 0 lag
	grep -q '^ok: no durable cursors$' out
	checks 2 lag -c gone
	checks 2 cursor -c gone
	grep -q '^critical: gone: no such cursor$' out
	checks 2 cursor -c gone -f prometheus
	clean
}

@test "a cursor that has to be held is critical when nobody reads" {
	start_broker
	events A/B 1 3 | sg-pub
	sg-sub -c one -n 1 --from-start >/dev/null
	checks 0 cursor -c one
	checks 2 cursor -c one --held
	ready reader sg-sub -c one '#'
	checks 0 cursor -c one --held
	grep -q '^ok: one: [0-9]* events behind, held$' out
	checks 0 cursor -c one --held -f json
	jq -e '.figures[] | select(.name == "cursor_held").value == 1' out
}

# Topics.

@test "silent topics are named, the others counted" {
	start_broker
	printf '{"topic":"M/%d/Load","t":%d,"v":1}\n' 1 "$(now)" 2 \
	    $(($(now) - 7200)) 3 $(($(now) - 1800)) | sg-pub
	checks 2 stale -t 'M/+/Load'
	grep -q '^critical: M/2/Load: silent for 2h0m$' out
	grep -q '^critical: M/3/Load: silent for 30m[0-9]*s$' out
	grep -q '^ok: M/+/Load: 2 of 3 topics are silent$' out
	checks 2 stale -t 'M/+/Load' --expect 1h
	[ "$(grep -c ^critical out)" -eq 1 ]
	checks 0 stale -t 'M/+/Load' --expect 3h
	checks 1 stale -t 'M/+/Load' --warning 10m --critical 3h
	[ "$(grep -c ^warning out)" -eq 2 ]
	checks 0 stale -t 'M/#' -t '!M/2/#' -t '!M/3/#'
	checks 2 stale -t 'M/+/Load' -f nagios
	grep -q "^SG STALE CRITICAL - M/2/Load: .*'stale_topics M/+/Load'=3 " out
	checks 2 stale -f json
	jq -e '.figures[] | select(.name == "stale_silent_topics").value == 2' \
	    out
	checks 2 stale -t 'M/1/#' -t 'M/2/#' -f prometheus
	clean
	[ "$(sample stale_silent_topics '{filter="M/1/#"}')" = 0 ]
	[ "$(sample stale_silent_topics '{filter="M/2/#"}')" = 1 ]
}

@test "a filter that no topic matches is critical" {
	start_broker
	events A/B 1 1 | sg-pub
	checks 2 stale --expect 999w -t A/B -t A/C
	grep -q '^critical: A/C: no event is known$' out
	checks 0 stale --expect 999w -t A/B
}

@test "an event from the future is a warning" {
	start_broker
	printf '{"topic":"A","t":%d,"v":1}\n' $(($(now) + 3600)) | sg-pub
	checks 1 stale
	grep -q '^warning: A: .* ahead of the clock$' out
}

@test "thousands of topics come in pages" {
	start_broker
	awk -v t="$(now)" 'BEGIN { for (i = 0; i < 30000; i++)
	    printf "{\"topic\":\"M/%d\",\"t\":%d,\"v\":1,\"note\":\"%060d\"}\n",
		i, t - (i % 100 == 0) * 5000, 0 }' | sg-pub
	checks 2 stale
	grep -q '^ok: #: 300 of 30000 topics are silent$' out
	grep -q '^warning: 100 more silent topics$' out
}

# Keys.

@test "a network's certificates, lists and key files" {
	sg-trust demo net
	checks 0 keys --trust net
	grep -q '^ok: operator: ends in ' out
	grep -q '^ok: keys: [0-9]* files that only their owner can read$' out
	checks 1 keys --trust net --warning 31d
	grep -q '^warning: operator: ' out
	grep -q '^ok: root: ' out
	checks 2 keys --trust net --critical 31d -f nagios
	grep -q '^SG KEYS CRITICAL - ' out
	checks 0 keys --trust net -f prometheus
	clean
	[ "$(sample certificate_left_seconds '{certificate="operator"}')" -gt \
	    2500000 ]
	checks 0 keys --trust net -f json
	jq -e '.code == 0' out
}

@test "what has ended is critical, what was revoked only by name" {
	sg-trust init net
	sg-trust issue --trust net old --ttl 2d
	sg-trust issue --trust net gone --ttl 60d
	sg-trust revoke --trust net gone
	checks 1 keys --trust net
	grep -q '^ok: gone: revoked$' out
	checks 2 keys --trust net net/certs/gone.cert
	grep -q '^critical: gone: revoked$' out
	SG_NOW=@$(($(now) + 5 * 86400)) checks 2 keys --trust net
	grep -q '^critical: old: ended 3d0h ago$' out
}

@test "a revocation list that is due or overdue" {
	sg-trust init net
	sg-trust crl new --trust net --ttl 20d
	checks 0 keys --trust net
	grep -q '^ok: revocations by root: the next list is due in ' out
	SG_NOW=@$(($(now) + 10 * 86400)) checks 1 keys --trust net
	SG_NOW=@$(($(now) + 20 * 86400 + 60)) checks 1 keys --trust net
	grep -q '^warning: revocations by root: the next list is overdue by ' out
	SG_NOW=@$(($(now) + 22 * 86400)) checks 2 keys --trust net
}

@test "a key file that others can read is critical" {
	sg-trust demo net
	checks 0 keys --trust net net/keys/flat12.key
	grep -q '^ok: flat12: ends in ' out
	SG_KEY=net/keys/flat12.key checks 0 keys --trust net
	[ "$(wc -l <out)" -eq 1 ]
	chmod 640 net/keys/flat12.key
	checks 2 keys --trust net net/keys/flat12.key
	grep -q '^critical: net/keys/flat12.key: can be read by others' out
	checks 2 keys --trust net
	grep -q 'net/keys/flat12.key: can be read by others' out
}

@test "a certificate alone, and files that are none" {
	sg-trust demo net
	cp net/certs/flat12.cert .
	checks 0 keys flat12.cert
	grep -q '^ok: flat12: ends in ' out
	echo nonsense >bad.cert
	checks 2 keys bad.cert
	checks 2 keys --trust net bad.cert
	(umask 077 && echo nonsense >bad.key)
	checks 2 keys --trust net bad.key
	chmod g+w net/root.cert
	checks 2 keys --trust net
}

# Spools.

@test "a spool's backlog, its age and its size" {
	events A/B 1 100 >lines
	run -75 sg-pub --spool sp --retry 100ms lines
	checks 0 spool sp
	grep -q '^ok: sp: 100 events wait, the oldest for [0-9]*d[0-9]*h, ' out
	checks 2 spool sp --expect 1h
	checks 2 spool sp --spool-size 4K
	grep -q '% full$' out
	checks 1 spool sp --spool-size 10K --warning 10
	checks 0 spool sp --spool-size 4K --warning 9000 --critical 9000
	checks 0 spool sp -f nagios
	grep -q "^SG SPOOL OK - sp: .*'spool_waiting_events sp'=100 " out
	checks 0 spool sp -f json
	jq -e '.figures[] | select(.name == "spool_waiting_events").value ==
	    100' out
	checks 0 spool sp -f prometheus
	clean
	[ "$(sample spool_waiting_events '{spool="sp"}')" = 100 ]
	start_broker
	sg-pub --spool sp </dev/null
	checks 0 spool sp --expect 1h
	grep -q '^ok: sp: 0 events wait, ' out
}

@test "a spool in use is looked at without hindrance" {
	start_broker
	mkfifo pipe
	background writer sg-pub --spool sp pipe
	exec 7>pipe
	wait_until test -e sp/state
	events A/B 1 5 >&7
	wait_until eval 'checks 0 spool sp && grep -q "^ok: sp: 0 " out &&
	    [ "$(sg-sub -e --from-start A/B | wc -l)" -eq 5 ]'
	exec 7>&-
	# shellcheck disable=SC2154	# set by background
	ends "$writer_pid"
}

# Names from outside.

@test "quotes, bars and backslashes in a name break no format" {
	local odd='s"p|x\y'
	run -75 sg-pub --spool "$odd" --retry 100ms < <(events A 1 1)
	checks 0 spool "$odd" -f json
	jq -e --arg odd "$odd" '.findings[0].subject == $odd' out
	checks 0 spool "$odd" -f prometheus
	clean
	grep -qF 'sg_spool_bytes{spool="s\"p|x\\y"} ' out
	checks 0 spool "$odd" -f nagios
	[ "$(tr -cd '|' <out | wc -c)" -eq 1 ]
	checks 0 spool "$odd"
	grep -qF "ok: $odd: 1 events wait" out
}

# Twins.

# start_pair - Two brokers that are twins; b_url is the other's.
start_pair() {
	b_url=ipc://$TEST_TMP/b
	ready broker sg-broker --name A -d a --twin "$b_url"
	ready other sg-broker --name B -d b.store -l "$b_url" --twin "$(url)"
	wait_until eval 'checks 0 broker -b "$(url),$b_url" -f prometheus &&
	    [ "$(grep -c "^sg_broker_twin_synced.* 1$" out)" -eq 2 ]'
}

@test "a pair in step is fine, and says so of each" {
	start_pair
	checks 0 broker -b "$(url),$b_url"
	grep -q "^ok: $(url): in step with its twin B$" out
	grep -q "^ok: $b_url: in step with its twin A$" out
	checks 0 broker -f nagios
	grep -q "'broker_twin_synced $(url)'=1 " out
	checks 0 broker -f json
	jq -e '.figures[] | select(.name == "broker_twin_connected").value == 1' out
}

@test "a twin that is away is a warning, and critical after a while" {
	start_pair
	kill -KILL "$other_pid"
	wait_until eval 'checks 1 broker --away 1h'
	grep -q "^warning: $(url): its twin B is away for " out
	wait_until eval 'checks 2 broker --away 1s'
	grep -q "^critical: $(url): its twin B is away for " out
	checks 2 broker --away 0 -f prometheus
	clean
	[ "$(sample broker_twin_connected "{url=\"$(url)\"}")" = 0 ]
	[ "$(sample broker_twin_synced "{url=\"$(url)\"}")" = 0 ]
}

# Failover.

# fails STATUS ARGUMENT... - As checks, with time for it.
failover() {
	WAIT_LIMIT=150 checks "$1" failover "${@:2}"
}

# faults - What the rounds were, without the times.
faults() {
	sed -n 's/^[ 0-9.]* \(round .*\)/\1/p' "$1/rounds.log"
}

@test "a pair of brokers loses nothing, whatever fails" {
	failover 0 --rounds 3 --seed 10 --dir logs
	grep -q '^ok: 3 rounds, [0-9]* events acknowledged, 0 lost, 0 duplicated, 0 out of order, seed 10$' out
	[ "$(faults logs | wc -l)" -eq 3 ]
	[ -e logs/broker-A.log ]
}

@test "a pair without disks loses nothing either, at another rate" {
	failover 0 --memory --rounds 2 --kinds kill,stop --rate 100 -f json
	jq -e '.code == 0 and
	    ([.figures[] | select(.name == "failover_lost").value] == [0])' out
	[ -z "$(find . -name 'sg-check.*')" ]
}

@test "the same seed makes the same faults, --for ends the rounds" {
	failover 0 --rounds 2 --kinds restart,kill --seed 4 --dir one
	failover 0 --for 500ms --kinds restart,kill --seed 4 --dir two
	[ "$(faults one | wc -l)" -eq 2 ]
	diff <(faults one | head -n 1) <(faults two | head -n 1)
}

# tampered PROGRAM - From now on the programs are those of a folder where
# sg-sub's output goes through that awk program.
tampered() {
	mkdir bin
	cp "$SG_BIN/sg-check" bin
	ln -s "$SG_BIN/sg-broker" "$SG_BIN/sg-pub" bin
	cat >bin/sg-sub <<-END
		#!/bin/bash
		exec > >(exec awk '{ $1; fflush() }')
		exec "$SG_BIN/sg-sub" "\$@"
	END
	chmod +x bin/sg-sub
	PATH=$TEST_TMP/bin:$PATH
}

@test "a lost event is found" {
	tampered 'if (NR != 30) print'
	failover 2 --rounds 1 --kinds restart -f nagios
	grep -qE '^SG FAILOVER CRITICAL - .* 4 lost, 0 duplicated, 0 out of order' out
	grep -q "'failover_lost'=4 " out
	grep -q 'lost: p[1-5] [0-9]* at s' out
	[ -e sg-check.*/rounds.log ]
}

@test "an event that comes twice is found" {
	tampered 'print; if (NR == 30) print'
	failover 2 --rounds 1 --kinds restart -f prometheus
	clean
	[ "$(sample failover_duplicated '')" = 4 ]
	[ "$(sample failover_lost '')" = 0 ]
}

@test "events in another order are found" {
	tampered 'if (/"p1"/ && ++n == 9) held = $0; else print
	    if (n == 10 && held) { print held; held = "" }'
	failover 2 --rounds 1 --kinds restart -f json
	jq -e '[.figures[] | select(.name == "failover_disordered").value] ==
	    [4]' out
	jq -e '.findings[] | select(.text | startswith("out of order: p1 9 "))' out
}

@test "what cannot be started is unknown" {
	mkdir bin
	cp "$SG_BIN/sg-check" bin
	ln -s /bin/false bin/sg-broker
	checks 3 failover --rounds 1 --dir "$(printf 'x%.0s' {1..100})"
	grep -q "too long for a socket" out
	PATH=$TEST_TMP/bin:$PATH
	checks 3 failover --rounds 1
	grep -q '^unknown: a broker has ended' out
}

@test "progress is for terminals" {
	need_command script
	failover 0 --rounds 1 --kinds restart
	[ ! -s err ]
	WAIT_LIMIT=60 timeout 60 script -qec \
	    "sg-check failover --rounds 1 --kinds restart" /dev/null \
	    </dev/null >typed
	grep -q '1 rounds, [0-9]* events acknowledged, 0 faults' typed
}
