# The words of share/jq/sg.jq and the ready rules of share/rules, on small
# examples and on real data, against tables that were computed without the
# toolkit.  The data is read where it lies.

load helpers

RULES=$ROOT/share/rules
LV=$SG_TEST_DATA/mainjob/lv_1min
SGSC=$SG_TEST_DATA/mainjob/sgsc_hh
LCL=$SG_TEST_DATA/mainjob/lcl_dtou

# The loads of the feeder and of its customers by minute, once for all tests.
setup_file() {
	export PATH=$SG_BIN:$PATH
	if [ -e "$LV" ]; then
		(cd "$BATS_FILE_TMPDIR" && feeder_events)
	fi
}

feeder_events() {
	local load='MEASUREMENT/METER/{meter}/Load'
	sg-csv -t 'MEASUREMENT/METER/{meter_id}/Load' --time timestamp \
	    --value power_kw --unit kW "$LV/readings.csv" >readings
	sg-aggregate -W 1m --from "$load" --join "$LV/meters.csv" \
	    --to 'AGGREGATE/{feeder}/Load/60s' readings >minutes
	sg-aggregate -W 1m --from "$load" --join "$LV/meters.csv" \
	    --to 'AGGREGATE/{feeder}/{meter}/Load/60s' readings >customers
	# An area's customers come before the area.
	by_time customers minutes >feeder
}

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

# by_time FILE... - Events in the order in which they are known, else as they
# are given.
by_time() {
	jq -nc '[inputs] | sort_by(.t + (.w // 0))[]' "$@"
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
	1795388400.002 + 0.2 | due(1795388400.202) => [true]
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
	[ $n -eq 10 ]
	[ "$(find "$RULES" -name '*.example.json' | wc -l)" -eq 10 ]
}

@test "the sessions of sg-rules(7) give what the page shows" {
	"$ROOT/tests/tutorial.py" "$ROOT/man/sg-rules.7"
}

# no_fault RULES-ARGUMENT... - rules, without a word on stderr.
no_fault() {
	rules "$@" 2>faults || {
		cat faults
		return 1
	}
	if [ -s faults ]; then
		cat faults
		return 1
	fi
}

# load PLACE TIME... - Events of a feeder, from TIME=WATTS.
load() {
	local place=$1 each
	shift
	for each; do
		echo "{\"topic\":\"AGGREGATE/$place/Load/60s\"," \
		    "\"t\":${each%=*},\"v\":${each#*=},\"u\":\"W\",\"w\":60}"
	done
}

# customer NAME TIME WATTS - The load of one in the area A.
customer() {
	echo "{\"topic\":\"AGGREGATE/A/$1/Load/60s\",\"t\":$2,\"v\":$3," \
	    '"u":"W"}'
}

# ask TIME ID TTL BODY - A request to the area A.
ask() {
	echo "{\"topic\":\"DR/REQUEST/A\",\"t\":$1,\"id\":\"$2\"," \
	    "\"ttl\":$3,\"d\":$4}"
}

# said FILE EXPRESSION - What the events of a file say, one line each.
said() {
	jq -r "$2 | map(tostring) | join(\" \")" "$1"
}

runs() {
	echo feeder,first_minute,last_minute,minutes,peak_w,peak_at
	jq -r 'select(.d.state == "cleared") | (.topic / "/")[1] as $feeder |
	    .d | [$feeder, (.first | todate), (.last | todate), .n, .peak,
		(.peak_at | todate)] | map(tostring) | join(",")' "$1"
}

@test "threshold: one rule with two contexts gives both expected tables" {
	need_data mainjob/lv_1min
	echo '{"threshold": {"high": {"v": 30, "u": "kW"}}}' >a.json
	echo '{"threshold": {"high": 40000}}' >b.json
	no_fault threshold -- --context a.json "$BATS_FILE_TMPDIR/minutes" >a
	no_fault threshold -- --context b.json "$BATS_FILE_TMPDIR/minutes" >b
	runs a | diff "$LV/expected/threshold_runs_30000.csv" -
	runs b | diff "$LV/expected/threshold_runs_40000.csv" -
	run ! cmp -s a b
}

@test "threshold: the band keeps a run together, a silence ends it" {
	{
		load F 0=39 60=40 120=38 180=37 240=41 900=41 960=30
		load G 960=50
	} >events
	echo '{"high": 40, "band": 2}' >c.json
	no_fault threshold -- --context c.json events >got
	said got '[.t, .d.state, .d.first, .d.last, .d.n]' >said
	diff - said <<-'END'
	60 raised null null null
	180 cleared 60 120 2
	240 raised null null null
	540 cleared 240 240 1
	900 raised null null null
	960 cleared 900 900 1
	960 raised null null null
	END
}

@test "tariff-follow: the price runs of the London trial" {
	need_data mainjob/lcl_dtou
	sg-csv -t DR/PRICE/dtou --time TariffDateTime --tz UTC \
	    --member vs=Tariff "$LCL/tariff.csv" >prices
	no_fault tariff-follow -- prices >got
	{
		echo first_half_hour,last_half_hour,band,half_hours
		jq -r 'select(.topic == "DR/BAND/dtou").d |
		    "\(.first | todate[:-1]),\(.last | todate[:-1]),\(
			.band),\(.n)"' got
	} | diff "$LCL/expected/price_runs.csv" -
}

@test "measured-reduction: the peak events of the Australian trial" {
	need_data mainjob/sgsc_hh
	grep -e '^local_time' -e ,10014564, -e ,10018244, "$SGSC/readings.csv" |
	    sg-csv -t 'MEASUREMENT/METER/{meter_id}/Energy' --time local_time \
		--tz Australia/Sydney --value kwh --unit kWh >readings
	echo '{"offset": {"v": 11, "u": "h"}}' >c.json
	no_fault measured-reduction -- --context c.json --context \
	    "events=$SGSC/events.csv:event_key" readings >got
	{
		echo event_key,meter_id,local_time,actual_wh,baseline_days,baseline_wh,reduction_wh
		jq -r 'select(.topic | endswith("/Total") | not) |
		    (.topic / "/")[2:4] + [(.t + 39600 | todate[:-1]),
		    .m.actual, .m.days, .m.baseline, .m.reduction] |
		    map(tostring) | join(",")' got |
		    awk -F, -v OFS=, '{ $6 = sprintf("%.3f", $6)
			$7 = sprintf("%.3f", $7); print }' | sort
	} | diff "$SGSC/expected/event_halfhour.csv" -
	{
		echo event_key,meter_id,half_hours,actual_wh,baseline_wh,reduction_wh,reduction_percent
		jq -r 'select(.topic | endswith("/Total")) |
		    (.topic / "/")[2:4] + [.m.parts, .m.actual, .m.baseline,
		    .m.reduction, 100 * .m.reduction / .m.baseline] |
		    map(tostring) | join(",")' got |
		    awk -F, -v OFS=, '{ $5 = sprintf("%.3f", $5)
			$6 = sprintf("%.3f", $6); $7 = sprintf("%.2f", $7)
			print }' | sort
	} | diff "$SGSC/expected/event_total.csv" -
}

@test "tariff-follow: a band's commands go out once, and without prices the normal ones" {
	local at
	for at in 0=Normal 1800=High 3600=High 5400=Low; do
		echo "{\"topic\":\"DR/PRICE/x\",\"t\":${at%=*}," \
		    "\"vs\":\"${at#*=}\"}"
	done >prices
	echo '{"topic":"OTHER","t":9000,"v":1}' >>prices
	no_fault tariff-follow -- --context "$RULES/tariff-follow.example.json" \
	    prices >got
	said got 'select(.ttl) | [.t, .topic, if has("vb") then .vb else .v end,
	    .ttl]' >said
	diff - said <<-'END'
	0 COMMAND/boiler/switch true 600
	0 COMMAND/heatpump/limit 3000 600
	1800 COMMAND/boiler/switch false 600
	1800 COMMAND/heatpump/limit 500 600
	5400 COMMAND/boiler/switch true 600
	5400 COMMAND/heatpump/limit 3000 600
	7500 COMMAND/boiler/switch true 600
	7500 COMMAND/heatpump/limit 3000 600
	END
}

@test "silent-meter: the gaps of the measured households, and the meter that fell silent" {
	need_data mainjob/sgsc_hh
	sg-csv -t 'MEASUREMENT/METER/{meter_id}/Energy' --time local_time \
	    --tz Australia/Sydney --value kwh --unit kWh \
	    "$SGSC/readings.csv" >readings
	echo '{"interval": {"v": 30, "u": "min"}}' >c.json
	no_fault silent-meter -- --context c.json readings >got
	export TZ=Australia/Sydney
	{
		echo meter_id,last_before,first_after,missing_half_hours
		jq -r 'def local: strflocaltime("%Y-%m-%dT%H:%M:%S");
		    select(.d.state == "cleared") |
		    "\((.topic / "/")[1]),\(.d.last | local),\(
			.d.first | local),\(.d.missing)"' got | sort
	} | diff "$SGSC/expected/gaps.csv" -
	# Raised as often as cleared, and once for good.
	[ "$(grep -c '"raised"' got)" -eq 7 ]
	[ "$(grep -c '/10012508/.*"raised"' got)" -eq 1 ]
	run ! grep '/10012508/.*"cleared"' got
}

@test "silent-meter: the alarm comes after the chosen number of readings, late ones are no gap" {
	for t in 0 60 180 300 240 360 720; do
		echo "{\"topic\":\"MEASUREMENT/METER/m/Load\",\"t\":$t,\"v\":1}"
	done >events
	echo '{"missing": 2}' >c.json
	no_fault silent-meter -- --context c.json events >got
	said got '[.t, .d.state, .d.last, .d.first, .d.missing]' >said
	diff - said <<-'END'
	510 raised 360 null null
	720 cleared 360 720 5
	END
}

@test "silent-meter: readings that come late clear no alarm while the meter is silent" {
	for each in m:0 n:300 m:60 m:120 n:360 m:361; do
		echo "{\"topic\":\"MEASUREMENT/METER/${each%:*}/Load\"," \
		    "\"t\":${each#*:},\"v\":1}"
	done >events
	no_fault silent-meter -- events >got
	said got 'select(.topic | test("/m/")) |
	    [.t, .d.state, .d.last, .d.first, .d.missing]' >said
	diff - said <<-'END'
	90 raised 0 null null
	361 cleared 120 361 3
	END
}

@test "loads of bad quality command and ask nothing" {
	load A 0=90000 60=90000 | sed 's/}$/,"q":"BAD"}/' >events
	ask 1 r 60 '{"dir":"down","W":100,"load":1000}' >>events
	load A 120=90000 180=90000 | sed 's/}$/,"q":"MISSING"}/' >>events
	cat >c.json <<-'END'
	{"battery": "b", "power": 400, "capacity": 1000,
	 "peak-shaving": {"limit": 1000}}
	END
	no_fault peak-shaving feeder-overload top-up -- --context c.json \
	    events >got
	[ ! -s got ]
}

# relief OPTION... - The rules that relieve an overloaded feeder, by the policy
# of the expected tables.
relief() {
	cat >policy.json <<-'END'
	{"feeder-overload": {"limit": 40000, "cancel": true},
	 "dispatch": {"rated": ["heatpump_kw", "ev_kw"], "margin": 0}}
	END
	no_fault feeder-overload dispatch "$@" -- --context policy.json \
	    --context "customers=$LV/flexibility.csv:meter_id" \
	    "$BATS_FILE_TMPDIR/feeder"
}

# The tables name a minute by its beginning; it is known at its end.
activation() {
	echo minute,feeder,total_w,required_w,rank,meter_id,agent,load_w,flex_w,cumulative_w
	jq -rn --rawfile table "$LV/flexibility.csv" '
	    ($table / "\n" | map(select(. != "") / "," | {key: .[0], value: .[2]}) |
		from_entries) as $agent |
	    foreach inputs as $e ({};
		if $e.d.dir and $e.d.W then .asked = $e | .sum = 0
		elif $e.topic | startswith("COMMAND") then .sum += $e.d.W
		else . end;
		select($e.topic | startswith("COMMAND")) |
		($e.topic / "/")[1] as $meter |
		[(.asked.t - 60 | todate), .asked.d.area, .asked.d.load, .asked.d.W,
		 $e.d.rank, $meter, $agent[$meter], $e.d.load, $e.d.W, .sum]) |
	    map(tostring) | join(",")' "$1"
}

summary() {
	echo minute,feeder,total_w,required_w,available_w,meters_activated,activated_w,satisfied
	jq -rn 'foreach inputs as $e ({};
		if $e.d.dir and $e.d.W then .asked = $e else . end;
		select($e.topic | startswith("DR/RESPONSE")) |
		[(.asked.t - 60 | todate), .asked.d.area, .asked.d.load, $e.d.W,
		 $e.d.available, $e.d.customers, $e.d.offered,
		 if $e.d.state == "accepted" then "yes" else "no" end]) |
	    map(tostring) | join(",")' "$1"
}

@test "feeder-overload and dispatch: whom the expected activations call, and all of them are released" {
	need_data mainjob/lv_1min
	relief >got
	activation got | diff "$LV/expected/dr_activation_40000.csv" -
	summary got | diff "$LV/expected/dr_summary_40000.csv" -
	# What ends is what began, request by request.
	jq -r 'select(.topic | startswith("COMMAND")) |
	    "\(.re) \((.topic / "/")[1]) \(.d.W)"' got | sort >called
	jq -r 'select(.topic | startswith("DR/RELEASE")) | .re as $re |
	    .d.list[] | "\($re) \(.device) \(.W)"' got | sort >released
	diff called released
	[ "$(wc -l <called)" -eq 19 ]
	# One after the other, at its own time, and under the limit.
	{
		cat "$BATS_FILE_TMPDIR/minutes"
		grep DR/RELEASE got
	} >ends
	by_time ends >ends.ordered
	echo '{"ceiling": {"v": 40, "u": "kW"}}' >c.json
	no_fault staged-release -- --context c.json ends.ordered >back
	jq -r 'select(.ttl) | "\(.re) \((.topic / "/")[1]) \(.d.W)"' back |
	    sort | diff released -
	by_time "$BATS_FILE_TMPDIR/minutes" back >both
	jq -r 'if .w then "load", .v else "back", .d.W end' both | paste - - |
	    awk '$1 == "load" { load = $2; next }
		{ n++; load += $2; if (load > 40000) bad++ }
		END { print n, bad + 0 }' >counts
	[ "$(cat counts)" = '19 0' ]
	[ "$(jq .t back | sort | uniq -d | wc -l)" -eq 0 ]
}

@test "feeder-overload: after its delay, to its target, once while the request holds" {
	load F 0=90 60=100 120=105 180=110 240=120 1980=120 2040=120 >events
	echo '{"feeders": {"F": {"limit": 100}}, "hold": 120, "target": 0.9}' \
	    >c.json
	no_fault feeder-overload -- --context c.json events >got
	said got '[.t, .topic, .d.state // .d.W, .d.load // .d.n]' >said
	diff - said <<-'END'
	180 ALARM/F/Overload raised null
	180 DR/REQUEST/F 15 105
	540 ALARM/F/Overload cleared 4
	END
}

@test "feeder-overload: what goes on after the request is asked for again" {
	local minutes=() t
	for ((t = 60; t <= 3000; t += 60)); do
		minutes+=("$t=120")
	done
	load F "${minutes[@]}" >events
	echo '{"limit": 100, "duration": {"v": 20, "u": "min"}}' >c.json
	no_fault feeder-overload -- --context c.json events >got
	said got 'select(.id) | [.t, .id, .ttl, .d.W, .d.duration_s]' >said
	diff - said <<-'END'
	60 F-60 180 20 1200
	1260 F-1260 180 20 1200
	2460 F-2460 180 20 1200
	END
}

@test "dispatch: refuses what is over, repeated, or makes no sense" {
	{
		customer a 0 5000
		ask 10 up 60 '{"dir":"up","W":100}'
		ask 10 none 60 '{"W":100}'
		ask 10 zero 60 '{"dir":"down","W":0}'
		ask 10 text 60 '{"dir":"down","W":"100"}'
		ask 10 gone 60 '{"cancel":true,"version":1}'
		ask 4 late 5 '{"dir":"down","W":100}'
	} >events
	echo '{"customers": {"a": {"flex_kw": 4}}}' >c.json
	no_fault dispatch -- --context c.json events >got
	said got '[.re, .d.state, .d.why]' >said
	diff - said <<-'END'
	up rejected only dir down is done
	none rejected only dir down is done
	zero rejected W is not a positive number
	text rejected W is not a positive number
	END
}

@test "dispatch: by merit, with a margin, only fresh and known customers, none twice" {
	{
		customer old 0 9000
		customer a 300 5000
		customer b 300 2500
		customer c 300 3000
		customer stranger 300 9000
		customer nothing 300 -200
		ask 310 r1 60 '{"dir":"down","W":4000,"version":0}'
		# The same again is not new; more of it calls others too.
		ask 311 r1 60 '{"dir":"down","W":4000,"version":0}'
		ask 312 r1 60 '{"dir":"down","W":9000,"version":1}'
		ask 313 r2 60 '{"dir":"down","W":500}'
	} >events
	cat >c.json <<-'END'
	{"customers": {"old": {"flex_kw": 4}, "a": {"flex_kw": 4},
	    "b": {"flex_kw": 4}, "c": {"flex_kw": 4}, "nothing": {"flex_kw": 4}}}
	END
	no_fault dispatch -- --context c.json events >got
	said got '[.t, .re, .topic, .d.state // .d.rank, .d.offered // .d.W]' \
	    >said
	diff - said <<-'END'
	310 r1 DR/RESPONSE/A accepted 7000
	310 r1 COMMAND/a/curtail 1 4000
	310 r1 COMMAND/c/curtail 2 3000
	312 r1 DR/RESPONSE/A accepted 9500
	312 r1 COMMAND/b/curtail 1 2500
	313 r2 DR/RESPONSE/A rejected 0
	END
}

@test "dispatch: gives back at the end, and lets those rest that were called" {
	{
		customer a 0 5000
		customer b 0 4000
		ask 10 r1 60 '{"dir":"down","W":3000,"duration_s":100}'
		customer a 120 5000
		customer b 120 4000
		ask 130 r2 60 '{"dir":"down","W":3000}'
		ask 140 r2 60 '{"version":1,"cancel":true}'
		customer a 200 5000
		customer b 200 4000
		ask 210 r3 60 '{"dir":"down","W":9000}'
	} >events
	cat >c.json <<-'END'
	{"customers": {"a": {"x_kw": 2, "y_w": 1500}, "b": {"x_kw": 3.2}},
	 "rated": ["x_kw", "y_w"], "order": "rested", "margin": 0, "rest": 90}
	END
	no_fault dispatch -- --context c.json events >got
	said got '[.t, .re, .topic, .d.state // .d.W //
	    (.d.list | map(.device) | join(",")), .d.available]' >said
	diff - said <<-'END'
	10 r1 DR/RESPONSE/A accepted 6700
	10 r1 COMMAND/a/curtail 3500 null
	110 r1 DR/RELEASE/A a null
	130 r2 DR/RESPONSE/A accepted 3200
	130 r2 COMMAND/b/curtail 3200 null
	140 r2 DR/RELEASE/A b null
	210 r3 DR/RESPONSE/A partial 3500
	210 r3 COMMAND/a/curtail 3500 null
	END
	# Should no release come, commands end by themselves, but later.
	[ "$(jq -r 'select(.ttl).d.duration_s' got | paste -sd' ')" = \
	    '1900 3600 3600' ]
}

@test "dispatch: takes the meter's own word for what it can do without" {
	{
		echo '{"topic":"AGGREGATE/A/a/Load/60s","t":0,
		    "m":{"load":2.5,"flex_dn":1.25},"u":{"load":"kW","flex_dn":"kW"}}' |
		    tr -d '\n\t'
		echo
		ask 10 r 60 '{"dir":"down","W":2000}'
	} >events
	echo '{"customers": {"a": {"flex_kw": 9}}}' >c.json
	no_fault dispatch -- --context c.json events >got
	said got '[.topic, .d.state // .d.load, .d.offered // .d.W]' >said
	diff - said <<-'END'
	DR/RESPONSE/A partial 1250
	COMMAND/a/curtail 2500 1250
	END
}

@test "top-up: asks for what the feeder's load shows to be missing" {
	need_data mainjob/lv_1min
	echo '{"limit": 40000}' >c.json
	no_fault feeder-overload top-up -- --context c.json \
	    "$BATS_FILE_TMPDIR/minutes" >got
	# The first minute that begins 90 s after the request or later, above
	# 40 kW by more than 5 % of it; and again 90 s after that.
	jq -r 'select(.id and .d.tops_up == null) | "\(.t) \(.d.W)"' got >asked
	[ -s asked ]
	jq -r '"\(.t) \(.v)"' "$BATS_FILE_TMPDIR/minutes" | awk '
	    NR == FNR { asked[$1] = $2; next }
	    { load[$1] = $2 }
	    END {
		for (t in asked)
			for (n = 1; n <= 2; n++) {
				short = load[t + 180 * n - 60] - 40000
				if (short <= asked[t] * 0.05)
					break
				print "N1F1-" t "." n, t + 180 * n, short,
				    1800 - 180 * n
			}
	    }' asked - | sort >want
	jq -r 'select(.d.tops_up) | "\(.id) \(.t) \(.d.W) \(.d.duration_s)"' \
	    got | sort | diff want -
	[ -s want ]
}

@test "top-up: a request that is met, withdrawn, over or a top-up is left alone" {
	{
		load A 0=1000
		ask 10 met 60 '{"dir":"down","W":200}'
		load A 120=805
		ask 200 withdrawn 60 '{"dir":"down","W":200}'
		ask 210 withdrawn 60 '{"version":1,"cancel":true}'
		load A 360=1000
		ask 400 short 60 '{"dir":"down","W":200,"duration_s":60}'
		load A 540=1000
		ask 600 extra 60 '{"dir":"down","W":200,"tops_up":"short"}'
		load A 720=1000
		ask 800 open 60 '{"dir":"down","W":200,"load":1100}'
		load A 840=1000 900=1000 960=1000 1080=1000 1200=1000
	} >events
	no_fault top-up -- events >got
	said got '[.t, .id, .d.W, .d.tops_up, .ttl]' >said
	diff - said <<-'END'
	900 open.1 100 open 180
	1080 open.2 100 open 180
	END
}

@test "staged-release: waits at the ceiling, but not for ever" {
	{
		load A 0=900
		echo '{"topic":"DR/RELEASE/A","t":10,"re":"r","d":{"list":[
		    {"device":"big","W":300},{"device":"small","W":50}]}}' |
		    tr -d '\n\t'
		echo
		load A 30=900 60=990 120=990 180=940 240=990 600=990 1200=990
	} >events
	echo '{"over": 40, "ceiling": 1000, "step": 60, "patience": 600}' >c.json
	no_fault staged-release -- --context c.json events >got
	said got '[.topic, .re, .d.W, .ttl]' >said
	diff - said <<-'END'
	COMMAND/small/release r 50 180
	COMMAND/big/release r 300 180
	END
	# The small one in its half of the time; the big one when its time is up.
	jq -e -s '.[0].t >= 10 and .[0].t <= 30 and .[1].t >= 630 and
	    .[1].t < 710' got
}

# frequency T=HZ... - Measured at the place bus.
frequency() {
	local each
	for each; do
		echo "{\"topic\":\"MEASUREMENT/SENSOR/bus/Frequency\"," \
		    "\"t\":${each%=*},\"v\":${each#*=},\"u\":\"Hz\"}"
	done
}

@test "under-frequency: each stage after its delay, not for a dip" {
	{
		frequency 100=50 100.1=48.9 100.2=49.1 100.3=50
		frequency 101=48.95 101.1=48.79 101.15=48.7
		frequency 101.4=48.59 101.5=48.61 102=49.5
	} >events
	no_fault under-frequency -- --context \
	    "$RULES/under-frequency.example.json" events >got
	said got '[.t, .topic, .d.stage // .vb, .ttl]' >said
	# Stage 1 from 101, stage 2 from 101.1; 48.6 did not last.
	diff - said <<-'END'
	101.2 ALARM/bus/UnderFrequency.1 1 null
	101.2 COMMAND/feeder-1/switch false 10
	101.3 ALARM/bus/UnderFrequency.2 2 null
	101.3 COMMAND/feeder-2/switch false 10
	101.3 COMMAND/feeder-3/switch false 10
	END
	[ "$(grep -c '"vb":false' got)" -eq 3 ]
}

@test "under-frequency: gives back the deepest stage first, one at a time" {
	local times=() t
	for ((t = 110; t <= 400; t += 5)); do
		times+=("$t=$([ $t -eq 150 ] && echo 49.85 || echo 49.95)")
	done
	{
		frequency 100=48.7 101=48.7 102=48.95 103=49.8
		frequency "${times[@]}"
	} >events
	no_fault under-frequency -- --context \
	    "$RULES/under-frequency.example.json" events >got
	# Recovered from 155 on.
	said got 'select(.t > 105) | [.t, .topic, .vb, .d.state]' >said
	diff - said <<-'END'
	275 ALARM/bus/UnderFrequency.2 null cleared
	275 COMMAND/feeder-2/switch true null
	275 COMMAND/feeder-3/switch true null
	395 ALARM/bus/UnderFrequency.1 null cleared
	395 COMMAND/feeder-1/switch true null
	END
}

@test "under-frequency: a measurement that is old or bad sheds nothing" {
	{
		frequency 100=50 101=48.5 120=50
		frequency 200=48.5 | sed 's/}/,"q":"BAD"}/'
		frequency 201=50
	} >events
	jq -c '.stages |= map(.after = 6)' \
	    "$RULES/under-frequency.example.json" >c.json
	no_fault under-frequency -- --context c.json events >got
	[ ! -s got ]
}

@test "peak-shaving: discharges what the feeder is above the limit" {
	need_data mainjob/lv_1min
	cat >c.json <<-'END'
	{"limit": {"v": 40, "u": "kW"}, "battery": "bat", "net": false, "band": 0,
	 "power": {"v": 20, "u": "kW"}, "capacity": {"v": 13.5, "u": "kWh"}}
	END
	no_fault peak-shaving -- --context c.json "$BATS_FILE_TMPDIR/minutes" \
	    >got
	# A command wherever the excess is another than the minute before.
	jq -r '"\(.t) \(.v)"' "$BATS_FILE_TMPDIR/minutes" | awk '
	    { over = $2 > 40000 ? $2 - 40000 : 0
	      if (over != last) print $1 + 60, over
	      last = over }' >want
	said got '[.t, .v]' | diff want -
	[ "$(wc -l <want)" -gt 50 ]
}

# What a feeder's meter shows when the battery does what it is told from the
# next minute on; the rule is asked minute by minute.  Lines of t, gross, net.
battery_loop() {
	python3 - "$@" <<-'END'
	import json, subprocess, sys
	rule = subprocess.Popen(["sg-rule", "--pass", *sys.argv[2:]], text=True,
	    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
	gives = 0
	for line in open(sys.argv[1]):
	    e = json.loads(line)
	    gross, e["v"] = e["v"], e["v"] - gives
	    print(e["t"], gross, e["v"])
	    # No rule wants the second line; when it is back all is said.
	    rule.stdin.write(json.dumps(e) + "\n" +
	        json.dumps({"topic": "SYNC", "t": e["t"], "v": 0}) + "\n")
	    rule.stdin.flush()
	    while '"SYNC"' not in (answer := rule.stdout.readline()):
	        c = json.loads(answer)
	        if c["topic"] == "COMMAND/bat/discharge":
	            gives = c["v"]
	        elif c["topic"] == "COMMAND/bat/charge":
	            gives = -c["v"]
	rule.stdin.close()
	sys.exit(rule.wait())
	END
}

@test "peak-shaving: behind the meter, it is what the load alone would ask for" {
	need_data mainjob/lv_1min
	cat >c.json <<-'END'
	{"limit": {"v": 40, "u": "kW"}, "charge_below": {"v": 15, "u": "kW"},
	 "battery": "bat", "power": {"v": 10, "u": "kW"}, "band": 0,
	 "capacity": {"v": 1.5, "u": "kWh"}, "full": 0.5}
	END
	battery_loop "$BATS_FILE_TMPDIR/minutes" -r "$RULES/peak-shaving.jq" \
	    --context c.json >got
	[ "$(wc -l <got)" -eq 1440 ]
	# What it gave is what the minute before was above the limit, within its
	# power; it never holds less than nothing or more than it can.
	awk '
	    NR > 1 {
		gave = $2 - $3
		if (gave > 0 && last <= 40000) bad = "given below the limit"
		if (gave < 0 && last >= 15000) bad = "charged above its limit"
		if (gave > 10000 || gave < -10000) bad = "more than its power"
		if (gave > 0 && gave > last - 40000 + 0.001) bad = "too much"
	    }
	    { wh -= ($2 - $3) / 60
	      if (wh < -750.001 || wh > 750.001) bad = "beyond its capacity"
	      if (wh > most) most = wh
	      if ($2 - $3 > 0) given++
	      last = $2 }
	    END { print (bad ? bad : "good"), (most > 749), (given > 20) }' got >verdict
	[ "$(cat verdict)" = 'good 1 1' ]
}

@test "peak-shaving: small changes are not sent, and without a load it stops" {
	load P 0=1000 60=1100 120=1140 180=1260 240=1000 300=1500 >events
	load Q 900=0 >>events
	cat >c.json <<-'END'
	{"limit": 1000, "battery": "b", "power": 400, "capacity": 1000,
	 "net": false}
	END
	no_fault peak-shaving -- --context c.json events >got
	said got '[.t, .topic, .v]' >said
	diff - said <<-'END'
	60 COMMAND/b/discharge 100
	180 COMMAND/b/discharge 260
	240 COMMAND/b/discharge 0
	300 COMMAND/b/discharge 400
	600 COMMAND/b/discharge 0
	END
}

@test "peak-shaving: the load of an earlier window counts no energy twice" {
	load P 0=4600 60=4600 >events
	load P 0=9000 120=4600 180=4600 >>events
	cat >c.json <<-'END'
	{"limit": 1000, "battery": "b", "power": 10000, "capacity": 240,
	 "net": false}
	END
	no_fault peak-shaving -- --context c.json events >got
	said got '[.t, .v]' >said
	# 240 Wh are 3600 W for four minutes.
	diff - said <<-'END'
	0 3600
	END
}

@test "under-frequency: a measurement that comes late sheds nothing" {
	frequency 100=50 90=48 101=50 >events
	jq -c '.stages |= map(.after = 0)' \
	    "$RULES/under-frequency.example.json" >c.json
	no_fault under-frequency -- --context c.json events >got
	[ ! -s got ]
}

@test "rules make no command but by the word that demands a ttl, and each has an id" {
	local rule
	run ! grep -n '^[^#]*"COMMAND/' "$RULES"/*.jq
	for rule in "$RULES"/*.jq; do
		grep -v '^#' "$rule" | tr -s '\n\t' '  ' |
		    { grep -o '\<command([^{]*' || :; } |
		    while read -r call; do
			[[ $call == *'; $context.ttl;'* ]]
		    done
	done
	{
		customer a 0 5000
		load A 0=9000
		frequency 0=48 1=48
		echo '{"topic":"DR/PRICE/x","t":1,"vs":"High"}'
		ask 1 r 60 '{"dir":"down","W":100,"duration_s":5}'
		load A 10=9000
		load A 2000=9000
	} >events
	cat >c.json <<-'END'
	{"customers": {"a": {"flex_kw": 4}}, "staged-release": {"over": 0},
	 "battery": "b", "power": 400, "capacity": 1000,
	 "peak-shaving": {"limit": 1000},
	 "stages": [{"hz": 49, "after": 0, "devices": ["f"]}],
	 "bands": {"High": [{"device": "d", "verb": "switch", "vb": false}]}}
	END
	no_fault dispatch staged-release under-frequency tariff-follow \
	    peak-shaving -- --context c.json events >got
	jq -r 'select(.topic | startswith("COMMAND/")) |
	    [(.topic / "/")[1, 2], (.ttl > 0), (.id | test("^[0-9a-f]{16}$"))] |
	    map(tostring) | join(" ")' got | sort -u >said
	diff - said <<-'END'
	a curtail true true
	a release true true
	b discharge true true
	d switch true true
	f switch true true
	END
	[ "$(jq -r 'select(.ttl).id' got | sort | uniq -d | wc -l)" -eq 0 ]
}

@test "the words are found below SG_SHARE, wherever the program is" {
	mkdir -p elsewhere own/jq
	cp "$(command -v sg-rule)" elsewhere
	echo 'def answer: 42;' >own/jq/sg.jq
	echo 'module {"topics": ["A"]}; include "sg"; {topic: "B", v: answer}' \
	    >a.jq
	echo '{"topic":"A","t":1,"v":1}' >event
	SG_SHARE=$PWD/own run -0 elsewhere/sg-rule -r a.jq event
	[ "$(jq .v <<<"$output")" -eq 42 ]
}
