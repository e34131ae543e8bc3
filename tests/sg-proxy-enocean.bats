# sg-proxy-enocean(1): what it reads, and what it makes of it.  Commands and
# the radio module are in enocean.bats.

load helpers
load enocean

setup() {
	common_setup
	export SG_NOW=2000-01-01T00:00:00Z
	cat >devices.csv <<-'END'
	sender,profile,name,room
	0181B744,A5-02-05,cellar,north
	01825DAB,D5-00-01,window,south
	00298979,F6-02-02,switch,south
	0194E3B9,D2-01-09,plug,south
	0194E3B9,A5-12-01,plug,south
	019EB63B,A5-04-01,sealed,north
	END
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

# refused STATUS TEXT ARGUMENT... - The program ends so and says why, in one
# line, without any output.
refused() {
	local status=$1 text=$2
	shift 2
	expect "$status" sg-proxy-enocean "$@" || return 1
	says "$text" || return 1
	[ ! -s out ] || return 1
	[ "$(grep -c '^sg-proxy-enocean: error: ' err)" -eq 1 ]
}

# bad_file OPTION TEXT WHERE WHAT - A file of that text (as of printf) is
# refused with its line and what is wrong.
bad_file() {
	printf '%b' "$2" >in.bad
	chmod 600 in.bad
	refused 78 "in.bad:$3" "$1" in.bad in && says "$4"
}

@test "the sessions of the manual come out as they stand there" {
	"$ROOT/tests/tutorial.py" "$ROOT/man/sg-proxy-enocean.1"
}

@test "options that make no sense are refused with what is wrong" {
	refused 64 'SOURCE: which?' --devices devices.csv
	refused 64 'one SOURCE' a b
	refused 64 'need --devices' --describe
	refused 64 'need --devices' --list-topics
	refused 64 'none with --describe' --devices devices.csv --describe a
	refused 64 '--learn needs --devices' --learn a
	refused 64 '--real-time goes with --replay' --real-time a
	refused 64 'exclude each other' --replay --record b a
	refused 64 '--window' --window soon a
	refused 64 '--baud' --baud fast a
	refused 64 '--ready-fd' --ready-fd none a
}

@test "a source that cannot be opened is status 66" {
	refused 66 'no-such: No such file' no-such
	refused 66 'no-such: No such file' --replay no-such
	refused 66 'tcp:' tcp://nowhere
	refused 66 '.' .
}

@test "a devices file that makes no sense is refused with file and line" {
	local head='sender,profile,name'
	refused 78 'no-such' --devices no-such in
	bad_file --devices 'sender,name\n' '1: ' 'profile'
	bad_file --devices "$head\n0181B744,A5-02-05,a\n0181B74,A5-02-05,b\n" \
	    '3: ' '0181B74'
	bad_file --devices "$head\n0181B744,A5-99-05,a\n" '2: ' 'A5-99-05'
	bad_file --devices "$head\n0181B744,A5-02-05,a b\n" '2: ' 'a b'
	bad_file --devices \
	    "$head\n0181B744,A5-02-05,a\n0181B745,A5-02-05,a\n" '3: ' 'a'
	bad_file --devices \
	    "$head\n0181B744,A5-02-05,a\n0181B744,D5-00-01,b\n" '3: ' 'a'
	bad_file --devices "$head,offset\n0181B744,A5-02-05,a,128\n" '2: ' 128
	bad_file --devices "$head,options\n0181B744,A5-02-05,a,loud\n" \
	    '2: ' 'loud'
	bad_file --devices "$head\n0181B744,GP:zz,a\n" '2: ' 'GP:'
}

@test "a keys file that others may read, or that makes no sense, is refused" {
	local key=456E4F6365616E20476D62482E313300
	bad_file --keys 'xyz\n' '1: ' ''
	bad_file --keys "019EB63B,${key%00},AB,C0FFEE\n" '1: ' key
	run ! grep -q 456E4F err
	bad_file --keys "# ours\n019EB63B,$key,03,C0FFEE\n" '2: ' ''
	run ! grep -q 456E4F err
	echo "019EB63B,$key,AB,C0FFEE" >keys
	chmod 640 keys
	refused 78 'keys' --keys keys in
	refused 78 'no-such' --keys no-such in
}

@test "profiles that make no sense are refused with file and line" {
	local head='profile,message,when,field,name,bits,range,unit,quantity,values,note'
	local row='A5-02-05,main,,TMP,temperature'
	refused 78 'no-such' --eep no-such in
	bad_file --eep 'a,b\n' '1: ' ''
	bad_file --eep "$head\n$row,x:8,255..0 = 0..40,Cel,Temperature,,\n" \
	    '2: ' 'x:8'
	bad_file --eep "$head\n$row,16:8,255..0 = 0..40,Cel,Warmth,,\n" \
	    '2: ' 'Warmth'
}

@test "a recording that is none is refused line by line" {
	printf '%s\n' '1 < zz' 'x < 55' '1 = 55' '1 < 5' >tape
	expect 65 sg-proxy-enocean --replay tape
	[ ! -s out ]
	says 'tape:1: '
	says 'tape:4: '
	expect 65 sg-proxy-enocean --replay --strict tape
	run ! grep -q 'tape:2: ' err
	expect 0 sg-proxy-enocean --replay --dead dead tape
	diff dead tape
}

# Telegrams of all the devices.
some_packets() {
	packets 'A5 00005508 0181B744' 'D5 09 01825DAB dbm=72' \
	    'F6 30 00298979 status=30' 'D2 040064 0194E3B9' \
	    'A5 0000640C 0194E3B9'
}

@test "each quantity is an event, with its registered unit" {
	some_packets >in
	expect 0 sg-proxy-enocean --devices devices.csv in
	[ ! -s err ]
	sed 's,MEASUREMENT/SENSOR/,,; s/,"t":946684800//' out >short
	diff short - <<-'END'
	{"topic":"cellar/Temperature","v":26.666667,"u":"Cel"}
	{"topic":"window/Contact","vb":true}
	{"topic":"switch/Button","vs":"A0"}
	{"topic":"switch/ButtonPressed","vb":true}
	{"topic":"plug/PowerFailure","vb":false}
	{"topic":"plug/OverCurrent","vb":false}
	{"topic":"plug/DeviceError","vs":"ok"}
	{"topic":"plug/LocalControl","vb":false}
	{"topic":"plug/Dimming","v":100,"u":"/100"}
	{"topic":"plug/Switch","vb":true}
	{"topic":"plug/Power","v":100,"u":"W"}
	END
}

@test "a number that the profile does not allow, or a code, is no value" {
	printf 'sender,profile,name\n0181B744,A5-06-03,lux\n' >devices.csv
	packets 'A5 80FA0008 0181B744' 'A5 80FA4008 0181B744' \
	    'A5 80FB4008 0181B744' >in
	expect 0 sg-proxy-enocean --devices devices.csv in
	grep Illuminance out | sed 's/.*"t":946684800//' >short
	diff short - <<-'END'
	,"v":1000,"u":"lx"}
	,"d":{"raw":1001,"label":"over_range"},"q":"BAD"}
	,"d":{"raw":1005},"q":"BAD"}
	END
}

@test "--telegrams makes one event for each telegram, with all its fields" {
	some_packets >in
	packets 'D2 040064 01020304' >>in
	expect 0 sg-proxy-enocean --devices devices.csv --telegrams in
	[ "$(wc -l <out)" -eq 6 ]
	sed -n 1p out >first
	diff first - <<-'END'
	{"topic":"STATUS/TELEGRAM/cellar","t":946684800,"d":{"rorg":"A5","kind":"4BS","payload":"00005508","sender":"0181B744","dest":"FFFFFFFF","erp":1,"status":"00","repeat":0,"subtel":1,"security":0,"dbm":-60,"eep":"A5-02-05","msg":"main","fields":{"TMP":{"raw":85,"value":26.666667,"unit":"Cel"},"LRNB":{"raw":1,"label":"data"}}}}
	END
	[ "$(jq -r '[.topic, .d.eep, .d.msg, .d.dbm] | join(" ")' out)" == "\
STATUS/TELEGRAM/cellar A5-02-05 main -60
STATUS/TELEGRAM/window D5-00-01 main -72
STATUS/TELEGRAM/switch F6-02-02 button_press -60
STATUS/TELEGRAM/plug D2-01-09 status_response -60
STATUS/TELEGRAM/plug A5-12-01 main -60
STATUS/TELEGRAM/01020304   -60" ]
}

@test "telegrams, teach-ins and packets from real devices say what they said there" {
	need_data enocean/cases.jsonl
	python3 "$ROOT/tests/enocean_cases.py" cases \
	    "$SG_TEST_DATA/enocean/cases.jsonl"
}

@test "a source in which no packet is, is another kind of thing" {
	printf 'no radio here, only words U and U\n' >words
	run -65 sg-proxy-enocean words
	[[ $output == *"words: no packet in 34 bytes" ]]
	: >empty
	run -0 sg-proxy-enocean empty
	[ -z "$output" ]
}

@test "streams give what is in them, amid garbage" {
	need_data enocean/streams.jsonl
	python3 "$ROOT/tests/enocean_cases.py" streams \
	    "$SG_TEST_DATA/enocean/streams.jsonl"
}

@test "every message of every profile is decoded" {
	need_data enocean/synthetic.jsonl
	python3 "$ROOT/tests/enocean_cases.py" generated \
	    "$SG_TEST_DATA/enocean/synthetic.jsonl"
}

@test "nothing but registered quantities in their units comes out of any profile" {
	need_data enocean/synthetic.jsonl
	python3 "$ROOT/tests/enocean_cases.py" events \
	    "$SG_TEST_DATA/enocean/synthetic.jsonl"
	python3 "$ROOT/tests/enocean_cases.py" events \
	    "$SG_TEST_DATA/enocean/cases.jsonl"
}

@test "an unknown sender is reported once, with what can be guessed" {
	packets 'D2 040064 01020304' 'D2 040000 01020304' \
	    'F6 30 01020305 status=30' 'D5 09 01020306' >in
	expect 0 sg-proxy-enocean in
	[ ! -s out ]
	[ "$(wc -l <err)" -eq 3 ]
	says 'warning: unknown sender 01020304: VLD data 040064'
	says 'warning: unknown sender 01020305: '
	says 'F6-02-01'
	says 'D5-00-01'
	expect 0 sg-proxy-enocean -q in
	[ ! -s err ]
}

@test "--signal tells how strong a device was received" {
	some_packets >in
	expect 0 sg-proxy-enocean --devices devices.csv --signal in
	[ "$(grep -c /SignalStrength out)" -eq 5 ]
	grep -qF '"MEASUREMENT/SENSOR/window/SignalStrength","t":946684800,"v":-72,"u":"dBm"}' out
}

@test "--describe tells what the devices are and can do" {
	expect 0 sg-proxy-enocean --devices devices.csv --describe
	[ "$(jq -r .topic out | sort)" = "\
DISCOVERY/DEVICE/cellar
DISCOVERY/DEVICE/plug
DISCOVERY/DEVICE/sealed
DISCOVERY/DEVICE/switch
DISCOVERY/DEVICE/window" ]
	[ "$(jq -r 'select(.topic | endswith("/plug")).d |
	    .address, .attributes.room, (.profiles | map(.profile) | join(" ")),
	    .commands[0].topics[0], (.commands[0].verbs | index("switch") != null)' \
	    out)" = "0194E3B9
south
D2-01-09 A5-12-01
COMMAND/plug
true" ]
	jq -es 'map(select(.topic | endswith("/cellar")))[0].d.quantities[0] |
	    .quantity == "Temperature" and .unit == "Cel" and
	    .topics == ["MEASUREMENT/SENSOR/cellar/Temperature"]' out
}

@test "--list-topics prints filters that sg-sub takes" {
	expect 0 sg-proxy-enocean --devices devices.csv --list-topics
	grep -qx 'COMMAND/plug/+' out
	run ! grep -E 'cellar|window' out
	mv out topics
	start_memory_broker
	expect 1 sg-sub -e -c plug --topics-from topics
	[ ! -s err ]
}

@test "--learn adds what a stream teaches in, and takes out what it teaches out" {
	printf 'sender,profile,name\n# ours\n' >learned.csv
	chmod 640 learned.csv
	packets 'A5 08284680 0181B799' 'D4 80FF3300090 1D2 01949ECA' \
	    >/dev/null 2>&1 || :
	packets 'A5 08284680 0181B799' 'D4 80FF33000901D2 01949ECA' \
	    'D5 00 01825D99' 'A5 00000000 DEADBEEF' \
	    'A5 48083380 01949ECA' 'A5 00005508 0181B799' >in
	expect 0 sg-proxy-enocean --learn --devices learned.csv in
	gives '{"topic":"MEASUREMENT/SENSOR/0181B799/Temperature","t":946684800,"v":26.666667,"u":"Cel"}'
	diff learned.csv - <<-'END'
	sender,profile,name
	# ours
	0181B799,A5-02-05,0181B799
	01949ECA,D2-01-09,01949ECA
	01825D99,D5-00-01,01825D99
	01949ECA,A5-12-01,01949ECA
	END
	[ "$(stat -c %a learned.csv)" = 640 ]
	says 'DEADBEEF asks to be taught in, but does not tell its profile'
	packets 'D4 90FF33000901D2 01949ECA' >in
	expect 0 sg-proxy-enocean --learn --devices learned.csv in
	run ! grep D2-01-09 learned.csv
	grep -q A5-12-01 learned.csv
}

@test "without --learn nothing is taught in" {
	cp devices.csv before
	packets 'A5 08284680 0181B799' 'D4 80FF33000901D2 01949ECA' >in
	expect 0 sg-proxy-enocean --devices devices.csv in
	says 'sender 01949ECA asks to be taught in as D2-01-09'
	says 'see --learn'
	diff before devices.csv
}

@test "a recording gives the same events as the line did" {
	some_packets >in
	SG_NOW=2001-02-03T04:05:06Z expect 0 sg-proxy-enocean \
	    --devices devices.csv --record tape in
	mv out live
	[ -s live ]
	grep -Eqx '2001-02-03T04:05:06\.0*Z < [0-9A-F]+' tape
	unset SG_NOW
	expect 0 sg-proxy-enocean --devices devices.csv --replay tape
	cmp live out
	sg-proxy-enocean --devices devices.csv --replay - <tape >out
	cmp live out
}

@test "a recording is appended to, and what was sent in it is not replayed" {
	packets 'A5 00005508 0181B744' >in
	expect 0 sg-proxy-enocean --devices devices.csv --record tape in
	sed 's/ < / > /' tape >sent
	expect 0 sg-proxy-enocean --devices devices.csv --record tape in
	[ "$(wc -l <tape)" -eq 2 ]
	cat sent >>tape
	expect 0 sg-proxy-enocean --devices devices.csv --replay tape
	# At the same instant the second is a repetition.
	[ "$(wc -l <out)" -eq 1 ]
	refused 73 'no-such/tape' --record no-such/tape in
}

# tape_at TIME PACKET-LINE - A line of a recording.
tape_at() {
	printf '%s < %s\n' "$1" "$(packets "$2" | od -An -v -tx1 | tr -d ' \n' |
	    tr a-f A-F)"
}

@test "equal telegrams within --window are one" {
	local i
	for i in 100.0 100.2 100.9 102; do
		tape_at $i 'A5 00005508 0181B744'
	done >tape
	expect 0 sg-proxy-enocean --devices devices.csv --replay tape
	[ "$(wc -l <out)" -eq 3 ]
	expect 0 sg-proxy-enocean --devices devices.csv --window 1s --replay tape
	[ "$(wc -l <out)" -eq 2 ]
	expect 0 sg-proxy-enocean --devices devices.csv --window 0 --replay tape
	[ "$(wc -l <out)" -eq 4 ]
}

@test "in a file without times only what repeaters sent again is dropped" {
	packets 'D5 09 01825DAB' 'D5 09 01825DAB' 'D5 09 01825DAB status=01' \
	    'D5 08 01825DAB status=02' 'D5 08 01825DAB status=01' >in
	expect 0 sg-proxy-enocean --devices devices.csv --stats in
	[ "$(grep -c Contact out)" -eq 4 ]
	grep -q '"repeated":1' err
}

@test "--real-time takes the time that the recording took" {
	unset SG_NOW
	tape_at 100.0 'D5 09 01825DAB' >tape
	tape_at 100.7 'D5 08 01825DAB' >>tape
	local begun=${EPOCHREALTIME/./}
	expect 0 sg-proxy-enocean --devices devices.csv --replay --real-time tape
	[ $((${EPOCHREALTIME/./} - begun)) -ge 700000 ]
	[ "$(jq .t out | tr '\n' ' ')" = "100 100.7 " ]
}

@test "--eep adds profiles, and replaces those that are there" {
	cat >mine.csv <<-'END'
	profile,message,when,field,name,bits,range,unit,quantity,values,note
	D2-F0-01,main,,TMP,temperature,0:8,0..250 = -20..30,Cel,Temperature,,
	A5-02-05,main,,TMP,temperature,16:8,0..255 = 0..255,Cel,Temperature,,
	END
	echo '01020304,D2-F0-01,mine,' >>devices.csv
	packets 'D2 64 01020304' 'A5 00005508 0181B744' >in
	refused 78 'devices.csv:8: ' --devices devices.csv in
	expect 0 sg-proxy-enocean --devices devices.csv --eep mine.csv in
	mkdir folder
	mv mine.csv folder
	mv out file
	expect 0 sg-proxy-enocean --devices devices.csv --eep folder in
	cmp file out
	gives '{"topic":"MEASUREMENT/SENSOR/mine/Temperature","t":946684800,"v":0,"u":"Cel"}' \
	    '{"topic":"MEASUREMENT/SENSOR/cellar/Temperature","t":946684800,"v":85,"u":"Cel"}'
}

@test "--stats counts packets by type, telegrams by kind, and what was dropped" {
	some_packets >in
	packets 'D5 09 01825DAB bad=crc' 'D5 09 01825DAB bad=header' \
	    'packet 2 00' 'packet 1 00' 'packet 200 0102' 'raw 0102' \
	    'F6 30 00298979 status=31' 'D2 040064 01020304' >>in
	expect 0 sg-proxy-enocean -q --devices devices.csv --stats in
	tail -n 1 err >stats
	jq -e '.tool == "sg-proxy-enocean" and .in == 10 and .out == 11 and
	    .telegrams == 7 and .decoded == 5 and .repeated == 1 and
	    .malformed == 1 and .unknown == 1 and .bad_data == 1 and
	    .bad == 2 and .bad_header == 1 and .packet_C8 == 1 and .packet_RADIO_ERP1 == 8 and
	    .packet_RESPONSE == 1 and .rorg_4BS == 2 and .rorg_RPS == 2 and
	    .skipped_bytes >= 44' stats || {
		cat stats
		false
	}
}

@test "secured telegrams are opened with a key, each once, and else refused" {
	local key=456E4F6365616E20476D62482E313300
	echo "019EB63B,$key,AB,C0FFEE" >keys
	chmod 600 keys
	packets '31 3EEAC4A2DFC0FFEEEAF20E 019EB63B' >in
	expect 0 sg-proxy-enocean --devices devices.csv in
	[ ! -s out ]
	says 'sealed (019EB63B): '
	expect 0 sg-proxy-enocean --devices devices.csv --keys keys \
	    --telegrams in
	jq -e '.d.rorg == "A5" and .d.payload == "0827FF80"' out
	grep -q '^019EB63B,.*,AB,C0FFEF' keys
	expect 0 sg-proxy-enocean --devices devices.csv --keys keys in
	[ ! -s out ]
	says 'rolling code was used before'
	packets 'A5 0827FF88 019EB63B' >in
	expect 0 sg-proxy-enocean --devices devices.csv --keys keys in
	[ ! -s out ]
	says 'sealed (019EB63B): '
}

@test "what was opened before kill -9 is not opened after it, nor used by two" {
	local key=456E4F6365616E20476D62482E313300
	printf 'sender,profile,name\n0185E177,D2-03-00,button\n' >button.csv
	echo "0185E177,$key,8B,3E2D00" >keys
	chmod 600 keys
	packets '30 0E05E56D 0185E177' >in
	mkfifo fifo
	background proxy sg-proxy-enocean --devices button.csv --keys keys fifo
	exec 5>fifo
	cat in >&5
	wait_lines 1 proxy.out
	refused 78 'another process uses it' --devices button.csv --keys keys in
	kill -9 "$proxy_pid"
	exec 5>&-
	ends "$proxy_pid" 137
	expect 0 sg-proxy-enocean --devices button.csv --keys keys in
	[ ! -s out ]
	says 'its rolling code was used before'
	grep -q ',8B,3E2D11$' keys
}

@test "a secure teach-in is taken with --learn only, and makes a row of keys" {
	packets '35 20ABC0FFEE456E4F6365616E 019EB63B' \
	    '35 4020476D62482E313300 019EB63B' >in
	expect 0 sg-proxy-enocean --devices devices.csv in
	expect 0 sg-proxy-enocean --devices devices.csv --learn --keys keys in
	grep -q '^019EB63B,456E4F6365616E20476D62482E313300,AB,C0FFEE' keys
	[ "$(stat -c %a keys)" = 600 ]
	run ! grep 456E4F err
}

@test "a FIFO and standard input are read as they come" {
	mkfifo fifo
	some_packets >in
	expect 0 sg-proxy-enocean --devices devices.csv in
	mv out want
	cat in >fifo &
	expect 0 sg-proxy-enocean --devices devices.csv fifo
	cmp want out
	sg-proxy-enocean --devices devices.csv - <in >out
	cmp want out
	background proxy sg-proxy-enocean --devices devices.csv fifo
	exec 5>fifo
	head -c 30 in >&5
	wait_lines 1 proxy.out
	exec 5>&-
	ends "$proxy_pid"
}

@test "events come out before the next packet is waited for" {
	mkfifo fifo
	background proxy sg-proxy-enocean --devices devices.csv fifo
	exec 5>fifo
	packets 'D5 09 01825DAB' >&5
	wait_lines 1 proxy.out
	packets 'D5 08 01825DAB' >&5
	wait_lines 2 proxy.out
	exec 5>&-
	ends "$proxy_pid"
}

@test "a terminal is a line, and so is tcp" {
	local way
	for way in '' --tcp; do
		# shellcheck disable=SC2086	# nothing, or one word
		module $way
		ready proxy sg-proxy-enocean --devices devices.csv "$line"
		play 'split 1' 'telegram D5 09 01825DAB'
		wait_lines 1 proxy.out
		grep -q '"vb":true' proxy.out
		told 1 RD_IDBASE
		kill -TERM "$proxy_pid"
		ends "$proxy_pid" 143
		exec 6>&-
	done
}

@test "a line without response to a telegram is opened again" {
	module
	printf '%s\n' 'device switch 0194E3B9' 'answer silent silent silent' >&6
	mkfifo commands
	exec 7<>commands
	ready proxy bash -c \
	    'exec sg-proxy-enocean --devices devices.csv "$@" <commands' \
	    proxy "$line"
	printf '{"topic":"COMMAND/plug/switch","t":946684800,"id":"c%d","ttl":30,"src":"op","seq":%d,"vb":true}\n' \
	    1 1 >&7
	wait_until grep -q '"re":"c1","vs":"failed","reason":"the module does not answer"' proxy.out
	printf '{"topic":"COMMAND/plug/switch","t":946684800,"id":"c%d","ttl":30,"src":"op","seq":%d,"vb":true}\n' \
	    2 2 >&7
	wait_until grep -q '"re":"c2","vs":"completed"' proxy.out
	grep -q 'does not answer: it will be opened again' proxy.err
	kill -TERM "$proxy_pid"
	ends "$proxy_pid" 143
	exec 6>&- 7>&-
}

@test "a signal while it connects for the first time is no fault of the line" {
	# Nobody accepts, so that connecting goes on until it is too late.
	python3 -c '
import socket
import time
full = socket.socket()
full.bind(("127.0.0.1", 0))
full.listen(0)
others = [socket.socket() for _ in range(4)]
for other in others:
    other.setblocking(False)
    other.connect_ex(full.getsockname())
print(full.getsockname()[1], flush=True)
time.sleep(60)' >port 3>&- &
	started+=($!)
	wait_lines 1 port
	background proxy sg-proxy-enocean --devices devices.csv \
	    "tcp://127.0.0.1:$(cat port)"
	# It catches signals.
	wait_until grep -q '^SigCgt:.*[1-9a-f]' "/proc/$proxy_pid/status"
	kill -HUP "$proxy_pid"
	kill -TERM "$proxy_pid"
	ends "$proxy_pid" 143
}

@test "asked to end, it says of each command what became of it" {
	local i
	module
	echo 'device switch 0194E3B9 mute' >&6
	mkfifo commands
	exec 7<>commands
	ready proxy bash -c \
	    'exec sg-proxy-enocean --devices devices.csv "$@" <commands' proxy "$line"
	printf '{"topic":"COMMAND/%s","t":946684800,"id":"c%d","ttl":30,"src":"op","seq":%d,%s}\n' \
	    plug/switch 1 1 '"vb":true' >&7
	wait_until grep -q '"re":"c1","vs":"started"' proxy.out
	for i in {2..40}; do
		printf '{"topic":"COMMAND/plug/query","t":946684800,"id":"c%d","ttl":30,"src":"op","seq":%d,"vb":true}\n' \
		    "$i" "$i"
	done >&7
	wait_until grep -q '"re":"c2","vs":"received"' proxy.out
	kill -HUP "$proxy_pid"
	kill -TERM "$proxy_pid"
	ends "$proxy_pid" 143
	exec 6>&- 7>&-
	grep -F '"re":"c1","vs":"failed","reason":"sent, but not confirmed: the program ends"' proxy.out
	# What was read has exactly one last word.
	grep -o '"re":"c[0-9]*","vs":"received"' proxy.out | cut -d'"' -f4 |
	    sort >received
	grep -o '"re":"c[0-9]*","vs":"failed"' proxy.out | cut -d'"' -f4 |
	    sort >failed
	diff received failed
}

@test "a command that is no event is refused by its line, and the next is taken" {
	unset SG_NOW
	module
	{
		echo junk
		echo '{"topic":"COMMAND/plug/switch","t":1,"id":"c1","ttl":1,"src":"a","seq":1,"vb":true}'
	} >commands
	mkfifo orders
	sg-proxy-enocean --devices devices.csv --dead dead "$line" <orders \
	    >proxy.out 2>proxy.err 3>&- &
	proxy_pid=$!
	started+=($proxy_pid)
	exec 5>orders
	cat commands >&5
	wait_until grep -q '"re":"c1","vs":"expired"' proxy.out
	grep -q 'stdin:1: ' proxy.err
	[ "$(cat dead)" = junk ]
	# Its end does not end the measuring side.
	exec 5>&-
	play 'telegram D5 09 01825DAB'
	wait_until grep -q window/Contact proxy.out
	# One process has the line at a time.
	refused 66 "$line" --devices devices.csv --act other "$line"
	kill -TERM "$proxy_pid"
	ends "$proxy_pid" 143
	run -65 sg-proxy-enocean --strict --act other --devices devices.csv \
	    "$line" <commands
	exec 6>&-
}

@test "a full disk is status 74, a closed pipe 141, whatever is written" {
	local options
	some_packets >in
	for options in '--devices devices.csv in' '--telegrams in' \
	    '--devices devices.csv --describe' \
	    '--devices devices.csv --list-topics'; do
		# shellcheck disable=SC2086	# words
		run -74 bash -c "sg-proxy-enocean $options >/dev/full"
		[[ $output == *"standard output: No space left"* ]]
	done
	# More than a pipe holds.
	for _ in {1..2000}; do
		cat in
	done >many
	run -141 bash -c "set -o pipefail
	    sg-proxy-enocean --devices devices.csv many | head -n 1 >/dev/null"
}

