# look - Looks at each event, remembers nothing, tells one of a hundred.
module {"topics": ["MEASUREMENT/METER/{meter}/Load"]};
if .v < 990 then empty
else
	{topic: "ALARM/\($captures.meter)/High", t,
	 d: {state: "raised", v}}
end
