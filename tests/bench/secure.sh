#!/bin/bash
# secure: events from a file to a reader that drops them, through sessions
# beside the plain protocol; tls: the same beside mosquitto over TLS 1.3.
# shellcheck disable=SC2154	# of bench.sh and tools.sh

# carry N FILE URL OPTION... - Events a second from FILE to a reader, through
# the broker that listens there.
carry() {
	local n=$1 file=$2 to=$3 begin sub
	shift 3
	start_ready "$bin/sg-sub" -b "$to" "$@" -w 120s -n "$n" '#' || return
	sub=$last
	begin=$(now)
	"$bin/sg-pub" -b "$to" "$@" -q "$file"
	wait "$sub" && rate "$n" "$begin" "$(now)"
}

# carry_secure N FILE ipc|tcp BROKER-OPTION...
carry_secure() {
	local n=$1 file=$2 over=$3 to
	shift 3
	start_secure_broker "$@" || return
	to=ipc://$XDG_RUNTIME_DIR/hub
	[ "$over" = ipc ] || to=tcp://$address
	carry "$n" "$file" "$to" -k "$network/keys/m.key" --trust "$network"
	stop "$broker"
}

# carry_plain N FILE ipc|tcp BROKER-OPTION...
carry_plain() {
	local n=$1 file=$2 over=$3
	shift 3
	if [ "$over" = ipc ]; then
		start_broker -q -l "ipc://$XDG_RUNTIME_DIR/hub" "$@" || return
		carry "$n" "$file" "ipc://$XDG_RUNTIME_DIR/hub"
	else
		start_tcp_broker "$@" || return
		carry "$n" "$file" "tcp://$address" --insecure
	fi
	stop "$broker"
}

secure() {
	local round over
	make_network || return
	make_events 2000000 110 1000 "$dir/ev110"
	for ((round = 0; round < ROUNDS; round++)); do
		for over in ipc tcp; do
			carry_secure 2000000 "$dir/ev110" "$over" \
			    >>"$dir/x.$over"
			carry_plain 2000000 "$dir/ev110" "$over" \
			    >>"$dir/p.$over"
			carry_secure 2000000 "$dir/ev110" "$over" --memory \
			    >>"$dir/xm.$over"
			carry_plain 2000000 "$dir/ev110" "$over" --memory \
			    >>"$dir/pm.$over"
		done
	done
	rm "$dir/ev110"
	heading "Events a second through sessions, beside plain; 110 B"
	for over in ipc tcp; do
		line "$over, fsync before ack" "x.$over" "p.$over" '>=0.5'
		line "$over, --memory" "xm.$over" "pm.$over" '>=0.5'
	done
}

# certificate NAME - In $dir/tls, signed by the authority there.
certificate() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -keyout "$dir/tls/$1.key" -out "$dir/tls/$1.csr" -subj "/CN=$1" &&
	    openssl x509 -req -in "$dir/tls/$1.csr" -CA "$dir/tls/ca.pem" \
		-CAkey "$dir/tls/ca.key" -CAcreateserial -days 2 \
		-extfile "$dir/tls/ext" -out "$dir/tls/$1.pem"
}

make_certificates() {
	[ ! -e "$dir/tls" ] || return 0
	mkdir "$dir/tls"
	echo "subjectAltName=DNS:localhost,IP:127.0.0.1" >"$dir/tls/ext"
	{
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
		    -nodes -keyout "$dir/tls/ca.key" -out "$dir/tls/ca.pem" \
		    -subj /CN=ca -days 2 && certificate server &&
		    certificate client
	} 2>"$dir/tls/err" || {
		say "openssl: $(tail -n 1 "$dir/tls/err")"
		return 1
	}
}

# start_tls_mosquitto - At a free $port, TLS 1.3 alone, certificates of both
# sides, nothing dropped, nothing logged; pid in $server.
start_tls_mosquitto() {
	make_certificates || return
	free_port
	cat >"$dir/tls/conf" <<-END
		user $(id -un)
		listener $port 127.0.0.1
		cafile $dir/tls/ca.pem
		certfile $dir/tls/server.pem
		keyfile $dir/tls/server.key
		require_certificate true
		tls_version tlsv1.3
		allow_anonymous true
		max_queued_messages 0
		set_tcp_nodelay true
		log_type none
	END
	launch "$(mosquitto_program)" -c "$dir/tls/conf"
	server=$last
	wait_until listens "$port"
}

# mqtt pub|sub ARGUMENT... - mosquitto's client over TLS.
mqtt() {
	local program=mosquitto_$1
	shift
	"$program" -h localhost -p "$port" --tls-version tlsv1.3 \
	    --cafile "$dir/tls/ca.pem" --cert "$dir/tls/client.pem" \
	    --key "$dir/tls/client.key" "$@"
}

# by_tls_mosquitto N FILE - QoS 0; the kept message tells that the reader is
# there.
by_tls_mosquitto() {
	local n=$1 begin sub
	start_tls_mosquitto || return
	mqtt pub -t bench/hello -r -m hello
	mqtt sub -t bench/hello -t bench/events -C "$((n + 1))" \
	    >"$dir/tls/got" &
	sub=$!
	pids+=("$sub")
	wait_until test -s "$dir/tls/got"
	begin=$(now)
	mqtt pub -t bench/events -l <"$2"
	wait "$sub" && rate "$n" "$begin" "$(now)"
	stop "$server"
}

tls_handshakes() {
	local cpu elapsed
	start_tls_mosquitto || return
	read -r cpu elapsed < <("$peers/tls" "127.0.0.1:$port" \
	    "$dir/tls/ca.pem" "$dir/tls/client.pem" "$dir/tls/client.key" \
	    "$server" "$HANDSHAKES")
	stop "$server"
	awk "BEGIN { print 1000 * $cpu }" >>"$dir/tls.hs"
	awk "BEGIN { print 1 / $elapsed }" >>"$dir/tls.hs.elapsed"
}

tls() {
	local round
	make_network || return
	make_events 2000000 110 1000 "$dir/ev110"
	head -n 300000 "$dir/ev110" >"$dir/ev110.300k"
	for ((round = 0; round < ROUNDS; round++)); do
		carry_secure 2000000 "$dir/ev110" tcp --memory >>"$dir/tls.m"
		carry_secure 2000000 "$dir/ev110" tcp >>"$dir/tls.d"
		our_handshakes tls.ours
		mosquitto_program >/dev/null || continue
		by_tls_mosquitto 300000 "$dir/ev110.300k" >>"$dir/tls.mq"
		[ ! -e "$peers/tls" ] || tls_handshakes
	done
	rm "$dir"/ev110*
	heading "Sessions beside mosquitto over TLS 1.3, 110 B, TCP"
	line "events/s, --memory; mosquitto QoS 0" tls.m tls.mq '>=5'
	line "events/s, fsync before ack; mosquitto QoS 0" tls.d tls.mq '>=5'
	line "CPU ms of the broker for a handshake" tls.ours tls.hs '<=2'
	line "handshakes/s by the clock, both ends here" tls.ours.elapsed \
	    tls.hs.elapsed
}
