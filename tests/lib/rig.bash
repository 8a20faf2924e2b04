# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What every bats file begins with: each test has an sshd of its own, and works
# in the folder "work", which is its current folder.
#
#	setup() { rig_setup; }
#	teardown() { rig_teardown; }

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert
bats_load_library bats-file

rig_library=${BASH_SOURCE[0]%/*}
# shellcheck source=tests/lib/sshd.bash
. "$rig_library/sshd.bash"
# shellcheck source=tests/lib/ferry.bash
. "$rig_library/ferry.bash"

# rig_setup [LINE...]: lines for sshd_config.
rig_setup()
{
	if [ ! -x "${FERRY-}" ]; then
		echo "FERRY must be the absolute path of the program" >&2
		return 1
	fi
	work=$BATS_TEST_TMPDIR/work
	mkdir "$work"
	cd "$work" || return 1
	ferry_state_in "$BATS_TEST_TMPDIR/state"
	sshd_make "$BATS_TEST_TMPDIR/sshd" "$@"
	sshd_start
}

# Whether this user can be one whom permissions bind: both ends are from now on.
rig_plain()
{
	plain_is_possible || return 1
	# shellcheck disable=SC2034 # ferry reads it
	FERRY_PREFIX=("${PLAIN[@]}")
	sshd_stop
	SSHD_PREFIX=("${PLAIN[@]}")
	sshd_start
}

# From now on what ferry and sshd say to each other goes over relay.pl, whose
# folder is "relay".  narrow: it takes little at a time.
rig_relay()
{
	relay=$BATS_TEST_TMPDIR/relay
	mkdir "$relay"
	[ -z "${1-}" ] || touch "$relay/$1"
	touch "$relay/all" "$relay/up" "$relay/down"
	perl "$rig_library/relay.pl" "$relay" "$SSHD_PORT" 3>&- &
	wait_until 10 test -e "$relay/port"
	# shellcheck disable=SC2034 # the tests read it
	relay_pid=$!
	SSHD_PORT=$(cat "$relay/port")
	sed -i "1{p; s/]:[0-9]*/]:$SSHD_PORT/}" "$SSHD_KNOWN_HOSTS"
}

relay_is_quiet()
{
	[ "$(wc -l <"$relay/all")" -eq "$(wc -l <"$relay/up")" ] &&
	    [ "$(wc -l <"$relay/all")" -eq "$(wc -l <"$relay/down")" ]
}

# relay_bytes up|down: how much went that way, over all connections, which end.
relay_bytes()
{
	wait_until 20 relay_is_quiet
	awk '{ sum += $1 } END { printf "%.0f\n", sum }' "$relay/$1"
}

rig_teardown()
{
	local job

	for job in $(jobs -p); do kill -KILL "$job" 2>/dev/null || :; done
	sshd_remove
	cd /
	chmod -R u+rwx "$BATS_TEST_TMPDIR" 2>/dev/null || :
	# bats' own removal stops at names that are longer than a path may be.
	rm -rf "$BATS_TEST_TMPDIR/work"
}

# here_and_there FUNCTION: for a push, a pull, and a copy on this machine ("way"
# says which), call it in an empty folder of its own, with the prefixes of SRC
# in "from" and of DST in "to".
here_and_there()
{
	each_way "$1" push pull local
}

# both_ways FUNCTION: the same for a push and a pull.
both_ways()
{
	each_way "$1" push pull
}

# shellcheck disable=SC2034 # they are the caller's
each_way()
{
	local function=$1

	shift
	for way; do
		from='' to=''
		case $way in
		push) to=$HOST:$work/push/ ;;
		pull) from=$HOST:$work/pull/ ;;
		esac
		mkdir "$work/$way"
		cd "$work/$way" || return 1
		"$function"
	done
	cd "$work" || return 1
}

# Nothing staged is left in a folder, whatever its depth.
assert_nothing_staged()
{
	assert_equal "$(find "$1" -name .ferry)" ''
}

assert_same_trees()
{
	local difference

	difference=$(same_trees "$1" "$2") || fail "$difference"
}

# assert_done FILE NAME VALUE: of the done event.
assert_done()
{
	assert_equal "$2 $(done_field "$1" "$2")" "$2 $3"
}
