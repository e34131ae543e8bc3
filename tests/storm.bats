# A short kill -9 storm; make soak runs a long one.

load helpers

@test "nothing acknowledged is lost when broker, publisher and readers are killed at random" {
	need_command python3
	run -0 timeout 150 python3 "$ROOT/tests/soak/storm.py" --rounds 8 --seed 8 \
	    --bin "$SG_BIN"
	[[ $output == *"seed 8: kills "* ]]
}
