#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: a copy between two hosts keeps all that a copy to one does; what goes
# through here is not trusted to be what was asked for.

load lib/rig

setup()
{
	rig_setup
	# shellcheck disable=SC2154 # rig_setup sets it
	here=$HOST:$work
	there=localhost:$work
	# One rig is both hosts.
	printf '[localhost]:%s %s\n' "$SSHD_PORT" \
	    "$(cut -d' ' -f1,2 "$SSHD_DIR/host_key.pub")" >>"$SSHD_KNOWN_HOSTS"
}

teardown()
{
	rig_teardown
}

@test "a tree from one host to another, and again" {
	make_tree tree
	ferry_json events --verify "$here/tree" "$there/out/"
	assert_same_trees tree out/tree
	assert_nothing_staged out
	assert_done events status "done"
	assert_done events verified true
	assert_done events files "$(find tree -type f -printf x | wc -c)"
	assert_done events bytes "$(find tree -type f -printf '%s\n' |
	    awk '{ sum += $1 } END { print sum }')"
	assert_done events errors 0
	ferry_json events "$here/tree" "$there/out/"
	assert_done events bytes_sent 0
	assert_done events files_skipped "$(find tree -type f -printf x | wc -c)"
	flip_byte out/tree/size-1048577 1
	run --separate-stderr ferry verify "$here/tree" "$there/out/"
	assert_failure 65
	ferry --checksum "$here/tree/" "$there/out/tree"
	assert_same_trees tree out/tree
}

@test "over ssh, a file to another name, compressed and at a rate" {
	seq 300000 >file
	ferry_json events --transport=ssh --compress=3 --bwlimit=10m \
	    "$here/file" "$there/other"
	cmp file other
	[ "$(done_field events bytes_sent)" -lt 1000000 ]
}

@test "killed in between, it goes on where it was cut" {
	make_file big $((48 * MIB))
	ferry_start --bwlimit=40m "$here/big" "$there/out/"
	wait_until 20 has_staged out $((20 * MIB))
	kill -KILL "$FERRY_PID"
	wait "$FERRY_PID" || :
	assert_file_not_exists out/big
	ferry_json events resume
	cmp big out/big
	assert_done events resumed true
	[ "$(done_field events bytes_sent)" -lt $((48 * MIB)) ]
	assert_nothing_staged out
}

@test "connections that are cut are made again" {
	make_file big $((32 * MIB))
	ferry_start --json --bwlimit=20m "$here/big" "$there/out/" >events
	wait_until 20 has_staged out $((8 * MIB))
	sshd_cut
	wait "$FERRY_PID"
	cmp big out/big
	[ "$(done_field events reconnects)" -ge 1 ]
	[ "$(done_field events bytes_sent)" -lt $((64 * MIB)) ]
}

@test "what cannot be read or written is told, with the host" {
	run --separate-stderr ferry "$here/nothing" "$there/out/"
	assert_failure 23
	# shellcheck disable=SC2154
	[[ $stderr == "ferry: $HOST: "*nothing* && ${#stderr_lines[@]} -eq 1 ]] ||
	    fail "$stderr"
	echo content >file
	echo >out
	run --separate-stderr ferry "$here/file" "$there/out/"
	assert_failure 11
	[[ $stderr == "ferry: localhost: "*out* && ${#stderr_lines[@]} -eq 1 ]] ||
	    fail "$stderr"
	mkdir -p tree target/tree/file/in
	cp file tree
	cp file tree/sound
	mkfifo tree/fifo
	run --separate-stderr ferry "$here/tree" "$there/target"
	assert_failure 23
	cmp file target/tree/sound
	[[ $stderr == *'tree/fifo: left out'* &&
	    $stderr == *'tree/file: '* ]] || fail "$stderr"
}

@test "a host that sends what was not asked for sends nothing" {
	local lie

	mkdir -p evil/other evil/inn out
	echo content | tee evil/other/file >evil/inn/file
	# It is made to read another folder, or to give what is in one.
	cat >lie.pl <<-'END'
		while (sysread(STDIN, my $bytes, 65536)) {
			$bytes =~ s,/evil/asked,/evil/$ARGV[0],;
			syswrite(STDOUT, $bytes);
		}
	END
	for lie in other inn//; do
		printf '#!/bin/sh\nperl %q/lie.pl %s | "%s" "$@"\n' "$work" \
		    $lie "$FERRY" >liar
		chmod 755 liar
		run --separate-stderr ferry --remote-ferry "$work/liar" \
		    "$here/evil/asked" "$there/out/"
		assert_failure 12
		[[ $stderr == "ferry: $HOST: "*'not asked for'* ]] ||
		    fail "$stderr"
		assert_equal "$(find out -type f ! -path '*/.ferry/*')" ''
	done
}
