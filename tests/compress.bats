#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: whatever is compressed, and however, arrives as it was; what cannot be
# is sent as it is; and a limit to the rate is kept by whichever end sends.
#
# shellcheck disable=SC2154,SC2317 # the rig sets and calls these

load lib/rig

setup()
{
	rig_setup
}

teardown()
{
	rig_teardown
}

# make_text PATH BYTES: random, of 64 characters, so that it shrinks to three
# quarters.
make_text()
{
	head -c "$2" /dev/urandom | base64 -w 76 | head -c "$2" >"$1"
}

# Of all kinds; most of it can be compressed.
make_kinds()
{
	mkdir -p src/folder
	make_text src/text $((3 * MIB + 77))
	head -c $((2 * MIB)) /dev/zero >src/zeros
	make_file src/noise $((MIB + 5))
	cat src/text src/noise src/zeros >src/mixed
	: >src/empty
	printf x >src/one-byte
	make_text src/folder/leaf "$MIB"
	make_text src/folder/small 300
	bytes=$(find src -type f -printf '%s\n' | awk '{ sum += $1 }
	    END { print sum }')
}

# ---- levels ---------------------------------------------------------------

@test "each level brings what was there, and less is sent" {
	levels()
	{
		local level sent

		make_kinds
		for level in no auto 1 3 12; do
			ferry_json events --compress="$level" --verify \
			    "${from}src/" "${to}dst"
			assert_same_trees src dst
			assert_done events bytes "$bytes"
			assert_done events verified true
			sent=$(done_field events bytes_sent)
			case $level in
			no) assert_equal "$sent" "$bytes" ;;
			auto) [ "$sent" -le "$bytes" ] ;;
			*) [ "$sent" -lt $((bytes * 3 / 4)) ] ;;
			esac
			assert_nothing_staged .
			ferry_json events --compress="$level" \
			    "${from}src/" "${to}dst"
			assert_done events bytes_sent 0
			rm -r dst
		done
	}
	both_ways levels
}

@test "noise is sent as it is, whatever the level" {
	noise()
	{
		make_file src $((2 * MIB + 3))
		ferry_json events --compress=9 "${from}src" "${to}dst"
		cmp src dst
		assert_done events bytes_sent $((2 * MIB + 3))
	}
	both_ways noise
}

@test "nothing is compressed between two places on one machine" {
	make_text a $((2 * MIB))
	ferry_json events --compress=9 --bwlimit=100m a b
	cmp a b
	assert_done events bytes_sent $((2 * MIB))
}

@test "what differs is sent compressed, and what is there is kept" {
	differs()
	{
		make_text src $((4 * MIB))
		ferry -q --compress=3 "${from}src" "${to}dst"
		flip_byte dst $((2 * MIB + 9))
		ferry_json events --compress=3 --checksum "${from}src" "${to}dst"
		cmp src dst
		assert_done events bytes_reused $((3 * MIB))
		[ "$(done_field events bytes_sent)" -lt $((MIB * 9 / 10)) ]
	}
	both_ways differs
}

@test "what cannot be a level or a rate is refused" {
	local words

	for words in --compress=0 --compress=20 --compress=fast --bwlimit=fast \
	    --bwlimit=1; do
		run "$FERRY" "$words" a b
		case $words in
		--bwlimit=1) assert_failure 23 ;; # 1 KiB/s; there is no a
		*) assert_failure 1 ;;
		esac
	done
}

# ---- cut ------------------------------------------------------------------

# A group with a digest for each MiB is in the journal.
has_group()
{
	find . -path '*/.ferry/*/journal' -size +600c | grep -q .
}

# bats test_tags=sanitize
@test "a compressed transfer goes on after a kill -9, by other rules too" {
	cut()
	{
		local next

		make_text src $((24 * MIB))
		for next in 3 no; do
			# So much of it is more than a group of 16 MiB.
			case $way in
			push) gate_make "$PWD/gate" up $((14 * MIB)) ;;
			pull) gate_make "$PWD/gate" down $((14 * MIB)) ;;
			esac
			rm -f dst gate.open gate.shut
			ferry_start -q --compress=1 \
			    --remote-ferry "$PWD/gate" "${from}src" "${to}dst"
			wait_until 20 test -e gate.shut
			wait_until 20 has_group
			kill -KILL "$FERRY_PID"
			wait "$FERRY_PID" 2>/dev/null || :
			: >gate.open
			assert_not_exists dst
			ferry_json events --compress=$next "${from}src" \
			    "${to}dst"
			cmp src dst
			assert_done events resumed true
			# A slow machine makes more groups, and smaller ones.
			[ "$(done_field events bytes_reused)" -ge \
			    $((8 * MIB)) ]
			assert_nothing_staged .
		done
	}
	both_ways cut
}

# ---- the rate -------------------------------------------------------------

# at_least EVENTS MILLISECONDS: it took so long, on however fast a machine.
at_least()
{
	tail -n 1 "$1" | jq -e --argjson least "$2" \
	    '.seconds * 1000 >= $least' >/dev/null ||
	    fail "only $(done_field "$1" seconds) s, not $2 ms"
}

@test "--bwlimit is kept by the end that sends" {
	limited()
	{
		make_file src $((3 * MIB))
		ferry_json events --bwlimit 2m "${from}src" "${to}dst"
		cmp src dst
		assert_done events bytes_sent $((3 * MIB))
		# Half of the first chunk, and two that follow.
		at_least events 1200
	}
	here_and_there limited
}

@test "what is compressed counts as it is sent; a limit is a slow line" {
	limited()
	{
		head -c $((200 * MIB)) /dev/zero >src
		ferry_json events --bwlimit 1m "${from}src" "${to}dst"
		cmp src dst
		[ "$(done_field events bytes_sent)" -lt "$MIB" ]
		rm dst
	}
	both_ways limited
}

@test "resume repeats them, unless it is told otherwise" {
	make_text src $((4 * MIB))
	gate_make "$PWD/gate" up "$MIB"
	ferry_start -q --compress=7 --bwlimit=500m --remote-ferry "$PWD/gate" \
	    src "$HOST:$work/dst"
	wait_until 20 test -e gate.shut
	kill -INT "$FERRY_PID"
	wait "$FERRY_PID" || :
	: >gate.open
	grep -aqz -e '^option=--compress=7$' \
	    "$XDG_STATE_HOME"/ferry/transfers/*/command
	grep -aqz -e '^option=--bwlimit=500m$' \
	    "$XDG_STATE_HOME"/ferry/transfers/*/command
	ferry resume --compress=no --bwlimit=0 --json >events
	cmp src dst
	[ "$(done_field events bytes_sent)" -eq \
	    $((4 * MIB - $(done_field events bytes_reused))) ]
}
