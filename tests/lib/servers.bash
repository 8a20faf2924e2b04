# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# SFTP servers of several makes on loopback, each as it comes.  After rig_setup
# of rig.bash:
#
#	server_start MAKE	instead of the rig's sshd: openssh (its program
#				sftp-server), chroot (its internal-sftp, which
#				sees FILES alone), dropbear, asyncssh, paramiko.
#				2: it is not to be had here; SERVER_WANTS says
#				what for
#	server_stop		and whatever it started
#
# Sets SERVER_FILES, the folder to work in, and SERVER_URL, which is that.
#
# shellcheck disable=SC2034,SC2154 # the tests read them; sshd.bash has it

server_library=${BASH_SOURCE[0]%/*}
SERVER_AS_ROOT=()
SERVER_PID=

# A program with a mount namespace of its own, in which FOLDER is at PLACE.
# server_bind FOLDER PLACE COMMAND...
server_bind()
{
	# shellcheck disable=SC2016 # the inner shell expands it
	local how=(unshare --mount)

	[ "$(id -u)" -eq 0 ] || [ "${#SERVER_AS_ROOT[@]}" -gt 0 ] ||
		how=(unshare --map-current-user --keep-caps --mount)
	# shellcheck disable=SC2016 # the inner shell expands it
	exec "${SERVER_AS_ROOT[@]}" "${how[@]}" sh -c '
		mount --bind "$1" "$2" && shift 2 && exec "$@"' bind "$@"
}

# server_wait PID FILE: until the server wrote it.
server_wait()
{
	while process_is_alive "$1" && [ ! -s "$2" ]; do sleep 0.02; done
	[ -s "$2" ]
}

# The port, and the key by which the host is known.
server_is_at()
{
	# shellcheck disable=SC2034 # ferry of ferry.bash reads it
	SSHD_PORT=$1
	printf '[127.0.0.1]:%s %s\n' "$1" "$2" >"$SSHD_KNOWN_HOSTS"
	SERVER_URL=sftp://$HOST:$1$SERVER_FILES
}

# ---- OpenSSH -----------------------------------------------------------------

server_openssh()
{
	local program

	for program in /usr/lib/openssh/sftp-server \
	    /usr/libexec/openssh/sftp-server /usr/libexec/sftp-server; do
		[ ! -x "$program" ] || break
	done
	sed -i "s,^Subsystem.*,Subsystem sftp $program," \
	    "$SSHD_DIR/sshd_config"
	sshd_start
	SERVER_URL=sftp://$HOST:$SSHD_PORT$SERVER_FILES
}

# All folders above must be root's, and no others' to write to, so the chroot
# is put at /mnt, for this sshd alone.
server_chroot()
{
	local root=$SERVER_FILES/root port

	if [ "$(id -u)" -ne 0 ]; then
		SERVER_WANTS='root, or sudo without a password'
		sudo -n true 2>/dev/null || return 2
		SERVER_AS_ROOT=(sudo -n)
	fi
	if ! "${SERVER_AS_ROOT[@]}" unshare --mount true 2>/dev/null; then
		SERVER_WANTS='a mount namespace'
		return 2
	fi
	mkdir -m 755 "$root" "$root/files"
	"${SERVER_AS_ROOT[@]}" chown 0 "$root"
	printf 'ChrootDirectory /mnt\nForceCommand internal-sftp\n' \
	    >>"$SSHD_DIR/sshd_config"
	SERVER_FILES=$root/files
	port=$((20000 + RANDOM % 12000))
	server_bind "$root" /mnt "$sshd_program" -D -p "$port" \
	    -f "$SSHD_DIR/sshd_config" -o "ListenAddress=127.0.0.1" \
	    -E "$SSHD_DIR/log" </dev/null >/dev/null 2>&1 3>&- &
	SERVER_PID=$!
	server_wait "$SERVER_PID" "$SSHD_DIR/sshd.pid" || return 1
	server_is_at "$port" "$(cut -d' ' -f1,2 "$SSHD_DIR/host_key.pub")"
	SERVER_URL=sftp://$HOST:$port/files
}

# ---- dropbear ----------------------------------------------------------------

# It looks for keys in the home folder that /etc/passwd says, so it sees
# another /etc/passwd.
server_dropbear()
{
	local home=$SSHD_DIR/home port program

	SERVER_WANTS='dropbear, a mount namespace, and this user in /etc/passwd'
	program=$(PATH=$PATH:/usr/sbin:/sbin command -v dropbear) || return 2
	(server_bind /etc/passwd /etc/passwd true) 2>/dev/null || return 2
	mkdir -m 700 "$home" "$home/.ssh"
	cp "$SSHD_DIR/authorized_keys" "$home/.ssh/"
	awk -F: -v OFS=: -v name="$(id -un)" -v home="$home" \
	    '$1 == name { $6 = home; found = 1 } 1
	    END { exit !found }' /etc/passwd >"$SSHD_DIR/passwd" || return 2
	dropbearkey -t ed25519 -f "$SSHD_DIR/dropbear_key" \
	    >"$SSHD_DIR/dropbear_key.pub" 2>/dev/null
	port=$((20000 + RANDOM % 12000))
	server_bind "$SSHD_DIR/passwd" /etc/passwd "$program" -F -E -s \
	    -p "127.0.0.1:$port" -r "$SSHD_DIR/dropbear_key" \
	    -P "$SSHD_DIR/dropbear.pid" </dev/null >"$SSHD_DIR/log" 2>&1 3>&- &
	SERVER_PID=$!
	server_wait "$SERVER_PID" "$SSHD_DIR/dropbear.pid" || return 1
	server_is_at "$port" "$(grep -o '^ssh-ed25519 [^ ]*' \
	    "$SSHD_DIR/dropbear_key.pub")"
}

# ---- Python ------------------------------------------------------------------

# server_python NAME
server_python()
{
	SERVER_WANTS="python3-$1"
	/usr/bin/python3 -c "import $1" 2>/dev/null || return 2
	/usr/bin/python3 -I "$server_library/../peer/sftp_$1.py" \
	    "$SSHD_DIR/host_key" "$SSHD_DIR/authorized_keys" \
	    "$SSHD_DIR/python.port" </dev/null >"$SSHD_DIR/log" 2>&1 3>&- &
	SERVER_PID=$!
	server_wait "$SERVER_PID" "$SSHD_DIR/python.port" || return 1
	server_is_at "$(cat "$SSHD_DIR/python.port")" \
	    "$(cut -d' ' -f1,2 "$SSHD_DIR/host_key.pub")"
}

# ---- all ---------------------------------------------------------------------

server_start()
{
	local result=0

	sshd_stop
	SERVER_FILES=$PWD SERVER_WANTS=
	case $1 in
	openssh | chroot | dropbear) "server_$1" ;;
	*) server_python "$1" ;;
	esac || result=$?
	[ -z "$SERVER_PID" ] || disown "$SERVER_PID"
	[ "$result" -ne 1 ] || cat "$SSHD_DIR/log" >&2
	return "$result"
}

# Those that a process started, and those that they did.
server_children()
{
	local pid

	for pid in $(pgrep -P "$1"); do
		server_children "$pid"
		echo "$pid"
	done
}

server_stop()
{
	local pids

	[ -n "$SERVER_PID" ] || return 0
	mapfile -t pids < <(server_children "$SERVER_PID")
	"${SERVER_AS_ROOT[@]}" kill -KILL "$SERVER_PID" "${pids[@]}" \
	    2>/dev/null || :
	SERVER_PID=
}
