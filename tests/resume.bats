#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: a transfer that was cut goes on where it was, by the same command or by
# its ID; nothing that was confirmed is sent again, and nothing that happened
# in between to what was staged gets into the target.
#
# shellcheck disable=SC2030,SC2031,SC2154,SC2317 # the rig sets and calls these

load lib/rig

# Of it, so much gets through before the copy is cut: one group of 16 MiB, and
# a little that waits for the next.
size=$((24 * MIB))
past=$((18 * MIB))
rest=$((size - 16 * MIB))

setup()
{
	rig_setup
}

teardown()
{
	rig_teardown
}

# What the gate lets through, 16 or 17 leaves, is in the journal: in a group of
# 16 MiB, or of what came in a second, which on a busy machine is less.  So it
# is all there when the journal has the size for 17, or stays as it is for longer
# than a group waits.
has_groups()
{
	local now

	now=$(find . -path '*/.ferry/*/journal' -size +600c -printf '%s')
	[ -n "$now" ] || return 1
	[ "$now" -lt 840 ] || return 0
	if [ "$now" != "${groups-}" ]; then
		groups=$now
		groups_since=$EPOCHREALTIME
	fi
	awk -v a="$groups_since" -v b="$EPOCHREALTIME" \
	    'BEGIN { exit b - a < 1.5 }'
}

# Start a copy of src to dst, and return when what the gate lets through is
# confirmed.
held_copy()
{
	case $way in
	push) gate_make "$PWD/gate" up $past ;;
	pull) gate_make "$PWD/gate" down $past ;;
	esac
	rm -f gate.open gate.shut
	# A copy that is held for seconds would have further lanes made.
	ferry_start --lanes 1 --remote-ferry "$PWD/gate" "$@" "${from}src" \
	    "${to}dst" 2>messages
	wait_until 20 test -e gate.shut
	groups=
	wait_until 20 has_groups
}

# The same, and then it is killed.
killed_copy()
{
	[ -e src ] || make_file src $size
	held_copy
	kill -KILL "$FERRY_PID"
	wait "$FERRY_PID" 2>/dev/null || :
	: >gate.open
	assert_not_exists dst
}

# assert_reused EVENTS SENT_AT_MOST: the rest was there.
assert_reused()
{
	local sent

	sent=$(done_field "$1" bytes_sent)
	[ "$sent" -le "$2" ] || fail "$sent bytes sent, more than $2"
	assert_done "$1" bytes_reused $((size - sent))
}

# ---- by whom --------------------------------------------------------------

# bats test_tags=sanitize,threads
@test "the same command goes on after a kill -9" {
	same()
	{
		killed_copy
		ferry_json events "${from}src" "${to}dst"
		cmp src dst
		assert_done events resumed true
		assert_reused events "$rest"
		assert_nothing_staged .
		run "$FERRY" status
		assert_output 'ferry: no transfer is under way or cut off'
	}
	both_ways same
}

status_says()
{
	"$FERRY" status | grep -q "$1"
}

@test "status shows what was cut, and resume goes on with it" {
	by_id()
	{
		make_file src $size
		held_copy
		wait_until 20 status_says ' 1[67]\.. MiB confirmed'
		kill -KILL "$FERRY_PID"
		wait "$FERRY_PID" 2>/dev/null || :
		: >gate.open
		run --separate-stderr "$FERRY" status
		assert_success
		assert_line --regexp "^[0-9a-f-]{36}  ${from}(.*/)?src -> .*dst\$"
		assert_line --partial 'not running'
		assert_line --regexp '[0-9.]+ MiB (of .*)?confirmed'
		id=${output%% *}
		cd "$work"
		ferry resume --json "${id:0:30}" >"$way/events"
		cd "$way"
		cmp src dst
		assert_reused events "$rest"
		assert_nothing_staged .
		run "$FERRY" resume
		assert_failure 1
		assert_output 'ferry: no transfer was cut off'
	}
	both_ways by_id
}

@test "SIGINT and SIGTERM end it in order, and say what resumes it" {
	signalled()
	{
		local signal command status

		make_file src $size
		for signal in INT TERM; do
			# A background job of a script ignores SIGINT.
			# shellcheck disable=SC2034 # ferry reads it
			FERRY_PREFIX=(env --default-signal=INT)
			held_copy
			kill -"$signal" "$FERRY_PID"
			status=0
			wait "$FERRY_PID" || status=$?
			assert_equal "$status" 20
			assert_not_exists dst
			: >gate.open
			assert_equal "$(wc -l <messages)" 1
			command=$(sed -n \
			    's/^ferry: interrupted; to go on: ferry //p' messages)
			eval "$FERRY $command --json" >events
			cmp src dst
			assert_reused events "$rest"
			assert_nothing_staged .
			rm dst
		done
	}
	both_ways signalled
}

@test "--stop-after ends it in order: exit 30" {
	make_file src $size
	gate_make "$PWD/gate" up $past
	run ferry --remote-ferry "$PWD/gate" --stop-after 2s src \
	    "$HOST:$PWD/dst"
	assert_failure 30
	assert_output --regexp '^ferry: the time of --stop-after is over; to go on: ferry resume [0-9a-f-]{36}$'
	: >gate.open
	# Its limit is recorded too, and may be set anew.
	ferry resume -q --stop-after 100s
	cmp src dst
	assert_nothing_staged .
}

# ---- on the way -----------------------------------------------------------

# bats test_tags=threads
@test "a connection that is cut is made again" {
	broken()
	{
		make_file src $size
		held_copy --json >events
		sshd_cut
		: >gate.open
		wait "$FERRY_PID"
		cmp src dst
		assert_done events code 0
		assert_done events reconnects 1
		assert_done events resumed false
		assert [ "$(done_field events bytes_sent)" -ge $size ]
		assert_nothing_staged .
	}
	both_ways broken
}

has_tried_twice()
{
	[ "$(grep -c 'trying again' messages)" -gt 1 ]
}

@test "so is one whose sshd is away for a while" {
	away()
	{
		make_file src $size
		held_copy --json >events
		sshd_stop
		sshd_cut
		: >gate.open
		wait_until 20 has_tried_twice
		sshd_start
		wait "$FERRY_PID"
		cmp src dst
		assert_done events reconnects 1
		assert [ "$(done_field events retries)" -ge 2 ]
		assert_nothing_staged .
	}
	both_ways away
}

# bats test_tags=sanitize
@test "an agent that is killed is started again" {
	agent()
	{
		make_file src $size
		held_copy --json >events
		kill -KILL "$(sshd_ferries)"
		: >gate.open
		wait "$FERRY_PID"
		cmp src dst
		assert_done events reconnects 1
		assert_nothing_staged .
	}
	both_ways agent
}

@test "--timeout gives it up: exit 10, and what resumes it" {
	local status=0

	way=push from='' to=$HOST:$PWD/
	make_file src $size
	held_copy --timeout 1s
	sshd_stop
	sshd_cut
	wait "$FERRY_PID" || status=$?
	assert_equal "$status" 10
	run tail -n 1 messages
	assert_output --regexp '^ferry: .*; to go on: ferry resume [0-9a-f-]{36}$'
	: >gate.open
	sshd_start
	ferry_json events src "${to}dst"
	cmp src dst
	assert_reused events "$rest"
}

# ---- what happened in between ---------------------------------------------

@test "without the state of this end it is found by the target's path" {
	lost()
	{
		killed_copy
		rm -rf "$XDG_STATE_HOME"
		ferry_json events "${from}src" "${to}dst"
		cmp src dst
		assert_done events resumed true
		assert_reused events "$rest"
		assert_nothing_staged .
	}
	both_ways lost
}

@test "without the journal it is hashed, and what is right is kept" {
	lost()
	{
		killed_copy
		rm .ferry/*/journal
		ferry_json events "${from}src" "${to}dst"
		cmp src dst
		assert_reused events "$rest"
		assert_nothing_staged .
	}
	both_ways lost
}

@test "of a source that changed, the leaves that hold are kept" {
	changed()
	{
		killed_copy
		flip_byte src $((3 * MIB + 5))
		touch src
		ferry_json events "${from}src" "${to}dst"
		cmp src dst
		assert_reused events $((rest + MIB))
		# Longer or shorter, just the same.
		rm dst
		killed_copy
		truncate -s $((size - 5 * MIB)) src
		ferry_json events "${from}src" "${to}dst"
		cmp src dst
		assert [ "$(done_field events bytes_sent)" -le "$rest" ]
		assert_nothing_staged .
	}
	both_ways changed
}

staged_file()
{
	find .ferry -type f -size +1M
}

# bats test_tags=sanitize
@test "a staged byte that was flipped is found, and sent again" {
	flipped()
	{
		killed_copy
		flip_byte "$(staged_file)" $((7 * MIB + 3))
		ferry_json events "${from}src" "${to}dst"
		cmp src dst
		assert_reused events $((rest + MIB))
		assert_nothing_staged .
	}
	both_ways flipped
}

@test "a staged file that was cut or removed" {
	way=push from='' to=$HOST:$PWD/
	killed_copy
	truncate -s $((5 * MIB + 1)) "$(staged_file)"
	ferry_json events src "${to}dst"
	cmp src dst
	assert_reused events $((size - 5 * MIB))
	rm dst
	killed_copy
	rm "$(staged_file)"
	ferry_json events src "${to}dst"
	cmp src dst
	assert_reused events $size
	assert_nothing_staged .
}

@test "a staged file that became a link is not written through" {
	local file

	way=pull from=$HOST:$PWD/ to=''
	killed_copy
	echo precious >outside
	file=$(staged_file)
	rm "$file"
	ln -s "$PWD/outside" "$file"
	ferry -q "${from}src" dst
	cmp src dst
	assert_equal "$(stat -c %F dst)" 'regular file'
	assert_equal "$(cat outside)" precious
	# Nor one with another name elsewhere.
	rm dst
	killed_copy
	ln -f outside "$(staged_file)"
	ferry -q "${from}src" dst
	cmp src dst
	assert_equal "$(cat outside)" precious
	assert_nothing_staged .
}

@test "a journal that is damaged, cut or none at all is not believed" {
	damaged()
	{
		local journal

		killed_copy
		journal=$(echo .ferry/*/journal)
		case $way in
		push) flip_byte "$journal" $(($(stat -c %s "$journal") / 2)) ;;
		pull) head -c 5000 /dev/urandom >"$journal" ;;
		esac
		ferry -q "${from}src" "${to}dst"
		cmp src dst
		rm dst
		killed_copy
		truncate -s 100 .ferry/*/journal
		ferry_json events "${from}src" "${to}dst"
		cmp src dst
		assert_reused events "$rest"
		assert_nothing_staged .
	}
	both_ways damaged
}

@test "a target that became a link is replaced, not followed" {
	swapped()
	{
		make_file src $size
		held_copy
		echo precious >outside
		ln -s outside dst
		: >gate.open
		wait "$FERRY_PID"
		cmp src dst
		assert_equal "$(stat -c %F dst)" 'regular file'
		assert_equal "$(cat outside)" precious
	}
	both_ways swapped
}

@test "a folder that became a link leads nobody out" {
	led()
	{
		local status=0

		mkdir -p src/folder outside
		make_file src/folder/big $size
		echo content >src/folder/small
		held_copy
		wait_until 10 test -d dst/src/folder
		mv dst/src/folder dst/src/moved
		ln -s "$PWD/outside" dst/src/folder
		: >gate.open
		wait "$FERRY_PID" || status=$?
		assert_equal "$(ls -A outside)" ''
		# Whatever became of it, the next run mends it.
		[ "$status" -eq 0 ] || assert_equal "$status" 23
		rm -rf dst/src/moved
		ferry -q "${from}src" "${to}dst"
		assert_same_trees src dst/src
		assert_equal "$(ls -A outside)" ''
	}
	both_ways led
}
