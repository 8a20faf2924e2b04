#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: a peer that breaks the protocol, in either role, gets a clear end with
# one line for each thing that is wrong, and nothing outside the target.  The
# peer is tests/peer/peer.c; its cases are named there.
#
# shellcheck disable=SC2030,SC2031,SC2154 # the rig sets these

load lib/rig

setup()
{
	peer=${FERRY%/*}/tests/peer/peer
	[ -x "$peer" ] || skip "there is no $peer; it is built by make check"
	rig_setup
	mkdir outside target
	echo precious >outside/precious
	ln -s ../outside target/there
	echo content >src
	# shellcheck disable=SC2016 # $ is for the shell there
	printf '#!/bin/sh\nexec "%s" agent "$(cat "%s")" "$@"\n' "$peer" \
	    "$PWD/case" >remote
	chmod 755 remote
}

teardown()
{
	rig_teardown
}

# What the cases try to change.
assert_nothing_outside()
{
	assert_equal "$(ls -A outside)" precious
	assert_equal "$(cat outside/precious)" precious
	assert_equal "$(readlink target/there)" ../outside
	assert_equal "$(stat -c %a outside)" 755
	# No set-id bits, no device, no link by a name of its own.
	assert_equal "$(find target -perm /6000)" ''
	assert_equal "$(find target ! -type f ! -type d ! -name there \
	    ! -name out)" ''
}

# against CASE CODE ARGUMENTS...: ferry against a hostile agent; messages are
# short, and no terminal would act on them.
against()
{
	local name=$1 code=$2

	shift 2
	echo "$name" >case
	run ferry -q --timeout 200ms --contimeout 2s \
	    --remote-ferry "$PWD/remote" "$@"
	[ "$status" -eq "$code" ] ||
	    fail "$name: exit $status, not $code: $output"
	[ "$code" -eq 0 ] || [ -n "$output" ] || fail "$name: not a word"
	[ "$code" -eq 23 ] || [ "${#lines[@]}" -le 1 ] ||
	    fail "$name: more than a line: $output"
	# C1 controls are two bytes in UTF-8.
	! LC_ALL=C grep -qP '[\x01-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' \
	    <<<"$output" ||
	    fail "$name: control characters: $output"
}

# ---- names ----------------------------------------------------------------

# bats test_tags=sanitize
@test "430 names that no peer may send are refused by both ends" {
	mkdir names
	run "$peer" names "$FERRY" "$PWD/names"
	assert_output '430 names'
	assert_success
	assert_equal "$(ls -A names)" .ferry
	assert_equal "$(find names -type l -o -type f ! -name lock \
	    ! -name journal)" ''
	assert_nothing_outside
}

@test "a client takes only names that it asked for" {
	against an-honest-file 0 "$HOST:a" target
	assert_equal "$(cat target/a)" 'written by a hostile peer'
	against an-honest-file 0 "$HOST:folder/" target/new/
	against an-honest-file 0 "$HOST:aa" "$HOST:b/" target/new2
	rm -r target/a target/new target/new2
	against sends-another-name 23 "$HOST:a" target
	assert_line --partial 'another: was not asked for'
	against sends-another-name 23 "$HOST:an" "$HOST:another2" target
	against offers-another-name 12 "$HOST:a" target
	assert_output --partial 'offers a file that was not asked for'
	against offers-another-name 12 "$HOST:a" target/b
	assert_equal "$(find target -name another -o -name b)" ''
	assert_nothing_outside
}

# ---- a hostile agent ------------------------------------------------------

@test "an agent that speaks nonsense" {
	local name code

	for name in $("$peer" list stream); do
		case $name in
		nothing | half-a-hello | garbage | another-nonce) code=255 ;;
		ends-after-hello | half-a-frame) code=10 ;;
		another-version) code=2 ;;
		an-error-with-escapes) code=11 ;;
		*) code=12 ;;
		esac
		against "$name" "$code" src "$HOST:dst"
	done
	assert_not_exists dst
}

@test "an agent that receives and confirms what it cannot have" {
	local name code

	for name in $("$peer" list receiver); do
		case $name in
		a-failure-with-escapes | nacks-without-end) code=23 ;;
		it-ends) code=10 ;;
		*) code=12 ;;
		esac
		against "$name" "$code" src "$HOST:dst"
	done
	assert_equal "$(cat src)" content
}

# Files "a" that are whole arrive; all else is refused.
sender_code()
{
	case $1 in
	an-honest-file | an-honest-packed-file | frames-of-another-epoch | a-chunk-of-no-entry | \
	    a-chunk-of-a-folder) echo 0 ;;
	a-file-through-a-link | a-file-through-a-link-there | \
	    the-end-of-a-huge-file | a-commit-with-another-digest | \
	    problems-with-escapes) echo 23 ;;
	*) echo 12 ;;
	esac
}

@test "an agent that sends what no sender may" {
	local name

	for name in $("$peer" list sender); do
		against "$name" "$(sender_code "$name")" "$HOST:x/" target
		[[ $name == an-honest-* ]] || assert_not_exists target/a/a
		assert_nothing_outside
		find target -mindepth 1 ! -name there -prune -exec rm -r {} +
	done
}

@test "an agent that says something else than a manifest" {
	local name

	for name in manifest-of-zeros bye-before-all hello-again error-zero; do
		against "$name" 12 verify src "$HOST:src"
	done
}

# ---- a hostile client -----------------------------------------------------

# client CASE PATH: output is what the agent says, and how it ended.
client()
{
	run timeout 30 "$peer" client "$1" "$FERRY" "$2"
	[ "$status" -eq 0 ] || fail "$1: $output"
	[[ $output == *exit\ [0-9]* ]] || fail "$1: $output"
}

# bats test_tags=sanitize
@test "a client that speaks nonsense" {
	local name

	for name in $("$peer" list stream); do
		client "$name" "$PWD/target"
		case $name in
		nothing | half-a-* | ends-after-hello | another-version)
			assert_line 'exit 10'
			;;
		an-error-with-escapes) assert_line 'exit 11' ;;
		*) assert_line 'exit 12' ;;
		esac
	done
	assert_equal "$(ls -A target)" there
	assert_nothing_outside
}

# bats test_tags=sanitize
@test "a client that sends what no sender may" {
	local name code

	for name in $("$peer" list sender); do
		client "$name" "$PWD/target"
		code=$(sender_code "$name")
		# It is the client that counts what failed.
		[ "$code" -ne 23 ] || code=0
		assert_line "exit $code"
		assert_nothing_outside
		find target -mindepth 1 ! -name there -prune -exec rm -r {} +
	done
}

# bats test_tags=sanitize
@test "a client that receives and confirms what it cannot have" {
	local name

	for name in $("$peer" list receiver); do
		client "$name" "$PWD/src"
		case $name in
		a-failure-with-escapes | nacks-without-end)
			assert_line 'exit 0'
			;;
		it-ends) assert_line 'exit 10' ;;
		*) assert_line 'exit 12' ;;
		esac
	done
	assert_equal "$(cat src)" content
}
