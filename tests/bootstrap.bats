#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: a far side that has no ferry gets an agent, once, and only a sound one
# of its own kind ever runs there.

load lib/rig

# far_setup [NAME=VALUE...]: the far side has a home of its own, no ferry, and
# programs in "far" before the system's.
far_setup()
{
	work=$BATS_TEST_TMPDIR/work
	agent=${FERRY%/*}/ferry-agent
	[ -x "$agent" ] || skip 'no static libraries'
	home=$BATS_TEST_TMPDIR/home
	far=$BATS_TEST_TMPDIR/far
	mkdir -p "$home" "$far"
	export FERRY_REMOTE=no-such-ferry
	# The first SetEnv counts.
	rig_setup "SetEnv SHLVL=1 FERRY_RIG=$BATS_TEST_TMPDIR/sshd \
XDG_STATE_HOME=$BATS_TEST_TMPDIR/sshd/state HOME=$home PATH=$far:/usr/bin:/bin"
	there=$HOST:$work/there
	cached=$home/.cache/ferry/ferry-agent-$("$agent" --version |
	    cut -d' ' -f2)-$(sha256sum <"$agent" | cut -d' ' -f1)
	echo content >source
}

teardown()
{
	[ -z "${home-}" ] || rig_teardown
}

# bring ARGUMENT...
bring()
{
	run --separate-stderr ferry --bootstrap "$@"
}

# in_one_line CODE PATTERN: it failed so; the note before is no part of it.
in_one_line()
{
	assert_failure "$1"
	# shellcheck disable=SC2053,SC2154 # it is a pattern
	[[ ${stderr_lines[1]} == $2 && ${#stderr_lines[@]} -eq 2 ]] ||
	    fail "$stderr"
	assert_file_not_exists there
}

# Nothing but the agent is there, and it is sound.
assert_cached()
{
	assert_equal "$(ls -A "${cached%/*}")" "${cached##*/}"
	cmp "$agent" "$cached"
	assert_equal "$(stat -c %a "$cached")" 700
}

fake()
{
	cat >"$far/$1"
	chmod 755 "$far/$1"
}

# brought_once TRANSPORT: an agent is brought, and found from then on.
brought_once()
{
	local before

	bring --transport="$1" source "$there"
	assert_success
	[[ $stderr == *'copying an agent'* ]] || fail "$stderr"
	cmp source there
	assert_cached
	before=$(stat -c '%i %z' "$cached")
	echo other >source
	bring --transport="$1" source "$there"
	assert_success
	[[ $stderr != *'copying an agent'* ]] || fail "$stderr"
	cmp source there
	assert_equal "$(stat -c '%i %z' "$cached")" "$before"
}

@test "over libssh2 the agent is copied once" {
	far_setup
	brought_once libssh2
}

@test "over ssh the agent is copied once" {
	far_setup
	brought_once ssh
}

@test "verify brings it too, and it serves all a tree takes" {
	far_setup
	make_tree tree
	cp -a tree copy
	run --separate-stderr ferry verify --bootstrap tree/ "$HOST:$work/copy/"
	assert_success
	assert_cached
	bring --verify --lanes=3 tree "$HOST:$work/there/"
	assert_success
	assert_same_trees tree there/tree
}

@test "a damaged agent is noticed and replaced" {
	far_setup
	mkdir -p "${cached%/*}"
	cp "$agent" "$cached"
	flip_byte "$cached" 5000
	chmod 700 "$cached"
	bring source "$there"
	assert_success
	[[ $stderr == *'copying an agent'* ]] || fail "$stderr"
	assert_cached
	# And half of one, where only cksum tells.
	truncate -s 100000 "$cached"
	ln -s /bin/{cat,chmod,cksum,echo,mkdir,mv,rm,uname} "$far"
	ln -s "$(command -v sh)" "$far/sh"
	sshd_stop
	sed -i 's,:/usr/bin:/bin,,' "$SSHD_DIR/sshd_config"
	sshd_start
	bring source "$there"
	assert_success
	[[ $stderr == *'copying an agent'* ]] || fail "$stderr"
	assert_cached
	bring source "$there"
	assert_success
	[[ $stderr != *'copying an agent'* ]] || fail "$stderr"
}

@test "a ferry that is there is used, and none is brought" {
	far_setup
	ln -s "$FERRY" "$far/no-such-ferry"
	bring source "$there"
	assert_success
	assert_file_not_exists "$home/.cache"
}

@test "another processor or system gets nothing" {
	far_setup
	echo 'echo Linux vax' | fake uname
	bring source "$there"
	in_one_line 255 "ferry: $HOST: the system there is Linux vax,\
 and the agent is for $(uname -sm); install ferry on that host"
	assert_file_not_exists "$home/.cache"
}

@test "what arrives damaged, or does not run, is not kept" {
	far_setup
	printf '#!/bin/sh\n/bin/cat | tr a b\n' | fake cat
	bring source "$there"
	in_one_line 255 "ferry: $HOST: the agent cannot be stored in\
 ~/.cache/ferry there (\"what arrived is damaged\"); *"
	assert_equal "$(ls -A "$home/.cache/ferry")" ''
	rm "$far/cat"
	echo 'exit 0' | fake chmod
	bring source "$there"
	in_one_line 255 "*Permission denied*"
	assert_equal "$(ls -A "$home/.cache/ferry")" ''
}

@test "a full disk or an unwritable cache is one line" {
	far_setup
	printf '#!/bin/sh\nexec /bin/cat >/dev/full\n' | fake cat
	for transport in libssh2 ssh; do
		bring --transport=$transport source "$there"
		in_one_line 255 "ferry: $HOST: the agent cannot be stored in\
 ~/.cache/ferry there (*No space left on device*); *"
		assert_equal "$(ls -A "$home/.cache/ferry")" ''
	done
	rm -r "$home/.cache"
	echo >"$home/.cache"
	bring source "$there"
	in_one_line 255 "ferry: $HOST: the agent cannot be stored in\
 ~/.cache/ferry there (*mkdir*); *"
}

@test "a copy that is cut leaves no agent, and the next run brings one" {
	far_setup
	printf '#!/bin/sh\n/bin/head -c 300000; echo >%q; exec sleep 60\n' \
	    "$work/half" | fake cat
	ferry_start --bootstrap source "$there"
	wait_until 10 test -s half
	kill -KILL "$FERRY_PID"
	wait "$FERRY_PID" || :
	sshd_cut
	assert_file_not_exists "$cached"
	rm "$far/cat"
	bring source "$there"
	assert_success
	cmp "$agent" "$cached"
}

@test "log-in shells that are no sh start it" {
	local shell

	far_setup
	echo "ForceCommand /bin/sh $far/login-shell" >>"$SSHD_DIR/sshd_config"
	sshd_stop
	sshd_start
	for shell in zsh tcsh fish; do
		command -v $shell >/dev/null || continue
		rm -rf "$home/.cache" there
		echo "exec $shell -c \"\$SSH_ORIGINAL_COMMAND\"" |
		    fake login-shell
		bring source "$there"
		assert_success
		cmp source there
	done
}

@test "no shell on the far side is one line" {
	far_setup
	echo 'ForceCommand echo no shell for you; exit 127' \
	    >>"$SSHD_DIR/sshd_config"
	sshd_stop
	sshd_start
	bring source "$there"
	in_one_line 255 "ferry: $HOST: no shell there takes the agent\
 (\"no shell for you\"); install ferry on that host"
}

@test "a ferry without an agent says what is missing" {
	far_setup
	cp "$FERRY" lonely
	FERRY=$work/lonely bring source "$there"
	[ "$status" -ne 0 ] || skip 'an agent is installed'
	assert_failure 11
	[[ $stderr == 'ferry: --bootstrap: there is no */ferry-agent; '* ]] ||
	    [[ $stderr == *'--bootstrap: there is no '*'static libraries'* ]] ||
	    fail "$stderr"
}

@test "the agent needs no library, and no SSH or cryptography is in it" {
	agent=${FERRY%/*}/ferry-agent
	[ -x "$agent" ] || skip 'no static libraries'
	run ldd "$agent"
	assert_output --regexp 'statically linked|not a dynamic executable'
	run grep -c -a -e libssh2_ -e 'OpenSSL [0-9]' "$agent"
	assert_output 0
	run "$agent" copy a b
	assert_failure 1
}
