# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A private sshd on loopback: own port, keys, configuration and folder.  Works
# as root and as a plain user.  One rig per shell:
#
#	sshd_make DIR [LINE...]	make keys and sshd_config in DIR (absolute,
#				made if missing); each LINE goes into it
#	sshd_start, sshd_stop	the listener; connections live on
#	sshd_restart		stop, cut connections, start on the same port
#	sshd_cut		end every connection with SIGKILL
#	sshd_agents		pids of the programs that sshd started
#	sshd_ferries		those of them that are ferry
#	sshd_remove		stop and cut; DIR is the caller's
#
# SSHD_PREFIX is a command to start it with (as_plain of ferry.bash), and
# SSHD_ADDRESS what it listens on; both count when it is started.
# After sshd_make, SSHD_DIR, SSHD_PORT, SSHD_KEY, SSHD_KNOWN_HOSTS are set.

SSHD_PREFIX=()
SSHD_ADDRESS=127.0.0.1
sshd_program=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd || :)

# An account that /etc/shadow locks with "!" may log in by key under PAM only.
sshd_needs_pam()
{
	[ "$(id -u)" -eq 0 ] && command -v getent >/dev/null &&
	    [[ $(getent shadow "$(id -un)") == *:!* ]]
}

# A zombie that nobody waits for is as dead as can be.
process_is_alive()
{
	local state

	state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null)
	[ -n "$state" ] && [ "$state" != Z ]
}

# Nothing, if there is no such process.
process_parent()
{
	sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null
}

# What the far side's programs are told: a mark to find them by, a state
# folder of their own, and the sanitizers' options.  With SHLVL, bash does not
# take itself for a log-in, and runs no start-up files of this user.
sshd_environment()
{
	local name

	printf 'SetEnv SHLVL=1 FERRY_RIG=%s XDG_STATE_HOME=%s' \
	    "$SSHD_DIR" "$SSHD_DIR/state"
	for name in ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS; do
		[ -z "${!name-}" ] || printf ' "%s=%s"' "$name" "${!name}"
	done
	echo
}

sshd_make()
{
	SSHD_DIR=$1
	SSHD_PORT=
	SSHD_PID=
	SSHD_KEY=$SSHD_DIR/id_ed25519
	SSHD_KNOWN_HOSTS=$SSHD_DIR/known_hosts
	shift
	if [ -z "$sshd_program" ]; then
		echo "sshd is not installed" >&2
		return 1
	fi
	mkdir -p "$SSHD_DIR/state" && chmod 700 "$SSHD_DIR" || return 1
	# sshd started by root wants this folder, which a boot would make.
	if [ "$(id -u)" -eq 0 ] && [ ! -d /run/sshd ]; then
		# Another test may be first.
		mkdir -m 755 /run/sshd 2>/dev/null || [ -d /run/sshd ] ||
		    return 1
	fi
	ssh-keygen -q -t ed25519 -N '' -C host -f "$SSHD_DIR/host_key" &&
	    ssh-keygen -q -t ed25519 -N '' -C client -f "$SSHD_KEY" || return 1
	cp "$SSHD_KEY.pub" "$SSHD_DIR/authorized_keys"
	{
		printf '%s\n' "$@"
		echo "HostKey $SSHD_DIR/host_key"
		echo "AuthorizedKeysFile $SSHD_DIR/authorized_keys"
		echo "PidFile $SSHD_DIR/sshd.pid"
		echo "StrictModes no"
		echo "PermitRootLogin yes"
		echo "PasswordAuthentication no"
		echo "KbdInteractiveAuthentication no"
		echo "MaxStartups 100"
		echo "PrintMotd no"
		echo "LogLevel VERBOSE"
		echo "Subsystem sftp internal-sftp"
		if sshd_needs_pam; then echo "UsePAM yes"; else
			echo "UsePAM no"
		fi
		sshd_environment
	} >"$SSHD_DIR/sshd_config"
}

# Start on SSHD_PORT, or else on a port that turns out to be free.
sshd_start()
{
	local try port

	for try in {1..50}; do
		port=${SSHD_PORT:-$((20000 + RANDOM % 12000))}
		rm -f "$SSHD_DIR/sshd.pid"
		# 3 is bats' own; a daemon that holds it hangs the run.
		"${SSHD_PREFIX[@]}" "$sshd_program" -D \
		    -f "$SSHD_DIR/sshd_config" -p "$port" \
		    -o "ListenAddress=$SSHD_ADDRESS" \
		    -E "$SSHD_DIR/log" </dev/null >/dev/null 2>&1 3>&- &
		SSHD_PID=$!
		disown "$SSHD_PID"
		while process_is_alive "$SSHD_PID"; do
			if [ -s "$SSHD_DIR/sshd.pid" ]; then
				SSHD_PORT=$port
				printf '[%s]:%s %s\n' "$SSHD_ADDRESS" "$port" \
				    "$(cut -d' ' -f1,2 "$SSHD_DIR/host_key.pub")" \
				    >"$SSHD_KNOWN_HOSTS"
				return 0
			fi
			sleep 0.02
		done
		[ -z "$SSHD_PORT" ] || sleep 0.1
	done
	echo "sshd does not start after $try tries:" >&2
	tail -n 5 "$SSHD_DIR/log" >&2
	return 1
}

sshd_stop()
{
	[ -n "${SSHD_PID-}" ] || return 0
	kill "$SSHD_PID" 2>/dev/null
	while process_is_alive "$SSHD_PID"; do sleep 0.02; done
	SSHD_PID=
}

# The processes that carry the mark of this rig.
sshd_agents()
{
	grep -lzsxF "FERRY_RIG=$SSHD_DIR" /proc/[0-9]*/environ |
	    sed 's,^/proc/,,; s,/.*,,'
}

sshd_ferries()
{
	local pid

	for pid in $(sshd_agents); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != ferry ] ||
			echo "$pid"
	done
}

# sshd's own processes: those that serve a connection name the configuration
# nowhere, so they are found as ancestors of what they started, and as
# children of the listener.
sshd_connections()
{
	local pid parent

	[ -z "${SSHD_PID-}" ] || pgrep -P "$SSHD_PID" || :
	for pid in $(sshd_agents); do
		parent=$(process_parent "$pid")
		while [ -n "$parent" ] && [ "$parent" -gt 1 ] &&
		    [ "$parent" != "${SSHD_PID-}" ] &&
		    [ "$(cat "/proc/$parent/comm" 2>/dev/null)" = sshd ]; do
			echo "$parent"
			parent=$(process_parent "$parent")
		done
	done
}

sshd_cut()
{
	local pids

	mapfile -t pids < <(sshd_connections | sort -u)
	[ "${#pids[@]}" -eq 0 ] || kill -KILL "${pids[@]}" 2>/dev/null || :
}

sshd_restart()
{
	sshd_cut
	sshd_stop
	sshd_cut
	sshd_start
}

sshd_remove()
{
	local pids

	[ -n "${SSHD_DIR-}" ] || return 0
	sshd_cut
	sshd_stop
	mapfile -t pids < <(sshd_agents)
	[ "${#pids[@]}" -eq 0 ] || kill -KILL "${pids[@]}" 2>/dev/null || :
}
