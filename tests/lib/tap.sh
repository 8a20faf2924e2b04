# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Steps of a check, each with a log; one TAP line a step on stdout, and at the
# end one line that sums these and all TAP lines in the logs.
#
#	tap_begin DIR		logs go to DIR, which is emptied
#	tap_step NAME COMMAND...	run it (errexit on) into DIR/NAME.log
#	tap_skip NAME WHY
#	tap_sum			"N passed, N failed, N skipped"; 1 if any failed
#
# Steps may run in two shells at once: each line is one write.

tap_begin()
{
	TAP_DIR=$1
	rm -rf "$TAP_DIR"
	mkdir -p "$TAP_DIR"
	: >"$TAP_DIR/steps"
}

tap_line()
{
	printf '%s\n' "$*" | tee -a "$TAP_DIR/steps"
}

# The failures in a log, each with what follows it.  cmocka says of what is
# skipped that it is "not ok N # SKIP".
tap_failures()
{
	LC_ALL=C awk '
	/^not ok( |$)/ && tolower($0) !~ /# skip/ { left = 13 }
	left-- > 0' "$1" | tr -d '\000'
}

# What somebody who sees the failure wants to read first.
tap_show()
{
	if [ -n "$(tap_failures "$1")" ]; then
		tap_failures "$1" | head -n 60
	else
		tail -n 25 "$1"
	fi | sed 's/^/# /'
}

tap_step()
{
	local name=$1 begin=$SECONDS status log

	shift
	log=$TAP_DIR/$name.log
	# Not in a condition: there errexit would be ignored.
	set +e
	(
		set -e
		"$@"
	) >"$log" 2>&1 </dev/null
	status=$?
	set -e
	if [ "$status" -eq 0 ] && [ -z "$(tap_failures "$log")" ]; then
		tap_line "ok - $name ($((SECONDS - begin)) s)"
	else
		tap_line "not ok - $name (exit $status," \
		    "$((SECONDS - begin)) s, $log)"
		tap_show "$log"
	fi
}

tap_skip()
{
	tap_line "ok - $1 # SKIP $2"
}

# Logs may hold bytes that are no text in any locale.
tap_sum()
{
	LC_ALL=C awk '
	/^(not )?ok( |$)/ {
		if (tolower($0) ~ /# skip/) skipped++
		else if (/^ok/) passed++
		else failed++
	}
	END {
		printf "%d passed, %d failed, %d skipped\n",
		    passed, failed, skipped
		exit failed > 0
	}' "$TAP_DIR/steps" "$TAP_DIR"/*.log
}
