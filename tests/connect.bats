#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: ferry gets in where ssh would, nowhere else, and says in one line why
# not and what to do.

load lib/rig
load lib/terminal

setup()
{
	work=$BATS_TEST_TMPDIR/work
	rig_setup
	# No key, no known host and no agent of whoever runs this.
	export HOME=$BATS_TEST_TMPDIR/home
	mkdir -p "$HOME"
	there=$HOST:$work/there
	hosts=$BATS_TEST_TMPDIR/hosts
	echo content >source
}

teardown()
{
	rig_teardown
	[ -z "${agent_pid-}" ] || kill "$agent_pid" 2>/dev/null || :
}

# bare ARGUMENT...: ferry to the rig's port, without its key and its known
# hosts, and without a terminal.
bare()
{
	run --separate-stderr setsid -w "$FERRY" -P "$SSHD_PORT" "$@" </dev/null
}

# with_key ARGUMENT...: and with its key.
with_key()
{
	bare -i "$SSHD_KEY" "$@"
}

# with_host ARGUMENT...: with its known hosts and without its key.
with_host()
{
	bare -o "UserKnownHostsFile=$SSHD_KNOWN_HOSTS" "$@"
}

# in_one_line CODE PATTERN: ferry failed so, with one line that is like it.
in_one_line()
{
	assert_failure "$1"
	assert_output ''
	# shellcheck disable=SC2053,SC2154 # it is a pattern
	[[ $stderr == $2 && ${#stderr_lines[@]} -eq 1 ]] || fail "$stderr"
}

# fingerprint: of the rig's host key.
fingerprint()
{
	ssh-keygen -l -f "$SSHD_DIR/host_key.pub" | cut -d' ' -f2
}

# known_line: what the rig's known_hosts has.
known_line()
{
	cut -d' ' -f1-3 "$SSHD_KNOWN_HOSTS"
}

# ---- the host key -----------------------------------------------------------

@test "an unknown host is refused without a terminal" {
	with_key -o "UserKnownHostsFile=$hosts" source "$there"
	in_one_line 255 "ferry: $HOST: the host key is not known (ssh-ed25519\
 $(fingerprint)); check it and add it with ssh, or use*accept-new"
	assert_not_exists "$hosts"
	assert_not_exists there
}

@test "StrictHostKeyChecking=yes refuses an unknown host" {
	with_key -o StrictHostKeyChecking=yes -o "UserKnownHostsFile=$hosts" \
	    source "$there"
	in_one_line 255 '*the host key is not known*'
	assert_not_exists "$hosts"
}

@test "accept-new adds an unknown host, once" {
	with_key -o StrictHostKeyChecking=accept-new \
	    -o "UserKnownHostsFile=$hosts" source "$there"
	assert_success
	assert_equal "${stderr_lines[0]}" "ferry: $HOST: the ssh-ed25519 key of\
 [$HOST]:$SSHD_PORT is added to $hosts"
	assert_equal "$(cat "$hosts")" "$(known_line)"
	with_key -q -o "UserKnownHostsFile=$hosts" source "$there"
	assert_success
	assert_equal "$stderr" ''
	assert_equal "$(cat "$hosts")" "$(known_line)"
}

@test "the usual file is used and made when no other is named" {
	with_key -q -o StrictHostKeyChecking=accept-new source "$there"
	assert_success
	assert_equal "$(cat "$HOME/.ssh/known_hosts")" "$(known_line)"
	with_key -q source "$there"
	assert_success
}

@test "each file that UserKnownHostsFile names is read" {
	with_key -o "UserKnownHostsFile=$hosts $SSHD_KNOWN_HOSTS" source "$there"
	assert_success
	assert_not_exists "$hosts"
}

@test "a hashed name in known_hosts is found" {
	cp "$SSHD_KNOWN_HOSTS" "$hosts"
	ssh-keygen -q -H -f "$hosts" 2>/dev/null
	run cat "$hosts"
	refute_output --partial "$HOST"
	with_key -o "UserKnownHostsFile=$hosts" source "$there"
	assert_success
}

@test "a changed key is refused, whatever is asked for" {
	local how

	ssh-keygen -q -t ed25519 -N '' -f other
	{
		echo '# comment'
		echo "[$HOST]:$SSHD_PORT $(cut -d' ' -f1,2 other.pub)"
	} >"$hosts"
	cp "$hosts" before
	for how in ask accept-new no yes; do
		with_key -o "StrictHostKeyChecking=$how" \
		    -o "UserKnownHostsFile=$hosts" source "$there"
		in_one_line 255 "ferry: $HOST: THE HOST KEY HAS CHANGED: *in\
 $hosts line 2,*ssh-keygen -R '\[$HOST\]:$SSHD_PORT' -f '$hosts'"
	done
	assert_equal "$(cat "$hosts")" "$(cat before)"
	assert_not_exists there
}

@test "a revoked key is refused" {
	sed 's/^/@revoked /' "$SSHD_KNOWN_HOSTS" >"$hosts"
	cat "$SSHD_KNOWN_HOSTS" >>"$hosts"
	with_key -o "UserKnownHostsFile=$hosts" source "$there"
	in_one_line 255 "*marked as revoked in $hosts line 1; do not use*"
}

@test "an unknown host is asked about on a terminal: yes" {
	open_terminal -i "$SSHD_KEY" -o "UserKnownHostsFile=$hosts" \
	    source "$there"
	answer "Its ssh-ed25519 key is $(fingerprint). Trust it" 'yes\n'
	close_terminal 0
	assert_equal "$(cat "$hosts")" "$(known_line)"
	assert_file_exists there
}

@test "an unknown host is asked about on a terminal: no" {
	open_terminal -i "$SSHD_KEY" -o "UserKnownHostsFile=$hosts" \
	    source "$there"
	answer '(yes/no)?' 'no\n'
	close_terminal 255
	assert_not_exists "$hosts"
	run cat screen
	assert_output --partial 'the host key is not known'
}

@test "BatchMode=yes asks nothing on a terminal" {
	open_terminal -i "$SSHD_KEY" -o "UserKnownHostsFile=$hosts" \
	    -o BatchMode=yes source "$there"
	close_terminal 255
	run cat screen
	refute_output --partial 'yes/no'
}

@test "^C at a question ends ferry, and the terminal shows what is typed" {
	open_terminal -i "$SSHD_KEY" -o "UserKnownHostsFile=$hosts" \
	    source "$there"
	answer '(yes/no)?' '\003'
	close_terminal 20
}

# ---- the port and the host --------------------------------------------------

@test "a port where nobody listens" {
	sshd_stop
	with_key source "$there"
	in_one_line 255 "ferry: $HOST: port $SSHD_PORT: Connection refused;\
 check the host and the port, and that an SSH server runs there"
	assert_equal "$(ls "$XDG_STATE_HOME/ferry/transfers")" ''
}

@test "a host that has no address" {
	with_key source no.such.host.invalid:there
	in_one_line 255 "ferry: no.such.host.invalid: no address of that name:\
 *; check how it is written"
}

# A listener that takes connections and says nothing.
@test "a server that does not answer in time: exit 35" {
	kill -STOP "$SSHD_PID"
	with_key --contimeout 500ms source "$there"
	in_one_line 35 "ferry: $HOST: no answer from the SSH server in time;\
 check the host and the network, or allow more with --contimeout"
	with_key -o ConnectTimeout=1 source "$there"
	kill -CONT "$SSHD_PID"
	in_one_line 35 '*no answer*'
}

# libssh2 forgets keys that it made for an exchange it does not end.
# bats test_tags=sanitize
@test "a server that falls silent in the key exchange: exit 35" {
	rig_relay mute
	with_key --contimeout 500ms source "$there"
	in_one_line 35 '*no answer*'
}

@test "-o Port, User and IdentityFile are as -P, USER@ and -i" {
	run --separate-stderr setsid -w "$FERRY" -o "Port=$SSHD_PORT" \
	    -o "User $(id -un)" -o "identityfile = $SSHD_KEY" \
	    -o "UserKnownHostsFile=$SSHD_KNOWN_HOSTS" source "$there" </dev/null
	assert_success
	with_host -i "$SSHD_KEY" source "nobody-of-that-name@$there"
	in_one_line 255 '*log-in as nobody-of-that-name is refused*'
}

@test "an option that is not known, and a value that is none: exit 1" {
	with_key -o Comprehension=yes source "$there"
	in_one_line 1 "ferry: $HOST: ssh -G: *comprehension; mend -o*"
	with_key -o StrictHostKeyChecking=perhaps source "$there"
	in_one_line 1 '*ssh -G: *"perhaps"*'
}

# ---- the log-in -------------------------------------------------------------

@test "a key that the server does not take" {
	ssh-keygen -q -t ed25519 -N '' -f other
	with_host -i other source "$there"
	in_one_line 255 "ferry: $HOST: log-in as $(id -un) is refused (the\
 server takes: publickey; tried: other); name a key with -i, or load it into\
 the agent"
}

@test "an identity that is not there is told, and others are tried" {
	with_host -i missing -i "$SSHD_KEY" source "$there"
	assert_success
	assert_equal "${stderr_lines[0]}" \
	    "ferry: $HOST: identity missing: No such file or directory"
}

@test "the usual identity is used when none is named" {
	mkdir -m 700 "$HOME/.ssh"
	cp "$SSHD_KEY" "$SSHD_KEY.pub" "$HOME/.ssh/"
	with_host source "$there"
	assert_success
	with_host -i missing source "$there"
	assert_failure 255
}

start_agent()
{
	eval "$(ssh-agent -s -a "$BATS_TEST_TMPDIR/agent" 3>&-)" >/dev/null
	agent_pid=$SSH_AGENT_PID
}

@test "a key of the agent is used" {
	start_agent
	ssh-add -q "$SSHD_KEY" 2>/dev/null
	with_host source "$there"
	assert_success
	ssh-add -q -D 2>/dev/null
	with_host source "$there"
	in_one_line 255 '*log-in*refused*tried: nothing*'
}

@test "an agent that is gone is no obstacle" {
	SSH_AUTH_SOCK=$BATS_TEST_TMPDIR/none with_host -i "$SSHD_KEY" \
	    source "$there"
	assert_success
}

@test "a key with a passphrase: refused without a terminal, asked for on one" {
	ssh-keygen -q -p -N 'open sesame' -f "$SSHD_KEY" >/dev/null
	with_host -i "$SSHD_KEY" source "$there"
	in_one_line 255 '*log-in*refused*'
	open_terminal -i "$SSHD_KEY" \
	    -o "UserKnownHostsFile=$SSHD_KNOWN_HOSTS" source "$there"
	answer "Passphrase of $SSHD_KEY: " 'open sesame\n'
	close_terminal 0
	run cat screen
	refute_output --partial 'open sesame'
	assert_file_exists there
}

@test "a password is asked for on a terminal" {
	with_password 'PasswordAuthentication yes' 'UsePAM no'
	open_terminal -o "UserKnownHostsFile=$SSHD_KNOWN_HOSTS" source "$there"
	answer 'assword' 'wrong\n'
	answer 'assword' 'secret\n' 2
	close_terminal 0
	run cat screen
	refute_output --partial secret
	assert_file_exists there
}

@test "a password is asked for once, however often the connection is made" {
	with_password 'PasswordAuthentication yes' 'UsePAM no'
	truncate -s 512M large
	open_terminal -o "UserKnownHostsFile=$SSHD_KNOWN_HOSTS" --verify \
	    large "$there"
	answer 'assword' 'secret\n'
	wait_until 20 has_staged . "$MIB" || fail "$(cat screen)"
	sshd_restart
	close_terminal 0
	run cat screen
	assert_output --partial 'trying again'
	assert_output --partial '; verified'
	assert_equal "$(grep -c assword screen)" 1
}

@test "a password is not asked for without a terminal, or when forbidden" {
	with_password 'PasswordAuthentication yes' 'UsePAM no'
	with_host source "$there"
	in_one_line 255 '*log-in*refused (the server takes: *password*'
	open_terminal -o PasswordAuthentication=no \
	    -o "UserKnownHostsFile=$SSHD_KNOWN_HOSTS" source "$there"
	close_terminal 255
	run cat screen
	refute_output --partial 'assword:'
}

@test "keyboard-interactive is answered on a terminal" {
	[ -e /etc/pam.d/sshd ] || skip 'sshd without PAM'
	with_password 'KbdInteractiveAuthentication yes' 'UsePAM yes'
	open_terminal -o "UserKnownHostsFile=$SSHD_KNOWN_HOSTS" source "$there"
	answer 'assword' 'secret\n'
	close_terminal 0
	run cat screen
	refute_output --partial secret
	assert_file_exists there
}

# ---- the agent on the far side ---------------------------------------------

@test "no ferry on the far side" {
	with_host -i "$SSHD_KEY" --remote-ferry no-such-ferry source "$there"
	in_one_line 255 "ferry: $HOST: no-such-ferry is not found there (*);\
 install ferry on that host, say where it is with --remote-ferry, or bring it\
 with --bootstrap"
	FERRY_REMOTE=/no/such/ferry with_host -i "$SSHD_KEY" source "$there"
	in_one_line 255 "ferry: $HOST: /no/such/ferry is not found there*"
}

@test "something on the far side that is no ferry" {
	with_host -i "$SSHD_KEY" --remote-ferry /bin/false source "$there"
	in_one_line 255 "ferry: $HOST: /bin/false ended without a greeting,\
 exit status 1 (it said nothing); see that it is ferry*"
	with_host -i "$SSHD_KEY" --remote-ferry /etc/passwd source "$there"
	in_one_line 255 "ferry: $HOST: /etc/passwd cannot be run there*"
}

# on_the_way LINE...: a program on the far side that does that, then is ferry.
on_the_way()
{
	{
		echo '#!/bin/sh'
		printf '%s\n' "$@"
		printf 'exec %q "$@"\n' "$FERRY"
	} >"$BATS_TEST_TMPDIR/odd ferry"
	chmod +x "$BATS_TEST_TMPDIR/odd ferry"
	with_host -i "$SSHD_KEY" --remote-ferry "$BATS_TEST_TMPDIR/odd ferry" \
	    -vv source "$there"
}

@test "what a shell prints before is skipped" {
	on_the_way 'echo; echo "  Welcome! "; printf "\001\0no newline"'
	assert_success
	[[ $stderr == *'skipped '*' bytes that'*'"Welcome!"'* ]] ||
	    fail "$stderr"
	assert_file_exists there
}

@test "60 KiB of noise are skipped, more are not" {
	on_the_way 'head -c 61440 /dev/zero | tr "\0" n'
	assert_success
	on_the_way 'head -c 70000 /dev/zero | tr "\0" n'
	assert_failure 255
	[[ ${stderr_lines[-1]} == *'gave no greeting ("nnn'*'start-up files'* ]] ||
	    fail "$stderr"
}

@test "what the far side says on stderr is shown, escaped" {
	on_the_way 'echo "be careful" >&2; printf "\033[2J\n" >&2'
	assert_success
	[[ $stderr == *"ferry: $HOST says: be careful"* ]] || fail "$stderr"
	[[ $stderr == *"ferry: $HOST says: \\x1b[2J"* ]] || fail "$stderr"
}

@test "a server that allows another command only" {
	sshd_remove
	rm -rf "$BATS_TEST_TMPDIR/sshd"
	sshd_make "$BATS_TEST_TMPDIR/sshd" 'ForceCommand echo not for you'
	sshd_start
	with_host -i "$SSHD_KEY" source "$there"
	in_one_line 255 "*ended without a greeting, exit status 0\
 (\"not for you\")*"
}

@test "what failed there is told with the host" {
	with_host -i "$SSHD_KEY" source "$HOST:$work/no/such/there"
	in_one_line 11 "ferry: $HOST: $work/no/such/there: No such file or\
 directory; make the folder that it is to be in first"
	with_host -i "$SSHD_KEY" "$HOST:$work/missing" here
	in_one_line 23 "ferry: $HOST: $work/missing: No such file or directory"
	with_host -i "$SSHD_KEY" source source "$HOST:$work/source"
	in_one_line 23 'ferry: source: another source has the same name*'
	mkdir folder
	with_host -i "$SSHD_KEY" folder "$HOST:$work/source"
	in_one_line 11 "ferry: $HOST: $work/source: Not a directory; *"
}

@test "a server that goes away is waited for as long as --timeout says" {
	local copy status=0

	truncate -s 4G large
	ferry_start --timeout 2s --json large "$there" >events 2>messages
	copy=$FERRY_PID
	wait_until 20 grep -q '"progress","bytes":[1-9]' events ||
	    fail 'nothing is confirmed'
	sshd_stop
	sshd_cut
	wait "$copy" || status=$?
	assert_equal "$status" 10
	run grep -c '; trying again in [0-9.]* s$' messages
	assert [ "$output" -ge 1 ]
	# Advice is for the end.
	run grep 'check the host.*trying again' messages
	assert_failure
	run tail -n 1 messages
	assert_output --regexp 'to go on: ferry resume [0-9a-f-]{36}$'
	run jq -r 'select(.event == "retry") | .attempt' events
	assert_line -n 0 1
	assert_done events status lost
}

# ---- -v and -q --------------------------------------------------------------

@test "-vv tells how the connection is made, -q nothing" {
	with_host -i "$SSHD_KEY" -vv source "$there"
	assert_success
	[[ $stderr == *"connecting to $HOST port $SSHD_PORT as $(id -un)"* ]] ||
	    fail "$stderr"
	[[ $stderr == *"logged in: $SSHD_KEY"* ]] || fail "$stderr"
	[[ $stderr == *"running: exec $FERRY serve --nonce "* ]] || fail "$stderr"
	with_host -i "$SSHD_KEY" -q source "$there"
	assert_success
	assert_equal "$stderr" ''
	with_host -i "$SSHD_KEY" -q --remote-ferry no-such-ferry source "$there"
	in_one_line 255 '*is not found there*'
}
