#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: kill -9 at any moment, of this end, of the far one, or of both, loses
# nothing that was confirmed, puts nothing wrong under a target's name, and
# costs at most one group commit each.
#
# FERRY_KILLS is how many there are in all, FERRY_KILL_SEED what the moments
# depend on (as far as they depend on us).
#
# shellcheck disable=SC2154 # the rig sets these

load lib/rig

group=$((64 * MIB))
big=$((192 * MIB))

setup_file()
{
	export FERRY_KILL_SEED=${FERRY_KILL_SEED:-$((RANDOM * 32768 + RANDOM))}
	echo "# FERRY_KILL_SEED=$FERRY_KILL_SEED" >&3
}

setup()
{
	rig_setup
	rig_relay
	RANDOM=$((FERRY_KILL_SEED + BATS_TEST_NUMBER))
	mkdir src
	make_file src/m-big $big
	for number in {10..49}; do
		make_file "src/$number" $((RANDOM * 4))
	done
	for number in {10..49}; do
		make_file "src/z$number" $((RANDOM * 2))
	done
	size=$(cat src/* | wc -c)
}

teardown()
{
	rig_teardown
}

# What was confirmed is there, and nothing else is under any of the names.
assert_nothing_lost()
{
	local name

	for name in $(jq -Rr 'fromjson? | select(.event == "file") | .path' \
	    events); do
		assert_file_exists "dst/$name"
	done
	[ ! -d dst ] || ! diff -r -x .ferry src dst | grep -v '^Only in src' ||
	    fail 'what is in the target is not what is in the source'
}

# Bytes that went the way of the content.
bytes_carried()
{
	case $way in
	push) relay_bytes up ;;
	pull) relay_bytes down ;;
	esac
}

# wait_a_moment MILLISECONDS: at most; 1 if ferry has ended before.
wait_a_moment()
{
	local moment=$((RANDOM * $1 / 32768))

	sleep "$((moment / 1000)).$(printf %03d $((moment % 1000)))"
	process_is_alive "$FERRY_PID"
}

kill_victims()
{
	local pids=()

	[ "$victim" = client ] || mapfile -t pids < <(sshd_ferries)
	[ "$victim" = agent ] || pids+=("$FERRY_PID")
	# The agent may be between two lives.
	[ "${#pids[@]}" -gt 0 ] && kill -KILL "${pids[@]}" 2>/dev/null
}

# Run the command until it is done, killing it up to $kills times.
copy_once()
{
	local status=1 killed=0 before

	before=$(bytes_carried)
	rm -rf dst
	while [ "$status" -ne 0 ]; do
		runs=$((runs + 1))
		ferry_start -q --json "${from}src/" "${to}dst" >events \
		    2>messages
		while [ "$kills" -gt 0 ] && wait_a_moment 1500; do
			kill_victims || continue
			kills=$((kills - 1))
			killed=$((killed + 1))
		done
		status=0
		wait "$FERRY_PID" 2>/dev/null || status=$?
		case $victim-$status in
		*-0 | client-137 | both-137) ;;
		*) fail "exit $status: $(cat messages)" ;;
		esac
		assert_nothing_lost
	done
	same_trees src dst || fail 'the trees differ'
	assert_nothing_staged dst
	carried=$(($(bytes_carried) - before))
	resent=$((resent + carried - size))
	[ "$carried" -le $((size + size / 50 + MIB + killed * group)) ] ||
	    fail "$carried bytes carried for $size, with $killed kills"
}

# kill_all_of VICTIM WAY
kill_all_of()
{
	local kills=$((${FERRY_KILLS:-30} / 6)) runs=0 resent=0 total carried

	victim=$1 way=$2 from='' to=''
	case $way in
	push) to=$HOST:$PWD/ ;;
	pull) from=$HOST:$PWD/ ;;
	esac
	total=$kills
	while [ "$kills" -gt 0 ]; do copy_once; done
	echo "# $total kills of $victim, $way: $((resent / MIB)) MiB sent" \
	    "again in all, protocol included" >&3
}

@test "kill -9 of the sender of a push" {
	kill_all_of client push
}

@test "kill -9 of the receiver of a pull" {
	kill_all_of client pull
}

# bats test_tags=sanitize
@test "kill -9 of the agent of a push" {
	kill_all_of agent push
}

@test "kill -9 of the agent of a pull" {
	kill_all_of agent pull
}

@test "kill -9 of both ends of a push" {
	kill_all_of both push
}

@test "kill -9 of both ends of a pull" {
	kill_all_of both pull
}
