# shellcheck shell=bash disable=SC2034,SC2154 # of the others
# SPDX-License-Identifier: BSD-2-Clause
#
# How each program is called.  by_NAME push|pull SRC DST copies SRC, a file or a
# folder, into the folder DST; the far end is HOST.  None is given an option that
# slows it, and none reads the user's own configuration of ssh.
#
# NEAR is what goes before a program that connects: it is wan_near's, or empty.

NEAR=()

# After sshd_start: ssh_options, without the port, which has many letters.
set_connection()
{
	ssh_options=(-F none -i "$SSHD_KEY" -o BatchMode=yes
	    -o "UserKnownHostsFile=$SSHD_KNOWN_HOSTS")
	ferry_options=(-q -P "$SSHD_PORT" -i "$SSHD_KEY"
	    -o "UserKnownHostsFile=$SSHD_KNOWN_HOSTS")
	rclone_options=(--config '' --sftp-host "$HOST"
	    --sftp-port "$SSHD_PORT" --sftp-user "$(id -un)"
	    --sftp-key-file "$SSHD_KEY"
	    --sftp-known-hosts-file "$SSHD_KNOWN_HOSTS")
	gcm=(-c aes128-gcm@openssh.com)
}

# Where SRC and DST are: $from and $to go before them.
set_way()
{
	from='' to=''
	case $1 in
	push) to=$2 ;;
	pull) from=$2 ;;
	esac
}

# Each run_NAME takes options behind push|pull SRC DST.
run_ferry()
{
	local source=$2 target=$3 from to

	set_way "$1" "$HOST:"
	shift 3
	"${NEAR[@]}" "$FERRY" "${ferry_options[@]}" "$@" "$from$source" \
	    "$to$target/"
}

by_ferry()
{
	run_ferry "$@"
}

by_ferry_libssh2()
{
	run_ferry "$@" --transport=libssh2
}

# The same over SFTP.
by_ferry_sftp()
{
	local source=$2 target=$3 from to

	set_way "$1" "sftp://$HOST:$SSHD_PORT"
	"${NEAR[@]}" "$FERRY" "${ferry_options[@]}" "$from$source" \
	    "$to$target/"
}

by_sftp()
{
	case $1 in
	push) echo "put $2 $3/" ;;
	pull) echo "get $2 $3/" ;;
	esac >"$work/sftp_batch"
	"${NEAR[@]}" sftp -q -P "$SSHD_PORT" "${ssh_options[@]}" \
	    -b "$work/sftp_batch" "$HOST" >/dev/null
}

run_scp()
{
	local source=$2 target=$3 from to

	set_way "$1" "$HOST:"
	shift 3
	"${NEAR[@]}" scp -q -r -P "$SSHD_PORT" "${ssh_options[@]}" "$@" \
	    "$from$source" "$to$target/"
}

by_scp()
{
	run_scp "$@"
}

by_scp_gcm()
{
	run_scp "$@" "${gcm[@]}"
}

by_scp_compressed()
{
	run_scp "$@" -C
}

run_rsync()
{
	local source=$2 target=$3 from to

	set_way "$1" "$HOST:"
	shift 3
	"${NEAR[@]}" rsync "$@" -e "ssh -p $SSHD_PORT ${ssh_options[*]}" \
	    "$from$source" "$to$target/"
}

by_rsync()
{
	run_rsync "$@" -a
}

by_rsync_compressed()
{
	run_rsync "$@" -az
}

run_tar()
{
	local way=$1 unpack="tar -C '$3' -xf -" ssh
	local pack="tar -C '${2%/*}' -cf - '${2##*/}'"

	shift 3
	ssh=("${NEAR[@]}" ssh -p "$SSHD_PORT" "${ssh_options[@]}" "$@" "$HOST")
	case $way in
	push) sh -c "$pack" | "${ssh[@]}" "$unpack" ;;
	pull) "${ssh[@]}" "$pack" | sh -c "$unpack" ;;
	esac
}

by_tar()
{
	run_tar "$@"
}

by_tar_gcm()
{
	run_tar "$@" "${gcm[@]}"
}

# It reads an ssh_config alone for the file of known hosts.
run_mscp()
{
	local source=$2 target=$3 from to

	set_way "$1" "$HOST:"
	shift 3
	echo "UserKnownHostsFile $SSHD_KNOWN_HOSTS" >"$work/mscp_config"
	"${NEAR[@]}" mscp -q -P "$SSHD_PORT" -i "$SSHD_KEY" \
	    -F "$work/mscp_config" "$@" "$from$source" "$to$target/"
}

by_mscp()
{
	run_mscp "$@"
}

# What its manual advises for long lines, without -m, which takes 16 processors.
by_mscp_many()
{
	run_mscp "$@" -n 64 -a 64 "${gcm[@]}"
}

# It copies what is in a folder, and not the folder.  It would start md5sum there
# for each file, which none of the others does.
by_rclone()
{
	local from to folder=

	set_way "$1" :sftp:
	[ ! -d "$2" ] || folder=/${2##*/}
	"${NEAR[@]}" rclone copy "${rclone_options[@]}" \
	    --sftp-disable-hashcheck "$from$2" \
	    "$to$3$folder"
}

# ---- which there are ----

ferry_has()
{
	"$FERRY" --help | grep -e "$1" >/dev/null
}

# tool_is_there NAME: it can be run, and FERRY_BENCH_OTHERS wants it.
tool_is_there()
{
	case $1 in
	ferry | ferry_sftp | iperf) return 0 ;;
	ferry_libssh2) ferry_has --transport; return ;;
	esac
	[[ " ${FERRY_BENCH_OTHERS-$1} " = *" $1 "* ]] &&
	    command -v "${1%%_*}" >/dev/null
}

# The name in figures.
tool_name()
{
	case $1 in
	ferry_libssh2) echo 'ferry --transport=libssh2' ;;
	ferry_sftp) echo 'ferry sftp://' ;;
	scp_gcm) echo 'scp -c aes128-gcm' ;;
	scp_compressed) echo 'scp -C' ;;
	rsync) echo 'rsync -a' ;;
	rsync_compressed) echo 'rsync -az' ;;
	tar) echo 'tar over ssh' ;;
	tar_gcm) echo 'tar over ssh -c aes128-gcm' ;;
	mscp_many) echo 'mscp -n 64 -c aes128-gcm' ;;
	rclone) echo 'rclone copy' ;;
	iperf) echo 'iperf3 -P 8' ;;
	*) echo "$1" ;;
	esac
}

# How it is called, without what only says where the server is.
tool_command()
{
	local scp='scp -q -r' tar='tar -cf - SRC | ssh' untar='HOST tar -xf -'

	case $1 in
	ferry) echo 'ferry -q SRC HOST:DST/' ;;
	ferry_libssh2) echo 'ferry -q --transport=libssh2 SRC HOST:DST/' ;;
	ferry_sftp) echo 'ferry -q SRC sftp://HOST/DST/' ;;
	sftp) echo 'sftp -q -b (put SRC DST/) HOST' ;;
	scp) echo "$scp SRC HOST:DST/" ;;
	scp_gcm) echo "$scp -c aes128-gcm@openssh.com SRC HOST:DST/" ;;
	scp_compressed) echo "$scp -C SRC HOST:DST/" ;;
	rsync) echo 'rsync -a -e ssh SRC HOST:DST/' ;;
	rsync_compressed) echo 'rsync -az -e ssh SRC HOST:DST/' ;;
	tar) echo "$tar $untar" ;;
	tar_gcm) echo "$tar -c aes128-gcm@openssh.com $untar" ;;
	mscp) echo 'mscp -q SRC HOST:DST/' ;;
	mscp_many)
		echo 'mscp -q -n 64 -a 64 -c aes128-gcm@openssh.com SRC HOST:DST/'
		;;
	rclone) echo 'rclone copy --sftp-disable-hashcheck SRC :sftp:DST' ;;
	iperf) echo 'iperf3 -c HOST -P 8, what arrived' ;;
	esac
}

# The versions of all that are installed, one a line.
tool_versions()
{
	"$FERRY" --version | sed -n 1p
	ssh -V 2>&1
	rsync --version | sed -n '1s/  */ /gp'
	tar --version | sed -n 1p
	! command -v mscp >/dev/null || mscp -h 2>&1 | sed -n 1p
	! command -v rclone >/dev/null || rclone --version | sed -n 1p
	! command -v iperf3 >/dev/null || iperf3 --version | sed -n 1p
}
