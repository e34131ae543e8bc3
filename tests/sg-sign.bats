# sg-sign: identity and signature of event lines; seals; files.

load helpers

setup() {
	common_setup
	export SG_TRUST=$TEST_TMP/net
	sg-trust -q init net
	sg-trust -q issue meter --pub 'A/#,STATUS/SEAL/meter,COMMAND/#'
	KEY=net/keys/meter.key
}

signed_ok() {
	sg-verify --stats "$@" >verified 2>verify.err
}

# member NAME FILE - Its values.
member() {
	jq -r ".$1" "$2"
}

@test "without a key nothing is signed" {
	run -64 sg-sign </dev/null
	[[ "$output" == *"no key: -k FILE or SG_KEY"* ]]
	run -78 sg-sign -k absent.key </dev/null
	[ ! -s absent.key ]
}

@test "closed standard streams are errors, and no other file in their place" {
	echo '{"topic":"A/1","v":1}' >line
	run -66 timeout 20 sh -c "sg-sign -k $KEY <&-"
	[[ "$output" == *"stdin: Bad file descriptor" ]]
	run -74 sh -c "sg-sign -k $KEY line >&-"
	[[ "$output" == *"standard output: Bad file descriptor" ]]
	sh -c "sg-sign -k $KEY line 2>&-" >signed
	signed_ok signed
}

@test "a key without a certificate, or with one that has expired, is refused" {
	sg-trust -q issue brief --pub 'A/#' --ttl 1h
	SG_NOW=2030-01-01T00:00:00Z run -77 sg-sign -k net/keys/brief.key \
	    </dev/null
	[[ "$output" == *"expired"* ]]
	rm net/certs/brief.cert
	run -78 sg-sign -k net/keys/brief.key </dev/null
}

@test "lines that no verifier would take are refused and use up no number" {
	cat >lines <<-'END'
	{"topic":"A/1","t":1,"v":1}
	{"topic":"B/1","t":1,"v":1}
	{"topic":"A/1","t":1,"v":1,"src":"other"}
	{"topic":"A/1","t":1,"v":1,"src":"meter","ep":5,"seq":6}
	{"topic":"A/1","t":1,"v":1,"seq":6}
	{"topic":"A/1","t":1,"v":1,"kid":"x"}
	{"topic":"A/1","t":1,"v":12345678901234567}
	{"topic":"STATUS/SEAL/meter","t":1,"d":{}}
	{"topic":"$SG/TRUST","t":1,"v":1}
	{"topic":"A/1","t":1}
	{"t":1,"v":1}
	not json
	{"topic":"COMMAND/x/y","t":1,"v":1}
	{"topic":"A/1","t":1,"v":2}
	END
	run -65 --separate-stderr sg-sign -k "$KEY" lines
	[ "$(member seq <(echo "$output"))" = $'1\n2' ]
	[ "$(grep -c 'error: lines:' <<<"$stderr")" -eq 12 ]
	[[ "$stderr" == *"lines:2: denied: no pub pattern of meter covers B/1"* ]]
	[[ "$stderr" == *"lines:3: src is not the key's subject"* ]]
	[[ "$stderr" == *"lines:4: ep and seq are given already"* ]]
	[[ "$stderr" == *"lines:6: kid without sig"* ]]
	[[ "$stderr" == *"lines:8: topic: kept for seals and proofs"* ]]
}

@test "a denied topic is refused by name" {
	sg-trust -q issue warden --pub 'A/#' --deny 'A/secret/#'
	echo '{"topic":"A/secret/x","t":1,"v":1}' >line
	run -65 --separate-stderr sg-sign -k net/keys/warden.key line
	[[ "$stderr" == *"may not publish A/secret/x (A/secret/#)"* ]]
}

@test "--dead keeps refused lines whole and --strict stops at the first" {
	printf '%s\n' '{"topic":"B/1","t":1,"v":1}' \
	    '{"topic":"A/1","t":1,"v":1}' >lines
	run -0 --separate-stderr sg-sign -k "$KEY" --dead dead lines
	head -1 lines | cmp - dead
	run -65 --separate-stderr sg-sign -k "$KEY" --strict lines
	[ -z "$output" ]
}

@test "an event gets src, ep, seq, kid and sig, and verifies" {
	events A/1 1 3 | SG_NOW=now sg-sign -k "$KEY" >signed
	[ "$(member seq signed)" = $'1\n2\n3' ]
	[ "$(member src signed | sort -u)" = meter ]
	[ "$(member ep signed | sort -u | wc -l)" -eq 1 ]
	[ "$(member kid signed | sort -u)" = "$(jq -r .kid "$KEY")" ]
	signed_ok --at now signed
	cmp signed verified
}

@test "a signature is what the standard says, in the eyes of openssl" {
	need_command openssl python3
	events A/1 1 1 | sg-sign -k "$KEY" >signed
	sg-trust export meter --pkcs8 >public.pem
	python3 - <<-'END'
	import base64, json
	event = json.load(open("signed"))
	head, _, sig = event.pop("sig").split(".")
	text = json.dumps(event, sort_keys=True, separators=(",", ":"))
	body = base64.urlsafe_b64encode(text.encode()).rstrip(b"=")
	open("input", "wb").write(head.encode() + b"." + body)
	open("sig", "wb").write(base64.urlsafe_b64decode(sig + "=="))
	pad = head + "=" * (-len(head) % 4)
	head = json.loads(base64.urlsafe_b64decode(pad))
	assert head == {"alg": "EdDSA", "kid": event["kid"],
	    "typ": "sg-event"}, head
	END
	openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in input \
	    -sigfile sig
}

@test "a time in words becomes a number before it is signed" {
	echo '{"topic":"A/1","t":"2026-01-02T03:04:05Z","v":1}' |
	    sg-sign -k "$KEY" >signed
	[ "$(member t signed)" = 1767323045 ]
	signed_ok --at now signed
}

@test "what the broker added is taken out, what has sig or enc passes" {
	echo '{"topic":"A/1","t":1,"v":1,"rt":5,"from":"x","pos":{"a":1}}' |
	    sg-sign -k "$KEY" >signed
	[ "$(jq -c 'has("rt") or has("from") or has("pos")' signed)" = false ]
	sg-trust -q issue hub --pub 'A/#'
	echo '{"topic":"A/1","t":1,"enc":"AAAA","src":"x"}' >>signed
	sg-sign -k net/keys/hub.key signed >again
	cmp signed again
}

@test "the numbers of one run go on where the last one ended" {
	events A/1 1 3 | sg-sign -k "$KEY" >signed
	events A/1 4 5 | sg-sign -k "$KEY" >>signed
	[ "$(member seq signed | tr '\n' ' ')" = '1 2 3 4 5 ' ]
	[ "$(member ep signed | sort -u | wc -l)" -eq 1 ]
}

@test "after a crash the epoch rises" {
	mkfifo in
	background sign sg-sign -k "$KEY" in
	exec 8>in
	events A/1 1 2 >&8
	wait_lines 2 sign.out
	# shellcheck disable=SC2154
	kill -KILL "$sign_pid"
	wait "$sign_pid" || :
	exec 8>&-
	events A/1 1 1 | sg-sign -k "$KEY" >after
	[ "$(member seq after)" -eq 1 ]
	[ "$(member ep after)" -gt "$(member ep sign.out | head -1)" ]
}

@test "each line comes out before the next one is waited for" {
	mkfifo in
	for mode in '' --seal; do
		rm -f sign.out
		# shellcheck disable=SC2086
		background sign sg-sign -k "$KEY" $mode in
		exec 8>in
		for i in 1 2 3; do
			events A/1 $i $i >&8
			wait_until grep -q "\"v\":$i," sign.out
		done
		exec 8>&-
		ends "$sign_pid" 0
	done
}

@test "many threads keep the order" {
	events A/1 1 5000 >events
	for jobs in 1 2 7; do
		sg-sign -k "$KEY" -j $jobs events >signed
		values signed | cmp - <(seq 5000)
		signed_ok --at now signed
	done
}

@test "TERM ends it with what was read signed and the numbers in order" {
	mkfifo in
	background sign sg-sign -k "$KEY" --seal in
	exec 8>in
	events A/1 1 2 >&8
	wait_lines 2 sign.out
	kill -TERM "$sign_pid"
	ends "$sign_pid" 143
	exec 8>&-
	signed_ok sign.out
	[ "$(grep -c STATUS/SEAL sign.out)" -eq 1 ]
}

@test "--stats counts what was signed, passed and refused" {
	events A/1 1 3 | sg-sign -k "$KEY" >signed
	{ cat signed; events A/1 4 5; events B/1 1 1; } >mixed
	run -65 --separate-stderr sg-sign -k "$KEY" --stats mixed
	[[ "$stderr" == *'"in":6,"out":5,"bad":1,"signed":2,"passed":3,"seals":0'* ]]
}

@test "--seal puts up to 1024 events under one signature" {
	events A/1 1 2500 | sg-sign -k "$KEY" --seal >sealed
	grep STATUS/SEAL sealed >seals
	[ "$(member d.n seals | tr '\n' ' ')" = '1024 1024 452 ' ]
	[ "$(member d.first seals | tr '\n' ' ')" = '1 1025 2049 ' ]
	[ "$(grep -vc STATUS/SEAL sealed)" -eq 2500 ]
	[ "$(grep -v STATUS/SEAL sealed | grep -c '"sig"')" -eq 0 ]
	signed_ok sealed
	cmp sealed verified
}

@test "the root of a seal is RFC 9162's over the canonical events" {
	events A/1 1 7 | sg-sign -k "$KEY" --seal >sealed
	python3 - <<-'END'
	import base64, hashlib, json
	events = [json.loads(line) for line in open("sealed")]
	seal = events.pop()
	def sha(b): return hashlib.sha256(b).digest()
	leaves = [sha(b"\0" + json.dumps(e, sort_keys=True,
	    separators=(",", ":")).encode()) for e in events]
	def root(d):
	    if len(d) == 1:
	        return d[0]
	    k = 1
	    while k * 2 < len(d):
	        k *= 2
	    return sha(b"\1" + root(d[:k]) + root(d[k:]))
	want = base64.urlsafe_b64encode(root(leaves)).rstrip(b"=").decode()
	assert want == seal["d"]["root"], (want, seal)
	END
}

@test "a seal comes within a second or so of the first event it is of" {
	mkfifo in
	background sign sg-sign -k "$KEY" --seal in
	exec 8>in
	events A/1 1 1 >&8
	wait_until grep -q STATUS/SEAL sign.out
	exec 8>&-
	ends "$sign_pid" 0
}

@test "seals name the one before, across runs, too" {
	events A/1 1 2 | sg-sign -k "$KEY" --seal >sealed
	events A/1 3 4 | sg-sign -k "$KEY" --seal >>sealed
	[ "$(grep STATUS/SEAL sealed | jq -c '.d | has("prev")')" = \
	    $'false\ntrue' ]
	signed_ok sealed
}

@test "a tail that a crash left without seal is unproven, never bad" {
	mkfifo in
	background sign sg-sign -k "$KEY" --seal in
	exec 8>in
	events A/1 1 2 >&8
	wait_until grep -q STATUS/SEAL sign.out
	events A/1 3 4 >&8
	wait_lines 5 sign.out
	kill -KILL "$sign_pid"
	wait "$sign_pid" || :
	exec 8>&-
	events A/1 5 6 | sg-sign -k "$KEY" --seal >after
	grep -v STATUS/SEAL sign.out | tail -2 >tail
	head -3 sign.out | cat - tail after >all
	run -1 --separate-stderr sg-verify --report findings all
	[ "$(grep -c '"verdict":"unproven"' findings)" -eq 2 ]
	[ "$(grep -c '"verdict":"bad"' findings)" -eq 0 ]
}

@test "numbers given without seals in between begin a new epoch of seals" {
	events A/1 1 2 | sg-sign -k "$KEY" --seal >all
	events A/1 3 4 | sg-sign -k "$KEY" >>all
	events A/1 5 6 | sg-sign -k "$KEY" --seal >>all
	[ "$(member ep all | grep -v null | sort -u | wc -l)" -eq 2 ]
	signed_ok --at now all
}

@test "--seal without the right to publish seals is refused at once" {
	sg-trust -q issue poor --pub 'A/#'
	run -77 sg-sign -k net/keys/poor.key --seal </dev/null
	[[ "$output" == *"may not publish its seals, STATUS/SEAL/poor"* ]]
}

@test "--heartbeat says at start, end and in between what comes next" {
	mkfifo in
	background sign sg-sign -k "$KEY" --heartbeat 200ms in
	exec 8>in
	wait_until grep -q '"first":1,"n":0' sign.out
	events A/1 1 2 >&8
	wait_until grep -q '"first":3,"n":0' sign.out
	exec 8>&-
	ends "$sign_pid" 0
	tail -1 sign.out | jq -e '.d.first == 3 and (.d | has("every") | not)'
	signed_ok --at now sign.out
}

@test "--minisign makes a signature that minisign accepts, and only that" {
	need_command minisign
	echo hello >file
	sg-sign -k "$KEY" --minisign file
	sg-trust export meter --minisign >key.pub
	minisign -V -q -p key.pub -m file
	echo altered >file
	run minisign -V -q -p key.pub -m file
	[ "$status" -ne 0 ]
	run -66 sg-sign -k "$KEY" --minisign absent
	run -64 sg-sign -k "$KEY" --minisign
	run -64 sg-sign -k "$KEY" --minisign --seal file
}

@test "a passphrase is read from --pass-fd" {
	echo secret | sg-trust -q issue locked --pub 'A/#' --passphrase \
	    --pass-fd 0
	events A/1 1 1 >events
	sg-sign -k net/keys/locked.key --pass-fd 5 events 5< <(echo secret) \
	    >signed
	signed_ok --at now signed
	run -77 sg-sign -k net/keys/locked.key --pass-fd 5 events \
	    5< <(echo wrong)
}
