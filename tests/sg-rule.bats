# sg-rule: heads, contexts, states, timers, feeding, bounds, saving, reloading.

load helpers

# rule NAME HEAD PROGRAM - A rule file; the head without its braces.
rule() {
	printf 'module {%s};\n%s\n' "$2" "$3" >"$1.jq"
}

# event TOPIC T V - One line.
event() {
	printf '{"topic":"%s","t":%s,"v":%s}\n' "$1" "$2" "$3"
}

# series TOPIC FROM TO - A line each second; v is the last digit of t.
series() {
	awk -v topic="$1" -v from="$2" -v to="$3" 'BEGIN {
		for (t = from; t <= to; t++)
			printf "{\"topic\":\"%s\",\"t\":%d,\"v\":%d}\n",
			    topic, t, t % 10
	}'
}

# A rule that counts the events of each key.
counter() {
	rule count '"topics": ["A/{k}"], "by": "{k}"' \
	    '(($state // 0) + 1) as $n | {"$state": $n},
	    {topic: "N/\($key)", v: $n}'
}

# --- what is refused

@test "a rule's program without a head is refused with file and line" {
	echo '.v' >a.jq
	run -78 sg-rule -r a.jq
	[[ $output == "sg-rule: error: a.jq:1: a rule begins with: module "* ]]
}

@test "an unknown member of the head is refused with its line" {
	printf '# text\nmodule {"topics": ["A"],\n "topic": "B"};\n.' >a.jq
	run -78 sg-rule -r a.jq
	[ "$output" = 'sg-rule: error: a.jq:3: unknown member "topic" of the head' ]
}

@test "a program that does not compile is refused with file and line" {
	printf 'module {"topics": ["A"]};\n\nif . then\n' >a.jq
	run -78 sg-rule -r a.jq
	[[ $output == "sg-rule: error: a.jq:"[345]": "* ]]
}

@test "a key that is not captured is refused" {
	rule a '"topics": ["A/{k}", "B"], "by": "{k}"' .
	run -78 sg-rule -r a.jq
	[ "$output" = "sg-rule: error: a.jq:1: by: {k} is not in all topics" ]
}

@test "every rule that is wrong is named, not only the first" {
	echo 1 >a.jq
	echo 1 >b.jq
	run -78 sg-rule -r a.jq -r b.jq -r c.jq
	[ "${#lines[@]}" -eq 3 ]
	[[ ${lines[2]} == *"c.jq: No such file"* ]]
}

@test "two rules of one name are refused" {
	mkdir x
	rule a '"topics": ["A"]' .
	cp a.jq x/a.jq
	run -78 sg-rule -r a.jq -r x/a.jq
	[[ $output == *"x/a.jq: there is another rule a: a.jq" ]]
}

@test "a context that lacks what a rule needs is refused" {
	rule a '"topics": ["A"],
	"context": {"limit": {"type": "number"}}' .
	run -78 sg-rule -r a.jq
	[[ $output == *"a.jq:2: context: limit: no --context says it" ]]
}

@test "a context of the wrong type or unit is refused with file, line, member" {
	rule a '"topics": ["A"], "context": {"limit": {"type": "number",
	"unit": "W"}}' .
	printf '{\n"limit": "5"}' >c.json
	run -78 sg-rule -r a.jq --context c.json
	[[ $output == *"c.json:2: limit: not of type number" ]]
	echo '{"limit": {"v": 5, "u": "V"}}' >c.json
	run -78 sg-rule -r a.jq --context c.json
	[[ $output == *"c.json:1: limit: its unit is not V" ]]
}

@test "a context that is no JSON is refused with file and line" {
	rule a '"topics": ["A"]' .
	printf '{"a": 1,\n}' >c.json
	run -78 sg-rule -r a.jq --context c.json
	[[ $output == *"c.json:2: "* ]]
	run -78 sg-rule -r a.jq --context absent.json
	[[ $output == *"absent.json: No such file"* ]]
	run -78 sg-rule -r a.jq --knowledge c.json
	[[ $output == *"c.json:2: "* ]]
}

@test "a table with a key twice is refused with file and line" {
	rule a '"topics": ["A"]' .
	printf 'k,v\na,1\na,2\n' >t.csv
	run -78 sg-rule -r a.jq --context t=t.csv
	[[ $output == *"t.csv"*"a"* ]]
	run -78 sg-rule -r a.jq --context t=t.csv:x
	[[ $output == *"t.csv: "*"x"* ]]
}

@test "options that make no sense are usage errors" {
	rule a '"topics": ["A"]' .
	run -64 sg-rule
	run -64 sg-rule -r a.jq --src x
	run -64 sg-rule -r a.jq --state s --src 'a b'
	run -64 sg-rule -r a.jq -t 'A/#'
	run -64 sg-rule -t 'A//B' --exec cat
	run -64 sg-rule -r a.jq --clock moon
	run -64 sg-rule -r a.jq --max-time 0
	run -64 sg-rule -r a.jq --max-memory 1
	run -64 sg-rule -r a.jq --max-keys 0
}

@test "--check says what is wrong and reads no event" {
	rule a '"topics": ["A"]' .
	run -0 sg-rule --check -r a.jq absent
	[ -z "$output" ]
	echo '.' >a.jq
	run -78 sg-rule --check -r a.jq
}

@test "a state file of another program or that is damaged is refused" {
	counter
	event A/x 1 1 | sg-rule -r count.jq --state s >out
	event A/x 1 1 | sg-aggregate --from 'A/{k}' --to 'B/{k}' --state t >out
	run -78 sg-rule -r count.jq --state t /dev/null
	[[ $output == "sg-rule: error: t: "* ]]
	run -78 sg-rule -r count.jq --state s --clock wall /dev/null
}

@test "bad lines are reported and saved, and the stream goes on" {
	rule a '"topics": ["A"]' '{topic: "B", v: .v}'
	{
		event A 1 1
		echo '{"topic":"A","v":1}'
		echo 'no json'
		event A 2 2
	} >in
	run -65 --separate-stderr sg-rule -r a.jq in
	[ "${#lines[@]}" -eq 2 ]
	[[ ${stderr_lines[0]} == "sg-rule: error: in:2: "* ]]
	run -0 --separate-stderr sg-rule -r a.jq --dead dead in
	[ "$(wc -l <dead)" -eq 2 ]
	run -65 --separate-stderr sg-rule -r a.jq --strict in
	[ "${#lines[@]}" -eq 1 ]
}

@test "an event ahead of the clock is refused" {
	rule a '"topics": ["A"]' '{topic: "B", v: .v}'
	event A 161 1 >in
	SG_NOW=@100 run -65 sg-rule -r a.jq in
	[[ $output == *"in:1: future: t is ahead of the clock"* ]]
	SG_NOW=@100 run -0 sg-rule -r a.jq --skew 61s in
}

@test "a rule that fails is named with the line, and that run is as if it had not been" {
	rule a '"topics": ["A"]' '{"$state": (($state // 0) + 1)},
	    {topic: "B", v: ($state // 0)}, (if .v == 2 then error("two") else empty end)'
	rule b '"topics": ["A"]' '{topic: "C", v: .v}'
	series A 1 3 >in
	run -65 --separate-stderr sg-rule -r a.jq -r b.jq in
	[ "$(jq -r '.topic + "\(.v)"' <<<"$output" | paste -sd' ')" = \
	    "B0 C1 C2 B1 C3" ]
	[[ $stderr == *"a.jq: on A (in:2): "*two* ]]
	run -0 --separate-stderr sg-rule -r a.jq -r b.jq --dead dead in
	[ "$(cat dead)" = '{"topic":"A","t":2,"v":2}' ]
}

@test "outputs that are no events are errors of the rule" {
	event A 1 1 >in
	local program
	for program in 1 '{}' '{v: 1}' '{topic: "A//B", v: 1}' '{topic: "B"}' \
	    '{topic: "B", v: "x"}' '{"$state": 1}, {"$state": 2}' \
	    '{"$timer": "soon"}' '{topic: "COMMAND/x/on", v: 1}'; do
		rule a '"topics": ["A"]' "$program"
		run -65 --separate-stderr sg-rule -r a.jq in
		[ -z "$output" ]
		[[ $stderr == *"a.jq: on A (in:1): "* ]]
	done
}

@test "a rule that loops is stopped, and the others go on" {
	rule a '"topics": ["A"]' 'def f: f; if .v == 2 then f else empty end'
	counter
	{
		event A 1 2
		event A/x 2 1
		event A/x 3 1
	} >in
	run -65 --separate-stderr sg-rule -r a.jq -r count.jq --max-time 100ms \
	    --stats in
	[ "${#lines[@]}" -eq 2 ]
	[[ ${lines[1]} == *'"v":2'* ]]
	[[ $stderr == *"a.jq: on A (in:1): stopped after "* ]]
	[[ $stderr == *'"restarts":1'* ]]
}

@test "a rule that explodes in memory or output is stopped" {
	[ -z "${SG_SANITIZED:-}" ] || skip "the sanitizer has memory of its own"
	event A 1 1 >in
	rule a '"topics": ["A"]' '[range(1e9)] | length | empty'
	run -65 --separate-stderr sg-rule -r a.jq --max-memory 32M \
	    --max-time 10s in
	[[ $stderr == *"a.jq: on A (in:1): more than 32M of memory"* ]]
	rule a '"topics": ["A"]' 'range(1e9) | {topic: "B", v: .}'
	run -65 --separate-stderr sg-rule -r a.jq --max-output 64K \
	    --max-time 10s in
	[[ $stderr == *"a.jq: on A (in:1): more than 64K of output"* ]]
	[ -z "$output" ]
}

@test "rules whose results feed each other are named, once" {
	rule a '"topics": ["A"]' '{topic: "B", v: .v}'
	rule b '"topics": ["B"]' '{topic: "A", v: .v}'
	series A 1 3 >in
	run -65 --separate-stderr sg-rule -r a.jq -r b.jq in
	[ "${#lines[@]}" -eq 24 ]
	[[ $stderr == *"b.jq -> a.jq -> b.jq: results feed each other"* ]]
	[ "$(grep -c 'feed each other' <<<"$stderr")" -eq 1 ]
}

@test "a timer that is set to its own time again and again is named, and time goes on" {
	rule a '"topics": ["A"]' 'if .topic == "A" then {topic: "B", v: .v}
	    else empty end, {"$timer": $now}'
	series A 1 2 >in
	run -65 --separate-stderr timeout 60 sg-rule -r a.jq in
	[ "${#lines[@]}" -eq 2 ]
	[[ $stderr == *"a.jq: timer at 1970-01-01T00:00:01Z: sets its timer to this time again and again"* ]]
	[ "$(grep -c 'again and again' <<<"$stderr")" -eq 2 ]
	# Once is no fault: it runs at once.
	rule b '"topics": ["A"]' 'if .topic == "A" then {"$timer": 0}
	    else {topic: "B", v: 1} end'
	for _ in {1..20}; do event A 5 1; done >in
	run -0 sg-rule -r b.jq in
	[ "${#lines[@]}" -eq 20 ]
}

@test "more keys than --max-keys are refused, but those without a state do not count" {
	counter
	{
		event A/x 1 1
		event A/y 2 1
		event A/z 3 1
	} >in
	run -65 --separate-stderr sg-rule -r count.jq --max-keys 2 in
	[ "${#lines[@]}" -eq 2 ]
	[[ $stderr == *"in:3: more than 2 keys"* ]]
	rule a '"topics": ["A/{k}"], "by": "{k}"' '{topic: "B", v: .v}'
	run -0 sg-rule -r a.jq --max-keys 2 in
}

# --- what rules see and say

@test "an event goes to the rules that want it, and what they make comes out" {
	rule a '"topics": ["A/{k}"]' '{topic: "B/\($captures.k)", v: (.v + 1)}'
	{
		event A/x 1 1
		event C/x 2 1
	} | sg-rule -r a.jq >out
	diff - out <<-'END'
	{"topic":"B/x","t":1,"v":2}
	END
}

@test "rules see key, time, captures, context, knowledge" {
	rule a '"topics": ["A/{k}/{l}"], "by": "{l}-{k}",
	    "context": {"c": {"type": "array"}}' \
	    '{topic: "B", vs: ([$key, $now, $captures, $context, $knowledge]
	    | tojson)}'
	echo '{"c": [1]}' >c.json
	echo '{"x": {"y": 1}}' >k.json
	event A/x/y 5.25 1 |
	    sg-rule -r a.jq --context c.json --knowledge k.json | jq -r .vs >out
	diff - out <<-'END'
	["y-x",5.25,{"k":"x","l":"y"},{"c":[1]},{"x":{"y":1}}]
	END
}

@test "the same rule with two contexts behaves in two ways" {
	rule a '"topics": ["A"], "context": {"limit": {"type": "number",
	    "unit": "W", "default": 5}}' \
	    'if .v > $context.limit then {topic: "B", v: .v} else empty end'
	series A 1 9 >in
	[ "$(sg-rule -r a.jq in | wc -l)" -eq 4 ]
	echo '{"limit": {"v": 0.007, "u": "kW"}}' >low.json
	[ "$(sg-rule -r a.jq --context low.json in | wc -l)" -eq 2 ]
	echo '{"a": {"limit": 8}}' >own.json
	[ "$(sg-rule -r a.jq --context low.json --context own.json in |
	    wc -l)" -eq 1 ]
}

@test "a table is an object of its rows" {
	rule a '"topics": ["A/{m}"], "context": {"meters":
	    {"type": "object"}}' \
	    '{topic: "B/\($context.meters[$captures.m].feeder)",
	    v: (.v * $context.meters[$captures.m].factor)}'
	printf 'factor,id,feeder\n2,x,F1\n0.5,y,F2\n' >m.csv
	{
		event A/x 1 3
		event A/y 2 3
	} | sg-rule -r a.jq --context meters=m.csv:id >out
	diff - out <<-'END'
	{"topic":"B/F1","t":1,"v":6}
	{"topic":"B/F2","t":2,"v":1.5}
	END
}

@test "each key has a state of its own, and null forgets it" {
	rule a '"topics": ["A/{k}"], "by": "{k}"' \
	    '{topic: "N/\($key)", v: ($state // 0)},
	    {"$state": (if .v == 0 then null else ($state // 0) + .v end)}'
	{
		event A/x 1 5
		event A/y 2 7
		event A/x 3 0
		event A/x 4 1
		event A/y 5 1
	} | sg-rule -r a.jq | jq -c .v | paste -sd' ' >out
	[ "$(cat out)" = "0 0 5 0 7" ]
}

@test "results feed other rules before the next event" {
	rule a '"topics": ["A"]' '{topic: "B", v: .v}'
	rule b '"topics": ["B"]' '{topic: "C", v: (.v * 10)}'
	series A 1 2 | sg-rule -r a.jq -r b.jq | jq -c .v | paste -sd' ' >out
	[ "$(cat out)" = "1 10 2 20" ]
}

@test "the words of share/jq and modules beside the rule are found" {
	mkdir rules
	echo 'def twice: . * 2;' >rules/own.jq
	rule rules/a '"topics": ["A"]' 'include "sg"; include "own";
	    if timer then empty else {topic: "B", v: (.v | twice)} end'
	event A 1 4 | sg-rule -r rules/a.jq >out
	[ "$(jq .v out)" -eq 8 ]
}

@test "a command gets the same id whenever it is computed again" {
	rule a '"topics": ["A"]' '{topic: "COMMAND/x/off", vs: "now", ttl: 60}'
	series A 1 3 >in
	sg-rule -r a.jq in >one
	sg-rule -r a.jq in >two
	cmp one two
	[ "$(jq -r .id one | sort -u | wc -l)" -eq 3 ]
	grep -qE '"id":"[0-9a-f]{16}"' one
}

# --- time

@test "a timer runs before the first event that moves the time to it" {
	rule a '"topics": ["A/{k}"], "by": "{k}"' 'if .topic == "$SG/TIMER" then
	    {topic: "SILENT/\($key)", v: .t} else {"$timer": ($now + 10)} end'
	{
		event A/x 1 0
		event A/y 2 0
		event A/x 8 0
		event B 12 0
		event B 17.9 0
		event B 30 0
	} | sg-rule -r a.jq >out
	diff - out <<-'END'
	{"topic":"SILENT/y","t":12,"v":12}
	{"topic":"SILENT/x","t":18,"v":18}
	END
}

@test "a rule runs at the begin of each interval" {
	rule a '"topics": ["A"], "every": "1m"' 'if .vs == "every" then
	    {topic: "TICK", v: $now} else empty end'
	{
		event B 100 0
		event A 130 0
		event B 245 0
	} | sg-rule -r a.jq | jq .v | paste -sd' ' >out
	[ "$(cat out)" = "120 180 240" ]
}

@test "while a live stream pauses, timers run by the clock, with the same bytes" {
	rule a '"topics": ["A"]' 'if .topic == "$SG/TIMER" then
	    {topic: "SILENT", v: $now} else {"$timer": ($now + 0.5)} end'
	mkfifo in
	background live sg-rule -r a.jq --grace 100ms in
	exec 5>in
	event A "$(date +%s.%3N)" 0 | tee all >&5
	wait_until grep -q SILENT live.out
	event A "$(date +%s.%3N)" 0 | tee -a all >&5
	exec 5>&-
	wait "$live_pid"
	sg-rule -r a.jq all >replayed
	cmp replayed live.out
}

@test "a pause in the reading of old events runs no timer" {
	rule a '"topics": ["A"]' 'if .topic == "$SG/TIMER" then
	    {topic: "SILENT", v: $now} else {"$timer": ($now + 0.1)},
	    {topic: "B", v: 1} end'
	mkfifo in
	background old sg-rule -r a.jq --grace 0s in
	exec 5>in
	event A 1000 0 >&5
	wait_until grep -q '"B"' old.out
	exec 5>&-
	wait "$old_pid"
	[ "$(wc -l <old.out)" -eq 1 ]
}

@test "--clock wall takes the time of the clock, also while nothing comes" {
	rule a '"topics": ["A"]' 'if .topic == "$SG/TIMER" then
	    {topic: "LATER", v: $now} else {topic: "B", v: $now},
	    {"$timer": ($now + 0.2)} end'
	mkfifo in
	background wall sg-rule -r a.jq --clock wall in
	exec 5>in
	event A 1000 0 >&5
	wait_until grep -q LATER wall.out
	exec 5>&-
	wait "$wall_pid"
	jq -es '.[0].v > 1e9 and (.[1].v - .[0].v - 0.2 | fabs) < 1e-5' wall.out
}

@test "what comes in pieces gives the same bytes as the whole" {
	counter
	rule a '"topics": ["A/{k}", "N/+"]' 'if .topic == "$SG/TIMER" then
	    {topic: "T", v: $now} else {topic: "M", v: .v},
	    {"$timer": ($now + .v)} end'
	for k in x y z; do series "A/$k" 1 400; done | sort -t: -k3n >all
	sg-rule -r count.jq -r a.jq all >whole
	[ "$(wc -l <whole)" -gt 3000 ]
	while read -r line; do
		echo "$line"
		[ $((RANDOM % 9)) -gt 0 ] || sleep 0.001 # the reader waits
	done <all | sg-rule -r count.jq -r a.jq >pieces
	cmp whole pieces
}

# --- state

@test "with --state a run goes on where the last one ended" {
	counter
	rule a '"topics": ["A/{k}"], "by": "{k}", "every": "7s"' \
	    'if .topic == "$SG/TIMER" then {topic: "T/\($key)", v: $now,
	    vs: null} | del(.vs)
	    else {"$timer": ($now + 3 + .v)}, {"$state": .v} end'
	for k in x y; do series "A/$k" 1 100; done | sort -t: -k3n >all
	sg-rule -r count.jq -r a.jq all >whole
	head -n 77 all | sg-rule -r count.jq -r a.jq --state s >parts
	tail -n +78 all | sg-rule -r count.jq -r a.jq --state s >>parts
	cmp whole parts
}

@test "an input that breaks before its first line leaves the state alone" {
	counter
	sg-rule -r count.jq --state s </dev/null
	{
		mark 1.0 10 ',"cursor":{"a.1":0},"done":true,"n":0,"anew":true'
		series A/x 1 3
	} | sg-rule -r count.jq --state s >out
	[ "$(jq -r '.v // .d.id' out | paste -sd' ')" = "1.0 1 2 3" ]
}

@test "what a new set of rules no longer has is dropped, the others go on" {
	counter
	cp count.jq other.jq
	series A/x 1 5 | sg-rule -r count.jq -r other.jq --state s >out
	series A/x 6 6 | sg-rule -r count.jq --state s >out
	[ "$(jq .v out)" -eq 6 ]
	series A/x 7 7 | sg-rule -r count.jq -r other.jq --state s >out
	[ "$(jq .v out | paste -sd' ')" = "7 1" ]
}

# mark ID N MORE - A mark of the flow.
mark() {
	printf '{"topic":"$SG/MARK","t":%s,"d":{"name":"f","id":"%s"%s}}\n' \
	    "$2" "$1" "$3"
}

@test "with marks the state is saved before a mark is passed on" {
	counter
	{
		mark 1.0 10 ',"cursor":{"a.1":0},"done":true,"n":0,"anew":true'
		series A/x 1 3
		mark 1.1 20 ',"cursor":{"a.1":3},"end":true'
		series A/x 4 5
	} | sg-rule -r count.jq --state s >out
	[ "$(jq -r '.v // .d.id' out | paste -sd' ')" = "1.0 1 2 3 1.1 4 5" ]
	# Begins again at the mark: what came after it is computed again.
	{
		mark 1.1 20 ',"cursor":{"a.1":3},"done":true,"n":4'
		series A/x 4 5
		mark 2.1 30 ',"cursor":{"a.1":5},"end":true'
	} | sg-rule -r count.jq --state s >out
	[ "$(jq -r '.v // .d.id' out | paste -sd' ')" = "1.1 4 5 2.1" ]
	mark 7.7 30 ',"cursor":{"a.1":9},"done":true,"n":9' >in
	run -78 sg-rule -r count.jq --state s in
}

@test "with marks time goes on with them while nothing comes" {
	rule a '"topics": ["A"]' 'if .topic == "$SG/TIMER" then
	    {topic: "SILENT", v: $now} else {"$timer": ($now + 10)} end'
	{
		mark 1.0 10 ',"cursor":{"a.1":0},"done":true,"n":0,"anew":true'
		event A 10 1
		mark 1.1 11 ',"cursor":{"a.1":1},"end":true'
		mark 1.2 24 ',"cursor":{"a.1":1},"committed":"1.1"'
		mark 1.3 25 ',"cursor":{"a.1":1},"committed":"1.1","end":true'
	} | sg-rule -r a.jq --state s >out
	[ "$(jq -r '.v // .d.id' out | paste -sd' ')" = "1.0 1.1 20 1.3" ]
}

@test "no timer runs at a mark that is not passed on" {
	rule a '"topics": ["A"]' 'if .topic == "$SG/TIMER" then
	    {topic: "SILENT", v: $now} else {"$timer": ($now + 10)} end'
	{
		mark 1.0 10 ',"cursor":{"a.1":0},"done":true,"n":0,"anew":true'
		event A 10 1
		mark 1.1 11 ',"cursor":{"a.1":1},"end":true'
		# Nobody has 1.1 yet.
		mark 1.2 26 ',"cursor":{"a.1":1}'
		event A 12 1
		mark 1.3 26 ',"cursor":{"a.1":2},"committed":"1.1","end":true'
		mark 1.4 28 ',"cursor":{"a.1":2},"committed":"1.3","end":true'
	} | sg-rule -r a.jq --state s >out
	[ "$(jq -r '.v // .d.id' out | paste -sd' ')" = "1.0 1.1 1.3 22 1.4" ]
}

@test "--src counts results in the state" {
	counter
	series A/x 1 2 | SG_NOW=@1000 sg-rule -r count.jq --state s --src eng >out
	series A/x 3 3 | sg-rule -r count.jq --state s --src eng >>out
	[ "$(jq -c '[.src, .ep, .seq]' out | paste -sd' ')" = \
	    '["eng",1000,1] ["eng",1000,2] ["eng",1000,3]' ]
}

# --- running

@test "SIGHUP reads rules again and keeps states; a broken rule keeps the old" {
	counter
	mkfifo in
	background engine sg-rule -r count.jq in
	exec 5>in
	event A/x 1 1 >&5
	wait_until grep -q '"v":1' engine.out
	sed -i 's/v: \$n/v: ($n * 100)/' count.jq
	kill -HUP "$engine_pid"
	wait_until grep -q 'read again' engine.err
	event A/x 2 1 >&5
	wait_until grep -q '"v":200' engine.out
	printf 'module {"topics": ["A"]};\n|' >count.jq
	kill -HUP "$engine_pid"
	wait_until grep -q 'stay as they were' engine.err
	grep -q 'error: count.jq:2: ' engine.err
	event A/x 3 1 >&5
	wait_until grep -q '"v":300' engine.out
	exec 5>&-
	wait "$engine_pid"
}

@test "a program can stand in for a rule, and its results feed rules" {
	rule a '"topics": ["X/#"]' '{topic: "Y", v: .v}'
	{
		event A/p 1 5
		event B/p 2 6
	} | sg-rule -r a.jq -t 'A/#' --exec 'sed -u s,A/p,X/p,' >out
	[ "$(jq -r .topic out | sort | paste -sd' ')" = "X/p Y" ]
}

@test "each program gets the topics named before it" {
	{
		event A 1 1
		event B 2 2
		event C 3 3
	} | sg-rule -t A --exec 'sed -u s,A,X,' -t B -t C --exec "sed -u 's/}/,\"q\":\"OK\"}/'" >out
	[ "$(jq -r '.topic + (.q // "")' out | sort | paste -sd' ')" = \
	    "BOK COK X" ]
}

@test "a program that ends is started again and that is said" {
	mkfifo in
	background engine sg-rule --exec 'head -n 1' in
	exec 5>in
	event A 1 1 >&5
	wait_until grep -q '"v":1' engine.out
	wait_until grep -q 'ended with status 0' engine.err
	event A 2 2 >&5
	wait_until grep -q '"v":2' engine.out
	exec 5>&-
	wait "$engine_pid"
}

@test "with marks a program's results come out before the mark" {
	{
		mark 1.0 10 ',"cursor":{"a.1":0},"done":true,"n":0,"anew":true'
		series A 1 500
		mark 1.1 20 ',"cursor":{"a.1":3}'
	} >in
	sg-rule --exec cat in >out
	cmp in out
	run -69 sg-rule --exec 'head -n 1' in
	[[ ${lines[-1]} == *"ended with status 0 between marks"* ]]
}

@test "what a program writes is checked as events" {
	event A 1 1 >in
	run -65 --separate-stderr sg-rule --exec 'echo "{}"; cat' in
	[ "$output" = "$(cat in)" ]
	[[ $stderr == *"echo"* ]]
}

@test "--pass writes the input too, each line before what it led to" {
	rule a '"topics": ["A"]' '{topic: "B", v: .v}'
	{
		event A 1 1
		event C 2 2
		event A 3 3
	} | sg-rule -r a.jq --pass | jq -r .topic | paste -sd' ' >out
	[ "$(cat out)" = "A B C A B" ]
}

@test "--dry-run writes the same and changes nothing" {
	counter
	series A/x 1 3 | sg-rule -r count.jq --state s >out
	cp s before
	series A/x 4 4 | sg-rule -r count.jq --state s --dry-run \
	    --exec 'touch ran; cat' >out
	[ "$(jq .v out)" -eq 4 ]
	cmp s before
	[ ! -e ran ]
	{
		mark 1.0 10 ',"cursor":{"a.1":0},"done":true,"n":0,"anew":true'
		series A/x 1 1
	} | sg-rule -r count.jq --dry-run >out
	[ "$(wc -l <out)" -eq 1 ]
	event A/x 1 1 | sg-rule -r count.jq --state none --dry-run >out
	[ ! -e none ]
}

@test "--explain says what each rule did with what, and why" {
	rule a '"topics": ["A"]' 'if .topic == "$SG/TIMER" then
	    {topic: "B", v: 1} elif .v > 1 then {"$why": "\(.v) is high"},
	    {topic: "B", v: .v}, {topic: "B", v: 0}, {"$timer": ($now + 1)}
	    else empty end'
	{
		event A 1 1
		event A 2 2
		event C 9 1
	} >in
	run -0 --separate-stderr sg-rule -r a.jq --explain in
	[ "$stderr" = 'sg-rule: note: a.jq: on A (in:1): no output
sg-rule: note: a.jq: on A (in:2): fired (2 events): 2 is high
sg-rule: note: a.jq: timer at 1970-01-01T00:00:03Z: fired (1 event)' ]
	run -0 --separate-stderr sg-rule -r a.jq --explain -v in
	[[ $stderr == *"no rule: on C (in:3): topic does not match"* ]]
	SG_LOG=json run -0 --separate-stderr sg-rule -r a.jq --explain in
	jq -es 'length == 3 and (.[1].msg | test("2 is high"))' <<<"$stderr"
}

@test "--stats counts lines, runs, results and keys" {
	counter
	{
		series A/x 1 3
		event C 4 1
	} >in
	run -0 --separate-stderr sg-rule -r count.jq --stats in
	jq -e '.in == 4 and .out == 3 and .taken == 3 and .other == 1 and
	    .runs == 3 and ."count.runs" == 3 and .errors == 0 and .keys == 1' \
	    <<<"$stderr"
}

@test "it says when it is ready, and ends with what it has at SIGTERM" {
	counter
	mkfifo in
	background engine bash -c 'exec sg-rule -r count.jq --ready-fd 6 in 6>ready'
	exec 5>in
	wait_until grep -q ready ready
	event A/x 1 1 >&5
	wait_until grep -q '"v":1' engine.out
	kill -TERM "$engine_pid"
	local status=0
	wait "$engine_pid" || status=$?
	[ $status -eq 143 ]
	exec 5>&-
}

@test "what a rule makes of an event does not keep that event's identity" {
	echo 'module {"topics": ["A"]}; . + {"topic": "B"}' >copy.jq
	run -0 sg-rule -r copy.jq \
	    <<<'{"topic":"A","t":1,"v":2,"src":"x","ep":3,"seq":4,"k":5}'
	[ "$output" = '{"topic":"B","t":1,"v":2,"k":5}' ]
}

@test "SIGTERM ends it also when there are more intervals to run than it can" {
	rule a '"topics": ["A"], "every": "1s"' 'empty'
	{
		event A 0 1
		event A 1700000000 1
	} >in
	run -124 timeout -k 60 1 sg-rule -r a.jq in
}

@test "a program that cannot be run is status 78" {
	run -78 sg-rule --exec /nowhere/program <<<'{"topic":"A","t":1,"v":2}'
	[[ "$output" == *"/nowhere/program: it cannot be run"* ]]
}
