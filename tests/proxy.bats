# Through an HTTP proxy, Debian's tinyproxy: what goes through, and what is
# said when it does not.  Refusals first.

load helpers

# start_proxy [LINE]... - tinyproxy on a port nobody has, in $PROXY.
start_proxy() {
	need_command tinyproxy
	local port tries=0
	until [ $((tries++)) -ge 20 ]; do
		port=$((20000 + RANDOM % 12000))
		printf '%s\n' "Port $port" "Listen 127.0.0.1" "Timeout 60" \
		    "MaxClients 50" "$@" >proxy.conf
		background proxy tinyproxy -d -c proxy.conf
		wait_until proxy_decided "$port" || return 1
		PROXY=http://127.0.0.1:$port
		# shellcheck disable=SC2154	# set by background
		_gone "$proxy_pid" || return 0
	done
	return 1
}

# It listens, or has ended because somebody else does.
proxy_decided() {
	# shellcheck disable=SC2154	# set by background
	_gone "$proxy_pid" || (exec 7<>"/dev/tcp/127.0.0.1/$1")
}

start_sessions() {
	trust_network
	start_memory_broker -l tcp://127.0.0.1:0
	URL=$(broker_tcp)
}

# expect STATUS COMMAND... - stdout to out, stderr to err.
expect() {
	local want=$1 got=0
	shift
	"$@" >out 2>err || got=$?
	[ "$got" -eq "$want" ] && return
	echo "status $got, expected $want: $*"
	cat err
	return 1
}

# answer_with TEXT - A proxy that says what is in the file answer, for each
# connection, and then waits.
answer_with() {
	# shellcheck disable=SC2059	# it is a format
	printf "$1" >answer
	background fake python3 -u -c '
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1])
kept = []
while True:
    kept.append(server.accept()[0])
    kept[-1].sendall(open("answer", "rb").read())
'
	wait_lines 1 fake.out
	PROXY=http://127.0.0.1:$(cat fake.out)
}

@test "a proxy's URL with a password is refused, and the password not shown" {
	expect 64 sg-pub --insecure -b tcp://127.0.0.1:1 \
	    --proxy http://user:geheim@127.0.0.1:3128 </dev/null
	grep -q 'error: proxy: user and password belong in a file' err
	run ! grep geheim err
	expect 64 sg-sub --insecure -b tcp://127.0.0.1:1 --proxy ftp://x:1
	grep -q 'error: proxy: not http://host:port' err
	expect 64 sg-sub --insecure -b tcp://127.0.0.1:1 --proxy http://x
}

@test "a file for the proxy's password that others can read is refused" {
	echo user:secret >auth
	chmod 644 auth
	expect 78 sg-pub --insecure -b tcp://127.0.0.1:1 \
	    --proxy http://127.0.0.1:1 --proxy-auth auth </dev/null
	grep -q 'error: auth: can be read by others' err
	echo nocolon >auth2
	chmod 600 auth2
	expect 78 sg-sub --insecure -b tcp://127.0.0.1:1 \
	    --proxy http://127.0.0.1:1 --proxy-auth auth2
	grep -q 'error: auth2: not one line USER:PASSWORD' err
}

@test "no proxy there is status 69, and says that it is the proxy" {
	expect 69 sg-pub --insecure -b tcp://127.0.0.1:1 --retry 100ms \
	    --proxy http://127.0.0.1:1 </dev/null
	grep -q 'error: no broker: tcp://127.0.0.1:1: the proxy: ' err
	[ "$(wc -l <err)" -eq 1 ]
}

@test "a proxy that talks nonsense, too much or breaks off is status 69" {
	answer_with 'SSH-2.0-x\r\n'
	expect 69 sg-sub --insecure -b tcp://b.example:1 --retry 100ms \
	    --proxy "$PROXY"
	grep -q 'the proxy does not speak HTTP' err
	awk 'BEGIN { printf "HTTP/1.1 200 OK\r\n"
		for (i = 0; i < 900; i++) printf "X: 1234567\r\n" }' >answer
	expect 69 sg-sub --insecure -b tcp://b.example:1 --retry 100ms \
	    --proxy "$PROXY"
	grep -q 'the proxy answers at too great length' err
	printf 'HTTP/1.1 502 Bad Gateway\r\n\r\n' >answer
	expect 69 sg-sub --insecure -b tcp://b.example:1 --retry 100ms \
	    --proxy "$PROXY"
	grep -q 'the proxy does not reach the broker' err
}

@test "a proxy that forbids it, or wants a password, is status 77" {
	start_proxy 'BasicAuth user secret' 'ConnectPort 1'
	echo user:wrong >auth
	chmod 600 auth
	expect 77 sg-pub --insecure -b tcp://127.0.0.1:1 --proxy "$PROXY" \
	    </dev/null
	grep -q 'the proxy wants user and password: --proxy-auth FILE' err
	expect 77 sg-pub --insecure -b tcp://127.0.0.1:1 --proxy "$PROXY" \
	    --proxy-auth auth </dev/null
	grep -q 'the proxy does not take this user and password' err
	echo user:secret >auth
	expect 77 sg-pub --insecure -b tcp://127.0.0.1:2 --proxy "$PROXY" \
	    --proxy-auth auth </dev/null
	grep -q 'the proxy forbids it (403)' err
	[ "$(wc -l <err)" -eq 1 ]
}

@test "events go through a proxy in a session, and come back" {
	start_sessions
	start_proxy 'BasicAuth user secret'
	echo user:secret >auth
	chmod 600 auth
	events A/B 1 20000 >in
	SG_PROXY=$PROXY expect 0 sg-pub -b "$URL" --proxy-auth auth --stats in
	grep -q '"out":20000,"bad":0' err
	expect 0 sg-sub -b "$URL" --proxy "$PROXY" --proxy-auth auth -e 'A/#'
	values in >want
	values out | cmp - want
	[ -z "$(find "$XDG_RUNTIME_DIR" -name 'sg-tunnel*')" ]
	grep -q "CONNECT ${URL#tcp://}" proxy.out proxy.err
}

@test "events go through a proxy in plain text as well, if that is wanted" {
	start_memory_broker -l tcp://127.0.0.1:0 --insecure
	URL=$(broker_tcp)
	start_proxy
	events A/B 1 100 | expect 0 sg-pub --insecure -b "$URL" --proxy "$PROXY"
	expect 0 sg-sub --insecure -b "$URL" --proxy "$PROXY" -f csv \
	    --columns v -e
	[ "$(wc -l <out)" -eq 101 ]
}

@test "ipc goes past the proxy" {
	start_memory_broker
	events A/B 1 3 | expect 0 sg-pub --proxy http://127.0.0.1:1
}

@test "a reader gets on when the proxy is started again" {
	start_sessions
	start_proxy
	ready reader sg-sub -b "$URL" --proxy "$PROXY" 'A/#'
	events A/B 1 3 | sg-pub -b "$URL"
	wait_lines 3 reader.out
	kill -KILL "$proxy_pid"
	wait "$proxy_pid" 2>/dev/null || :
	events A/B 4 6 | sg-pub -b "$URL"
	background proxy tinyproxy -d -c proxy.conf
	wait_lines 6 reader.out
	[ "$(values reader.out | tr '\n' ' ')" = '1 2 3 4 5 6 ' ]
	# shellcheck disable=SC2154	# set by ready
	kill -TERM "$reader_pid"
	ends "$reader_pid" 143
}

@test "a proxy's password without a proxy is a mistake" {
	echo 'user:word' >auth
	chmod 600 auth
	run -64 sg-pub --proxy-auth auth </dev/null
	[ "$output" = "sg-pub: error: --proxy-auth is for --proxy" ]
}
