# Real counters and dirty readings: a German house's cumulative meters over two
# clock changes, a French one's minutes.  The figures to be had were computed
# without the toolkit.

load helpers

setup() {
	common_setup
}

OPSD=$SG_TEST_DATA/meters_csv/opsd_household
UCI=$SG_TEST_DATA/meters_csv/uci_household

CHANNELS='dishwasher ev freezer grid_export grid_import heat_pump pv
	refrigerator washing_machine'

# opsd - The house's counters as events.  A reading at midnight ends a day, so
# each is set a second back.
opsd() {
	local each= name

	for name in $CHANNELS; do
		each=$each${each:+,}$name=DE_KN_residential4_$name:kWh
	done
	sg-csv -t 'METER/{name}/Energy' --time utc_timestamp --each "$each" \
	    "$OPSD"/residential4_2015-10_2016-06.csv | jq -c '.t -= 1'
}

# day OPTION... - What each counter rises by in each local day, by kWh.
day() {
	sg-aggregate --from 'METER/{name}/Energy' --to 'DAY/{name}/Energy' \
	    -W 1d --tz Europe/Berlin --per-source delta --unit kWh \
	    --grace 0 "$@"
}

@test "counters of a house become days of 23, 24 and 25 hours" {
	need_data meters_csv/opsd_household
	opsd | day >days
	sg-csv --to-csv --no-header -t 'DAY/{name}/Energy' \
	    --columns 't,{name},v' --tz Europe/Berlin days |
	    sed 's/T[^,]*,/,/' | LC_ALL=C sort >got
	awk -F, 'NR == 1 { for (i = 3; i <= NF; i++) name[i] = $i; next }
	    { for (i = 3; i <= NF; i++) if ($i != "")
		print $1 "," name[i] "," $i + 0 }' \
	    "$OPSD"/expected/local_day.csv | LC_ALL=C sort >want
	[ "$(wc -l <want)" -gt 2000 ]
	grep -q '^2015-10-25,' want
	grep -q '^2016-03-27,' want
	[ "$(LC_ALL=C comm -13 got want)" = '' ]
}

@test "no kilowatt-hour is lost between the days, whatever is missing" {
	need_data meters_csv/opsd_household
	opsd | day >days
	sg-aggregate --from 'DAY/{name}/Energy' --to 'ALL/{name}' -W year \
	    --unit kWh --tz Europe/Berlin --grace 400d days |
	    jq -r '"\(.topic | ltrimstr("ALL/")) \(.v)"' |
	    awk '{ sum[$1] += $2 } END { for (i in sum)
		printf "%s %.3f\n", i, sum[i] }' | LC_ALL=C sort >got
	awk -F, 'NR > 1 { printf "%s %.3f\n", $1, $7 - $6 }' \
	    "$OPSD"/expected/channel.csv | LC_ALL=C sort >want
	cmp got want
}

@test "deltas do not depend on the order of the readings" {
	need_data meters_csv/opsd_household
	opsd >in
	day in >want
	shuf --random-source=in in >mixed
	sg-aggregate --from 'METER/{name}/Energy' --to 'DAY/{name}/Energy' \
	    -W 1d --tz Europe/Berlin --per-source delta --unit kWh \
	    --grace 400d mixed >got
	cmp got want
}

@test "a minute of a French house is missing now and then" {
	need_data meters_csv/uci_household
	sg-csv -t 'METER/{name}/Power' --time Date,Time --delimiter ';' \
	    --tz UTC --time-format '%d/%m/%Y %H:%M:%S' --missing '?' \
	    --each 'load=Global_active_power:kW' \
	    "$UCI"/household_power_2006-12-16_21.txt >in
	sg-aggregate --from 'METER/{name}/Power' --to 'HOUR/{name}' -W 1h \
	    --stat sum,energy --interval 1m --grace 0 in |
	    jq -r '"\(.t | strftime("%FT%T")) \(.n) \(.m.sum) \(.m.energy)"' |
	    awk '{ printf "%s %d %d %.3f\n", $1, $2, $3, $4 }' >got
	awk -F, 'NR > 1 { printf "%s %d %d %.3f\n", $1, $2 - $3, $8, $4 }' \
	    "$UCI"/expected/hour.csv >want
	cmp got want
}

@test "aggregates of aggregates are the aggregate of all, in random trees" {
	run -0 "$BATS_TEST_DIRNAME"/trees.py 1 60
	[ "$output" = '60 trees' ]
}
