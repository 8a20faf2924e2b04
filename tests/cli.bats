#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: what a person types is understood or refused with advice, and what was
# typed before is found again: the state folder, its locks, status and resume.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert
bats_load_library bats-file

setup()
{
	[ -x "${FERRY-}" ] || { echo "FERRY must be the program" >&2; return 1; }
	export XDG_STATE_HOME=$BATS_TEST_TMPDIR/state
	transfers=$XDG_STATE_HOME/ferry/transfers
	# Nobody listens there, and nobody needs to.
	unset SSH_AUTH_SOCK FERRY_REMOTE
	mkdir "$BATS_TEST_TMPDIR/work"
	cd "$BATS_TEST_TMPDIR/work" || return 1
}

teardown()
{
	local job

	for job in $(jobs -p); do kill -KILL "$job" 2>/dev/null || :; done
}

id1=01900000-0000-7000-8000-000000000001
id2=01900000-0000-7000-8000-000000000002

# record ID SOURCE TARGET [OPTION]: as if a copy of SOURCE to TARGET, begun
# here, had been cut off.
record()
{
	mkdir -p "$transfers/$1"
	chmod 700 "$XDG_STATE_HOME/ferry" "$transfers"
	: >"$transfers/$1/lock"
	printf '%s\0' version=1 started=1700000000 direction=push \
	    "cwd=$PWD" "place=$PWD/$2" "place=$PWD/$3" ${4:+"option=$4"} \
	    "operand=$2" "operand=$3" >"$transfers/$1/command"
}

# hold ID: lock it as a running ferry does, until the test ends.
hold()
{
	printf 'process 4711 on elsewhere since then' >"$transfers/$1/lock"
	flock --no-fork -x "$transfers/$1/lock" sleep 60 3>&- &
	until ! flock -n -x "$transfers/$1/lock" true; do sleep 0.02; done
}

# ---- help and usage -------------------------------------------------------

@test "--help and help go to stdout and succeed" {
	run --separate-stderr "$FERRY" --help
	assert_success
	assert_line --partial 'ferry [copy] [options] SRC... DST'
	# shellcheck disable=SC2154
	assert_equal "$stderr" ''
	run "$FERRY" help
	assert_success
	assert_line --partial 'ferry [copy] [options] SRC... DST'
	run "$FERRY" help verify
	assert_success
	assert_line 'usage: ferry verify [options] SRC... DST'
	run "$FERRY" -v verify --help
	assert_line 'usage: ferry verify [options] SRC... DST'
}

@test "--version and version show the version" {
	run "$FERRY" --version
	assert_success
	assert_output --regexp '^ferry [0-9]+\.[0-9]+\.[0-9]+$'
	run "$FERRY" version
	assert_success
	assert_output --regexp '^ferry [0-9]+\.[0-9]+\.[0-9]+$'
}

@test "a full stdout is a failure: exit 11" {
	run bash -c '"$FERRY" --help >/dev/full'
	assert_failure 11
	assert_output --partial 'standard output'
}

# usage_error PART ARGUMENT...: exit 1, the cause, and where to read on.
usage_error()
{
	local part=$1

	shift
	run --separate-stderr "$FERRY" "$@"
	assert_failure 1
	assert_output ''
	# shellcheck disable=SC2154 # by run
	assert_equal "${#stderr_lines[@]}" 2
	[[ ${stderr_lines[0]} == 'ferry: '*"$part"* ]] ||
	    fail "${stderr_lines[0]} does not say: $part"
	[[ ${stderr_lines[1]} == 'usage: ferry '*' --help)' ]] ||
	    fail "${stderr_lines[1]}"
}

@test "usage errors exit 1 and say what to write instead" {
	usage_error 'SRC and DST are missing'
	usage_error 'DST is missing' a
	usage_error '-Z: no such option' -Z a b
	usage_error '--no-such: no such option' --no-such a b
	usage_error '-P: needs PORT' a b -P
	usage_error 'not a port' -P 65536 a b
	usage_error 'write 90, 30s' --timeout soon a b
	usage_error '--checksum: takes no argument' --checksum=1 a b
	usage_error '--verify: not an option of ferry status' status --verify
	usage_error '--verbose: not an option of ferry version' version -v
	usage_error 'a manifest is JSON by itself' manifest --json a
	usage_error 'not one of ferry, xxh128sum' manifest --format md5sum a
	usage_error "a manifest in ferry's own format" \
	    manifest --check a --format sha256sum b
	usage_error 'is on another machine' manifest host:a
	usage_error 'PATH is missing' manifest
	usage_error 'different machines' host:a other:b c
	usage_error 'different machines' a host:b c
	usage_error 'write .' '' b
	usage_error 'name a file' - b
	usage_error 'name a file' a -
	usage_error 'there is no path' sftp://host b
	usage_error 'no host' :a b
	usage_error 'dash' a -- -oProxyCommand=x:b
	usage_error 'no such subcommand' help nothing
	usage_error 'more than one ID' status a b
	usage_error 'more than one ID' resume a b
	usage_error 'on the other side' serve
	usage_error 'on the other side' serve --nonce 12
}

@test "a word that only looks like a subcommand is refused" {
	usage_error 'neither a subcommand nor a file' sync a b
	usage_error 'neither a subcommand nor a file' gc host:
}

@test "what a terminal would act on is escaped" {
	run --separate-stderr "$FERRY" $'\e[2J\xff\n' $'h:\xc2\x9b' $'i\x7f:b'
	assert_failure 1
	[[ $stderr != *[$'\e\x7f']* ]] || fail "$stderr"
	usage_error '\x1b[2J' $'sftp://\e[2J' b
}

# ---- the state folder -----------------------------------------------------

@test "status of nothing says so on stderr" {
	run --separate-stderr "$FERRY" status
	assert_success
	assert_output ''
	assert_equal "$stderr" 'ferry: no transfer is under way or cut off'
	run "$FERRY" status -q
	assert_success
	assert_output ''
}

@test "the state folder is made for its owner only" {
	umask 0
	run "$FERRY" status
	assert_success
	assert_equal "$(stat -c %a "$XDG_STATE_HOME/ferry" "$transfers" | uniq)" \
	    700
}

@test "--state-dir comes before XDG_STATE_HOME, that before HOME" {
	run env HOME="$PWD/home" XDG_STATE_HOME="$PWD/xdg" \
	    "$FERRY" status --state-dir own/folder
	assert_success
	assert_dir_exists own/folder/transfers
	assert_not_exists xdg
	run env HOME="$PWD/home" XDG_STATE_HOME="$PWD/xdg" "$FERRY" status
	assert_dir_exists xdg/ferry/transfers
	assert_not_exists home
	# One that is no absolute path is ignored, as its specification says.
	run env HOME="$PWD/home" XDG_STATE_HOME=relative "$FERRY" status
	assert_dir_exists home/.local/state/ferry/transfers
	assert_not_exists relative
}

@test "status lists what was cut off" {
	record "$id1" 'my source' target
	record "$id2" $'odd\n\xff' target
	run --separate-stderr "$FERRY" status
	assert_success
	assert_line "$id1  $PWD/my source -> $PWD/target"
	assert_line "$id2  $PWD/odd\\x0a\\xff -> $PWD/target"
	assert_line --partial 'not running'
	run "$FERRY" status "${id2:0:36}"
	assert_success
	refute_line --partial "$id1"
	assert_line --partial "$id2"
}

@test "status says who runs a transfer" {
	record "$id1" source target
	hold "$id1"
	run "$FERRY" status
	assert_success
	assert_line --partial 'running: process 4711 on elsewhere since then'
}

@test "status --json prints an object a line" {
	record "$id1" source target
	record "$id2" $'odd\xff' target
	hold "$id2"
	"$FERRY" status --json >json
	run jq -r '[.event, .transfer, .sources[0], .running] | @tsv' json
	assert_line -n 0 "transfer	$id1	$PWD/source	false"
	assert_line -n 1 "transfer	$id2	$PWD/odd\\\\xff	true"
	run jq -r '.holder // "nobody"' json
	assert_line -n 0 nobody
	assert_line -n 1 'process 4711 on elsewhere since then'
}

@test "status of an ID that is none exits 1" {
	record "$id1" source target
	run "$FERRY" status 02
	assert_failure 1
	assert_output 'ferry: 02: no such transfer; see ferry status'
}

@test "a damaged record is left out" {
	record "$id1" source target
	record "$id2" source other
	printf x >"$transfers/$id2/command"
	run --separate-stderr "$FERRY" status
	assert_success
	refute_line --partial "$id2"
	[[ $stderr == *"$id2"*damaged* ]] || fail "$stderr"
}

@test "a second run of a command says who runs it: exit 75" {
	echo content >source
	record "$id1" source target
	hold "$id1"
	run --separate-stderr "$FERRY" source target
	assert_failure 75
	assert_equal "$stderr" "ferry: this transfer is run by process 4711 on\
 elsewhere since then; wait for it or end it"
	assert_not_exists target
	# However the same places are written.
	run "$FERRY" ./source "$PWD//target"
	assert_failure 75
	assert_exists "$transfers/$id1/command"
	run bash -c '"$FERRY" --json source target 2>/dev/null | tail -n 1 |
	    jq -r "[.event, .status, .code] | @tsv"'
	assert_output 'done	held	75'
}

# ---- resume ---------------------------------------------------------------

@test "resume of nothing exits 1" {
	run "$FERRY" resume
	assert_failure 1
	assert_output 'ferry: no transfer was cut off'
	run "$FERRY" resume "$id1"
	assert_failure 1
	assert_output "ferry: $id1: no such transfer; see ferry status"
}

@test "resume of one of several wants an ID" {
	record "$id1" a b
	record "$id2" c d
	run --separate-stderr "$FERRY" resume
	assert_failure 1
	assert_output ''
	[[ $stderr == *'more than one'*"$id1"*"$id2"* ]] || fail "$stderr"
	run "$FERRY" resume 0190
	assert_failure 1
	assert_line --partial 'more than one transfer begins so'
}

@test "resume of one whose folder is gone says so" {
	mkdir gone
	(cd gone && record "$id1" a b)
	rmdir gone
	run "$FERRY" resume
	assert_failure 11
	assert_output --partial 'gone: No such file or directory'
}

# bats test_tags=sanitize
@test "resume runs the recorded command in its folder" {
	mkdir elsewhere
	echo content >source
	record "$id1" source target --checksum
	cd elsewhere
	run "$FERRY" resume -q
	assert_success
	assert_output ''
	assert_equal "$(cat ../target)" content
	assert_not_exists "$transfers/$id1"
}

@test "resume of one that runs exits 75" {
	echo content >source
	record "$id1" source target
	hold "$id1"
	run "$FERRY" resume "$id1"
	assert_failure 75
	assert_not_exists target
}

# ---- a copy, as it is told -----------------------------------------------

# bats test_tags=sanitize
@test "a copy ends with one line, and leaves no state" {
	echo content >source
	run --separate-stderr "$FERRY" source target
	assert_success
	assert_output ''
	[[ $stderr == 'ferry: 1 file, 8 B; sent 8 B, in '*' s' ]] ||
	    fail "$stderr"
	assert_equal "$(ls "$transfers")" ''
	run --separate-stderr "$FERRY" source target
	assert_success
	[[ $stderr == *'(1 there already), 8 B; sent 0 B'* ]] || fail "$stderr"
}

@test "-q says nothing" {
	echo content >source
	run "$FERRY" -q source target
	assert_success
	assert_output ''
}

@test "-v names the files" {
	mkdir source
	echo content >source/a
	run "$FERRY" -v source target
	assert_success
	assert_line 'ferry: source/a'
}

@test "without a state folder one warning is given, and the copy goes on" {
	echo content >source
	XDG_STATE_HOME=/dev/null
	run "$FERRY" source target
	assert_success
	assert_line -n 0 "ferry: /dev/null/ferry: state folder: Not a directory;\
 going on without, so that only the same command line can resume"
	assert_line -n 1 --partial '1 file, 8 B'
	assert_equal "${#lines[@]}" 2
	assert_equal "$(cat target)" content
}

@test "without a state folder status and resume fail, and say so with -q too" {
	local subcommand

	XDG_STATE_HOME=/dev/null
	for subcommand in status resume; do
		run "$FERRY" "$subcommand" -q
		assert_failure 11
		assert_output "ferry: /dev/null/ferry: state folder: Not a\
 directory; name another one with --state-dir"
	done
}

@test "--json has its events, and stderr no less" {
	echo content >source
	"$FERRY" --json source target >json 2>messages
	run jq -r .event json
	assert_line -n 0 start
	assert_line -n 1 session
	assert_line file
	assert_equal "${lines[-1]}" 'done'
	run jq -r 'select(.event == "file") | [.path, .size] | @tsv' json
	assert_output 'source	8'
	run jq -r 'select(.event == "done") | keys_unsorted | .[1:] | join(" ")' \
	    json
	assert_output "transfer status code files files_skipped bytes\
 bytes_sent bytes_reused chunks_resent retries reconnects lanes transport\
 resumed verified seconds errors"
	run tail -n 1 messages
	assert_output --partial '1 file, 8 B'
}

@test "a name that is no UTF-8 is in --json with its bytes" {
	echo content >$'s\xff'
	"$FERRY" -q --json $'s\xff' target >json
	run jq -r 'select(.event == "file") | [.path, .path_hex] | @tsv' json
	assert_output --partial 's\\xff'
	assert_output --partial 73ff
}

@test "--json to a full disk is a failure that says so" {
	echo content >source
	run bash -c '"$FERRY" --json source target >/dev/full'
	assert_failure 11
	assert_output --partial 'standard output: cannot be written'
	assert_equal "$(cat target)" content
}

@test "--stop-after ends a copy with exit 30 and the command that resumes" {
	truncate -s 2G source
	run "$FERRY" --stop-after 300ms source target
	assert_failure 30
	assert_output --regexp 'to go on: ferry resume [0-9a-f-]{36}$'
	run "$FERRY" status
	assert_line --partial "$PWD/source -> $PWD/target"
}

@test "without a state folder the command that resumes is the same again" {
	truncate -s 2G $'my \e source'
	XDG_STATE_HOME=/dev/null
	run "$FERRY" --checksum --stop-after 300ms $'my \e source' target
	assert_failure 30
	assert_line -n 1 "ferry: the time of --stop-after is over; to go on: ferry\
 --checksum --stop-after=300ms -- \$'my\\x20\\x1b\\x20source' target"
}

# start_copy ARGUMENT...: in the background, until something is staged.  A
# background job of a script ignores SIGINT; so this sets it anew.
start_copy()
{
	env --default-signal=INT "$FERRY" "$@" 2>messages 3>&- &
	copy=$!
	until [ -n "$(find . -path '*/.ferry/*' -size +1M 2>/dev/null)" ]; do
		sleep 0.02
	done
}

# end_copy SIGNAL CODE: the copy that was started ends so.
end_copy()
{
	local code=0

	kill -s "$1" "$copy"
	wait "$copy" || code=$?
	assert_equal "$code" "$2"
}

@test "SIGINT, SIGTERM and SIGHUP end a copy with exit 20 and the command that resumes" {
	local name

	truncate -s 4G source
	for name in INT TERM HUP; do
		start_copy source "target-$name"
		end_copy "$name" 20
		run tail -n 1 messages
		assert_output --regexp \
		    '^ferry: interrupted; to go on: ferry resume [0-9a-f-]{36}$'
		assert_not_exists "target-$name"
		rm -r .ferry
	done
}

@test "the command that resumes a copy does so" {
	local words

	truncate -s 2G source
	start_copy --state-dir 'my state' source target
	end_copy INT 20
	words=$(sed -n 's/.*to go on: ferry //p' messages)
	assert_equal "${words% *}" "resume --state-dir 'my state'"
	# The words are quoted for a shell.
	run eval "\"\$FERRY\" $words --json 2>/dev/null"
	assert_success
	assert_equal "$(jq -r 'select(.event == "session").resumed' \
	    <<<"$output")" true
	assert_equal "$(stat -c %s target)" 2147483648
}

@test "SIGUSR1 prints a line of status" {
	truncate -s 4G source
	start_copy -q source target
	kill -USR1 "$copy"
	until [ -s messages ]; do sleep 0.02; done
	end_copy TERM 20
	run head -n 1 messages
	assert_output --regexp '[0-9.]+ [KMGi]*B/s'
}

@test "a target that another run holds: exit 75 and who it is" {
	local agent

	mkdir target other
	truncate -s 4G source
	echo content >small
	start_copy source target
	# The agent is the holder, for it writes.
	agent=$(cut -d' ' -f3 target/.ferry/lock)
	run "$FERRY" other/ target
	assert_failure 75
	assert_output --regexp "^ferry: target is held by ferry process $agent on\
 [^ ]* since [0-9: -]{19}; wait for it or end it\$"
	run "$FERRY" --json other/ target
	assert_line --partial '"status":"held","code":75'
	# Another file does not get in its way.
	run "$FERRY" small target
	assert_success
	end_copy INT 20
	run "$FERRY" other/ target
	assert_success
}

# Else a file that ferry opens would get that number, and the messages.
@test "the number of a descriptor that was closed is given to no file" {
	local number

	truncate -s 4G source
	"$FERRY" source target <&- >&- 2>&- 3>&- &
	copy=$!
	until [ -n "$(find . -path '*/.ferry/*' -size +1M 2>/dev/null)" ]; do
		sleep 0.02
	done
	for number in 0 1 2; do
		assert_equal "$(readlink "/proc/$copy/fd/$number")" /dev/null
	done
	end_copy TERM 20
	rm source
	echo small >source
	run bash -c '"$FERRY" --json source target >&-'
	assert_failure 11
	assert_output --partial 'standard output: cannot be written'
}

@test "--json tells what was left out, and what failed" {
	mkdir -p source target/file
	mkfifo source/pipe
	echo content >source/file
	run --separate-stderr "$FERRY" -q --json source/ target
	assert_failure 23
	run jq -r 'select(.event == "skipped" or .event == "failed") |
	    [.event, .path, .cause] | @tsv' <<<"$output"
	assert_line 'skipped	source/pipe	is a named pipe'
	assert_line 'failed	file	is a folder there'
}
