# The manual that can be typed along.

load helpers

@test "the sessions of sg-tutorial(7) give what the page shows" {
	need_command jq
	"$ROOT/tests/tutorial.py" "$ROOT/man/sg-tutorial.7"
}

@test "the session of the README gives what it shows" {
	ln -s "$ROOT/share" share
	sed -n '1,/^## Try/p' "$ROOT/README.md" >README.md
	"$ROOT/tests/tutorial.py" README.md
}

@test "so does that with two brokers, of which one is killed" {
	sed -n '/^## Two brokers/,/^## Programs/p' "$ROOT/README.md" >README.md
	"$ROOT/tests/tutorial.py" README.md
}
