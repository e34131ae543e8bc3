#!/bin/sh
# deps.sh GROUP... - install the packages of tests/packages that are missing.
# Asks nothing; says nothing if all is there.  deps.sh --list GROUP... prints
# the first choices instead.
set -eu

list=$(dirname "$0")/packages

say() {
	echo "deps: $*" >&2
}

have() {
	[ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]
}

known() {
	apt-cache show --no-all-versions "$1" >/dev/null 2>&1
}

clang_version() {
	apt-cache depends clang 2>/dev/null |
	    sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | sed 1q
}

# The packages of the groups, one line of alternatives each.
wanted() {
	version=$1
	shift
	for group; do
		sed -n "s/^$group //p" "$list" | sed "s/@CLANG@/$version/g"
	done | awk '!seen[$0]++'
}

# Of each line of alternatives, print none if one is installed, else "?" and
# the line (apt's lists may not be there yet), or the first that apt knows.
missing() {
	while read -r line; do
		pick=
		for package in $line; do
			if have "$package"; then
				pick=-
				break
			fi
			if [ -z "$pick" ] && known "$package"; then
				pick=$package
			fi
		done
		[ "$pick" = - ] || echo "${pick:-?$line}"
	done
}

if [ "$1" = --list ]; then
	shift
	wanted '' "$@" | sed 's/ .*//'
	exit 0
fi

if ! command -v apt-get >/dev/null; then
	say "no apt-get here; make sure of:" \
	    "$(wanted '' "$@" | tr '\n' ' ')"
	exit 0
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
	as_root="sudo -n"
fi

install_missing() {
	# shellcheck disable=SC2086
	$as_root env DEBIAN_FRONTEND=noninteractive "$@"
}

todo=$(wanted "$(clang_version)" "$@" | missing)
[ -n "$todo" ] || exit 0

if [ -n "$as_root" ] && ! sudo -n true 2>/dev/null; then
	say "not root and no sudo; please install:" "$(echo "$todo" | tr '\n?' '  ')"
	exit 1
fi
install_missing apt-get -qq update
todo=$(wanted "$(clang_version)" "$@" | missing)
unknown=$(echo "$todo" | sed -n 's/^?//p')
todo=$(echo "$todo" | sed '/^?/d')
if [ -n "$unknown" ]; then
	say "this release has no package: $(echo "$unknown" | tr '\n' ' ')"
fi
[ -n "$todo" ] || exit 0

say "installing $(echo "$todo" | tr '\n' ' ')"
# Services of the packages (the peers of the bench) are not to be started.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap '$as_root rm -f $policy' EXIT
	trap 'exit 1' INT TERM HUP
	printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
	$as_root chmod 755 $policy
fi
log=$(mktemp)
# shellcheck disable=SC2086
if ! install_missing apt-get -y --no-install-recommends install $todo \
    >"$log" 2>&1; then
	tail -n 20 "$log" >&2
	rm -f "$log"
	exit 1
fi
rm -f "$log"
