#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: verify reads both sides where the bytes are, finds what differs and
# nothing else, by the names that a copy gives.

load lib/rig

setup()
{
	rig_setup
}

teardown()
{
	rig_teardown
}

# Both ways and on one machine: "verify_each SRC DST" runs the test's function
# "expect" after each.
verify_each()
{
	run ferry verify -q "$1" "$2"
	expect
	run ferry verify -q "$1" "$HOST:$PWD/$2"
	expect
	run ferry verify -q "$HOST:$PWD/$1" "$2"
	expect
}

@test "sides that are the same" {
	expect()
	{
		assert_success
		assert_output ''
	}
	make_tree src
	mkdir into
	cp -a src into/src
	verify_each src/ into/src
	verify_each src/ into/src/
	verify_each src into
	verify_each src/size-1 into/src
	verify_each src/size-1 into/src/size-1
	verify_each src/./deep/../deep/er/ into/src/deep/er
}

@test "one line for each difference, and exit code 65" {
	expect()
	{
		assert_failure 65
		assert_equal "${#lines[@]}" 5
		assert_line --regexp '^ferry: deep/er/7: missing in .*dst$'
		assert_line --regexp '^ferry: deep/link: leads to '
		assert_line --regexp '^ferry: empty: is a folder in .*, a file in .*dst$'
		assert_line --regexp '^ferry: extra: only in .*dst$'
		assert_line 'ferry: size-3145735: differs at MiB 1'
	}
	make_tree src
	cp -a src dst
	flip_byte dst/size-3145735 $((MIB + 77))
	rm dst/deep/er/7
	rmdir dst/empty
	: >dst/empty
	: >dst/extra
	ln -sfn elsewhere dst/deep/link
	verify_each src/ dst
}

@test "a file under another name" {
	expect()
	{
		assert_failure 65
		assert_line 'ferry: a: differs at MiB 0'
	}
	echo 1 >a
	echo 2 >b
	verify_each a b
}

@test "several sources, and nothing else in the target counts" {
	expect()
	{
		assert_success
	}
	mkdir dst folder
	echo a >a
	echo b >folder/b
	cp -r a folder dst
	echo other >dst/other
	run ferry verify a folder dst
	assert_success
	run ferry verify a folder "$HOST:$PWD/dst"
	assert_success
	echo changed >dst/folder/b
	run ferry verify a folder "$HOST:$PWD/dst"
	assert_failure 65
	assert_line 'ferry: folder/b: differs in size (2 bytes in the sources, 8 in '"$HOST:$PWD"'/dst), at MiB 0'
}

@test "a target that is not there lacks everything" {
	mkdir src
	echo a >src/a
	run ferry verify -q src "$HOST:$PWD/none"
	assert_failure 65
	assert_equal "${#lines[@]}" 2
	assert_line --partial 'src/a: missing in'
	run ferry verify -q src/a dst/
	assert_failure 65
}

@test "a source that is not there is an error" {
	mkdir dst
	run ferry verify src "$HOST:$PWD/dst"
	assert_failure 23
	assert_output 'ferry: src: No such file or directory'
	run ferry verify "$HOST:$PWD/src" dst
	assert_failure 23
	assert_line --partial 'src: No such file or directory'
}

@test "a difference that only the disk has is found" {
	make_file src $((2 * MIB))
	cp src dst
	sync dst
	# Written past the page cache where the file system can do it.
	head -c 4096 /dev/urandom >noise
	dd if=noise of=dst bs=4096 seek=300 conv=notrunc oflag=direct \
	    status=none || skip 'no direct writes here'
	run ferry verify -q src dst
	assert_failure 65
	assert_output 'ferry: src: differs at MiB 1'
}

@test "only digests travel" {
	make_file src $((16 * MIB))
	cp src dst
	printf '#!/bin/sh\n%s "$@" | tee "%s"\n' "$FERRY" "$PWD/sent" >remote
	chmod +x remote
	FERRY_REMOTE=$PWD/remote ferry verify -q src "$HOST:$PWD/dst"
	assert_file_not_empty sent
	assert [ "$(stat -c %s sent)" -lt 10000 ]
}

@test "--json" {
	make_file src $((2 * MIB))
	cp src dst
	ferry verify --json src "$HOST:$PWD/dst" >events 2>/dev/null
	assert_done events status "done"
	assert_done events files 1
	assert_done events transfer null
	assert_done events bytes $((2 * MIB))
	flip_byte dst 5
	run --separate-stderr ferry verify --json src "$HOST:$PWD/dst"
	assert_failure 65
	assert_equal "$(head -n 1 <<<"$output" |
	    jq -c '[.event, .path, .kind, .mib]')" \
	    '["difference","src","content",[[0,0]]]'
	assert_equal "$(tail -n 1 <<<"$output" | jq -r .status)" differs
}

@test "what cannot be read is not known to be the same" {
	plain_is_possible || skip 'root cannot give its permissions up here'
	mkdir src
	echo a >src/a
	echo b >src/b
	cp -a src dst
	chmod 0 src/a
	# shellcheck disable=SC2034 # ferry reads it
	FERRY_PREFIX=("${PLAIN[@]}")
	run ferry verify -q src/ dst
	assert_failure 23
	assert_line --partial 'a: cannot be compared: in src/: cannot open'
}

@test "copy --verify" {
	make_tree src
	mkdir dst
	echo other >dst/other
	ferry_json events --verify src/ "$HOST:$PWD/dst"
	assert_done events status "done"
	assert_done events verified true
	# A file that is skipped by size and time is still compared.
	flip_byte dst/size-1048576 17
	run ferry -q --verify src/ "$HOST:$PWD/dst"
	assert_failure 65
	assert_line -n 0 'ferry: size-1048576: differs at MiB 0'
	assert_line -n 1 'ferry: the two sides differ, as said above; the same command with --checksum mends it'
	assert_equal "${#lines[@]}" 2
	run ferry -q --checksum --verify src/ "$HOST:$PWD/dst"
	assert_success
}

@test "usage errors" {
	run ferry verify
	assert_failure 1
	run ferry verify one
	assert_failure 1
	run ferry verify --checksum one two
	assert_failure 1
}
