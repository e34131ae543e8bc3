# Two brokers, each the other's twin: who may be one, and what a certificate
# that is lost does to a pair.  Refusals first.

load helpers

setup() {
	common_setup
	A=ipc://$TEST_TMP/a.socket
	B=ipc://$TEST_TMP/b.socket
}

# start_one NAME [OPTION]... - A broker of that name, on a.socket, b.socket …
start_one() {
	local name=$1
	shift
	ready "$name" sg-broker -d "$TEST_TMP/$name" -l "ipc://$TEST_TMP/$name.socket" "$@"
}

# keys - A network with the brokers a, b and c, a publisher and a reader, in net;
# in net-b what b knows of it.
keys() {
	export SG_TRUST=$TEST_TMP/net
	sg-trust -q init "$SG_TRUST" >/dev/null
	local name
	for name in a b c; do
		sg-trust -q issue --role broker --names "$name" "$name" >/dev/null
	done
	sg-trust -q issue --pub 'T/#,$SG/TRUST/CRL/+' pub >/dev/null
	sg-trust -q issue --subs 'T/#' reader >/dev/null
	cp -r net net-b
}

# with_key NAME FOLDER [OPTION]... - start_one with its key of that folder.
with_key() {
	start_one "$1" -k "$2/keys/$1.key" --trust "$2" "${@:3}"
}

# state URL FILTER - What the broker there says of itself.
state() {
	nngcat --req --dial "$1" --raw --recv-timeout 5 \
	    --data '{"op":"stat"}' | jq -e "$2"
}

says() {
	wait_until grep -q "$2" "$1.err"
}

event() {
	printf '{"topic":"%s","t":%s,"v":%s}\n' "$@"
}

@test "a broker has one twin, at one URL" {
	run -64 sg-broker --memory --twin "$A" --twin "$B"
	[[ $output == *"one twin, not 2"* ]]
	run -64 sg-broker --memory --twin "$A,$B"
	[[ $output == *"not one URL"* ]]
	run -64 sg-broker --memory --twin nowhere
	[[ $output == *"--twin: nowhere: "* ]]
	run -64 sg-broker --memory --accept-behind
	[[ $output == *"--accept-behind is for --twin"* ]]
}

@test "a tcp twin needs a key, or --insecure" {
	run -78 sg-broker --memory -l "$A" --twin tcp://127.0.0.1:1
	[[ $output == *"tcp://127.0.0.1:1"* ]]
}

@test "a broker without --twin is nobody's, and that is said" {
	start_one b --name b
	start_one a --name a --twin "$B"
	says a 'twin b is away: op: this broker has no twin'
	state "$A" '.degraded == ["twin"] and .twin.connected == false'
	state "$B" '.degraded == [] and .twin == null'
}

@test "two brokers of one name are no pair" {
	start_one a --name same --twin "$B"
	start_one b --name same --twin "$A"
	says a 'both brokers have the same name'
	says b 'both brokers have the same name'
	event T/x 1 1 | sg-pub -q -b "$A"
	run -1 sg-sub -b "$B" -e --from-start 'T/#'
}

@test "only the twin's certificate may copy, not another broker's" {
	keys
	with_key a net --twin "$B"
	with_key b net --twin "$A"
	says a 'twin b: in step'
	event T/x 1 1 | sg-pub -q -k net/keys/pub.key -b "$A"
	with_key c net --twin "$A"
	says c 'not the certificate of the broker.s twin'
	run -1 sg-sub -k net/keys/reader.key -b "ipc://$TEST_TMP/c.socket" \
	    -e --from-start 'T/#'
	run -0 sg-sub -k net/keys/reader.key -b "$B" -e --from-start 'T/#'
	[ "${#lines[@]}" -eq 1 ]
}

@test "an actor's certificate may not copy" {
	keys
	with_key a net --twin "$B"
	run -78 sg-broker --memory -k net/keys/pub.key -l "$B" --twin "$A"
	[[ $output == *"not for a broker"* ]]
}

@test "a twin whose certificate was revoked gets nothing and is not copied from" {
	keys
	with_key a net --twin "$B"
	with_key b net-b --twin "$A"
	says a 'twin b: in step'
	sg-trust -q revoke b >/dev/null
	says a 'twin b is away: .*certificate revoked'
	event T/x 1 1 | sg-pub -q -k net/keys/pub.key --trust net-b -b "$B"
	event T/y 1 1 | sg-pub -q -k net/keys/pub.key -b "$A"
	says b 'refuses: certificate revoked'
	run -0 sg-sub -k net/keys/reader.key -b "$A" -e --from-start 'T/#'
	[[ $output == *T/y* && $output != *T/x* ]]
	run -0 sg-sub -k net/keys/reader.key --trust net-b -b "$B" -e --from-start 'T/#'
	[[ $output == *T/x* && $output != *T/y* ]]
}

@test "a revocation list published at one broker holds at the other" {
	keys
	with_key a net --twin "$B"
	with_key b net-b --twin "$A"
	says b 'twin a: in step'
	ready live sg-sub -k net/keys/reader.key -b "$B" 'T/#'
	cp -r net elsewhere
	sg-trust -q --trust elsewhere revoke reader >/dev/null
	sg-trust --trust elsewhere crl --event >list
	sg-pub -k net/keys/pub.key -b "$A" list
	ends "$live_pid" 77
	grep -q revoked live.err
	ls net-b/crl/*.crl
}

@test "an event, stat and one warning say when the twin goes and comes" {
	start_one a --name a --twin "$B"
	start_one b --name b --twin "$A"
	says a 'twin b: in step'
	state "$A" '.degraded == [] and .twin.name == "b" and .twin.synced'
	kill -KILL "$b_pid"
	says a 'twin b is away'
	state "$A" '.degraded == ["twin"]'
	start_one b --name b --twin "$A"
	says a 'twin b is back'
	wait_until state "$A" '.degraded == []'
	[ "$(grep -c 'is away' a.err)" -eq 1 ]
	sg-sub -b "$A" -e --from-start '$SG/TWIN' | jq -r .vs >seen
	[ "$(tail -n 2 seen | paste -s)" = "away	here" ]
}

# old_values - Last values at A that it has no events of any more, in old.
old_values() {
	local i
	for i in 1 2 3; do
		event "T/$i" "$i" "$i"
	done >old
	sg-pub -q -b "$A" old
	awk 'BEGIN { x = sprintf("%1000s", ""); gsub(/ /, "x", x)
		for (i = 0; i < 6000; i++)
			printf "{\"topic\":\"FILL\",\"t\":%d,\"vs\":\"%s\"}\n", i, x
	}' | sg-pub -q -b "$A"
	wait_until gone
}

# gone - A has none of the events any more, but all last values.
gone() {
	[ "$(sg-sub -b "$A" -e --from-start 'T/#' 2>/dev/null | wc -l)" -eq 0 ] &&
	    [ "$(sg-sub -b "$A" --last 'T/#' | wc -l)" -eq 3 ]
}

# last_at URL - The last values there.
last_at() {
	sg-sub -b "$1" --last 'T/#' | sort
}

# same_last - Those of both are the three.
same_last() {
	last_at "$A" >at_a
	last_at "$B" >at_b
	[ "$(wc -l <at_a)" -eq 3 ] && cmp at_a at_b
}

@test "last values whose events are gone reach a twin that has lost its disk" {
	local small="--segment-size 1M --retain-size 3M --memory-size 64K"
	# shellcheck disable=SC2086	# several options
	start_one a --name a --twin "$B" $small
	start_one b --name b --twin "$A"
	says a 'twin b: in step'
	old_values
	kill -KILL "$b_pid"
	says a 'twin b is away'
	rm -r b
	start_one b --name b --twin "$A"
	says b 'twin a: in step'
	same_last
	# It has them on its disk, and what is newer wins.
	kill -KILL "$b_pid"
	kill -KILL "$a_pid"
	start_one b --name b --twin "$A"
	cmp at_a <(last_at "$B")
	event T/2 5 5 | sg-pub -q -b "$B"
	kill -KILL "$b_pid"
	start_one b --name b --twin "$A"
	last_at "$B" | jq -c .v | paste -sd, | grep -qx 1,5,3
	# shellcheck disable=SC2086
	start_one a --name a --twin "$B" $small
	says a 'twin b: in step'
	same_last
	grep -q '"v":5' at_a
}

@test "the same of brokers that have no disk" {
	local small="--memory --memory-size 1M"
	# shellcheck disable=SC2086
	start_pair_of() { ready "$1" sg-broker --name "$1" -l "$2" --twin "$3" $small; }
	start_pair_of a "$A" "$B"
	start_pair_of b "$B" "$A"
	says a 'twin b: in step'
	old_values
	kill -KILL "$b_pid"
	says a 'twin b is away'
	start_pair_of b "$B" "$A"
	says b 'twin a: in step'
	same_last
}
