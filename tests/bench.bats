#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: what the benchmark says of the times it took is so.  The times here are
# made up.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

setup()
{
	bench=$BATS_TEST_DIRNAME/bench
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir figures out
	# shellcheck source=tests/bench/measure.bash
	. "$bench/measure.bash"
	# shellcheck disable=SC2034 # measure.bash reads them
	figures=$PWD/figures out=$PWD/out
	# Not the machine that the tests run on.
	# shellcheck disable=SC2317 # write_figures calls it
	machine()
	{
		echo 'A machine.'
	}
	touch figures/{cases,names,runs,bounds,facts,notes}
}

# times CASE TOOL SECONDS...: the processor takes half as long.
times()
{
	local name=$1 tool=$2 second

	shift 2
	put names "$tool" "the $tool" "$tool SRC"
	for second; do
		put runs "$name" "$tool" 1 "$second" \
		    "$(awk -v second="$second" 'BEGIN { print second / 2 }')"
	done
}

# Two of a kind: ferry's median is 2, scp's 4.5, rsync's 10.
two_cases()
{
	put cases push 'push'
	put cases far 'push & <far>'
	times push ferry 2 9 1
	times push scp 6 4 3 5
	times push rsync 10
	times far ferry 2
	times far iperf 1.8
}

@test "a bound is met up to its limit, and missed beyond" {
	two_cases
	bound push ferry scp seconds 0.45
	bound push ferry scp seconds 0.44
	bound push ferry rsync processor 0.20
	bound push ferry rsync processor 0.19
	bound far ferry iperf rate 0.90
	bound far ferry iperf rate 0.91
	bound push ferry mscp seconds 0.80
	write_figures
	run grep ' must be \|met\|missed' out/table.md
	assert_output - <<-'END'
	| work | of | beside | seconds | to | ratio | must be | |
	| push | the ferry | the scp | 2.00 | 4.50 | 0.44 | ≤ 0.45 | met |
	| push | the ferry | the scp | 2.00 | 4.50 | 0.44 | ≤ 0.44 | **missed** |
	| push, processor | the ferry | the rsync | 1.00 | 5.00 | 0.20 | ≤ 0.20 | met |
	| push, processor | the ferry | the rsync | 1.00 | 5.00 | 0.20 | ≤ 0.19 | **missed** |
	| push & <far> | the ferry | the iperf | 2.00 | 1.80 | rate × 0.90 | ≥ 0.90 | met |
	| push & <far> | the ferry | the iperf | 2.00 | 1.80 | rate × 0.90 | ≥ 0.91 | **missed** |
	END
}

@test "every program is in the table, ferry first, then the fastest" {
	two_cases
	write_figures
	run grep '^|' out/table.md
	assert_output - <<-'END'
	| work | program | seconds | least-most | processor seconds, both ends | × ferry |
	|---|---|--:|--:|--:|--:|
	| push | the ferry | 2.00 | 1.00-9.00 | 1.00 | 1.00 |
	|  | the scp | 4.50 | 3.00-6.00 | 2.25 | 2.25 |
	|  | the rsync | 10.00 | 10.00-10.00 | 5.00 | 5.00 |
	| push & <far> | the ferry | 2.00 | 2.00-2.00 | 1.00 | 1.00 |
	|  | the iperf | 1.80 | 1.80-1.80 | 0.90 | 0.90 |
	END
	run cat out/table.md
	assert_line 'A machine.'
	# shellcheck disable=SC2016 # it is Markdown
	assert_line '- the scp: `scp SRC`'
	run cat out/runs.tsv
	assert_line $'push\tscp\t1\t6\t3'
}

@test "facts and notes are in the table" {
	fact 'peak memory' 96.0 MiB 96
	fact 'peak memory, the same again' 96.1 MiB 96
	note 'something was left out' 2>/dev/null
	write_figures
	run cat out/table.md
	assert_line '| peak memory | 96.0 MiB | ≤ 96 | met |'
	assert_line '| peak memory, the same again | 96.1 MiB | ≤ 96 | **missed** |'
	assert_line 'Note: something was left out.'
}

@test "the chart has a bar for each median" {
	two_cases
	write_figures
	run grep -c '<rect ' out/bench.svg
	assert_output 5
	run cat out/bench.svg
	assert_line --partial '>push &amp; &lt;far&gt;</text>'
	assert_line --partial 'class="value own">2.00</text>'
	assert_line --partial 'class="value">4.50</text>'
	# A fifth of the longest, which has the whole width.
	assert_line --regexp 'width="42.0" .* class="ours"'
	assert_line --regexp 'width="210.0" .* class="other"'
	assert_line --regexp '^</svg>$'
}

@test "without figures there is a table and a chart all the same" {
	write_figures
	run cat out/table.md
	assert_output 'A machine.'
	run tail -n 1 out/bench.svg
	assert_output '</svg>'
}
