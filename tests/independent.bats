# What the programs sign and how they speak, checked by a program that shares
# no code with them: node, and libraries of npm's registry.

load helpers

setup_file() {
	export NODE_PACKAGES=$ROOT/build/independent
	export OUT_OF_REACH=
	install_packages
}

# Once for each state of the list; a registry out of reach is no failure.
install_packages() {
	local list=$ROOT/tests/independent/package.json
	mkdir -p "$NODE_PACKAGES"
	cmp -s "$list" "$NODE_PACKAGES/installed.json" && return
	if ! timeout 60 npm view jose version >/dev/null 2>&1; then
		OUT_OF_REACH="npm's registry is not reachable"
		return
	fi
	cp "$list" "$NODE_PACKAGES/package.json"
	(cd "$NODE_PACKAGES" && timeout 300 npm install --no-audit --no-fund \
	    --no-package-lock --ignore-scripts --loglevel=error)
	cp "$list" "$NODE_PACKAGES/installed.json"
}

# A root, a broker, an actor below the root and one below an issuer.
setup() {
	common_setup
	need_command node npm
	[ -z "$OUT_OF_REACH" ] || skip "$OUT_OF_REACH"
	sg-trust -q init net
	export SG_TRUST=$TEST_TMP/net
	sg-trust -q issue broker-a --role broker --names broker-a \
	    --names 127.0.0.1
	sg-trust -q issue area --role issuer --scope 'A/#' --subjects 'area/#'
	sg-trust -q issue area/flat --issuer area --pub 'A/flat/#'
	sg-trust -q issue meter --pub 'A/meter/#'
}

verify() {
	node "$ROOT/tests/independent/verify.mjs" "$@"
}

# session NAME [MISTAKE] - as area/flat.
session() {
	node "$ROOT/tests/independent/session.mjs" 127.0.0.1 "$port" net \
	    net/keys/area/flat.key "$@"
}

start_trusted_broker() {
	start_memory_broker -k net/keys/broker-a.key -l tcp://127.0.0.1:0
	port=$(broker_tcp)
	port=${port##*:}
}

# alter FILE - Another character in the middle of each signature.
alter() {
	sed 's/\.\.\(.\{40\}\)\(.\)/..\1\2~/; s/A~/B/; s/[^A]~/A/' "$1"
}

@test "an altered certificate is refused by others" {
	alter net/certs/meter.cert >bad
	run ! cmp -s bad net/certs/meter.cert
	run -1 verify chain net bad
	[[ $output == "verify: signature verification failed" ]]
	sed 's/A.meter/A\/other/' net/certs/meter.cert >bad
	run -1 verify chain net bad
	[[ $output == "verify: signature verification failed" ]]
	head -n 1 net/certs/area/flat.cert >bad
	run -1 verify chain net bad
	[[ $output == *" is no root" ]]
}

@test "certificates, their chains and their canonical form are verified by others" {
	run -0 verify chain net net/certs/{area/flat,meter,area,broker-a}.cert
	[ "$output" = "actor area/flat
actor meter
issuer area
broker broker-a" ]
}

@test "an altered revocation list is refused by others" {
	sg-trust -q revoke meter --reason lost
	alter net/crl/*.crl >bad
	run -1 verify list net bad
	[[ $output == "verify: signature verification failed" ]]
	sed 's/lost/last/' net/crl/*.crl >bad
	run -1 verify list net bad
	[[ $output == "verify: signature verification failed" ]]
}

@test "revocation lists are verified by others" {
	sg-trust -q revoke meter --reason lost
	run -0 verify list net net/crl/*.crl
	[[ $output == "list "*" lost" ]]
	[[ $output == *"$(grep -o '"ser":"[^"]*"' net/certs/meter.cert |
	    cut -d '"' -f 4)"* ]]
}

signed_events() {
	printf '%s\n' \
	    '{"topic":"A/meter/Power","t":1700000000,"v":21.50,"u":"W"}' \
	    '{"u":"W","v":1e-7,"t":1700000001.25,"topic":"A/meter/Power"}' \
	    '{"topic":"A/meter/Note","t":1700000002,"vs":"\u00e9\n \ud83d\ude00"}' |
	    sg-sign -k net/keys/meter.key
}

@test "an altered event is refused by others" {
	signed_events >good
	sed '2s/1e-7/2e-7/' good >bad
	run -1 verify events net bad
	[[ $output == "verify: line 2: signature verification failed" ]]
	alter good >bad
	run -1 verify events net bad
	[[ $output == "verify: line 1: signature verification failed" ]]
	sed '3s/"src":"meter"/"src":"area\/flat"/' good >bad
	run ! cmp -s good bad
	run -1 verify events net bad
	[[ $output == "verify: line 3: signature verification failed" ]]
}

@test "signed events are verified by others, after jq has rewritten them too" {
	need_command jq
	signed_events >good
	jq -c '. + {rt: 1700000009, from: "x", pos: "y"}' good >rewritten
	run -0 verify events net good rewritten
	[ "$output" = "events 3
events 3" ]
}

@test "others get no session by mistakes, and the broker goes on" {
	start_trusted_broker
	run -1 session broker-b
	[ "$output" = "session: the broker is broker-a" ]
	run -1 session broker-a network
	[ "$output" = "session: invalid tag" ]
	run -1 session broker-a static
	[[ $output == *'the certificate of \"area/flat\" is for another key'* ]]
	run -1 session broker-a handshake
	[ "$output" = "session: connection closed" ]
	run -1 session broker-a data
	[ "$output" = "session: connection closed" ]
	run -1 session broker-a repeat
	[ "$output" = "session: connection closed" ]
	run -0 session broker-a
}

# forged ISSUER MEMBERS WHY - area/flat, with a certificate that the holder of
# the issuer's key has made, is refused for that reason.
forged() {
	node "$ROOT/tests/independent/forge.mjs" net area/flat "$1" "$2" >forged
	CHAIN=forged run -1 session broker-a
	if [[ $output != *"\"why\":\"$3"* ]]; then
		echo "$2: $output"
		return 1
	fi
}

@test "a stolen issuer's key opens no more than the issuer could give (T12)" {
	local now ca
	now=$(date +%s)
	ca='"ca":{"depth":0,"maxttl":1,"scope":["A/#"],"subjects":["area/#"]}'
	start_trusted_broker
	forged area '{"pub":["A/#","B/#"]}' 'pub B/# is outside of'
	forged area '{"subs":["#"]}' 'subs # is outside of'
	forged area '{"via":["meter"]}' 'via meter is outside of'
	forged area '{"sub":"meter"}' 'subject meter is outside of'
	forged area "{\"exp\":$((now + 5000000))}" 'longer life than'
	forged area "{\"role\":\"issuer\",\"pub\":[],$ca}" \
	    'the issuer may have no issuers below it'
	forged area '{"role":"broker","pub":[],"names":["broker-a"]}' \
	    'name broker-a is outside of'
	forged area "{\"nbf\":$((now - 9)),\"exp\":$((now - 1))}" \
	    'certificate expired'
	forged area '{"crit":["until"],"until":1}' 'crit: names until'
	forged area '{"jws":"sg-event"}' "the certificate's signature"
	forged meter '{}' 'the certificate above is no issuer'
	forged broker-a '{}' 'the certificate above is no issuer'
	node "$ROOT/tests/independent/forge.mjs" net area/flat area '{}' >same
	CHAIN=same run -0 session broker-a
}

@test "others who have a revoked certificate get no session" {
	start_trusted_broker
	sg-trust -q revoke area
	refused() {
		run session broker-a
		[[ $output == *'"why":"certificate revoked"'* ]]
	}
	wait_until refused
}

@test "others open a session as the manual describes it" {
	start_trusted_broker
	run -0 session broker-a
	[[ $output == '{"ok":true,"sg":1,"name":"broker-a",'* ]]
}
