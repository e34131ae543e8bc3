#!/bin/sh
# check.sh all | programs | unit | bats | sim | asan | tsan | fuzz - build and
# test.
# "programs" is what any machine with one compiler can do: unit tests and bats.
# Each stage prints one line; the output of one that fails goes to stderr.
# The last line is "N passed, N failed", perhaps with ", N skipped".
set -u

cd "$(dirname "$0")/.." || exit 1
jobs=$(nproc)
make=${MAKE:-make}
unset MAKEFLAGS MFLAGS MAKELEVEL
fuzz_seconds=${FUZZ_SECONDS:-18}
logs=build/logs
export BATS_TEST_TIMEOUT="${BATS_TEST_TIMEOUT:-180}"
mkdir -p $logs
passed=0
failed=0
skipped=0
begun=$(date +%s)

# stage NAME PASSED FAILED SKIPPED LOG - Count and report one.
stage() {
	passed=$((passed + $2))
	failed=$((failed + $3))
	skipped=$((skipped + $4))
	printf '%5d s  %-24s %d passed, %d failed, %d skipped\n' \
	    $(($(date +%s) - begun)) "$1" "$2" "$3" "$4"
	if [ "$3" -gt 0 ]; then
		grep -v '^ok ' "$5" | tail -n "${FAIL_LINES:-200}" >&2
	fi
}

# build NAME TARGET MAKE-ARGUMENT... - Warnings are errors.
build() {
	name=$1
	shift
	if "$make" -j"$jobs" WERROR=-Werror "$@" >"$logs/$name" 2>&1; then
		stage "$name" 1 0 0 "$logs/$name"
	else
		stage "$name" 0 1 0 "$logs/$name"
		return 1
	fi
}

# unit NAME DIR - Run all unit tests of a build.
unit() {
	log=$logs/$1
	rm -rf "$log.d"
	mkdir -p "$log.d"
	for program in "$2"/unit/test_*; do
		case $program in
		*.[od] | *'*') continue ;;
		esac
		echo "$program"
	done | xargs -P "$jobs" -n 1 tests/unit.sh "$log.d"
	cat "$log.d"/* >"$log"
	rm -rf "$log.d"
	bad=$(grep -c ': failed$' "$log")
	good=$(sed -n 's/^test_[a-z0-9_]*: \([0-9]*\) passed.*/\1/p' "$log" |
	    awk '{ n += $1 } END { print n + 0 }')
	stage "$1" "$good" "$bad" 0 "$log"
}

# sim NAME PROGRAM SEEDS OPTION... - Twins under faults: each line of its table
# is one.
sim() {
	log=$logs/$1
	name=$1
	program=$2
	seeds=$3
	shift 3
	"$program" --seeds "1-$seeds" "$@" >"$log" 2>&1
	status=$?
	good=$(sed -n 's/^sim: \([0-9]*\) passed.*/\1/p' "$log")
	bad=$(sed -n 's/^sim: .* \([0-9]*\) failed$/\1/p' "$log")
	if [ $status -ne 0 ] && [ "${bad:-0}" -eq 0 ]; then
		echo "the simulation ended with $status" >>"$log"
		bad=1
	fi
	stage "$name, $seeds seeds" "${good:-0}" "${bad:-1}" 0 "$log"
}

# run_bats NAME BINDIR FILE... - Run test files against the programs there.
run_bats() {
	log=$logs/$1
	name=$1
	SG_BIN=$2
	export SG_BIN
	shift 2
	parallel_jobs=
	if command -v parallel >/dev/null; then
		# Most of them wait most of the time.
		parallel_jobs="-j $((jobs * 2))"
	fi
	# shellcheck disable=SC2086
	timeout "${BATS_LIMIT:-600}" bats --formatter tap $parallel_jobs "$@" \
	    >"$log" 2>&1
	status=$?
	skip=$(grep -c '^ok .*# skip' "$log")
	good=$(($(grep -c '^ok ' "$log") - skip))
	bad=$(grep -c '^not ok ' "$log")
	if [ $status -ne 0 ] && [ "$bad" -eq 0 ]; then
		echo "bats ended with $status" >>"$log"
		bad=1
	fi
	stage "$name" $good "$bad" "$skip" "$log"
	sed -n 's/^ok [0-9]* \(.*\) # skip/         skipped: \1:/p' "$log"
}

# What speaks of the tree and not of the programs, or fetches a peer from
# outside, is run once.
program_tests() {
	for file in tests/*.bats; do
		case $file in
		*/repository.bats | */independent.bats) ;;
		*) echo "$file" ;;
		esac
	done
}

do_unit() {
	build "build" unit-programs && unit "unit" "build/${CC:-cc}"
}

do_sim() {
	build "build" sim-programs &&
	    sim "sim" "build/${CC:-cc}/sim" "${SIM_SEEDS:-200}"
}

do_bats() {
	# shellcheck disable=SC2086
	build "build" all && run_bats "bats" bin ${BATS:-tests/*.bats}
}

# asan BATS-FILE...
asan() {
	export ASAN_OPTIONS=abort_on_error=1:detect_leaks=1
	export LSAN_OPTIONS="suppressions=$PWD/tests/lsan.supp:print_suppressions=0"
	export WAIT_LIMIT=60
	export UBSAN_OPTIONS=print_stacktrace=1 SG_SANITIZED=address
	build "build, ASan+UBSan" SAN=address CC=clang all unit-programs \
	    sim-programs || return
	unit "unit, ASan+UBSan" build/address
	sim "sim, ASan+UBSan" build/address/sim 10 --mutant none
	run_bats "bats, ASan+UBSan" build/address/bin "$@"
	unset SG_SANITIZED
}

do_asan() {
	# shellcheck disable=SC2046
	asan $(program_tests)
}

do_tsan() {
	export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp:halt_on_error=1"
	export SG_SANITIZED=thread WAIT_LIMIT=60
	build "build, TSan" SAN=thread CC=clang all unit-programs || return
	unit "unit, TSan" build/thread
	# shellcheck disable=SC2046
	run_bats "bats, TSan" build/thread/bin $(program_tests)
	unset SG_SANITIZED
}

# Each target gets its share of the time; what it finds stays in build/fuzz.
do_fuzz() {
	build "build, fuzz" SAN=fuzzer CC=clang fuzz-programs || return
	set -- tests/fuzz/fuzz_*.c
	[ -e "$1" ] || return
	each=$((fuzz_seconds * jobs / $# + 1))
	rm -f $logs/fuzz.*
	printf '%s\n' "$@" |
	    xargs -P "$jobs" -n 1 tests/fuzz.sh "$each" $logs/fuzz
	good=$(cat $logs/fuzz.*.ok 2>/dev/null | wc -l)
	bad=$(cat $logs/fuzz.*.bad 2>/dev/null | wc -l)
	cat $logs/fuzz.*.log >"$logs/fuzz"
	stage "fuzz, $each s each" "$good" "$bad" 0 "$logs/fuzz"
}

do_programs() {
	build "build" all unit-programs || return
	unit "unit" "build/${CC:-cc}"
	# shellcheck disable=SC2046,SC2086
	run_bats "bats" bin ${BATS:-$(program_tests)}
}

do_all() {
	build "build, gcc" CC=gcc all unit-programs sim-programs
	build "build, clang" CC=clang BINDIR=build/clang/bin all unit-programs
	unit "unit, gcc" build/gcc
	sim "sim" build/gcc/sim 100
	run_bats "bats" bin tests/*.bats
	do_fuzz
	# Of those that take most from outside; make asan runs all.
	asan tests/gate.bats tests/sg-csv.bats tests/sg-open.bats
}

case ${1:-all} in
all | programs | unit | bats | sim | asan | tsan | fuzz) "do_$1" ;;
*)
	echo "usage: check.sh all | programs | unit | bats | sim | asan | tsan |" \
	    "fuzz" >&2
	exit 64
	;;
esac

if [ $skipped -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ $failed -eq 0 ] && [ $passed -gt 0 ]
