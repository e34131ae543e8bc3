# A pair of brokers and their clients, each in a network of its own, and the
# cables between them.

load helpers
load pair

setup() {
	[ "$(id -u)" -eq 0 ] || skip "needs root for network namespaces"
	need_command ip nsenter unshare
	unshare --net true 2>/dev/null ||
	    skip "no network namespaces can be made here"
	common_setup
	networks
}

teardown() {
	[ -z "${TEST_TMP:-}" ] || common_teardown
}

# Networks A, B and C (the clients) with a cable between any two.
networks() {
	local name
	for name in A B C; do
		background "net_$name" unshare --net sleep infinity
		wait_until separate "net_$name"
		at "$name" ip link set lo up
	done
	cable A B 10.0.1
	cable A C 10.0.2
	cable B C 10.0.3
}

separate() {
	local pid=${1}_pid
	[ "$(readlink "/proc/${!pid}/ns/net")" != \
	    "$(readlink /proc/self/ns/net)" ]
}

# at A|B|C COMMAND... - In that network.
at() {
	local pid=net_${1}_pid
	shift
	nsenter -n -t "${!pid}" "$@"
}

# cable A|B B|C NETWORK - Its ends are named after each other.
cable() {
	local other=net_${2}_pid
	at "$1" ip link add "to$2" type veth peer name "to$1" netns "${!other}"
	at "$1" ip addr add "$3.1/24" dev "to$2"
	at "$2" ip addr add "$3.2/24" dev "to$1"
	at "$1" ip link set "to$2" up
	at "$2" ip link set "to$1" up
}

# pull A|B B|C, plug A|B B|C - The end of the cable at the first: what the
# other sends is lost without a word.
pull() {
	at "$1" ip link set "to$2" down
}

plug() {
	at "$1" ip link set "to$2" up
}

# In place of those of pair.bash: tcp, each in its network.
url() {
	[ "$1" = A ] && echo tcp://10.0.2.1:7788 || echo tcp://10.0.3.1:7788
}

start_twin() {
	local name=$1 other=tcp://10.0.1.2:7788
	[ "$name" = A ] || other=tcp://10.0.1.1:7788
	pair_urls
	ready "$name" at "$name" sg-broker --name "$name" -d "store.$name" \
	    -l tcp://0.0.0.0:7788 --insecure --twin "$other"
}

# Clients are at C; the state is asked at the broker itself.
asked() {
	at "$1" nngcat --req --dial tcp://127.0.0.1:7788 --raw \
	    --recv-timeout 2 --data "$2"
}

sg-pub() {
	at C "$SG_BIN/sg-pub" --insecure "$@"
}

sg-sub() {
	at C "$SG_BIN/sg-sub" --insecure "$@"
}

@test "when the way to a broker is cut, clients go on at the other" {
	local cut
	start_pair
	subscriber sub 'T'
	publisher pub
	feed pub T 1 500
	wait_lines 500 sub.out
	pull A C
	cut=$(date +%s%N)
	feed pub T 501 1000
	wait_lines 1000 sub.out
	# 3 s are promised; a loaded machine is given more.
	[ $(($(date +%s%N) - cut)) -lt 6000000000 ]
	acknowledged pub 1000
	plug A C
	feed pub T 1001 1500
	published pub
	wait_lines 1500 sub.out
	counted sub.out 1500
	same_set T
	[ "$(wc -l <set.A)" -eq 1500 ]
}

@test "a way that loses everything one way is a way that is cut" {
	start_pair
	subscriber sub 'T'
	publisher pub
	feed pub T 1 500
	wait_lines 500 sub.out
	# The clients' address is gone: what comes for it is dropped.
	at C ip addr del 10.0.2.2/24 dev toA
	feed pub T 501 1000
	wait_lines 1000 sub.out
	published pub
	counted sub.out 1000
	at C ip addr add 10.0.2.2/24 dev toA
	same_set T
}

@test "a pair that is cut in two serves on both sides, and becomes one again" {
	start_pair
	publisher p1
	publisher p2 -b "$(url B),$(url A)"
	subscriber s1 'T/#'
	subscriber s2 'T/#' -b "$(url B),$(url A)"
	feed p1 T/1 1 100
	feed p2 T/2 1 100
	wait_lines 200 s1.out
	wait_lines 200 s2.out
	pull A B
	alone A
	alone B
	feed p1 T/1 101 200
	feed p2 T/2 101 200
	wait_lines 300 s1.out
	wait_lines 300 s2.out
	[ "$(grep -c T/2 s1.out)" -eq 100 ]
	[ "$(grep -c T/1 s2.out)" -eq 100 ]
	plug A B
	wait_lines 400 s1.out
	wait_lines 400 s2.out
	published p1
	published p2
	for sub in s1 s2; do
		grep T/1 $sub.out >one
		counted one 200
		grep T/2 $sub.out >two
		counted two 200
	done
	same_set 'T/#'
	state A '.degraded == []'
	state B '.degraded == []'
}

@test "a broker cut off from its twin and its clients loses nothing" {
	start_pair
	subscriber sub 'T'
	publisher pub
	feed pub T 1 200
	wait_lines 200 sub.out
	# Both in the midst of a stream.
	feed pub T 201 20000
	wait_lines 300 sub.out
	pull A B
	pull A C
	wait_until grep -q '"v":20000,' sub.out
	plug A B
	plug A C
	feed pub T 20001 20100
	published pub
	wait_lines 20100 sub.out
	counted sub.out 20100
	same_set T
	[ "$(wc -l <set.A)" -eq 20100 ]
}
