# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# ferry on a terminal, and who asks there:
#
#	open_terminal ARGUMENT...	start it; what it shows is in "screen"
#	answer, close_terminal		see below
#	with_password			an sshd that asks for a password

# The terminal's input is a pipe; 3 is bats' own.  A script's background jobs
# ignore SIGINT, which is set anew.
open_terminal()
{
	command -v script >/dev/null || skip 'script is missing'
	mkfifo keyboard
	# shellcheck disable=SC2094
	TERM=dumb script -qec "exec env --default-signal=INT $(printf '%q ' "$FERRY" -P "$SSHD_PORT" \
	    "$@")" /dev/null <keyboard >screen 2>&1 3>&- &
	terminal=$!
	exec {keys}>keyboard
}

# is_shown TEXT COUNT: so often.
is_shown()
{
	[ "$(grep -oF -- "$1" screen | wc -l)" -ge "$2" ]
}

# answer QUESTION KEYS [COUNT]: type them when it is asked for the COUNTth time.
answer()
{
	wait_until 20 is_shown "$1" "${3-1}" || fail "$(cat screen)"
	printf '%b' "$2" >&"$keys"
}

has_ended()
{
	! process_is_alive "$1"
}

# close_terminal CODE: when ferry has ended, with that.  What it showed is in
# screen.
close_terminal()
{
	local code=0

	# One question too many would wait for ever.
	wait_until 60 has_ended "$terminal" || kill "$terminal"
	wait "$terminal" || code=$?
	exec {keys}>&-
	rm keyboard
	[ "$code" -eq "$1" ] || fail "exit status $code: $(cat screen)"
}

# with_password LINE...: an sshd for which this user has the password
# "secret", in a mount namespace of its own; the machine knows nothing of it.
with_password()
{
	local name hash

	[ "$(id -u)" -eq 0 ] || skip 'not root'
	unshare -m true 2>/dev/null || skip 'no mount namespaces'
	command -v openssl >/dev/null || skip 'openssl is missing'
	name=$(id -un)
	hash=$(openssl passwd -6 -salt ferry secret)
	cat /etc/shadow >"$BATS_TEST_TMPDIR/shadow"
	chmod 600 "$BATS_TEST_TMPDIR/shadow"
	awk -F: -v OFS=: -v name="$name" -v hash="$hash" \
	    '$1 == name { $2 = hash } { print }' /etc/shadow \
	    >"$BATS_TEST_TMPDIR/shadow"
	sshd_remove
	rm -rf "$BATS_TEST_TMPDIR/sshd"
	sshd_make "$BATS_TEST_TMPDIR/sshd" "$@"
	# shellcheck disable=SC2016,SC2034 # for that shell; for sshd_start
	SSHD_PREFIX=(unshare -m sh -c
	    'mount --bind "$0" /etc/shadow && exec "$@"'
	    "$BATS_TEST_TMPDIR/shadow")
	sshd_start
}
