# sg-pub(1).  What arrived is read back with sg-sub.

load helpers

# expect STATUS COMMAND... - Its status; output in out, messages in err.
expect() {
	local want=$1 status=0
	shift
	"$@" >out 2>err || status=$?
	if [ $status -ne "$want" ]; then
		echo "status $status, expected $want: $*"
		head -c 2000 out err
		return 1
	fi
}

# All that the broker has.
stored() {
	sg-sub --from-start -e '+/#' || [ $? -eq 1 ]
}

# has_values 'V V V' - The broker has these values, in that order.
has_values() {
	diff <(stored | values | tr '\n' ' ') <(echo -n "$1 ")
}

# Whether the broker has N events.
has_count() {
	[ "$(stored | wc -l)" -eq "$1" ]
}

numbers() {
	seq "$1" "$2" | tr '\n' ' ' | sed 's/ $//'
}

# Refusals.

@test "a topic that is none is a usage error" {
	expect 64 sg-pub -t A//B </dev/null
	grep -q 'A//B' err
	expect 64 sg-pub -t '$SG/MARK' </dev/null
	expect 64 sg-pub --src 'a b' </dev/null
	expect 64 sg-pub --src '' </dev/null
}

@test "a URL that is none is a usage error" {
	expect 64 sg-pub -b ws://localhost:1 </dev/null
	expect 64 sg-pub -b ipc://relative </dev/null
	grep -q '^sg-pub: error: ipc://relative: neither ' err
	expect 64 sg-pub --spool spool -b tcp://localhost </dev/null
}

@test "without a broker the status is 69 and the URL is named" {
	expect 69 sg-pub --retry 0 </dev/null
	grep -q "error: no broker: ipc://$XDG_RUNTIME_DIR/sg/broker: " err
	[ "$(wc -l <err)" -eq 1 ]
	expect 69 sg-pub --retry 100ms --insecure -b tcp://127.0.0.1:1 </dev/null
}

@test "a file that cannot be read is named, the others are published, 66" {
	start_memory_broker
	events A/B 1 2 >good
	expect 66 sg-pub missing good
	grep -q missing err
	has_values '1 2'
}

@test "bad lines are reported with file and number, the stream goes on, 65" {
	start_memory_broker
	printf '%s\n' '{"topic":"A","v":1}' '{"topic":"A","v":}' '' \
	    '{"topic":"A/","v":1}' 'no JSON' '{"topic":"A","t":1}' \
	    '{"topic":"A","v":2}' >in
	expect 65 sg-pub in
	grep -q '^sg-pub: error: in:2: ' err
	grep -q '^sg-pub: error: in:4: topic' err
	grep -q '^sg-pub: error: in:5: ' err
	grep -q '^sg-pub: error: in:6: none of v' err
	grep -q '^sg-pub: warning: 4 of [0-9]* lines refused$' err
	[ "$(wc -l <err)" -eq 5 ]
	has_values '1 2'
}

@test "--dead keeps bad lines whole, and the status is 0" {
	start_memory_broker
	printf '%s\r\n%s\n%s' 'bad one' '{"topic":"A","v":1}' 'bad two' >in
	expect 0 sg-pub --dead dead <in
	diff dead <(printf 'bad one\r\nbad two\n')
	expect 73 sg-pub --dead /nowhere/dead <in
	expect 74 sg-pub --dead /dev/full <in
}

@test "--strict stops at the first bad line, with 65" {
	start_memory_broker
	printf '%s\n' '{"topic":"A","v":1}' bad '{"topic":"A","v":2}' >in
	expect 65 sg-pub --strict <in
	has_values 1
}

@test "a line without topic needs -t, \$SG topics are never published" {
	start_memory_broker
	expect 65 sg-pub <<<'{"v":1}'
	grep -q 'stdin:1: topic: missing' err
	expect 65 sg-pub <<<'{"topic":"$SG/OTHER","v":1}'
	grep -q 'reserved' err
	expect 0 sg-pub -t A/B <<<'{"v":1}'
	stored | grep -q '^{"topic":"A/B","v":1,'
}

@test "commands that break the rules are refused, 65" {
	start_memory_broker
	local now
	now=$(date +%s)
	expect 65 sg-pub <<<'{"topic":"COMMAND/d/on","v":1}'
	grep -q 'COMMAND without id' err
	expect 65 sg-pub <<<'{"topic":"COMMAND/d/on","v":1,"id":"1"}'
	grep -q 'COMMAND without ttl' err
	expect 65 sg-pub <<<'{"topic":"COMMAND/d/on","v":1,"id":"1","ttl":5,"t":1000}'
	grep -q 'expired' err
	expect 65 sg-pub <<<"{\"topic\":\"COMMAND/d/on\",\"v\":1,\"id\":\"1\",\"ttl\":5,\"t\":$((now + 600))}"
	expect 0 sg-pub <<<'{"topic":"COMMAND/d/on","v":1,"id":"1","ttl":5}'
	has_count 1
}

@test "a line over 1 MiB is refused and kept whole by --dead" {
	start_memory_broker
	{
		printf '{"topic":"A","v":1,"x":"'
		head -c 1048576 /dev/zero | tr '\0' x
		printf '"}\n'
	} >in
	expect 65 sg-pub <in
	grep -q 'stdin:1: ' err
	expect 0 sg-pub --dead dead <in
	cmp in dead
	has_count 0
}

@test "a line of exactly 1 MiB arrives" {
	start_memory_broker
	{
		printf '{"topic":"A","t":1,"v":1,"src":"x","x":"'
		head -c $((1048576 - 42)) /dev/zero | tr '\0' x
		printf '"}\n'
	} >in
	[ "$(wc -c <in)" -eq 1048577 ]
	expect 0 sg-pub in
	stored | cmp in -
	{
		events A 1 3
		cat in
		events A 4 5
	} | expect 0 sg-pub
	has_values '1 1 2 3 1 4 5'
}

# Lines as they are and as they are completed.

@test "a complete line arrives byte for byte" {
	start_memory_broker
	local line='{ "q":"OK","v" : 2.50,"src":"x","ep":1,"seq":7, "t":1.5e3,"topic":"A/B","own":{"a":[1, 2]} }'
	expect 0 sg-pub <<<"$line"
	diff <(stored) <(echo "$line")
}

@test "t, src, ep and seq are added at the end, topic at the front" {
	start_memory_broker
	SG_NOW=@1700000000.25 expect 0 sg-pub --src me@here -t A <<<'{"v":1}'
	stored | grep -Eqx '\{"topic":"A","v":1,"t":1700000000.25,"src":"me@here","ep":[0-9]+,"seq":1\}'
}

@test "seq goes on from run to run, and a killed run begins a new epoch" {
	start_memory_broker
	expect 0 sg-pub --src m -t A <<<'{"v":1}'
	expect 0 sg-pub --src m -t A <<<'{"v":2}'
	mkfifo fifo
	sg-pub --src m -t A <fifo 2>pub.err 3>&- &
	local pid=$!
	started+=($pid)
	exec 7>fifo
	echo '{"v":3}' >&7
	wait_until has_count 3
	kill -KILL $pid
	wait $pid || :
	exec 7>&-
	expect 0 sg-pub --src m -t A <<<'{"v":4}'
	stored | jq -r '"\(.ep) \(.seq)"' >ids
	[ "$(sort -u ids | wc -l)" -eq 4 ]
	[ "$(cut -d ' ' -f 2 ids | tr '\n' ' ')" = '1 2 3 1 ' ]
	[ "$(cut -d ' ' -f 1 ids | sort -u | wc -l)" -eq 2 ]
}

@test "an RFC 3339 t becomes a number" {
	start_memory_broker
	expect 0 sg-pub <<<'{"topic":"A","t":"2000-01-01T01:01:00.5+01:00","v":1,"src":"x"}'
	diff <(stored) <(echo '{"topic":"A","t":946684860.5,"v":1,"src":"x"}')
	expect 65 sg-pub <<<'{"topic":"A","t":"2000-01-01T01:01:00","v":1}'
}

@test "rt, from and pos are dropped: what --meta shows can be published" {
	start_memory_broker
	events A 1 3 | sg-pub
	stored >before
	sg-sub --from-start -e --meta A >meta
	grep -q '"pos"' meta
	expect 0 sg-pub meta
	stored | tail -n 3 | diff - before
}

@test "a signed or sealed line is published as it is or not at all" {
	start_memory_broker
	printf '%s\n' '{"topic":"A","t":1,"v":1,"kid":"k","sig":"AA"}' \
	    '{"topic":"A","t":2,"enc":"AA"}' >good
	expect 0 sg-pub good
	diff <(stored) good
	expect 65 sg-pub -t A <<<'{"t":1,"v":1,"sig":"AA"}'
	expect 65 sg-pub <<<'{"topic":"A","v":1,"sig":"AA"}'
	expect 65 sg-pub <<<'{"topic":"A","t":"2000-01-01T00:00:00Z","v":1,"sig":"AA"}'
	has_count 2
}

# Delivery.

@test "no input, no events, status 0" {
	start_memory_broker
	expect 0 sg-pub </dev/null
	[ ! -s err ]
	has_count 0
}

@test "CRLF, empty lines and a missing last newline do no harm" {
	start_memory_broker
	printf '%s\r\n\n\r\n%s' '{"topic":"A","v":1}' '{"topic":"A","v":2}' |
	    expect 0 sg-pub
	has_values '1 2'
}

@test "several files and - are read one after the other" {
	start_memory_broker
	events A 1 2 >one
	events A 5 6 >two
	events A 3 4 | expect 0 sg-pub one - two
	has_values '1 2 3 4 5 6'
}

@test "200,000 lines arrive once and in order" {
	start_memory_broker
	events A/B 1 200000 >in
	expect 0 sg-pub --stats in
	stored | values | cmp - <(seq 1 200000)
	jq -e '.in == 200000 and .out == 200000' err
}

@test "--stats is one JSON object" {
	start_memory_broker
	events A 1 10 | sg-pub --stats 2>err
	jq -e '.tool == "sg-pub" and .in == 10 and .out == 10 and .frames >= 1 and .bad == 0 and .rate > 0' err
}

@test "an event alone leaves at once" {
	start_memory_broker
	mkfifo fifo
	sg-pub <fifo 2>pub.err 3>&- &
	started+=($!)
	exec 7>fifo
	events A 1 1 >&7
	wait_until has_count 1
	events A 2 2 >&7
	wait_until has_count 2
	exec 7>&-
	ends "${started[-1]}" 0
}

@test "--ack-fd gives the number of the last safe line" {
	start_memory_broker
	{
		events A 1 3
		echo bad
		events A 4 5
	} >in
	expect 65 sg-pub --ack-fd 8 in 8>acks
	[ "$(tail -n 1 acks)" -eq 6 ]
	sort -c -n -u acks
}

@test "--ready-fd tells when the broker is there" {
	start_memory_broker
	mkfifo in
	exec 7<>in
	ready pub sg-pub in
	kill -TERM "$pub_pid"
	ends "$pub_pid" 143
}

@test "TERM and INT deliver what is in hand and leave 143 and 130" {
	start_memory_broker
	local signal status n=0
	mkfifo fifo
	for signal in TERM:143 INT:130; do
		ready pub sg-pub fifo &
		wait $! || :
		exec 7<>fifo
		env --default-signal=INT sg-pub fifo 2>pub.err 3>&- &
		local pid=$!
		started+=($pid)
		n=$((n + 1))
		events A $n $n >&7
		wait_until has_count $n
		kill -"${signal%:*}" $pid
		ends $pid "${signal#*:}"
		exec 7>&-
	done
}

@test "-w ends with 124" {
	start_memory_broker
	mkfifo fifo
	exec 7<>fifo
	events A 1 1 >&7
	expect 124 sg-pub -w 300ms fifo
	has_values 1
}

@test "a broker restart is ridden out: once and in order" {
	start_broker
	events A 1 60000 >in
	mkfifo fifo
	sg-pub --retry 20s <fifo 2>pub.err 3>&- &
	local pid=$!
	started+=($pid)
	exec 7>fifo
	head -n 20000 in >&7
	wait_until has_count 20000
	kill_broker
	sed -n 20001,40000p in >&7
	start_broker 7>&-
	wait_until has_count 40000
	kill_broker
	start_broker 7>&-
	sed -n '40001,$p' in >&7
	exec 7>&-
	ends $pid 0
	stored | values | cmp - <(seq 1 60000)
}

@test "a broker killed under load loses and doubles nothing" {
	start_broker
	events A 1 400000 >in
	sg-pub --retry 20s in 2>pub.err 3>&- &
	local pid=$! i
	started+=($pid)
	for i in 1 2 3; do
		kill_broker
		start_broker
	done
	ends $pid 0
	stored | values | cmp - <(seq 1 400000)
}

@test "when the broker stays away the lines not delivered are counted, 69" {
	start_memory_broker
	mkfifo fifo
	sg-pub --retry 200ms <fifo 2>pub.err 3>&- &
	local pid=$!
	started+=($pid)
	exec 7>fifo
	events A 1 1 >&7
	wait_until has_count 1
	kill_broker
	events A 2 4 >&7
	ends $pid 69
	exec 7>&-
	grep -q '3 lines not delivered.* stdin:2 ' pub.err
}

@test "the second broker of the list is taken when the first is away" {
	start_memory_broker
	events A 1 3 |
	    expect 0 sg-pub --insecure \
	    -b "tcp://127.0.0.1:1,ipc://$XDG_RUNTIME_DIR/sg/broker"
	has_values '1 2 3'
}

@test "a line that the broker alone refuses is reported where it stood" {
	start_memory_broker --max-line 1000
	{
		events A 1 2
		printf '{"topic":"A","v":3,"x":"%01000d"}\n' 0
		events A 4 5
	} >in
	expect 65 sg-pub in
	grep -q 'in:3: refused by the broker: ' err
	[ "$(wc -l <err)" -eq 1 ]
	has_values '1 2 4 5'
	expect 0 sg-pub --dead dead in
	[ "$(wc -l <dead)" -eq 1 ]
}

# The spool.

@test "without a broker lines stay in the spool, 75, and come out later" {
	events A 1 3 | expect 75 sg-pub --spool spool --retry 0 --ack-fd 8 8>acks
	grep -q '3 events stay in the spool' err
	[ "$(tail -n 1 acks)" -eq 3 ]
	events A 4 5 | expect 75 sg-pub --spool spool --retry 0
	start_memory_broker
	expect 0 sg-pub --spool spool </dev/null
	has_values '1 2 3 4 5'
	expect 0 sg-pub --spool spool </dev/null
	has_count 5
}

@test "a large spool empties without a pause" {
	events A 1 1000000 >in
	expect 75 sg-pub --spool spool --retry 0 in
	start_broker
	expect 0 sg-pub --spool spool --retry 0 </dev/null
	stored | values | cmp - <(seq 1 1000000)
}

@test "a second sg-pub on the same spool is refused" {
	start_memory_broker
	mkfifo fifo
	exec 7<>fifo
	ready pub sg-pub --spool spool fifo
	expect 69 sg-pub --spool spool </dev/null
	grep -q 'in use' err
	kill -TERM "$pub_pid"
	ends "$pub_pid" 143
}

@test "a spool that was killed while writing delivers each line once" {
	local i pid
	: >sent
	for i in 1 2 3 4 5; do
		mkfifo "fifo$i"
		sg-pub --spool spool --ack-fd 8 <"fifo$i" 2>pub.err 8>"acks$i" 3>&- &
		pid=$!
		started+=($pid)
		exec 7>"fifo$i"
		events A $((i * 1000 + 1)) $((i * 1000 + 100)) >&7
		wait_until grep -qx 100 "acks$i"
		kill -KILL $pid
		wait $pid || :
		exec 7>&-
		seq $((i * 1000 + 1)) $((i * 1000 + 100)) >>sent
	done
	start_memory_broker
	expect 0 sg-pub --spool spool </dev/null
	stored | values | diff - sent
}

@test "killed while delivering, the spool delivers each line once" {
	start_broker
	events A 1 300000 >in
	expect 75 sg-pub --spool spool --retry 0 -b ipc:///nowhere/broker in
	local i pid
	for i in 1 2 3; do
		sg-pub --spool spool </dev/null 2>pub.err 3>&- &
		pid=$!
		started+=($pid)
		wait_until has_more $((i * 20000))
		kill -KILL $pid || :
		wait $pid || :
	done
	expect 0 sg-pub --spool spool </dev/null
	stored | values | cmp - <(seq 1 300000)
}

has_more() {
	[ "$(stored | wc -l)" -ge "$1" ]
}

@test "a broker killed while the spool is delivered loses and doubles nothing" {
	start_broker
	events A 1 200000 >in
	sg-pub --spool spool --retry 20s in 2>pub.err 3>&- &
	local pid=$! i
	started+=($pid)
	for i in 1 2 3; do
		kill_broker
		start_broker
	done
	ends $pid 0
	stored | values | cmp - <(seq 1 200000)
}

@test "the spool is bounded: the input waits, nothing is lost" {
	events A 1 20000 >in
	sg-pub --spool spool --spool-size 200K --retry 20s in 2>pub.err 3>&- &
	local pid=$!
	started+=($pid)
	wait_until grep -q 'is full' pub.err
	[ "$(du -sb spool | cut -f 1)" -lt 400000 ]
	start_memory_broker
	ends $pid 0
	stored | values | cmp - <(seq 1 20000)
}

@test "a command that expired in the spool is dropped with a report, 65" {
	{
		events A 1 1
		echo '{"topic":"COMMAND/d/on","v":2,"id":"1","ttl":0.05}'
		events A 3 3
	} >in
	expect 75 sg-pub --spool spool --retry 200ms in
	start_memory_broker
	expect 65 sg-pub --spool spool </dev/null
	grep -q 'spool:2: refused by the broker: .*expired' err
	has_values '1 3'
}

@test "a damaged spool is an error that names it, 74" {
	events A 1 3 | expect 75 sg-pub --spool spool --retry 0
	printf x | dd of=spool/0000000000000001.seg bs=1 seek=20 conv=notrunc \
	    status=none
	expect 74 sg-pub --spool spool </dev/null
	grep -q 'spool spool: damaged' err
}

@test "a spool in a folder that cannot be made is an error, 73" {
	expect 73 sg-pub --spool /nowhere/spool </dev/null
}

@test "a full disk in the spool is waited out" {
	need_command unshare
	unshare -r true 2>/dev/null || [ "$(id -u)" -eq 0 ] ||
	    skip "may not mount a small file system"
	mkdir small
	mount -t tmpfs -o size=1m tmpfs small 2>/dev/null ||
	    skip "may not mount a small file system"
	events A 1 30000 >in
	sg-pub --spool small/spool --retry 20s in 2>pub.err 3>&- &
	local pid=$! status=0
	started+=($pid)
	wait_until grep -q 'is full' pub.err || status=1
	start_memory_broker
	ends $pid 0 || status=1
	umount small
	[ $status -eq 0 ]
	stored | values | cmp - <(seq 1 30000)
}

@test "TERM leaves 75 when something stays in the spool" {
	mkfifo fifo
	exec 7<>fifo
	sg-pub --spool spool --ack-fd 8 fifo 2>pub.err 8>acks 3>&- &
	local pid=$!
	started+=("$pid")
	events A 1 2 >&7
	wait_until grep -qx 2 acks
	kill -TERM $pid
	ends $pid 75
	start_memory_broker
	expect 0 sg-pub --spool spool </dev/null
	has_values '1 2'
}
