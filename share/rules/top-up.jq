# top-up - Looks after a demand response request: measured some time later, is
# the load down by what was asked?  If not, it asks for the rest.
module {
	"description": "second selection where a request is not met",
	"topics": ["DR/REQUEST/{area}", "AGGREGATE/{area}/Load/60s"],
	"by": "{area}",
	"context": {
		"check": {"type": "number", "unit": "s", "default": 90,
		    "description": "time from the request to the measurement"},
		"tolerance": {"type": "number", "default": 0.05,
		    "description": "share of the request that may be missing"},
		"times": {"type": "number", "default": 2,
		    "description": "how often to ask for more"},
		"duration": {"type": "number", "unit": "s", "default": 1800,
		    "description": "of a request that does not tell"},
		"ttl": {"type": "number", "unit": "s", "default": 180,
		    "description": "of what is asked for"}
	}
};
include "sg";

# $state: load, the last one; ask, the request looked after: id, version, W,
# before (the load without it), at (when to measure), until, times.

def measure($load):
	($load - (.ask.before - .ask.W)) as $short |
	if $short <= .ask.W * $context.tolerance then
		why("request \(.ask.id) is met"), keep(.ask = null)
	else
		.ask.times |= count(1) |
		request($key; "\(.ask.id).\(.ask.times)"; $context.ttl;
		    {dir: "down", W: $short, start: "now", load: $load,
		     duration_s: (.ask.until - $now | round),
		     tops_up: .ask.id}),
		keep(if .ask.times >= $context.times then .ask = null
		     else .ask.at = $now + $context.check end)
	end;

def look_after($request):
	$request.d as $d |
	($d.load // .load) as $before |
	if $before == null then why("no load is known")
	else
		keep(.ask = {id: $request.id, version: ($d.version // 0),
		    W: $d.W, before: $before, at: ($now + $context.check),
		    until: ($now + ($d.duration_s // $context.duration)),
		    times: 0})
	end;

($state // {load: null, ask: null}) as $s |
if level(0) == "AGGREGATE" and (good | not) then
	why("its quality is \(.q)")
elif level(0) == "AGGREGATE" then
	value("v"; "W") as $load | .t as $t |
	$s | .load = $load |
	if .ask == null then keep(.)
	elif .ask.until | due($now) then keep(.ask = null)
	elif .ask.at | due($t) then measure($load)
	else keep(.) end
elif .d.tops_up != null then
	why("topping up itself")
elif expired($now) then
	why("request \(.id) has expired")
elif .d.cancel then
	if $s.ask.id == .id then keep($s | .ask = null) else empty end
elif $s.ask.id == .id and .d.version <= $s.ask.version then
	why("version \(.d.version) of request \(.id) is not new")
elif .d.dir != "down" or (.d.W | type) != "number" then
	why("not a request for less load")
else
	. as $request | $s | look_after($request)
end
