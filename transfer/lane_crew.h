/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_LANE_CREW_H
#define FERRY_TRANSFER_LANE_CREW_H

#include "transfer/engine.h"

/*
 * Whoever sees to a session's further lanes: in the client it makes them
 * (lane_grow.h), in the agent it takes them in (lane_accept.h).  It works in
 * the thread that runs the engine, on the lanes of that session, and is shown
 * every event before the engine is.
 */
struct lane_crew;
struct lane_crew_operations {
	/*
	 * 1: the event is for the engine, as it is now; that of a lane that is
	 * complete has become EVENT_LANE_UP.  0: it was dealt with.
	 */
	int (*take)(struct lane_crew *, struct engine_event *);
	/* Do what is due, and say when to be asked again; after each event.
	 * stats are the engine's. */
	uint64_t (*pulse)(struct lane_crew *, uint64_t now,
			  const struct transfer_stats *stats);
	/* Ends its threads; the lanes stay. */
	void (*free)(struct lane_crew *);
};

/* Embedded first in what each of them is. */
struct lane_crew {
	const struct lane_crew_operations *operations;
};

#endif
