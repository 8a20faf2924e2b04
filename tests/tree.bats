#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: all that a tree can hold arrives as it is; what cannot be copied is
# named, and keeps nothing else back; and what changes meanwhile is never
# stored as a mixture.

# shellcheck disable=SC2154,SC2317 # the rig sets and calls these

load lib/rig

setup()
{
	rig_setup
}

teardown()
{
	rig_teardown
}

# What permissions bind, root is not.
plain_or_skip()
{
	rig_plain || skip 'root cannot give its permissions up here'
}

# in_depth DIR COMMAND: in the folder that is 30 long names below DIR, made if
# it is missing.  In a shell of its own, for bats is slow with such a PWD.
in_depth()
{
	name=$(printf '%0200d' 0) dir=$1 bash -c '
	cd "$dir" || exit 1
	for number in {1..30}; do
		mkdir -p "$name"
		cd -P "./$name" || exit 1
	done
	'"$2"
}

# ---- what is there --------------------------------------------------------

@test "paths longer than a path may be" {
	deep()
	{
		mkdir src
		in_depth src 'echo content >file; ln -s nowhere link
		    touch -d "2001-02-03 04:05:06.7 UTC" file .'
		ferry -q "${from}src" "${to}dst"
		run in_depth dst/src 'cat file; readlink link; stat -c %Y file .'
		assert_output $'content\nnowhere\n981173106\n981173106'
		ferry_json events "${from}src" "${to}dst"
		assert_done events bytes_sent 0
		ferry verify -q "${from}src" "${to}dst"
		# One byte, and it is found however deep.
		in_depth dst/src 'echo Content >file'
		run ferry verify -q "${from}src" "${to}dst"
		assert_failure 65
		assert_line --partial 'file: differs at MiB 0'
		assert_nothing_staged dst
	}
	here_and_there deep
}

@test "thousands of files in one folder, and folders in folders" {
	local number

	mkdir -p src/many
	for number in {1..2000}; do echo "$number" >"src/many/$number"; done
	mkdir -p "src/$(printf 'd/%.0s' {1..300})"
	ferry_json events src/ "$HOST:$work/dst"
	assert_done events files 2000
	assert_same_trees src dst
	ferry_json events "$HOST:$work/src/" pulled
	assert_done events files 2000
	assert_same_trees src pulled
}

@test "an empty file and an empty folder alone" {
	empty()
	{
		: >file
		mkdir folder
		touch -d '1901-01-01 UTC' file folder
		ferry -q "${from}file" "${to}file2"
		ferry -q "${from}folder/" "${to}folder2"
		assert_same_trees folder folder2
		assert_equal "$(stat -c '%s %Y' file2)" "0 $(stat -c %Y file)"
		assert_nothing_staged .
	}
	here_and_there empty
}

@test "set-id bits do not arrive" {
	echo content >file
	chmod 6755 file
	ferry -q file "$HOST:$work/copy"
	assert_equal "$(stat -c %a copy)" 755
	ferry_json events file "$HOST:$work/copy"
	assert_done events bytes_sent 0
}

@test "devices, sockets and pipes are left out, and said" {
	others()
	{
		mkdir src
		mkdir src/sub
		echo precious >src/sub/.ferry
		echo content >src/file
		mkfifo src/pipe
		perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) &&
		    bind(S, pack_sockaddr_un("src/socket")) or die $!'
		mknod src/null c 1 3 2>/dev/null || :
		run ferry "${from}src/" "${to}dst"
		assert_success
		assert_line --partial 'src/pipe: left out: is a named pipe'
		assert_line --partial 'src/socket: left out: is a socket'
		assert_line --partial \
		    'src/sub/.ferry: left out: has a name that ferry keeps'
		[ ! -e src/null ] ||
		    assert_line --partial 'src/null: left out: is a device'
		assert_equal "$(ls -A dst)" $'file\nsub'
	}
	here_and_there others
	# Alone it is no more than that: nothing to copy, and nobody waits.
	run ferry push/src/pipe push/dst
	assert_success
	assert_not_exists push/dst/pipe
}

# ---- permissions ----------------------------------------------------------

@test "read-only files and folders, also a second time" {
	plain_or_skip
	readonly()
	{
		mkdir -p src/folder/sub
		echo 1 >src/folder/one
		echo 2 >src/folder/sub/two
		chmod 444 src/folder/one
		chmod 555 src/folder/sub src/folder src
		ferry -q "${from}src/" "${to}dst"
		assert_same_trees src dst
		chmod 755 src/folder
		rm -f src/folder/one
		echo 'one more' >src/folder/one
		chmod 400 src/folder/one
		chmod 555 src/folder
		ferry -q "${from}src/" "${to}dst"
		assert_same_trees src dst
		assert_nothing_staged dst
	}
	here_and_there readonly
}

@test "what cannot be read is named, all else arrives: exit 23" {
	plain_or_skip
	unreadable()
	{
		mkdir -p src/closed src/open
		echo 1 >src/a
		echo 2 >src/secret
		echo 3 >src/open/z
		echo 4 >src/closed/inside
		chmod 0 src/secret src/closed
		run ferry --json "${from}src/" "${to}dst"
		assert_failure 23
		assert_line --regexp \
		    '^ferry: .*src/secret: cannot open.*Permission denied$'
		assert_line --regexp \
		    '^ferry: .*src/closed: .*Permission denied$'
		assert_line --regexp '^ferry: 2 files or folders not transferred'
		run jq -r 'select(.event == "failed") | .path' <(grep '^{' \
		    <<<"$output")
		assert_line --regexp '(^|/)src/closed$'
		assert_line --regexp '(^|/)src/secret$'
		assert_equal "${#lines[@]}" 2
		cmp src/a dst/a
		cmp src/open/z dst/open/z
		assert_not_exists dst/secret
		assert_not_exists dst/closed/inside
		# Mended, the same command brings the rest.
		chmod 755 src/secret src/closed
		ferry_json events "${from}src/" "${to}dst"
		assert_done events bytes_sent 4
		assert_same_trees src dst
		assert_nothing_staged dst
	}
	here_and_there unreadable
}

@test "a target that may not be written: one line with it, exit 11 or 23" {
	plain_or_skip
	unwritable()
	{
		mkdir src dst other
		echo content >src/file
		# Not ours to open up: the folder is not in the source.
		chmod 555 dst
		run ferry "${from}src" "${to}dst"
		assert_failure 11
		assert_equal "${#lines[@]}" 1
		assert_line --regexp 'dst: .*Permission denied'
		assert_equal "$(ls -A dst)" ''
		assert_equal "$(stat -c %a dst)" 555
	}
	here_and_there unwritable
}

# ---- one thing in the place of another ------------------------------------

@test "files, folders and links take each other's places" {
	places()
	{
		mkdir -p src/folder src/folder2 dst outside
		echo content >src/file
		echo inside >src/folder/a
		echo inside >src/folder2/a
		ln -s to src/link
		echo other >outside/a
		# A folder where a file was, and where a link leads out.
		echo old >dst/folder
		ln -s ../outside dst/folder2
		# A file and a link where links are.
		ln -s ../outside/a dst/file
		echo old >dst/link
		ferry -q "${from}src/" "${to}dst"
		assert_same_trees src dst
		assert_equal "$(cat outside/a)" other
	}
	here_and_there places
}

@test "no folder is removed for a file: it is named, exit 23" {
	folder()
	{
		mkdir -p src dst/file dst/link
		echo content >src/file
		echo content >src/other
		ln -s to src/link
		echo precious >dst/file/a
		run ferry "${from}src/" "${to}dst"
		assert_failure 23
		assert_line --regexp '^ferry: (.*/)?file: is a folder there'
		assert_line --regexp '^ferry: (.*/)?link: is a folder there'
		cmp src/other dst/other
		assert_equal "$(cat dst/file/a)" precious
	}
	here_and_there folder
}

# ---- what changes meanwhile -----------------------------------------------

# Start a copy whose last file is not yet read; then call "meanwhile", and let
# it go on.  The reading end runs here (push) or there (pull).  Over one lane:
# another would pass the gate too, and more would be read.
with_held_copy()
{
	local gate=$PWD/gate

	mkdir src
	make_file src/big $((100 * MIB))
	echo content >src/z
	case $way in
	push) gate_make "$gate" up $((20 * MIB)) ;;
	pull) gate_make "$gate" down $((20 * MIB)) ;;
	esac
	ferry_start --remote-ferry "$gate" --lanes 1 -q "${from}src/" "${to}dst" \
	    2>messages
	wait_until 20 test -e "$gate.shut"
	meanwhile
	: >"$gate.open"
	status=0
	wait "$FERRY_PID" || status=$?
}

@test "a target folder of another user keeps its time: named, exit 23" {
	[ "$(id -u)" -eq 0 ] || skip "only root can give a folder away"
	shared()
	{
		mkdir src dst
		echo content >src/file
		chown nobody dst
		chmod 777 dst
		run ferry -v "${from}src/" "${to}dst"
		assert_failure 23
		assert_line --regexp \
		    '^ferry: .*dst: cannot set its attributes: Operation not'
		refute_line 'ferry: '
		assert_equal "$(ls -A dst)" file
	}
	SSHD_PREFIX=(setpriv '--bounding-set=-chown,-fowner,-dac_override' --)
	FERRY_PREFIX=("${SSHD_PREFIX[@]}")
	"${FERRY_PREFIX[@]}" true || skip "capabilities cannot be dropped"
	sshd_stop
	sshd_start
	here_and_there shared
}

@test "a file that is larger than the user may write: named, exit 23" {
	limited()
	{
		mkdir src
		make_file src/large $((2 * MIB))
		echo 1 >src/small
		run bash -c 'ulimit -f 1024; exec "$@"' -- \
		    "$FERRY" -P "$SSHD_PORT" -i "$SSHD_KEY" \
		    -o "UserKnownHostsFile=$SSHD_KNOWN_HOSTS" \
		    --stop-after 20s "${from}src/" dst
		assert_failure 23
		assert_line --partial 'large: cannot write: File too large'
		assert_equal "$(ls dst)" small
	}
	each_way limited pull local
}

@test "what vanishes is named, all else arrives: exit 24" {
	meanwhile()
	{
		rm src/z
	}
	vanishes()
	{
		with_held_copy
		assert_equal "$status" 24
		assert_equal "$(grep -c 'src/z: vanished' messages)" 1
		cmp src/big dst/big
		assert_not_exists dst/z
		assert_nothing_staged dst
	}
	both_ways vanishes
}

@test "a file that became a pipe or a folder is not waited for" {
	meanwhile()
	{
		rm src/z
		mkfifo src/z
	}
	became()
	{
		with_held_copy
		assert_equal "$status" 24
		assert_not_exists dst/z
		cmp src/big dst/big
	}
	both_ways became
}

@test "a file that changed before its turn arrives as it is now" {
	meanwhile()
	{
		echo 'more than before' >src/z
	}
	turn()
	{
		with_held_copy
		assert_equal "$status" 0
		assert_same_trees src dst
	}
	both_ways turn
}

@test "a file that is changed half-way is sent as it became" {
	meanwhile()
	{
		flip_byte src/big $((3 * MIB))
		flip_byte src/big $((99 * MIB))
		touch src/big
	}
	half()
	{
		with_held_copy
		assert_equal "$status" 0
		assert_same_trees src dst
	}
	both_ways half
}

@test "a file that is cut or replaced half-way is sent as it became" {
	meanwhile()
	{
		truncate -s $((10 * MIB + 5)) src/big
		make_file src/new 50
		mv src/new src/z
	}
	shortened()
	{
		with_held_copy
		assert_equal "$status" 0
		cmp src/big dst/big
		cmp src/z dst/z
	}
	both_ways shortened
}

# written_in_order FILE: its 64 KiB blocks hold the numbers of the rounds that
# wrote them, one after another, again and again: at any moment one number and,
# behind it, the one before.
written_in_order()
{
	od -An -v -tu4 -j 0 -w65536 "$1" | awk '
	{ for (i = 2; i <= NF; i++) if ($i != $1) exit wrong = 1 }
	NR == 1 { number = $1; next }
	$1 == number { next }
	$1 == number - 1 && !down { down = 1; number--; next }
	{ exit wrong = 1 }
	END { exit wrong }'
}

@test "a file that is written over all the time is no mixture" {
	local target status

	perl -e 'open(F, "+>", "src") or die;
	    for (my $round = 1; ; $round++) {
		    sysseek(F, 0, 0);
		    for (1 .. 64) { syswrite(F, pack("L", $round) x 16384); }
	    }' 3>&- &
	writer=$!
	wait_until 10 test -s src
	for target in "$HOST:$work/dst1" dst2 "$HOST:$work/dst3" dst4; do
		status=0
		ferry src "$target" 2>messages || status=$?
		if [ "$status" -eq 0 ]; then
			written_in_order "${target##*/}"
			continue
		fi
		assert_equal "$status" 23
		assert_file_contains messages 'src: changes while it is read'
		assert_not_exists "${target##*/}"
	done
	kill "$writer"
	wait "$writer" || :
	ferry -q src "$HOST:$work/dst1"
	cmp src dst1
}

@test "a file that grows all the time is a beginning of it, or reported" {
	local status=0

	make_file src $((20 * MIB))
	perl -e 'open(F, ">>", "src") or die; select(undef, undef, undef, 0.001),
	    syswrite(F, "line\n") while 1' 3>&- &
	writer=$!
	ferry src "$HOST:$work/dst" 2>messages || status=$?
	kill "$writer"
	wait "$writer" || :
	if [ "$status" -ne 0 ]; then
		assert_equal "$status" 23
		assert_file_contains messages 'src: changes while it is read'
		assert_not_exists dst
	else
		cmp -n "$(stat -c %s dst)" src dst
	fi
	ferry -q src "$HOST:$work/dst"
	cmp src dst
	assert_nothing_staged .
}
