/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_SIM_PROMISE_H
#define FERRY_TESTS_SIM_PROMISE_H

#include <stdint.h>

#include "transfer/frame.h"

/*
 * Watches the frames of all sessions of one transfer for promise 2: a leaf of
 * a version of a file that was confirmed is never sent again, in no session,
 * and never is more than the window sent and not confirmed.  So a crash costs
 * at most the window in bytes sent twice.
 */
struct promise;

struct promise *promise_create(void);
void promise_free(struct promise *);

/* A session with this window begins.  With unreadable, calls fail at the
 * receiver: what cannot be read there is rightly sent again. */
void promise_begin(struct promise *, uint64_t window, int unreadable);

/* The sender gave this frame to a lane, or was given it.  NULL, or what is
 * wrong; valid until the next call. */
const char *promise_sent(struct promise *, const struct frame *);
const char *promise_arrived(struct promise *, const struct frame *);

#endif
