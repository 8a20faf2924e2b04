/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_WAN_LINK_H
#define FERRY_TESTS_WAN_LINK_H

#include <stddef.h>
#include <stdint.h>

/*
 * One direction of a line.  What is put in waits in a queue for its turn,
 * leaves at the line's rate, may be lost on the way, and comes out after the
 * delay.  No clock and no descriptor: the caller says what time it is, in
 * nanoseconds that never go back.
 */
struct link;

/* Never comes. */
#define LINK_NEVER UINT64_MAX

struct link_shape {
	uint64_t rate;  /* bits of IP a second; 0: no limit */
	uint64_t delay; /* nanoseconds, one way */
	uint64_t loss;  /* packets in a million that are lost */
	uint64_t queue; /* bytes that may wait for their turn; 0: no limit */
};

struct link_counts {
	uint64_t packets; /* put in */
	uint64_t bytes;
	uint64_t lost; /* by the line */
	uint64_t full; /* dropped, for there was no room in the queue */
};

/* The same seed and stream lose the same packets.  NULL: no memory. */
struct link *link_new(const struct link_shape *, uint64_t seed,
		      uint64_t stream);
void link_free(struct link *);

/*
 * A packet goes in.  It is copied, unless it is lost or dropped, which is
 * counted and is no error.  Returns -1 for want of memory only.
 */
int link_put(struct link *, uint64_t now, const void *packet, size_t length);

/* When the next packet comes out, or LINK_NEVER. */
uint64_t link_due(const struct link *);

/*
 * The packet that is due at now: its bytes, which stay until the next call
 * that takes, and its length.  NULL if none is due.
 */
const void *link_take(struct link *, uint64_t now, size_t *length);

struct link_counts link_counts(const struct link *);

#endif
