# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Calling the ferry under test, and trees and files for it to copy.
#
# FERRY is the program (absolute), here and on the far side; the rig of
# sshd.bash is what it talks to.  HOST is that rig's host, for HOST:PATH.

# shellcheck disable=SC2034
HOST=127.0.0.1
MIB=1048576

# A command to start it with, as PLAIN below.
FERRY_PREFIX=()

# Where this end keeps its state: never the user's own.
ferry_state_in()
{
	export XDG_STATE_HOME=$1
	export FERRY_REMOTE=${FERRY_REMOTE:-$FERRY}
	unset SSH_AUTH_SOCK
}

# ferry [SUBCOMMAND] ARGS...: with the rig's connection options.
ferry()
{
	local options=() subcommand=()

	case ${1-} in
	copy | verify | resume)
		subcommand=("$1")
		shift
		;;
	manifest | status | serve)
		"$FERRY" "$@"
		return
		;;
	esac
	if [ -n "${SSHD_PORT-}" ]; then
		options=(-F none -P "$SSHD_PORT" -i "$SSHD_KEY"
		    -o "UserKnownHostsFile=$SSHD_KNOWN_HOSTS")
	fi
	"${ferry_how[@]}" "${FERRY_PREFIX[@]}" "$FERRY" "${subcommand[@]}" \
	    "${options[@]}" "$@"
}

# ferry_start ARGS...: in the background; FERRY_PID is ferry's own.
ferry_how=()
ferry_start()
{
	(
		ferry_how=(exec)
		ferry "$@"
	) &
	FERRY_PID=$!
}

# Root ignores permissions by two capabilities; without them it is a plain user
# to its own files.  Set in PLAIN, empty where it is not needed.
PLAIN=()
if [ "$(id -u)" -eq 0 ]; then
	# shellcheck disable=SC2054 # the comma is setpriv's
	PLAIN=(setpriv --bounding-set=-dac_override,-dac_read_search --)
fi

plain_is_possible()
{
	[ "${#PLAIN[@]}" -eq 0 ] || "${PLAIN[@]}" true 2>/dev/null
}

# ferry_json FILE ARGS...: events to FILE; the exit status of ferry.
ferry_json()
{
	local events=$1

	shift
	ferry --json "$@" >"$events"
}

# done_field FILE NAME: of the last event, which must be "done".
done_field()
{
	tail -n 1 "$1" | jq -er --arg name "$2" \
	    'if .event == "done" then .[$name] else error("not done") end'
}

# make_file PATH BYTES: random content.
make_file()
{
	head -c "$2" /dev/urandom >"$1"
}

# flip_byte PATH OFFSET: damage one byte; size stays, mtime is put back.
flip_byte()
{
	local byte stamp

	stamp=$(stat -c %.9Y "$1")
	byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
	# shellcheck disable=SC2059 # the format is the byte
	printf "\\x$(printf %02x $((byte ^ 255)))" |
	    dd of="$1" bs=1 seek="$2" conv=notrunc status=none
	touch -d "@$stamp" "$1"
}

# make_tree DIR: everything that a tree can hold, about 12 MiB.
make_tree()
{
	local size name number=0

	mkdir -p "$1/deep/er/est" "$1/empty" "$1/deep/empty too"
	for size in 0 1 $((MIB - 1)) $MIB $((MIB + 1)) $((3 * MIB + 7)); do
		make_file "$1/size-$size" "$size"
	done
	for name in 'a b' ' lead' 'trail ' -rf '*' 'a:b' 'c\d' "q'uote" 'd"ouble' \
	    $'new\nline' $'tab\t' $'bell\a' $'\xff\xfe' 'ünïcode' '~' '...' \
	    "$(printf '%0255d' 0)"; do
		number=$((number + 1))
		make_file "$1/deep/$name" "$((number * 100))"
	done
	for number in {1..100}; do
		make_file "$1/deep/er/$number" "$number"
	done
	make_file "$1/deep/er/est/file" $((2 * MIB))
	ln -s ../size-1 "$1/deep/link"
	ln -s deep "$1/link to folder"
	ln -s /nonexistent/target "$1/dangling"
	ln -s $'odd\n\xff' "$1/odd link"
	chmod 755 "$1/size-1"
	chmod 400 "$1/size-0"
	chmod 600 "$1/deep/a b"
	chmod 700 "$1/deep/er"
	touch -d '2001-02-03 04:05:06.123456789 UTC' "$1/size-1"
	touch -d '1969-12-31 23:59:58.999999999 UTC' "$1/deep/a b"
	touch -h -d '2010-01-01 00:00:00.000000001 UTC' "$1/dangling"
	touch -d '2011-11-11 11:11:11.111111111 UTC' "$1/deep/er/est" \
	    "$1/empty" "$1"
}

# tree_listing DIR: type, mode, mtime, link target and content of all in it.
tree_listing()
(
	cd "$1" || exit 1
	find . \( -type d -printf '%p d %m %T@\0' \) -o \
	    -printf '%p %y %m %s %T@ %l\0' | LC_ALL=C sort -z | tr '\0' '\n'
	find . -type f -print0 | LC_ALL=C sort -z | xargs -0r xxh128sum --
)

# same_trees A B: prints the difference; 1 if there is one.
same_trees()
{
	diff <(tree_listing "$1") <(tree_listing "$2")
}

# wait_until SECONDS COMMAND...: 1 if it does not come true in time.
wait_until()
{
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# gate_make PATH up|down BYTES: a program for --remote-ferry that passes so many
# bytes to the far end (up) or from it (down), and the rest only when PATH.open
# is there.  PATH.shut is made when it waits.
gate_make()
{
	local up=cat down=cat

	case $2 in
	up) up="perl '$1.pass' $3 '$1'" ;;
	down) down="perl '$1.pass' $3 '$1'" ;;
	esac
	printf '#!/bin/sh\n%s | "%s" "$@" | %s\n' "$up" "$FERRY" "$down" >"$1"
	chmod 755 "$1"
	cat >"$1.pass" <<-'END'
		my ($left, $gate) = @ARGV;
		while ($left > 0) {
			my $wanted = $left < 65536 ? $left : 65536;
			my $count = sysread(STDIN, my $bytes, $wanted) || exit;
			my $done = 0;
			while ($done < $count) {
				$done += syswrite(STDOUT, $bytes,
				    $count - $done, $done) || exit;
			}
			$left -= $count;
		}
		open(my $shut, '>', "$gate.shut");
		select(undef, undef, undef, 0.02) until -e "$gate.open";
		exec('cat');
	END
}

# ssh_gate_make PATH up|down BYTES: the same for --ssh.  What came before ferry was
# killed is passed all the same; PATH.pid is ssh's.
ssh_gate_make()
{
	local pass="exec perl '$1.pass' $3 '$1'"

	gate_make "$1" "$2" "$3"
	case $2 in
	up) pass="exec 3<&0; exec ssh \"\$@\" < <($pass <&3)" ;;
	down) pass="exec 3>&1; exec ssh \"\$@\" > >($pass >&3)" ;;
	esac
	cat >"$1" <<-END
		#!/bin/bash
		echo \$\$ >'$1.pid'
		case " \$* " in *' -G '*) exec ssh "\$@" ;; esac
		$pass
	END
}

# staged_bytes FOLDER: what is on disk of staged files in FOLDER/.ferry.
staged_bytes()
{
	local kib

	kib=$(du -sk "$1/.ferry" 2>/dev/null | cut -f1)
	echo $((${kib:-0} * 1024))
}

# has_staged FOLDER BYTES
has_staged()
{
	[ "$(staged_bytes "$1")" -ge "$2" ]
}
