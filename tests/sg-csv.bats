# sg-csv(1).

load helpers

LOAD=(sg-csv -t 'M/{meter}/Load' --time t --value v)
UNIX=(--time t --time-format unix)
NUMBERED=("${LOAD[@]}" --time-format unix)

# rows TEXT... - A CSV file in.csv of these lines.
rows() {
	printf '%s\n' "$@" >in.csv
}

# expect STATUS COMMAND... - Its status; output in out, messages in err.
expect() {
	local want=$1 status=0
	shift
	"$@" >out 2>err </dev/null || status=$?
	if [ $status -ne "$want" ]; then
		echo "status $status, expected $want: $*"
		head -c 2000 out err
		return 1
	fi
}

# gives LINE... - What is in out, exactly.
gives() {
	diff out <(printf '%s\n' "$@")
}

# says TEXT - A message on stderr contains it.
says() {
	grep -qF -- "$1" err || {
		echo "not said: $1"
		cat err
		return 1
	}
}

@test "the sessions of the manual come out as they stand there" {
	"$ROOT/tests/tutorial.py" "$ROOT/man/sg-csv.1"
}

@test "a column is refused with file, line and what is wrong" {
	rows 't,meter,v' '2000-01-01T00:00:00,a,1' '2000-01-01T00:00:00Z,a b,1' \
	    '2000-01-01T00:00:00Z,a,1;5' '2000-01-01T00:00:00Z,a' \
	    '2000-01-01T00:00:00Z,a,1,2' '2000-13-01T00:00:00Z,a,1' \
	    '2000-01-01T00:00:00Z,,1' '2000-01-01T00:00:00Z,x"y,1' \
	    '2000-01-01T00:00:00Z,a/b,1' '2000-01-01T00:00:00Z,a,1'
	expect 65 "${LOAD[@]}" in.csv
	gives '{"topic":"M/a/Load","t":946684800,"v":1}'
	says 'sg-csv: warning: 9 of 10 lines refused'
	sed -n 's/^sg-csv: error: in.csv://p' err >said
	diff said - <<-'END'
	2: t: no time zone (see --tz): "2000-01-01T00:00:00"
	3: meter: cannot stand in a topic (see --clean): "a b"
	4: v: not a number: "1;5"
	5: 2 cells, 3 in the header
	6: 4 cells, 3 in the header
	7: t: not a time: "2000-13-01T00:00:00Z"
	8: meter: empty, and part of the topic: ""
	9: malformed quoting
	10: meter: cannot stand in a topic (see --clean): "a/b"
	END
}

@test "an absent column names itself and ends the program" {
	rows 't,meter,w' '2000-01-01T00:00:00Z,a,1'
	expect 65 "${LOAD[@]}" in.csv
	says 'in.csv:1: the header has no column "v"'
	rows 't,meter,v,v' '2000-01-01T00:00:00Z,a,1,1'
	expect 65 "${LOAD[@]}" in.csv
	says 'in.csv:1: the header has two columns "v"'
}

@test "options that make no sense are usage errors" {
	local line
	while read -r line; do
		eval "expect 64 sg-csv $line" || return 1
	done <<-'END'
	-t 'M/{x' --time t --value v
	-t 'M/x}' --time t --value v
	-t M//x --time t --value v
	-t 'M/+/{x}' --time t --value v
	-t M/x --time a,b,c --value v
	-t M/x --time t
	-t M/x --time t --value v --values a
	-t M/x --time t --value v --each a
	-t M/x --time t --values =a
	-t M/x --time t --value v --unit MW
	-t M/x --time t --value v --scale 0
	-t M/x --time t --value v --scale 1e3
	-t M/x --time t --value v --tz Mars/Olympus
	-t M/x --time t --value v --delimiter ab
	-t M/x --time t --value v --member x
	-t M/x --time t --value v --number t=x
	-t M/x --time t --value v --columns t
	-t 'M/{x}' --time 1 --value 2 --no-header
	--no-header --value 1
	--to-csv --value v
	--to-csv --columns a,a
	--to-csv --columns '{x}' -t 'M/{y}'
	--to-csv -t 'M/{y'
	END
}

@test "a file that is not there is status 66" {
	expect 66 "${NUMBERED[@]}" nowhere.csv
	says 'nowhere.csv: No such file'
}

@test "numbers that are JSON are passed digit for digit, others made JSON" {
	rows 't,meter,v' 1,a,0.0360 1,a,1e3 1,a,-0 1,a,+1 1,a,.5 1,a,-.50 \
	    1,a,1. 1,a,007 1,a,-00.10 1,a,0E5 1,a,+01e+02 \
	    1,a,123456789012345678901234567890.5
	expect 0 "${NUMBERED[@]}" in.csv
	diff <(sed 's/.*"v":\(.*\)}/\1/' out) - <<-'END'
	0.0360
	1e3
	-0
	1
	0.5
	-0.50
	1
	7
	-0.10
	0E5
	1e+02
	123456789012345678901234567890.5
	END
}

@test "a number whose meaning is not certain is refused" {
	rows 't,meter,v' 1,a,0x10 1,a,1e 1,a,--1 1,a,. 1,a,+ 1,a,NaN 1,a,inf \
	    1,a,1_000 '1,a,"1,5"' '1,a,1 000' 1,a,1e999 1,a,1.2.3 1,a,12kW
	expect 65 "${NUMBERED[@]}" in.csv
	[ ! -s out ]
	says '13 of 13 lines refused'
	[ "$(wc -l <err)" -eq 14 ]
	says 'v: a comma in a number (see --decimal-comma): "1,5"'
}

@test "with a decimal comma a point is refused" {
	rows 't;meter;v' '1;a;1,50' '1;a;-,5' '1;a;7' '1;a;1.5' '1;a;1.234,5'
	expect 65 "${NUMBERED[@]}" --delimiter ';' --decimal-comma in.csv
	gives '{"topic":"M/a/Load","t":1,"v":1.50}' \
	    '{"topic":"M/a/Load","t":1,"v":-0.5}' \
	    '{"topic":"M/a/Load","t":1,"v":7}'
	[ "$(grep -c 'not a number' err)" -eq 2 ]
}

@test "scaling is exact in decimal" {
	rows 't,meter,v' 1,a,0.1 1,a,0.036 1,a,1e-3 1,a,-4.35 \
	    1,a,90071992547409.93
	expect 0 "${NUMBERED[@]}" --scale 1000 in.csv
	diff <(values out) <(printf '%s\n' 100 36 1 -4350 90071992547409930)
	expect 0 "${NUMBERED[@]}" --scale -0.001 in.csv
	diff <(sed 's/.*"v":\(.*\)}/\1/' out) <(printf '%s\n' -0.0001 \
	    -0.000036 -0.000001 0.00435 -90071992547.40993)
}

@test "missing values make no event and are counted" {
	rows 't,meter,v' 1,a, '1,a,?' '1,a,""' 1,a,5 1,a,n/a
	expect 0 "${NUMBERED[@]}" --missing '?' --missing n/a in.csv
	gives '{"topic":"M/a/Load","t":1,"v":5}'
	says 'note: 4 missing values skipped'
	expect 0 "${NUMBERED[@]}" --missing '?' --missing n/a -q in.csv
	[ ! -s err ]
}

@test "--clean writes _ for what cannot stand in a topic" {
	rows 't,meter,v' '1,a b/c,5' '1,Zähler,5'
	expect 0 "${NUMBERED[@]}" --clean in.csv
	gives '{"topic":"M/a_b_c/Load","t":1,"v":5}' \
	    '{"topic":"M/Z_hler/Load","t":1,"v":5}'
}

@test "times: RFC 3339, ISO 8601 with a zone, Unix, and any format" {
	rows 't,meter,v' 2000-01-01T01:00:00.25+01:00,a,1 \
	    '2000-01-01 00:00:00,a,1'
	expect 0 "${LOAD[@]}" --tz +01:00 in.csv
	gives '{"topic":"M/a/Load","t":946684800.25,"v":1}' \
	    '{"topic":"M/a/Load","t":946681200,"v":1}'
	rows 't,meter,v' 946684800250,a,1
	expect 0 "${LOAD[@]}" --time-format unixms in.csv
	gives '{"topic":"M/a/Load","t":946684800.25,"v":1}'
	expect 65 "${LOAD[@]}" in.csv
	says 'a number as a time (see --time-format): "946684800250"'
	rows 't,meter,v' 946684800.25,a,1
	expect 0 "${LOAD[@]}" --time-format unix in.csv
	gives '{"topic":"M/a/Load","t":946684800.25,"v":1}'
	rows 't,meter,v' 2015-10-04T03:00:00+0200,a,1
	expect 0 "${LOAD[@]}" --time-format %Y-%m-%dT%H:%M:%S%z in.csv
	gives '{"topic":"M/a/Load","t":1443920400,"v":1}'
}

@test "a day with a clock change has 23 and 25 hours" {
	rows 't,meter,v' '2013-03-31 00:30:00,a,1' '2013-03-31 01:00:00,a,2' \
	    '2013-03-31 02:00:00,a,3' '2013-10-27 01:00:00,a,4' \
	    '2013-10-27 01:30:00,a,5' '2013-10-27 01:00:00,a,6' \
	    '2013-10-27 01:30:00,a,7' '2013-10-27 02:00:00,a,8'
	expect 65 "${LOAD[@]}" --tz Europe/London in.csv
	says 'in.csv:3: t: no such local time: the clock skipped it'
	diff <(sed 's/.*"t":\([0-9]*\).*/\1/' out) <(printf '%s\n' 1364689800 \
	    1364691600 1382832000 1382833800 1382835600 1382837400 1382839200)
}

@test "several values become m, with a unit for all or one for each" {
	rows 't,P:W,U' 1,5,230 1,,231 1,,
	expect 0 sg-csv -t M/x "${UNIX[@]}" --values load=P:W,U --unit V in.csv
	gives '{"topic":"M/x","t":1,"m":{"load":5,"U":230},"u":"V"}' \
	    '{"topic":"M/x","t":1,"m":{"U":231},"u":"V"}'
	says '3 missing values'
	rows t,P,U 1,5,230 1,,231
	expect 0 sg-csv -t M/x "${UNIX[@]}" --values P:W,u=U:V in.csv
	gives '{"topic":"M/x","t":1,"m":{"P":5,"u":230},"u":{"P":"W","u":"V"}}' \
	    '{"topic":"M/x","t":1,"m":{"u":231},"u":{"u":"V"}}'
	expect 65 sg-csv -t M/x "${UNIX[@]}" --values P:MW in.csv
	says 'no such column, nor a unit behind ":": "P:MW"'
}

@test "--each makes an event of each column" {
	rows t,P,U 1,5,230 1,,231
	expect 0 sg-csv -t 'M/x/{name}' "${UNIX[@]}" --each Load=P:W,U:V in.csv
	gives '{"topic":"M/x/Load","t":1,"v":5,"u":"W"}' \
	    '{"topic":"M/x/U","t":1,"v":230,"u":"V"}' \
	    '{"topic":"M/x/U","t":1,"v":231,"u":"V"}'
}

@test "further members are strings or numbers, as asked" {
	rows 't,meter,v,site,key,s,on' '1,a,5,"Ost ""2""",007,12,true' \
	    1,a,5,,,13,0
	expect 0 "${NUMBERED[@]}" --member site=site --number key=key \
	    --member seq=s in.csv
	gives '{"topic":"M/a/Load","t":1,"v":5,"site":"Ost \"2\"","seq":12,"key":7}' \
	    '{"topic":"M/a/Load","t":1,"v":5,"seq":13}'
	expect 0 sg-csv -t M/a "${UNIX[@]}" --member vb=on in.csv
	gives '{"topic":"M/a","t":1,"vb":true}' '{"topic":"M/a","t":1,"vb":false}'
}

@test "bytes that are no UTF-8 are refused where they would be text" {
	printf 't,meter,v,x\n1,a,5,\377\n1,a,5,ok\n' >in.csv
	expect 65 "${NUMBERED[@]}" --member x=x in.csv
	gives '{"topic":"M/a/Load","t":1,"v":5,"x":"ok"}'
	says 'in.csv:2: invalid UTF-8'
}

@test "the unit may come from a column, and has to be registered" {
	rows 't,meter,v,unit' 1,a,5,kW 1,a,5,hp
	expect 65 "${NUMBERED[@]}" --unit '{unit}' in.csv
	gives '{"topic":"M/a/Load","t":1,"v":5,"u":"kW"}'
	says 'in.csv:3: unit: no registered unit: "hp"'
}

@test "without a header columns are numbers" {
	rows 1,a,5 2,a,6,
	expect 0 sg-csv --no-header -t 'M/{2}' --time-format unix \
	    --time 1 --value 3 in.csv
	gives '{"topic":"M/a","t":1,"v":5}' '{"topic":"M/a","t":2,"v":6}'
	expect 65 sg-csv --no-header -t 'M/{2}' --time-format unix \
	    --time 1 --value 9 in.csv
	says 'in.csv:1: no column 9: 3 cells'
}

@test "CRLF, blanks, quotes, tabs and a byte order mark are read" {
	printf '\357\273\277t\tmeter\tv\r\n1\t"a"\t 5 \r\n\r\n2\ta\t6' >in.csv
	expect 0 "${NUMBERED[@]}" --delimiter tab in.csv
	gives '{"topic":"M/a/Load","t":1,"v":5}' \
	    '{"topic":"M/a/Load","t":2,"v":6}'
}

@test "each file has its own header, and line numbers begin anew" {
	rows t,meter,v 1,a,5 1,a,x
	printf 'v,t,meter\n6,2,b\nx,2,b\n' >two.csv
	expect 65 "${NUMBERED[@]}" in.csv two.csv
	gives '{"topic":"M/a/Load","t":1,"v":5}' \
	    '{"topic":"M/b/Load","t":2,"v":6}'
	says 'in.csv:3: v: not a number'
	says 'two.csv:3: v: not a number'
}

@test "empty input is no error" {
	expect 0 "${NUMBERED[@]}"
	[ ! -s out ] && [ ! -s err ]
	rows t,meter,v
	expect 0 "${NUMBERED[@]}" in.csv
	[ ! -s out ] && [ ! -s err ]
}

@test "--dead keeps refused rows whole, and then all is well" {
	rows t,meter,v 1,a,5 1,a,x '1,"a
b",7' '1,a,"' 1,a,6
	expect 0 "${NUMBERED[@]}" --dead dead.csv in.csv
	diff dead.csv <(printf '1,a,x\n1,"a\nb",7\n1,a,"\n')
	diff <(values out) <(printf '%s\n' 5 6)
	expect 73 "${NUMBERED[@]}" --dead nowhere/dead.csv in.csv
}

@test "a row too long to be kept is told so by the status" {
	{
		echo t,meter,v
		head -c 1200000 /dev/zero | tr '\0' 1
		printf '\n1,a,5\n'
	} >in.csv
	expect 65 "${NUMBERED[@]}" --dead dead.csv in.csv
	says 'in.csv:2: row over 1 MiB'
	gives '{"topic":"M/a/Load","t":1,"v":5}'
	[ ! -s dead.csv ]
}

@test "--strict stops at the first refused row" {
	rows t,meter,v 1,a,5 1,a,x 1,a,6
	expect 65 "${NUMBERED[@]}" --strict in.csv in.csv
	gives '{"topic":"M/a/Load","t":1,"v":5}'
	[ "$(wc -l <err)" -eq 1 ]
}

@test "an absent file does not keep the others from being read" {
	rows t,meter,v 1,a,5
	expect 66 "${NUMBERED[@]}" nowhere.csv . in.csv
	gives '{"topic":"M/a/Load","t":1,"v":5}'
	says 'sg-csv: error: nowhere.csv: No such file'
	says 'sg-csv: error: .: Is a directory'
	echo '{"topic":"A","t":1,"v":5}' >in
	expect 66 sg-csv --to-csv --columns topic nowhere . in
	gives topic A
	[ "$(wc -l <err)" -eq 2 ]
	echo bad >>in
	expect 65 sg-csv --to-csv --columns topic nowhere in
}

@test "--to-csv says once how many events have members of no column" {
	{
		echo '{"topic":"A","t":1,"v":5}'
		echo '{"topic":"A","t":1,"v":5,"id":"x"}'
	} >in
	expect 0 sg-csv --to-csv in
	gives topic,t,v,u,vs,vb,m,q,src,ep,seq \
	    A,1970-01-01T00:00:01Z,5,,,,,,,, A,1970-01-01T00:00:01Z,5,,,,,,,,
	diff err - <<-'END'
	sg-csv: warning: 1 event has members that no column shows; see --columns
	END
	expect 0 sg-csv --to-csv --columns t,v in
	[ ! -s err ]
}

@test "--stats is one JSON object, also with -q" {
	rows t,meter,v 1,a,5 1,a,x 1,a,
	expect 65 "${NUMBERED[@]}" -q --stats in.csv
	tail -n 1 err | jq -e '.tool == "sg-csv" and .in == 3 and .out == 1 and
	    .bad == 1 and .seconds > 0 and .rate > 0'
	echo '{"topic":"A","t":1,"v":1}' >in
	expect 0 sg-csv --to-csv --stats in
	jq -e '.in == 1 and .out == 1 and .bad == 0' err
}

@test "a row comes out before the next one is there" {
	mkfifo rows.fifo
	"${NUMBERED[@]}" <rows.fifo >out 3>&- &
	local pid=$!
	exec 8>rows.fifo
	printf 't,meter,v\n1,a,5\n' >&8
	wait_lines 1 out
	gives '{"topic":"M/a/Load","t":1,"v":5}'
	exec 8>&-
	ends $pid
}

@test "TERM ends it with 143 after what it has" {
	mkfifo rows.fifo
	"${NUMBERED[@]}" <rows.fifo >out 3>&- &
	local pid=$!
	exec 8>rows.fifo
	printf 't,meter,v\n1,a,5\n' >&8
	wait_lines 1 out
	kill -TERM $pid
	ends $pid 143
	exec 8>&-
}

@test "--to-csv writes a header and a row for each event" {
	cat >events <<-'END'
	{"topic":"M/a","t":946684800.5,"v":0.0360,"u":"kW"}
	{"t":946684800,"vs":"say \"x\", y","topic":"M/b","src":"s","seq":7}
	{"topic":"M/c","t":1,"m":{"x":1,"y":2}}
	END
	expect 0 sg-csv --to-csv events
	diff out - <<-'END'
	topic,t,v,u,vs,vb,m,q,src,ep,seq
	M/a,2000-01-01T00:00:00.5Z,0.0360,kW,,,,,,,
	M/b,2000-01-01T00:00:00Z,,,"say ""x"", y",,,,s,,7
	M/c,1970-01-01T00:00:01Z,,,,,"{""x"":1,""y"":2}",,,,
	END
}

@test "what --to-csv writes is read back without options" {
	cat >events <<-'END'
	{"topic":"M/a","t":946684800.5,"v":0.0360,"u":"kW"}
	{"topic":"M/b","t":946684800,"vs":"say \"x\", y\n","src":"s","ep":3,"seq":7}
	{"topic":"M/c","t":1,"m":{"x":1,"y":2},"q":"BAD"}
	{"topic":"M/c","t":2,"u":{"x":"W","y":"V"},"m":{"x":1,"y":2}}
	{"topic":"M/d","t":-1,"vb":true}
	END
	sg-csv --to-csv events >table.csv
	expect 0 sg-csv table.csv
	diff out events
	rows topic,t,v,m M/a,1.5,2, 'M/a,1.5,,"{""x"":1},""y"":2"'
	expect 65 sg-csv in.csv
	gives '{"topic":"M/a","t":1.5,"v":2}'
	says 'in.csv:3: m: no JSON object'
	rows topic,t,m,u 'M/a,1,"{""x"":1}","{""x"":1}"' 'M/a,1,"{""x"":1}",{'
	expect 65 sg-csv in.csv
	[ ! -s out ]
	says 'in.csv:3: u: no registered unit'
}

@test "--to-csv: columns by member, of m, and by capture; local time" {
	events MEASUREMENT/METER/7/Load 1 2 >lines
	events MEASUREMENT/METER/7/Voltage 3 3 >>lines
	echo '{"topic":"MEASUREMENT/METER/8/Load","t":1,"m":{"x":9}}' >>lines
	expect 0 sg-csv --to-csv -t 'MEASUREMENT/METER/{meter}/Load' \
	    --columns 't,{meter},value,m.x' --tz Europe/Berlin \
	    --delimiter ';' lines
	gives 't;meter;value;m.x' '2023-11-14T23:13:21+01:00;7;1;' \
	    '2023-11-14T23:13:22+01:00;7;2;' \
	    '1970-01-01T01:00:01+01:00;8;"{""x"":9}";9'
	expect 0 sg-csv --to-csv --no-header --columns v lines
	gives 1 2 3 ''
}

@test "--to-csv refuses lines that are no events" {
	printf '{"topic":"M/a","t":1,"v":1}\nx\n' >events
	expect 65 sg-csv --to-csv --columns v events
	gives v 1
	says 'events:2: '
	expect 0 sg-csv --to-csv --columns v --dead dead events
	diff dead <(echo x)
}

@test "the feeder's day: every reading, digit for digit" {
	need_data mainjob/lv_1min
	local csv=$SG_TEST_DATA/mainjob/lv_1min/readings.csv
	sg-csv -t 'MEASUREMENT/METER/{meter_id}/Load' --time timestamp \
	    --value power_kw --unit kW "$csv" >out
	[ "$(wc -l <out)" -eq 79200 ]
	diff <(awk -F '[":,}/]+' '{ print $5 "," $10 }' out | head -n 3) \
	    <(printf '%s\n' N1F1-001,0.036 N1F1-002,0.044 N1F1-003,0.054)
	sg-csv --to-csv -t 'MEASUREMENT/METER/{meter_id}/Load' \
	    --columns 't,{meter_id},v' <out | tail -n +2 |
	    cmp - <(tail -n +2 "$csv")
}

@test "measured households with gaps, in local time, come back unchanged" {
	need_data mainjob/sgsc_hh
	local csv=$SG_TEST_DATA/mainjob/sgsc_hh/readings.csv
	sg-csv -t 'M/{meter_id}/Energy' --time local_time --tz Australia/Sydney \
	    --value kwh --unit kWh --number event_key=event_key "$csv" |
	    sg-csv --to-csv -t 'M/{meter_id}/Energy' --tz Australia/Sydney \
	    --columns 't,{meter_id},v,event_key' |
	    sed '1s/.*/local_time,meter_id,kwh,event_key/; s/+11:00//' |
	    cmp - "$csv"
}

@test "raw London readings are in UTC: no hour is skipped or repeated" {
	need_data mainjob/lcl_dtou
	local csv=$SG_TEST_DATA/mainjob/lcl_dtou/readings.csv
	expect 0 sg-csv -t 'M/{LCLid}/Energy' --time tstp --tz UTC \
	    --value energy_kWh --unit kWh "$csv"
	[ "$(wc -l <out)" -eq 26064 ]
	expect 65 sg-csv -t 'M/{LCLid}/Energy' --time tstp --tz Europe/London \
	    --value energy_kWh --unit kWh "$csv"
	[ "$(grep -c 'the clock skipped it' err)" -eq 6 ]
}

@test "a household with date and time apart and question marks" {
	need_data meters_csv/uci_household
	expect 0 sg-csv -t M/house --delimiter ';' --time Date,Time \
	    --time-format '%d/%m/%Y %H:%M:%S' --tz Europe/Paris --missing '?' \
	    --value Global_active_power --unit kW \
	    "$SG_TEST_DATA"/meters_csv/uci_household/household*.txt
	[ "$(wc -l <out)" -eq 7594 ]
	says '2 missing values'
}

@test "a household's counters by UTC and by local stamp are the same" {
	need_data meters_csv/opsd_household
	local csv
	csv=$(echo "$SG_TEST_DATA"/meters_csv/opsd_household/res*.csv)
	each=pv=DE_KN_residential4_pv,ev=DE_KN_residential4_ev
	sg-csv -q -t 'M/{name}' --each "$each" --unit kWh \
	    --time utc_timestamp "$csv" >utc
	sg-csv -q -t 'M/{name}' --each "$each" --unit kWh \
	    --time cet_cest_timestamp --time-format %Y-%m-%dT%H:%M:%S%z \
	    "$csv" >local
	[ "$(wc -l <utc)" -gt 12000 ]
	cmp utc local
}
