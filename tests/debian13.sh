#!/bin/sh
# debian13.sh [--root] - build the tree and run its tests in a Debian 13 root,
# which is made once under build/ (or $SG_DEBIAN13); --root: only make that.
# Needs root.  Packages come from where this machine gets its own.
# The last line is "N passed, N failed", perhaps with ", N skipped".
set -eu

cd "$(dirname "$0")/.."
root=${SG_DEBIAN13:-$PWD/build/debian13}
data=$(realpath -m "${SG_TEST_DATA:-../shared/data}")
limit=${DEBIAN13_LIMIT:-600}
release=trixie

give_up() {
	echo "debian13: $*" >&2
	echo "0 passed, 1 failed"
	exit 1
}

# The address of the first Debian archive in apt's own sources.
mirror() {
	cat /etc/apt/sources.list.d/*.sources 2>/dev/null |
	    awk '/^URIs:/ { uri = $2 }
		/^Suites:/ { suites = $0 }
		/^$/ { show() }
		END { show() }
		function show() {
			if (uri != "" && suites !~ /security/ &&
			    uri ~ /debian\/*$/)
				print uri
			uri = suites = ""
		}'
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
	    sed -n 's/^deb  *\(\[[^]]*\]  *\)\{0,1\}\([^ ]*debian\/*\) .*/\2/p'
}

make_root() {
	from=$(mirror | sed 1q)
	[ -n "$from" ] || give_up "no Debian archive in apt's sources"
	include=$(tests/deps.sh --list build test | paste -sd,)
	rm -rf "$root"
	mkdir -p "$root" build/logs
	echo "debian13: making $release in $root"
	debootstrap --variant=minbase --include="$include" $release "$root" \
	    "$from" >build/logs/debootstrap 2>&1 || {
		tail -n 20 build/logs/debootstrap >&2
		give_up "debootstrap failed"
	}
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
	rm -rf "$root"/var/cache/apt/archives/*.deb
	tests/deps.sh --list build test >"$root/complete"
}

# Runs in a mount namespace of its own, so that nothing stays mounted.
run_inside() {
	# What stands on libraries of other versions there: nng, jq, sodium.
	bats=
	for name in wire sessions sg-broker sg-sub sg-rule sg-trust sg-verify \
	    demo; do
		bats="$bats tests/$name.bats"
	done
	mount --bind "$root" "$root"
	mount -t proc proc "$root/proc"
	mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
	mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" 2>/dev/null || :
	# Pseudo-terminals of its own.
	mkdir -p "$root/dev/pts"
	mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
	ln -sf pts/ptmx "$root/dev/ptmx"
	if [ -d "$data" ]; then
		mkdir -p "$root/data"
		mount --bind "$data" "$root/data"
		mount -o remount,bind,ro "$root/data"
	fi
	exec timeout -k 10 "$limit" chroot "$root" /usr/bin/env -i \
	    PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root \
	    LC_ALL=C.UTF-8 SG_TEST_DATA=/data BATS="$bats" \
	    sh -c 'cd /tree && exec tests/check.sh programs'
}

if [ "${1:-}" = --inside ]; then
	run_inside
fi

[ "$(id -u)" -eq 0 ] || give_up "needs root"
command -v debootstrap >/dev/null || give_up "no debootstrap here"
if [ "$(tests/deps.sh --list build test)" != \
    "$(cat "$root/complete" 2>/dev/null)" ]; then
	make_root
fi
if [ "${1:-}" = --root ]; then
	exit 0
fi
echo '127.0.0.1 localhost' >"$root/etc/hosts"
rm -rf "$root/tree"
mkdir "$root/tree"
tar -c --exclude=./build --exclude=./bin --exclude=./.git . |
    tar -x -C "$root/tree"
status=0
unshare -m --propagation private "$0" --inside || status=$?
if [ $status -eq 124 ]; then
	give_up "not done within $limit s"
fi
exit $status
