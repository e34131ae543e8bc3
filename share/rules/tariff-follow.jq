# tariff-follow - Sends devices the commands of the tariff band that begins.
# A band other than the normal one is reported when it is over.  Where prices
# stay away, the normal band applies.
module {
	"description": "commands by tariff band",
	"topics": ["DR/PRICE/{tariff}"],
	"by": "{tariff}",
	"context": {
		"bands": {"type": "object", "default": {},
		    "description": "for each band a list of commands: device, verb, and v and u, vb, vs, m or d"},
		"normal": {"type": "string", "default": "Normal",
		    "description": "band that applies where none is told"},
		"interval": {"type": "number", "unit": "s", "default": 1800,
		    "description": "how long a price holds"},
		"patience": {"type": "number", "unit": "s", "default": 300,
		    "description": "how late the next price may be"},
		"ttl": {"type": "number", "unit": "s", "default": 600,
		    "description": "of the commands"}
	}
};
include "sg";

# $state: the band and its run of prices.

def commands($band):
	$context.bands[$band][]? |
	command(.device; .verb; $context.ttl; del(.device, .verb));

def over:
	if $state == null or $state.band == $context.normal then empty
	else
		{topic: "DR/BAND/\($key)",
		 d: ($state | del(.peak, .peak_at))}
	end;

if timer then
	why("no price for \($context.interval) s: \($context.normal)"),
	over, forget,
	if $state.band == $context.normal then empty
	else commands($context.normal) end
else
	.vs as $band | .t as $t |
	wake($t + $context.interval + $context.patience),
	if $band == null then error("a price band is a string, vs")
	elif $band == $state.band then keep($state | run($t; null))
	else
		over, commands($band),
		keep({band: $band} + (null | run($t; null)))
	end
end
