# What every program, header, manual and script of the tree has to have.
# The lists come from the tree; nothing here names a program, but for the
# table of outputs at the end.

load helpers

setup() {
	common_setup
	cd "$ROOT" || return 1
}

programs() {
	local file
	for file in cmd/*.c; do
		basename "$file" .c
	done
}

manual_of() {
	ls man/"$1".[1-8] 2>/dev/null
}

# none COMMAND... - Fails, showing it, if the command prints anything; an
# audit that fails without a word is no success either.
none() {
	local found status=0
	found=$("$@") || status=$?
	if [ -n "$found" ] || [[ $1 == tests/audit.py && $status -ne 0 ]]; then
		echo "$found"
		return 1
	fi
}

without_manual() {
	local name
	for name in $(programs); do
		manual_of "$name" >/dev/null || echo "no manual: $name"
	done
}

@test "every program has a manual" {
	none without_manual
}

without_test() {
	local name
	for name in $(programs); do
		[ -e "tests/$name.bats" ] || echo "no test: $name"
	done
}

@test "every program has a test file" {
	none without_test
}

without_completion() {
	local name file
	for name in $(programs); do
		for file in "bash/$name" "zsh/_$name" "fish/$name.fish"; do
			[ -e "completions/$file" ] || echo "absent: $file"
		done
	done
}

@test "every program has completions for three shells" {
	none without_completion
}

without_index_line() {
	local name
	for name in $(programs); do
		grep -q "^| .*\`$name\`" README.md || echo "not listed: $name"
	done
}

@test "every program has a line in the README's index" {
	none without_index_line
}

@test "completions are what make completions writes" {
	completions/generate "$SG_BIN" "$TEST_TMP/completions"
	none diff -r -x generate completions "$TEST_TMP/completions"
}

@test "completions are correct in the eyes of their shells" {
	need_command zsh fish
	local file
	for file in completions/bash/*; do
		bash -n "$file"
	done
	for file in completions/zsh/*; do
		zsh -n "$file"
	done
	for file in completions/fish/*; do
		fish -n "$file"
	done
}

option_differences() {
	local name
	for name in $(programs); do
		"$name" --print-options >"$TEST_TMP/rows"
		[ -z "$(manual_of "$name")" ] ||
		    tests/audit.py options "$(manual_of "$name")" \
			"$TEST_TMP/rows" || :
	done
}

@test "a fixed clock that is no time is refused by every program" {
	local name
	for name in $(programs); do
		SG_NOW=noon run -64 "$name"
		[[ "$output" == "$name: error: SG_NOW: bad value 'noon'"* ]]
		SG_NOW='' run -0 "$name" --help
	done
}

@test "manuals describe the options that programs have, and no others" {
	none option_differences
}

help_differences() {
	local name
	for name in $(programs); do
		"$name" --help | grep -o -- '--[a-z][a-z0-9-]*' |
		    sort -u >"$TEST_TMP/help"
		"$name" --print-options | cut -f 2 | sed 's/^/--/' |
		    sort -u >"$TEST_TMP/rows"
		diff "$TEST_TMP/help" "$TEST_TMP/rows" | sed "s/^/$name: /"
	done
}

@test "--help names every option" {
	none help_differences
}

too_long_help() {
	local name
	for name in $(programs); do
		"$name" --help | awk -v name="$name" '
			length > 80 { print name ": " $0 }
			/^examples:$/ { examples = NR }
			END {
				if (NR > 42)
					print name ": " NR " lines"
				if (!examples || NR < examples + 2)
					print name ": lacks two examples"
			}'
	done
}

@test "--help fits a screen and ends with two examples" {
	none too_long_help
}

bad_usage_status() {
	local name status
	for name in $(programs); do
		status=0
		"$name" --no-such-option >/dev/null 2>"$TEST_TMP/err" ||
		    status=$?
		[ $status -eq 64 ] || echo "$name: status $status"
		[ "$(wc -l <"$TEST_TMP/err")" -eq 1 ] ||
		    echo "$name: not one line: $(cat "$TEST_TMP/err")"
		grep -q "^$name: error: .*--help" "$TEST_TMP/err" ||
		    echo "$name: $(cat "$TEST_TMP/err")"
	done
}

@test "an unknown option is one line on stderr and status 64" {
	none bad_usage_status
}

@test "rooms include only the rooms above them" {
	none tests/audit.py layers
}

@test "each third-party library is known to its one module" {
	none tests/audit.py libraries
}

@test "no unsafe functions, typedefs, function-like macros, or output of the library" {
	none tests/audit.py forbidden
}

@test "every prototype of a header has its contract" {
	none tests/audit.py contracts
}

@test "manuals pass mandoc's lint" {
	need_command mandoc
	mandoc -Tlint -W warning man/*.[1-8]
}

@test "examples call programs by options that they have" {
	none tests/audit.py examples
}

dead_references() {
	local page ref name
	for page in man/*.[1-8]; do
		sed -n 's/^\.Xr \(sg-[^ ]*\) \([1-8]\).*/\1.\2/p' "$page" |
		while read -r ref; do
			[ -e "man/$ref" ] || echo "$page: no $ref"
		done
	done
}

@test "manuals refer only to pages that exist" {
	none dead_references
}

scripts() {
	grep -rlE '^#!/bin/(ba)?sh' .ci completions share tests \
	    --exclude-dir=data
}

@test "scripts pass shellcheck" {
	need_command shellcheck
	# shellcheck disable=SC2046
	shellcheck $(scripts)
	shellcheck -s bash tests/*.bash completions/bash/*
}

# Headers are not: their comments are aligned in columns by hand.
@test "C files are formatted by .clang-format" {
	need_command clang-format
	clang-format --version | grep -q 'version 14\.' ||
	    skip "clang-format is not version 14"
	find lib cmd tests -name '*.c' -print0 |
	    xargs -0 clang-format --dry-run -Werror
}

# Where time itself is measured, a comment in the line says so.
sleeping_tests() {
	grep -nE '(^|[;&|({[:space:]])sleep [0-9]' tests/*.bats |
	    grep -vE 'sleep [0-9.]+[[:space:]]+# '
}

@test "no test sleeps without a reason" {
	none sleeping_tests
}

not_installed() {
	local name file
	for name in $(programs); do
		for file in "bin/$name" "share/man/man*/$name.[1-8]" \
		    "share/bash-completion/completions/$name" \
		    "share/zsh/site-functions/_$name" \
		    "share/fish/vendor_completions.d/$name.fish"; do
			compgen -G "$1/$file" >/dev/null || echo "no $file"
		done
		"$1/bin/$name" --version >/dev/null || echo "$name does not run"
	done
	diff -r share "$1/share/sg"
}

@test "make install puts everything where it belongs" {
	make -s -o all install BINDIR="$SG_BIN" PREFIX=/usr DESTDIR="$TEST_TMP"
	none not_installed "$TEST_TMP/usr"
}

# A line that makes each program write to standard output: NAME COMMAND.
# "-": it writes nothing there but --help.
outputs() {
	cat <<-'END'
	sg-broker -
	sg-pub -
	sg-sub sg-sub -e '#'
	sg-csv sg-csv --topic 'A/{meter}' --time t --value v --scale 1 rows.csv
	sg-trust sg-trust export --trust net meter-01 --age
	sg-aggregate sg-aggregate --window 1m --from 'A/{meter}' --to 'B/{meter}' --stat sum events
	sg-rule sg-rule --rule rule.jq events
	sg-sign sg-sign -k net/keys/operator.key --trust net events
	sg-verify sg-verify --trust net --keep events
	sg-seal sg-seal -k net/keys/flat12.key --trust net -r dso events
	sg-sim sg-sim --limit 3 --speed max
	sg-open sg-open -k net/keys/dso.key --trust net --keep events
	sg-capacity sg-capacity table1
	sg-check sg-check keys --trust net
	sg-proxy-enocean sg-proxy-enocean --telegrams packets
	END
}

without_output_line() {
	local name
	for name in $(programs); do
		outputs | grep -q "^$name " || echo "no line: $name"
	done
}

@test "every program has a line in the table of outputs" {
	none without_output_line
}

output_inputs() {
	cd "$TEST_TMP" || return 1
	printf 't,meter,v\n2020-01-01T00:00:00Z,1,5\n' >rows.csv
	events A/1 1 10 >events
	echo 'module {"topics": ["A/#"]}; .topic = "B"' >rule.jq
	echo 'D5 09 01825DAB' | "$ROOT/tests/enocean_packets.py" >packets
	sg-trust demo net
	start_memory_broker
	sg-pub <events
}

lost_errors() {
	local name line status
	outputs | while read -r name line; do
		if [ "$line" = - ]; then
			line="$name --help"
		fi
		for line in "$line" "$name --help"; do
			status=0
			bash -c "$line" >/dev/full 2>/dev/null </dev/null ||
			    status=$?
			[ $status -eq 74 ] || echo "$line: status $status"
			status=0
			bash -c "$line" >&- 2>/dev/null </dev/null ||
			    status=$?
			[ $status -eq 74 ] || echo "$line >&-: status $status"
		done
	done
}

@test "a full disk under standard output, or none at all, is status 74" {
	output_inputs
	none lost_errors
}

# Status of a command whose reader has gone before it writes.
into_closed_pipe() {
	rm -f "$TEST_TMP/closed"
	{
		wait_until [ -e "$TEST_TMP/closed" ]
		status=0
		bash -c "$1" 2>/dev/null </dev/null || status=$?
		echo "$status" >"$TEST_TMP/status"
	} | {
		exec </dev/null
		: >"$TEST_TMP/closed"
	}
	cat "$TEST_TMP/status"
}

lost_pipes() {
	local name line status
	outputs | while read -r name line; do
		if [ "$line" = - ]; then
			line="$name --help"
		fi
		status=$(into_closed_pipe "$line")
		[ "$status" -eq 141 ] || echo "$line: status $status"
	done
}

@test "a reader that has gone ends a program by SIGPIPE" {
	output_inputs
	none lost_pipes
}
