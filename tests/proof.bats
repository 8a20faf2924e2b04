#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: what an SFTP server stored is proven by whatever sums files at its host,
# damage is told, and where nothing can, nothing is called verified.
#
# shellcheck disable=SC2030,SC2031,SC2154 # the rig sets these

load lib/rig

setup()
{
	# Each run logs in twice, which costs less so.
	rig_setup 'KexAlgorithms curve25519-sha256'
	home='' # what a test puts there
	bin=$BATS_TEST_TMPDIR/bin
	mkdir "$bin"
	sftp=sftp://$HOST:$SSHD_PORT$PWD
	unset FERRY_REMOTE
}

teardown()
{
	[ -z "$home" ] || rm -rf "$home"
	rig_teardown
}

# host_has NAME...: at the host, these programs and no others are in PATH, but
# for those that a test has put into "bin".
host_has()
{
	local name

	for name in sh xargs "$@"; do
		[ -e "$bin/$name" ] || ln -s "$(command -v "$name")" "$bin/"
	done
	sshd_stop
	sed -i "s|^SetEnv .*|& PATH=$bin|" "$SSHD_DIR/sshd_config"
	sshd_start
}

# at_host NAME: a program there, the shell script on standard input.
at_host()
{
	{
		echo '#!/bin/sh'
		echo 'PATH=/usr/bin:/bin'
		cat
	} >"$bin/new"
	chmod 755 "$bin/new"
	# Not through a link: that leads to a program of this machine.
	mv -fT "$bin/new" "$bin/$1"
}

# Damages the file "dst" whenever it is to be summed.
damage_dst()
{
	at_host xxh128sum <<-'END'
		for file; do
			case $file in
			*/dst)
				time=$(stat -c %Y "$file")
				printf X | dd of="$file" bs=1 seek=9 \
				    conv=notrunc status=none
				touch -d "@$time" "$file"
				;;
			esac
		done
		exec /usr/bin/xxh128sum "$@"
	END
	host_has
}

# Names that a shell or a list of sums could take for something else.
make_odd()
{
	local name

	mkdir -p "$1/empty folder" "$1/-n"
	# shellcheck disable=SC2016 # no shell is to expand it
	for name in 'a b' -rf '*' 'c\d' "q'uote" $'new\nline' $'cr\r' $'\xff\x81' \
	    '$(touch made)' '-n/\b' "$(printf '%0255d' 0)"; do
		echo "$name" >"$1/$name"
	done
	: >"$1/size-0"
	make_file "$1/size-1" "$MIB"
	make_file "$1/size-2" $((2 * MIB + 3))
	ln -s size-1 "$1/link"
}

@test "each program, to and fro" {
	local program name

	make_odd src
	for program in xxh128sum sha256sum b2sum shasum; do
		echo "with $program:" # shown if it fails
		rm -rf "${bin:?}"/* dst
		if [ "$program" = sha256sum ]; then
			for name in sh xargs sha256sum; do
				ln -s "$(command -v busybox)" "$bin/$name"
			done
		fi
		host_has "$program" perl # that shasum is of
		ferry --json -v src/ "$sftp/dst" >events 2>messages
		assert_done events verified true
		grep "14 of 14 files proven by $program" messages
		diff -r src dst
	done
	ferry --json "$sftp/dst/" back >events
	assert_done events verified true
	diff -r src back
	assert_not_exists made
}

@test "several sources, a new name, a folder, and paths of the home folder" {
	home=$(mktemp -d "$HOME/.ferry-test.XXXXXX")
	mkdir one two
	echo 1 >one/a
	echo 2 >two/b
	echo 3 >-c
	ferry_json events one/ two/ ./-c "$sftp/dst/"
	assert_done events verified true
	ferry_json events "$sftp/one/" "$sftp/two/" "$sftp/-c" back/
	assert_done events verified true
	ferry_json events one "sftp://$HOST:$SSHD_PORT/~/${home##*/}/new"
	assert_done events verified true
	ferry_json events "sftp://$HOST:$SSHD_PORT/~/${home##*/}/new/one/a" got
	assert_done events verified true
}

@test "a stored file that is damaged is told" {
	damage_dst
	make_file src $((2 * MIB))
	touch -d '2011-11-11 11:11:11' src
	run ferry src "$sftp/dst"
	assert_failure 65
	assert_line "ferry: src: what is at $HOST is not what was sent, says\
 xxh128sum there"
	refute_output --partial verified
	# What is there already is asked for, too.
	run ferry --json --verify src "$sftp/dst"
	assert_failure 65
	assert_output --partial '"kind":"content"'
	assert_output --partial '"verified":false'
}

@test "a file that came damaged is told" {
	damage_dst
	make_file dst $((2 * MIB))
	run ferry "$sftp/dst" back
	assert_failure 65
	assert_output --partial "what is at $HOST is not what came"
}

# came_more_than BYTES: from the host, over all connections.
came_more_than()
{
	[ "$(awk '{ sum += $1 } END { print sum + 0 }' came)" -gt "$1" ]
}

@test "with --verify, sums replace reading back, where there is a shell" {
	host_has xxh128sum
	make_file src $((2 * MIB))
	# More than one MiB does not come back.
	cat >counting <<-END
		#!/bin/bash
		set -o pipefail
		ssh "\$@" | tee >(wc -c >>'$PWD/came')
	END
	chmod 755 counting
	ferry_json events --ssh "$PWD/counting" --verify src "$sftp/dst"
	assert_done events verified true
	wait_until 5 test -s came
	run ! came_more_than "$MIB"
	ferry_json events --ssh "$PWD/counting" --verify src "$sftp/dst"
	assert_done events verified true
	assert_done events files_skipped 1
	run ! came_more_than "$MIB"
	rm "$bin/xxh128sum"
	ferry_json events --ssh "$PWD/counting" --verify src "$sftp/dst"
	assert_done events verified true
	wait_until 5 came_more_than "$MIB"
}

# not_verified WHY
not_verified()
{
	rm -rf dst
	run ferry -v src "$sftp/dst"
	assert_success
	assert_output --partial 'stored, not verified'
	assert_output --partial "not verified: $1"
}

@test "no program, another program of that name, no shell, half a shell" {
	echo 1 >src
	host_has
	not_verified 'none of xxh128sum,'
	at_host xxh128sum <<<'cat >/dev/null; echo 99aa06d3014798d86001c324468d497f'
	not_verified 'xxh128sum there makes another sum'
	rm "$bin/xxh128sum"
	host_has xxh128sum
	at_host xargs <<<'head -c 1300 | /usr/bin/xargs "$@"'
	not_verified 'the shell there was lost'
	# A file that is not seen there.
	at_host xargs <<<'tr s z | /usr/bin/xargs "$@"'
	not_verified 'of 1 files the shell'
	# The answers to a hundred files, and to what fills batches.
	rm src
	mkdir src
	for name in {1..200}; do echo "$name" >"src/$name"; done
	at_host xargs <<-'END'
		perl -0 -ne 'last if !m,^/dev/null, && ++$n > 100; print' |
		    /usr/bin/xargs "$@"
	END
	not_verified 'the shell there was lost'
	assert_output --partial '100 of 200 files proven by xxh128sum'
	sshd_stop
	printf 'ForceCommand internal-sftp\n' >>"$SSHD_DIR/sshd_config"
	sshd_start
	not_verified 'no shell answers there'
	# Nobody hears why without -v.
	rm -r dst
	run ferry src "$sftp/dst"
	assert_equal "${#lines[@]}" 1
}

@test "log-in shells, after what their start-up files print" {
	local shell far=$BATS_TEST_TMPDIR/far

	mkdir "$far"
	# In place of the shell of whoever runs this.
	cat >"$BATS_TEST_TMPDIR/as" <<-'END'
		my ($far) = @ARGV;
		my $shell = `cat "$far.shell"`;
		chdir($ENV{HOME} = $far);
		delete @ENV{qw(SHLVL ZDOTDIR XDG_CONFIG_HOME BASH_ENV ENV)};
		syswrite(STDOUT, "noise\nno line") if
		    $ENV{SSH_ORIGINAL_COMMAND} =~ /xargs/;
		exec {$shell} $shell, '-c', $ENV{SSH_ORIGINAL_COMMAND};
	END
	sshd_stop
	sed -i "s,internal-sftp,/usr/lib/openssh/sftp-server," \
	    "$SSHD_DIR/sshd_config"
	echo "ForceCommand exec perl '$BATS_TEST_TMPDIR/as' '$far'" \
	    >>"$SSHD_DIR/sshd_config"
	sshd_start
	echo odd >$'-a b\'c"d$(touch made)`touch made`\n;touch made;\xff\\ !x*'
	for shell in csh fish zsh; do
		echo "with $shell:"
		rm -rf "$far/dst"
		printf %s "$(command -v $shell)" >"$far.shell"
		ferry --json ./-a* "sftp://$HOST:$SSHD_PORT/~/dst" >events
		assert_done events verified true
		cmp ./-a* "$far/dst"
	done
	assert_equal "$(find . "$far" -name made)" ''
}
