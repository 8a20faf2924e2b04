#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Figures of ferry beside scp's and rsync's, taken in turn in one run against a
# private sshd on loopback.  "make bench" calls it; by hand:
#
#	FERRY=/path/to/ferry tests/bench/bench.sh [large] [small] [huge] [many]
#
#	large	push and pull of 1 GiB, against scp
#	small	push of 20,000 files (200 MB), and the same again, against
#		rsync -a
#	huge	8 GiB: peak memory of both ends; seconds to the first byte
#		after a kill when three quarters are there
#	many	100,000 files: peak memory of both ends
#
# FERRY_BENCH_ROUNDS (5) is how often each command is timed; medians are
# compared.  ferry syncs all that it writes before it ends; the others don't.
# Nothing waits for the disk between two commands but one sync, before each.
set -euo pipefail

bench=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/sshd.bash
. "$bench/../lib/sshd.bash"
# shellcheck source=tests/lib/ferry.bash
. "$bench/../lib/ferry.bash"
rounds=${FERRY_BENCH_ROUNDS:-5}
work=$(mktemp -d "${TMPDIR:-/tmp}/ferry-bench.XXXXXX")
clean_up()
{
	sshd_remove
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- what is compared ----

ssh_options=()
# ferry's own far end, with a note of its peak memory.
set_up()
{
	ferry_state_in "$work/state"
	mkdir "$work/dst"
	sshd_make "$work/sshd"
	sshd_start
	ssh_options=(-i "$SSHD_KEY" -o BatchMode=yes
	    -o "UserKnownHostsFile=$SSHD_KNOWN_HOSTS")
	cat >"$work/far-ferry" <<-END
		#!/bin/sh
		exec time -f %M -a -o "$work/far-memory" "$FERRY" "\$@"
	END
	chmod 755 "$work/far-ferry"
}

ferry_command=()
set_ferry_command()
{
	ferry_command=("$FERRY" -q -P "$SSHD_PORT" -i "$SSHD_KEY"
	    -o "UserKnownHostsFile=$SSHD_KNOWN_HOSTS")
}

by_ferry()
{
	"${ferry_command[@]}" "$@"
}

by_scp()
{
	scp -q -P "$SSHD_PORT" "${ssh_options[@]}" "$@"
}

by_rsync()
{
	rsync -a -e "ssh -p $SSHD_PORT ${ssh_options[*]}" "$@"
}

# ---- timing ----

# The listener's waited-for children: all that a connection cost the far end.
far_ticks()
{
	awk '{ print $16 + $17 }' "/proc/$SSHD_PID/stat"
}

# timed NAME COMMAND...: one more line "wall processor" in NAME's list; the
# processor seconds are those of both ends.
timed()
{
	local name=$1 before after

	shift
	sync
	before=$(far_ticks)
	TIMEFORMAT='%R %U %S'
	{ time "$@" 2>"$work/errors"; } 2>"$work/time" || {
		cat "$work/errors" >&2
		return 1
	}
	sleep 0.3 # sshd waits for its children
	after=$(far_ticks)
	awk -v ticks=$((after - before)) -v hertz="$(getconf CLK_TCK)" \
	    '{ print $1, $2 + $3 + ticks / hertz }' "$work/time" \
	    >>"$work/times-$name"
}

# column NAME N: median, least and most of a column of NAME's list.
column()
{
	sort -n -k "$2,$2" "$work/times-$1" | awk -v column="$2" '
	{ value[NR] = $column }
	END {
		low = int((NR + 1) / 2)
		high = int(NR / 2) + 1
		print (value[low] + value[high]) / 2, value[1], value[NR]
	}'
}

# compare WHAT NAME OTHER OTHER-NAME LIMIT: a row of the table.
compare()
{
	local ours theirs our_cost their_cost

	ours=$(column "$2" 1)
	theirs=$(column "$4" 1)
	our_cost=$(column "$2" 2)
	their_cost=$(column "$4" 2)
	awk -v what="$1" -v other="$3" -v limit="$5" -v ours="$ours" \
	    -v theirs="$theirs" -v our_cost="$our_cost" \
	    -v their_cost="$their_cost" 'BEGIN {
		split(ours, a); split(theirs, b)
		split(our_cost, c); split(their_cost, d)
		printf "| %s | %.2f (%.2f-%.2f) | %s: %.2f (%.2f-%.2f) " \
		    "| %.2f | %s | %.1f : %.1f |\n", what, a[1], a[2], a[3],
		    other, b[1], b[2], b[3], a[1] / b[1], limit, c[1], d[1]
	}'
}

# fact WHAT VALUE LIMIT
fact()
{
	printf '| %s | %s | | | %s | |\n' "$@"
}

# ---- what is measured ----

bench_large()
{
	local round

	make_file "$work/large" $((1024 * MIB))
	for ((round = 0; round < rounds; round++)); do
		rm -rf "$work"/dst/*
		timed push by_ferry "$work/large" "$HOST:$work/dst/"
		rm -rf "$work"/dst/*
		timed scp-push by_scp "$work/large" "$HOST:$work/dst/"
		rm -rf "$work"/dst/*
		timed pull by_ferry "$HOST:$work/large" "$work/dst/"
		rm -rf "$work"/dst/*
		timed scp-pull by_scp "$HOST:$work/large" "$work/dst/"
	done
	compare 'push 1 GiB' push scp scp-push '<= 1.0'
	compare 'pull 1 GiB' pull scp scp-pull '<= 1.0'
	rm -rf "$work/large" "$work"/dst/*
}

# make_small DIR COUNT: log-normal around 4 KiB, 10,000 bytes on average, 100
# files to a folder, from one seed.
make_small()
{
	perl -e '
	use strict;
	my ($dir, $count) = @ARGV;
	open(my $random, "<", "/dev/urandom") or die;
	srand(1);
	for my $i (0 .. $count - 1) {
		my $folder = sprintf("%s/%03d", $dir, int($i / 100));
		mkdir($dir);
		mkdir($folder) if $i % 100 == 0;
		my $normal = sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand());
		my $size = int(4096 * exp(1.336 * $normal));
		read($random, my $bytes, $size);
		open(my $file, ">", sprintf("%s/%05d", $folder, $i)) or die;
		print $file $bytes;
		close($file) or die;
	}' "$1" "$2"
}

bench_small()
{
	local round

	make_small "$work/small" 20000
	for ((round = 0; round < rounds; round++)); do
		rm -rf "$work"/dst/*
		timed small by_ferry "$work/small/" "$HOST:$work/dst/a/"
		timed small-again by_ferry "$work/small/" "$HOST:$work/dst/a/"
		timed rsync by_rsync "$work/small/" "$HOST:$work/dst/b/"
		timed rsync-again by_rsync "$work/small/" "$HOST:$work/dst/b/"
	done
	compare 'push 20,000 files' small 'rsync -a' rsync '<= 1.3'
	compare 'the same again' small-again 'rsync -a' rsync-again '<= 1.5'
	ferry --json --remote-ferry "$FERRY" "$work/small/" "$HOST:$work/dst/a/" \
	    >"$work/done" 2>/dev/null
	fact 'data bytes sent by the second run' \
	    "$(done_field "$work/done" bytes_sent)" 0
	rm -rf "$work/small" "$work"/dst/*
}

# memory_of WHAT SRC DST: peak of both ends.
memory_of()
{
	rm -f "$work/far-memory"
	command time -f %M -o "$work/memory" "${ferry_command[@]}" \
	    --remote-ferry "$work/far-ferry" "$2" "$3"
	fact "peak memory, $1" "$(awk '{ printf "%.1f MiB here, ", $1 / 1024 }' \
	    "$work/memory")$(awk '{ printf "%.1f MiB there", $1 / 1024 }' \
	    "$work/far-memory")" '<= 64 MiB'
}

# Seconds from the start of a run until it has put data on the line; a
# progress event is written once a second, so it may be one less.
first_byte()
{
	local begin end

	begin=$(date +%s.%N)
	ferry_start --json "$1" "$2" >"$work/events"
	until jq -e 'select(.event == "progress" and .bytes_sent > 0)' \
	    "$work/events" >/dev/null 2>&1; do
		process_is_alive "$FERRY_PID" || break
		sleep 0.02
	done
	end=$(date +%s.%N)
	wait "$FERRY_PID"
	fact 'first byte after a kill at 6 of 8 GiB' \
	    "$(awk -v a="$begin" -v b="$end" 'BEGIN { printf "%.2f s", b - a }')" \
	    '<= 3 s'
}

bench_huge()
{
	make_file "$work/huge" $((8192 * MIB))
	ferry_start -q "$work/huge" "$HOST:$work/dst/" 2>/dev/null
	until has_staged "$work/dst" $((6144 * MIB)) ||
	    ! process_is_alive "$FERRY_PID"; do
		sleep 0.05
	done
	kill -KILL "$FERRY_PID"
	wait "$FERRY_PID" 2>/dev/null || :
	first_byte "$work/huge" "$HOST:$work/dst/"
	rm -rf "$work"/dst/*
	memory_of 'push of 8 GiB' "$work/huge" "$HOST:$work/dst/"
	rm -rf "$work"/dst/*
	memory_of 'pull of 8 GiB' "$HOST:$work/huge" "$work/dst/"
	rm -rf "$work/huge" "$work"/dst/*
}

bench_many()
{
	make_small "$work/many" 100000
	memory_of 'push of 100,000 files' "$work/many/" "$HOST:$work/dst/a/"
	memory_of 'the same again' "$work/many/" "$HOST:$work/dst/a/"
	rm -rf "$work"/dst/*
	memory_of 'pull of 100,000 files' "$HOST:$work/many/" "$work/dst/a/"
	rm -rf "$work/many" "$work"/dst/*
}

# ----

set_up
set_ferry_command
[ $# -gt 0 ] || set -- large small huge many
printf '%s, %d processors, Linux %s, %s, medians of %d\n\n' \
    "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" \
    "$(nproc)" "$(uname -r)" "$(ssh -V 2>&1)" "$rounds"
echo '| what | ferry, seconds | the other | ratio | must be |' \
    'processor seconds |'
echo '|---|---|---|---|---|---|'
for part in "$@"; do "bench_$part"; done
