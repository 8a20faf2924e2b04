#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: an end that says nothing any more, though its connection seems to be
# there, is given up after the idle deadline, which is half a minute: so all
# cases wait at the same time.
#
# shellcheck disable=SC2154 # the rig sets these

load lib/rig
load lib/servers

size=$((16 * MIB))

setup()
{
	rig_setup
	make_file src $size
}

teardown()
{
	rig_teardown
}

# begin CASE up|down: start a copy in a folder and with a state of its own, and
# hold it half-way.  Sets client[CASE] and agent[CASE].
begin()
{
	local gate=$work/$1/gate before from='' to=''

	mkdir "$1"
	gate_make "$gate" "$2" $((size / 2))
	case $2 in
	up) to=$HOST:$work/$1/ ;;
	down) from=$HOST:$work/ to=$1/ ;;
	esac
	before=$(sshd_ferries)
	XDG_STATE_HOME=$work/$1/state ferry_start --json --lanes 1 \
	    --remote-ferry "$gate" "${from}src" "${to}dst" \
	    >"$1/events" 2>"$1/messages"
	client[$1]=$FERRY_PID
	wait_until 20 test -e "$gate.shut"
	agent[$1]=$(comm -13 <(echo "$before" | sort) \
	    <(sshd_ferries | sort))
}

# begin_sftp CASE: the same over SFTP, from there.
begin_sftp()
{
	local before

	mkdir "$1"
	ssh_gate_make "$work/$1/gate" down $((size / 2))
	before=$(sshd_agents)
	XDG_STATE_HOME=$work/$1/state ferry_start --json --lanes 1 \
	    --ssh "$work/$1/gate" "$SERVER_URL/src" "$1/dst" \
	    >"$1/events" 2>"$1/messages"
	client[$1]=$FERRY_PID
	wait_until 20 test -e "$1/gate.shut"
	agent[$1]=$(comm -13 <(echo "$before" | sort) \
	    <(sshd_agents | sort) | xargs -I{} grep -l sftp-server \
	    /proc/{}/comm | tr -dc '0-9\n')
}

has_ended()
{
	! process_is_alive "$1"
}

# Its client went on by itself.
assert_went_on()
{
	wait "${client[$1]}" || fail "$1: exit $?: $(cat "$1/messages")"
	cmp src "$1/dst"
	assert_done "$1/events" reconnects 1
	run jq -r 'select(.event == "retry") | .cause' "$1/events"
	assert_output --partial "$2"
	assert_nothing_staged "$1"
	# One that reads holds nobody up: it ends when it is let go.
	case $1 in
	stopped-agent-pull | stopped-sftp) kill -CONT "${agent[$1]}" ;;
	esac
	wait_until 20 has_ended "${agent[$1]}"
}

@test "an end that is silent is given up, and the copy goes on" {
	declare -A client agent
	local name

	server_start openssh
	begin_sftp stopped-sftp
	begin stopped-agent-push up
	begin stopped-agent-pull down
	begin stopped-client-push up
	begin stopped-client-pull down
	# From here on over a relay, of which one connection stalls.
	rig_relay
	begin dead-line up

	kill -STOP "${agent[stopped-agent-push]}" \
	    "${agent[stopped-agent-pull]}" "${agent[stopped-sftp]}" \
	    "${client[stopped-client-push]}" "${client[stopped-client-pull]}"
	mapfile -t passing < <(pgrep -P "$relay_pid")
	kill -STOP "${passing[@]}"
	for name in "${!client[@]}"; do : >"$name/gate.open"; done

	sleep 28
	# The agent of a client that is stopped lets the target go, at its own
	# deadline.
	wait_until 60 has_ended "${agent[stopped-client-push]}"
	wait_until 60 has_ended "${agent[stopped-client-pull]}"
	ferry -q src "$HOST:$work/stopped-client-push/dst"
	cmp src stopped-client-push/dst

	assert_went_on stopped-sftp 'the connection was lost'
	assert_went_on stopped-agent-push 'nothing was heard'
	assert_went_on stopped-agent-pull 'nothing was heard'
	assert_went_on dead-line 'nothing was heard'
	kill -KILL "${passing[@]}"

	# A client that wakes up finds its agent gone, and begins again.
	kill -CONT "${client[stopped-client-push]}" \
	    "${client[stopped-client-pull]}"
	wait "${client[stopped-client-push]}"
	wait "${client[stopped-client-pull]}"
	cmp src stopped-client-push/dst
	cmp src stopped-client-pull/dst
	assert_nothing_staged .
}
