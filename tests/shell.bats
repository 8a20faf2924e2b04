#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: whatever the log-in shell on the far side is, and whatever its start-up
# files print, files come and go, and no name of one ever reaches that shell.
#
# shellcheck disable=SC2154 # the rig sets these

load lib/rig

# In place of the shell of whoever runs this, sshd's command is run by another
# one, in another home: as sshd does, "SHELL -c COMMAND", or with a dash before
# its name, so that the files of a log-in are read too.
setup()
{
	far=$BATS_TEST_TMPDIR/far
	mkdir -p "$far"
	cat >"$BATS_TEST_TMPDIR/as" <<-'END'
		my ($far) = @ARGV;
		my ($shell, $name) = split(' ', `cat "$far.shell"`);
		chdir($ENV{HOME} = $far);
		delete @ENV{qw(SHLVL ZDOTDIR XDG_CONFIG_HOME BASH_ENV ENV)};
		exec {$shell} $name, '-c', $ENV{SSH_ORIGINAL_COMMAND};
	END
	rig_setup "ForceCommand exec perl '$BATS_TEST_TMPDIR/as' '$far'"
}

teardown()
{
	rig_teardown
}

# Two lines on each of both, one of which is no whole line: "... of FILE".
noisy()
{
	local file

	for file; do
		mkdir -p "$(dirname "$far/$file")"
		# csh has no >&2.
		printf '%s\n' "echo Welcome of $file" "printf 'no line'" \
		    "sh -c 'echo Oops of $file >&2; printf more >&2'" \
		    >"$far/$file"
	done
}

# log_in SHELL [DASH]
log_in()
{
	command -v "$1" >/dev/null || fail "$1 is missing"
	echo "$(command -v "$1") ${2-}$1" >"$far.shell"
}

# copies SHELL FILE COUNT: with it there and back, FILE being read so often; under
# names that a shell would take for more than names, and with both transports.
copies()
{
	local odd=$'-a b\'c"d$(touch made)`touch made`\n;touch made;\xff\\ !x*'

	echo "with $1:" # shown if it fails
	rm -rf "$far/d" back
	mkdir "$far/d"
	echo "$1" >"$odd"
	log_in "$1" -
	ferry --transport libssh2 "./$odd" "$HOST:~/d/" 2>messages
	cmp "./$odd" "$far/d/$odd"
	log_in "$1"
	ferry --transport ssh "$HOST:d/$odd" back 2>>messages
	cmp "./$odd" back
	assert_equal "$(find . "$far" -name made)" ''
	# It was noisy, and so we were told.
	assert_equal "$(grep -c "says: Oops of $2" messages)" "$3"
}

@test "each log-in shell, with start-up files that print" {
	noisy .profile .bash_profile .bashrc .zshenv .zprofile .zshrc .zlogin \
	    .cshrc .tcshrc .login .config/fish/config.fish
	copies sh .profile 1
	copies bash .bashrc 1
	copies dash .profile 1
	copies zsh .zshenv 2
	copies csh .cshrc 2
	copies tcsh .tcshrc 2
	copies fish .config/fish/config.fish 2
}

@test "a program with an odd name, in each shell" {
	local shell odd="it's \$(touch made) a * !ferry; \"x\" \\\\ ~{y}"$'\xff'

	ln -s "$FERRY" "$far/$odd"
	for shell in sh bash dash zsh csh tcsh fish; do
		log_in "$shell"
		echo "$shell" >"$shell"
		# shellcheck disable=SC2088 # it is for the shell there
		ferry -q --remote-ferry "~/$odd" "$shell" "$HOST:"
		cmp "$shell" "$far/$shell"
	done
	assert_equal "$(find . "$far" -name made)" ''
}
