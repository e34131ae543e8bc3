# The main job on real meter data, each figure against tables that were
# computed without the toolkit.  The data is read where it lies.

load helpers

# Every broker and program with a key, in a network made for the test; with
# SG_TEST_INSECURE=1 without.
setup() {
	common_setup
	[ -n "${SG_TEST_INSECURE:-}" ] || trust_network
}

LV=$SG_TEST_DATA/mainjob/lv_1min
SGSC=$SG_TEST_DATA/mainjob/sgsc_hh
LCL=$SG_TEST_DATA/mainjob/lcl_dtou

# same TABLE FILE - FILE holds the rows of an expected table.
same() {
	diff <(tail -n +2 "$1" | LC_ALL=C sort) <(LC_ALL=C sort "$2") |
	    head -n 20
	diff -q <(tail -n +2 "$1" | LC_ALL=C sort) <(LC_ALL=C sort "$2")
}

# table PATTERN COLUMNS - From event lines to CSV without a header.
table() {
	sg-csv --to-csv --no-header -t "$1" --columns "$2" "${@:3}"
}

@test "IEEE European feeder: the demo gives the four expected tables" {
	need_data mainjob/lv_1min
	run -0 "$ROOT/share/demo/feeder.sh" ${SG_TEST_INSECURE:+--insecure} \
	    "$LV"
	[ "$(grep -c "equal to awk's and to the expected ones\$" \
	    <<<"$output")" -eq 4 ]
	[[ "$output" == *'79200 readings of 55 meters'* ]]
	[[ "$output" == *'peak 57.4 kW at 09:25'* ]]
}

@test "IEEE European feeder: a changed reading is found out" {
	need_data mainjob/lv_1min
	mkdir -p feeder
	cp "$LV/meters.csv" feeder
	ln -s "$LV/expected" feeder/expected
	sed '40000s/[0-9]$/X/;40000s/0X/1/;40000s/X/0/' "$LV/readings.csv" \
	    >feeder/readings.csv
	run ! cmp -s feeder/readings.csv "$LV/readings.csv"
	run -1 "$ROOT/share/demo/feeder.sh" feeder
	[ "$(grep -c 'DIFFERENT from the expected' <<<"$output")" -ge 2 ]
}

# sgsc - The measured households, published and received again.
sgsc() {
	need_data mainjob/sgsc_hh
	start_memory_broker
	sg-csv -t 'MEASUREMENT/METER/{meter_id}/Energy' --time local_time \
	    --tz Australia/Sydney --value kwh --unit kWh \
	    "$SGSC/readings.csv" | sg-pub
	sg-sub -e 'MEASUREMENT/METER/+/Energy' >events
	[ "$(wc -l <events)" -eq 67549 ]
}

# aggregate OPTION... - Of these events, in the households' time.
aggregate() {
	sg-aggregate --from 'MEASUREMENT/METER/{meter}/Energy' \
	    --tz Australia/Sydney "$@" events
}

# Local times as the tables have them.
local_times() {
	sed 's/+1[01]:00,/,/'
}

@test "measured households: feeders by half-hour" {
	sgsc
	aggregate -W 30m --join "$SGSC/meters.csv" \
	    --to 'AGGREGATE/{assigned_feeder}/Energy/1800s' |
	    table 'AGGREGATE/{feeder}/Energy/1800s' 't,{feeder},n,v' \
		--tz Australia/Sydney | local_times >got
	same "$SGSC/expected/feeder_halfhour.csv" got
}

@test "measured households: regions by local day" {
	sgsc
	aggregate -W 1d --join "$SGSC/meters.csv" \
	    --to 'AGGREGATE/{assigned_dso_region}/Energy/1d' |
	    table 'AGGREGATE/{region}/Energy/1d' 't,{region},n,v' \
		--tz Australia/Sydney |
	    sed -E 's/T00:00:00\+11:00,([^,]*)/,"\1"/; s/__/, /; s/_/ /g' >got
	same "$SGSC/expected/region_day.csv" got
}

@test "measured households: all of them by hour" {
	sgsc
	aggregate -W 1h --stat sum,mean,max --to 'AGGREGATE/all/Energy/1h' |
	    table 'AGGREGATE/{all}/Energy/1h' 't,n,m.sum,m.mean,m.max' \
		--tz Australia/Sydney | local_times |
	    awk -F, -v OFS=, '{ $4 = sprintf("%.3f", $4); print }' >got
	same "$SGSC/expected/all_hour.csv" got
}

@test "measured households: each meter in all, with its zeros" {
	sgsc
	# Times within m are Unix seconds; the day is the households' own.
	aggregate -W year --stat sum,max,max_at,first_at,last_at \
	    --to 'AGGREGATE/{meter}/Energy/year' |
	    table 'AGGREGATE/{meter}/Energy/year' \
		'{meter},n,m.sum,m.max,m.max_at,m.first_at,m.last_at' |
	    LC_ALL=C sort >totals
	grep -E '"v":0(\.0*)?,' events | sg-aggregate -W year --stat count \
	    --from 'MEASUREMENT/METER/{meter}/Energy' --tz Australia/Sydney \
	    --to 'AGGREGATE/{meter}/Zeros/year' |
	    table 'AGGREGATE/{meter}/Zeros/year' '{meter},v' |
	    LC_ALL=C sort >zeros
	LC_ALL=C join -t, -a 1 -e 0 -o 1.1,1.2,1.3,1.4,1.5,2.2,1.6,1.7 \
	    totals zeros |
	    while IFS=, read -r id n sum max at zeros first last; do
		echo "$id,$n,$sum,$max,$(when "$at"),$zeros,$(
		    when "$first"),$(when "$last")"
	    done >got
	same "$SGSC/expected/meter_total.csv" got
}

when() {
	TZ=Australia/Sydney date -d "@$1" +%Y-%m-%dT%H:%M:%S
}

@test "measured households: what is missing is named in its window" {
	sgsc
	printf 'meter\n' >known.csv
	tail -n +2 "$SGSC/expected/meter_total.csv" | cut -d, -f1 >>known.csv
	aggregate -W 30m --join known.csv --to 'AGGREGATE/all/Energy/1800s' \
	    --missing >windows
	[ "$(wc -l <windows)" -eq 2928 ]
	jq -r '.absent // [] | .[] | split("/")[2]' windows | sort | uniq -c |
	    awk '{ print $2 "," 2928 - $1 }' >got
	# Everybody else is complete.
	awk -F, 'NR > 1 && $2 < 2928 { print $1 "," $2 }' \
	    "$SGSC/expected/meter_total.csv" | diff - got
	[ -s got ]
}

@test "London households: months and tariff bands from raw lines" {
	need_data mainjob/lcl_dtou
	start_memory_broker
	# A tariff that changes with time is a join of its own: the band of
	# each half-hour goes in front of the raw row, which stays as it is.
	awk -F, 'NR == FNR { band[$1] = $2; next }
	    FNR == 1 { print "band," $0; next }
	    { time = substr($2, 1, 19); sub(/ /, "T", time)
	      print band[time] "," $0 }' \
	    "$LCL/tariff.csv" "$LCL/readings.csv" >banded.csv
	grep -q $'\r$' banded.csv
	sg-csv -t 'MEASUREMENT/METER/{LCLid}/Energy/{band}' --time tstp \
	    --tz UTC --value energy_kWh --unit kWh banded.csv | sg-pub
	# The rows are by meter, not by time: the patience is the half-year.
	sg-sub -e 'MEASUREMENT/METER/+/Energy/+' |
	    sg-aggregate -W month --grace 52w --unit kWh \
		--from 'MEASUREMENT/METER/{meter}/Energy/{band}' \
		--to 'AGGREGATE/{meter}/Energy/month/{band}' >months
	table 'AGGREGATE/{meter}/Energy/month/{band}' '{meter},t,{band},n,v' \
	    <months |
	    awk -F, -v OFS=, '
	    # Whole numbers of 10^-7 kWh and 10^-2 pence; half to even.
	    function cost(units, price,    n, rest) {
		n = units * price
		rest = n % 100000
		n = (n - rest) / 100000
		if (rest > 50000 || (rest == 50000 && n % 2))
			n++
		return sprintf("%d.%04d", int(n / 10000), n % 10000)
	    }
	    BEGIN { price["High"] = 6720; price["Low"] = 399
		price["Normal"] = 1176 }
	    {
		kwh = sprintf("%.7f", $5)
		print $1, substr($2, 1, 7), $3, $4, kwh,
		    cost(sprintf("%.0f", kwh * 10000000), price[$3])
	    }' >got
	same "$LCL/expected/meter_month_band.csv" got
}

# What a cron user writes: it takes a batch on standard input and appends its
# aggregates to files.
cron_job() {
	cat >job <<-END
	#!/bin/sh
	set -e
	cat >batch
	load='MEASUREMENT/METER/{meter}/Load'
	sg-aggregate -W 1m --from "\$load" --join '$LV/meters.csv' \
	    --to 'AGGREGATE/{feeder}/Load/60s' batch >>minutes
	sg-aggregate -W 15m --from "\$load" --join '$LV/meters.csv' \
	    --to 'AGGREGATE/{feeder}/{phase}/Load/900s' \
	    --stat sum,energy,min,max --interval 1m batch >>quarters
	sg-aggregate -W 1m --from "\$load" --join '$LV/meters.csv' \
	    --to 'AGGREGATE/{substation}/Load/60s' batch |
	    sg-aggregate -W 1h --from 'AGGREGATE/{substation}/Load/60s' \
		--to 'AGGREGATE/{substation}/Load/3600s' \
		--stat energy,max,max_at --interval 1m >>hours
	sg-aggregate -W 1h --from "\$load" --to 'AGGREGATE/{meter}/Load/1h' \
	    --stat energy,min,max,max_at --interval 1m batch >>meter_hours
	END
	chmod +x job
}

# cron_tables - The four expected tables from what the job has appended; days
# are merged from the hours of several runs.
cron_tables() {
	sg-csv --to-csv -t 'AGGREGATE/{feeder}/Load/60s' \
	    --columns 't,{feeder},n,v' minutes >minute
	sg-csv --to-csv -t 'AGGREGATE/{feeder}/{phase}/Load/900s' --columns \
	    't,{feeder},{phase},n,m.sum,m.energy,m.min,m.max' quarters >phase
	sg-csv --to-csv -t 'AGGREGATE/{substation}/Load/3600s' --columns \
	    't,{substation},n,m.energy,m.max,m.max_at' hours >hour
	sg-aggregate -W 1d --from 'AGGREGATE/{meter}/Load/1h' \
	    --to 'AGGREGATE/{meter}/Load/1d' --stat energy,min,max,max_at \
	    --interval 1m meter_hours |
	    sg-csv --to-csv -t 'AGGREGATE/{meter}/Load/1d' --columns \
		'{meter},n,m.energy,m.min,m.max,m.max_at,t' >day
	mkdir tables
	"$ROOT/share/demo/tables.sh" sg . tables
}

publish() {
	sg-csv -t 'MEASUREMENT/METER/{meter_id}/Load' --time timestamp \
	    --value power_kw --unit kW | sg-pub
}

@test "as a cron job in two runs, the broker killed in between" {
	need_data mainjob/lv_1min
	local table status=0
	cron_job
	start_broker
	sg-sub -c job -n 0 'MEASUREMENT/#'
	half=$((1 + 55 * 60 * 11))
	head -n "$half" "$LV/readings.csv" | publish
	sg-sub -c job -e -x ./job 'MEASUREMENT/#'
	kill_broker
	start_broker
	{
		head -n 1 "$LV/readings.csv"
		tail -n +$((half + 1)) "$LV/readings.csv"
	} | publish
	# A job that fails moves nothing, neither does a second kill.
	sg-sub -c job -e -x 'cat >/dev/null; exit 3' 'MEASUREMENT/#' ||
	    status=$?
	[ $status -eq 3 ]
	kill_broker
	start_broker
	sg-sub -c job -e -x ./job 'MEASUREMENT/#'
	# There is nothing left, which is status 1.
	run -1 sg-sub -c job -e -x ./job 'MEASUREMENT/#'
	cron_tables
	for table in feeder_minute phase_15min substation_hour meter_day; do
		cmp "tables/$table.csv" "$LV/expected/$table.csv"
	done
	stop_broker
}
