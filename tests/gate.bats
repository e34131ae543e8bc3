# A broker with a key: who gets in, what each may do, who loses it again, and
# those who only want to harm.  Refusals first.

load helpers

# A network of a broker, a publisher, a reader and who else a test needs.
setup() {
	common_setup
	export SG_TRUST=$TEST_TMP/net
	sg-trust -q init "$SG_TRUST" >/dev/null
	issue --role broker --names 127.0.0.1 a
	issue --pub 'T/pub/#,STATUS/pub' --via 'meters/+' pub
	issue --subs 'T/#' --deny 'T/pub/secret/#' reader
}

issue() {
	sg-trust -q issue "$@" >/dev/null
}

key() {
	echo "$SG_TRUST/keys/$1.key"
}

# start_gate [OPTION]... - A broker with a key on tcp and the default socket;
# SG_BROKER is its tcp address.
start_gate() {
	start_memory_broker -k "$(key a)" -l tcp://127.0.0.1:0 \
	    -l "ipc://$XDG_RUNTIME_DIR/sg/broker" "$@"
	SG_BROKER=$(broker_tcp)
	export SG_BROKER
}

# As NAME COMMAND... - The command with the key of NAME.
as() {
	local who=$1
	shift
	SG_KEY=$(key "$who") "$@"
}

# ask JSON-AND-LINES - In plain text, as the broker's owner may over ipc.
ask() {
	nngcat --req --dial "ipc://$XDG_RUNTIME_DIR/sg/broker" --raw \
	    --recv-timeout 5 --data "$1"
}

# gets_in NAME - There is a session for it, and nothing to read.
gets_in() {
	run as "$1" sg-sub -e 'T/#'
	[ "$status" -eq 1 ]
}

stored() {
	ask '{"op":"stat"}' | jq .events_in
}

state() {
	ask '{"op":"stat"}' | jq -e "$1"
}

event() {
	printf '{"topic":"%s","t":%s,"v":%s}\n' "$@"
}

# --- the broker's own key ---

@test "with a pre-shared key nobody gets in without it or with another" {
	local other
	cp -r "$SG_TRUST" without
	head -c 32 /dev/urandom | basenc --base64url | tr -d = >"$SG_TRUST/psk"
	chmod 600 "$SG_TRUST/psk"
	cp -r "$SG_TRUST" another
	head -c 32 /dev/urandom | basenc --base64url | tr -d = >another/psk
	start_gate
	for other in without another; do
		SG_TRUST=$PWD/$other run -69 as reader \
		    sg-sub --retry 100ms -e 'T/#'
		[[ "$output" == *"another pre-shared key (psk)?" ]]
	done
	grep -q 'malformed handshake, or of another pre-shared key' broker.err
	grep -q 'handshake forged, or of another' broker.err
	gets_in reader
}

@test "a key that is not a broker's ends with 78 and says whose it is" {
	run sg-broker --memory -k "$(key pub)"
	[ "$status" -eq 78 ]
	[[ $output == *"keys/pub.key: the certificate of pub is for an actor"* ]]
}

@test "--name has to be the certificate's subject, and is by default" {
	run sg-broker --memory -k "$(key a)" --name b
	[ "$status" -eq 78 ]
	[[ $output == *'"b" is not the certificate'"'"'s subject, "a"'* ]]
	start_gate --name a
	state '.name == "a"'
}

@test "a key that others can read, and a network that is not there, end with 78" {
	chmod 644 "$(key a)"
	run sg-broker --memory -k "$(key a)"
	[ "$status" -eq 78 ]
	[[ $output == *"keys/a.key"* ]]
	chmod 600 "$(key a)"
	run sg-broker --memory -k "$(key a)" --trust "$TEST_TMP/none"
	[ "$status" -eq 78 ]
}

@test "a wrong passphrase ends with 77, the right one with a broker" {
	printf 'open\n' >right
	printf 'shut\n' >wrong
	sg-trust -q issue --role broker --names 127.0.0.1 --passphrase \
	    --pass-fd 7 locked 7<right >/dev/null
	run sg-broker --memory -k "$(key locked)" --pass-fd 7 7<wrong
	[ "$status" -eq 77 ]
	ready broker sg-broker --memory -k "$(key locked)" --pass-fd 7 7<right
	[ "$(ask '{"op":"hello"}' | jq -r .name)" = locked ]
}

# --- who gets in ---

@test "plain text over tcp is refused, over ipc it is the owner's" {
	start_gate
	run sg-pub --insecure </dev/null
	[ "$status" -eq 77 ]
	[[ $output == *"wants a session here"* ]]
	event T/pub/x 1 1 | SG_BROKER='' sg-pub
	[ "$(stored)" -eq 1 ]
}

@test "--insecure with a key takes both, with a warning" {
	start_gate --insecure
	grep -q 'warning: tcp://.*no authentication' broker.err
	event T/pub/x 1 1 | sg-pub --insecure
	event T/pub/x 1 1 | as pub sg-pub
	[ "$(stored)" -eq 2 ]
}

@test "a broker without a key says so to who wants a session" {
	start_memory_broker -l tcp://127.0.0.1:0 --insecure
	run as pub sg-pub -b "$(broker_tcp)" --retry 2s </dev/null
	[ "$status" -ne 0 ]
	grep -q 'wants a session; there is no key' broker.err
}

@test "who has a certificate of another network gets no session (T26)" {
	start_gate
	sg-trust -q init other >/dev/null
	sg-trust -q issue --trust other --pub '#' --subs '#' pub >/dev/null
	SG_TRUST=other run sg-pub -k other/keys/pub.key --retry 2s </dev/null
	[ "$status" -ne 0 ]
	state '.sessions == 0 and .handshakes_failed > 0'
}

# --- what each may do ---

@test "events outside the patterns of pub are refused, each with the rule (T06)" {
	start_gate
	{ event T/pub/x 1 1; event T/other/x 1 1; event T 1 1
	  event T/pub/y 1 1; } >in
	run as pub sg-pub in
	[ "$status" -eq 77 ]
	[[ $output == *"in:2: "*"denied: no pub pattern of pub covers T/other/x"* ]]
	[[ $output == *"in:3: "*"covers T"* ]]
	[ "$(stored)" -eq 2 ]
}

@test "events of others cannot be published again with another certificate (T05)" {
	issue --pub 'T/#' thief
	start_gate
	awk 'BEGIN { for (i = 1; i <= 10000; i++)
		printf "{\"topic\":\"T/pub/x\",\"t\":%d,\"v\":1,\"src\":\"pub\"," \
		    "\"ep\":1,\"seq\":%d,\"kid\":\"k\",\"sig\":\"s\"}\n", i, i }' >old
	run as thief sg-pub old
	[ "$status" -eq 77 ]
	[[ $output == *"denied: not owner of src pub"* ]]
	[ "$(stored)" -eq 0 ]
	as pub sg-pub old
	[ "$(stored)" -eq 10000 ]
}

@test "src may be one that via covers, and no other" {
	start_gate
	{ printf '{"topic":"T/pub/x","t":1,"v":1,"src":"meters/7"}\n'
	  printf '{"topic":"T/pub/x","t":1,"v":1,"src":"meters/7/8"}\n'
	  printf '{"topic":"T/pub/x","t":1,"v":1,"src":"\\u0070ub"}\n'; } >in
	run as pub sg-pub in
	[ "$status" -eq 77 ]
	[[ $output == *"in:2: "*"not owner of src meters/7/8"* ]]
	[ "$(stored)" -eq 2 ]
}

@test "filters wider than subs are refused with 77 and the rule (T07)" {
	issue --subs 'A/b/C' narrow
	start_gate
	local filter
	for filter in '#' '+' 'A/+/C' 'A/b/#' '$SG/#' '$SG/TRUST/CRL/+'; do
		run as narrow sg-sub -e --from-start "$filter"
		[ "$status" -eq 77 ]
		[[ $output == *"no subs pattern of narrow covers $filter"* ]]
		run as narrow sg-sub --last "$filter"
		[ "$status" -eq 77 ]
	done
	run as narrow sg-sub -c mine -e 'A/b/C' 'A/#'
	[ "$status" -eq 77 ]
	[[ $output == *"covers A/#"* ]]
}

@test "what deny names is left out: live, stored and newest values (T07)" {
	start_gate
	awk 'BEGIN { for (i = 0; i < 20000; i++)
		printf "{\"topic\":\"T/pub/%s\",\"t\":%d,\"v\":1}\n",
		    i % 2 ? "secret/x" : "open", i }' >in
	ready live as reader sg-sub -n 10000 'T/#'
	as pub sg-pub in
	ends "$live_pid" 0
	as reader sg-sub -e --from-start 'T/#' >stored.out
	as reader sg-sub --last 'T/#' >last.out
	[ "$(wc -l <live.out)" -eq 10000 ]
	[ "$(wc -l <stored.out)" -eq 10000 ]
	[ "$(wc -l <last.out)" -eq 1 ]
	! grep -q secret live.out stored.out last.out
	run as reader sg-sub -e --from-start 'T/pub/secret/x'
	[ "$status" -eq 77 ]
	[[ $output == *"deny pattern T/pub/secret/# of reader"* ]]
}

@test "the publisher's name is the certificate's subject" {
	start_gate
	event T/pub/x 1 1 | as pub sg-pub
	[ "$(as reader sg-sub -e --from-start --meta 'T/#' | jq -r .from)" = pub ]
}

@test "a durable cursor is its subject's own" {
	issue --subs 'T/#' second
	start_gate
	for i in 1 2 3; do event T/pub/x $i $i; done | as pub sg-pub
	as reader sg-sub -c c -e --from-start 'T/#' >first.out
	as second sg-sub -c c -e --from-start 'T/#' >second.out
	[ "$(wc -l <first.out)" -eq 3 ]
	[ "$(wc -l <second.out)" -eq 3 ]
	state '.cursors | keys == ["reader c", "second c"]'
}

@test "a broker's certificate can neither publish nor read (T11)" {
	issue --role broker --names 127.0.0.1 b
	start_gate
	run as b sg-sub -e --from-start T/x
	[ "$status" -eq 77 ]
	[[ $output == *"may not act as an actor"* ]]
	event T/pub/x 1 1 >in
	run as b sg-pub in
	[ "$status" -eq 77 ]
	[ "$(stored)" -eq 0 ]
}

# --- quotas ---

@test "topics beyond the quota are refused, others are not affected (T20)" {
	issue --pub 'T/#' --limit topics=100 greedy
	start_gate
	awk 'BEGIN { for (i = 0; i < 20000; i++)
		printf "{\"topic\":\"T/g/%d\",\"t\":1,\"v\":1}\n", i }' >in
	run as greedy sg-pub in
	[ "$status" -eq 77 ]
	[[ $output == *"denied: topics quota of greedy (100) is used up"* ]]
	# The frames that were refused whole are one topic more, the broker's.
	state '.topics == 101 and .events_in == 100'
	event T/pub/new 1 1 | as pub sg-pub
	event T/g/7 1 1 | as greedy sg-pub
	state '.topics == 102 and .events_in == 102'
}

@test "who publishes more a second than it may has to wait, and loses nothing" {
	issue --pub 'T/#' --limit eps=5000 slow
	start_gate
	awk 'BEGIN { for (i = 0; i < 15000; i++)
		printf "{\"topic\":\"T/s\",\"t\":%d,\"v\":1}\n", i }' >in
	split -l 2500 in part.
	for part in part.*; do
		as slow sg-pub "$part"
	done
	state '.events_in == 15000 and .busy > 0'
}

@test "connections of an actor are limited, those of others are not" {
	issue --subs 'T/#' --limit conn=2 few
	start_gate
	ready one as few sg-sub 'T/#'
	ready two as few sg-sub 'T/#'
	run as few sg-sub --retry 1s 'T/#'
	[ "$status" -ne 0 ]
	grep -q 'connections quota of few (2) is used up' broker.err
	gets_in reader
}

@test "the options set what a certificate does not" {
	start_gate --actor-topics 3 --actor-cursors 1 --actor-events 100 \
	    --actor-connections 1
	for i in 1 2 3 4 5; do event T/pub/$i 1 1; done >in
	run as pub sg-pub in
	[ "$status" -eq 77 ]
	[[ $output == *"topics quota of pub (3) is used up"* ]]
	run as reader sg-sub -c one -e 'T/#'
	run as reader sg-sub -c two -e 'T/#'
	[ "$status" -ne 0 ]
	[[ $output == *"too many cursors"* ]]
	for i in $(seq 300); do event T/pub/1 "$i" 1; done >in
	as pub sg-pub in
	as pub sg-pub in
	state '.events_in == 603 and .busy > 0'
	ready live as reader sg-sub 'T/#'
	run as reader sg-sub --retry 1s -e 'T/#'
	[ "$status" -ne 0 ]
	grep -q 'connections quota of reader (1)' broker.err
}

@test "--actor-bytes makes who sends more wait" {
	start_gate --actor-bytes 10K
	for i in $(seq 1000); do event T/pub/1 "$i" 1; done >in
	as pub sg-pub in
	event T/pub/1 1 1 | as pub sg-pub
	state '.events_in == 1001 and .busy > 0'
}

@test "who does not authenticate is cut off after --auth-timeout, and makes room" {
	start_gate --auth-timeout 1s --max-strangers 8
	background attack "$ROOT/tests/attack.py" "${SG_BROKER##*:}" \
	    127.0.0.2 6 0 0
	wait_lines 2 attack.out
	ends "$attack_pid" 0
	grep -q 'did not authenticate in time' broker.err
	grep -q 'too many unauthenticated connections of this address' broker.err
	gets_in reader
}

@test "an address that fails handshakes has to wait, another has not" {
	start_gate --max-handshakes 3 --max-handshakes-all 100
	background attack "$ROOT/tests/attack.py" "${SG_BROKER##*:}" \
	    127.0.0.2 0 0 20
	wait_until grep -q '127.0.0.2:.*too many handshakes' broker.err
	gets_in reader
	ends "$attack_pid" 0
	stop_broker
	start_gate --max-handshakes 0 --max-handshakes-all 1
	for i in 1 2; do gets_in reader; done
	background attack "$ROOT/tests/attack.py" "${SG_BROKER##*:}" \
	    127.0.0.2 0 0 5
	wait_until grep -q 'too many handshakes' broker.err
}

# --- who loses it again ---

@test "a revocation ends live sessions within 2 seconds, without restart (T10)" {
	start_gate
	ready live as reader sg-sub 'T/#'
	state '.sessions == 1'
	local before
	before=$(date +%s%N)
	sg-trust -q revoke reader >/dev/null
	wait_until state '.sessions == 0 and .sessions_ended == 1'
	sanitized || [ $(($(date +%s%N) - before)) -lt 4000000000 ]
	ends "$live_pid" 77
	grep -q revoked live.err
	run as reader sg-sub -e 'T/#'
	[ "$status" -eq 77 ]
	event T/pub/x 1 1 | as pub sg-pub
}

@test "a revocation list that is published acts, too, and is kept" {
	issue --pub '$SG/TRUST/CRL/+' manager
	start_gate
	ready live as reader sg-sub 'T/#'
	cp -r "$SG_TRUST" elsewhere
	sg-trust -q --trust elsewhere revoke reader >/dev/null
	sg-trust --trust elsewhere crl --event >list
	run as pub sg-pub list
	[ "$status" -eq 77 ]
	[[ $output == *"denied: no pub pattern of pub covers"* ]]
	sed 's/"num":[0-9]*/"num":99/' list >forged
	run as manager sg-pub forged
	[ "$status" -eq 65 ]
	state '.sessions == 1 and .events_in == 0'
	for _ in $(seq 40); do cat forged; done >flood
	run as manager sg-pub flood
	[ "$status" -eq 65 ]
	[[ $output == *"too many revocation lists at once"* ]]
	as manager sg-pub list
	ends "$live_pid" 77
	[ -s "$(echo "$SG_TRUST"/crl/*.crl)" ]
	run as reader sg-sub -e 'T/#'
	[ "$status" -eq 77 ]
}

@test "a session ends with its certificate" {
	issue --subs 'T/#' --ttl 3s brief
	start_gate
	ready live as brief sg-sub 'T/#'
	wait_until state '.sessions == 0 and .sessions_ended == 1'
	ends "$live_pid" 77
	grep -q expired live.err
}

@test "an overdue revocation list ends no session but lets none begin, unless --crl-soft" {
	SG_NOW=-120d sg-trust -q init old >/dev/null
	export SG_TRUST=$TEST_TMP/old
	SG_NOW=-120d sg-trust -q crl new >/dev/null
	issue --role broker --names 127.0.0.1 a
	issue --subs 'T/#' reader
	cp -r "$SG_TRUST" client
	rm -r client/crl
	start_gate
	SG_TRUST=client run as reader sg-sub -e 'T/#'
	[ "$status" -eq 77 ]
	[[ $output == *overdue* ]]
	stop_broker
	start_gate --crl-soft
	SG_TRUST=client gets_in reader
	grep -q 'warning: session of reader: .*overdue' broker.err
}

@test "HUP reads certificates again; a bad file leaves the old and is named" {
	start_gate
	ready live as reader sg-sub -n 1 'T/#'
	printf '{"v":1}\n' >"$SG_TRUST/certs/bad.cert"
	kill -HUP "$broker_pid"
	wait_until grep -q 'old keys and certificates stay: .*certs/bad.cert:1: ' \
	    broker.err
	rm "$SG_TRUST/certs/bad.cert"
	event T/pub/x 1 1 | as pub sg-pub
	ends "$live_pid" 0
	issue --pub 'T/late/#' late
	kill -HUP "$broker_pid"
	wait_until grep -q 'certificates were read again' broker.err
	event T/late/x 1 1 | as late sg-pub
}

# --- who only wants to harm ---

@test "silent, senseless and half connections of one address do not keep others out (T14)" {
	start_gate
	local port=${SG_BROKER##*:} before rss
	rss=$(awk '/^RssAnon/ { print $2 }' "/proc/$broker_pid/status")
	background attack "$ROOT/tests/attack.py" "$port" 127.0.0.2 500 200 50
	before=$(date +%s%N)
	wait_until state '.strangers > 10'
	gets_in reader
	event T/pub/x 1 1 | as pub sg-pub
	sanitized || [ $(($(date +%s%N) - before)) -lt 5000000000 ]
	wait_lines 2 attack.out
	ends "$attack_pid" 0
	[ "$(awk 'NR == 2 { print $1 <= 12 }' attack.out)" = 1 ]
	state '.strangers == 0'
	sanitized ||
	    [ "$(awk '/^RssAnon/ { print $2 }' "/proc/$broker_pid/status")" -lt \
		$((rss + 65536)) ]
}

@test "what is no SP, or too long, is cut off (T15, T19)" {
	start_gate
	local port=${SG_BROKER##*:} bad
	for bad in 'GET / HTTP/1.1\r\n\r\n' '\x16\x03\x01\x02\x00\x01' \
	    '\0SP\0\0\x31\0\0' \
	    '\0SP\0\0\x30\0\0\0\0\0\0\0\0\0\0' \
	    '\0SP\0\0\x30\0\0\0\0\0\0\0\0\0\3abc' \
	    '\0SP\0\0\x30\0\0\0\0\0\0\0\x20\0\1' \
	    '\0SP\0\0\x30\0\0\0\0\0\2\0\0\0\0' \
	    '\0SP\0\0\x30\0\0\x40\0\0\0\0\0\0\0' \
	    '\0SP\0\0\x30\0\0\xff\xff\xff\xff\xff\xff\xff\xff' \
	    '\0SP\0\0\x30\0\0\0\0\0\0\0\x10\0\1\x80\0\0\1half'; do
		exec 8<>"/dev/tcp/127.0.0.1/$port"
		# shellcheck disable=SC2059	# escapes are meant
		printf "$bad" >&8
		closed_by_peer 8
		exec 8>&-
	done
	gets_in reader
}

@test "50 readers that do not read cost the others nothing (T08, T16)" {
	issue --subs 'T/#' second
	start_gate
	local i who pids=()
	for i in $(seq 50); do
		who=reader
		[ $((i % 2)) -eq 0 ] || who=second
		ready "r$i" sg-sub -k "$(key $who)" 'T/#'
		who=r${i}_pid
		pids+=("${!who}")
	done
	kill -STOP "${pids[@]}"
	ready live as reader sg-sub -n 100000 'T/pub/x'
	awk 'BEGIN { for (i = 0; i < 100000; i++)
		printf "{\"topic\":\"T/pub/x\",\"t\":%d,\"v\":1}\n", i }' >in
	as pub timeout "$WAIT_LIMIT" sg-pub in
	ends "$live_pid" 0
	[ "$(wc -l <live.out)" -eq 100000 ]
	sanitized ||
	    [ "$(awk '/^RssAnon/ { print $2 }' "/proc/$broker_pid/status")" -lt \
		400000 ]
}
