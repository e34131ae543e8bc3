# The manual that can be typed along.

load helpers

@test "the sessions of sg-tutorial(7) give what the page shows" {
	need_command jq
	"$ROOT/tests/tutorial.py" "$ROOT/man/sg-tutorial.7"
}
