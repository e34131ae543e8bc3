# state - Counts and remembers by meter; tells a threshold with hysteresis.
module {"topics": ["MEASUREMENT/METER/{meter}/Load"], "by": "{meter}"};
(if $state.on then .v >= 800 else .v >= 990 end) as $on |
(($state.n // 0) + 1) as $n |
{"$state": {n: $n, on: $on}},
if $on == ($state.on // false) then empty
else
	{topic: "ALARM/\($captures.meter)/High", t,
	 d: {state: (if $on then "raised" else "cleared" end), n: $n}}
end
