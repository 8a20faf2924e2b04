#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: over however many lanes, whatever carries them and whatever becomes of
# them, the same bytes arrive, and nothing is left behind on either side.
#
# FERRY_REKEYS is how often a transfer with new keys all the time is run.
#
# shellcheck disable=SC2030,SC2031,SC2154 # the rig sets these

load lib/rig

setup()
{
	rig_setup
}

teardown()
{
	rig_teardown
}

# with_sshd LINE...: another sshd, with these lines in its configuration.
with_sshd()
{
	sshd_remove
	rm -rf "$BATS_TEST_TMPDIR/sshd"
	sshd_make "$BATS_TEST_TMPDIR/sshd" "$@"
	sshd_start
}

# Our ssh children.
ssh_children()
{
	pgrep -f "^ssh .*$SSHD_KNOWN_HOSTS" || :
}

nothing_runs()
{
	[ -z "$(sshd_agents)$(ssh_children)" ]
}

assert_nothing_left()
{
	wait_until 20 nothing_runs ||
	    fail "still there: $(sshd_agents) $(ssh_children)"
	assert_nothing_staged "$work"
}

# over TRANSPORT LANES ARGUMENT...: events in "events".
over()
{
	local transport=$1 lanes=$2

	shift 2
	ferry_json events -q --transport "$transport" --lanes "$lanes" "$@"
}

# ---- lanes that are all up ------------------------------------------------

# start_slowly TRANSPORT LANES ARGUMENT...: in the background, over a relay
# that is slow until go_on, with all lanes up.
start_slowly()
{
	local transport=$1 lanes=$2 more=$2

	shift 2
	# In auto, the first lane carries no data while others do.
	[ "$transport" = auto ] || more=$((lanes - 1))
	[ -n "${relay-}" ] || rig_relay
	touch "$relay/slow"
	ferry_start -v --json --transport "$transport" --lanes "$lanes" "$@" \
	    >events 2>messages
	wait_until 30 are_up "$more" || fail "$(cat messages)"
}

are_up()
{
	[ "$(grep -c ': one more lane, over' messages)" -ge "$1" ]
}

go_on()
{
	rm "$relay/slow"
}

# finish [CODE]: it ends with that.
finish()
{
	local status=0

	wait "$FERRY_PID" || status=$?
	[ "$status" -eq "${1-0}" ] || fail "exit $status: $(cat messages)"
}

assert_lanes()
{
	assert_done events lanes "$1"
	assert_done events transport "$2"
}

for_each_transport()
{
	local transport

	for transport in auto libssh2 ssh; do
		mkdir -p "$transport"
		cd "$transport" || return 1
		"$@" "$transport"
		cd ..
	done
}

# ---- the usual way --------------------------------------------------------

file_each_way()
{
	local carrier=$1

	[ "$1" = libssh2 ] || carrier=ssh
	start_slowly "$1" 3 ../src "$HOST:$PWD/pushed"
	go_on
	finish
	assert_lanes 3 "$carrier"
	cmp ../src pushed
	start_slowly "$1" 3 "$HOST:$PWD/../src" pulled
	go_on
	finish
	assert_lanes 3 "$carrier"
	cmp ../src pulled
}

# bats test_tags=sanitize
@test "a file over several lanes, with each transport, each way" {
	make_file src $((12 * MIB))
	for_each_transport file_each_way
	assert_nothing_left
}

tree_each_way()
{
	over "$1" 3 ../tree/ "$HOST:$PWD/pushed/"
	assert_same_trees ../tree pushed
	over "$1" 3 "$HOST:$PWD/../tree/" pulled/
	assert_same_trees ../tree pulled
}

# bats test_tags=threads
@test "a tree over several lanes, with each transport, each way" {
	make_tree tree
	for_each_transport tree_each_way
	assert_nothing_left
}

@test "--lanes 1 is one lane, 16 are 16, and what is no number is refused" {
	local bad

	make_file src $((40 * MIB))
	rig_relay
	over auto 1 src "$HOST:$work/dst"
	assert_lanes 1 libssh2
	wait_until 20 relay_is_quiet
	assert_equal "$(wc -l <"$relay/all")" 1
	start_slowly ssh 16 src "$HOST:$work/dst16"
	go_on
	finish
	assert_lanes 16 ssh
	cmp src dst16
	for bad in 0 -1 x '' 2x 1000 18446744073709551617; do
		run ferry "--lanes=$bad" src "$HOST:$work/no"
		assert_failure 1
	done
	run ferry --transport telnet src "$HOST:$work/no"
	assert_failure 1
	assert_not_exists no
	assert_nothing_left
}

@test "a small transfer has one connection and one lane" {
	make_file src 100000
	rig_relay
	ferry_json events src "$HOST:$work/dst"
	cmp src dst
	assert_lanes 1 libssh2
	wait_until 20 relay_is_quiet
	assert_equal "$(wc -l <"$relay/all")" 1
}

# ---- --ssh and ciphers ----------------------------------------------------

# A program that notes how it was called.
noting_ssh()
{
	# shellcheck disable=SC2016 # $ is for the shell there
	printf '#!/bin/sh\nprintf "%%s\\n" "$@" "tunables=$GLIBC_TUNABLES" \
	    >>"%s/words"\nexec ssh "$@"\n' "$PWD" >"$1"
	chmod 755 "$1"
}

@test "--ssh is a program with its words, which may be in quotes" {
	echo content >src
	noting_ssh 'my ssh'
	ferry_json events -e "'$PWD/my ssh' -o \"LogLevel ERROR\" -4" src \
	    "$HOST:$work/dst"
	assert_lanes 1 ssh
	cmp src dst
	run head -n 3 words
	assert_line -n 0 -- -o
	assert_line -n 1 'LogLevel ERROR'
	assert_line -n 2 -- -4
	assert_nothing_left
	# It copies memory in the way that is fast everywhere, unless told how.
	grep -qx 'tunables=glibc.cpu.x86_rep_movsb_threshold=[0-9]*' words
	GLIBC_TUNABLES=glibc.malloc.perturb=7 ferry -q -e "'$PWD/my ssh'" src \
	    "$HOST:$work/dst"
	grep -qx 'tunables=glibc.malloc.perturb=7' words
}

@test "--ssh that is missing, fails, or says nothing of use" {
	echo content >src
	run ferry -e "$PWD/no/such" src "$HOST:$work/dst"
	assert_failure 255
	assert_output --partial 'No such file or directory'
	assert_equal "${#lines[@]}" 1
	printf '#!/bin/sh\necho "cannot be reached" >&2\nexit 255\n' >fails
	chmod 755 fails
	run ferry -e "$PWD/fails" src "$HOST:$work/dst"
	assert_failure 255
	assert_output --partial 'cannot be reached'
	assert_equal "${#lines[@]}" 1
	for words in '' ' ' "''"; do
		run ferry -e "$words" src "$HOST:$work/dst"
		assert_failure
		assert_equal "${#lines[@]}" 1
	done
	assert_not_exists dst
}

@test "ciphers that are chosen are the ssh child's too" {
	echo content >src
	noting_ssh noting
	ferry_json events -c aes256-ctr -e "$PWD/noting" src "$HOST:$work/dst"
	run grep -x -A 1 -- -c words
	assert_line aes256-ctr
	run grep aes128-gcm words
	assert_failure
}

@test "names of files with spaces and percent signs reach the ssh child" {
	echo content >src
	mkdir -p '50% of a "home"/.ssh'
	cp "$SSHD_KEY" '50% of a "home"/%h id'
	cp "$SSHD_KNOWN_HOSTS" '50% of a "home"/.ssh/known_hosts'
	HOME=$PWD/'50% of a "home"' run "$FERRY" -q -e ssh -P "$SSHD_PORT" \
	    -i '50% of a "home"/%h id' src "$HOST:$work/dst"
	assert_output ''
	assert_success
	cmp src dst
}

# ---- servers that let few in ----------------------------------------------

refusing_server()
{
	over "$1" 8 ../src "$HOST:$PWD/dst"
	cmp ../src dst
}

@test "a server that drops some of many connections: MaxStartups 2:50:4" {
	with_sshd 'MaxStartups 2:50:4'
	make_file src $((12 * MIB))
	for_each_transport refusing_server
	assert_nothing_left
}

@test "a server that lets a session in per connection: MaxSessions 1" {
	with_sshd 'MaxSessions 1'
	make_file src $((12 * MIB))
	for_each_transport refusing_server
	assert_nothing_left
}

rekeying_server()
{
	over "$1" 3 ../tree/ "$HOST:$PWD/dst/"
	assert_done events reconnects 0
	assert_done events chunks_resent 0
	over "$1" 3 "$HOST:$PWD/../tree/" back/
	assert_done events reconnects 0
	assert_done events chunks_resent 0
	assert_same_trees ../tree dst
	assert_same_trees ../tree back
	rm -rf dst back
}

# sshd itself takes seconds for each MiB that it sends so; and libssh2 leaks a
# few bytes when it ends while keys are made, so not under sanitizers.
@test "new keys for each 256 KiB, with traffic both ways" {
	local run

	with_sshd 'RekeyLimit 256K'
	mkdir tree
	make_file tree/large 700000
	for ((run = 0; run < 40; run++)); do
		make_file "tree/$run" $((run * 100))
	done
	for ((run = 0; run < ${FERRY_REKEYS:-1}; run++)); do
		for_each_transport rekeying_server
		rm -rf auto libssh2 ssh
	done
	assert_nothing_left
}

through_a_needle()
{
	over "$1" 3 ../src "$HOST:$PWD/dst"
	cmp ../src dst
	assert_done events reconnects 0
}

@test "a line that takes little at a time, with new keys meanwhile" {
	with_sshd 'RekeyLimit 256K'
	rig_relay narrow
	make_file src $((3 * MIB))
	for_each_transport through_a_needle
	assert_nothing_left
}

# ---- lanes that die -------------------------------------------------------

# The oldest first; numbers of processes begin anew now and then.
agents_by_age()
{
	local pid

	for pid in $(sshd_ferries); do
		echo "$(sed 's/.*) //' "/proc/$pid/stat" | cut -d' ' -f20) $pid"
	done | sort -n | cut -d' ' -f2
}

kill_first_agent()
{
	kill -KILL "$(agents_by_age | head -n 1)"
}

assert_no_reconnect()
{
	assert_done "../$1/events" reconnects 0
}

kill_further_agent()
{
	kill -KILL "$(agents_by_age | tail -n 1)"
}

kill_ssh()
{
	ssh_children | tail -n 1 | xargs -r kill -KILL
}

# The server's process of the first connection, and nobody else.
kill_first_connection()
{
	kill -KILL "$(process_parent "$(agents_by_age | head -n 1)")"
}

# kill_in_transfer WHAT TRANSPORT: it goes on by itself.
kill_in_transfer()
{
	case $2 in
	libssh2) start_slowly "$2" 3 "$HOST:$PWD/../src" dst ;;
	*) start_slowly "$2" 3 ../src "$HOST:$PWD/dst" ;;
	esac
	"$1"
	go_on
	finish
	cmp ../src dst
}

# bats test_tags=threads
@test "kill -9 of a further agent costs nothing" {
	make_file src $((12 * MIB))
	for_each_transport kill_in_transfer kill_further_agent
	for_each_transport assert_no_reconnect
	assert_nothing_left
}

@test "kill -9 of the first agent is a connection lost and made again" {
	make_file src $((12 * MIB))
	for_each_transport kill_in_transfer kill_first_agent
	assert_nothing_left
}

@test "the first connection may go while others are up" {
	make_file src $((12 * MIB))
	for_each_transport kill_in_transfer kill_first_connection
	assert_nothing_left
}

@test "kill -9 of an ssh child costs nothing" {
	make_file src $((12 * MIB))
	for_each_transport kill_in_transfer kill_ssh
	assert_nothing_left
}

kill_client()
{
	start_slowly "$1" 3 ../src "$HOST:$PWD/dst"
	kill -KILL "$FERRY_PID"
	finish 137
	go_on
	wait_until 20 nothing_runs ||
	    fail "left: $(sshd_agents) $(ssh_children)"
	over "$1" 3 ../src "$HOST:$PWD/dst"
	cmp ../src dst
}

@test "kill -9 of the client leaves nobody, and the same again goes on" {
	make_file src $((12 * MIB))
	for_each_transport kill_client
	assert_nothing_left
}

@test "^C with eight lanes ends them all, and can be gone on with" {
	make_file src $((12 * MIB))
	start_slowly auto 8 src "$HOST:$work/dst"
	kill -INT "$FERRY_PID"
	finish 20
	go_on
	wait_until 20 nothing_runs || fail "left: $(sshd_agents)"
	over auto 8 src "$HOST:$work/dst"
	cmp src dst
	assert_nothing_left
}

# bats test_tags=threads
@test "a lane that stalls loses its chunks to another" {
	local stopped

	make_file src $((12 * MIB))
	start_slowly auto 2 src "$HOST:$work/dst"
	stopped=$(ssh_children | tail -n 1)
	kill -STOP "$stopped"
	go_on
	finish
	cmp src dst
	assert_lanes 2 ssh
	assert_done events reconnects 0
	assert_nothing_left
}

# ---- lanes that never come up ---------------------------------------------

# only_one COMMAND: a far end where the first agent is ferry and all others are
# started by that.
only_one()
{
	cat >remote <<-END
		#!/bin/sh
		mkdir "$PWD/once" 2>/dev/null && exec "$FERRY" "\$@"
		$1 "$FERRY" "\$@"
	END
	chmod 755 remote
	export FERRY_REMOTE=$PWD/remote
}

join_in_vain()
{
	rm -rf ../once
	over "$1" 4 ../src "$HOST:$PWD/dst" -v 2>messages
	cmp ../src dst
	assert_done events reconnects 0
	assert_done events lanes 1
}

@test "further agents that do not start" {
	make_file src $((8 * MIB))
	only_one 'exit 3;'
	for_each_transport join_in_vain
	only_one 'kill -KILL $$;'
	rm -rf auto libssh2 ssh
	for_each_transport join_in_vain
	assert_nothing_left
}

@test "further agents that cannot reach the first" {
	unshare -n true 2>/dev/null || skip 'no network namespaces'
	make_file src $((12 * MIB))
	only_one 'exec unshare -n'
	rig_relay
	touch "$relay/slow"
	ferry_start -v --json --transport ssh --lanes 2 src \
	    "$HOST:$work/dst" >events 2>messages
	wait_until 20 grep -q 'over ssh: the agent of this transfer does not' \
	    messages || fail "$(cat messages)"
	go_on
	finish
	cmp src dst
	assert_lanes 1 ssh
	assert_nothing_left
}

# Lanes are still in the making: nobody waits for them.
@test "the end of a transfer waits for no lane" {
	echo content >src
	only_one 'exec sleep 1000;'
	over auto 8 src "$HOST:$work/dst"
	cmp src dst
	only_one 'exec sleep 1000;'
	rm -rf once
	over libssh2 8 src "$HOST:$work/dst2"
	cmp src dst2
}
