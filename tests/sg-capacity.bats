# sg-capacity(1): tables, what one's own links carry, and what a stream takes.

load helpers

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

# says TEXT - A message on stderr contains it.
says() {
	grep -qF -- "$1" err || {
		echo "not said: $1"
		cat err
		return 1
	}
}

# Refusals.

@test "options and operands that make no sense are usage errors" {
	local line
	while read -r line; do
		eval "expect 64 sg-capacity $line" || return 1
	done <<-'END'

	nothing
	table1 more
	customers --customers 5
	link
	subsystems
	link --customers 0
	link --customers 1000000000001
	table1 --customers 5
	table2 --fanout 3
	table1 --regions r.csv
	measure --bytes 300
	measure --check-paper
	--check-paper --bytes 300
	table1 --check-paper --links l.csv
	table1 --bytes 0
	table1 --bytes -3
	table1 --bytes 1e3
	table1 --bytes 0.0001
	table1 --bytes 16777217
	table1 --bytes 16777216 --overhead 1
	table1 --interval 0s
	table1 --interval 367d
	table1 --mega 1000
	table1 --fanout 1000001
	table3 --density 0
	table3 --density 1000000.001
	table3 --effective 0
	customers --link 24/
	customers --link 24/3.3/1
	customers --link 3,3
	customers --link 24 --links l.csv
	measure --batch 0
	measure --batch 65537
	END
}

@test "a table of links is refused with file, line and what is wrong" {
	local text want
	while IFS='|' read -r text want; do
		printf "$text" >links.csv
		expect 65 sg-capacity customers --links links.csv || return 1
		says "error: links.csv:$want" || return 1
	done <<-'END'
	|1: no row that names the columns
	tech,net,down_mbps\n|1: the first column is not net
	net,tech\n|1: column absent: down_mbps
	net,tech,down_mbps,mbps\n|1: no such column: mbps
	net,tech,down_mbps\n\nWAN,DSL,fast\n|3: down_mbps: not a number of Mbit/s above 0: fast
	net,tech,down_mbps\nWAN,DSL,0\n|2: down_mbps: not a number of Mbit/s above 0: 0
	net,tech,down_mbps,up_mbps\nWAN,DSL,8,-1\n|2: up_mbps: not a number of Mbit/s above 0: -1
	net,tech,down_mbps\nWAN,,8\n|2: tech: empty
	net,tech,down_mbps\nWAN,DSL,8,9\n|2: 4 cells, but only 3 columns
	net,tech,down_mbps,paper_pubs\nWAN,DSL,8,many\n|2: paper_pubs: not a figure: many
	net,tech,down_mbps\nWAN,"DSL,8\n|2: 
	END
	expect 66 sg-capacity customers --links nowhere.csv
	says 'nowhere.csv: No such file'
}

@test "a table of regions is refused with file, line and what is wrong" {
	local text want
	while IFS='|' read -r text want; do
		printf "$text" >regions.csv
		expect 65 sg-capacity table3 --regions regions.csv || return 1
		says "error: regions.csv:$want" || return 1
	done <<-'END'
	region,area_km2\nA,\n|2: area_km2: not a number of km2 above 0 with at most 3 decimals: 
	region,area_km2\nA,1.0005\n|2: area_km2: not a number of km2
	region,area_km2\n,5\n|2: region: empty
	region,area_km2\nA,1\nTOTAL,2\n|3: TOTAL: not the sum of the areas above, 1.000 km2
	region,area_km2\nA,1\nTOTAL,\nB,1\n|4: a row after TOTAL, which comes last
	END
	printf 'region,area_km2\nA,1000001\n' >regions.csv
	expect 64 sg-capacity table3 --regions regions.csv --density 1000000
	says 'more than 10^12 customers'
}

@test "without its tables it says which file is absent" {
	SG_SHARE=$TEST_TMP/none expect 78 sg-capacity table1
	says 'none/capacity/links.csv'
}

# The paper's tables.

@test "the three tables are those computed before, to the last digit" {
	local n reference
	for n in 1 2 3; do
		sg-capacity table$n >table$n.csv
		reference=$SG_TEST_DATA/../ref/capacity/table$n.csv
		need_data "../ref/capacity/table$n.csv"
		diff table$n.csv <(tr -d '\r' <"$reference")
	done
}

@test "the sum of the printed tables is known without any other file" {
	[ "$(sg-capacity table1 | awk -F, 'NR > 1 { p += $7; s += $8 }
	    END { print p, s }')" = "1383748 1133566" ]
	[ "$(sg-capacity table2 | awk -F, 'NR > 1 { a += $4; b += $5; c += $9 }
	    END { printf "%d %d %d", a, b, c }')" = "69711299 69711294 66481875" ]
	[ "$(sg-capacity table3 -f json | jq -s \
	    'map(.N_model_a) | [(.[:-1] | add), .[-1]]' -c)" = '[87,81]' ]
}

@test "the paper's figures that differ are these seven, and they alone" {
	expect 1 sg-capacity --check-paper
	[ "$(wc -l <out)" -eq 107 ]
	[ "$(grep -c ',ok,' out)" -eq 99 ]
	grep ',DIFF,' out | cut -d , -f 1-5 | sed 's/,"optical.*//' >differ
	diff differ - <<-'END'
	Table I,WiFi 54,publishers,8.5k,8.4k
	Table I,WiFi 600,publishers,93.5k,93.7k
	Table III,TOTAL,customers,31962942,31962942
	Table III,TOTAL,Mbyte a minute,24385.79,24385.79
	Table III,TOTAL,subsystems,80,81
	text,Optical Fiber
	text,3G/4G,"3G/4G, subscribers at least",868
	END
	grep -q 'the rows printed above sum to 31962943' out
	grep -q 'the rows printed above sum to 24385.81' out
	grep -q 'the rows printed above sum to 87.*81 by model A.*80 by model B' out
	grep -q '1.5k-156k,15.6k-382k,DIFF' out
}

@test "a table can be checked alone, and Table II is right" {
	expect 0 sg-capacity table2 --check-paper
	[ "$(grep -c 'rounded up' out)" -eq 5 ]
	expect 1 sg-capacity --check-paper table1
	[ "$(grep -c DIFF out)" -eq 2 ]
	expect 1 sg-capacity table3 --check-paper
	[ "$(grep -c DIFF out)" -eq 3 ]
}

@test "a figure that somebody alters in the table is found" {
	mkdir -p share/capacity
	cp "$ROOT"/share/capacity/*.csv share/capacity
	sed -i 's/1299.55/1299.56/' share/capacity/regions.csv
	SG_SHARE=$TEST_TMP/share expect 1 sg-capacity table3 --check-paper
	grep -q 'East Midlands,Mbyte a minute,1299.56,1299.55,DIFF' out
}

@test "regions and the pooled total are told apart for a person" {
	sg-capacity table3 -f pretty >out
	awk '/^sum of regions/ { sum = $5 == 31962943 && $7 == 87 }
	    /^TOTAL \(pooled\)/ { pooled = $9 == 81 && $10 == 80 }
	    END { exit !(sum && pooled) }' out
}

@test "a Mbit, an interval, a length and a rounding change what they should" {
	[ "$(sg-capacity table2 --mega 1e6 | awk -F, 'NR == 3 { print $3, $5 }')" \
	    = '6206250.0 6206250' ]
	sg-capacity table2 --rounding floor >out
	head -n 1 out | grep -qx \
	    'tech,down_mbps,exact_2e20,floor,paper,check_floor,decimal_floor'
	[ "$(sg-capacity table1 --bytes 288 | awk -F, 'NR == 2 { print $5 }')" \
	    = 4340.277778 ]
	[ "$(sg-capacity table1 --bytes 734 --overhead 66 |
	    cut -d , -f 1-10)" = "$(sg-capacity table1 | cut -d , -f 1-10)" ]
	[ "$(sg-capacity table1 --interval 1m |
	    awk -F, 'NR == 2 { print $7 }')" = 93750 ]
	[ "$(sg-capacity table1 --rounding half-up |
	    awk -F, 'NR == 2 { print $7 }')" = 1563 ]
	sg-capacity table3 --mega 1e6 --interval 15m --density 10.5 \
	    --effective 8 >out
	head -n 1 out | grep -q \
	    'customers_10.5_per_km2,.*,mb_per_900s,.*,N_ceil_8mbps,'
	awk -F, 'NR == 2 { exit !($3 == 200760 && $5 == 160.608) }' out
	# What was asked for otherwise is not compared with the paper.
	[ "$(sg-capacity table1 --interval 1m | grep -c DIFF)" -eq 0 ]
}

@test "receivers of each message use up the upload, or the shared channel" {
	sg-capacity table1 --fanout 3 -f json >out
	jq -se '.[] | select(.tech == "DSL" and .down_mbps == 24) |
	    .deliveries == 515 and .events == 171 and .sustained == 171' out
	jq -se '.[] | select(.tech == "WiFi" and .down_mbps == 54) |
	    .deliveries == 8437 and .sustained == 2109' out
}

# One's own links.

@test "customers on a link: the smaller of what comes in and what goes out" {
	[ "$(sg-capacity customers --link 24/3.3 --link 24 --link 54000kbps \
	    --link 0.1G/1 | cut -d , -f 3-8)" = \
	    "$(printf '%s\n' down_mbps,up_mbps,receives,sends,fanout,customers \
		24,3.3,225000,30937,0,225000 24,,225000,225000,0,225000 \
		54,,506250,506250,0,506250 100,1,937500,9375,0,937500)" ]
	[ "$(sg-capacity customers --link 24/3.3 --fanout 2 -f json |
	    jq .customers)" -eq 15468 ]
}

@test "a link for so many: the smallest first, status 1 if there is none" {
	sg-capacity link --customers 506250 --fanout 0 >out
	[ "$(sed -n 2p out | cut -d , -f 1-3,8-9)" = 'LAN,WiFi,54,506250,100' ]
	sg-capacity link --customers 506251 >out
	[ "$(sed -n 2p out | cut -d , -f 1-3)" = 'WAN,3G/4G,84' ]
	expect 1 sg-capacity link --customers 22950001
	says 'none of 23 links carries 22950001'
}

@test "subsystems are whole, by link and by both models" {
	[ "$(sg-capacity subsystems --customers 225001 --link 24/3.3 -f json |
	    jq .subsystems)" -eq 2 ]
	[ "$(sg-capacity subsystems --customers 225000 --link 24/3.3 -f json |
	    jq .subsystems)" -eq 1 ]
	sg-capacity subsystems --customers 2084080 --mega 2^20 -f json >out
	jq -se '(.[] | select(.tech | test("model A")) | .subsystems == 6) and
	    (.[] | select(.tech | test("model B")) | .subsystems == 6)' out
	# A link on which not one customer fits divides nothing.
	sg-capacity subsystems --customers 2 --link 0.0001 --bytes 800 \
	    --interval 1s -f json >out
	jq -e 'has("subsystems") | not' out
}

@test "one's own table needs no more than its first columns" {
	printf 'net,tech,down_mbps\nWAN,LoRa,0.005\n' >links.csv
	[ "$(sg-capacity customers --links links.csv -f json |
	    jq .customers)" -eq 46 ]
	printf 'region,area_km2\nHere,12.5\nThere,100\n' >regions.csv
	sg-capacity table3 --regions regions.csv >out
	[ "$(sed -n 2,4p out | cut -d , -f 1-3)" = \
	    "$(printf '%s\n' Here,12.5,1363 There,100.0,10900 \
		TOTAL,112.5,12262.5)" ]
}

# A stream.

@test "events are measured in all their forms" {
	events A/1 1 1000 >events
	events A/2 1 1000 >>events
	expect 0 sg-capacity measure -f json --link 10/1 events
	says '2000 events of 2 topics in 999 s, one of each topic every 1 s'
	[ "$(jq -r .form out | tr '\n' ' ')" = "event event+sig message \
message+sig batch batch+sig batch+seal batch+gzip batch+sig+gzip \
batch+seal+gzip " ]
	bytes=$(tr -d '\n' <events | wc -c)
	jq -se --argjson n "$bytes" '.[0].bytes == ($n / 200 | round) / 10 and
	    .[0].events_per_s == 2' out
	jq -se 'map(.bytes) as [$e, $es, $m, $ms, $b, $bs, $bl] |
	    $e < $es and $e < $b and $b < $m and $bl < $bs and
	    $bs < $ms and $b < $bl' out
	jq -se 'all(.[]; (.times - 800 / .bytes | fabs) < 0.01 + .times / 100)' \
	    out
	jq -se '.[0] | .["percent_of_10/1"] * 100000 / 2 / 8 - .bytes |
	    fabs < 3' out
}

@test "what is measured is what sg-sign makes" {
	export SG_TRUST=$TEST_TMP/net
	sg-trust demo net
	events MEASUREMENT/METER/flat12/Load 1 200 |
	    sg-sign -k net/keys/operator.key >signed
	sg-capacity measure -q -f json signed >of_signed
	jq -c 'del(.src, .ep, .seq, .kid, .sig)' signed |
	    sg-capacity measure -q -f json >of_plain
	real=$(($(wc -c <signed) - 200))
	jq -se --argjson n $real '.[1].bytes == ($n / 20 | round) / 10' of_signed
	# As if it had come unsigned, up to the name of its source.
	difference=$(jq -n --slurpfile a of_signed --slurpfile b of_plain \
	    '$a[1].bytes - $b[1].bytes | fabs | floor')
	[ "$difference" -le 10 ]
}

@test "the bytes of a batch are those that TCP counts" {
	need_command ss
	trust_network
	start_memory_broker -l tcp://127.0.0.1:0
	url=$(broker_tcp)
	sg-sim -n 50 --limit 20000 --speed max >events
	mkfifo pipe
	background pub sg-pub -q -b "$url" pipe
	exec 9>pipe
	cat events >&9
	wait_until [ "$(sg-sub -b "$url" -q --from-start -n 20000 '#' |
	    tee back | wc -l)" -eq 20000 ]
	sent=$(ss -tin state established "dport = :${url##*:}" |
	    sed -n 's/.*bytes_sent:\([0-9]*\).*/\1/p' | sort -n | tail -n 1)
	exec 9>&-
	ends "$pub_pid"
	told=$(sg-capacity measure -q --batch 65536 -f json back |
	    jq -s '.[] | select(.form == "batch") | .bytes * 20000 | floor')
	echo "TCP sent $sent bytes, $told are told"
	[ $((sent * 100)) -ge $((told * 95)) ]
	[ $((sent * 100)) -le $((told * 105)) ]
}

@test "tables with the sizes that were measured" {
	events A/1 1 500 | sg-capacity measure -q --table table2 -f json >out
	[ "$(wc -l <out)" -eq 150 ]
	jq -se '.[0] | .tech == "Optical Fiber" and .form == "event" and
	    (.customers * .bytes / 786432000 - 1 | fabs) < 0.01' out
	events A/1 1 500 | sg-capacity measure -q --table table1 -f json >out
	[ "$(wc -l <out)" -eq 230 ]
	events A/1 1 500 | sg-capacity measure -q --table table3 -f json >out
	[ "$(wc -l <out)" -eq 150 ]
	jq -se '.[0] | .customers == 2084080 and .N_model_a >= 1' out
}

@test "bad lines are told, kept and left out" {
	{
		events A/1 1 10
		echo '{"topic":"A/1","t":1}'
		echo nonsense
	} >events
	expect 65 sg-capacity measure -f json events
	says 'events:11: '
	says 'events:12: '
	expect 0 sg-capacity measure --dead dead events
	[ "$(wc -l <dead)" -eq 2 ]
	expect 65 sg-capacity measure --strict events
	expect 66 sg-capacity measure events nowhere --dead dead
	says 'nowhere: No such file'
}

@test "no event is a no" {
	expect 1 sg-capacity measure
	says '0 events'
	expect 1 sg-capacity measure --table table1
}

@test "a signal ends the reading, and what has come is told" {
	mkfifo pipe
	background measure sg-capacity measure -f json pipe
	exec 9>pipe
	events A/1 1 100 >&9
	# Read all that is in the pipe before the signal.
	wait_until drained
	kill -TERM "$measure_pid"
	ends "$measure_pid" 143
	exec 9>&-
	grep -q '100 events of 1 topic' measure.err
	[ "$(wc -l <measure.out)" -eq 10 ]
}

# Nothing is left in the pipe at descriptor 9, and the reader waits for more.
drained() {
	python3 -c "import fcntl, struct, sys, termios
left = fcntl.ioctl(9, termios.FIONREAD, bytes(4))
sys.exit(struct.unpack('i', left)[0] != 0)" &&
	    grep -q '^State:.S' "/proc/$measure_pid/status"
}

@test "the same stream gives the same answer" {
	sg-sim -n 9 --limit 3000 --speed max --since @1700000000 >events
	sg-capacity measure -q events >one
	sg-capacity measure -q <events >two
	cmp one two
}

@test "the sessions of the manual come out as they stand there" {
	"$ROOT/tests/tutorial.py" "$ROOT/man/sg-capacity.1"
}
