# threshold - Raises an alarm while a load is at or above a limit; when the run
# is over, the alarm is cleared with its first and last time, its length in
# events, and its peak.
module {
	"description": "alarm while the load of a place is high",
	"topics": ["AGGREGATE/{place}/Load/60s"],
	"by": "{place}",
	"context": {
		"high": {"type": "number", "unit": "W",
		    "description": "raised at this load or more"},
		"band": {"type": "number", "unit": "W", "default": 0,
		    "description": "cleared below high - band"},
		"gap": {"type": "number", "unit": "s", "default": 300,
		    "description": "without an event for so long a run is over"}
	}
};
include "sg";

# $state: the run, null outside.

def cleared:
	alarm($key; "Threshold"; "cleared";
	    {limit: $context.high} + $state),
	forget;

if timer then
	why("no event for \($context.gap) s"), cleared
elif good | not then
	why("its quality is \(.q)")
else
	value("v"; "W") as $w |
	if $state != null | above($w; $context.high;
	    $context.high - $context.band) then
		.t as $t | ($state | run($t; $w)) as $run |
		if $state == null then
			alarm($key; "Threshold"; "raised";
			    {limit: $context.high, v: $w})
		else empty end,
		keep($run), wake($now + $context.gap)
	elif $state != null then cleared
	else why("\($w) W is below \($context.high) W") end
end
