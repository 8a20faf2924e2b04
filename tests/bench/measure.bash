# shellcheck shell=bash disable=SC2034,SC2154 # of the others
# SPDX-License-Identifier: BSD-2-Clause
#
# Taking times, and what is written down.  All in $figures, tab between fields:
#
#	cases	CASE TITLE		what is compared, in this order
#	names	TOOL NAME COMMAND
#	runs	CASE TOOL ROUND SECONDS PROCESSOR-SECONDS, of both ends; -1 if
#		not known
#	bounds	CASE TOOL OTHER seconds|processor|rate LIMIT: at most LIMIT
#		times the other's; or of its rate, at least
#	facts	WHAT VALUE UNIT LIMIT
#	notes	LINE

begin_figures()
{
	local name

	figures=$work/figures
	mkdir "$figures"
	for name in cases names runs bounds facts notes; do
		: >"$figures/$name"
	done
	rm -f "$1/table.md" "$1/bench.svg" "$1/runs.tsv"
}

# put FILE FIELD...
put()
{
	local IFS=$'\t' file=$1

	shift
	printf '%s\n' "$*" >>"$figures/$file"
}

# bound CASE TOOL OTHER WHAT LIMIT
bound()
{
	put bounds "$@"
}

fact()
{
	put facts "$@"
}

note()
{
	echo "bench: $*" >&2
	put notes "$@"
}

# ---- one run ----

# The listener's waited-for children: all that a connection cost the far end.
far_ticks()
{
	awk '{ print $16 + $17 }' "/proc/$SSHD_PID/stat"
}

far_end_has_ended()
{
	! pgrep -P "$SSHD_PID" >/dev/null
}

# Bytes of all files in a folder.
bytes_in()
{
	find "$1" -type f -printf '%s\n' | awk '{ sum += $1 }
	END { printf "%.0f\n", sum }'
}

empty_target()
{
	find "$work/dst" -mindepth 1 -delete
}

# For one more run.  A tree is put aside, for ext4 does not use an inode again
# for some minutes after it was freed, and looks at all of those for each file
# that is made: what one run removed would be paid for by the next.
clear_target()
{
	if [ -d "$1" ]; then
		mkdir -p "$work/aside"
		mv "$work/dst" "$(mktemp -d "$work/aside/XXXXXX")"
		mkdir "$work/dst"
	else
		empty_target
	fi
}

# timed COMMAND...: sets $seconds and $processor.
timed()
{
	local before TIMEFORMAT='%R %U %S'

	sync
	before=$(far_ticks)
	{ time "$@" 2>"$work/errors"; } 2>"$work/time" || {
		cat "$work/errors" >&2
		return 1
	}
	wait_until 10 far_end_has_ended || :
	read -r seconds processor < <(awk -v hertz="$(getconf CLK_TCK)" \
	    -v ticks=$(($(far_ticks) - before)) \
	    '{ print $1, $2 + $3 + ticks / hertz }' "$work/time")
}

# ---- ferry and the others in turn ----

# contest CASE TITLE push|pull SRC TOOL...: each tool, round by round.  Without
# ferry there is nothing to compare; another that fails is left out.
contest()
{
	local name=$1 title=$2 way=$3 source=$4 round tool failed=' '

	shift 4
	put cases "$name" "$title"
	for ((round = 1; round <= rounds; round++)); do
		for tool in "$@"; do
			tool_is_there "$tool" || continue
			[[ $failed != *" $tool "* ]] || continue
			run_once "$name" "$tool" "$way" "$source" && continue
			case $tool in ferry*) return 1 ;; esac
			note "$(tool_name "$tool") failed in \"$title\""
			failed+="$tool "
		done
	done
	empty_target
	rm -rf "$work/aside"
}

run_once()
{
	local name=$1 tool=$2 way=$3 source=$4 seconds processor

	if [ "$tool" = iperf ]; then
		measure_limit "$source" || return 1
	else
		clear_target "$source"
		timed "by_$tool" "$way" "$source" "$work/dst" || return 1
		if [ "$(bytes_in "$work/dst")" != "$(bytes_in "$source")" ]; then
			echo "$tool: not all has arrived" >&2
			return 1
		fi
	fi
	put names "$tool" "$(tool_name "$tool")" "$(tool_command "$tool")"
	put runs "$name" "$tool" "$round" "$seconds" "$processor"
	printf 'bench: %s: %s: %.2f s, processor %.1f s\n' "$name" \
	    "$(tool_name "$tool")" "$seconds" "$processor" >&2
}

# ---- memory ----

# What ferry's far ends use, each noted when it ends.
make_far_ferry()
{
	cat >"$work/far-ferry" <<-END
		#!/bin/sh
		exec time -f %M -a -o "$work/far-memory" "$FERRY" "\$@"
	END
	chmod 755 "$work/far-ferry"
}

# memory_of WHAT LIMIT push|pull SRC [OPTION...]: peak of ferry itself here, and
# of all its processes on the far side together.
memory_of()
{
	local what=$1 limit=$2 way=$3 source=$4 from to

	shift 4
	rm -f "$work/far-memory"
	set_way "$way" "$HOST:"
	command time -f %M -o "$work/memory" "$FERRY" "${ferry_options[@]}" \
	    --remote-ferry "$work/far-ferry" "$@" "$from$source" "$to$work/dst/"
	wait_until 10 far_end_has_ended || :
	fact "peak memory here, $what" "$(mebibytes "$work/memory")" MiB "$limit"
	fact "peak memory there, $what" "$(mebibytes "$work/far-memory")" MiB \
	    "$limit"
}

mebibytes()
{
	awk '{ sum += $1 } END { printf "%.1f", sum / 1024 }' "$1"
}

# ---- the table and the chart ----

machine()
{
	local gibibytes

	gibibytes=$(awk '/^MemTotal:/ { printf "%.0f", $2 / 1048576 }' \
	    /proc/meminfo)
	printf '%s, %d processors, %d GiB of memory, %s, Linux %s, %s for TCP.\n' \
	    "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sed -n 1p)" \
	    "$(nproc)" "$gibibytes" \
	    "$(df --output=fstype "$work" | tail -n 1)" "$(uname -r)" \
	    "${FERRY_BENCH_CONGESTION:-$(
		cat /proc/sys/net/ipv4/tcp_congestion_control)}"
	tool_versions | sed 's/$/;/; $s/;$/./'
	printf 'Medians of %d, taken on %s.\n' "$rounds" "$(date -u +%F)"
}

write_figures()
{
	machine >"$figures/machine"
	cp "$figures/runs" "$out/runs.tsv"
	LC_ALL=C awk -v folder="$figures" -f "$bench/figures.awk" \
	    -f "$bench/table.awk" >"$out/table.md"
	LC_ALL=C awk -v folder="$figures" -f "$bench/figures.awk" \
	    -f "$bench/chart.awk" >"$out/bench.svg"
}
