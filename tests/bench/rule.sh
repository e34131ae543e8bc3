#!/bin/bash
# rule: event lines of about 110 bytes through one rule: sg-rule, jq with the
# same rule as a program over the stream, and a flow of nodes as Node-RED's
# users draw it (peers/flow.cjs).  All have to tell the same.
# shellcheck disable=SC2154	# of bench.sh and tools.sh

RULE_LINES=1000000
# jq is slow, and copies its object of states at each event; it gets the first
# of them.
RULE_FEW=50000
RULE_FEW_KEYS=5000

# make_rule_events NAME KEYS LEVEL FEW - Every hundredth has LEVEL as its second
# level of the topic, the others METER.  jq gets the first FEW.
make_rule_events() {
	awk -v lines=$RULE_LINES -v keys="$2" -v level="$3" 'BEGIN {
		srand(1)
		for (i = 0; i < lines; i++)
			printf "{\"topic\":\"MEASUREMENT/%s/meter-%06d/Load\"," \
			    "\"t\":%d,\"v\":%.1f,\"u\":\"W\",\"src\":\"gw%02d\"," \
			    "\"ep\":1,\"seq\":%d}\n", i % 100 ? "METER" : level,
			    i * 7 % keys, 1700000000 + int(i / 1000),
			    rand() * 1000, i % 50, i + 1
	}' >"$dir/rule.$1.in"
	head -n "$4" "$dir/rule.$1.in" >"$dir/rule.$1.few"
}

rule_by_sg() {
	"$bin/sg-rule" -q --rule "tests/bench/rules/$1.jq" "$2"
}

# The same rules as programs for jq alone.
# shellcheck disable=SC2016	# jq's dollars
rule_by_jq() {
	local level=METER
	case $1 in
	state)
		jq -cn 'foreach inputs as $e ({s: {}};
		    ($e.topic | split("/")[2]) as $key | .s[$key] as $state |
		    (if $state.on then $e.v >= 800 else $e.v >= 990 end) as $on |
		    (($state.n // 0) + 1) as $n |
		    .s[$key] = {n: $n, on: $on} |
		    .out = if $on == ($state.on // false) then null
			else {topic: "ALARM/\($key)/High", t: $e.t, d: {n: $n,
			    state: (if $on then "raised" else "cleared" end)}}
			end; .out // empty)' "$2"
		return
		;;
	match) level=ALARMING ;;
	esac
	jq -c --arg topics "MEASUREMENT/$level/" '
	    select(.topic | startswith($topics)) |
	    if .v < 990 then empty
	    else {topic: "ALARM/\(.topic | split("/")[2])/High", t,
		d: {state: "raised", v}} end' "$2"
}

rule_by_flow() {
	node tests/bench/peers/flow.cjs "$1" "$2"
}

# rule_rate PEER RULE EVENTS - Add the run's rate to rule.EVENTS.PEER.
rule_rate() {
	local begin lines=$RULE_LINES file=$dir/rule.$3.in
	if [ "$1" = jq ]; then
		file=$dir/rule.$3.few
		lines=$(wc -l <"$file")
	fi
	begin=$(now)
	"rule_by_$1" "$2" "$file" >"$dir/rule.out.$1" 2>"$dir/rule.err" || {
		say "rule: $1: $(tail -n 1 "$dir/rule.err")"
		return
	}
	rate "$lines" "$begin" "$(now)" >>"$dir/rule.$3.$1"
}

# told PEER - What it told, of the few, without the order of members.
told() {
	jq -cS '[.topic, .t, .d]' "$dir/rule.out.$1" |
	    head -n "$(wc -l <"$dir/rule.out.jq")"
}

# same_told EVENTS - A fast wrong answer does not count.
same_told() {
	local peer
	[ -s "$dir/rule.out.jq" ] || {
		say "rule: $1: jq tells nothing"
		return
	}
	told jq >"$dir/rule.told"
	for peer in sg flow; do
		[ -s "$dir/rule.$1.$peer" ] || continue
		told $peer | cmp -s - "$dir/rule.told" || {
			say "rule: $1: $peer does not tell what jq tells"
			rm "$dir/rule.$1.$peer"
		}
	done
}

# rule_rounds RULE EVENTS
rule_rounds() {
	local round peer
	for ((round = 0; round < ROUNDS; round++)); do
		rule_rate sg "$1" "$2"
		! have jq || rule_rate jq "$1" "$2"
		! have node || rule_rate flow "$1" "$2"
	done
	! have jq || same_told "$2"
}

# rule_rows TITLE EVENTS FLOOR
rule_rows() {
	line "$1; $3 a second" "rule.$2.sg" "=$3" '>=1'
	line "  jq" "rule.$2.sg" "rule.$2.jq"
	line "  flow of nodes" "rule.$2.sg" "rule.$2.flow"
}

rule() {
	make_rule_events look 1000 METER $RULE_FEW
	make_rule_events match 1000 ALARMING $RULE_FEW
	make_rule_events ten 10 METER $RULE_FEW
	make_rule_events many 100000 METER $RULE_FEW_KEYS
	rule_rounds look look
	rule_rounds match match
	rule_rounds state ten
	rule_rounds state many
	rm "$dir"/rule.*.in "$dir"/rule.*.few
	heading "sg-rule, one rule: lines a second"
	rule_rows "looks at each event" look 200000
	rule_rows "its topics match 1 %" match 3000000
	rule_rows "state of 10 keys" ten 100000
	rule_rows "state of 100,000 keys" many 100000
	line "100,000 keys beside 10" rule.many.sg rule.ten.sg '>=0.9'
}
