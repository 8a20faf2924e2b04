# shellcheck shell=bash disable=SC2034,SC2154 # of the others
# SPDX-License-Identifier: BSD-2-Clause
#
# What is measured where the far end has an SFTP server, and nothing else.

# From here on: the server that runs is started anew.
sftp_only()
{
	sshd_stop
	echo 'ForceCommand internal-sftp' >>"$SSHD_DIR/sshd_config"
	sshd_start
	set_connection
}

# The server runs commands again.
sftp_too()
{
	sshd_stop
	sed -i '/^ForceCommand/d' "$SSHD_DIR/sshd_config"
	sshd_start
}

bench_sftp()
{
	local size count name

	sftp_only
	size=$(size_of 1024)
	make_file "$work/large" "$size"
	contest sftp_push "push $(size_name "$size"), SFTP only, loopback" push \
	    "$work/large" ferry_sftp sftp rclone
	bound sftp_push ferry_sftp sftp seconds 0.80
	contest sftp_pull "pull $(size_name "$size"), SFTP only, loopback" pull \
	    "$work/large" ferry_sftp sftp rclone
	bound sftp_pull ferry_sftp sftp seconds 0.80
	rm "$work/large"
	count=$((20000 / shrink))
	name=$(count_name "$count")
	make_small "$work/small" "$count"
	contest sftp_small "push $name files, SFTP only, loopback" push \
	    "$work/small" ferry_sftp scp rclone
	bound sftp_small ferry_sftp scp seconds 0.60
	rm -r "$work/small"
	sftp_too
}

bench_sftp_line()
{
	local size

	on_line 200 100
	sftp_only
	size=$(size_of 256)
	make_file "$work/large" "$size"
	contest sftp_line \
	    "push $(size_name "$size"), SFTP only, 200 Mbit/s, 100 ms" push \
	    "$work/large" ferry_sftp sftp rclone iperf
	bound sftp_line ferry_sftp sftp seconds 0.60
	rm "$work/large"
	sftp_too
}
