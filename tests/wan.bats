#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: the line that benchmarks are run over leads from one end to the other,
# is as long as was asked for, and is gone when it is stopped.  Exact figures
# are those of test_link.
#
# shellcheck disable=SC2154 # the rig sets these

load lib/rig
load lib/wan

setup()
{
	WAN=${FERRY%/*}/tests/wan/wan
	assert [ -x "$WAN" ]
	wan_is_possible || skip "$WAN_WHY"
	rig_setup
}

teardown()
{
	if [ -n "${work-}" ]; then rig_teardown; fi
	wan_stop
}

# The rig's sshd, at the far end of a line.
line()
{
	sshd_stop
	wan_start "$work/counts" "$@"
	wan_sshd
	HOST=$WAN_ADDRESS
	# shellcheck disable=SC2034 # ferry.bash reads it
	FERRY_PREFIX=("${WAN_NEAR[@]}")
}

# datagrams N: so many, of 1,000 bytes, to the far end.
datagrams()
{
	# shellcheck disable=SC2016 # they are perl's
	wan_near perl -MIO::Socket::INET -e '
	my $socket = IO::Socket::INET->new(Proto => "udp",
	    PeerAddr => $ARGV[1], PeerPort => 9) or die;
	for (1 .. $ARGV[0]) {
		# An answer that there is nobody fails the next one.
		defined($socket->send("x" x 972)) or
		    $socket->send("x" x 972);
	}' "$1" "$WAN_ADDRESS"
}

@test "a tree goes over a line that loses packets, and comes back" {
	line -r 100000000 -d 5 -l 5000
	make_tree src
	ferry -q src "$HOST:$work/there/"
	assert_same_trees src there/src
	ferry -q "$HOST:$work/there/src" back/
	assert_same_trees src back/src
	sshd_stop
	wan_stop
	[ "$(wan_count up lost)" -gt 0 ]
	[ "$(wan_count down lost)" -gt 0 ]
	assert [ "$(wan_count up bytes)" -gt $((8 * MIB)) ]
}

@test "the other end is a round trip away, and nowhere else" {
	line -d 150
	# A connection that is refused takes one round trip.
	# shellcheck disable=SC2016 # they are perl's
	run wan_near perl -MIO::Socket::INET -MTime::HiRes=time -e '
	my $begin = time;
	IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => 9) and die;
	print time - $begin >= 0.3 ? "far" : "near", " ", !!$!{ECONNREFUSED};
	' "$WAN_ADDRESS"
	assert_output 'far 1'
	run ! wan_near ssh-keyscan -T 1 -p "$SSHD_PORT" 127.0.0.1
	run ! ssh-keyscan -T 1 -p "$SSHD_PORT" "$WAN_ADDRESS"
}

@test "what is lost follows from the seed" {
	local seed lost=()

	for seed in 1 1 2; do
		wan_start counts -l 100000 -s $seed
		datagrams 1000
		wait_until 20 carried 1000
		wan_stop
		[ "$(wan_count up full)" -eq 0 ]
		lost+=("$(wan_count up lost)")
	done
	assert_equal "${lost[0]}" "${lost[1]}"
	[ "${lost[0]}" -gt 50 ] && [ "${lost[0]}" -lt 150 ]
}

# Whether the near device has sent so many packets, as its kernel counts.
carried()
{
	# shellcheck disable=SC2016 # they are awk's
	[ "$(wan_near awk '/wan:/ { print $11 }' /proc/net/dev)" -ge "$1" ]
}

@test "nothing is left when the line is stopped" {
	local near far place

	line -d 1
	near=$(wan_near readlink /proc/self/ns/net)
	far=$(wan_far readlink /proc/self/ns/net)
	[ "$near" != "$far" ]
	[ "$near" != "$(readlink /proc/self/ns/net)" ]
	sshd_stop
	wan_stop
	for place in /proc/[0-9]*/ns/net; do
		place=$(readlink "$place") || continue
		[ "$place" != "$near" ] && [ "$place" != "$far" ]
	done
}

@test "what cannot be is refused" {
	local options

	for options in -r -r-1 '-d 1x' '-l' '-q 2147483648' '-r 1 more'; do
		# shellcheck disable=SC2086 # some are two words
		run -1 "$WAN" $options
		assert_output --partial usage:
	done
	run -77 setpriv --bounding-set=-sys_admin -- "$WAN"
	assert_output --partial 'a network namespace'
}
