# sg-open(1): sealed events and documents, and all that must not be opened.

load helpers

setup() {
	common_setup
	export SG_TRUST=$TEST_TMP/grid
	sg-trust -q init "$SG_TRUST"
	for name in flat12 flat13 dso eve; do
		sg-trust -q issue "$name" --pub "METER/$name/#" \
		    --pub "STATUS/KEYS/$name" --subs '#'
	done
	events METER/flat12/Load 1 5 >events
	sg-seal -k "$(key flat12)" -r dso events >sealed
}

key() {
	echo "$SG_TRUST/keys/$1.key"
}

# opens NAME [OPTION]... - With NAME's key.
opens() {
	sg-open -k "$(key "$1")" "${@:2}"
}

said() {
	[[ "$stderr" == *"$1"* ]] || {
		echo "said: $stderr"
		return 1
	}
}

# refused TEXT FILE - dso opens nothing of FILE's line behind the key event.
refused() {
	run -65 --separate-stderr opens dso "$2"
	said "$1"
	[ -z "$output" ]
}

# altered SED - The key event and one sealed event, altered.
altered() {
	sed -n 1p sealed >altered
	sed -n 2p sealed | sed "$1" >>altered
	cmp -s <(sed -n 2p sealed) <(sed -n 2p altered) && return 1
	return 0
}

@test "who is not a recipient opens nothing, and is told so by status 1" {
	run -1 --separate-stderr opens eve sealed
	[ -z "$output" ]
	said '5 sealed for others'
}

@test "an altered clear member is refused" {
	altered 's/"seq":1,/"seq":9,/'
	refused altered altered
	altered 's/"t":1700000001/"t":1700000002/'
	refused altered altered
	altered 's|METER/flat12/Load|METER/flat12/Gen|'
	refused altered altered
}

@test "a clear member left out or added is refused" {
	altered 's/"seq":1,//'
	refused altered altered
	altered 's/"seq":1,/&"ttl":60,/'
	refused altered altered
	altered 's/"seq":1,/&"q":"BAD",/'
	refused altered altered
}

@test "an altered enc is refused" {
	altered 's/\(.*\)\(.\)\(...\)"}/\1\3\2"}/'
	refused '' altered
	altered 's/\("enc":".\{60\}\)_/\1-/;t;s/\("enc":".\{60\}\)./\1_/'
	refused altered altered
	altered 's/\("enc":".\{40\}\).*/\1"}/'
	refused malformed altered
}

@test "values swapped between two events are refused" {
	local one two
	one=$(sed -n 's/.*"enc":"\(.*\)"}/\1/p' sealed | sed -n 1p)
	two=$(sed -n 's/.*"enc":"\(.*\)"}/\1/p' sealed | sed -n 2p)
	altered "s|$one|$two|"
	refused altered altered
}

@test "a key event that was altered, or is not signed, is refused" {
	sed '1s/"t":/"t":1/' sealed >altered
	run -65 --separate-stderr opens dso altered
	[ -z "$output" ]
	said 'altered:1: '
	jq -c 'if .d then del(.kid, .sig) else . end' sealed >altered
	run -65 --separate-stderr opens dso altered
	[ -z "$output" ]
	said 'altered:1: '
}

@test "another cannot announce a sender's key as its own, nor in its name" {
	sg-seal -k "$(key eve)" -r dso -t STATUS/KEYS/eve /dev/null
	events METER/eve/Load 1 1 | sg-seal -k "$(key eve)" -r dso >eves
	# eve's key for an event that says it is of flat12
	{
		sed -n 1p eves
		sed -n 2p eves | sed 's/"src":"eve"/"src":"flat12"/'
	} >forged
	refused 'sealed by another than src' forged
	{
		sed -n 1p eves
		sed -n 2p eves | sed 's|METER/eve|METER/flat12|'
	} >forged
	refused 'may not publish this topic' forged
	# flat12's key event with eve's name in it
	sed '1s/"src":"flat12"/"src":"eve"/' sealed >forged
	run -65 --separate-stderr opens dso forged
	[ -z "$output" ]
}

@test "a key event from a sender that the network does not know is refused" {
	sg-trust -q init other
	sg-trust -q --trust other issue flat12 --pub '#'
	SG_TRUST=other sg-seal -k other/keys/flat12.key \
	    -r other/certs/flat12.cert events >others
	run -65 --separate-stderr opens dso others
	[ -z "$output" ]
	said 'others:1: '
}

@test "a key event of an expired or revoked sender is refused" {
	local now
	now=$(date +%s)
	sg-trust -q revoke flat12
	jq -c --argjson t $((now - 60)) 'if .d then .rt = $t else . end' \
	    sealed >early
	opens dso early | values | diff - <(seq 5)
	jq -c --argjson t $((now + 7200)) 'if .d then .rt = $t else . end' \
	    sealed >late
	run -65 --separate-stderr opens dso late
	said revoked
}

@test "events whose key event does not come are not opened" {
	sed 1d sealed >keyless
	run -1 --separate-stderr opens dso keyless
	[ -z "$output" ]
	said '5 whose key event has not come'
}

@test "events without a key to open with are a usage error" {
	run -64 --separate-stderr sg-open sealed
	said '-k FILE'
}

@test "a line that is no event is refused and kept in --dead" {
	{ cat sealed; echo '{"topic":1}'; } >mixed
	run -65 --separate-stderr opens dso mixed
	[ "${#lines[@]}" -eq 5 ]
	run -0 --separate-stderr opens dso --dead dead mixed
	[ "$(cat dead)" = '{"topic":1}' ]
}

@test "--strict stops at the first refused line" {
	{ echo '{"topic":1}'; cat sealed; } >mixed
	run -65 --separate-stderr opens dso --strict mixed
	[ -z "$output" ]
}

@test "what was sealed comes back byte for byte" {
	cat >odd <<-'END'
	{ "v" : 1.0e0,"u":"W", "t":1700000001.50 ,"topic":"METER\/flat12/Load","src":"flat12","ep":1,"seq":7, "x":{"topic":"B","a":[1,"\u00e9"]} }
	END
	sg-seal -k "$(key flat12)" -r dso odd | opens dso | cmp - odd
}

@test "jq may rewrite a sealed line, and its content is the same" {
	jq -c . sealed >rewritten
	opens dso rewritten | jq -S . >one
	opens dso sealed | jq -S . >two
	diff one two
}

@test "rt, from and pos of the broker are kept" {
	jq -c '. + {rt: 1700000000, from: "b", pos: "1:2"}' sealed >meta
	jq -c --argjson now "$(date +%s)" '.rt = $now' meta >now
	opens dso now >opened
	[ "$(wc -l <opened)" -eq 5 ]
	run -0 jq -se 'all(.from == "b" and .pos == "1:2" and
	    has("rt"))' opened
}

@test "events wait for a key event that comes later, in their order" {
	{ sed 1d sealed; sed -n 1p sealed; } >late
	opens dso late | values | diff - <(seq 5)
}

@test "--hold bounds how many wait" {
	{ sed 1d sealed; sed -n 1p sealed; } >late
	run -1 --separate-stderr opens dso --hold 700 late
	said 'whose key event has not come'
	[ "${#lines[@]}" -lt 5 ]
	[ "${#lines[@]}" -gt 0 ]
	[[ "${lines[-1]}" == *'"v":5'* ]]
	run -1 --separate-stderr opens dso --hold 0 late
	[ -z "$output" ]
}

@test "--keep passes on what is not opened, unchanged" {
	events METER/flat12/Clear 7 7 >clear
	cat sealed clear >mixed
	opens dso mixed | values | diff - <(seq 5)
	opens dso --keep mixed >kept
	grep -qxFf clear kept
	sed -n 1p sealed | grep -qxFf - kept
	[ "$(wc -l <kept)" -eq 7 ]
	run -1 --separate-stderr opens eve --keep mixed
	diff <(echo "$output") mixed
}

@test "--keep does not pass on what was altered" {
	altered 's/"seq":1,/"seq":9,/'
	run -65 --separate-stderr opens dso --keep altered
	[ "${#lines[@]}" -eq 1 ]
	[[ "$output" == *sg-sender-key* ]]
}

@test "a mark of the subscription passes" {
	echo '{"topic":"$SG/MARK","t":1,"vs":"live"}' >>sealed
	run -0 --separate-stderr opens dso sealed
	[ "${#lines[@]}" -eq 6 ]
}

@test "several senders at a time" {
	events METER/flat13/Load 6 9 | sg-seal -k "$(key flat13)" -r dso >more
	paste -d '\n' sealed more | grep . >mixed
	opens dso mixed | values | sort -n | diff - <(seq 9)
}

@test "a signature inside verifies when it is out again" {
	jq -c '.t = now' events | sg-sign -k "$(key flat12)" >signed
	sg-seal -k "$(key flat12)" -r dso signed >sealed
	run -1 grep -c '"v"' sealed
	opens dso sealed >opened
	cmp signed opened
	sg-verify --drop opened | values | diff - <(seq 5)
	jq -c . sealed | opens dso | sg-verify --drop | values |
	    diff - <(seq 5)
}

@test "sealed events pass the broker, for a late subscriber too" {
	start_broker
	events METER/flat12/Load 1 5 | sg-seal -k "$(key flat12)" -r dso |
	    SG_TRUST='' sg-pub
	SG_TRUST='' sg-sub --from-start -e '+/#' >stored
	opens dso stored | values | diff - <(seq 5)
	SG_TRUST='' sg-sub --from-start -e --meta '+/#' | opens dso |
	    values | diff - <(seq 5)
	stop_broker
}

@test "signed, sealed, through sessions with the broker, opened, verified" {
	sg-trust -q issue broker --role broker --names localhost
	broker_key=$(key broker) start_broker -l tcp://127.0.0.1:0
	SG_BROKER=$(broker_tcp | sed 's/127.0.0.1/localhost/')
	export SG_BROKER
	jq -c '.t = now' events | sg-sign -k "$(key flat12)" |
	    sg-seal -k "$(key flat12)" -r dso | sg-pub -k "$(key flat12)"
	sg-sub -k "$(key dso)" --from-start -e --meta '+/#' |
	    opens dso | sg-verify --drop | values | diff - <(seq 5)
	sg-sub -k "$(key eve)" --from-start -e '+/#' >seen
	[ "$(wc -l <seen)" -eq 6 ]
	run -1 grep -c '"v"' seen
	run -1 opens eve seen
	stop_broker
}

@test "HUP brings senders that the network did not know" {
	local name=late
	mkfifo in
	background open sg-open -k "$(key dso)" in
	exec 8>in
	cat sealed >&8
	wait_lines 5 open.out
	sg-trust -q issue $name --pub '#'
	events METER/late/Load 6 6 | sg-seal -k "$(key late)" -r dso >more
	cat more >&8
	wait_until grep -q 'in:7' open.err
	kill -HUP "$open_pid"
	sed -n 1p sealed >&8
	cat more >&8
	wait_lines 6 open.out
	exec 8>&-
	ends "$open_pid" 65
}

@test "--stats counts" {
	{ cat sealed events; sed -n 2p sealed | sed 's/"enc":"/&AAAA/'; } >mixed
	run -1 --separate-stderr opens dso --stats mixed
	tail -n 1 <<<"$stderr" | jq -e '.tool == "sg-open" and .opened == 5 and
	    .unknown == 1 and .clear == 5 and .keys == 1 and .others == 0'
}

@test "the passphrase of a key is read from a descriptor" {
	sg-trust -q issue locked --passphrase --pass-fd 5 5<<<secret
	sg-seal -k "$(key flat12)" -r locked events >sealed
	opens locked --pass-fd 5 sealed 5<<<secret | values | diff - <(seq 5)
	run -77 opens locked --pass-fd 5 sealed 5<<<wrong
}

@test "a document for somebody else is denied" {
	sg-seal --document -r dso events >document
	run -77 --separate-stderr opens eve document
	said 'sealed for somebody else'
	[ -z "$output" ]
	run -77 --separate-stderr sg-open document
	said 'without a key'
}

@test "a document cut off is refused, and what came before is called incomplete" {
	local n
	head -c 150000 /dev/zero >document
	sg-seal --document -r dso document >whole
	for n in 1 16 20000 80000; do
		head -c "-$n" whole >cut
		run -65 --separate-stderr opens dso cut
		said 'altered or cut off; what has been written is not complete'
	done
	head -c 100 whole >cut
	run -65 --separate-stderr opens dso cut
	said 'header is damaged'
}

@test "an altered document is refused" {
	sg-seal --document -a -r dso events >whole
	sed '5s/./-/' whole >altered
	run -65 --separate-stderr opens dso altered
	[ -z "$output" ]
	sed '$d' whole >altered
	run -65 --separate-stderr opens dso altered
	said armor
	echo '<html>' >altered
	run -65 --separate-stderr opens dso altered
}

@test "options of events do not go with documents" {
	sg-seal --document -r dso events >document
	run -64 opens dso --keep document
	run -64 opens dso document document
}

@test "we open documents of age, in binary and in armor" {
	need_command age
	head -c 200000 /dev/urandom >document
	age -r "$(sg-trust export dso --age)" -o document.age document
	opens dso document.age | cmp - document
	opens dso <document.age | cmp - document
	age -a -r "$(sg-trust export dso --age)" <document | opens dso |
	    cmp - document
	unset SG_TRUST
	sg-open -k "$TEST_TMP/grid/keys/dso.key" document.age | cmp - document
}

@test "a document with a passphrase is opened with it alone" {
	need_data vectors/age_testkit
	sed '1,/^$/d' "$SG_TEST_DATA/vectors/age_testkit/scrypt" >document
	sg-open --pass-fd 5 document 5<<<password >out
	sha256sum out | grep -q "$(sed -n 's/^payload: //p' \
	    "$SG_TEST_DATA/vectors/age_testkit/scrypt")"
	run -77 sg-open --pass-fd 5 document 5<<<wrong
	run -77 sg-open --pass-fd 5 document 5</dev/null
}

@test "a long document takes little memory" {
	head -c 100000000 /dev/zero | sg-seal --document -r dso >document
	# A sanitizer takes memory of its own.
	(sanitized || ulimit -v 100000 && opens dso document) | cmp -n 100000000 - /dev/zero
}

@test "a file that is absent is status 66" {
	run -66 opens dso absent
}
