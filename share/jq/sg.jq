# sg.jq - Words for the rules of sg-rule(1); sg-rules(7) shows them at work.
#
# All are pure: what a word needs it takes as input or argument, so that jq
# alone can test it.  A "memory" is a value that a rule keeps in its $state
# between events; null is the memory of nothing.  Times and spans are seconds.

## What a rule says to the engine

# keep(S): from now on S is the state of this rule and key.
def keep($s): {"$state": $s};

# wake(T): run this rule for this key at T, with the timer as its event.
def wake($t): {"$timer": $t};

# forget: no state, no timer.
def forget: keep(null), wake(null);

# why(TEXT): a remark for --explain.
def why($text): {"$why": $text};

## Events that come in

# timer: is this run a timer's?
def timer: .topic == "$SG/TIMER";

# level(N): level N of the topic, from 0; negative counts from the end.
def level($n): .topic | split("/")[$n];

# good: is the event's quality neither BAD nor MISSING?
def good: .q != "BAD" and .q != "MISSING";

# expired(NOW): is its ttl over?
def expired($now): .ttl != null and $now > .t + .ttl;

# scale(FROM; TO): what to multiply by to come from unit FROM to unit TO, the
# same but for the prefix m, k, M or G; an error if they are not.
def scale($from; $to):
	def parts($unit):
		{"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}[.[:1]] as $factor |
		if . == $unit or $factor == null then [., 1]
		else [.[1:], $factor] end;
	if $from == null or $from == $to then 1
	else
		($from | parts("m")) as $a | ($to | parts("m")) as $b |
		if $a[0] != $b[0] or $a[0] == "" then
			error("unit \($from) is not \($to)")
		else $a[1] / $b[1] end
	end;

# value(NAME; UNIT): the number "v" or "m.NAME" of the event, in UNIT; a number
# without unit is taken to be in UNIT.  An error if there is no such number.
def value($name; $unit):
	(if $name == "v" then .v else .m[$name | ltrimstr("m.")] end) as $v |
	if ($v | type) != "number" then error("no number \($name)")
	else
		(if (.u | type) == "object" then .u[$name | ltrimstr("m.")]
		 else .u end) as $u |
		$v * scale($u; $unit)
	end;

## Events that go out

# place(TEXT): TEXT, if it can be one level of a topic; an error if not.
def place($text):
	if ($text | type) == "string" and
	    ($text | test("^[A-Za-z0-9._:@-]{1,64}$")) then $text
	else error("\($text | tojson) cannot be a level of a topic") end;

# command(DEVICE; VERB; TTL; BODY): COMMAND/DEVICE/VERB with the members of
# BODY, to be executed within TTL seconds or not at all.  The engine adds t
# and, if BODY has none, id.
def command($device; $verb; $ttl; $body):
	if ($ttl | type) != "number" or $ttl <= 0 then
		error("command \($device)/\($verb): no ttl")
	else
		{topic: "COMMAND/\(place($device))/\(place($verb))",
		 ttl: $ttl} + $body
	end;

# alarm(PLACE; WHAT; STATE; BODY): ALARM/PLACE/WHAT that is "raised" or
# "cleared"; the last value of the topic tells which.
def alarm($where; $what; $state; $body):
	{topic: "ALARM/\(place($where))/\(place($what))",
	 d: ({state: $state} + $body)};

# request(AREA; ID; TTL; BODY): a demand response request.
def request($area; $id; $ttl; $body):
	{topic: "DR/REQUEST/\(place($area))", id: $id, ttl: $ttl,
	 d: ({version: 0, area: $area} + $body)};

## Memory: conditions

# above(V; ON; OFF): hysteresis.  Memory: was it on?  On from V >= ON, and then
# until V < OFF.
def above($v; $on; $off):
	if . == true then $v >= $off else $v >= $on end;

# below(V; ON; OFF): the same downwards.  On from V <= ON, until V > OFF.
def below($v; $on; $off):
	if . == true then $v <= $off else $v <= $on end;

# since(IS; NOW): memory: since when the condition holds without a break.
def since($is; $now):
	if $is then . // $now else null end;

# due(NOW): has that time come?  The clock's microseconds and a sum of two
# times may differ in the last bit, hence not just <=.
def due($now): . != null and . < $now + 1e-6;

# held(SPAN; NOW): has what holds since then held for SPAN?  Where no event
# comes to ask again, wake(. + SPAN).
def held($span; $now): . != null and (. + $span | due($now));

# rested(SPAN; NOW): hold-off.  Memory: when it was last done; may it be again?
def rested($span; $now): . == null or held($span; $now);

# edge(IS): memory: what it was.  "up", "down", or null if it is as it was.
def edge($is):
	if (. == true) == $is then null elif $is then "up" else "down" end;

## Memory: counts and rates

# count(N): memory: a sum; N more.
def count($n): (. // 0) + $n;

# recent(SPAN; NOW): memory: the times of the last SPAN, with NOW; their number
# is their length.
def recent($span; $now): [(. // [])[] | select($now - . < $span)] + [$now];

# pace(N; SPAN; NOW): rate limit: N at once, and again one each SPAN / N.
# Memory: a number.  {"ok": may it be done, "memory": ...}.
def pace($n; $span; $now):
	([. // $now, $now] | max + $span / $n) as $next |
	if $next - $now <= $span then {ok: true, memory: $next}
	else {ok: false, memory: .} end;

# run(T; V): memory: a row of events: first and last time, n, the peak, and
# when it was first reached; one more, of value V (null: none) at T.
def run($t; $v):
	if . == null then {first: $t, last: $t, n: 1, peak: $v, peak_at: $t}
	else
		.first = ([.first, $t] | min) | .last = ([.last, $t] | max) |
		.n += 1 |
		if $v != null and $v > .peak then .peak = $v | .peak_at = $t
		else . end
	end;

## Numbers and choices

# clamp(LOW; HIGH): the nearest number in these bounds.
def clamp($low; $high): [[., $low] | max, $high] | min;

# toward(GOAL; STEP): GOAL, or a STEP closer to it.
def toward($goal; $step): . + ($goal - . | clamp(-$step; $step));

# unless_near(GOAL; BAND): dead band: GOAL if it is BAND or more away, else the
# input.
def unless_near($goal; $band):
	if . == null or ($goal - . | fabs) >= $band then $goal else . end;

# take(NEED; F): of a list in order of merit the shortest head whose sum of F
# reaches NEED, or all.
def take($need; f):
	reduce .[] as $each ({sum: 0, list: []};
	    if .sum >= $need then .
	    else .sum += ($each | f) | .list += [$each] end) | .list;

# scatter(SPAN): a number from 0 to less than SPAN that looks random, the same
# for the same text.
def scatter($span):
	(reduce explode[] as $c (17; (. * 16807 + $c * 7919) % 2147483647) |
	 . * 16807 % 2147483647 * 16807 % 2147483647) / 2147483647 * $span;
