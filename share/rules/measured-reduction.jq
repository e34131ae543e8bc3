# measured-reduction - What a customer did without in a demand response event:
# its readings beside a baseline, the mean of the same part of the day on the
# latest working days without an event.
module {
	"description": "measured effect of demand response events",
	"topics": ["MEASUREMENT/METER/{meter}/Energy"],
	"by": "{meter}",
	"context": {
		"events": {"type": "object",
		    "description": "rows by event: meter_id, start and end_exclusive, local times"},
		"days": {"type": "number", "default": 10,
		    "description": "working days in the baseline, fewer at the beginning"},
		"interval": {"type": "number", "unit": "s", "default": 1800,
		    "description": "of the readings"},
		"offset": {"type": "number", "unit": "s", "default": 0,
		    "description": "of local time from UTC"}
	}
};
include "sg";

# $state: past, by part of the day a list of Wh, the latest last; sum, of the
# event that goes on.

def local: "\(.)Z" | fromdate - $context.offset;
def day: . + $context.offset | . / 86400 | floor;
# 1970-01-01 was a Thursday.
def works: (day + 3) % 7 < 5;

# The events of this customer, with their times.
def mine:
	[$context.events | to_entries[] | select(.value.meter_id | tostring == $key) |
	    {id: .key, from: (.value.start | local),
	     to: (.value.end_exclusive | local)}];

def reduction($place; $sum):
	($sum.baseline - $sum.actual) as $less |
	{topic: "DR/REDUCTION/\($place)", t: $sum.t,
	 m: ($sum | del(.t) | .reduction = $less),
	 u: {actual: "Wh", baseline: "Wh", reduction: "Wh"}};

if good | not then why("its quality is \(.q)")
else
	.t as $t | (value("v"; "Wh") | round) as $wh |
	($t + $context.offset | . % 86400 / $context.interval | floor |
	    tostring) as $part |
	($state // {past: {}}) as $s | ($s.past[$part] // []) as $past |
	mine as $mine |
	([$mine[] | select($t >= .from and $t < .to)] | first) as $event |
	if $event == null then
		if ($t | works) and
		    ([$mine[].from | day] | index($t | day) | not) then
			keep($s | .past[$part] =
			    ($past + [$wh])[-$context.days:])
		else empty end
	elif $past == [] then
		why("no day to compare with")
	else
		{t: $t, actual: $wh, baseline: (($past | add) / ($past | length)),
		 days: ($past | length)} as $one |
		($s.sum |
		 if . == null or .id != $event.id then
			{id: $event.id, t: $t, actual: 0, baseline: 0, parts: 0}
		 else . end |
		 .actual += $one.actual | .baseline += $one.baseline |
		 .parts += 1) as $sum |
		reduction("\($event.id)/\($key)"; $one),
		if $t + $context.interval < $event.to then keep($s | .sum = $sum)
		else
			reduction("\($event.id)/\($key)/Total"; $sum | del(.id)),
			keep($s | del(.sum))
		end
	end
end
