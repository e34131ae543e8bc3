# peak-shaving - Keeps the load of a place below a limit with a battery: what is
# above the limit is discharged, and it is charged while there is room.
module {
	"description": "a battery against peaks of load",
	"topics": ["AGGREGATE/{place}/Load/60s"],
	"by": "{place}",
	"context": {
		"limit": {"type": "number", "unit": "W",
		    "description": "what the load is to stay below"},
		"charge_below": {"type": "number", "unit": "W", "default": 0,
		    "description": "load up to which the battery is charged"},
		"battery": {"type": "string",
		    "description": "the device"},
		"power": {"type": "number", "unit": "W",
		    "description": "of the battery, both ways"},
		"capacity": {"type": "number", "unit": "Wh",
		    "description": "of the battery"},
		"full": {"type": "number", "default": 1,
		    "description": "share of it that is in it at the beginning"},
		"net": {"type": "boolean", "default": true,
		    "description": "does the load include the battery?"},
		"band": {"type": "number", "unit": "W", "default": 100,
		    "description": "smaller changes are not sent"},
		"gap": {"type": "number", "unit": "s", "default": 300,
		    "description": "without an event for so long the battery stops"},
		"ttl": {"type": "number", "unit": "s", "default": 180,
		    "description": "of the commands"}
	}
};
include "sg";

# $state: t, up to when the energy is counted; seen, t of the last load; set, what the battery gives, W, negative where
# it is charged; wh, what is left in it.

def set_to($w):
	command($context.battery; if $w < 0 then "charge" else "discharge" end;
	    $context.ttl; {v: ($w | fabs), u: "W"});

def left($t):
	if .t == null then $context.capacity * $context.full
	else .wh - .set * ([$t - .t, 0] | max) / 3600 |
		clamp(0; $context.capacity) end;

# What the battery should give for a window of w seconds, if it can.
def wanted($load; $wh; $w):
	if $load > $context.limit then
		[$load - $context.limit, $context.power,
		    $wh * 3600 / $w] | min
	elif $load < $context.charge_below then
		-([$context.charge_below - $load, $context.power,
		    ($context.capacity - $wh) * 3600 / $w] | min)
	else 0 end;

. as $event |
($state // {t: null, set: 0}) as $was |
if (timer | not) and (good | not) then why("its quality is \(.q)")
elif (timer | not) and .t < $was.seen then
	why("a later load is known")
else
($was | left($event.t)) as $wh |
(if timer then 0
 else
	value("v"; "W") as $load |
	wanted($load + (if $context.net then $was.set else 0 end); $wh;
	    .w // 60) as $want |
	if $want == 0 then 0
	else $was.set | unless_near($want; $context.band) end
 end) as $set |
if $set != $was.set then set_to($set) else empty end,
keep({t: ([$was.t, $event.t] | max),
    seen: (if timer then $was.seen else .t end), set: $set, wh: $wh}),
if $set != 0 then wake($now + $context.gap) else wake(null) end
end
