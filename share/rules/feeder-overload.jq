# feeder-overload - Raises an alarm when a feeder is loaded above its limit for
# some time, and asks for as much load less as it is above its target.
module {
	"description": "alarm and demand response request for an overloaded feeder",
	"topics": ["AGGREGATE/{feeder}/Load/60s"],
	"by": "{feeder}",
	"context": {
		"limit": {"type": "number", "unit": "W", "default": 40000,
		    "description": "limit of a feeder that is not in feeders"},
		"feeders": {"type": "object", "default": {},
		    "description": "by feeder: limit, in W"},
		"band": {"type": "number", "unit": "W", "default": 0,
		    "description": "it is over below limit - band"},
		"hold": {"type": "number", "unit": "s", "default": 0,
		    "description": "how long it lasts before the alarm"},
		"target": {"type": "number", "default": 1,
		    "description": "share of the limit that is asked for"},
		"duration": {"type": "number", "unit": "s", "default": 1800,
		    "description": "of the request"},
		"deadline": {"type": "number", "unit": "s", "default": 180,
		    "description": "until which it is to be met"},
		"cancel": {"type": "boolean", "default": false,
		    "description": "withdraw the request when the overload is over; it may be over because of it"},
		"gap": {"type": "number", "unit": "s", "default": 300,
		    "description": "without an event for so long it is over"}
	}
};
include "sg";

# $state: run, the overload so far; raised, if the alarm is; load, the last one;
# ask, the request that holds: its id and until when.

def limit: $context.feeders[$key].limit // $context.limit;

def over($event; $load):
	if $event | timer then
		if .run != null and (.run.last | held($context.gap; $now)) then
			null
		else .run end
	elif .run != null | above($load; limit; limit - $context.band) then
		.run | run($event.t; $load)
	else null end;

def next_timer:
	[if .run == null then empty
	 elif .raised then .run.last + $context.gap
	 else .run.first + $context.hold end,
	 (.ask.until // empty)] | min;

def asked($id; $body):
	request($key; $id; $context.deadline; {dir: "down"} + $body);

if (timer | not) and (good | not) then why("its quality is \(.q)")
else
. as $event |
($state // {}) as $was |
(if timer then $was.load else value("v"; "W") end) as $load |
($was | over($event; $load)) as $run |
($run != null and ($was.raised == true or
    ($run.first | held($context.hold; $now)))) as $raised |
($was.ask | if . == null or (.until | due($now)) then null
 else . end) as $ask |
($load - limit * $context.target) as $excess |

($was.raised | edge($raised)) as $edge |
if $edge == "up" then
	alarm($key; "Overload"; "raised"; {limit: limit, v: $load})
elif $edge == "down" then
	alarm($key; "Overload"; "cleared"; {limit: limit} + $was.run)
else empty end,

(if $raised and $ask == null and $excess > 0 then
	{id: "\($key)-\($now | floor)", until: ($now + $context.duration)}
 elif $run == null and $context.cancel then null
 else $ask end) as $next |
if $next != null and $next != $ask then
	asked($next.id; {W: $excess, start: "now",
	    duration_s: $context.duration, deadline_s: $context.deadline,
	    load: $load})
elif $next == null and $ask != null then
	asked($ask.id; {version: 1, cancel: true})
else empty end,

if $run == null and $next == null then forget
else
	{run: $run, raised: $raised, load: $load, ask: $next} |
	keep(.), wake(next_timer)
end
end
