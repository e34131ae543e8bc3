# sg-rule: heads, contexts, states, timers, feeding, reloading, saving.

load helpers

# rule NAME HEAD PROGRAM - A rule file; the head without its braces.
rule() {
	printf 'module {%s};\n%s\n' "$2" "$3" >"$1.jq"
}

# event TOPIC T V - One line.
event() {
	printf '{"topic":"%s","t":%s,"v":%s}\n' "$1" "$2" "$3"
}

@test "a rule's program without a head is refused with file and line" {
	echo '.v' >a.jq
	run -78 sg-rule -r a.jq
	[[ $output == "sg-rule: error: a.jq:1: a rule begins with: module "* ]]
}

@test "an event goes to the rules that want it, and what they make comes out" {
	rule a '"topics": ["A/{k}"]' '{topic: "B/\($captures.k)", v: (.v + 1)}'
	{
		event A/x 1 1
		event C/x 2 1
	} | sg-rule -r a.jq >out
	diff - out <<-'END'
	{"topic":"B/x","t":1,"v":2}
	END
}
