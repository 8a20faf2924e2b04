#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: the option table, --help and ferry.1 say the same.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

page=${BATS_TEST_DIRNAME}/../man/ferry.1
subcommands='copy help manifest resume serve status verify version'

# "-P --port PORT" for each option that any --help shows.
help_options()
{
	local name

	for name in $subcommands; do
		"$FERRY" "$name" --help
	done | sed -n 's/^  \(-.,\|   \) \(--[a-z0-9-]*\( [A-Z=]\{1,\}\)\{0,1\}\)  .*/\1 \2/p' |
	    sed 's/^ *//; s/^\(-.\),/\1/' | sort -u
}

# The same from the items of the manual.
manual_options()
{
	sed -n -e 's/^\.It Fl \([a-zA-Z0-9]\) , -\(.*\)/-\1 --\2/p' \
	    -e 's/^\.It Fl -\(.*\)/--\1/p' "$page" | sed 's/ Ar / /' | sort -u
}

@test "the manual has every option of --help, and no other" {
	run help_options
	assert_line -- '-P --port PORT'
	assert_line -- '--checksum'
	run diff <(help_options) <(manual_options)
	assert_success
}

@test "the manual has every subcommand" {
	local name

	for name in $subcommands; do
		run grep -cx "\.It Cm $name" "$page"
		assert_output 1
	done
}

@test "--help shows the options in order" {
	"$FERRY" --help | sed -n 's/^  .*\(--[a-z0-9-]*\) .*/\1/p' >"$BATS_TEST_TMPDIR/is"
	run diff "$BATS_TEST_TMPDIR/is" \
	    <(LC_ALL=C sort "$BATS_TEST_TMPDIR/is")
	assert_success
}

@test "no line of --help is longer than 80 characters" {
	local name

	for name in '' $subcommands; do
		# shellcheck disable=SC2086 # none is an option of its own
		run awk 'length > 80' <("$FERRY" $name --help)
		assert_output ''
	done
}

@test "every flag of a subcommand's help is taken by it" {
	local name option

	for name in $subcommands; do
		while read -r option; do
			run "$FERRY" "$name" "$option" --help
			assert_success
		done < <("$FERRY" "$name" --help |
		    sed -n 's/^  .* \(--[a-z0-9-]*\)  .*/\1/p')
	done
}

@test "an option is refused by a subcommand whose help does not show it" {
	local name option

	for name in $subcommands; do
		while read -r option; do
			run "$FERRY" "$name" --help
			[[ $output == *" $option"[\ =]* ]] && continue
			run "$FERRY" "$name" "$option=22"
			assert_failure 1
		done < <(help_options | grep -o -e '--[a-z0-9-]*')
	done
}

@test "the manual names every exit code of the program, and no other" {
	run diff <(sed -n '/^\.Sh EXIT STATUS/,/^\.El/s/^\.It //p' "$page") \
	    <(grep -ohE '\bEXIT_[A-Z_]+ = [0-9]+' \
		"$BATS_TEST_DIRNAME/../cli/exit_code.h" \
		"$BATS_TEST_DIRNAME/../transfer/engine.h" |
	    sed 's/.* //' | sort -n)
	assert_success
}
