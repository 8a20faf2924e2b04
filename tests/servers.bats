#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: over the SFTP server of any make a copy is whole or not at all, is gone
# on with after kill -9, and is not made again.
#
# shellcheck disable=SC2154 # the rig sets these

load lib/rig
load lib/servers

setup()
{
	rig_setup
	# As on a host where nobody installed it.
	unset FERRY_REMOTE
}

teardown()
{
	server_stop
	rig_teardown
}

# begin MAKE
begin()
{
	local status=0

	server_start "$1" || status=$?
	[ "$status" -ne 2 ] || skip "there is no $SERVER_WANTS"
	return "$status"
}

# Whole seconds from 1970 on, as SFTP has them; names that all servers take.
make_plain_tree()
{
	local number

	mkdir -p "$1/deep/er" "$1/empty"
	for number in 0 1 1000 $MIB $((2 * MIB + 7)); do
		make_file "$1/size-$number" "$number"
	done
	for number in {1..9}; do make_file "$1/deep/er/$number" "$number"; done
	make_file "$1/deep/ünï '\"*\\ code" 100
	ln -s ../size-1 "$1/deep/link"
	ln -s /nonexistent/target "$1/dangling"
	chmod 400 "$1/size-1"
	chmod 755 "$1/size-1000"
	find "$1" -depth -exec touch -h -d '2011-11-11 11:11:11 UTC' {} +
}

# But the times of links, which not every server can set.
same_but_links()
{
	diff <(tree_listing "$1" | sed 's/\( l [0-7]* [0-9]*\) [0-9.]* /\1 /') \
	    <(tree_listing "$2" | sed 's/\( l [0-7]* [0-9]*\) [0-9.]* /\1 /')
}

to_and_fro()
{
	make_plain_tree src
	ferry_json events --verify src/ "$SERVER_URL/dst"
	assert_done events verified true
	same_but_links src "$SERVER_FILES/dst"
	assert_not_exists "$SERVER_FILES/dst/.ferry"
	ferry -q "$SERVER_URL/dst/" back
	same_but_links src back
	ferry_json events src/ "$SERVER_URL/dst"
	assert_done events bytes_sent 0
}

# What has another content, and what only --checksum sees.
overwrite()
{
	make_file src/size-1000 2000
	touch -d '2012-12-12 12:12:12 UTC' src/size-1000
	flip_byte "$SERVER_FILES/dst/size-$MIB" 77
	ferry -q --checksum src/ "$SERVER_URL/dst"
	same_but_links src "$SERVER_FILES/dst"
}

# find_journal: some leaves were confirmed.
find_journal()
{
	[ -n "$(find "$SERVER_FILES/.ferry" -name journal -size +350c)" ]
}

go_on()
{
	make_file big $((8 * MIB))
	ssh_gate_make "$PWD/gate" up $((6 * MIB))
	ferry_start --ssh "$PWD/gate" big "$SERVER_URL/big2" 2>messages
	wait_until 20 test -e gate.shut
	wait_until 20 find_journal
	kill -9 "$FERRY_PID"
	wait "$FERRY_PID" || :
	touch gate.open
	assert_not_exists "$SERVER_FILES/big2"
	ferry_json events big "$SERVER_URL/big2"
	cmp big "$SERVER_FILES/big2"
	assert_done events resumed true
	[ "$(done_field events bytes_sent)" -lt $((8 * MIB)) ]
	assert_nothing_staged "$SERVER_FILES"
}

@test "OpenSSH's sftp-server" {
	begin openssh
	to_and_fro
	overwrite
	go_on
}

@test "OpenSSH's internal-sftp in a chroot" {
	begin chroot
	to_and_fro
	overwrite
	go_on
}

@test "dropbear with sftp-server" {
	begin dropbear
	to_and_fro
	overwrite
	go_on
}

@test "asyncssh" {
	begin asyncssh
	to_and_fro
	overwrite
	go_on
}

@test "paramiko" {
	begin paramiko
	to_and_fro
	go_on
	# It says nothing of posix-rename, so nothing is replaced.
	make_file src/size-1000 2000
	run ferry src/ "$SERVER_URL/dst"
	assert_failure 23
	assert_output --partial 'size-1000'
	assert_equal "$(stat -c %s "$SERVER_FILES/dst/size-1000")" 1000
}

gate_is_gone()
{
	! process_is_alive "$(cat gate.pid)"
}

@test "what a killed run asked for comes when the next one is done" {
	begin openssh
	make_file src $((8 * MIB))
	ssh_gate_make "$PWD/gate" up $((6 * MIB))
	ferry_start --ssh "$PWD/gate" src "$SERVER_URL/dst" 2>messages
	wait_until 20 test -e gate.shut
	wait_until 20 find_journal
	kill -9 "$FERRY_PID"
	wait "$FERRY_PID" || :
	# Of the same size, and another version.
	make_file src $((8 * MIB))
	ferry -q src "$SERVER_URL/dst"
	cmp src dst
	touch gate.open
	wait_until 20 gate_is_gone
	cmp src dst
	assert_nothing_staged .
}

# ---- a server that lies ------------------------------------------------------

# hostile CASE: pull from it.
hostile()
{
	rm -rf dst
	OUTSIDE=$PWD/outside run ferry --ssh \
	    "$BATS_TEST_DIRNAME/peer/sftp_hostile.py" "sftp://$HOST/$1" dst
}

@test "a server that lies" {
	local what found

	mkdir outside
	for what in slash dotdot root nul empty nothing long; do
		hostile "$what"
		assert_failure 23
		assert_line -n 0 "ferry: /$what: cannot read: Protocol error"
		found+=$(find dst -type f)
	done
	hostile endless
	assert_failure 23
	assert_line -n 0 'ferry: /endless: cannot read: File too large'
	hostile large
	assert_failure 23
	assert_line -n 0 --partial 'changes while it is read'
	for what in more id text; do
		hostile "$what"
		assert_failure 12
		assert_line -n 1 --partial 'SFTP server breaks the protocol'
		assert_file_not_exists dst
	done
	# A link, or a folder: never both.
	hostile twice
	assert_equal "$found$(find outside dst -name evil)" ''
	assert_equal "$(ls)" $'dst\noutside'
}

# ---- kill -9 -----------------------------------------------------------------

# What is under a name is the source's, or what it was before.
assert_nothing_wrong()
{
	local name

	[ -d dst ] || return 0
	while read -r -d '' name; do
		cmp -s "src/$name" "dst/$name" ||
		    cmp -s "old/$name" "dst/$name" ||
		    fail "dst/$name is not what src/$name is or was"
	done < <(find dst -name .ferry -prune -o -type f -printf '%P\0')
}

# Another version of one file, the large one now and then.
change_source()
{
	local name=$((RANDOM % 40)) size=$((RANDOM * 2))

	[ $((RANDOM % 3)) -ne 0 ] || name=big size=$((4 * MIB))
	cp "src/$name" "old/$name"
	make_file "src/$name" "$size"
}

# kill_at_random FROM TO: copy until it is done, with kills in between.
kill_at_random()
{
	local status=1 moment

	while [ "$status" -ne 0 ]; do
		ferry_start -q "$1" "$2" 2>messages
		if [ "$kills" -gt 0 ]; then
			moment=$((RANDOM * 500 / 32768))
			sleep "0.$(printf %03d "$moment")"
			kill -KILL "$FERRY_PID" 2>/dev/null || :
		fi
		status=0
		wait "$FERRY_PID" 2>/dev/null || status=$?
		case $status in
		0) ;;
		137) kills=$((kills - 1)) ;;
		*) fail "exit $status: $(cat messages)" ;;
		esac
		assert_nothing_wrong
		[ $((RANDOM % 4)) -ne 0 ] || [ "$status" -eq 0 ] ||
		    change_source
	done
	diff -r src dst
	assert_nothing_staged dst
	rm -rf dst
}

# FERRY_SFTP_KILLS is how many there are.
@test "kill -9 at any moment" {
	local kills=${FERRY_SFTP_KILLS:-30} number

	RANDOM=${FERRY_KILL_SEED:-$RANDOM}
	begin openssh
	mkdir src old
	for number in {0..39}; do make_file "src/$number" $((RANDOM * 2)); done
	make_file src/big $((4 * MIB))
	while [ "$kills" -gt 0 ]; do
		kill_at_random src/ "$SERVER_URL/dst"
		kill_at_random "$SERVER_URL/src/" dst
	done
}
