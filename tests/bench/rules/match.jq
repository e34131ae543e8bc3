# match - The same, of one topic in a hundred.
module {"topics": ["MEASUREMENT/ALARMING/{meter}/Load"]};
if .v < 990 then empty
else
	{topic: "ALARM/\($captures.meter)/High", t,
	 d: {state: "raised", v}}
end
