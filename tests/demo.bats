# The demo: the shipped feeder, its generator, the script's own checks.

load helpers

demo() {
	"$ROOT/share/demo/feeder.sh" "$@"
}

@test "the shipped feeder gives awk's figures and is drawn" {
	run -0 --separate-stderr demo
	[ "$stderr" = '' ]
	[[ "${lines[-1]}" == 'all figures are equal' ]]
	[[ "${lines[0]}" == '79200 readings of 55 meters' ]]
	[[ "${lines[1]}" == *' with its key, all between them encrypted' ]]
	[ "$(grep -c "equal to awk's\$" <<<"$output")" -eq 4 ]
	[[ "$output" == *'1440 windows'*'288 windows'*'24 windows'*'55 windows'* ]]
	[[ "$output" == *'feeder LV1 on 2025-01-15: peak '*' kW at 18:'* ]]
	[ "$(grep -c '|.*#' <<<"$output")" -ge 10 ]
	[ "$(awk '{ print length }' <<<"$output" | sort -n | tail -n 1)" -le 90 ]
}

@test "without keys the figures are the same, and it says so" {
	run -0 --separate-stderr demo --insecure
	[ "$stderr" = '' ]
	[[ "${lines[1]}" == *'--insecure: no keys, plain text' ]]
	[[ "${lines[-1]}" == 'all figures are equal' ]]
}

@test "the generator writes the same feeder with every awk" {
	need_command mawk gawk
	local awk
	for awk in mawk gawk; do
		mkdir $awk
		ln -s "$(command -v $awk)" $awk/awk
		PATH=$PWD/$awk:$PATH "$ROOT/share/demo/make-feeder" $awk.feeder
	done
	cmp mawk.feeder/meters.csv gawk.feeder/meters.csv
	cmp mawk.feeder/readings.csv gawk.feeder/readings.csv
	cksum <mawk.feeder/meters.csv | diff - <(echo '3817946708 1302')
	cksum <mawk.feeder/readings.csv | diff - <(echo '2299100544 2774571')
}

@test "the feeder has a morning and an evening peak, and exports" {
	"$ROOT/share/demo/make-feeder" feeder
	awk -F, 'NR > 1 { hour[substr($1, 12, 2) + 0] += $3; if ($3 < 0) n++ }
	END {
		if (!(hour[7] > 2 * hour[4] && hour[7] > 2 * hour[10]))
			print "no morning peak"
		if (!(hour[18] > 2 * hour[15] && hour[18] > 1.2 * hour[21]))
			print "no evening peak"
		if (!n)
			print "no export"
	}' feeder/readings.csv >faults
	[ ! -s faults ]
}

@test "rows that are not ordered by time give the same tables" {
	"$ROOT/share/demo/make-feeder" feeder
	{
		head -n 1 feeder/readings.csv
		tail -n +2 feeder/readings.csv | LC_ALL=C sort -t, -k2,2 -k1,1
	} >by_meter
	mv by_meter feeder/readings.csv
	run -0 demo feeder
	[ "$(grep -c "equal to awk's\$" <<<"$output")" -eq 4 ]
}

@test "a figure that differs from the expected one is status 1" {
	"$ROOT/share/demo/make-feeder" feeder
	mkdir feeder/expected
	printf 'timestamp,feeder,readings,total_w\n' \
	    >feeder/expected/feeder_minute.csv
	run -1 demo feeder
	[[ "$output" == *'DIFFERENT from the expected: > 2025-01-15T00:00:00Z,LV1,55,'* ]]
}

@test "a folder without readings is status 66" {
	run -66 demo "$TEST_TMP"
	[[ "$output" == *'no '*'/meters.csv'* ]]
}

@test "files without the columns that are needed are status 65" {
	"$ROOT/share/demo/make-feeder" feeder
	sed -i 1s/feeder/line/ feeder/meters.csv
	run -65 demo feeder
	[[ "$output" == *'meters.csv has no column feeder' ]]
	sed -i 1s/line/feeder/ feeder/meters.csv
	sed -i 1s/power_kw/kw/ feeder/readings.csv
	run -65 demo feeder
	[[ "$output" == *'does not begin with timestamp,meter_id,power_kw' ]]
}

@test "the demo leaves nothing behind, even if nobody reads it" {
	demo >/dev/null
	run -141 bash -c '"$ROOT/share/demo/feeder.sh" | true; exit "${PIPESTATUS[0]}"'
	[ -z "$(find "$TMPDIR" -name 'sg-demo*')" ]
	[ -z "$(pgrep -f "$TMPDIR/sg-demo" || :)" ]
}
