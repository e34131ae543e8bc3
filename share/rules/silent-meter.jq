# silent-meter - Raises an alarm when a meter's readings stay away; the next
# reading clears it and tells how many were missing.
module {
	"description": "alarm when a meter says nothing any more",
	"topics": ["MEASUREMENT/METER/{meter}/+"],
	"by": "{meter}",
	"context": {
		"interval": {"type": "number", "unit": "s", "default": 60,
		    "description": "time between two readings"},
		"missing": {"type": "number", "default": 1,
		    "description": "readings that stay away before the alarm"}
	}
};
include "sg";

# $state: last, the time of the last reading; silent, if the alarm is raised.

# Half an interval more: a timer runs before the reading of its own time.
def deadline: . + $context.interval * ($context.missing + 0.5);

if timer then
	alarm($key; "Silent"; "raised"; {last: $state.last}),
	keep($state + {silent: true})
else
	([.t, $state.last] | max) as $last |
	if $state.silent and ($last | deadline | due($now)) then
		why("a late reading, the meter is still silent"),
		keep($state + {last: $last})
	else
		keep({last: $last}), wake($last | deadline),
		if $state.silent then
			alarm($key; "Silent"; "cleared";
			    {last: $state.last, first: .t, missing:
				((.t - $state.last) / $context.interval - 1 |
				    round)})
		else empty end
	end
end
