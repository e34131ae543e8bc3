#!/bin/sh
# fuzz.sh SECONDS PREFIX tests/fuzz/fuzz_NAME.c - run one built fuzz target;
# leaves PREFIX.NAME.log and one line in PREFIX.NAME.ok or .bad.
set -u

seconds=$1
prefix=$2
name=$(basename "$3" .c)
program=build/fuzzer/fuzz/$name
corpus=build/corpus/$name
seeds=tests/fuzz/${name#fuzz_}

mkdir -p "$corpus"
set -- "$corpus"
if [ -d "$seeds" ]; then
	set -- "$@" "$seeds"
fi
if timeout $((seconds + 60)) "$program" -max_total_time="$seconds" \
    -rss_limit_mb=1024 -timeout=10 -artifact_prefix="build/corpus/$name-" \
    "$@" >"$prefix.$name.log" 2>&1; then
	echo "$name" >"$prefix.$name.ok"
else
	echo "$name: failed" >"$prefix.$name.bad"
fi
