/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_RELAY_H
#define FERRY_TRANSFER_RELAY_H

#include "transfer/session.h"

/*
 * The client of two agents at once: what the one that reads says is passed on
 * to the one that writes, and the other way, frame by frame as it is.  Each is
 * told that it talks with its client, and both keep their own journals; so the
 * far ends confirm to each other, and this one only listens in, for its user.
 *
 * The agent that writes cannot know what was asked for, so it is seen to here
 * that nothing else is passed on.  Memory is bounded as everywhere: by the
 * frame pool, which makes the lanes stop reading.
 */
struct relay_end {
	struct session *session;
	const char *name; /* of the host, for texts; NULL: none */
	uint32_t lane;    /* the id of its lane */
};

/*
 * HELLO and OPEN were said to both, which share an inbox.  The stats, the
 * observer and the end are those of from.  sources: what it was asked for.
 * 0 or -1, as for session.h.
 */
int relay_run(const struct relay_end *from, const struct relay_end *to,
	      char **sources, size_t source_count);

#endif
