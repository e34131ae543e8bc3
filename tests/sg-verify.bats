# sg-verify: what does not pass, and why; what is missing.

load helpers

setup() {
	common_setup
	export SG_TRUST=$TEST_TMP/net
	sg-trust -q init net
	sg-trust -q issue meter --pub 'A/#,COMMAND/#,DR/#,STATUS/#' \
	    --deny 'A/secret'
	KEY=net/keys/meter.key
}

# now_events TOPIC FROM TO - As events, but of this moment.
now_events() {
	events "$@" | jq -c --argjson t "$(date +%s)" '.t = $t + .v / 1000'
}

sign() {
	sg-sign -k "$KEY" "$@"
}

# verdicts FILE - Of a report, each once, in a line.
verdicts() {
	jq -r .verdict "$1" | sort -u | paste -sd ' '
}

# found VERDICT CONDITION - One finding in the report is that, and fulfils it.
found() {
	jq -es "any(.[]; .verdict == \"$1\" and ($2))" report >/dev/null || {
		cat report
		return 1
	}
}

# finds VERDICT FILE [OPTION]... - Its first line is found to be that, does
# not pass, and the status says so.
finds() {
	local verdict=$1 file=$2
	shift 2
	run -1 --separate-stderr sg-verify --report report "$@" "$file"
	[ "$(jq -r 'select(.line == 1) | .verdict' report)" = "$verdict" ] || {
		cat report
		return 1
	}
	[ -z "$output" ]
	[[ "$stderr" == "sg-verify: warning: $file:1: $verdict"* ]]
}

@test "a network that is absent is status 78" {
	run -78 sg-verify --trust nowhere </dev/null
}

@test "a line that is no event is malformed" {
	echo '{"topic":"A/1","t":1,"t":2}' >line
	finds malformed line
}

@test "an altered line is bad, whatever was altered" {
	now_events A/1 1 1 | sign >line
	for edit in 's/"v":1/"v":2/' 's/A\/1/A\/2/' 's/"seq":1/"seq":2/' \
	    's/^{/{"q":"OK",/' 's/,"u":"W"//' 's/"kid":"./"kid":"/' \
	    's/"src":"meter"/"src":"meteo"/'; do
		sed "$edit" line >altered
		finds bad altered
	done
}

@test "a line without a signature is unsigned, with a number or without" {
	echo '{"topic":"A/1","t":1,"v":1}' >line
	finds unsigned line
	echo '{"topic":"A/1","t":1,"v":1,"src":"meter","ep":1,"seq":1}' >line
	finds unsigned line
}

@test "a key of another network is unknown" {
	sg-trust -q init other
	sg-trust -q issue --trust other meter --pub 'A/#'
	now_events A/1 1 1 |
	    sg-sign --trust other -k other/keys/meter.key >line
	finds unknown line
}

@test "a signature after the certificate's end is expired, one before is not" {
	now_events A/1 1 1 | sign >line
	finds expired line --at 2099-01-01T00:00:00Z
	finds expired line --at 2001-01-01T00:00:00Z
	sg-verify line
}

@test "T10: what is revoked later was valid before, by the time of receipt" {
	now_events A/1 1 1 | sign >line
	at=$(jq .t line)
	sg-trust -q revoke meter
	jq -c ".rt = ($at | floor) - 30" line >early
	jq -c ".rt = ($at | floor) + 30" line >late
	sg-verify early
	finds revoked late
	finds revoked line --at "@$(($(date +%s) + 60))"
}

@test "a topic outside of the certificate's patterns is denied" {
	sg-trust -q issue wide --pub '#'
	now_events B/1 1 1 | sg-sign -k net/keys/wide.key >line
	sg-trust -q renew wide --pub 'A/#'
	finds denied line
}

@test "T05: 10000 old signed events are replayed, each of them" {
	now_events A/1 1 10000 | sign >lines
	cat lines lines >twice
	run -1 --separate-stderr sg-verify --report report --stats twice
	[[ "$stderr" == *'"replayed":10000'* ]]
	[ "$(verdicts report)" = replayed ]
	cmp lines <(echo "$output")
}

@test "an epoch that rises is fine, one that falls is replayed" {
	now_events A/1 1 2 | sign >old
	now_events A/1 3 4 | sign --seal >new
	now_events A/1 5 6 | sign >>new
	[ "$(jq '.ep // empty' old new | sort -u | wc -l)" -eq 2 ]
	cat old new >fine
	sg-verify fine
	cat new old >back
	run -1 --separate-stderr sg-verify --report report back
	[ "$(verdicts report)" = replayed ]
	cmp new <(echo "$output")
}

@test "a missing event is a gap, which stops nobody; with --partial none" {
	now_events A/1 1 9 | sign >lines
	sed -i '4,6d' lines
	run -1 --separate-stderr sg-verify --report report lines
	cmp lines <(echo "$output")
	found gap '.seq == 4 and .n == 3'
	[[ "$stderr" == *"gap: meter/"*"/4 to 6: missing"* ]]
	sg-verify --partial lines
}

@test "an event behind a later one is reordered, and passes" {
	now_events A/1 1 5 | sign >lines
	sed -i '2{h;d};4{G}' lines
	run -1 --separate-stderr sg-verify --report report lines
	cmp lines <(echo "$output")
	[ "$(verdicts report)" = reordered ]
}

@test "a heartbeat shows what is missing at the end" {
	now_events A/1 1 5 | sign --heartbeat 1m >lines
	sed -i '6d' lines
	run -1 --separate-stderr sg-verify --report report lines
	found gap '.seq == 5 and .n == 1'
}

@test "lines that jq or others rewrote still verify" {
	{
		echo '{"topic":"A/1","t":1700000000.250,"v":2.50e1}'
		echo '{"t":1700000000,"topic":"A\u002f1","m":{"z":1,"a":-0.0}}'
		echo '{"topic":"A/1","t":1700000000,"vs":"ä\u00e4\/\u2028"}'
	} | sign >lines
	for how in '.' '.|to_entries|reverse|from_entries'; do
		jq -c "$how" lines >rewritten
		sg-verify --at now rewritten | cmp - rewritten
		jq -cS "$how" lines >rewritten
		sg-verify --at now rewritten
	done
	sed 's/,/ ,\t/g; s/25,/0.25e2,/; s/^/ /' lines >rewritten
	sg-verify --at now rewritten
	now_events A/1 1 50 | sign --seal | jq -cS . >rewritten
	sg-verify rewritten
}

@test "--keep passes all lines, --drop only good ones, --dead has the rest" {
	now_events A/1 1 3 | sign >lines
	{ sed -n 1p lines; echo '{"x":'; sed 's/"v":2/"v":9/;2!d' lines
	  sed -n 3p lines; } >mixed
	run -1 --separate-stderr sg-verify --keep mixed
	cmp mixed <(echo "$output")
	rm -f dead
	run -1 --separate-stderr sg-verify --drop --dead dead mixed
	cmp <(sed -n '1p;4p' mixed) <(echo "$output")
	cmp <(sed -n '2,3p' mixed) dead
	run -64 sg-verify --drop --keep mixed
}

@test "--stats counts by kind, many findings are not many messages" {
	now_events A/1 1 500 | sign | sed 's/"v"/"w"/' >lines
	run -1 --separate-stderr sg-verify --stats lines
	[[ "$stderr" == *'"in":500,"out":0,"bad":500,"good":0,'*'"altered":500,'* ]]
	[ "$(wc -l <<<"$stderr")" -lt 100 ]
	[[ "$stderr" == *"more findings"* ]]
}

@test "many threads find the same in the same order" {
	now_events A/1 1 3000 | sign >lines
	sed -i '7d;100s/"v"/"w"/;200{p}' lines
	for jobs in 1 2 5; do
		run -1 --separate-stderr sg-verify -j $jobs --report r$jobs \
		    lines
		echo "$output" >out$jobs
	done
	cmp r1 r2
	cmp r1 r5
	cmp out1 out2
	cmp out1 out5
}

@test "--certs brings chains, which have to end in the network's root" {
	now_events A/1 1 1 | sign >line
	mkdir -m 755 other
	cp net/root.cert other
	finds unknown line --trust other
	sg-verify --trust other --certs net/certs/meter.cert line
	sg-trust -q init third
	sg-trust -q issue --trust third meter --pub 'A/#'
	run -78 sg-verify --trust other --certs third/certs/meter.cert line
	run -66 sg-verify --trust other --certs absent line
}

@test "lines of a sealed stream come out once their seal holds" {
	now_events A/1 1 3000 | sign --seal >lines
	sg-verify lines | cmp - lines
}

@test "an altered line of a sealed stream is bad, the others unproven" {
	now_events A/1 1 2000 | sign --seal >lines
	sed '5s/"v":5/"v":6/' lines >altered
	run -1 --separate-stderr sg-verify --report report altered
	found bad '.seq == 5 and .line == 5'
	[ "$(grep -c unproven report)" -eq 1023 ]
	cmp <(tail -n +1026 lines) <(echo "$output" | tail -n +2)
}

@test "a missing line of a sealed stream is a gap, a repeated one replayed" {
	now_events A/1 1 2000 | sign --seal >lines
	sed '5d;1500p' lines >altered
	run -1 --separate-stderr sg-verify --report report altered
	found gap '.seq == 5 and .n == 1'
	found replayed '.seq == 1499'
	[ "$(verdicts report)" = 'gap replayed unproven' ]
	cmp <(tail -n +1026 lines) <(echo "$output" | tail -n +2)
}

@test "a part of a sealed stream is unproven and not bad" {
	now_events A/1 1 100 | sign --seal | sed '2~2d' >lines
	run -1 --separate-stderr sg-verify --partial --report report lines
	[ "$(verdicts report)" = unproven ]
}

@test "who comes in the middle of a seal misses nothing before" {
	now_events A/1 1 2000 | sign --seal >lines
	run -1 --separate-stderr sg-verify --report report \
	    <(tail -n +1001 lines)
	[ "$(verdicts report)" = unproven ]
	cmp <(tail -n +1025 lines) <(echo "$output")
}

@test "a seal that is repeated, missing, forged or another's shows" {
	now_events A/1 1 3000 | sign --seal >lines
	grep STATUS/SEAL lines | head -1 >seal
	cat lines seal >all
	run -1 --separate-stderr sg-verify --report report all
	[ "$(verdicts report)" = replayed ]
	cmp lines <(echo "$output")
	sed '2050d' lines >all
	run -1 --separate-stderr sg-verify --report report all
	[ "$(verdicts report)" = 'gap unproven' ]
	grep -q 'a seal before this one is missing' report
	sed '2050s/"n":1024/"n":1023/' lines >all
	run -1 --separate-stderr sg-verify --report report all
	[ "$(verdicts report)" = 'bad gap unproven' ]
}

@test "--prove writes one event with a proof that holds alone and offline" {
	now_events A/1 1 1500 | sign --seal >lines
	ep=$(head -1 lines | jq .ep)
	sg-verify --prove "meter/$ep/1027" lines >pair
	[ "$(wc -l <pair)" -eq 2 ]
	head -1 pair | cmp - <(grep '"seq":1027' lines)
	sg-verify pair | cmp - pair
	jq -cS . pair | sg-verify
	run -1 sg-verify --prove "meter/$ep/9999" lines
	run -64 sg-verify --prove meter lines
}

@test "a proof of another event, of nobody, or altered proves nothing" {
	now_events A/1 1 100 | sign --seal >lines
	ep=$(head -1 lines | jq .ep)
	sg-verify --prove "meter/$ep/7" lines >pair
	sed '1s/"v":7/"v":8/' pair >altered
	run -1 --separate-stderr sg-verify --report report altered
	[ "$(verdicts report)" = 'bad unsigned' ]
	[ -z "$output" ]
	sed '2s/"seq":7/"seq":8/' pair >altered
	run -1 --separate-stderr sg-verify altered
	[ -z "$output" ]
	sed '2s/"n":100/"n":101/' pair >altered
	run -1 --separate-stderr sg-verify altered
	[ -z "$output" ]
	tail -1 pair >altered
	run -1 --separate-stderr sg-verify altered
	[ -z "$output" ]
	cat pair pair >twice
	run -1 --separate-stderr sg-verify twice
	cmp pair <(echo "$output")
}

@test "--act lets each command through once and in time" {
	now=$(date +%s)
	{
		echo '{"topic":"COMMAND/r/on","t":'"$now"',"id":"a","ttl":60,"vb":true}'
		echo '{"topic":"COMMAND/r/on","t":'"$now"',"id":"a","ttl":60,"vb":true}'
		echo '{"topic":"COMMAND/r/on","t":'"$now"',"id":"b","ttl":60,"vb":true}'
		echo '{"topic":"A/1","t":'"$now"',"v":1}'
	} | sign >lines
	run -1 --separate-stderr sg-verify --act guard --report report lines
	cmp <(sed -n '1p;3,4p' lines) <(echo "$output")
	[ "$(verdicts report)" = repeated ]
	run -1 --separate-stderr sg-verify --act guard --report report lines
	cmp <(sed -n '4p' lines) <(echo "$output")
	SG_NOW=@$((now + 3600)) run -1 --separate-stderr sg-verify \
	    --act fresh --report report lines
	[ "$(verdicts report)" = late ]
	SG_NOW=@$((now - 3600)) run -1 --separate-stderr sg-verify \
	    --act fresh --report report lines
	[ "$(verdicts report)" = early ]
	run -64 sg-verify --act guard --keep lines
}

@test "the file of --act serves one at a time" {
	run -69 flock guard sg-verify --act guard </dev/null
	[ "$output" = "sg-verify: error: --act guard: another process uses it" ]
	mkdir folder
	run -78 sg-verify --act folder </dev/null
	echo garbage >damaged
	run -78 sg-verify --act damaged </dev/null
}

@test "--state goes on where the last run ended" {
	now_events A/1 1 10 | sign --heartbeat 1m >lines
	head -5 lines | sg-verify --state seen
	run -1 --separate-stderr sg-verify --state seen --report report \
	    <(sed -n '4p;5p;8,$p' lines)
	[ "$(verdicts report)" = 'gap replayed' ]
	found gap '.seq == 5 and .n == 2'
	run -1 --separate-stderr sg-verify --state seen --report report \
	    <(sed -n '6,7p' lines)
	[ "$(verdicts report)" = reordered ]
	echo damaged >seen
	run -78 sg-verify --state seen lines
}

@test "each line comes out before the next one is waited for" {
	mkfifo in
	now_events A/1 1 3 | sign >lines
	background verify sg-verify --follow in
	exec 8>in
	for i in 1 2 3; do
		sed -n ${i}p lines >&8
		wait_until grep -q "\"v\":$i," verify.out
	done
	exec 8>&-
	# shellcheck disable=SC2154
	ends "$verify_pid" 0
}

@test "--follow hears of revocations" {
	mkfifo in
	now_events A/1 1 1000 | sign |
	    jq -c --argjson now "$(date +%s)" '.rt = $now + 60' >lines
	background verify sg-verify --follow --report report in
	exec 8>in
	sed -n 1p lines >&8
	wait_lines 1 verify.out
	sg-trust -q revoke meter
	line=1
	next_is_revoked() {
		line=$((line + 1))
		sed -n ${line}p lines >&8
		grep -q '"verdict":"revoked"' report
	}
	wait_until next_is_revoked
	exec 8>&-
	ends "$verify_pid" 1
}

@test "--follow says when signs of life stop coming" {
	mkfifo in
	sg-sign -k "$KEY" --heartbeat 100ms <in >beats 8>&- &
	started+=($!)
	exec 7>in
	wait_lines 2 beats
	mkfifo live
	background verify sg-verify --follow --report report live
	exec 8>live
	head -2 beats >&8
	WAIT_LIMIT=60 wait_until grep -q '"silent"' report
	exec 7>&- 8>&-
	ends "$verify_pid" 1
}

@test "lines wait for their seal no longer than --hold" {
	mkfifo in
	now_events A/1 1 2 | sign --seal >lines
	background verify sg-verify --keep --follow --hold 200ms in
	exec 8>in
	head -2 lines >&8
	wait_lines 2 verify.out
	exec 8>&-
	ends "$verify_pid" 1
}

@test "sources that are made up take neither memory nor the place of others" {
	need_command python3
	now_events A/1 1 3 | sign --seal >lines
	awk 'BEGIN { for (i = 0; i < 200000; i++)
		printf "{\"topic\":\"A/1\",\"t\":1,\"v\":1,\"src\":\"s%d\"," \
		    "\"ep\":1,\"seq\":1}\n", i }' >strangers
	sg-sign -k "$KEY" --seal <<<'{"topic":"A/1","v":4}' >more
	cat lines <(head -n 1 more) strangers <(tail -n 1 more) >all
	run -0 python3 -c '
import resource, subprocess
subprocess.run(["sg-verify", "--hold", "1h", "all"],
    stdout=open("passed", "w"), stderr=open("said", "w"))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)'
	[ "$output" -lt 600 ]
	[ "$(wc -l <passed)" -eq 6 ]
}

@test "T09: all that a compromised broker does to signed events is found" {
	now_events A/1 1 4000 | sign --heartbeat 1m >lines
	sg-verify --follow --stats lines 2>clean | cmp - lines
	[ "$(wc -l <clean)" -eq 1 ]
	for seed in 1 2; do
		"$ROOT"/tests/compromised.py play $seed done <lines >played
		run -1 --separate-stderr sg-verify --follow --report report \
		    played
		echo "$output" >passed
		"$ROOT"/tests/compromised.py judge done report passed
	done
}

@test "T09: all that it does to sealed events is found" {
	now_events A/1 1 20000 | sign --seal --heartbeat 1m >lines
	sg-verify --follow --stats lines 2>clean | cmp - lines
	[ "$(wc -l <clean)" -eq 1 ]
	for seed in 1 2; do
		"$ROOT"/tests/compromised.py play $seed done <lines >played
		run -1 --separate-stderr sg-verify --follow --report report \
		    played
		echo "$output" >passed
		"$ROOT"/tests/compromised.py judge done report passed
	done
}

@test "T09: nor is anything lost where it does so to the seals, too" {
	now_events A/1 1 40000 | sign --seal --heartbeat 1m >lines
	for seed in 1 2; do
		"$ROOT"/tests/compromised.py play $seed done seals <lines >played
		run -1 --separate-stderr sg-verify --follow --report report \
		    played
		echo "$output" >passed
		"$ROOT"/tests/compromised.py judge done report passed loose
	done
}

# switch TIME ID - A command of the operator, signed.
switch() {
	echo '{"topic":"COMMAND/flat12/on","t":'"$1"',"id":"'"$2"'","ttl":30,"vb":true}' |
	    sg-sign -k net/keys/operator.key
}

@test "a gateway's device gets only what was signed, in time and once" {
	rm -r net
	trust_network
	unset SG_KEY
	start_broker
	cat >device <<-'END'
	#!/bin/sh
	while read -r line; do
		printf '%s\n' "$line" >>acted
		printf '{"topic":"STATUS/COMMAND/x/flat12","t":1,"vs":"done"}\n'
	done
	END
	chmod +x device
	export SG_KEY=net/keys/flat12.key
	cat >gateway <<-'END'
	sg-sub --from-start -n 5 'COMMAND/flat12/#' |
	    sg-verify --drop --partial --act guard --report report | ./device |
	    sg-sign | sg-pub
	END
	now=$(date +%s)
	{
		switch "$now" c1
		switch "$now" c2 | sed 's/"vb":true/"vb":false/'
		switch $((now - 15)) c3
		switch "$now" c4
		switch "$now" c4
	} >stream
	sg-pub -k net/keys/operator.key stream
	SG_NOW=@$((now + 20)) bash gateway
	cmp acted <(sed -n '1p;4p' stream)
	[ "$(jq -r .verdict report | tr '\n' ' ')" = 'bad late repeated ' ]
	# The answers are signed, the commands are not acted on again.
	sg-sub -k net/keys/operator.key --from-start -n 2 'STATUS/COMMAND/#' \
	    >answers
	sg-verify --at now answers
	SG_NOW=@$((now + 20)) bash gateway
	cmp acted <(sed -n '1p;4p' stream)
	stop_broker
}
