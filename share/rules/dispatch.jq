# dispatch - Answers a demand response request: chooses customers by a declared
# policy, sends them commands, and gives them back when the request ends.
#
# The values of customers come by area, as
#   sg-aggregate -W 1m --per-source last --join customers.csv \
#       --from 'MEASUREMENT/METER/{meter}/Load' \
#       --to 'AGGREGATE/{area}/{meter}/Load/60s'
# makes them, so that the state of an area grows with its customers only.
module {
	"description": "customers and commands for a demand response request",
	"topics": ["DR/REQUEST/{area}", "AGGREGATE/{area}/{customer}/Load/60s"],
	"by": "{area}",
	"context": {
		"customers": {"type": "object",
		    "description": "rows by customer; who has none is never called"},
		"rated": {"type": "array", "default": ["flex_kw"],
		    "description": "columns whose sum is what a customer can do without, in W, or kW if they end in _kw"},
		"order": {"type": "string", "default": "largest",
		    "description": "of merit: largest, smallest, or rested: whose last call is the longest ago"},
		"margin": {"type": "number", "default": 0.1,
		    "description": "how much more to call than asked for, as a share"},
		"fresh": {"type": "number", "unit": "s", "default": 180,
		    "description": "age of a value that counts"},
		"rest": {"type": "number", "unit": "s", "default": 0,
		    "description": "between two calls of a customer"},
		"duration": {"type": "number", "unit": "s", "default": 1800,
		    "description": "of a request that does not tell"},
		"spare": {"type": "number", "unit": "s", "default": 1800,
		    "description": "what a command lasts longer than its request, should no release come"},
		"verb": {"type": "string", "default": "curtail",
		    "description": "of the commands"},
		"ttl": {"type": "number", "unit": "s", "default": 180,
		    "description": "of the commands"}
	}
};
include "sg";

# $state: flex, by customer: t, load and W to do without; active, by request:
# version, until and list of device and W; last, by customer: end of its last
# call.

def total: map(.W) | add // 0;

def rated($row):
	[$context.rated[] as $column | ($row[$column] // 0) *
	    (if $column | endswith("_kw") then 1000 else 1 end)] |
	add // 0 | round;

# What the meter itself says, else what runs of what is rated.
def flexible:
	if .m.flex_dn != null then
		{load: value("m.load"; "W"), W: value("m.flex_dn"; "W")}
	else
		value("v"; "W") as $load |
		{load: $load, W: ([$load,
		    rated($context.customers[$captures.customer])] | min)}
	end;

def merit:
	if $context.order == "largest" then [-.W, .device]
	elif $context.order == "smallest" then [.W, .device]
	elif $context.order == "rested" then [.last // 0, -.W, .device]
	else error("no order of merit \($context.order)") end;

def candidates:
	.last as $last | ([.active[].list[].device] |
	    map({key: ., value: true}) | from_entries) as $busy |
	[.flex | to_entries[] |
	    .value + {device: .key, last: $last[.key]} |
	    select($busy[.device] | not) |
	    select($now - .t <= $context.fresh) |
	    select(.last | rested($context.rest; $now))] |
	sort_by(merit);

def answer($state_now; $body):
	{topic: "DR/RESPONSE/\($key)", re: .id,
	 d: ({state: $state_now} + $body)};

def next_timer: wake([.active[].until] | min);

# Ends the requests in the list of ids.
def end_of($ids):
	. as $s |
	($ids[] | {topic: "DR/RELEASE/\($key)", re: .,
	    d: {list: $s.active[.].list}}),
	(.last += ([.active[$ids[]].list[] |
		{key: .device, value: $now}] | from_entries) |
	 .active |= with_entries(select(.key | IN($ids[]) | not)) |
	 keep(.), next_timer);

def call($request):
	. as $s | $request.d as $d |
	(.active[$request.id] // {version: -1, list: []}) as $old |
	candidates as $candidates |
	($d.W * (1 + $context.margin) - ($old.list | total)) as $need |
	($candidates | take($need; .W)) as $chosen |
	($old.list + ($chosen | map({device, W}))) as $list |
	($list | total) as $offered |
	($d.duration_s // $context.duration) as $duration |
	($request | answer(
	    if $offered >= $d.W then "accepted" elif $offered > 0 then "partial"
	    else "rejected" end;
	    {W: $d.W, offered: $offered, customers: ($list | length),
	     available: (($old.list | total) + ($candidates | total))})),
	(range($chosen | length) as $i | $chosen[$i] |
	 command(.device; $context.verb; $context.ttl;
	     {re: $request.id, d: {W: .W, load: .load, rank: ($i + 1),
		duration_s: ($duration + $context.spare)}})),
	(.active[$request.id] = {version: ($d.version // 0),
		until: ($now + $duration), list: $list} |
	 keep(.), next_timer);

($state // {flex: {}, active: {}, last: {}}) as $s |
if timer then
	$s | end_of([.active | to_entries[] | select(.value.until | due($now)) |
	    .key])
elif level(0) == "AGGREGATE" then
	if $context.customers[$captures.customer] == null or (good | not) then
		empty
	else
		$captures.customer as $who | (flexible + {t}) as $flex |
		if $flex.W > 0 then keep($s | .flex[$who] = $flex)
		elif $s.flex[$who] != null then keep($s | del(.flex[$who]))
		else empty end
	end
elif expired($now) then
	why("request \(.id) has expired")
elif .d.version != null and .d.version <= $s.active[.id].version then
	why("version \(.d.version) of request \(.id) is not new")
elif .d.cancel then
	.id as $id |
	if $s.active[$id] == null then why("no request \($id)")
	else $s | end_of([$id]) end
elif .d.dir != "down" then
	answer("rejected"; {why: "only dir down is done"})
elif (.d.W | type) != "number" or .d.W <= 0 then
	answer("rejected"; {why: "W is not a positive number"})
else
	. as $request | $s | call($request)
end
