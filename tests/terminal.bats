#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: on a terminal of any width there is one bar that leaves no garbage, and
# nowhere else is there one.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert
bats_load_library bats-file

setup()
{
	[ -x "${FERRY-}" ] || { echo "FERRY must be the program" >&2; return 1; }
	command -v script >/dev/null || skip 'script is missing'
	export XDG_STATE_HOME=$BATS_TEST_TMPDIR/state TERM=xterm
	mkdir "$BATS_TEST_TMPDIR/work"
	cd "$BATS_TEST_TMPDIR/work" || return 1
	# Large enough to take more than a second or two, and costs no disk to
	# read.
	truncate -s 3G large
}

# on_terminal COLUMNS ARGUMENT...: run ferry on a terminal of that width; what
# it writes there goes to the file "terminal".
on_terminal()
{
	local columns=$1

	shift
	script -qec "stty cols $columns rows 24; exec $(printf '%q ' "$FERRY" "$@")" \
	    /dev/null </dev/null >terminal
}

# Each drawing of the bar, a line each; a message erases it in the same way.
bars()
{
	LC_ALL=C tr '\r' '\n' <terminal | LC_ALL=C grep -a $'^\e\\[J.' |
	    sed $'s/^\e\\[J//' | grep -v '^ferry: '
}

# What is left to be seen in the end: carriage returns and erasures done.
screen()
{
	LC_ALL=C awk -F '\r' '{
		line = ""
		for (i = 1; i <= NF; i++) {
			if (substr($i, 1, 3) == "\033[J")
				line = substr($i, 4)
			else
				line = $i substr(line, length($i) + 1)
		}
		print line
	}' terminal
}

# The last bar is erased, and only messages are to be seen.
assert_clean_screen()
{
	run screen
	refute_line --regexp '^[^f]'
	refute_line --regexp '^.*[0-9]%'
	assert_line --regexp '^ferry: '
	run env LC_ALL=C grep -a $'[\x01-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\xff]' \
	    terminal
	assert_output ''
}

# assert_bars COLUMNS: there are some, narrower than the terminal.
assert_bars()
{
	run bars
	assert_output --regexp '[0-9]+%'
	run awk -v columns="$1" 'length >= columns' <(bars)
	assert_output ''
}

@test "20 columns: what matters most" {
	on_terminal 20 --stop-after 2s large target || assert_equal "$?" 30
	assert_bars 20
	assert_clean_screen
}

@test "80 columns: a bar, the bytes, the rate" {
	on_terminal 80 --stop-after 2s large target || assert_equal "$?" 30
	assert_bars 80
	run bars
	assert_output --regexp '^ +[0-9]+% \[[=> ]+\]  [0-9.]+ [KMG]?i?B of 3.0 GiB  [0-9.]+ [KMG]?i?B/s  '
	assert_clean_screen
}

@test "200 columns: all of it" {
	on_terminal 200 --stop-after 2s large target || assert_equal "$?" 30
	assert_bars 200
	run bars
	assert_output --regexp '  0 of 1 files'
	assert_clean_screen
}

@test "1 column, and none that is known" {
	on_terminal 1 --stop-after 1s large target || assert_equal "$?" 30
	run bars
	assert_output ''
	on_terminal 0 --stop-after 1s large other || assert_equal "$?" 30
	assert_bars 80
}

@test "a terminal made narrower gets a narrower bar" {
	local terminal copy

	# shellcheck disable=SC2016
	script -qec 'stty cols 120 rows 24; tty >device
		exec "$FERRY" --stop-after 4s large target' /dev/null \
	    </dev/null >terminal 3>&- &
	copy=$!
	until bars | grep -q '%'; do sleep 0.05; done
	terminal=$(tr -d '\r\n' <device)
	stty -F "$terminal" cols 30
	sleep 0.5
	: >narrow
	bars | wc -l >narrow
	wait "$copy" || :
	run awk -v from="$(cat narrow)" 'NR > from && length >= 30' <(bars)
	assert_output ''
	assert_clean_screen
}

@test "messages and the bar keep out of each other's way" {
	local number

	mkdir many
	for number in {1..300}; do echo "$number" >"many/$number"; done
	mv large many/
	on_terminal 60 -v --stop-after 3s many target || assert_equal "$?" 30
	assert_bars 60
	assert_clean_screen
	run grep -c '^ferry: many/[0-9]*$' <(screen)
	assert_output 300
}

@test "a second of --progress is a line where stderr is no terminal" {
	"$FERRY" --progress --stop-after 3s large target 2>messages ||
	    assert_equal "$?" 30
	run cat messages
	assert_line --regexp '^ *[0-9]+%  .* of 3.0 GiB  .*/s'
	run env LC_ALL=C grep -a $'[\x01-\x08\x0b-\x1f\x7f-\xff]' messages
	assert_output ''
}

# assert_no_bar ARGUMENT...: nothing is drawn on a terminal.
assert_no_bar()
{
	on_terminal 80 "$@" || assert_equal "$?" 30
	run env LC_ALL=C grep -ac $'\e' terminal
	assert_output 0
}

@test "no bar in a pipe, on a dumb terminal, with -q, with --json" {
	"$FERRY" --stop-after 1s large a 2>messages || assert_equal "$?" 30
	run env LC_ALL=C grep -ac -e $'\r' -e '%' messages
	assert_output 0
	assert_no_bar -q --stop-after 1s large b
	assert_no_bar --json --stop-after 1s large c
	TERM=dumb assert_no_bar --stop-after 1s large d
	TERM='' assert_no_bar --stop-after 1s large e
}

@test "there are no colours, with NO_COLOR or without" {
	on_terminal 80 --stop-after 1s large a || assert_equal "$?" 30
	run env LC_ALL=C grep -ac $'\e\\[[0-9;]*m' terminal
	assert_output 0
	NO_COLOR=1 on_terminal 80 --stop-after 1s large b || assert_equal "$?" 30
	run env LC_ALL=C grep -ac $'\e\\[[0-9;]*m' terminal
	assert_output 0
	assert_bars 80
}
