# sg-seal(1).  What was sealed is opened again with sg-open, or by age.

load helpers

setup() {
	common_setup
	export SG_TRUST=$TEST_TMP/grid
	sg-trust -q init "$SG_TRUST"
	for name in flat12 dso aud; do
		sg-trust -q issue "$name" --pub "METER/$name/#" \
		    --pub "STATUS/KEYS/$name/#" --pub "STATUS/KEYS/$name" \
		    --pub 'COMMAND/#'
	done
	events METER/flat12/Load 1 5 >events
}

key() {
	echo "$SG_TRUST/keys/$1.key"
}

# seal [OPTION]... - As flat12.
seal() {
	sg-seal -k "$(key flat12)" "$@"
}

# opens NAME [OPTION]... - With NAME's key.
opens() {
	sg-open -k "$(key "$1")" "${@:2}"
}

# said TEXT - What the last command said on standard error.
said() {
	[[ "$stderr" == *"$1"* ]] || {
		echo "said: $stderr"
		return 1
	}
}

@test "sealing for nobody is refused" {
	run -64 --separate-stderr seal events
	said 'nobody to seal for'
}

@test "events without a key are refused" {
	run -64 --separate-stderr sg-seal -r dso events
	said '-k FILE'
}

@test "an unknown recipient is refused by name" {
	run -78 --separate-stderr seal -r nobody events
	said 'nobody: the network knows no such subject'
	[ -z "$output" ]
}

@test "an expired recipient is refused" {
	sg-trust -q issue brief --ttl 1h
	SG_NOW=-2h run -0 sg-trust check brief || :
	later=$(date -u -d '+2 hours' +%Y-%m-%dT%H:%M:%SZ)
	SG_NOW=$later run -77 --separate-stderr seal -r brief events
	said 'brief: '
	said expired
	[ -z "$output" ]
}

@test "a revoked recipient is refused, in documents too" {
	sg-trust -q revoke dso
	run -77 --separate-stderr seal -r dso events
	said revoked
	run -77 --separate-stderr sg-seal --document -r dso events
	said revoked
	[ -z "$output" ]
}

@test "a sender that may not publish its key events is refused" {
	run -77 --separate-stderr seal -r dso -t STATUS/KEYS/dso events
	said 'no pub pattern of flat12 covers STATUS/KEYS/dso'
}

@test "a topic of key events that is none is refused" {
	run -64 --separate-stderr seal -r dso -t 'STATUS/#' events
	said '--topic STATUS/#'
}

@test "a recipient of age is refused for events" {
	run -64 --separate-stderr seal -r "$(sg-trust export dso --age)" events
	said 'need a certificate'
}

@test "a mistyped recipient of age is refused" {
	local to
	to=$(sg-trust export dso --age)
	run -64 --separate-stderr sg-seal --document -r "${to%?}b1" events
	said 'not a recipient of age'
}

@test "a certificate that the network did not issue is refused" {
	sg-trust -q --trust other init other
	sg-trust -q --trust other issue dso
	run -78 --separate-stderr seal -r other/certs/dso.cert events
	said other/certs/dso.cert
	[ -z "$output" ]
}

@test "a list of recipients that is absent is refused" {
	run -66 --separate-stderr seal -R absent events
	said absent
}

@test "events have at most 200 recipients" {
	local i
	for ((i = 0; i < 201; i++)); do
		echo dso
	done >list
	run -64 --separate-stderr seal -R list events
	said 'more than 200'
}

@test "options of events do not go with documents, nor the other way" {
	local option
	for option in '--strict' '--stats' '--dead x' '-t A/b'; do
		# shellcheck disable=SC2086
		run -64 sg-seal --document -r dso $option events
	done
	run -64 seal --armor -r dso events
	run -64 sg-seal --document -r dso events events
	run -66 sg-seal --document -r dso .
	[[ "$output" == *".: Is a directory" ]]
}

@test "a line that is no event is refused, kept in --dead, and the rest goes on" {
	{ head -n 2 events; echo '{"v":1}'; tail -n 3 events; } >mixed
	run -65 --separate-stderr seal -r dso mixed
	said 'mixed:3: '
	[ "${#lines[@]}" -eq 6 ]
	run -0 seal -r dso --dead dead mixed
	[ "$(cat dead)" = '{"v":1}' ]
}

@test "--strict stops at the first refused line" {
	{ echo '{"v":1}'; cat events; } >mixed
	run -65 --separate-stderr seal -r dso --strict mixed
	[ -z "$output" ]
}

@test "a sealed line is not sealed again" {
	seal -r dso events >sealed
	tail -n 1 sealed >again
	run -65 --separate-stderr seal -r dso again
	said 'sealed before'
	[ -z "$output" ]
}

@test "a broker's members are taken out, or refused in a signed line" {
	echo '{"topic":"METER/flat12/Load","t":1,"v":1,"rt":5}' >meta
	seal -r dso meta | opens dso >opened
	run -0 jq -e 'has("rt") | not' opened
}

@test "only the clear members are to be seen, and each recipient reads the rest" {
	seal -r dso -r aud events >sealed
	[ "$(wc -l <sealed)" -eq 6 ]
	run -1 grep -c '"[vu]"' sealed
	run -0 jq -se '.[1:] | all(keys ==
	    ["enc", "ep", "seq", "src", "t", "topic"])' sealed
	opens dso <sealed | values >values
	diff values <(seq 5)
	opens aud <sealed | values >values
	diff values <(seq 5)
	run -1 opens flat12 sealed
}

@test "the key event is the sender's, signed, before all others" {
	seal -r dso events >sealed
	run -0 jq -se --arg kid "$(jq -r .kid "$(key dso)")" \
	    --arg own "$(jq -r .kid "$(key flat12)")" \
	    '.[0] | .topic == "STATUS/KEYS/flat12" and .src == "flat12" and
	    .kid == $own and has("sig") and .d.typ == "sg-sender-key" and
	    (.d.to | keys) == [$kid]' sealed
}

@test "recipients come from files, and from certificates in files" {
	printf '# who\n\n  dso  \n%s\n' "$SG_TRUST/certs/aud.cert" >list
	seal -R list events >sealed
	run -0 --separate-stderr opens aud sealed
	[ "${#lines[@]}" -eq 5 ]
	run -0 --separate-stderr opens dso sealed
	[ "${#lines[@]}" -eq 5 ]
}

@test "src, ep and seq are filled in, and go on in the next run" {
	seal -r dso events >one
	seal -r dso events >two
	run -0 jq -se 'map(select(.enc)) | map(.seq) == [range(1; 11)] and
	    all(.src == "flat12")' one two
}

@test "commands keep id and ttl in clear" {
	printf '{"topic":"COMMAND/r/x","t":%s,"id":"c","ttl":60,"vb":true}\n' \
	    "$(date +%s)" >command
	seal -r dso command >sealed
	run -0 jq -se '.[1] | .id == "c" and .ttl == 60 and
	    (has("vb") | not)' sealed
	opens dso sealed | jq -e .vb
}

@test "-t names the topic of the key events" {
	seal -r dso -t STATUS/KEYS/flat12/night events >sealed
	run -0 jq -se '.[0].topic == "STATUS/KEYS/flat12/night"' sealed
	opens dso sealed | values | diff - <(seq 5)
}

# feed [OPTION]... - Seal the events of fifo in, one after the other.
feed() {
	mkfifo in
	background seal sg-seal -k "$(key flat12)" -r dso "$@" in
	exec 8>in
	sed -n 1p events >&8
	wait_lines 2 seal.out
}

@test "--rotate makes a fresh key, which opens what comes after it" {
	feed --rotate 1ms
	sed -n 2p events >&8
	wait_lines 4 seal.out
	exec 8>&-
	ends "$seal_pid"
	run -0 jq -se '.[0].d.key != .[2].d.key and
	    (.[1].enc[:21] != .[3].enc[:21])' seal.out
	opens dso seal.out | values | diff - <(seq 2)
}

@test "--announce repeats the key event with the same key" {
	feed --announce 1ms
	sed -n 2p events >&8
	wait_lines 4 seal.out
	exec 8>&-
	ends "$seal_pid"
	run -0 jq -se '.[0].d == .[2].d and .[0].t < .[2].t' seal.out
	tail -n 2 seal.out | opens dso | values | diff - <(echo 2)
}

@test "a recipient that is revoked meanwhile does not get the next key" {
	feed
	sg-trust -q revoke dso
	kill -HUP "$seal_pid"
	sed -n 2p events >&8
	exec 8>&-
	ends "$seal_pid" 77
	grep revoked seal.err
	[ "$(wc -l <seal.out)" -eq 2 ]
}

@test "HUP reads the list of recipients again, with a new key" {
	echo dso >list
	feed -R list
	echo aud >>list
	kill -HUP "$seal_pid"
	sed -n 2p events >&8
	wait_lines 4 seal.out
	exec 8>&-
	ends "$seal_pid"
	run -1 --separate-stderr opens aud seal.out
	[ "$(values <<<"$output")" = 2 ]
}

@test "HUP with a list that is gone keeps the old one" {
	echo dso >list
	feed -R list
	rm list
	kill -HUP "$seal_pid"
	sed -n 2p events >&8
	wait_lines 3 seal.out
	exec 8>&-
	ends "$seal_pid"
	grep 'the old ones stay' seal.err
	opens dso seal.out | values | diff - <(seq 2)
}

@test "--rotate 0 is a key for each event" {
	events METER/flat12/Load 1 100 >many
	mkfifo in
	background seal sg-seal -k "$(key flat12)" -r dso --rotate 0 in
	exec 8>in
	cat many >&8
	exec 8>&-
	ends "$seal_pid"
	[ "$(wc -l <seal.out)" -eq 200 ]
	opens dso seal.out | values | diff - <(seq 100)
}

@test "--stats counts" {
	run -0 --separate-stderr seal -r dso --stats events
	jq -e '.tool == "sg-seal" and .in == 5 and .out == 6 and
	    .sealed == 5 and .keys == 1' <<<"$stderr"
}

@test "an empty input stays empty" {
	run -0 seal -r dso /dev/null
	[ -z "$output" ]
}

@test "the passphrase of a key is read from a descriptor" {
	sg-trust -q issue locked --pub '#' --passphrase --pass-fd 5 5<<<secret
	sg-seal -k "$(key locked)" --pass-fd 5 -r dso events 5<<<secret >sealed
	opens dso sealed | values | diff - <(seq 5)
	run -77 sg-seal -k "$(key locked)" --pass-fd 5 -r dso events 5<<<wrong
}

@test "age opens our documents, in binary and in armor" {
	need_command age
	head -c 200000 /dev/urandom >document
	sg-trust export dso --age --secret >id
	sg-seal --document -r dso document >document.age
	age -d -i id document.age | cmp - document
	sg-seal --document --armor -r dso <document >document.age
	head -n 1 document.age | grep -x -- '-----BEGIN AGE ENCRYPTED FILE-----'
	age -d -i id document.age | cmp - document
}

@test "a document for a recipient of age needs no network and no key" {
	need_command age age-keygen
	age-keygen -o id 2>err
	unset SG_TRUST
	sg-seal --document -a -r "$(age-keygen -y id)" events >sealed
	age -d -i id sealed | cmp - events
	run -64 sg-seal --document events
}

@test "documents of every length around the pieces come back whole" {
	local n
	for n in 0 1 65535 65536 65537 131072; do
		head -c "$n" /dev/zero >document
		sg-seal --document -r dso document | opens dso |
		    cmp - document
	done
}

@test "a document stopped in the middle does not look whole" {
	mkfifo in
	background seal sg-seal --document -r dso in
	exec 8>in
	head -c 100000 /dev/zero >&8
	wait_until [ -s seal.out ]
	kill -TERM "$seal_pid"
	ends "$seal_pid" 143
	exec 8>&-
	run -65 opens dso seal.out
}
