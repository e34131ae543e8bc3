# sg-trust: what is refused, what issuers may give away, rights and their
# verdicts, revocation, key files, other programs' forms.

load helpers

net() {
	local verb=$1
	shift
	sg-trust "$verb" --trust net "$@"
}

# A network with a root alone.
init() {
	sg-trust init -q net
}

cert() {
	sed -n 1p "net/certs/$1.cert"
}

state() {
	net show -f json "$1" | sed -n 1p | jq -r .state
}

# Usage

@test "a verb is needed, a known one, with its operands" {
	run -64 sg-trust
	[[ "$output" == *"what to do?"* ]]
	run -64 sg-trust frobnicate
	[[ "$output" == *"no such verb"* ]]
	run -64 sg-trust issue
	[[ "$output" == *"usage: sg-trust issue NAME"* ]]
	run -64 sg-trust issue a b
	run -64 sg-trust acl explain a pub
}

@test "an option that a verb does not look at is refused" {
	init
	run -64 net show --rekey
	[[ "$output" == *"show: --rekey does not belong there"* ]]
	run -64 net check --pub A
	run -64 net revoke flat12 --pub A
	run -64 net crl --scope A
	run -64 net export a --age --psk
	run -64 sg-trust init other --pub A
	run -64 net issue a --secret
	run -64 net issue a --all-before now
	run -64 sg-trust demo other --ttl 1d
	run -64 sg-trust init other --ttl 0
	run -64 net renew root --rekey --jwk -
	[ ! -e other ]
}

@test "options of another role are refused" {
	init
	run -64 net issue a --names localhost
	[[ "$output" == *"only a broker has --names"* ]]
	run -64 net issue a --role broker --pub A
	[[ "$output" == *"only an actor has --pub"* ]]
	run -64 net issue a --scope A
	[[ "$output" == *"only an issuer has --scope"* ]]
	run -64 net issue a --role issuer
	[[ "$output" == *"an issuer needs --scope"* ]]
	[ ! -e net/keys/a.key ]
}

@test "a name is a name, also one that would forge lines or leave the folder" {
	init
	local name
	for name in ../a a/../b /a a/ 'a b' '' $'a\e[31m' $'a\nsg-trust: ok'; do
		run -64 net issue "$name" --pub A
		[ "${#lines[@]}" -eq 1 ]
		[[ "$output" != *$'\e'* ]]
	done
	find . -newer net/root.cert -name '*.key' ! -name root.key >made
	[ ! -s made ]
}

@test "a certificate with ESC or newline in its name is never read" {
	sg-trust demo net
	local hold
	for hold in 'a\u001b[31m' 'a\nb' 'a b'; do
		cert flat12 | jq -c --arg s "$(printf %b "$hold")" \
		    '.sub=$s' >evil.cert
		run -78 net show evil.cert
		[ "${#lines[@]}" -eq 1 ]
		[[ "$output" != *$'\e'* ]]
	done
}

@test "filters that are none are refused" {
	init
	local filter
	for filter in 'A//B' '#/A' 'A b' '!A' 'A+'; do
		run -64 net issue a --pub "$filter"
	done
	run -64 net issue a --limit eps
	run -64 net issue a --limit eps=0
	run -64 net issue a --limit eps=x
	run -64 net issue a --limit events=5
	[ ! -e net/keys/a.key ]
}

@test "a folder is made into a network once" {
	init
	cp net/root.cert root.before
	run -73 sg-trust init net
	[[ "$output" == *"net/root.cert: there is a network already" ]]
	run -73 sg-trust demo net
	diff net/root.cert root.before
}

@test "without a network there is an explanation" {
	run -66 sg-trust show
	[[ "$output" == *"sg-trust init DIR"* ]]
	run -78 sg-trust show --trust nowhere
	[[ "$output" == *nowhere* ]]
}

@test "a name that has a certificate is not issued again" {
	init
	net issue -q a --pub A
	cp -R net/keys keys.before
	run -73 net issue a --pub B
	[[ "$output" == *"a has a certificate: sg-trust renew changes it" ]]
	diff -r net/keys keys.before
	run -66 net renew b
	run -66 net revoke b
	run -66 net show b
	run -66 net check b pub A
}

# Issuers (T12)

issuer() {
	init
	net issue -q north --role issuer --scope 'MEASUREMENT/METER/#' \
	    --subjects 'north/+' --maxttl 10d
}

@test "T12: an issuer gives nothing away outside its scope" {
	issuer
	run -77 net issue --issuer north north/m --pub COMMAND/x
	[[ "$output" == *"north may not issue north/m"*COMMAND/x* ]]
	run -77 net issue --issuer north north/m --subs '#'
	run -77 net issue --issuer north north/m --pub 'MEASUREMENT/+/x'
	run -77 net issue --issuer north south/m --pub MEASUREMENT/METER/m
	run -77 net issue --issuer north north/m --via '#'
	run -77 net issue --issuer north north/b --role broker --names b
	[ ! -e net/certs/north/m.cert ]
	[ ! -e net/keys/north/m.key ]
}

@test "T12: an issuer gives nothing away for longer than its maxttl" {
	issuer
	run -77 net issue --issuer north north/m --ttl 11d \
	    --pub MEASUREMENT/METER/m
	net issue -q --issuer north north/m --pub MEASUREMENT/METER/m
	[ "$(cert north/m | jq '.exp-.nbf')" -eq 864000 ]
}

@test "T12: no issuer below the depth" {
	issuer
	run -77 net issue --issuer north north/more --role issuer \
	    --scope 'MEASUREMENT/METER/a' --maxttl 1d
	[[ "$output" == *depth* ]]
}

@test "T12: a chain that was signed against these rules is refused" {
	issuer
	net issue -q --issuer north north/m --pub MEASUREMENT/METER/m
	# The same key with a wider scope, as if its holder had his own way.
	mkdir own
	cp -R net/. own
	rm -r own/certs
	sg-trust issue -q --trust own north --role issuer --scope '#' \
	    --subjects '#' --maxttl 365d --depth 1
	sg-trust issue -q --trust own --issuer north evil --pub '#'
	sg-trust issue -q --trust own --issuer north long --ttl 300d
	sg-trust issue -q --trust own --issuer north deep --role issuer \
	    --scope '#' --maxttl 1d
	local name
	for name in evil long deep; do
		{
			sed -n 1p "own/certs/$name.cert"
			cert north
		} >"$name.cert"
		run -78 net show "$name.cert"
		[[ "$output" == "sg-trust: error: $name.cert: "* ]]
	done
}

@test "T12: an actor or a broker signs nothing" {
	sg-trust demo net
	local name
	for name in operator broker-a; do
		run -77 net issue --issuer "$name" x --pub A
		[[ "$output" == *"$name has no certificate of an issuer" ]]
	done
}

@test "an issuer's own issuer ends what it has issued" {
	issuer
	net issue -q --issuer north north/m --pub MEASUREMENT/METER/m
	[ "$(state north/m)" = valid ]
	net revoke -q north
	[ "$(state north/m)" = revoked ]
	run -77 net issue --issuer north north/n --pub MEASUREMENT/METER/n
	[[ "$output" == *"north: certificate revoked" ]]
}

@test "an expired issuer signs nothing" {
	export SG_NOW=2030-01-01T00:00:00Z
	issuer
	SG_NOW=2031-06-01T00:00:00Z run -77 net issue --issuer north north/m
	[[ "$output" == *"north: certificate expired" ]]
}

# Passphrases (T13)

@test "T13: a wrong passphrase is 77 and always the same message" {
	printf 'correct\n' | sg-trust init -q net --passphrase --pass-fd 0
	local guess
	for guess in correcT correct1 '' "$(printf 'x%.0s' {1..500})"; do
		run -77 net issue a --pub A --pass-fd 0 <<<"$guess"
		[ "$output" = "sg-trust: error: net/keys/root.key: wrong passphrase" ]
	done
	[ ! -e net/certs/a.cert ]
	net issue -q a --pub A --pass-fd 0 <<<correct
	[ "$(state a)" = valid ]
}

@test "T13: a sealed key file holds no secret in clear" {
	printf 'correct\n' | sg-trust init -q net --passphrase --pass-fd 0
	[ "$(jq -c '[.d, .enc.d, .box.kdf, .box.ops, .box.mem]' \
	    net/keys/root.key)" = '[null,null,"argon2id",3,67108864]' ]
	net show net/keys/root.key -f json | jq -e .passphrase
	net show net/keys/root.key | grep -qx '  passphrase  yes'
	sg-trust demo other
	net show other/keys/flat12.key -f json | jq -e '.passphrase|not'
}

@test "T13: no secret in a process's arguments, environment or core" {
	printf 'correct horse\n' |
	    sg-trust init -q net --passphrase --pass-fd 0
	mkfifo pass
	background issue sg-trust issue --trust net a --pub A --pass-fd 7 \
	    7<>pass
	# shellcheck disable=SC2154	# set by background
	wait_until grep -qz sg-trust "/proc/$issue_pid/cmdline"
	run ! grep -qa 'correct horse' "/proc/$issue_pid/cmdline" \
	    "/proc/$issue_pid/environ"
	wait_until grep -Eq 'Max core file size +0 +0 ' \
	    "/proc/$issue_pid/limits"
	echo 'correct horse' >pass
	ends "$issue_pid" 0
}

@test "T13: no terminal, no descriptor: no passphrase, and it says so" {
	printf 'correct\n' | sg-trust init -q net --passphrase --pass-fd 0
	run -78 setsid sg-trust issue --trust net a --pub A
	[[ "$output" == *"needs a passphrase: no terminal, --pass-fd N" ]]
	run -66 net issue b --pub A --passphrase --pass-fd 0 <<<correct
	[ ! -e net/keys/b.key ]
	run -77 net issue b --pub A --passphrase --pass-fd 0 \
	    < <(printf 'correct\n\n')
	[[ "$output" == *"empty passphrase"* ]]
}

@test "a new key's passphrase comes after the issuer's" {
	printf 'root\n' | sg-trust init -q net --passphrase --pass-fd 0
	printf 'root\nown\n' | net issue -q a --pub A --passphrase --pass-fd 0
	run -77 net export a --age --secret --pass-fd 0 <<<root
	net export a --age --secret --pass-fd 0 <<<own >out
	grep -q '^AGE-SECRET-KEY-1' out
}

# Key files (T22; the library's test has each of them)

refused_key() {
	run -78 net issue x --pub A
	echo "$output"
	[ "$output" = "sg-trust: error: net/keys/root.key: $1" ]
	[ ! -e net/certs/x.cert ]
}

@test "T22: a key file that others could have made or read is refused" {
	init
	cp net/keys/root.key safe
	chmod 600 safe
	chmod 644 net/keys/root.key
	refused_key "can be read by others (mode 0644)"
	rm net/keys/root.key
	ln -s "$PWD/safe" net/keys/root.key
	refused_key "symbolic link"
	ln -f safe net/keys/root.key
	refused_key "has more than one link"
	rm net/keys/root.key
	mkfifo -m 600 net/keys/root.key
	refused_key "not a regular file"
	rm net/keys/root.key
	cp safe net/keys/root.key
	chmod 777 net/keys
	refused_key "its folder can be written by others (mode 0777)"
	chmod 700 net/keys
	head -c 17000 /dev/zero >>net/keys/root.key
	refused_key "larger than 16 KiB"
	cp safe net/keys/root.key
	net issue -q x --pub A
}

@test "T22: a key file of another user is refused" {
	[ "$(id -u)" -eq 0 ] || skip "only root can give a file away"
	init
	chown nobody net/keys/root.key
	refused_key "belongs to another user"
}

@test "secret files are for their owner, whatever the umask" {
	umask 0
	sg-trust init -q net --psk
	net issue -q a/b --pub A
	[ "$(stat -c %a net/keys net/keys/root.key net/keys/a net/psk |
	    tr '\n' ' ')" = "700 600 700 600 " ]
	[ "$(stat -c %a net/keys/a/b.key)" = 600 ]
	[ "$(tr -d '\n' <net/psk | wc -c)" -eq 43 ]
	[ "$(stat -c %a net net/certs net/certs/a net/root.cert |
	    tr '\n' ' ')" = "755 755 755 644 " ]
}

@test "a key that does not belong to its name is refused" {
	init
	net key -q a >a.jwk
	mv net/keys/a.key net/keys/b.key
	run -78 net issue b --pub A
	[[ "$output" == *"net/keys/b.key: the key of a" ]]
	run -65 net issue c --pub A --jwk a.jwk
	[[ "$output" == *"a.jwk: the key of a, not of c" ]]
	run -65 net issue c --pub A --jwk net/root.cert
	run -66 net issue c --pub A --jwk nowhere
}

# What it makes

@test "three commands make a network that anybody can read" {
	sg-trust init grid
	sg-trust issue --trust grid broker-a --role broker \
	    --names localhost,127.0.0.1
	sg-trust issue --trust grid flat12 --pub 'MEASUREMENT/SENSOR/flat12/#' \
	    --subs 'COMMAND/flat12/#'
	sg-trust show --trust grid | awk 'NR > 2 { print $1, $2, $3, $5 }' >out
	diff - out <<-'END'
	root issuer 1 valid
	broker-a broker 1 valid
	flat12 actor 1 valid
	END
	sg-trust show --trust grid -f json >list
	[ "$(jq -r .cert.sub list | tr '\n' ' ')" = "root broker-a flat12 " ]
	sg-trust show --trust grid broker-a |
	    grep -A 2 names | awk '{ print $NF }' >out
	diff - out <<-'END'
	broker-a
	localhost
	127.0.0.1
	END
}

@test "lives are 30 days, 90 days, a year and ten years, or as told" {
	export SG_NOW=2026-01-01T00:00:00Z
	init
	net issue -q a --pub A
	net issue -q b --role broker
	net issue -q c --role issuer --scope A
	net issue -q d --pub A --ttl 2h
	local name days=()
	for name in a b c d; do
		days+=("$(cert $name | jq '(.exp-.nbf)/3600')")
	done
	[ "${days[*]}" = "720 2160 8760 2" ]
	[ "$(jq '(.exp-.nbf)/86400' net/root.cert)" -eq 3653 ]
	sg-trust init -q short --ttl 1d
	sg-trust issue -q --trust short a --pub A
	[ "$(jq '(.exp-.nbf)/86400' short/certs/a.cert)" -eq 1 ]
}

@test "every right and limit stands in the certificate" {
	init
	net issue -q a --pub A,B --pub C --subs '#' --call svc/x --serve svc/y \
	    --deny B/x --via 'm/+' --limit eps=5,bps=64K --limit conn=2,topics=9
	cert a | jq -cS '{pub,subs,call,serve,deny,via,lim}' >out
	diff - out <<-'END'
	{"call":["svc/x"],"deny":["B/x"],"lim":{"bps":65536,"conn":2,"eps":5,"topics":9},"pub":["A","B","C"],"serve":["svc/y"],"subs":["#"],"via":["m/+"]}
	END
	net issue -q i --role issuer --scope A/# --depth 1 --maxttl 1d \
	    --brokers 'b/+' --subjects 's/#'
	cert i | jq -cS .ca >out
	diff - out <<-'END'
	{"brokers":["b/+"],"depth":1,"maxttl":86400,"scope":["A/#"],"subjects":["s/#"]}
	END
	net show a >out
	grep -qx '  bps         65536' out
	net show i >out
	grep -qx '  maxttl      86400 s' out
}

@test "what is done is said, and -q keeps it quiet" {
	export SG_NOW=2026-01-01T00:00:00Z
	run -0 sg-trust init net
	[[ "$output" == *"net is a network now"*"until 2036-01-02T00:00:00Z" ]]
	run -0 net issue a --pub A
	[ "$output" = "sg-trust: note: net/certs/a.cert is valid until 2026-01-31T00:00:00Z" ]
	run -0 net renew -q a
	[ -z "$output" ]
	run -0 --separate-stderr net show -q
	[ "${#lines[@]}" -eq 4 ]
}

@test "members of a network with a shared secret need it" {
	sg-trust init -q net --psk
	net issue -q broker --role broker
	net issue -q a --pub '#' --subs '#'
	start_memory_broker -k net/keys/broker.key --trust net
	events A 1 3 | sg-pub -k net/keys/a.key --trust net
	[ "$(sg-sub -e -k net/keys/a.key --trust net '#' | wc -l)" -eq 3 ]
	cp -R net other
	rm other/psk
	run ! sg-sub -e --retry 1s -k other/keys/a.key --trust other '#'
	[ "$status" -ne 0 ]
	[[ "$output" != *'"v"'* ]]
}

@test "a device's secret never leaves it" {
	init
	sg-trust key flat12 flat12.key >flat12.jwk
	[ "$(jq 'has("d"), (.enc|has("d"))' flat12.jwk | tr '\n' ' ')" = \
	    "false false " ]
	net issue -q flat12 --pub A --jwk flat12.jwk
	[ ! -e net/keys/flat12.key ]
	[ "$(cert flat12 | jq -r .key.x)" = "$(jq -r .x flat12.key)" ]
	[ "$(cert flat12 | jq -r .enc.x)" = "$(jq -r .enc.x flat12.key)" ]
	run -73 sg-trust key flat12 flat12.key
	net issue -q other --pub A --jwk - < <(sg-trust key other other.key)
}

@test "the default folder is that of the user" {
	unset SG_TRUST
	export XDG_CONFIG_HOME=$PWD/config
	sg-trust init -q
	[ -e config/sg/root.cert ]
	sg-trust issue -q a --pub A
	sg-trust show | grep -q '^a '
	SG_TRUST=elsewhere run -78 sg-trust show
}

# Rights

@test "check says allow or deny and which rule" {
	sg-trust demo net
	net issue -q a --pub 'A/#' --deny A/x --subs 'B/+'
	run -0 net check a pub A/y
	[ "$output" = "allow a pub A/y: pub A/#" ]
	run -1 net check a pub A/x
	[ "$output" = "deny a pub A/x: deny A/x" ]
	run -1 net check a pub B/y
	[ "$output" = "deny a pub B/y: no pub pattern covers it" ]
	run -0 net check a subs 'B/+'
	run -1 net check a subs '#'
	run -1 net check a call A/y
	run -1 net check broker-a pub A/y
	run -0 net check operator serve any/thing -f json
	[ "$output" = '{"verdict":"allow","sub":"operator","right":"serve","topic":"any/thing","why":"serve #"}' ]
	run -64 net check a pub 'A/+'
	run -64 net check a read A/y
	run -64 net check a pub
}

@test "check denies who is expired or revoked" {
	export SG_NOW=2030-01-01T00:00:00Z
	sg-trust demo net
	run -0 net check flat12 subs COMMAND/flat12/x
	SG_NOW=2030-03-01T00:00:00Z run -1 net check flat12 subs COMMAND/flat12/x
	[[ "$output" == *": certificate expired" ]]
	net revoke -q flat12
	run -1 net check flat12 subs COMMAND/flat12/x
	[[ "$output" == *": certificate revoked" ]]
}

@test "a clock set back revives nobody once a list has told the time" {
	export SG_NOW=2030-01-01T00:00:00Z
	sg-trust demo net
	SG_NOW=2030-02-15T00:00:00Z net crl new -q
	run -1 net check flat12 subs COMMAND/flat12/x
	[[ "$output" == *": certificate expired" ]]
}

@test "check is a filter over lines, and names the bad ones" {
	sg-trust demo net
	printf '%s\n' 'flat12 pub MEASUREMENT/SENSOR/flat12/t' \
	    'flat12 pub COMMAND/x' 'nobody pub A' 'flat12 pub' \
	    'flat12 fly A' 'flat12 pub A b' >in
	run -65 --separate-stderr net check <in
	[ "$output" = "allow flat12 pub MEASUREMENT/SENSOR/flat12/t: pub MEASUREMENT/SENSOR/flat12/#
deny flat12 pub COMMAND/x: no pub pattern covers it" ]
	[ "$(grep -c '^sg-trust: error: stdin:[3456]: ' <<<"$stderr")" -eq 4 ]
	run -1 net check < <(sed -n 1,2p in)
	run -0 net check < <(sed -n 1p in)
	net check -f json < <(sed -n 1p in) | jq -e '.verdict=="allow"'
}

@test "acl explain lists every rule that takes part" {
	export SG_NOW=2030-01-01T00:00:00Z
	init
	net issue -q a --pub A,B/# --deny B/x,C
	net acl explain a pub B/x | sed 's/  certificate [^:]*/  certificate S/' \
	    >out || [ $? -eq 1 ]
	diff - out <<-'END'
	  role        actor: may act
	  certificate S: valid
	  deny        B/x: forbids it
	  deny        C: does not cover it
	  pub         A: does not cover it
	  pub         B/#: covers it
	deny a pub B/x: deny B/x
	END
	run -0 net acl explain a pub B/y -f json
	[ "${#lines[@]}" -eq 7 ]
	jq -es '.[6].verdict=="allow" and .[5].effect=="covers it"' \
	    <<<"$output"
	run -64 net acl defend a pub A
}

# Renewal and revocation

@test "a renewed certificate goes on where the old one began" {
	export SG_NOW=2030-01-01T00:00:00Z
	init
	net issue -q a --pub A --subs B
	SG_NOW=2030-01-20T00:00:00Z net renew -q a --pub C
	cert a | jq -cS '[.gen,.nbf,.exp,.pub,.subs]' >out
	diff - out <<-'END'
	[2,1893456000,1897689600,["C"],["B"]]
	END
	[ "$(cert a | jq -r .key.x)" = "$(jq -r .x net/keys/a.key)" ]
}

@test "what was signed before a renewal stays good, however short lives are" {
	export SG_NOW=2030-01-01T00:00:00Z SG_TRUST=net
	init
	net issue -q area --role issuer --scope '#' --maxttl 10d
	net issue -q a --issuer area --pub A --ttl 10d
	SG_NOW=2030-01-02T00:00:00Z sg-sign -k net/keys/a.key \
	    <<<'{"topic":"A","v":1}' >line
	SG_NOW=2030-01-08T00:00:00Z net renew -q a --issuer area --ttl 10d
	[ "$(cert a | jq .nbf)" -gt "$(sed -n 1p net/certs/a~1.cert | jq .nbf)" ]
	run -0 sg-verify line
	jq -c '.v = 2' line >altered
	run -1 sg-verify altered
	SG_NOW=2030-01-09T00:00:00Z net revoke -q a --issuer area
	run -0 sg-verify line
	run -1 sg-verify --at 2030-01-09T00:00:02Z line
}

@test "a renewed root is the same network, what it has issued stays" {
	SG_NOW=2030-01-01T00:00:00Z sg-trust init -q net --ttl 10d
	export SG_NOW=2030-01-05T00:00:00Z
	net issue -q a --pub A
	local id
	id=$(net show | sed -n 1p)
	SG_NOW=2030-01-12T00:00:00Z run -77 net issue b --pub A
	[[ "$output" == *"root: certificate expired" ]]
	SG_NOW=2030-01-12T00:00:00Z net renew -q root --ttl 100d
	SG_NOW=2030-02-01T00:00:00Z net issue -q b --pub A
	[ "$(state a)" = valid ]
	[ "$(net show | sed -n 1p)" = "$id" ]
	jq -c '[.gen,.nbf,.exp]' net/root.cert >out
	diff - out <<-'END'
	[2,1893456000,1903046400]
	END
	[ ! -e net/certs/root.cert ]
	run -77 net renew root --rekey
	[[ "$output" == *"its key is the network" ]]
}

@test "a new key keeps the old certificate and key" {
	init
	net issue -q a --pub A
	local old new
	old=$(cert a | jq -r .key.x)
	cp net/certs/a.cert old.cert
	net renew -q a --rekey
	new=$(cert a | jq -r .key.x)
	[ "$old" != "$new" ]
	diff old.cert net/certs/a~1.cert
	[ "$(jq -r .x net/keys/a.key)" = "$new" ]
	[ "$(jq -r .x net/keys/a~1.key)" = "$old" ]
	[ "$(net show | grep -c '^a ')" -eq 1 ]
	sg-trust key a elsewhere.key >a.jwk
	net renew -q a --jwk a.jwk
	[ "$(cert a | jq -r '.key.x, .gen' | tr '\n' ' ')" = \
	    "$(jq -r .x a.jwk) 3 " ]
}

@test "revoking a name revokes its older certificates too" {
	init
	net issue -q a --pub A
	net renew -q a --rekey
	net revoke -q a --reason 'lost on the way'
	[ "$(state a)" = revoked ]
	net crl -f json | jq -c '[.num,(.rev|length),.rev[0][2],(.all_before|length)]' >out
	diff - out <<-'END'
	[1,2,"lost on the way",2]
	END
	net show net/certs/a~1.cert -f json | sed -n 1p |
	    jq -e '.state=="revoked"'
}

@test "a revoked name is back with a new key" {
	init
	net issue -q a --pub A
	net revoke -q a
	net renew -q a --rekey
	[ "$(state a)" = valid ]
}

@test "a broker whose subject is no host needs a name that is one" {
	init
	run -64 net issue north/b --role broker
	[[ "$output" == *"--names: north/b is no host, and a broker needs one"* ]]
	net issue -q north/b --role broker --names b
	[ "$(cert north/b | jq -c .names)" = '["b"]' ]
}

@test "who is renewed in the second of the revocation is valid after it, too" {
	export SG_NOW=2030-01-01T00:00:00Z
	init
	net issue -q a --pub A
	net revoke -q a
	net renew a 2>err
	grep -q 'warning: a was revoked and is valid again, with the same key; --rekey' err
	[ "$(state a)" = valid ]
	SG_NOW=2030-01-01T00:00:02Z
	[ "$(state a)" = valid ]
	net revoke -q a
	net renew a --rekey 2>err
	! grep warning err
}

@test "an issuer's list is its own, and signed by its own key" {
	issuer
	net issue -q --issuer north north/m --pub MEASUREMENT/METER/m
	mv net/keys/root.key .
	net revoke -q north/m
	[ "$(state north/m)" = revoked ]
	[ "$(state north)" = valid ]
	[ "$(net crl -f json | jq -r .iss)" = \
	    "$(net show north -f json | sed -n 1p | jq -r .cert.key.x |
		net_thumbprint)" ]
	run -78 net crl new
	[[ "$output" == *"net/keys/root.key: No such file"* ]]
	net crl new -q --issuer north
	[ "$(net crl -f json | jq .num)" -eq 2 ]
}

net_thumbprint() {
	printf '{"crv":"Ed25519","kty":"OKP","x":"%s"}' "$(cat)" |
	    openssl dgst -sha256 -binary | basenc --base64url | tr -d '=\n'
}

@test "one certificate is revoked by its serial number" {
	init
	net issue -q a --pub A
	net revoke -q "$(cert a | jq -r .ser)"
	[ "$(state a)" = revoked ]
	[ "$(net crl -f json | jq '.all_before|length')" -eq 0 ]
	run -66 net revoke 0123456789abcdef
	run -64 net revoke a --reason "$(printf 'x%.0s' {1..64})"
	run -64 net revoke 0123456789abcdef0123456789abcdef --all-before now
}

@test "all certificates from before a time are revoked, later ones not" {
	init
	SG_NOW=2030-01-01T00:00:00Z net issue -q a --pub A
	SG_NOW=2030-01-01T00:00:00Z net issue -q b --pub A
	export SG_NOW=2030-01-02T00:00:00Z
	net revoke -q a --all-before 2030-01-01T12:00:00Z
	[ "$(state a)" = revoked ]
	[ "$(state b)" = valid ]
	net renew -q a
	[ "$(state a)" = valid ]
}

@test "a root is not revoked by itself" {
	init
	run -77 net revoke root
	[[ "$output" == *"root is a root"* ]]
}

@test "the list's number rises, and it comes as an event" {
	export SG_NOW=2030-01-01T00:00:00Z
	init
	run -1 net crl
	net crl new -q
	net crl new -q --ttl 7d
	net crl -f json | jq -c '[.num,.nxt-.iat,.rev]' >out
	diff - out <<-'END'
	[2,604800,[]]
	END
	net crl --event | jq -c '[.topic,.d.num,.t]' >out
	diff - out <<-END
	["\$SG/TRUST/CRL/$(net show | sed -n 's/^network //p')",2,1893456000]
	END
	net crl | grep -q "^list 2 of "
	run -64 net crl old
}

@test "a list of text for terminals cannot steer one" {
	init
	net issue -q a --pub A
	net revoke -q a --reason $'\e[31mred'
	run -0 net crl
	[[ "$output" != *$'\e'* ]]
	[[ "$output" == *'"\u001b[31mred"'* ]]
}

@test "two at the same time wait for each other" {
	init
	local name
	for name in a b c d e f g h; do
		net issue -q $name --pub A
	done
	for name in a b c d e f g h; do
		background "revoke_$name" sg-trust revoke -q --trust net $name
	done
	for name in "${started[@]}"; do
		ends "$name" 0
	done
	net crl -f json | jq -e '.num==8 and (.rev|length)==8'
}

# revoke_flat12 COMMAND... - A session of flat12 that COMMAND, after the
# revocation, has to end within two seconds (and a second for us).
revoke_flat12() {
	background reader sg-sub -v -k net/keys/flat12.key \
	    'COMMAND/flat12/#' 'DR/+/+/request'
	wait_until grep -q 'session of flat12' broker.err
	local begun=$EPOCHREALTIME
	net revoke -q flat12
	"$@"
	# shellcheck disable=SC2154	# set by background
	ends "$reader_pid" 77
	awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { exit b - a > 3 }'
	grep -q 'certificate revoked' reader.err
	run -77 sg-sub -e -k net/keys/flat12.key 'COMMAND/flat12/#'
}

@test "revoking ends a session at a broker that reads the folder" {
	trust_network
	start_memory_broker -v
	revoke_flat12 true
}

@test "the list as an event ends a session at a broker far away" {
	trust_network
	cp -R net far
	SG_TRUST=$PWD/far start_memory_broker -v
	publish_list() {
		net crl --event | sg-pub
	}
	revoke_flat12 publish_list
	ls far/crl/*.crl
}

# Other programs

@test "minisign signs and verifies with an exported key" {
	need_command minisign
	sg-trust demo net
	net export flat12 --minisign >key.pub
	net export flat12 --minisign --secret >key.sec
	echo hello >file
	minisign -S -s key.sec -m file -W </dev/null
	minisign -V -p key.pub -m file
	echo hollo >file
	run ! minisign -V -p key.pub -m file
}

@test "age seals for and opens with an exported key" {
	need_command age
	sg-trust demo net
	net export flat12 --age >recipient
	net export flat12 --age --secret >identity
	echo hello | age -r "$(cat recipient)" >sealed
	[ "$(age -d -i identity sealed)" = hello ]
	[ "$(age-keygen -y identity)" = "$(cat recipient)" ]
}

@test "openssl signs and verifies with an exported key" {
	need_command openssl
	sg-trust demo net
	net export flat12 --pkcs8 >key.pub
	net export flat12 --pkcs8 --secret >key.pem
	openssl pkey -in key.pem -pubout >out
	diff key.pub out
	echo hello >file
	openssl pkeyutl -sign -rawin -inkey key.pem -in file -out sig
	openssl pkeyutl -verify -rawin -pubin -inkey key.pub -in file \
	    -sigfile sig
}

@test "an nkey has its prefix, key and checksum" {
	sg-trust demo net
	{
		net export flat12 --nkey
		net export flat12 --nkey --secret
		jq -r .x,.d net/keys/flat12.key
	} | python3 -c '
import base64, sys
user, seed, x, d = sys.stdin.read().split()

def crc16(data):
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xffff
    return crc

def b32(s):
    raw = base64.b32decode(s + "=" * (-len(s) % 8))
    assert crc16(raw[:-2]) == int.from_bytes(raw[-2:], "little")
    return raw[:-2]

def b64(s):
    return base64.urlsafe_b64decode(s + "=" * (-len(s) % 4))

assert crc16(b"123456789") == 0x31c3
assert b32(user) == bytes([20 << 3]) + b64(x)
raw = b32(seed)
assert raw[0] & 0xf8 == 18 << 3
assert (raw[0] & 7) << 5 | raw[1] >> 3 == 20 << 3
assert raw[2:] == b64(d)
'
}

@test "exactly one form is exported, the secret one only with the key" {
	init
	sg-trust key a a.key >a.jwk
	net issue -q a --pub A --jwk a.jwk
	run -64 net export a
	run -64 net export a --age --nkey
	net export a --age >one
	net export a.key --age >two
	diff one two
	net export a.key --age --secret | grep -q AGE-SECRET-KEY
	run -78 net export a --age --secret
	[[ "$output" == *"net/keys/a.key: No such file"* ]]
}

# The demonstration network

@test "the demonstration network is always the same, and quick" {
	run -0 sg-trust demo net
	[ -z "$output" ]
	net show | awk 'NR > 3 { print $1 }' | LC_ALL=C sort >out
	{
		printf 'meter-%02d\n' {1..10}
		printf '%s\n' flat12 flat13 aggregator-1 aggregator-2 \
		    concentrator gateway dso archive display operator \
		    broker-a broker-b
	} | LC_ALL=C sort | diff - out
	net check <<-'END'
	meter-03 pub MEASUREMENT/METER/meter-03/Load
	meter-03 subs COMMAND/meter-03/#
	concentrator pub MEASUREMENT/METER/meter-03/Load
	operator pub $SG/TRUST/CRL/x
	operator subs #
	archive subs #
	dso pub DR/peak/1/request
	END
	run -1 net check meter-03 pub MEASUREMENT/METER/meter-04/Load
	run -1 net check aggregator-1 pub COMMAND/flat13/on
	run -1 net check display pub AGGREGATE/x
	run -0 sg-trust demo -v other
	[[ "$output" == *"sg-broker -k other/keys/broker-a.key"* ]]
}
