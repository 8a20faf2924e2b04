#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: what the pages of the manual say of formats, events and options is what
# the program does.  What ferry.1 says of options is in options.bats.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

setup()
{
	[ -x "${FERRY-}" ] || { echo "FERRY must be the program" >&2; return 1; }
	top=$BATS_TEST_DIRNAME/..
	mkdir "$BATS_TEST_TMPDIR/work"
	cd "$BATS_TEST_TMPDIR/work" || return 1
}

teardown()
{
	local job

	for job in $(jobs -p); do kill -KILL "$job" 2>/dev/null || :; done
}

@test "the pages are clean" {
	local page

	command -v mandoc >/dev/null || skip 'mandoc is missing'
	for page in "$top"/man/*; do
		run mandoc -T lint -W warning "$page"
		assert_output ''
	done
}

@test "the Makefile installs each page" {
	run diff <(cd "$top" && printf '%s\n' man/* | LC_ALL=C sort) \
	    <(grep -o 'man/ferry[a-z.0-9-]*' "$top/Makefile.am" | LC_ALL=C sort)
	assert_success
}

# sections PAGE: "NAME (NUMBER)" of each that is headed so.
sections()
{
	sed -n 's/^\.Ss \([A-Z]* ([0-9]*)\)$/\1/p' "$top/man/$1"
}

# constants PREFIX FILE: the same from an enum or from definitions.
constants()
{
	sed -nE -e "s/^\t${1}_([A-Z]+) = ([0-9]+).*/\1 (\2)/p" \
	    -e "s/^#define ${1}_([A-Z]+) +([0-9]+)$/\1 (\2)/p" "$top/$2"
}

@test "ferry-protocol(7) has each type of frame, and no other" {
	run sections ferry-protocol.7
	assert_line 'CHUNK (7)'
	run diff <(sections ferry-protocol.7) <(constants FRAME transfer/frame.h)
	assert_success
}

@test "ferry-journal(5) has each type of record, and no other" {
	run sections ferry-journal.5
	assert_line 'LEAVES (3)'
	run diff <(sections ferry-journal.5) \
	    <(constants JOURNAL journal/journal_replay.h
	    constants LEDGER journal/ledger.c)
	assert_success
	run constants RECORD journal/record_format.h
	assert_output 'COMMIT (255)'
	run grep -c 'record of type 255, COMMIT,' "$top/man/ferry-journal.5"
	assert_output 1
}

@test "ferry-manifest(5) has each member of a line, and no other" {
	run diff <(sed -n '/^\.Ss Header/,/^\.Ss Names/s/^\.It Li //p' \
	    "$top/man/ferry-manifest.5" | sed 's/ , /\n/g' | sort -u) \
	    <(sed -nE 's/^#define WORD_[A-Z_]+ +"([a-z_]+)".*/\1/p' \
		"$top/journal/manifest_format.h" | sort -u)
	assert_success
}

# What json.c puts into events, and the names of these and of their states.
json_words()
{
	grep -oE '(\bput[a-z_]*\(event, |event_of\(|return )"[a-z_]+"' \
	    "$top/cli/json.c" | grep -oE '"[a-z_]+"' | tr -d '"'
	printf '%s\n' event _hex
}

@test "ferry(1) has each member of each event, and no other" {
	run diff <(sed -n '/^\.Sh JSON/,/^\.Sh ENVIRONMENT/p' "$top/man/ferry.1" |
	    grep -oE '^\.(It )?Li .*' | grep -oE '[a-z_]{3,}' | sort -u) \
	    <(json_words | sort -u)
	assert_success
}

@test "ferry(1) has each -o option, and no other" {
	run diff <(sed -n '/^These are known:/,/^A host/s/^\.Cm //p' \
	    "$top/man/ferry.1" | tr -d ' .' | tr , '\n' | sed '/^$/d') \
	    <(sed -nE 's/^    \{"([A-Za-z]+)", set_.*/\1/p' \
		"$top/cli/ssh_setting.c")
	assert_success
}

# literal PAGE: what stands in literal displays, lines joined where "\" ends
# them.
literal()
{
	sed -n '/^\.Bd -literal/,/^\.Ed/p' "$top/man/$1" | grep -v '^\.' |
	    sed 's/\\e/\\/g' |
	    sed -e ':a' -e '/\\$/{' -e 'N' -e 's/\\\n *//' -e 'ba' -e '}'
}

# bytes DIGITS
bytes()
{
	local format=''

	for ((i = 0; i < ${#1}; i += 2)); do format+=\\x${1:i:2}; done
	# shellcheck disable=SC2059 # the format is the bytes
	printf "$format"
}

# digits COUNT: of what is read.
digits()
{
	head -c "$1" | od -An -v -tx1 | tr -d ' \n'
}

# What is said goes on with the journal of the other example.
@test "the examples of ferry-journal(5) and ferry-protocol(7) are so" {
	local staging=t/.ferry/01900000-0000-7000-8000-00000000000a
	local direction said heard

	mkdir -p "$staging"
	bytes "$(literal ferry-journal.5 | tr -d ' \n')" >"$staging/journal"
	assert_equal "$(stat -c %s "$staging/journal")" 264
	coproc "$FERRY" serve --nonce 000102030405060708090a0b0c0d0e0f \
	    --state-dir "$PWD/state" 3>&-
	# What coproc opened is closed in subshells.
	exec {from_agent}<&"${COPROC[0]}" {to_agent}>&"${COPROC[1]}"
	while read -r direction said; do
		said=${said// /}
		if [ "$direction" = '>' ]; then
			bytes "$said" >&"$to_agent"
		else
			heard=$(digits $((${#said} / 2)) <&"$from_agent")
			assert_equal "$heard" "$said"
		fi
	done < <(literal ferry-protocol.7 | grep '^[<>]')
	wait "$COPROC_PID"
	assert_equal "$(cat t/hello)" Hello.
	assert_equal "$(stat -c '%a %Y' t/hello)" '644 1000000000'
}

@test "the example of ferry-manifest(5) is what is written" {
	mkdir photos
	echo hello >photos/a.txt
	truncate -s 1048577 photos/big
	ln -s a.txt photos/link
	printf x >$'photos/\xff'
	chmod 755 photos
	chmod 644 photos/a.txt photos/big $'photos/\xff'
	touch -h -d @1000000000 photos/* photos
	"$FERRY" manifest photos >is
	run diff is <(literal ferry-manifest.5 | grep '^{"')
	assert_success
}

@test "the sum in ferry-manifest(5) is right" {
	command -v xxh128sum xxd >/dev/null || skip 'xxh128sum or xxd is missing'
	run bash <(literal ferry-manifest.5 | sed -n '/^{ printf/,$p')
	assert_success
	assert_output --partial "$(literal ferry-manifest.5 |
	    jq -r 'select(.path == "photos/big").digest' 2>/dev/null)"
}
