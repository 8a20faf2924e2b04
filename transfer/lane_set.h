/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_LANE_SET_H
#define FERRY_TRANSFER_LANE_SET_H

#include "transfer/engine.h"
#include "transfer/lane.h"

/*
 * The lanes of a session, by the numbers under which its engine knows them.
 * A lane's own id says also how often its number was used before, so that
 * what is still in the inbox of one that is gone is not taken for a word of
 * its successor.  For the thread that runs the engine.
 */
enum lane_stage {
	LANE_ABSENT,
	LANE_MAKING, /* a number is taken, and no lane there yet */
	LANE_NEW,    /* it says its first frames; the engine knows nothing */
	LANE_UP
};

struct lane_closing;

struct lane_set {
	struct lane_slot {
		enum lane_stage stage;
		struct lane *lane; /* NEW, UP */
		uint32_t uses;     /* lanes that had the number before */
	} slots[LANES_MAX];
	unsigned up;
	struct lane_closing *closing; /* lanes that are being closed */
};

/* An empty one is all zero. */

/* Close all, at once, and wait until that is done. */
void lane_set_release(struct lane_set *);

/* Take a free number: LANES_MAX if there is none.  It is LANE_MAKING. */
uint32_t lane_set_reserve(struct lane_set *);
/* The id that a lane of that number must be made with. */
uint32_t lane_set_id(const struct lane_set *, uint32_t number);
/* The number's lane is made, and the set's: LANE_NEW. */
void lane_set_put(struct lane_set *, uint32_t number, struct lane *);
void lane_set_up(struct lane_set *, uint32_t number);
/* Close it, without waiting for that; the number is free.  Absent is fine. */
void lane_set_lose(struct lane_set *, uint32_t number);

/* Queue a frame, or free it if no lane is there. */
void lane_set_send(struct lane_set *, uint32_t number, struct frame *,
		   uint32_t epoch);
/* The first that is up; LANES_MAX: none. */
uint32_t lane_set_first(const struct lane_set *);

/*
 * 1, and event->lane is a number; 0 if the event is of a lane that is gone:
 * its frame is freed.  Events that are of no lane pass as they are.
 */
int lane_set_sift(struct lane_set *, struct engine_event *);

#endif
