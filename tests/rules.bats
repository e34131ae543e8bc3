# The words of share/jq/sg.jq and the ready rules of share/rules, on small
# examples and on real data, against tables that were computed without the
# toolkit.  The data is read where it lies.

load helpers

RULES=$ROOT/share/rules
LV=$SG_TEST_DATA/mainjob/lv_1min
SGSC=$SG_TEST_DATA/mainjob/sgsc_hh
LCL=$SG_TEST_DATA/mainjob/lcl_dtou

# word EXPRESSION - What jq makes of it, in an array, or of its error.
word() {
	jq -nc -L "$ROOT/share/jq" "include \"sg\"; try [$1] catch ."
}

# head_of RULE - The metadata of a rule.
head_of() {
	sed -n '/^module {$/,/^};$/{ s/^module {/{/; s/^};/}/; p; }' "$1"
}

# rules NAME... -- ARGUMENT... - sg-rule with these ready rules.
rules() {
	local args=()
	while [ "$1" != -- ]; do
		args+=(--rule "$RULES/$1.jq")
		shift
	done
	shift
	sg-rule "${args[@]}" "$@"
}

# by_time FILE... - Events in the order of their time, else as they are given.
by_time() {
	jq -nc '[inputs] | sort_by(.t)[]' "$@"
}

@test "words refuse what makes no sense" {
	while read -r line; do
		expression=${line%% => *}
		why=${line##* => }
		run word "$expression"
		[ "$output" = "$why" ] || {
			echo "$expression: $output, want $why"
			return 1
		}
	done <<-'END'
	command("d"; "v"; null; {}) => "command d/v: no ttl"
	command("d"; "v"; 0; {}) => "command d/v: no ttl"
	command("d"; "v"; "5"; {}) => "command d/v: no ttl"
	command("a/b"; "v"; 5; {}) => "\"a/b\" cannot be a level of a topic"
	command("+"; "v"; 5; {}) => "\"+\" cannot be a level of a topic"
	command(""; "v"; 5; {}) => "\"\" cannot be a level of a topic"
	command(7; "v"; 5; {}) => "7 cannot be a level of a topic"
	command("d"; "v w"; 5; {}) => "\"v w\" cannot be a level of a topic"
	alarm(null; "x"; "raised"; {}) => "null cannot be a level of a topic"
	request("#"; "i"; 5; {}) => "\"#\" cannot be a level of a topic"
	place("0123456789" * 7) => "\"0123456789012345678901234567890123456789012345678901234567890123456789\" cannot be a level of a topic"
	{v: "5"} | value("v"; "W") => "no number v"
	{m: {load: 5}} | value("m.flex"; "W") => "no number m.flex"
	{v: 5, u: "V"} | value("v"; "W") => "unit V is not W"
	{v: 5, u: "Wh"} | value("v"; "W") => "unit Wh is not W"
	scale("kWh"; "kW") => "unit kWh is not kW"
	scale("m"; "k") => "unit m is not k"
	END
}

@test "words do what the manual says" {
	local n=0
	while read -r line; do
		expression=${line%% => *}
		want=${line##* => }
		run word "$expression"
		[ "$output" = "$want" ] || {
			echo "$expression: $output, want $want"
			return 1
		}
		n=$((n + 1))
	done <<-'END'
	keep({a: 1}) => [{"$state":{"a":1}}]
	wake(5) => [{"$timer":5}]
	forget => [{"$state":null},{"$timer":null}]
	why("x") => [{"$why":"x"}]
	({topic: "$SG/TIMER"}, {topic: "A"}) | timer => [true,false]
	{topic: "A/b/C"} | level(0), level(1), level(-1), level(7) => ["A","b","C",null]
	({}, {q: "OK"}, {q: "ESTIMATED"}, {q: "BAD"}, {q: "MISSING"}) | good => [true,true,true,false,false]
	({t: 5}, {t: 5, ttl: 2}) | expired(7), expired(7.1) => [false,false,false,true]
	scale("kW"; "W"), scale("W"; "kW"), scale("MW"; "kW"), scale("mV"; "V") => [1000,0.001,1000,0.001]
	scale("m3"; "m3"), scale(null; "W") => [1,1]
	{v: 1.5, u: "kW"} | value("v"; "W") => [1500]
	{v: 1.5} | value("v"; "W") => [1.5]
	{m: {load: 2, up: 3}, u: {load: "kW", up: "W"}} | value("m.load"; "W"), value("m.up"; "W") => [2000,3]
	{m: {load: 2}, u: "kW"} | value("m.load"; "W") => [2000]
	place("a.b:c@d_-9") => ["a.b:c@d_-9"]
	command("d"; "v"; 5; {vb: true}) => [{"topic":"COMMAND/d/v","ttl":5,"vb":true}]
	command("d"; "v"; 5; {id: "i", v: 1, u: "W"}) | .id => ["i"]
	alarm("p"; "Hot"; "raised"; {v: 1}) => [{"topic":"ALARM/p/Hot","d":{"state":"raised","v":1}}]
	request("a"; "i"; 9; {W: 1}) | .topic, .id, .ttl, .d.version, .d.W => ["DR/REQUEST/a","i",9,0,1]
	foreach (39, 40, 39, 38, 37) as $v (null; above($v; 40; 38)) => [false,true,true,true,false]
	foreach (39, 40, 39, 40) as $v (null; above($v; 40; 40)) => [false,true,false,true]
	foreach (50, 49, 49.1, 49.2) as $v (null; below($v; 49; 49.1)) => [false,true,true,false]
	foreach ([true, 1], [true, 2], [false, 3], [true, 4]) as [$is, $now] (null; since($is; $now)) => [1,1,null,4]
	(null, 0, 5) | since(true; 7) => [7,0,5]
	(null, 5, 6) | due(5) => [false,true,false]
	1795388400.3 + 0.1 + 0.1 | due(1795388400.5) => [true]
	(null, 5) | held(2; 6), held(2; 7) => [false,false,false,true]
	(null, 5) | rested(2; 6), rested(2; 7) => [true,true,false,true]
	(null, false, true) | edge(true), edge(false) => ["up",null,"up",null,null,"down"]
	null | count(1) | count(2) => [3]
	null | recent(10; 1) | recent(10; 2) | recent(10; 11) => [[2,11]]
	[foreach (0, 1, 2, 3, 20, 21, 100) as $now ({}; .m as $m | $m | pace(3; 60; $now) | {m: .memory, ok}; .ok)] => [[true,true,true,false,true,false,true]]
	null | run(5; 1) => [{"first":5,"last":5,"n":1,"peak":1,"peak_at":5}]
	null | run(5; 1) | run(6; 3) | run(7; 3) | run(4; 2) => [{"first":4,"last":7,"n":4,"peak":3,"peak_at":6}]
	null | run(5; null) | run(6; null) | .n, .peak => [2,null]
	(-9, 0, 9) | clamp(-5; 5) => [-5,0,5]
	0 | toward(10; 3), toward(-10; 3), toward(2; 3) => [3,-3,2]
	(null, 10) | unless_near(12; 5), unless_near(15; 5), unless_near(5; 5) => [12,15,5,10,15,5]
	[{w: 5}, {w: 3}, {w: 9}] | (take(0; .w), take(5; .w), take(6; .w), take(99; .w)) | length => [0,1,2,3]
	[] | take(1; .w) => [[]]
	[range(200) | "m-\(.)" | scatter(60)] | all(. >= 0 and . < 60), (map(. / 6 | floor) | group_by(.) | map(length) | length, min > 8) => [true,10,true]
	"a" | scatter(1) == scatter(1) => [true]
	"" | scatter(1) | . >= 0 and . < 1 => [true]
	END
	[ $n -gt 40 ]
}

# defined - Names and numbers of arguments of the words.
defined() {
	grep -o '^def [a-z_]*\(([^)]*)\)\?' "$ROOT/share/jq/sg.jq" |
	    sed 's/^def //' | signature
}

signature() {
	awk -F'(' '{ print $1 "/" (NF > 1 ? gsub(/;/, ";", $2) + 1 : 0) }'
}

@test "every word has its line in the manual and its test" {
	defined | sort >defined
	sed -n '/^\.Sh THE WORDS/,/^\.Sh READY/s/^\.It Li //p' \
	    "$ROOT/man/sg-rules.7" | signature | sort >described
	diff defined described
	sed 's:/.*::' defined | while read -r name; do
		[ "$(grep -cw "$name.* =>" "$BATS_TEST_FILENAME")" -gt 0 ]
	done
}

# context_rows HEAD - name, unit or type, and default of each member.
context_rows() {
	jq -r '.context | to_entries[] | "\(.key)|\(.value.unit //
	    .value.type), \(if .value | has("default") then
	    "default \(.value.default | if type == "string" then . else
	    tojson end)" else "required" end): \(.value.description)"' "$1"
}

@test "every ready rule has an example, and its context is in the manual" {
	local rule name n=0
	for rule in "$RULES"/*.jq; do
		name=$(basename "$rule" .jq)
		head_of "$rule" >head
		jq -e '.description and (.topics | length) > 0' head
		sg-rule --check --rule "$rule" \
		    --context "$RULES/$name.example.json"
		context_rows head >want
		sed -n "/^\.Ss $name\$/,/^\.El/p" "$ROOT/man/sg-rules.7" |
		    sed -n '/^\.It Li/{ s/^\.It Li //; N; s/\n/|/; p; }' >got
		diff want got
		jq -r '.topics[]' head | while read -r topic; do
			grep -q "^\.It Li .* Ta $topic\$" \
			    "$ROOT/man/sg-rules.7"
		done
		n=$((n + 1))
	done
	[ $n -eq 9 ]
	[ "$(find "$RULES" -name '*.example.json' | wc -l)" -eq 9 ]
}

@test "the sessions of sg-rules(7) give what the page shows" {
	"$ROOT/tests/tutorial.py" "$ROOT/man/sg-rules.7"
}
