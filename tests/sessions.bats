# sg-pub and sg-sub with a key: whom they trust, who trusts them, what they
# say when it is not so, and that nothing is lost meanwhile.  Refusals first.

load helpers

setup() {
	common_setup
	trust_network
	unset SG_KEY
}

key() {
	echo "$SG_TRUST/keys/$1.key"
}

as() {
	local who=$1
	shift
	SG_KEY=$(key "$who") "$@"
}

# expect STATUS COMMAND... - stdout to out, stderr to err.
expect() {
	local want=$1 got=0
	shift
	"$@" >out 2>err || got=$?
	[ "$got" -eq "$want" ] && return
	echo "status $got, expected $want: $*"
	cat err
	return 1
}

# start_gate [OPTION]... - broker-a on tcp, $URL, and the default socket.
start_gate() {
	start_memory_broker -l tcp://127.0.0.1:0 \
	    -l "ipc://$XDG_RUNTIME_DIR/sg/broker" "$@"
	URL=$(broker_tcp)
}

# power NAME FROM TO - Lines that NAME may publish.
power() {
	events "MEASUREMENT/SENSOR/$1/Power" "$2" "$3"
}

@test "tcp without a key is refused, 78, and --insecure alone is not enough" {
	expect 78 sg-pub -b tcp://127.0.0.1:1 </dev/null
	grep -q 'error: tcp://127.0.0.1:1: .*: give a key (-k) or --insecure' err
	[ "$(wc -l <err)" -eq 1 ]
	expect 78 sg-sub -b tcp://127.0.0.1:1
	grep -q 'give a key (-k) or --insecure' err
	expect 78 sg-sub -b "ipc://$TEST_TMP/none,tcp://127.0.0.1:1"
	start_gate
	expect 77 sg-pub --insecure -b "$URL" </dev/null
	grep -q "error: $URL: this broker wants a session" err
	expect 77 sg-sub --insecure -b "$URL"
	grep -q 'give a key (-k)' err
}

@test "a key file that others can read is refused, 78" {
	chmod 644 "$(key flat12)"
	expect 78 as flat12 sg-pub -b tcp://127.0.0.1:1 </dev/null
	grep -q "error: $(key flat12): can be read by others" err
	expect 78 as flat12 sg-sub
	expect 78 sg-sub -k "$TEST_TMP/none.key"
	grep -q "none.key: " err
}

@test "a broker without a key has no sessions, 77" {
	broker_key='' start_memory_broker
	expect 77 as flat12 sg-pub </dev/null
	grep -q 'this broker has no key, so there are no sessions' err
	expect 77 as archive sg-sub
	grep -q 'no sessions' err
}

@test "a broker with another name than was dialled is refused, and what to dial said" {
	start_gate
	power flat12 1 3 >in
	expect 77 as flat12 sg-pub -b "tcp://broker-b@${URL#tcp://}" in
	grep -q "the broker is \"broker-a\", its certificate does not name" err
	dial=$(sed 's/.*: dial //' err)
	[ "$dial" = "tcp://broker-a@${URL#tcp://}" ]
	expect 77 as archive sg-sub -b "ipc://broker-b@$XDG_RUNTIME_DIR/sg/broker"
	grep -q 'dial ipc://broker-a@/' err
	expect 1 as archive sg-sub -b "$dial" -e '#'
	expect 0 as flat12 sg-pub -b "$dial" in
	expect 0 as archive sg-sub -e '#'
	[ "$(wc -l <out)" -eq 3 ]
}

@test "a broker of another network is refused, 77, and gets nothing" {
	start_gate
	sg-trust demo other
	power flat12 1 3 >in
	SG_TRUST=other expect 77 sg-pub -k other/keys/flat12.key -b "$URL" in
	grep -q "$URL: the broker is of another network" err
	SG_TRUST=other expect 77 sg-sub -k other/keys/archive.key
	expect 1 as archive sg-sub -e '#'
}

@test "a broker is no actor: its key publishes and reads nothing, 77" {
	start_gate
	expect 77 as broker-b sg-pub -b "$URL" < <(power broker-b 1 1)
	grep -q "denied by the broker: a broker's certificate may not act" err
	expect 77 as broker-b sg-sub -b "$URL"
	grep -q "denied: a broker's certificate may not act" err
}

@test "a subscription that is denied is status 77 and names the rule" {
	start_gate
	expect 77 as flat12 sg-sub -b "$URL" '#'
	grep -q 'denied: no subs pattern of flat12 covers #' err
	expect 77 as flat12 sg-sub -c mine 'MEASUREMENT/#'
	expect 77 as flat12 sg-sub --last '#'
	expect 77 as aggregator-1 sg-sub 'COMMAND/flat13/x'
	grep -q 'denied: ' err
	expect 1 as flat12 sg-sub -e 'COMMAND/flat12/#'
}

@test "a line that is denied is named with its rule, the others go on, 77" {
	start_gate
	{
		power flat12 1 1
		power flat13 2 2
		echo bad
		power flat12 3 3
	} >in
	expect 77 as flat12 sg-pub -b "$URL" in
	grep -q 'error: in:2: refused by the broker: denied: .*flat12' err
	grep -q 'error: in:3: ' err
	grep -q 'warning: 2 of 4 lines refused' err
	expect 0 as archive sg-sub -e '#'
	[ "$(values out | tr '\n' ' ')" = '1 3 ' ]
	expect 0 as flat12 sg-pub --dead dead in
	[ "$(wc -l <dead)" -eq 2 ]
	expect 65 as flat12 sg-pub < <(echo bad)
	expect 77 as flat12 sg-pub --spool spool < <(power flat13 1 1)
}

@test "src is the subject, or what its via patterns match" {
	start_gate
	power flat12 1 1 | expect 0 as flat12 sg-pub -b "$URL"
	expect 77 as flat12 sg-pub --src flat13 </dev/null
	grep -q -- '--src flat13: not flat12 and in none of its via' err
	expect 77 as flat12 sg-pub < <(power flat12 2 2 |
	    sed 's/^{/{"src":"flat13",/')
	grep -q 'stdin:1: refused by the broker: denied: ' err
	events MEASUREMENT/METER/meter-01/x 3 3 |
	    expect 0 as concentrator sg-pub --src meter-01
	expect 0 as archive sg-sub -e --meta '#'
	jq -r '[.v, .src, .from] | join(" ")' out >got
	printf '1 flat12 flat12\n3 meter-01 concentrator\n' | cmp - got
	expect 0 as archive sg-sub -e -f csv --columns v,from '#'
	grep -q '^3,concentrator' out
}

@test "events are the same over tcp and ipc, in a session and plain" {
	start_gate
	power flat12 1 20000 >in
	expect 0 as flat12 sg-pub --stats -b "$URL" in
	grep -q '"out":20000,"bad":0' err
	expect 0 as archive sg-sub -b "$URL" -e '#'
	cp out tcp
	expect 0 as archive sg-sub -e '#'
	cmp out tcp
	expect 0 sg-sub -e '#'
	cmp out tcp
	values in >want
	values tcp | cmp - want
	SG_LOG=json expect 77 as flat12 sg-sub '#'
	jq -e '.level == "error" and (.msg | contains("denied"))' err
}

@test "lines longer than a record go through a session whole" {
	start_gate
	awk 'BEGIN { s = sprintf("%300000s", ""); gsub(/ /, "x", s)
		for (i = 1; i <= 3; i++) printf "{\"topic\":\"STATUS/flat12/%d\"," \
		    "\"t\":1,\"vs\":\"%s\"}\n", i, s }' >in
	expect 0 as flat12 sg-pub -b "$URL" in
	expect 0 as archive sg-sub -b "$URL" -e '#'
	jq -r .vs in >want
	jq -r .vs out | cmp - want
}

@test "a passphrase is read from --pass-fd, a wrong one is status 77" {
	start_gate
	echo geheim >pass
	sg-trust issue --passphrase --pass-fd 8 --subs '#' safe 8<pass >/dev/null
	expect 77 as safe sg-sub -b "$URL" -e --pass-fd 8 8< <(echo falsch)
	expect 1 as safe sg-sub -b "$URL" -e --pass-fd 8 8<pass
	run ! grep -q geheim err
}

@test "--trust names the network where SG_TRUST does not" {
	start_gate
	network=$SG_TRUST
	unset SG_TRUST
	expect 78 sg-pub -k "$network/keys/flat12.key" </dev/null
	expect 0 sg-pub -k "$network/keys/flat12.key" --trust "$network" \
	    < <(power flat12 1 1)
	expect 0 sg-sub -k "$network/keys/archive.key" --trust "$network" -e
}

@test "a revocation list is published as any event" {
	start_gate
	sg-trust revoke flat13 >/dev/null
	sg-trust crl --event >list
	expect 77 as flat12 sg-pub <list
	expect 0 as operator sg-pub <list
	grep -q 'TRUST/CRL' list
	expect 65 as operator sg-pub \
	    < <(echo '{"topic":"$SG/TRUST/x","t":1,"v":1}')
	grep -q 'topic: reserved' err
	expect 77 as flat13 sg-sub -b "$URL"
	grep -q 'revoked' err
}

@test "a quota that is used up makes sg-pub wait, and loses nothing" {
	start_gate --actor-events 2000
	power flat12 1 7000 >in
	expect 0 as flat12 sg-pub -v -b "$URL" in
	grep -q 'as much as the broker allows: waiting' err
	expect 0 as archive sg-sub -e '#'
	values in >want
	values out | cmp - want
}

@test "who is revoked while connected is told so and ends with 77" {
	start_gate
	ready reader sg-sub -k "$(key display)" -b "$URL" 'MEASUREMENT/#'
	mkfifo feed
	exec 7<>feed
	ready writer sg-pub -k "$(key flat12)" -b "$URL" feed
	power flat12 1 1 >&7
	wait_lines 1 reader.out
	sg-trust revoke display >/dev/null
	sg-trust revoke flat12 >/dev/null
	# shellcheck disable=SC2154	# set by ready
	ends "$reader_pid" 77
	# shellcheck disable=SC2154	# set by ready
	ends "$writer_pid" 77
	exec 7>&-
	grep -q "error: $URL: .*revoked" reader.err
	grep -q "error: $URL: .*revoked" writer.err
}

@test "a certificate that ends while connected ends the reader, 77" {
	start_gate
	sg-trust issue --subs '#' --ttl 3s brief >/dev/null
	ready reader sg-sub -k "$(key brief)" -b "$URL" '#'
	# shellcheck disable=SC2154	# set by ready
	ends "$reader_pid" 77
	grep -q 'expired' reader.err
}

@test "a certificate that was renewed is taken up while connected" {
	start_gate
	sg-trust issue --subs '#' --ttl 4s brief >/dev/null
	ready reader sg-sub -k "$(key brief)" -b "$URL" 'MEASUREMENT/#'
	sg-trust renew --ttl 1h brief >/dev/null
	wait_until grep -q 'session of brief ends' broker.err
	power flat12 1 3 | as flat12 sg-pub -b "$URL"
	wait_lines 3 reader.out
	[ "$(values reader.out | tr '\n' ' ')" = '1 2 3 ' ]
}

@test "a session is replaced in time, and nothing is lost" {
	start_gate -v
	# A session is replaced 120 s before its end.
	sg-trust issue --pub '#' --ttl 122s brief >/dev/null
	mkfifo feed
	exec 7<>feed
	ready writer sg-pub -k "$(key brief)" -b "$URL" feed
	v=0
	replaced() {
		v=$((v + 1))
		events A/B $v $v >&7
		[ "$(grep -c ': session of brief ' broker.err)" -ge 2 ]
	}
	wait_until replaced
	# shellcheck disable=SC2154	# set by ready
	kill -TERM "$writer_pid"
	ends "$writer_pid" 143
	exec 7>&-
	expect 0 sg-sub -e 'A/#'
	events A/B 1 $v | values >want
	values out | cmp - want
}

@test "a denial is told rather than that the next of the list is away" {
	start_gate
	expect 69 as flat12 sg-pub --retry 300ms \
	    -b "tcp://broker-b@${URL#tcp://},tcp://127.0.0.1:1" </dev/null
	grep -q 'the broker is "broker-a"' err
	[ "$(wc -l <err)" -eq 1 ]
}

@test "a reader survives a broker that is killed, and misses nothing" {
	start_broker
	ready reader sg-sub -k "$(key archive)" 'MEASUREMENT/#'
	power flat12 1 1000 | as flat12 sg-pub
	kill_broker
	start_broker
	power flat12 1001 2000 | as flat12 sg-pub
	wait_lines 2000 reader.out
	power flat12 1 2000 | values >want
	values reader.out | cmp - want
}

@test "a spool is delivered in a session, by the next broker if need be" {
	power flat12 1 1000 >in
	expect 75 as flat12 sg-pub --spool spool --retry 100ms \
	    -b tcp://127.0.0.1:1 in
	broker_key='' start_gate -k "$(key broker-b)"
	power flat12 1001 1010 | expect 0 as flat12 sg-pub --spool spool \
	    -b "tcp://127.0.0.1:1,$URL"
	expect 0 as archive sg-sub -e '#'
	power flat12 1 1010 | values >want
	values out | cmp - want
	expect 77 as flat13 sg-pub --spool spool </dev/null
	grep -q "spool spool: it is flat12's, the key is flat13's" err
}

@test "a broker that denies does not hide the next one of the list" {
	start_gate
	ready second sg-broker --memory -k "$(key broker-b)" -l tcp://127.0.0.1:0
	second=$(sed -n 's/.*listening on \(tcp:[^ ]*\).*/\1/p' second.err)
	power flat12 1 3 | expect 0 as flat12 sg-pub \
	    -b "tcp://broker-b@${URL#tcp://},tcp://broker-b@${second#tcp://}"
	expect 0 as archive sg-sub -b "$second" -e '#'
	[ "$(wc -l <out)" -eq 3 ]
}

@test "no secret is in core dumps, arguments or environment" {
	start_gate
	ready reader sg-sub -k "$(key archive)" -b "$URL" '#'
	# shellcheck disable=SC2154	# set by ready
	grep -Eq '^Max core file size +0 +0 ' "/proc/$reader_pid/limits"
	# Only of a process that may be dumped does /proc belong to its user.
	if [ "$(id -u)" -ne 0 ]; then
		run ! cat "/proc/$reader_pid/environ"
	else
		secret=$(jq -r .d "$(key archive)")
		[ "${#secret}" -ge 43 ]
		run ! grep -aq -- "$secret" "/proc/$reader_pid/environ" \
		    "/proc/$reader_pid/cmdline"
	fi
}
