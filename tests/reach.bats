#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: a host is reached with the algorithms that ssh_config names, asked no
# question twice, and what goes between two hosts is seen from here.

load lib/rig
load lib/terminal

setup()
{
	export HOME=$BATS_TEST_TMPDIR/home
	mkdir -p "$HOME"
}

teardown()
{
	rig_teardown
}

# rig LINE...: sshd with those lines.
rig()
{
	rig_setup "$@"
	# shellcheck disable=SC2154 # rig_setup sets it
	there=$HOST:$work/there
	echo content >source
}

# agreed PATTERN ARGUMENT...: over libssh2 the key exchange, the host key, the
# cipher and the MAC are like that.
agreed()
{
	local pattern="*: $1; SSH-2.0-*"

	shift
	run --separate-stderr ferry -vv --transport=libssh2 "$@" source "$there"
	assert_success
	# shellcheck disable=SC2053,SC2154 # it is a pattern
	[[ $stderr == $pattern ]] || fail "$stderr"
}

# over_ssh WHAT ARGUMENT...: libssh2 cannot use that, and ssh can.
over_ssh()
{
	local what=$1

	shift
	run --separate-stderr ferry -v "$@" source "$there"
	assert_success
	[[ $stderr == *"$HOST: libssh2 cannot use $what; over ssh"* ]] ||
	    fail "$stderr"
	cmp source there
	rm there
	run --separate-stderr ferry --transport=libssh2 "$@" source "$there"
	assert_failure 255
	# shellcheck disable=SC2154
	[[ $stderr == "ferry: $HOST: "*'libssh2'* &&
	    ${#stderr_lines[@]} -eq 1 ]] || fail "$stderr"
	assert_not_exists there
}

@test "lanes offer what ssh_config names, and no more" {
	rig
	# Nothing that the Terrapin attack works on.
	agreed '*, ssh-ed25519, aes128-@(ctr|gcm@openssh.com), hmac-sha2-256'
	agreed 'ecdh-sha2-nistp384, ssh-ed25519, aes256-ctr, hmac-sha2-512' \
	    -o KexAlgorithms=sntrup761x25519-sha512@openssh.com,ecdh-sha2-nistp384 -o Ciphers=aes256-ctr \
	    -o MACs=hmac-sha2-512
	agreed '*, aes192-ctr, hmac-sha1' -c ^aes192-ctr \
	    -o MACs=-hmac-sha2-*,umac-* -o HostKeyAlgorithms=-ssh-rsa
}

@test "where libssh2 knows none of the names, ssh carries" {
	rig
	over_ssh 'the MACs umac-64@openssh.com' -o MACs=umac-64@openssh.com \
	    -o Ciphers=aes128-ctr
}

@test "where the server knows none of ours, ssh carries" {
	rig 'KexAlgorithms sntrup761x25519-sha512@openssh.com'
	over_ssh "the server's algorithms"
}

@test "a host that is known by its RSA key alone is believed" {
	local rsa=$BATS_TEST_TMPDIR/rsa

	ssh-keygen -q -t rsa -b 2048 -N '' -f "$rsa"
	rig "HostKey $rsa"
	printf '[%s]:%s %s\n' "$HOST" "$SSHD_PORT" "$(cat "$rsa.pub")" \
	    >"$SSHD_KNOWN_HOSTS"
	# A library before 1.11 signs nothing with it, but ssh does.
	run --separate-stderr ferry source "$there"
	assert_success
	cmp source there
	# Another one is no better than none.
	ssh-keygen -q -t rsa -b 1024 -N '' -f other
	printf '[%s]:%s %s\n' "$HOST" "$SSHD_PORT" "$(cat other.pub)" \
	    >"$SSHD_KNOWN_HOSTS"
	run --separate-stderr setsid -w "$FERRY" -P "$SSHD_PORT" \
	    -i "$SSHD_KEY" -o "UserKnownHostsFile=$SSHD_KNOWN_HOSTS" \
	    source "$HOST:$work/not-there" </dev/null
	assert_failure 255
	assert_not_exists not-there
}

@test "a host is added hashed where ssh would do so" {
	local hosts=$BATS_TEST_TMPDIR/hosts

	rig
	run --separate-stderr "$FERRY" -P "$SSHD_PORT" -i "$SSHD_KEY" \
	    -o UserKnownHostsFile="$hosts" -o HashKnownHosts=yes \
	    -o StrictHostKeyChecking=accept-new source "$there"
	assert_success
	run ssh-keygen -F "[$HOST]:$SSHD_PORT" -f "$hosts"
	assert_success
	run grep -v '^|1|' "$hosts"
	assert_output ''
}

# ---- between two hosts ------------------------------------------------------

@test "status shows how far a copy between two hosts has come" {
	rig
	printf '[localhost]:%s %s\n' "$SSHD_PORT" \
	    "$(cut -d' ' -f1,2 "$SSHD_DIR/host_key.pub")" >>"$SSHD_KNOWN_HOSTS"
	make_file big $((12 * MIB))
	# With --json somebody wants to know how much there is.
	ferry_start --json --bwlimit=4m "$HOST:$work/big" \
	    "localhost:$work/out/" >events
	has_come()
	{
		"$FERRY" status | grep -q \
		    '^  [1-9].* MiB of 12.0 MiB confirmed, .* running: process'
	}
	wait_until 20 has_come || fail "$("$FERRY" status)"
	kill -INT "$FERRY_PID"
	wait "$FERRY_PID" || :
	"$FERRY" status --json >state.json
	[ "$(jq .bytes_total state.json)" -eq $((12 * MIB)) ]
	[ "$(jq .bytes state.json)" -ge "$MIB" ]
	[ "$(jq .running state.json)" = false ]
	# Without the limit it is the same job.
	ferry_json events "$HOST:$work/big" "localhost:$work/out/"
	cmp big out/big
	assert_done events resumed true
	[ -z "$("$FERRY" status 2>/dev/null)" ]
}

# ---- bringing the agent -----------------------------------------------------

@test "the agent is brought over the connection that missed it" {
	local home=$BATS_TEST_TMPDIR/far agent=${FERRY%/*}/ferry-agent left

	[ -x "$agent" ] || skip 'no static libraries'
	mkdir -p "$home/.cache/ferry"
	# What another upload left, and what one is writing.
	left=$home/.cache/ferry/ferry-agent-0-1.new-$(uname -n)
	touch "$left-$BASHPID" "$left-$(sh -c 'echo $$')"
	rig "SetEnv SHLVL=1 FERRY_RIG=$BATS_TEST_TMPDIR/sshd \
XDG_STATE_HOME=$BATS_TEST_TMPDIR/sshd/state HOME=$home"
	FERRY_REMOTE=no-such-ferry run --separate-stderr ferry \
	    --transport=libssh2 --lanes=1 --bootstrap source "$there"
	assert_success
	[[ $stderr == *'copying an agent'* ]] || fail "$stderr"
	cmp source there
	assert_equal "$(grep -c '^Accepted publickey' "$SSHD_DIR/log")" 1
	assert_equal "$(printf '%s\n' "$left-"*)" "$left-$BASHPID"
	# shellcheck disable=SC2012 # the names are ours
	assert_equal "$(ls "$home/.cache/ferry" | wc -l)" 2
}

# ---- over SFTP --------------------------------------------------------------

# with_password_over_sftp: there is an URL.
with_password_over_sftp()
{
	work=$BATS_TEST_TMPDIR/work
	mkdir "$work"
	cd "$work" || return 1
	ferry_state_in "$BATS_TEST_TMPDIR/state"
	with_password 'PasswordAuthentication yes' 'UsePAM no'
	there=sftp://$HOST:$SSHD_PORT$work/there
	known=UserKnownHostsFile=$SSHD_KNOWN_HOSTS
	# None of whoever runs this.
	none=IdentityFile=none
}

@test "over SFTP a password is asked for on a terminal" {
	with_password_over_sftp
	echo content >source
	open_terminal -o "$known" -o "$none" source "$there"
	answer 'assword' 'secret\n'
	close_terminal 0
	cmp source there
	run cat screen
	refute_output --partial secret
	# Without one there is nobody to ask.
	rm there
	run --separate-stderr env -u DISPLAY setsid -w "$FERRY" -o "$known" \
	    -o "$none" source "$there" </dev/null
	assert_failure 255
	# shellcheck disable=SC2154
	[[ $stderr == "ferry: $HOST: ssh does not get in "*'Permission denied'*\
'no terminal to ask at; load a key into the agent, or set SSH_ASKPASS'* &&
	    ${#stderr_lines[@]} -eq 1 ]] || fail "$stderr"
	assert_not_exists there
}

@test "over SFTP ^C ends a question, and a transfer in order" {
	with_password_over_sftp
	make_file source $((16 * MIB))
	open_terminal -o "$known" -o "$none" --bwlimit=8m source "$there"
	answer 'assword' '\003'
	close_terminal 20
	assert_not_exists there
	open_terminal -o "$known" -o "$none" --bwlimit=8m source "$there"
	answer 'assword' 'secret\n'
	wait_until 20 has_staged . $((2 * MIB)) || fail "$(cat screen)"
	# shellcheck disable=SC2154 # open_terminal sets it
	printf '\003' >&"$keys"
	close_terminal 20
	run cat screen
	assert_output --partial interrupted
	refute_output --partial lost
	# It could still give its locks back.
	run find .ferry -name '*.held'
	assert_output ''
	ferry_json events source "$there"
	cmp source there
	assert_done events resumed true
}
