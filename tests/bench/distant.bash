# shellcheck shell=bash disable=SC2034,SC2154 # of the others
# SPDX-License-Identifier: BSD-2-Clause
#
# What is measured over a long line.

# What each program is measured by where one file is pushed.
distant_tools=(ferry ferry_libssh2 scp rsync tar mscp mscp_many
    rclone iperf)

# at_the_far_end SECTION: on a line of its own, if there can be one.
at_the_far_end()
{
	if ! wan_is_possible; then
		note "left out: $1 ($WAN_WHY)"
	else
		packages_install "${packages_wan[@]}"
		"bench_$1"
	fi
}

# on_line MBIT/S ROUND-TRIP-MS [LOST-PER-MILLION]: what one round trip holds may
# wait at either end.
on_line()
{
	local side

	sshd_stop
	wan_stop
	line_rate=$(($1 * 1000000))
	wan_start "$work/line" -r "$line_rate" -d $(($2 / 2)) -l "${3:-0}"
	for side in wan_near wan_far; do
		# Nobody's start depends on who came before.
		set_tcp "$side" tcp_no_metrics_save 1
		[ -z "${FERRY_BENCH_CONGESTION-}" ] ||
		    set_tcp "$side" tcp_congestion_control \
			"$FERRY_BENCH_CONGESTION"
	done
	wan_sshd
	HOST=$WAN_ADDRESS
	NEAR=("${WAN_NEAR[@]}")
	set_connection
	NEAR_IS=line
}

# set_tcp wan_near|wan_far NAME VALUE
set_tcp()
{
	"$1" tee "/proc/sys/net/ipv4/$2" <<<"$3" >/dev/null
}

# measure_limit SRC: in $seconds how long SRC takes at the rate at which eight
# streams arrive, when they are sent for as long as the bare line would take.
measure_limit()
{
	local bytes server

	bytes=$(bytes_in "$1")
	wan_far iperf3 -s -1 >/dev/null &
	server=$!
	wait_until 10 iperf_listens
	wan_near iperf3 -c "$WAN_ADDRESS" -P 8 -J \
	    -t $((bytes * 8 / line_rate + 2)) >"$work/iperf" || :
	kill "$server" 2>/dev/null || :
	wait "$server" || :
	processor=-1
	seconds=$(jq -er --argjson bytes "$bytes" \
	    '$bytes * 8 / .end.sum_received.bits_per_second' "$work/iperf")
}

# On its port, 5201, which is 1451 there.
iperf_listens()
{
	wan_far cat /proc/net/tcp /proc/net/tcp6 | grep ':1451 .* 0A ' >/dev/null
}

# distant_file CASE MIB ON-LINE-ARGUMENT...
distant_file()
{
	local name=$1 mib=$2 size title

	shift 2
	on_line "$@"
	size=$(size_of "$mib")
	title="push $(size_name "$size"), $1 Mbit/s, $2 ms"
	[ -z "${3-}" ] || title+=", 0.1 % lost"
	make_file "$work/large" "$size"
	contest "$name" "$title" push "$work/large" "${distant_tools[@]}"
	rm "$work/large"
}

bench_wan()
{
	distant_file wan 512 300 100
	bound wan ferry iperf rate 0.85
	bound wan ferry scp rate 1.60
}

bench_loss()
{
	distant_file loss 512 300 100 1000
	bound loss ferry iperf rate 0.85
}

bench_far()
{
	distant_file far 512 200 300
	bound far ferry scp rate 3
}

# Those to whom every file is several round trips would take an hour, and are
# left out: scp, mscp, rclone.
bench_files()
{
	local count

	count=$((20000 / shrink))
	on_line 300 100
	make_small "$work/small" "$count"
	contest files "push $(count_name "$count") files, 300 Mbit/s, 100 ms" \
	    push "$work/small" ferry ferry_libssh2 rsync tar iperf
	bound files ferry rsync seconds 0.80
	rm -r "$work/small"
}

bench_log()
{
	local size

	size=$(size_of 1024)
	on_line 100 20
	make_log "$work/log" "$size"
	contest log "push $(size_name "$size") of log text, 100 Mbit/s, 20 ms" \
	    push "$work/log" ferry ferry_libssh2 scp scp_compressed rsync \
	    rsync_compressed tar mscp rclone iperf
	bound log ferry scp seconds 0.35
	rm "$work/log"
}
