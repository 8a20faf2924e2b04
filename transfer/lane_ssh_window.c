/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much may a server send on a channel before it hears that we read it?
 * As much as is on its way in a round trip, the bandwidth-delay product, or it
 * has to wait; but no more, for libssh2 keeps unread packets in a list that it
 * searches from the front: with 64 MiB of window it reads half as fast as with
 * 2 MiB.
 *
 * The window is measured: bytes read in PERIOD times the smoothed round-trip
 * time that the kernel has of the connection (TCP_INFO), twice that, so that a
 * line that the window holds back shows more each time.
 */
#include "transfer/lane_ssh_internal.h"
#include "transfer/tcp.h"

#define PERIOD     (LANE_SSH_SECOND / 4)
#define WINDOW_MAX ((uint64_t)16 << 20)

uint64_t lane_ssh_window_for(uint64_t bytes, uint64_t nanoseconds,
			     uint64_t round_trip_microseconds)
{
	uint64_t milliseconds = nanoseconds / 1000000 + 1;
	uint64_t product =
	    bytes / milliseconds * round_trip_microseconds / 1000;

	return 2 * product < WINDOW_MAX ? 2 * product : WINDOW_MAX;
}

/* Tell the server that more may come, once a quarter of it has. */
static void refill(struct lane_ssh *lane)
{
	uint64_t wanted = lane->window.wanted;
	unsigned long left;
	unsigned now;

	if (wanted <= SSH_RECEIVE_WINDOW)
		return; /* libssh2 does it by itself */
	left = libssh2_channel_window_read_ex(lane->channel, NULL, NULL);
	if (left <= wanted / 4 * 3)
		libssh2_channel_receive_window_adjust2(lane->channel,
						       wanted - left, 1, &now);
}

void lane_ssh_window_read(struct lane_ssh *lane, size_t bytes)
{
	struct lane_ssh_window *window = &lane->window;
	uint64_t now = tcp_clock(), age = now - window->since;

	window->bytes += bytes;
	if (age >= PERIOD) {
		uint64_t wanted = lane_ssh_window_for(
		    window->bytes, age,
		    ssh_socket_round_trip(
			ssh_connection_socket(lane->connection)));

		if (wanted > window->wanted)
			window->wanted = wanted;
		window->since = now;
		window->bytes = 0;
	}
	refill(lane);
}
