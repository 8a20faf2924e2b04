#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: with "ferry serve --root" in authorized_keys a key copies to or from
# one folder as any other does, and reaches nothing else, whatever its holder
# asks for and whatever is in that folder.
#
# shellcheck disable=SC2154 # the rig sets these

load lib/rig

setup()
{
	rig_setup
	mkdir root outside
	echo secret >outside/secret
	cp -a outside outside.before
}

teardown()
{
	rig_teardown
}

# restrict [OPTION...]: the key gets the line of the manual, with this program,
# this folder, these options in place of --read-only.
restrict()
{
	local line

	line=$(sed -n 's/^\(restrict,command=.*\) ssh-ed25519 AAAA\.\.\.$/\1/p' \
	    "$BATS_TEST_DIRNAME/../man/ferry.1")
	[[ $line == *'"ferry serve --root /srv/photos --read-only"' ]] ||
	    fail "the manual: $line"
	line=${line/ferry/$FERRY}
	line=${line/\/srv\/photos/$work/root}
	line=${line/ --read-only/${1+ $*}}
	echo "$line $(cat "$SSHD_KEY.pub")" >"$SSHD_DIR/authorized_keys"
}

# Nothing of what is outside was changed, nothing of it came here.
assert_no_escape()
{
	same_trees outside.before outside >/dev/null || fail 'an escape'
	run grep -rlxs secret root pulled
	assert_output ''
}

# refused CODE PATTERN ARGUMENT...: ferry fails so, in one line.
refused()
{
	local code=$1 pattern=$2

	shift 2
	run --separate-stderr ferry "$@"
	assert_failure "$code"
	# shellcheck disable=SC2053,SC2154 # it is a pattern
	[[ $stderr == $pattern && ${#stderr_lines[@]} -eq 1 ]] ||
	    fail "$*: $stderr"
}

# shellcheck disable=SC2088 # it is for the far side
# bats test_tags=sanitize
@test "push, pull and verify beneath the root, however the path is written" {
	restrict
	mkdir -p tree/deep/er tree/empty
	make_file tree/deep/file $((MIB + 1))
	echo odd >tree/deep/er/$'-\xff\n$(x)'
	ln -s ../../outside tree/deep/link
	ferry -q tree/ "$HOST:/a"
	ferry -q tree/ "$HOST:~/b"
	assert_same_trees tree root/a
	assert_same_trees tree root/b
	ferry verify -q tree/ "$HOST:a"
	ferry -q "$HOST:./a/../b/" pulled
	assert_same_trees tree pulled
	ferry -q "$HOST:/" whole
	assert_same_trees root whole
	assert_nothing_staged root
	assert_not_exists root/~
	# No state but where it is asked for.
	assert_equal "$(ls "$SSHD_DIR/state")" ''
	restrict --state-dir "$work/its-state"
	ferry -q tree "$HOST:e"
	assert_file_exists "$(echo its-state/ledger/*)"
}

# The first carries no data while others do.
lanes_are_up()
{
	[ "$(grep -c ': one more lane, over' messages)" -eq 3 ]
}

# bats test_tags=sanitize
@test "several lanes beneath the root" {
	restrict
	make_file big $((10 * MIB))
	rig_relay
	touch "$relay/slow"
	ferry_start -v --json --lanes 3 big "$HOST:there" >events 2>messages
	wait_until 30 lanes_are_up
	rm "$relay/slow"
	wait "$FERRY_PID"
	cmp big root/there
	assert_done events lanes 3
}

@test "--read-only refuses what writes, --write-only what reads" {
	echo mine >mine
	echo theirs >root/theirs
	restrict --read-only
	refused 11 '*may only read*' mine "$HOST:mine"
	refused 11 '*may only read*' mine "$HOST:"
	assert_equal "$(ls -A root)" theirs
	ferry -q "$HOST:theirs" pulled
	cmp root/theirs pulled
	ferry verify -q pulled "$HOST:theirs"

	restrict --write-only
	refused 11 '*may only write*' "$HOST:theirs" new
	refused 11 '*may only write*' verify mine "$HOST:theirs"
	assert_not_exists new
	ferry -q mine "$HOST:mine"
	cmp mine root/mine
}

@test "what the client asked to run is not run" {
	restrict
	run ssh -F none -p "$SSHD_PORT" -i "$SSHD_KEY" -o BatchMode=yes \
	    -o "UserKnownHostsFile=$SSHD_KNOWN_HOSTS" "$HOST" \
	    "touch $work/root/made; exec ferry serve --nonce 12" </dev/null
	assert_failure 1
	assert_output 'ferry: this key is for ferry alone'
	echo mine >mine
	# shellcheck disable=SC2016
	ferry -q --remote-ferry 'x $(touch made); touch made;' mine "$HOST:y"
	assert_equal "$(ls -A root)" y
	# It is for command=, where the client has no say in the options.
	run "$FERRY" serve --root root --nonce 00112233445566778899aabbccddeeff
	assert_failure 1
	run "$FERRY" serve --read-only --nonce 00112233445566778899aabbccddeeff
	assert_failure 1
}

# bats test_tags=sanitize
@test "no path leads out, by .. or by a link, to be written or to be read" {
	local path

	restrict
	mkdir src root/in
	echo mine >src/mine
	ln -s ../outside root/up
	ln -s "$work/outside" root/absolute
	ln -s in root/inside
	for path in up "../../../../../../../../..$work/outside"; do
		refused 23 '*leads out of the folder*' "$HOST:$path/" pulled
		refused 11 '*leads out of the folder*' src/ "$HOST:$path"
	done
	for path in absolute in/../../outside; do
		refused 23 '*leads out of the folder*' "$HOST:$path/x" pulled
		refused 11 '*leads out of the folder*' src/mine "$HOST:$path/x"
	done
	refused 23 '*leads out of the folder*' verify src/ "$HOST:up/"
	refused 23 '*No such file*' "$HOST:$work/outside/secret" pulled
	ferry -q "$HOST:up" pulled # the link itself
	assert_equal "$(readlink pulled)" ../outside
	rm pulled
	ferry -q src/mine "$HOST:inside/"
	ferry -q src/mine "$HOST:in/../in/again"
	cmp src/mine root/in/mine
	cmp src/mine root/in/again
	assert_no_escape
}

@test "links in the way of what is written lead nowhere" {
	restrict
	mkdir -p src/sub root/t
	echo mine >src/sub/mine
	echo mine >src/secret
	ln -s ../../outside root/t/sub
	ln -s ../../outside/secret root/t/secret
	# A link that is in the way of an entry is replaced, not followed.
	run ferry src/ "$HOST:t"
	assert_no_escape
	rm -r root/t
	mkdir root/t
	ln -s ../../outside root/t/.ferry
	refused 11 '*.ferry*symbolic link*' src/ "$HOST:t"
	assert_no_escape
}

# The lock of an agent that nobody reads from any more is taken from it, which
# must see that process for that.
@test "a stale agent is fenced off beneath the root, too" {
	local agent

	restrict
	make_file big $((20 * MIB))
	ferry_start -q --bwlimit 4m big "$HOST:there"
	wait_until 20 has_staged root "$MIB"
	agent=$(sshd_ferries | head -n 1)
	kill -STOP "$agent"
	kill -KILL "$FERRY_PID"
	wait "$FERRY_PID" || :
	ferry -q big "$HOST:there"
	cmp big root/there
	run ! process_is_alive "$agent"
}

# The second wall, without the first: a program that wants to get out.
@test "the process can reach no other file where the kernel has Landlock" {
	mkdir -p root state
	run "${FERRY%/*}/tests/peer/confined" root state outside/secret
	[ "$status" -ne 77 ] || skip "$output"
	assert_success
	assert_no_escape
}

# ---- a folder that becomes a link, and a folder again, all the time ---------

# flips FOLDER COMMAND...: it becomes a link to what is outside, and itself
# again, while the command runs, again and again.
flips()
{
	local flip=${FERRY%/*}/tests/peer/flip pid

	[ -x "$flip" ] || skip "there is no $flip; it is built by make check"
	"$flip" "$((${FERRY_FLIPS:-3000} / 3))" "$1" ../../outside root/aside 3>&- &
	pid=$!
	shift
	rounds=0
	while kill -0 "$pid" 2>/dev/null; do
		"$@"
		rounds=$((rounds + 1))
	done
	wait "$pid"
}

# Each time all is new.  The path that leads through the folder is another
# matter than the folder in what is copied.
push_again()
{
	local name

	for name in src/sub/{1..99}; do echo "$rounds" >"$name"; done
	ferry -q --timeout 1s src/sub/ "$HOST:t/sub" 2>/dev/null || :
	ferry -q --timeout 1s src/ "$HOST:t" 2>/dev/null || :
	assert_no_escape
}

pull_again()
{
	rm -rf pulled
	ferry -q --timeout 1s "$HOST:t/sub/" pulled 2>/dev/null || :
	ferry -q --timeout 1s "$HOST:t/" pulled 2>/dev/null || :
	assert_no_escape
}

@test "a folder that is swapped for a link all the time lets nothing out" {
	restrict
	mkdir -p src/sub root/t/sub root/t/.ferry/stays
	flips root/t/sub push_again
	flips root/t/.ferry push_again
	flips root/t/sub pull_again
	# It was in the way, and is not any more.
	ferry -q src/sub/ "$HOST:t/sub"
	ferry verify -q src/sub/ "$HOST:t/sub"
}
