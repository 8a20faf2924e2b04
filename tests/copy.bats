#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: what is copied arrives under the name that a user of scp or rsync
# expects, is not sent twice, and leaves nothing but itself and the ledgers.

# shellcheck disable=SC2154 # the rig sets these

load lib/rig

setup()
{
	rig_setup
}

teardown()
{
	rig_teardown
}

# no_transfer_in STATE: of each, the journal is removed.
no_transfer_in()
{
	[ -z "$(ls -A "$1/ferry/transfers" 2>/dev/null)" ]
}

# ---- each way -------------------------------------------------------------

# bats test_tags=sanitize,threads
@test "push a file" {
	make_file big $((5 * MIB + 3))
	mkdir srv
	ferry_json events big "$HOST:$work/srv/"
	cmp big srv/big
	assert_done events code 0
	assert_done events files 1
	assert_done events bytes $((5 * MIB + 3))
	assert_done events bytes_sent $((5 * MIB + 3))
	assert_done events bytes_reused 0
	assert_nothing_staged .
}

# bats test_tags=sanitize
@test "pull a file" {
	make_file big $((5 * MIB + 3))
	mkdir here
	ferry_json events "$HOST:$work/big" here
	cmp big here/big
	assert_done events files 1
	assert_done events bytes $((5 * MIB + 3))
	assert_done events bytes_sent $((5 * MIB + 3))
	assert_nothing_staged .
}

# bats test_tags=threads
@test "push a tree" {
	make_tree photos
	ferry photos/ "$HOST:$work/srv"
	assert_same_trees photos srv
}

# bats test_tags=sanitize,threads
@test "pull a tree" {
	make_tree photos
	ferry "$HOST:$work/photos/" copy
	assert_same_trees photos copy
}

# bats test_tags=sanitize
@test "a tree on this machine" {
	make_tree photos
	ferry photos/ copy
	assert_same_trees photos copy
}

@test "several sources into a folder" {
	several()
	{
		mkdir b
		echo 1 >a
		echo 2 >b/two
		ln -s nowhere c
		mkdir into
		ferry -q "${from}a" "${from}b" "${from}c" "${to}into"
		assert_equal "$(find into | LC_ALL=C sort | tr '\n' ' ')" \
		    'into into/a into/b into/b/two into/c '
		ferry -q "${from}a" "${from}b/" "${from}c" "${to}new"
		assert_equal "$(find new | LC_ALL=C sort | tr '\n' ' ')" \
		    'new new/a new/c new/two '
		assert_nothing_staged .
	}
	here_and_there several
}

@test "of two that would get one name the first is copied: exit 23" {
	overlaps()
	{
		mkdir -p a/both b/both b/file.c/inner
		echo first >a/file
		echo other >b/file
		touch -d @1 a/file b/file
		echo first >a/file.c
		echo inner >b/file.c/inner/x
		echo 1 >a/both/1
		echo 2 >b/both/2
		run ferry "${from}a/" "${from}b/" "${to}into"
		assert_failure 23
		assert_line "ferry: ${from:+$work/pull/}b/file: another source has the same name"
		assert_line --partial 'b/file.c: another source has the same'
		refute_line --partial 'b/both'
		refute_line --partial 'inner'
		assert_equal "$(cat into/file into/file.c)" $'first\nfirst'
		assert_equal "$(cat into/both/*)" $'1\n2'
		# So does a file whose name is in a folder's contents.
		run ferry "${from}b/file" "${from}a/" "${to}other"
		assert_failure 23
		assert_line --partial 'a/file: another source has the same name'
		assert_equal "$(cat other/file)" other
		# One thing that is named twice is no conflict.
		ferry "${from}a/file" "${from}a/" "${to}twice"
		assert_equal "$(cat twice/file)" first
		run ferry verify "${from}a/" "${from}b/" "${to}into"
		assert_failure 23
		assert_output --partial 'another source has the same name'
		assert_nothing_staged .
	}
	here_and_there overlaps
}

@test "a file larger than the window, and one larger than a group" {
	make_file big $((200 * MIB + 1))
	ferry_json events big "$HOST:$work/pushed"
	cmp big pushed
	assert_done events bytes_sent $((200 * MIB + 1))
	ferry_json events "$HOST:$work/big" pulled
	cmp big pulled
	assert_done events bytes_sent $((200 * MIB + 1))
	assert_nothing_staged .
}

# ---- names ----------------------------------------------------------------

@test "a file gets the name of the target, or goes into it" {
	names()
	{
		echo content >a
		mkdir folder
		ferry -q "${from}a" "${to}b"
		cmp a b
		ferry -q "${from}a" "${to}folder"
		cmp a folder/a
		ferry -q "${from}a" "${to}folder/c"
		cmp a folder/c
		ferry -q "${from}a" "${to}made/"
		cmp a made/a
		ferry -q "${from}./folder/../a" "${to}folder/../d"
		cmp a d
		assert_nothing_staged .
	}
	here_and_there names
}

@test "a slash at the end of a source means what is in it" {
	slash()
	{
		mkdir -p src/sub there
		echo content >src/sub/file
		ferry -q "${from}src" "${to}there"
		assert_file_exists there/src/sub/file
		ferry -q "${from}src/" "${to}there"
		assert_file_exists there/sub/file
		ferry -q "${from}src" "${to}new"
		assert_file_exists new/src/sub/file
		ferry -q "${from}src/" "${to}new2"
		assert_file_exists new2/sub/file
		ferry -q "${from}src/." "${to}new3"
		assert_file_exists new3/sub/file
		ferry -q "${from}src/sub/.." "${to}new4"
		assert_file_exists new4/sub/file
		assert_nothing_staged .
	}
	here_and_there slash
}

@test "a link is copied as one, and followed by a slash" {
	links()
	{
		mkdir src
		echo content >src/file
		ln -s src link
		ln -s src/file to-file
		ferry -q "${from}link" "${from}to-file" "${to}copy"
		assert_equal "$(readlink copy/link copy/to-file | tr '\n' ' ')" \
		    'src src/file '
		ferry -q "${from}link/" "${to}copy2"
		assert_file_exists copy2/file
		# A target that is a link to a folder is that folder.
		mkdir real
		ln -s real target
		ferry -q "${from}src/" "${to}target"
		assert_equal "$(readlink target)" real
		assert_file_exists real/file
	}
	here_and_there links
}

@test "on the far side a relative path begins at home" {
	# The home of a test is not to be written to: only its start is read.
	run ferry "$HOST:no-such-file-$$" .
	assert_failure 23
	assert_line "ferry: $HOST: no-such-file-$$: No such file or directory"
	run ferry "$HOST:~/no-such-file-$$" .
	assert_failure 23
	run ferry "$HOST:~nobody/x" .
	assert_failure 1
	assert_output --partial '~user'
}

@test "a file with a colon in its name is written ./a:b" {
	echo content >a:b
	ferry -q ./a:b "$HOST:$work/c:d"
	cmp a:b c:d
	ferry -q "$HOST:$work/c:d" ./e:f
	cmp a:b e:f
}

@test "-r and --recursive are accepted" {
	mkdir src
	echo content >src/file
	ferry -q -r src "$HOST:$work/one"
	assert_file_exists one/src/file
	ferry -q --recursive src two
	assert_file_exists two/src/file
}

@test "a target that is not a folder for a folder: one line, exit 11" {
	wrong()
	{
		mkdir src
		echo content >file
		run ferry "${from}src" "${to}file"
		assert_failure 11
		assert_equal "${#lines[@]}" 1
		assert_line --regexp '^ferry: .*file: Not a directory; a file is where'
		run ferry "${from}src" "${to}none/deep"
		assert_failure 11
		assert_equal "${#lines[@]}" 1
		assert_line --regexp '^ferry: .*none/deep: No such file'
		run ferry "${from}file" "${to}file/"
		assert_failure 11
		assert_equal "$(cat file)" content
		assert_nothing_staged .
	}
	here_and_there wrong
	assert no_transfer_in "$XDG_STATE_HOME"
}

@test "a source that is not there: one line, exit 23, and nothing is made" {
	missing()
	{
		run ferry "${from}none" "${to}target"
		assert_failure 23
		assert_equal "${#lines[@]}" 1
		assert_line --regexp '^ferry: .*none: No such file'
		assert_not_exists target
		assert no_transfer_in "$XDG_STATE_HOME"
	}
	here_and_there missing
}

# ---- a second time --------------------------------------------------------

# bats test_tags=sanitize
@test "a second run sends nothing" {
	again()
	{
		make_tree src
		ferry -q "${from}src/" "${to}dst"
		ferry_json events "${from}src/" "${to}dst"
		assert_done events bytes_sent 0
		assert_done events code 0
		assert_done events files_skipped "$(done_field events files)"
		assert_same_trees src dst
		assert_nothing_staged .
		# What is the same by content and has other attributes gets
		# these only.
		chmod 640 src/size-1048576
		ferry_json events "${from}src/" "${to}dst"
		assert_done events bytes_sent 0
		assert_same_trees src dst
	}
	here_and_there again
}

@test "what changed is sent again, and nothing else" {
	changed()
	{
		make_tree src
		ferry -q "${from}src/" "${to}dst"
		make_file src/deep/er/7 1234
		rm src/deep/link
		ln -s elsewhere src/deep/link
		ferry_json events "${from}src/" "${to}dst"
		assert_done events bytes_sent 1234
		assert_same_trees src dst
	}
	here_and_there changed
}

@test "what is newer or longer at the target is replaced too" {
	echo content >a
	echo 'something else, and longer' >b
	touch -d '2030-01-01 UTC' b
	ferry -q a "$HOST:$work/b"
	cmp a b
}

# bats test_tags=sanitize
@test "--checksum sends the leaves that differ, by content alone" {
	checksum()
	{
		make_file src $((8 * MIB + 5))
		ferry -q "${from}src" "${to}dst"
		# Same size, same time: without --checksum nobody looks.
		flip_byte dst $((3 * MIB + 77))
		flip_byte dst $((8 * MIB + 1))
		ferry_json events "${from}src" "${to}dst"
		assert_done events bytes_sent 0
		run cmp -s src dst
		assert_failure
		ferry_json events --checksum "${from}src" "${to}dst"
		assert_done events bytes_sent $((MIB + 5))
		assert_done events bytes_reused $((7 * MIB))
		cmp src dst
		ferry_json events --checksum "${from}src" "${to}dst"
		assert_done events bytes_sent 0
		assert_nothing_staged .
	}
	here_and_there checksum
}

@test "--checksum of a tree" {
	make_tree src
	ferry -q src/ "$HOST:$work/dst"
	flip_byte dst/deep/er/100 5
	flip_byte dst/size-3145735 $((2 * MIB))
	ferry_json events --checksum src/ "$HOST:$work/dst"
	assert_done events bytes_sent $((100 + MIB))
	assert_same_trees src dst
}

# ---- what is left ---------------------------------------------------------

@test "both ends keep receipts, and no journals" {
	ledgers()
	{
		local far=$SSHD_DIR/state near=$XDG_STATE_HOME

		make_file "src-$way" $((2 * MIB))
		ferry_json events "${from}src-$way" "${to}dst-$way"
		run grep -rlaF -e "src-$way" -e "dst-$way" "$near/ferry/ledger"
		assert_success
		if [ "$way" != local ]; then
			run grep -rlaF -e "src-$way" -e "dst-$way" \
			    "$far/ferry/ledger"
			assert_success
		fi
		assert no_transfer_in "$near"
		# The far end may still be tidying up.
		wait_until 10 no_transfer_in "$far"
		assert_nothing_staged .
	}
	here_and_there ledgers
}

@test "figures and events of a push and of a pull agree" {
	figures()
	{
		make_tree src
		ferry_json events "${from}src/" "${to}dst"
		files=$(find src -type f -printf 'x\n' | wc -l)
		bytes=$(find src -type f -printf '%s\n' |
		    awk '{ sum += $1 } END { print sum }')
		assert_done events files "$files"
		assert_done events files_skipped 0
		assert_done events bytes "$bytes"
		assert_done events bytes_sent "$bytes"
		assert_done events bytes_reused 0
		assert_done events chunks_resent 0
		assert_done events retries 0
		assert_done events reconnects 0
		assert_done events lanes 1
		assert_done events resumed false
		assert_done events verified false
		assert_done events errors 0
		assert_equal "$(jq -s 'map(select(.event == "file" and
		    .digest)) | length' events)" "$files"
	}
	here_and_there figures
}
