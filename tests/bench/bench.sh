#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Figures of ferry beside those of the others, taken in turn in one run.
# "make bench" calls it; by hand:
#
#	FERRY=/path/to/ferry WAN=/path/to/tests/wan/wan \
#	    tests/bench/bench.sh [SECTION...]
#
# On loopback, against a private sshd:
#	large	1 GiB, push and pull
#	small	push of 20,000 files (200 MB), and the same again
#	huge	8 GiB: peak memory of both ends; seconds to the first byte
#		after a kill when three quarters are there
#	many	100,000 files: peak memory of both ends
#	million	1,000,000 files: the same
#	lanes	1 GiB over 8 lanes: the same
#	sftp	1 GiB to and fro, and 20,000 files, to an SFTP server alone
# Over a line made by tests/wan/wan.c, with iperf3 as the limit, all of these by
# the word "distant":
#	wan	512 MiB at 300 Mbit/s, round trip 100 ms
#	loss	the same with 0.1 % of the packets lost
#	far	512 MiB at 200 Mbit/s, round trip 300 ms
#	files	20,000 files at 300 Mbit/s, round trip 100 ms
#	log	1 GiB of log text at 100 Mbit/s, round trip 20 ms
#	sftp_line	256 MiB to an SFTP server alone, 200 Mbit/s, 100 ms
#
# Writes a table, a chart and each time taken to table.md, bench.svg and
# runs.tsv in the folder FERRY_BENCH_OUT (bench, in the current folder).
#
#	FERRY_BENCH_ROUNDS	how often each command is timed (5)
#	FERRY_BENCH_OTHERS	only these beside ferry: scp scp_gcm rsync tar
#				tar_gcm mscp mscp_many rclone ...
#	FERRY_BENCH_SHRINK	divide sizes and counts by this, for a short run
#	FERRY_BENCH_CONGESTION	TCP's congestion control over the line, of those
#				in net.ipv4.tcp_allowed_congestion_control (the
#				system's)
#
# ferry syncs all that it writes before it ends; the others don't.  Nothing
# waits for the disk between two commands but one sync, before each.
set -euo pipefail

bench=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/packages.sh
. "$bench/../lib/packages.sh"
# shellcheck source=tests/lib/sshd.bash
. "$bench/../lib/sshd.bash"
# shellcheck source=tests/lib/wan.bash
. "$bench/../lib/wan.bash"
# shellcheck source=tests/lib/ferry.bash
. "$bench/../lib/ferry.bash"
# shellcheck source=tests/bench/data.bash
. "$bench/data.bash"
# shellcheck source=tests/bench/tools.bash
. "$bench/tools.bash"
# shellcheck source=tests/bench/measure.bash
. "$bench/measure.bash"
# shellcheck source=tests/bench/near.bash
. "$bench/near.bash"
# shellcheck source=tests/bench/distant.bash
. "$bench/distant.bash"
# shellcheck source=tests/bench/sftp.bash
. "$bench/sftp.bash"

rounds=${FERRY_BENCH_ROUNDS:-5}
shrink=${FERRY_BENCH_SHRINK:-1}
out=${FERRY_BENCH_OUT:-bench}
here=(large small huge many million lanes sftp)
distant=(wan loss far files log sftp_line)

# The sections that the words ask for, in $sections.
choose_sections()
{
	local word

	sections=()
	for word in "${@:-all}"; do
		case $word in
		all) sections+=("${here[@]}" "${distant[@]}") ;;
		distant) sections+=("${distant[@]}") ;;
		*)
			if [[ " ${here[*]} ${distant[*]} " != *" $word "* ]]; then
				echo "no section $word; there are" \
				    "${here[*]}, and distant:" \
				    "${distant[*]}" >&2
				exit 1
			fi
			sections+=("$word")
			;;
		esac
	done
}

set_up()
{
	mkdir -p "$out"
	out=$(cd "$out" && pwd)
	work=$(mktemp -d "${TMPDIR:-/tmp}/ferry-bench.XXXXXX")
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	mkdir "$work/dst"
	ferry_state_in "$work/state"
	make_far_ferry
	sshd_make "$work/sshd"
	begin_figures "$out"
	[ "$shrink" -eq 1 ] ||
		note "sizes and counts are divided by $shrink, so bounds mean little"
}

clean_up()
{
	sshd_remove
	wan_stop
	rm -rf "$work"
}

choose_sections "$@"
packages_install "${packages_bench[@]}"
set_up
for section in "${sections[@]}"; do
	if [[ " ${distant[*]} " = *" $section "* ]]; then
		at_the_far_end "$section"
	else
		on_loopback
		"bench_$section"
	fi
	write_figures
done
cat "$out/table.md"
