# Who sits between a client and its broker, or takes the place of one of them:
# what the wire shows, what can be altered, repeated or pretended.
# The attackers are the programs of tests/attack.

load helpers

setup() {
	common_setup
	PATH=$PATH:$SG_BIN/test
	sg-trust init -q net
	sg-trust issue -q --trust net b1 --role broker --names 127.0.0.1
	sg-trust issue -q --trust net flat12-observer --pub 'SECRET/#' \
	    --subs 'SECRET/#'
	KEY=(-k net/keys/flat12-observer.key --trust net)
}

# secure_broker [OPTION]... - With sessions over tcp at $URL, as often as one
# likes.
secure_broker() {
	start_broker -k net/keys/b1.key --trust net -l tcp://127.0.0.1:0 \
	    --max-handshakes 0 --max-handshakes-all 0 "$@"
	URL=$(broker_tcp)
}

# between [RULE]... - A proxy at $VIA, which logs to wire.log.
between() {
	[ -z "${between_pid:-}" ] || {
		kill "$between_pid"
		wait "$between_pid" || :
	}
	background between proxy -l wire.log "$URL" "$@"
	wait_lines 1 between.out
	VIA=$(head -n 1 between.out)
}

# attacked N - The proxy has laid hands on so many messages, and says so.
attacked() {
	wait_lines $(($1 + 1)) between.out
}

# marked N [FROM] - Events that must not be seen.
marked() {
	awk -v n="$1" -v from="${2:-1}" 'BEGIN {
		for (i = from; i < from + n; i++)
			printf "{\"topic\":\"SECRET/HEATING/x\",\"t\":%d," \
			    "\"v\":%d,\"note\":\"marker-string\"," \
			    "\"src\":\"flat12-observer\"}\n", i, i
	}'
}

publish() {
	timeout 60 sg-pub -q -b "$VIA" "${KEY[@]}" --src flat12-observer "$@"
}

# stored - The values in the broker, in order, read from it directly.
stored() {
	sg-sub -q -b "$URL" "${KEY[@]}" --from-start -e 'SECRET/#' | values
}

stored_exactly() {
	diff <(stored) <(seq 1 "$1")
}

# seen WORD - How often the log has it.
seen() {
	local hex
	hex=$(printf %s "$1" | od -An -v -tx1 | tr -d ' \n')
	grep -o "$hex" wire.log | wc -l
}

# chi_square - Of the bytes behind the headers of DATA frames in the log
# (plain: of all bytes), 255 degrees of freedom: mean 255, deviation 22.6.
chi_square() {
	awk -v plain="${1:-}" '
	plain != "" || substr($4, 1, 8) == "53470105" {
		for (i = plain != "" ? 1 : 41; i < length($4); i += 2) {
			count[substr($4, i, 2)]++
			n++
		}
	}
	END {
		for (b in count) {
			used++
			sum += (count[b] - n / 256) ^ 2
		}
		sum += (256 - used) * (n / 256) ^ 2
		printf "%d\n", sum / (n / 256)
	}' wire.log
}

ten_thousand() {
	marked 10000 | publish "$@"
	timeout 60 sg-sub -q -b "$VIA" "${KEY[@]}" "$@" --from-start -n 10000 \
	    'SECRET/#' >got
	[ "$(wc -l <got)" -eq 10000 ]
}

@test "T01: who listens sees neither events nor topics nor names" {
	secure_broker
	between
	ten_thousand
	[ "$(wc -c <wire.log)" -gt 4000000 ]
	local word
	for word in marker-string SECRET HEATING flat12-observer '"op"' \
	    '"cursor"' sg-cert net/; do
		[ "$(seen "$word")" -eq 0 ]
	done
	# Beyond that lies one honest session in a million.
	local chi
	chi=$(chi_square)
	echo "chi-square $chi"
	[ "$chi" -gt 150 ] && [ "$chi" -lt 380 ]
}

@test "T01: without sessions the same listener sees all of it" {
	start_broker -l tcp://127.0.0.1:0 --insecure
	URL=$(broker_tcp)
	between
	KEY=(--insecure)
	ten_thousand
	[ "$(seen marker-string)" -ge 20000 ]
	[ "$(seen flat12-observer)" -ge 20000 ]
	[ "$(chi_square plain)" -gt 100000 ]
}

# impostor_is KEY CERT - Who takes the broker's place.
impostor_is() {
	background impostor impostor "$1" "$2" net
	wait_lines 1 impostor.out
	VIA=$(head -n 1 impostor.out)
}

# Nothing of a client but its first frame, which says nothing, and status 77
# within 6 s.
unmasked() {
	local begun=$SECONDS
	marked 1 >one
	run -77 publish one
	[[ "$output" == "sg-pub: error: "* ]]
	sanitized || [ $((SECONDS - begun)) -le 6 ]
	[ "$(tail -n +2 impostor.out | sort -u)" = "frame 1" ]
}

@test "T02: a broker that the root did not certify gets no event" {
	sg-trust init -q own
	sg-trust issue -q --trust own b1 --role broker --names 127.0.0.1
	impostor_is own/keys/b1.key own/certs/b1.cert
	unmasked
}

@test "T02: the broker's certificate without its key gets no event" {
	impostor_is net/keys/flat12-observer.key net/certs/b1.cert
	unmasked
	[[ "$output" == *"for another key"* ]]
}

@test "T02: an actor that listens gets no event" {
	sg-trust issue -q --trust net mallory --pub '#' --subs '#'
	impostor_is net/keys/mallory.key net/certs/mallory.cert
	unmasked
	[[ "$output" == *"is no broker"* ]]
}

@test "T02: another broker of the network, in the place of the one dialled, gets no event" {
	sg-trust issue -q --trust net b2 --role broker --names b2.example
	impostor_is net/keys/b2.key net/certs/b2.cert
	unmasked
	[[ "$output" == *'the broker is "b2"'*"does not name 127.0.0.1"* ]]
}

@test "T02: with the true key and certificate the same listener is believed" {
	impostor_is net/keys/b1.key net/certs/b1.cert
	marked 1 >one
	run ! publish -w 1s one
	grep -x open impostor.out
	grep -x 'frame 5' impostor.out
}

@test "T03: a broker takes no frame of which any one bit was flipped" {
	secure_broker
	VIA=$URL
	marked 3 | publish
	marked 1 666 >forged
	timeout 170 forge "$URL" 127.0.0.1 net/keys/flat12-observer.key net \
	    "$(cat forged)" >counts || {
		cat counts
		false
	}
	# Its last frame was not forged.
	[ "$(stored | tr '\n' ' ')" = "1 2 3 666 " ]
	[ "$(awk '$2 == $4 && $2 > 400' counts | wc -l)" -eq 3 ]
	stop_broker
}

@test "T03: a client takes no reply of which a bit was flipped" {
	secure_broker
	marked 1 >one
	local bit number
	for number in 1 2; do
		for bit in 0 17 25 40 100 160 161 300 431; do
			no_session "*:r:$number:flip:$bit"
		done
	done
	# Of a reply in the session: it is broken off and taken up again.
	for bit in 0 17 25 40 100 160 161 300 431; do
		between "1:r:3:flip:$bit" "2:r:4:flip:$bit"
		publish one
		attacked 2
	done
	[ "$(stored | wc -l)" -eq 9 ]
}

@test "T04: a frame that is repeated counts once" {
	secure_broker
	between '*:q:4-:replay:50' '*:r:4-:replay:50'
	marked 300 | publish
	attacked 2
	stored_exactly 300
	grep -q 'not of its session' broker.err
}

# survives RULE - 10,000 events get through, each once and in order.
survives() {
	between "$1"
	marked 10000 | publish
	attacked 1
	stored_exactly 10000
}

@test "T04: requests in another order have the same effect" {
	secure_broker
	survives '*:q:5:later'
}

@test "T04: replies in another order find their requests" {
	secure_broker
	survives '*:r:5:later'
}

@test "T04: replies exchanged for one another are not believed" {
	secure_broker
	survives '*:r:5:swap'
	# The session was given up for it.
	[ "$(cut -d ' ' -f 1 wire.log | sort -u | wc -l)" -gt 1 ]
}

@test "T04: requests exchanged for one another have the same effect" {
	secure_broker
	survives '*:q:5:swap'
}

@test "T04: a request that comes back is no reply" {
	secure_broker
	survives '*:q:5:reflect'
}

@test "T04: a reply that comes back is no request" {
	secure_broker
	survives '*:r:5:reflect'
	grep -q 'not of its session' broker.err
}

@test "T04: a frame of another session is none of this one" {
	secure_broker
	between '2:q:4-:splice:1:4' '2:r:4-:splice:1:4'
	marked 5 >five
	publish five
	publish five
	attacked 1
	[ "$(stored | wc -l)" -eq 10 ]
	grep -q 'not of its session' broker.err
}

@test "T04: frames that are dropped, cut or late delay events, no more" {
	secure_broker
	local rule
	for rule in '1:q:5:drop' '*:q:5:cut:100' '*:q:5:delay:50' '*:r:5:cut:40'
	do
		between "$rule"
		marked 1000 >some
		publish some
	done
	[ "$(stored | wc -l)" -eq 4000 ]
	diff <(stored | sort -n | uniq -c | awk '{ print $1 }' | sort -u) \
	    <(echo 4)
}

@test "T04: a recorded session, sent again, opens none and publishes nothing" {
	secure_broker
	between
	marked 5 | publish
	timeout 20 replay "$URL" wire.log 1 >replies
	# The broker answers the first frame with an ephemeral key of its own.
	[ "$(tr '\n' ' ' <replies)" = "reply 2 closed " ]
	stored_exactly 5
}

# no_session RULE... - Nothing gets through.
no_session() {
	local tries
	between "$@"
	marked 1 >one
	# A busy machine may not come as far in half a second.
	for tries in 500ms 2s 10s; do
		run ! publish --retry "$tries" -w 20s one
		! _has_lines 2 between.out || break
	done
	attacked 1
	[ -z "$(stored)" ]
}

# other_version N - In frames of the handshake, both ways, and after it.
other_version() {
	secure_broker
	local way
	for way in q:1 r:1 q:2 r:2 q:4-; do
		no_session "*:$way:set:2:$1"
	done
}

@test "T24: a frame of version 0 is refused wherever it comes" {
	other_version 0
}

@test "T24: a frame of version 2 is refused wherever it comes" {
	other_version 2
}

@test "T24: a frame of version 255 is refused wherever it comes" {
	other_version 255
}

@test "T24: nobody is talked into plain text" {
	secure_broker
	local rule
	# '{', as a plain message begins.
	for rule in q:1 r:1 q:2 r:2 q:4-; do
		no_session "*:$rule:set:0:123"
	done
	run ! sg-pub -q -b "$URL" --insecure --retry 500ms -w 2s one
	[ -z "$(stored)" ]
}

@test "T26: the same keys under another root get no session" {
	local name
	sg-trust init -q one
	sg-trust init -q two
	for name in b1 client; do
		sg-trust key "$name" "$name.key" >"$name.pub"
	done
	for net in one two; do
		sg-trust issue -q --trust $net b1 --role broker \
		    --names 127.0.0.1 --jwk b1.pub
		sg-trust issue -q --trust $net client --pub 'SECRET/#' \
		    --subs 'SECRET/#' --jwk client.pub
	done
	start_broker -k b1.key --trust one -l tcp://127.0.0.1:0
	VIA=$(broker_tcp)
	marked 1 | sed 's/flat12-observer/client/' >event
	KEY=(-k client.key --trust two)
	run -77 publish --src client event
	[[ "$output" == *"another network"* ]]
	KEY=(-k client.key --trust one)
	URL=$VIA
	[ -z "$(stored)" ]
	publish --src client event
	stored_exactly 1
}

@test "T23: a dump of a broker would hold no secret of its key" {
	[ "$(id -u)" -eq 0 ] || skip "reading another's memory needs root"
	[ -z "${SG_SANITIZED:-}" ] || skip "the sanitizer has memory of its own"
	secure_broker
	VIA=$URL
	marked 100 | publish
	[ "$(stored | wc -l)" -eq 100 ]
	read -r looked found apart <<<"$(
		"$ROOT/tests/dumped.py" "$broker_pid" net/keys/b1.key)"
	echo "$looked bytes, $found in them, $apart in what is left out"
	[ "$looked" -gt 100000 ]
	[ "$found" -eq 0 ]
	[ "$apart" -gt 0 ]
}
