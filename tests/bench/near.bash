# shellcheck shell=bash disable=SC2034,SC2154 # of the others
# SPDX-License-Identifier: BSD-2-Clause
#
# What is measured on loopback.

on_loopback()
{
	[ "${NEAR_IS-}" != loopback ] || return 0
	sshd_stop
	wan_stop
	NEAR=()
	SSHD_PREFIX=()
	SSHD_ADDRESS=127.0.0.1
	HOST=127.0.0.1
	sshd_start
	set_connection
	NEAR_IS=loopback
}

bench_large()
{
	local size tools

	tools=(ferry ferry_libssh2 scp scp_gcm rsync tar tar_gcm mscp rclone)
	size=$(size_of 1024)
	make_file "$work/large" "$size"
	contest push "push $(size_name "$size"), loopback" push "$work/large" \
	    "${tools[@]}"
	bound push ferry scp seconds 0.50
	bound push ferry mscp seconds 0.80
	bound push ferry_libssh2 scp seconds 0.85
	bound push ferry scp processor 0.75
	contest pull "pull $(size_name "$size"), loopback" pull "$work/large" \
	    "${tools[@]}"
	bound pull ferry scp seconds 0.60
	bound pull ferry rsync seconds 0.60
	bound pull ferry_libssh2 scp seconds 1.10
	rm "$work/large"
}

bench_small()
{
	local count name

	count=$((20000 / shrink))
	name=$(count_name "$count")
	make_small "$work/small" "$count"
	contest small "push $name files, loopback" push "$work/small" \
	    ferry ferry_libssh2 rsync tar tar_gcm scp mscp rclone
	bound small ferry rsync seconds 0.80
	bound small ferry scp seconds 0.25
	copy_again "$name"
	rm -r "$work/small"
}

# copy_again NAME-OF-COUNT: nothing has changed; each has a copy of its own.
copy_again()
{
	local round tool seconds processor

	put cases again "the same $1 files again, loopback"
	for tool in ferry rsync; do
		mkdir "$work/dst/$tool"
		"by_$tool" push "$work/small" "$work/dst/$tool"
	done
	for ((round = 1; round <= rounds; round++)); do
		for tool in ferry rsync; do
			timed "by_$tool" push "$work/small" "$work/dst/$tool"
			put runs again "$tool" "$round" "$seconds" "$processor"
		done
	done
	bound again ferry rsync seconds 1.50
	ferry --json "$work/small" "$HOST:$work/dst/ferry/" >"$work/done" \
	    2>/dev/null
	fact 'data sent by another run' \
	    "$(done_field "$work/done" bytes_sent)" bytes 0
	empty_target
}

# Seconds from the start of a run until it has put data on the line; a
# progress event is written once a second, so it may be one less.
first_byte()
{
	local begin end

	begin=$(date +%s.%N)
	ferry_start --json "$1" "$HOST:$work/dst/" >"$work/events" 2>/dev/null
	until jq -e 'select(.event == "progress" and .bytes_sent > 0)' \
	    "$work/events" >/dev/null 2>&1; do
		process_is_alive "$FERRY_PID" || break
		sleep 0.02
	done
	end=$(date +%s.%N)
	wait "$FERRY_PID"
	fact "first byte after a kill at three quarters of $2" \
	    "$(awk -v a="$begin" -v b="$end" 'BEGIN { printf "%.2f", b - a }')" \
	    s 3
}

bench_huge()
{
	local size name

	size=$(size_of 8192)
	name=$(size_name "$size")
	make_file "$work/huge" "$size"
	ferry_start -q "$work/huge" "$HOST:$work/dst/" 2>/dev/null
	until has_staged "$work/dst" $((size * 3 / 4)) ||
	    ! process_is_alive "$FERRY_PID"; do
		sleep 0.05
	done
	kill -KILL "$FERRY_PID"
	wait "$FERRY_PID" 2>/dev/null || :
	first_byte "$work/huge" "$name"
	empty_target
	memory_of "push of $name" 96 push "$work/huge"
	empty_target
	memory_of "pull of $name" 96 pull "$work/huge"
	empty_target
	rm "$work/huge"
}

# memory_with COUNT LIMIT [MEDIAN]: files of any size
memory_with()
{
	local name limit=$2

	name=$(count_name $(($1 / shrink)))
	make_small "$work/many" $(($1 / shrink)) "${3-}"
	memory_of "push of $name files" "$limit" push "$work/many"
	memory_of 'the same again' "$limit" push "$work/many"
	empty_target
	memory_of "pull of $name files" "$limit" pull "$work/many"
	empty_target
	rm -r "$work/many"
}

bench_many()
{
	memory_with 100000 64
}

# Small ones: memory does not depend on what is in them, and the disk is spared.
bench_million()
{
	memory_with 1000000 96 64
}

bench_lanes()
{
	local size name

	if ! ferry_has --lanes; then
		note "this ferry has no --lanes: no memory with 8 of them"
		return
	fi
	size=$(size_of 1024)
	name="$(size_name "$size") over 8 lanes"
	make_file "$work/large" "$size"
	memory_of "push of $name" 96 push "$work/large" --lanes=8
	empty_target
	memory_of "pull of $name" 96 pull "$work/large" --lanes=8
	empty_target
	rm "$work/large"
}
