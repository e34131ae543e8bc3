# under-frequency - Sheds load in stages while the frequency is low, each stage
# after its delay, and gives it back a stage at a time when it has recovered.
module {
	"description": "load shedding by frequency",
	"topics": ["MEASUREMENT/SENSOR/{place}/Frequency"],
	"by": "{place}",
	"context": {
		"stages": {"type": "array",
		    "description": "hz, after (s) and a list of devices each, from the highest hz down"},
		"restore": {"type": "number", "unit": "Hz", "default": 0,
		    "description": "frequency of recovery; 0: give back by hand"},
		"restore_after": {"type": "number", "unit": "s", "default": 300,
		    "description": "how long it lasts before each stage"},
		"stale": {"type": "number", "unit": "s", "default": 5,
		    "description": "a measurement that is older sheds nothing"},
		"verb": {"type": "string", "default": "switch",
		    "description": "of the commands: false sheds"},
		"ttl": {"type": "number", "unit": "s", "default": 10,
		    "description": "of the commands"}
	}
};
include "sg";

# $state: hz and t of the last measurement; stages: since when each is below,
# and if it is shed; back: since when the frequency has recovered.

def commands($stage; $on):
	$stage.devices[] |
	command(.; $context.verb; $context.ttl; {vb: $on});

def said($state_now; $i; $hz):
	alarm($key; "UnderFrequency.\($i + 1)"; $state_now;
	    {hz: $hz, stage: ($i + 1), limit: $context.stages[$i].hz});

def next_timer:
	wake([(range(.stages | length) as $i | .stages[$i] |
	    select(.since != null and (.shed | not)) |
	    .since + $context.stages[$i].after),
	    (select(.back != null) | .back + $context.restore_after)] | min);

def remember:
	if .stages | all(.since == null and (.shed | not)) then forget
	else keep(.), next_timer end;

# What the stages come to at the frequency of the last measurement.
def judge($last):
	$last.hz as $hz |
	[range($context.stages | length) as $i | $context.stages[$i] as $stage |
	 ($state.stages[$i] // {shed: false}) as $was |
	 ($was.since | since($hz <= $stage.hz; $now)) as $since |
	 {since: $since, was: $was.shed,
	  shed: ($was.shed or ($since | held($stage.after; $now)))}] as $stages |
	([$stages[].shed] | rindex(true)) as $deepest |
	($state.back | since($deepest != null and $context.restore > 0 and
	    $hz >= $context.restore; $now)) as $back |
	($back | held($context.restore_after; $now)) as $restored |

	(range($stages | length) as $i |
	 select($stages[$i].shed and ($stages[$i].was | not)) |
	 said("raised"; $i; $hz), commands($context.stages[$i]; false)),
	if $restored then
		said("cleared"; $deepest; $hz),
		commands($context.stages[$deepest]; true)
	else empty end,
	($last + {stages: ($stages | map({since, shed}) |
		if $restored then .[$deepest].shed = false else . end),
	    back: (if $restored then $now else $back end)} | remember);

if timer | not then
	if good | not then why("its quality is \(.q)")
	elif $now > .t + $context.stale then why("the measurement is old")
	else judge({hz: value("v"; "Hz"), t}) end
elif $now > $state.t + $context.stale then
	why("the last measurement is old"),
	keep($state | .stages[].since = null | .back = null)
else
	judge($state | {hz, t})
end
