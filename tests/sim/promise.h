/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_SIM_PROMISE_H
#define FERRY_TESTS_SIM_PROMISE_H

#include <stdint.h>

#include "transfer/engine.h"
#include "transfer/frame.h"

/*
 * Watches the frames of all sessions for promise 2: a leaf of a version of a
 * file that was confirmed is never sent again, nor in a later session one of
 * which the receiver only had said so; never is more than the window sent and
 * not confirmed; and what arrives is confirmed in the time of a group.  So a
 * crash costs at most a group in bytes sent twice.
 */
struct promise;

struct promise *promise_create(void);
void promise_free(struct promise *);

/* A session with this window begins.  With unreadable, calls fail at the
 * receiver: what cannot be read there is rightly sent again. */
void promise_begin(struct promise *, const struct engine_config *,
		   int unreadable);

/* A bit of a leaf that is staged under this name has flipped: a NACK for it is
 * right.  NULL: one of the journal, which promises nothing then. */
void promise_rot(struct promise *, const char *staged, uint64_t leaf);

/* The sender gave this frame to a lane, or was given it.  NULL, or what is
 * wrong; valid until the next call. */
const char *promise_sent(struct promise *, const struct frame *);
const char *promise_arrived(struct promise *, const struct frame *);
/* How many chunks were sent more than once in this session, each further time
 * counted; *damaged: and how many the receiver found damaged on its disk. */
unsigned promise_resent(const struct promise *, unsigned *damaged);
/* How often this chunk was sent in this session. */
unsigned promise_times(struct promise *, const struct frame *);
/* The receiver was given this frame, or gave it to a lane. */
void promise_received(struct promise *, const struct frame *, uint64_t now);
const char *promise_answered(struct promise *, const struct frame *,
			     uint64_t now);

#endif
