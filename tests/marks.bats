# Pipelines with marks: results and the position they belong to move in one.
# make soak kills for longer.

load helpers

# Two readings of two meters, and one that closes their window.
readings() {
	awk 'BEGIN {
		t = systime() - 300 - systime() % 60
		for (i = 0; i < 4; i++)
			printf "{\"topic\":\"M/%d/Load\",\"t\":%d,\"v\":%d}\n",
			    i % 2, t + i, i + 1
		printf "{\"topic\":\"M/0/Load\",\"t\":%d,\"v\":9}\n", t + 90
	}'
}

aggregate() {
	sg-aggregate --from 'M/{m}/Load' --to 'R/{m}/Load' "$@"
}

# stored FILTER - Everything that the broker has of it.
stored() {
	sg-sub -e "$1" || [ $? = 1 ]
}

@test "sg-sub --marks refuses what it does not go with" {
	run -64 sg-sub --marks
	[[ $output == *"needs a durable cursor"* ]]
	for each in '-o file' '-x cat' '-n 1' '-f csv' '--last' '--meta' \
	    '--since -1h' '--until now'; do
		# shellcheck disable=SC2086	# an option and its value
		run -64 sg-sub -c x --marks $each
	done
	run -64 sg-sub -c x --marks '$SG/TRUST/#'
	run -64 sg-sub -c x --state file
}

@test "sg-pub refuses marks that do not belong together, and a spool" {
	start_memory_broker
	mark='{"topic":"$SG/MARK","t":1,"d":{"name":"a","id":"1","cursor":{}'
	run -65 sg-pub <<<"$mark}}"
	[[ $output == *"without a beginning"* ]]
	run -65 sg-pub <<<'{"topic":"$SG/MARK","t":1,"d":{"name":"a"}}'
	[[ $output == *"mark: no cursor"* ]]
	run -65 sg-pub <<<"$mark,\"done\":true,\"n\":0}}
${mark/\"a\"/\"b\"},\"done\":true,\"n\":0}}"
	[[ $output == *"another cursor"* ]]
	run -64 sg-pub --spool s <<<"$mark,\"done\":true,\"n\":0}}"
}

@test "the first mark is where the cursor stands, the next ones say how far" {
	start_broker
	readings | sg-pub
	sg-sub -c c --marks --from-start -e 'M/#' >first &
	wait $!
	jq -se '.[0].d.done and .[0].d.n == 0 and .[1].d.lead and
	    ([.[].topic] | index("M/0/Load")) == 2 and
	    .[-1].d.end and (.[-1].d.cursor | to_entries[0].value) == 5' first
	# Nobody has published it: the next one begins there again.
	sg-sub -c c --marks --from-start -e 'M/#' >second
	[ "$(grep -c '"M/' second)" = 5 ]
}

@test "results and their cursor move together, and the next run goes on there" {
	start_broker
	readings | sg-pub
	for i in 1 2; do
		sg-sub -c c --marks --from-start -e 'M/#' |
		    sed -u 's,M/,COPY/,' | sg-pub || [ $i = 2 ]
	done
	stored 'COPY/#' | values >got
	[ "$(tr '\n' ' ' <got)" = '1 2 3 4 9 ' ]
	[ "$(stored '$SG/MARK/#' | jq -s '.[0].seq')" = 6 ]
}

@test "sg-aggregate keeps its windows from run to run of a pipeline" {
	start_broker
	readings >in
	aggregate in | head -n 2 | jq -c '[.topic,.v,.n]' >want
	while read -r line; do
		sg-pub <<<"$line"
		sg-sub -c c --marks --from-start -e 'M/#' |
		    aggregate --state F | sg-pub
	done <in
	stored 'R/#' | head -n 2 | jq -c '[.topic,.v,.n]' >got
	diff want got
}

@test "lines without a mark behind them are not published" {
	start_broker
	readings | sg-pub
	sg-sub -c c --marks --from-start -e 'M/#' >lines
	# The filter died in the middle.
	head -n 4 lines | sg-pub -v 2>err
	grep -q '2 lines behind the last mark are dropped' err
	[ -z "$(stored 'COPY/#')" ]
	sg-sub -c c --marks --from-start -e 'M/#' >again
	[ "$(grep -c '"M/' again)" = 5 ]
}

@test "one that comes back after another has gone on is fenced off" {
	start_broker
	readings | sg-pub
	sg-sub -c c --marks --from-start -e 'M/#' |
	    sed 's,"M/,"LATE/,' >late
	sg-sub -c c --marks --from-start -e 'M/#' |
	    sed -u 's,"M/,"COPY/,' | sg-pub
	run -69 sg-pub late
	[[ $output == *"another reader has gone on from cursor c"* ]]
	[ -z "$(stored 'LATE/#')" ]
}

@test "who stands by for nobody any more ends as a closed pipe does" {
	start_broker
	readings | sg-pub
	background lead sh -c "sg-sub -c c --marks --from-start 'M/#' |
	    sed -u 's,\"M/,\"R/,' | sg-pub"
	wait_until sg-sub --last '$SG/MARK/#'
	background by sh -c "sg-sub -c c --marks --from-start 'M/#' \
	    2>by.err | exec tail -f /dev/null"
	wait_until grep -q 'standing by' by.err
	background reader pgrep -f -P "$by_pid" 'tail -f'
	wait_lines 1 reader.out
	kill -KILL "$(cat reader.out)"
	gone() {
		! pgrep -f -P "$by_pid" 'sg-sub -c c'
	}
	wait_until gone
}

@test "a second pipeline stands by with the state of the first, and takes over" {
	start_broker
	readings | sg-pub
	for i in 1 2; do
		background "p$i" sh -c "sg-sub -c c --marks --state F$i \
		    --from-start 'M/#' 2>sub$i.err | sg-aggregate --state F$i \
		    --from 'M/{m}/Load' --to 'R/{m}/Load' | sg-pub"
		[ $i = 2 ] || wait_until sg-sub --last '$SG/MARK/#'
	done
	wait_until grep -q 'standing by' sub2.err
	background first pgrep -f -P "$p1_pid" 'sg-sub -c c'
	wait_lines 1 first.out
	kill -KILL "$(cat first.out)"
	awk '{ sub(/"v":.*/, "\"v\":7}"); print }' <(readings | tail -n 1) |
	    sed 's,M/0,M/1,' | sg-pub
	aggregate <(stored 'M/#') | head -n 2 | jq -c '[.topic,.v,.n]' >want
	# The clock closes the rest.
	has_both() {
		stored 'R/#' | head -n 2 | jq -c '[.topic,.v,.n]' >got
		cmp want got
	}
	wait_until has_both
}

@test "marks pass through what signs, seals and verifies, in their place" {
	export SG_TRUST=$TEST_TMP/net
	sg-trust -q init net
	sg-trust -q issue meter --pub '+/#'
	key=net/keys/meter.key
	for i in 1 2 3; do
		echo "{\"topic\":\"A/1\",\"v\":$i}"
		echo "{\"topic\":\"\$SG/MARK\",\"t\":$i,\"d\":{\"name\":\"a\"," \
		    "\"id\":\"$i\",\"cursor\":{}}}"
	done >in
	grep MARK in >marks
	places() {
		sed 's/.*"topic":"\([^"]*\)".*/\1/' "$@" | grep -v STATUS |
		    tr '\n' ' '
	}
	for each in '' --seal; do
		# shellcheck disable=SC2086	# none or one
		sg-sign -k $key $each <in >signed
		grep MARK signed | cmp - marks
		sg-verify --drop <signed >verified
		grep MARK verified | cmp - marks
		[ "$(places verified)" = "$(places in)" ]
	done
	sg-seal -k $key -r meter <in >sealed
	grep MARK sealed | cmp - marks
	sg-open -k $key <sealed >opened
	grep MARK opened | cmp - marks
	[ "$(places opened)" = "$(places in)" ]
	[ "$(sg-csv --to-csv <in | wc -l)" = 4 ]
}

@test "whatever is killed of two pipelines, each result comes once" {
	need_command python3
	run -0 timeout 100 python3 "$ROOT/tests/soak/marks.py" --rounds 5 \
	    --pause 0.3 --seed 4 --pipes 2 --bin "$SG_BIN"
	[[ $output == "seed 4: kills "* ]]
}
