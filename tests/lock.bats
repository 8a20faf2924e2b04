#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: one writer at a target.  Who comes second is told who is there; what a
# dead connection left behind is fenced off; and nobody listens on a port.
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

# hold NAME: start a copy of src to NAME that waits half-way.
hold()
{
	local gate=$PWD/gate-${1##*/}

	[ -e src ] || make_file src $((4 * MIB))
	case $way in
	push) gate_make "$gate" up "$MIB" ;;
	pull) gate_make "$gate" down "$MIB" ;;
	esac
	ferry_start -q --remote-ferry "$gate" "${from}src" "${to}$1" \
	    2>messages
	wait_until 20 test -e "$gate.shut"
}

# let_go NAME: and it must end well.
let_go()
{
	: >"$PWD/gate-${1##*/}.open"
	wait "$FERRY_PID"
}

# As if it were called on another machine.
elsewhere()
{
	XDG_STATE_HOME=$work/elsewhere ferry "$@"
}

# ---- who comes second -----------------------------------------------------

@test "a second run at one target is told who holds it: exit 75" {
	second()
	{
		local holder

		hold dst
		case $way in
		push) holder=$(sshd_ferries) ;;
		pull) holder=$FERRY_PID ;;
		esac
		echo other >other
		run elsewhere "${from}other" "${to}dst"
		assert_failure 75
		assert_equal "${#lines[@]}" 1
		assert_output --regexp "^ferry: (127.0.0.1: )?($PWD/)?dst is held by ferry process $holder on $(uname -n) since [-0-9]{10} [:0-9]{8}; wait for it or end it\$"
		run elsewhere --json "${from}other" "${to}dst"
		assert_failure 75
		assert_equal "$(grep '"done"' <<<"$output" |
		    jq -r .status)" held
		let_go dst
		cmp src dst
		elsewhere -q "${from}other" "${to}dst"
		cmp other dst
		assert_nothing_staged .
	}
	both_ways second
}

@test "so is one at the folder that it is in, and one in the folder" {
	around()
	{
		mkdir folder tree
		echo content >tree/a
		hold folder/dst
		run elsewhere "${from}tree/" "${to}folder"
		assert_failure 75
		assert_output --partial "folder is held by"
		let_go folder/dst
		elsewhere -q "${from}tree/" "${to}folder"
		cmp src folder/dst
		cmp tree/a folder/a
		# And a folder keeps its files' names.
		rm -r tree folder src
		mkdir src
		make_file src/dst $((4 * MIB))
		mkdir folder
		echo other >other
		hold folder
		run elsewhere "${from}other" "${to}folder/dst"
		assert_failure 75
		let_go folder
		cmp src/dst folder/src/dst
		assert_nothing_staged .
	}
	both_ways around
}

@test "files of other names in one folder keep nobody out" {
	names()
	{
		hold one
		echo other >other
		elsewhere -q "${from}other" "${to}two"
		cmp other two
		let_go one
		cmp src one
		assert_nothing_staged .
	}
	both_ways names
}

@test "the same command twice on this end: exit 75" {
	twice()
	{
		hold dst
		run ferry "${from}src" "${to}dst"
		assert_failure 75
		assert_output --regexp "^ferry: this transfer is run by process $FERRY_PID on .* since .*; wait for it or end it\$"
		run "$FERRY" status
		assert_line --partial "running: process $FERRY_PID"
		let_go dst
		cmp src dst
	}
	both_ways twice
}

# ---- what is left behind --------------------------------------------------

# bats test_tags=sanitize
@test "an agent whose client was killed is fenced off" {
	orphan()
	{
		local old

		hold dst
		old=$(sshd_ferries)
		kill -KILL "$FERRY_PID"
		wait "$FERRY_PID" 2>/dev/null || :
		# The gate keeps the end of the connection from it.
		process_is_alive "$old"
		ferry -q "${from}src" "${to}dst"
		cmp src dst
		assert_nothing_staged .
		# What it does when it hears of more changes nothing.
		: >gate-dst.open
		wait_until 20 eval "! process_is_alive $old"
		cmp src dst
		assert_nothing_staged .
	}
	both_ways orphan
}

@test "so is one that is stopped, and whose client was killed" {
	local old

	way=push from='' to=$HOST:$PWD/
	hold dst
	old=$(sshd_ferries)
	kill -STOP "$old"
	kill -KILL "$FERRY_PID"
	wait "$FERRY_PID" 2>/dev/null || :
	: >gate-dst.open
	ferry -q src "${to}dst"
	cmp src dst
	kill -CONT "$old" 2>/dev/null || :
	wait_until 20 eval "! process_is_alive $old"
	cmp src dst
	assert_nothing_staged .
}

@test "one of a tree, half of whose files are in place" {
	tree()
	{
		local number old

		mkdir src
		for number in {10..99}; do
			make_file "src/$number" 30000
		done
		hold dst
		old=$(sshd_ferries)
		kill -STOP "$old"
		kill -KILL "$FERRY_PID"
		wait "$FERRY_PID" 2>/dev/null || :
		: >gate-dst.open
		ferry -q "${from}src" "${to}dst"
		kill -CONT "$old" 2>/dev/null || :
		wait_until 20 eval "! process_is_alive $old"
		assert_same_trees src dst/src
		assert_nothing_staged .
	}
	both_ways tree
}

agents_run()
{
	[ -n "$(sshd_ferries)" ]
}

no_agents()
{
	[ -z "$(sshd_ferries)" ]
}

@test "an agent ends with its connection" {
	ends()
	{
		make_file src $((300 * MIB))
		ferry_start -q "${from}src" "${to}dst"
		wait_until 20 agents_run
		kill -KILL "$FERRY_PID"
		wait "$FERRY_PID" 2>/dev/null || :
		wait_until 20 no_agents
		rm src
	}
	both_ways ends
}

@test "what a crash left of a lock keeps nobody out" {
	crash()
	{
		hold dst
		kill -KILL "$FERRY_PID" "$(sshd_ferries)"
		wait "$FERRY_PID" 2>/dev/null || :
		: >gate-dst.open
		assert_file_exists .ferry/lock
		echo other >other
		elsewhere -q "${from}other" "${to}dst"
		cmp other dst
	}
	both_ways crash
}

@test "a lock that leads elsewhere is not followed" {
	planted()
	{
		echo content >src
		mkdir outside
		echo precious >outside/file
		ln -s outside .ferry
		run ferry "${from}src" "${to}dst"
		assert_failure 11
		assert_equal "${#lines[@]}" 1
		assert_equal "$(ls -A outside)" file
		rm .ferry
		mkdir .ferry
		ln -s ../outside/new .ferry/lock
		run ferry "${from}src" "${to}dst"
		assert_failure 11
		ln -f outside/file .ferry/lock
		run ferry "${from}src" "${to}dst"
		assert_failure 11
		rm .ferry/lock
		mkfifo .ferry/lock
		run ferry "${from}src" "${to}dst"
		assert_failure 11
		assert_not_exists dst
		assert_equal "$(ls -A outside)" file
		assert_equal "$(cat outside/file)" precious
	}
	both_ways planted
}

# ---- ports ----------------------------------------------------------------

# Sockets of these processes that listen, or wait for datagrams.
listening()
{
	local pid

	for pid; do
		readlink "/proc/$pid/fd/"* 2>/dev/null
	done | sed -n 's/^socket:\[\([0-9]*\)\]$/\1/p' | sort -u >inodes
	awk 'NR == FNR { ours[$1]; next }
	    ($10 in ours) && (FILENAME ~ /udp|raw/ || $4 == "0A")' \
	    inodes /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 \
	    /proc/net/raw
}

@test "ferry listens on no port" {
	ports()
	{
		hold dst
		mapfile -t agents < <(sshd_ferries)
		assert_equal "${#agents[@]}" 1
		# The check sees a port where there is one.
		run listening "$SSHD_PID"
		assert_output --partial ' 0A '
		run listening "$FERRY_PID" "${agents[@]}"
		assert_output ''
		let_go dst
	}
	both_ways ports
}
