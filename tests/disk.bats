#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: a disk that fills up ends a copy with one clear line; what was confirmed
# stays, and the copy goes on when there is room.
#
# The small disk is a tmpfs in a mount name space of its own, which a process
# keeps: with that it is gone.
#
# shellcheck disable=SC2154,SC2030,SC2031 # the rig sets these

load lib/rig

setup()
{
	[ "$(id -u)" -eq 0 ] || skip 'only root may mount'
	rig_setup
	sshd_stop
	mkdir disk
	unshare -m sleep 600 3>&- &
	keeper=$!
	within=(nsenter -t "$keeper" -m --)
	wait_until 10 has_own_mounts
	"${within[@]}" mount -t tmpfs -o size=24m ferry-test "$PWD/disk" ||
	    skip 'no mounting here'
	# shellcheck disable=SC2034 # sshd_start and ferry read them
	SSHD_PREFIX=("${within[@]}")
	# shellcheck disable=SC2034
	FERRY_PREFIX=("${within[@]}")
	sshd_start
}

teardown()
{
	rig_teardown
}

has_own_mounts()
{
	[ "$(readlink "/proc/$keeper/ns/mnt")" != \
	    "$(readlink /proc/self/ns/mnt)" ]
}

# grow SIZE: give the disk more room.
grow()
{
	"${within[@]}" mount -o "remount,size=$1" "$work/disk"
}

# on_disk WAY: the prefixes, for sources in work and targets on the disk.
on_disk()
{
	from='' to=''
	case $1 in
	push) from=$work/ to=$HOST:$work/disk/ ;;
	pull) from=$HOST:$work/ to=$work/disk/ ;;
	esac
}

full_file()
{
	on_disk "$1"
	make_file src $((40 * MIB))
	run ferry "${from}src" "${to}dst"
	assert_failure 11
	assert_equal "${#lines[@]}" 1
	assert_output --regexp "^ferry: (127.0.0.1: )?$work/disk/dst: cannot write: No space left on device; free some space and run it again\$"
	run "${within[@]}" test -e disk/dst
	assert_failure
	# Run again at once, it is no better, and no worse.
	run ferry "${from}src" "${to}dst"
	assert_failure 11
	run "${within[@]}" env "XDG_STATE_HOME=$XDG_STATE_HOME" "$FERRY" status
	assert_line --partial 'not running'
	grow 60m
	ferry_json events "${from}src" "${to}dst"
	"${within[@]}" cmp "$work/src" "$work/disk/dst"
	assert_done events resumed true
	assert [ "$(done_field events bytes_sent)" -le $((24 * MIB)) ]
	assert_equal "$("${within[@]}" find "$work/disk" -name .ferry)" ''
}

# bats test_tags=sanitize
@test "a push fills the disk" {
	full_file push
}

@test "a pull fills the disk" {
	full_file pull
}

full_tree()
{
	local number

	on_disk "$1"
	mkdir src
	for number in {100..999}; do make_file "src/$number" 40000; done
	run ferry -q "${from}src" "${to}dst"
	assert_failure 11
	assert_equal "${#lines[@]}" 1
	assert_output --partial 'No space left on device'
	# Those that are there are whole, and they are many.
	"${within[@]}" find "$work/disk/dst/src" -type f ! -size 40000c >odd
	assert_equal "$(cat odd)" ''
	"${within[@]}" diff -r "$work/src" "$work/disk/dst/src" >missing || :
	run grep -v "^Only in $work/src: " missing
	assert_output ''
	assert [ "$(wc -l <missing)" -lt 700 ]
	grow 60m
	ferry_json events "${from}src" "${to}dst"
	"${within[@]}" diff -r "$work/src" "$work/disk/dst/src"
	assert [ "$(done_field events files_skipped)" -gt 200 ]
	assert_equal "$("${within[@]}" find "$work/disk" -name .ferry)" ''
}

@test "a push of many files fills the disk" {
	full_tree push
}

@test "a pull of many files fills the disk" {
	full_tree pull
}

@test "a disk that is full from the beginning" {
	"${within[@]}" dd if=/dev/zero of="$work/disk/other" bs=1M \
	    status=none 2>/dev/null || :
	echo content >src
	for way in push pull; do
		on_disk "$way"
		run ferry "${from}src" "${to}dst"
		assert_failure 11
		assert_equal "${#lines[@]}" 1
		assert_output --regexp \
		    "^ferry: (127.0.0.1: )?$work/disk/.*: No space left on device; "
	done
	"${within[@]}" rm "$work/disk/other"
	ferry -q "${from}src" "${to}dst"
	"${within[@]}" cmp "$work/src" "$work/disk/dst"
}

@test "a state folder that is full hinders nobody, or is named" {
	local size

	make_file src $((5 * MIB))
	export XDG_STATE_HOME=$work/disk/state
	for size in 4k 16k 24k 32k 48k; do
		"${within[@]}" rm -rf "$work/disk/state"
		grow "$size"
		run ferry "$work/src" "$HOST:$work/dst"
		if [ "$size" = 4k ]; then
			assert_success
			assert_line --partial 'state folder: No space left'
		fi
		if [ "$status" -ne 0 ]; then
			assert_failure 11
			assert_line --partial \
			    'the journal of this end: No space left on device'
			continue
		fi
		cmp src dst
		rm dst
	done
}
