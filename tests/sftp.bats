#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: a host that has an SFTP server and no ferry is copied to and from as
# any other, whole or not at all, and what nobody checked there is not called
# verified.
#
# shellcheck disable=SC2030,SC2031,SC2154 # the rig sets these

load lib/rig

setup()
{
	rig_setup
	sftp=sftp://$HOST:$SSHD_PORT$PWD
	# As on a host where nobody installed it.
	unset FERRY_REMOTE
}

teardown()
{
	rig_teardown
}

# Whole seconds from 1970 on, as SFTP has them.
make_sftp_tree()
{
	make_tree "$1"
	find "$1" -depth -exec touch -h -d '2011-11-11 11:11:11 UTC' {} +
}

@test "a file, to and fro, and again" {
	make_file src $((3 * MIB + 5))
	run ferry src "$sftp/dst"
	assert_success
	cmp src dst
	assert_not_exists .ferry
	ferry_json events src "$sftp/dst"
	assert_equal "$(done_field events files_skipped)" 1
	assert_equal "$(done_field events bytes_sent)" 0
	assert_equal "$(done_field events transport)" sftp
	ferry_json events "$sftp/dst" back
	cmp src back
	flip_byte dst 5
	ferry -q --checksum src "$sftp/dst"
	cmp src dst
}

@test "a tree, to and fro, and read back" {
	make_sftp_tree src
	ferry_json events --verify src/ "$sftp/dst"
	assert_equal "$(jq -s 'last.verified' events)" true
	same_trees src dst
	ferry -q "$sftp/dst/" back
	same_trees src back
	ferry -q verify src/ "$sftp/dst/"
	flip_byte dst/deep/er/est/file 77
	run ferry verify src/ "$sftp/dst/"
	assert_failure 65
}

@test "odd times are the nearest that SFTP has, and not sent again" {
	make_file old 10
	make_file exact 10
	touch -d '1960-01-01' old
	touch -d '2001-02-03 04:05:06.789' exact
	ferry -q old exact "$sftp/"dst/
	assert_equal "$(stat -c %Y dst/old)" 0
	ferry_json events old exact "$sftp/"dst/
	assert_equal "$(done_field events files_skipped)" 2
}

@test "a path of the home folder, and an URL that is none" {
	run ferry src "sftp://$HOST"
	assert_failure 1
	assert_output --partial 'there is no path'
	run ferry src "sftp://$HOST:x/a"
	assert_failure 1
	assert_output --partial 'no port'
	run ferry "sftp://$HOST:$SSHD_PORT/~/no such file here" dst
	assert_failure 23
	assert_output --partial 'No such file'
}

@test "what the old file has is copied where it is" {
	make_file src $((6 * MIB))
	ferry -q src "$sftp/dst"
	printf changed | dd of=src bs=1 seek=$((2 * MIB)) conv=notrunc status=none
	touch -d '2001-02-03' src
	ferry_json events --checksum src "$sftp/dst"
	cmp src dst
	assert_equal "$(done_field events bytes_sent)" "$MIB"
}

@test "killed, it goes on where it was" {
	make_file src $((40 * MIB))
	ssh_gate_make "$PWD/gate" up $((32 * MIB))
	ferry_start --ssh "$PWD/gate" src "$sftp/dst" 2>messages
	wait_until 20 test -e gate.shut
	wait_until 20 has_staged . $((30 * MIB))
	# For longer than a group waits.
	wait_until 20 find_journal
	kill -9 "$FERRY_PID"
	wait "$FERRY_PID" || :
	touch gate.open
	assert_not_exists dst
	ferry_json events src "$sftp/dst"
	cmp src dst
	assert_equal "$(done_field events resumed)" true
	[ "$(done_field events bytes_sent)" -lt $((40 * MIB)) ]
	assert_not_exists .ferry
}

# Some leaves were confirmed: how many, a busy machine decides.
find_journal()
{
	[ -n "$(find .ferry -name journal -size +350c)" ]
}

@test "cut, it connects again by itself" {
	make_file src $((40 * MIB))
	ssh_gate_make "$PWD/gate" up $((32 * MIB))
	ferry_start --ssh "$PWD/gate" src "$sftp/dst" 2>messages
	wait_until 20 test -e gate.shut
	# Before what is left can pass.
	sshd_cut
	touch gate.open
	wait "$FERRY_PID"
	cmp src dst
	run cat messages
	assert_output --partial 'trying again'
}

@test "one run at a time" {
	make_file src $((4 * MIB))
	ssh_gate_make "$PWD/gate" up $((2 * MIB))
	ferry_start --ssh "$PWD/gate" src "$sftp/dst" 2>messages
	wait_until 20 test -e gate.shut
	# Another state folder is another user's, or machine's.
	run ferry --state-dir other src "$sftp/dst"
	assert_failure 75
	run ferry src "$sftp/"
	assert_failure 75
	touch gate.open
	wait "$FERRY_PID"
	cmp src dst
}

@test "where there is no ferry it is said once, and SFTP is used" {
	make_file src "$MIB"
	PATH=/usr/bin:/bin run ferry --verify src "$HOST:$PWD/dst"
	assert_success
	assert_output --partial "$HOST has no ferry"
	assert_output --partial verified
	assert_equal "$(grep -c 'no ferry' <<<"$output")" 1
	cmp src dst
	# Who says where it is wants it.
	run ferry --remote-ferry /nonexistent src "$HOST:$PWD/dst2"
	assert_failure 255
	assert_not_exists dst2
}

@test "a server for SFTP only" {
	sshd_stop
	printf 'ForceCommand internal-sftp\n' >>"$SSHD_DIR/sshd_config"
	sshd_start
	sftp=sftp://$HOST:$SSHD_PORT$PWD
	make_file src "$MIB"
	run ferry src "$HOST:$PWD/dst"
	assert_success
	assert_output --partial 'stored, not verified'
	cmp src dst
	ferry -q "$sftp/dst" back
	cmp src back
}
