# staged-release - Gives customers back after a demand response request one
# after the other, the smallest first, so that the load does not come back all
# at once; while the area is loaded too much, the next ones wait.
module {
	"description": "release in stages, without a rebound",
	"topics": ["DR/RELEASE/{area}", "AGGREGATE/{area}/Load/60s"],
	"by": "{area}",
	"context": {
		"over": {"type": "number", "unit": "s", "default": 600,
		    "description": "time from the first to the last"},
		"ceiling": {"type": "number", "unit": "W", "default": 0,
		    "description": "load that a release must not lead to; 0: none"},
		"step": {"type": "number", "unit": "s", "default": 60,
		    "description": "how long one waits at the ceiling"},
		"patience": {"type": "number", "unit": "s", "default": 3600,
		    "description": "how long in all"},
		"verb": {"type": "string", "default": "release",
		    "description": "of the commands"},
		"ttl": {"type": "number", "unit": "s", "default": 180,
		    "description": "of the commands"}
	}
};
include "sg";

# $state: load, the last one, kept for the ceiling; queue of device, W, re,
# planned and at.

def plan($release):
	($release.d.list | sort_by([.W, .device])) as $list |
	($list | length) as $n | $release.re as $re |
	[range($n) as $i | $list[$i] |
	 ($now + ($i + (.device | scatter(1))) / $n * $context.over | floor)
	     as $at |
	 {device, W, re: $re, planned: ([$at, $now] | max)} |
	 .at = .planned];

def may($w):
	$context.ceiling <= 0 or
	    (.load != null and .load + $w <= $context.ceiling);

# The part of the queue that is due goes, as far as the load allows.
def go:
	reduce .queue[] as $next ({load, go: [], queue: []};
	    if $next.at | due($now) | not then .queue += [$next]
	    elif may($next.W) or
		($next.planned | held($context.patience; $now)) then
		    .go += [$next] |
		    if .load == null then . else .load += $next.W end
	    else .queue += [$next | .at = $now + $context.step] end) |
	(.go[] | command(.device; $context.verb; $context.ttl;
	    {re: .re, d: {W: .W}})),
	if .load == null and .queue == [] then forget
	else keep({load, queue}), wake([.queue[].at] | min) end;

($state // {load: null, queue: []}) as $s |
if timer then
	$s | go
elif level(0) != "AGGREGATE" then
	plan(.) as $more |
	$s | .queue |= (. + $more | sort_by([.at, .device])) | go
elif good | not then
	why("its quality is \(.q)")
elif $context.ceiling > 0 then
	value("v"; "W") as $load | keep($s | .load = $load)
else empty end
