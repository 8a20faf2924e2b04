# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A long line on this machine, with an sshd at its far end.  sshd.bash must have
# been sourced; WAN is the program tests/wan/wan.c, whose head explains options.
#
#	wan_is_possible		or else why not is in WAN_WHY
#	wan_start FILE OPTION...
#				the line; what it carried goes to FILE at the end
#	wan_near COMMAND...	run it at this end
#	wan_far COMMAND...	run it at the far end
#	wan_sshd		sshd_start at the far end, after sshd_make
#	wan_stop		ends the line; stop first what runs on it
#
# After wan_start: WAN_NEAR and WAN_FAR, commands to put before another.

WAN_ADDRESS=10.0.0.2
WAN_NEAR=()
WAN_FAR=()

# shellcheck disable=SC2034 # the caller reads WAN_WHY
wan_is_possible()
{
	if [ ! -x "${WAN-}" ]; then
		WAN_WHY="the program tests/wan/wan is not built"
	elif ! command -v nsenter >/dev/null; then
		WAN_WHY="there is no nsenter"
	else
		WAN_WHY=$("$WAN" -n 2>&1)
		return
	fi
	return 1
}

wan_start()
{
	local places

	WAN_FILE=$1
	shift
	rm -f "$WAN_FILE"
	"$WAN" "$@" </dev/null >"$WAN_FILE" 2>"$WAN_FILE.errors" 3>&- &
	WAN_PID=$!
	disown "$WAN_PID"
	until [ -s "$WAN_FILE" ]; do
		if ! process_is_alive "$WAN_PID"; then
			cat "$WAN_FILE.errors" >&2
			return 1
		fi
		sleep 0.02
	done
	read -ra places <"$WAN_FILE"
	WAN_NEAR=(nsenter "--net=${places[0]}" --)
	WAN_FAR=(nsenter "--net=${places[1]}" --)
}

wan_near()
{
	"${WAN_NEAR[@]}" "$@"
}

wan_far()
{
	"${WAN_FAR[@]}" "$@"
}

# shellcheck disable=SC2034 # sshd.bash reads them
wan_sshd()
{
	SSHD_PREFIX=("${WAN_FAR[@]}")
	SSHD_ADDRESS=$WAN_ADDRESS
	sshd_start
}

wan_stop()
{
	[ -n "${WAN_PID-}" ] || return 0
	kill "$WAN_PID" 2>/dev/null || :
	while process_is_alive "$WAN_PID"; do sleep 0.02; done
	WAN_PID=
}

# wan_count up|down packets|bytes|lost|full: after wan_stop.
wan_count()
{
	awk -v way="$1" -v what="$2" '$1 == way {
		for (i = 2; i < NF; i += 2) if ($i == what) print $(i + 1)
	}' "$WAN_FILE"
}
