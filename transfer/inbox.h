/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_INBOX_H
#define FERRY_TRANSFER_INBOX_H

#include <stdint.h>

#include "transfer/engine.h"

/*
 * The one queue through which lanes' threads and disk workers tell the thread
 * that runs an engine what happened.  Unbounded: what may be in it is bounded
 * by the frame pool and by the engine's own limits.
 */
struct inbox;

struct inbox *inbox_create(void); /* NULL: no memory */
/* Frees the frames and tasks still in it. */
void inbox_free(struct inbox *);
/* Any thread.  event->now is ignored.  Out of memory ends the process: there
 * is no one left to tell. */
void inbox_put(struct inbox *, const struct engine_event *);
/*
 * The same in two steps: a waiting inbox_take is woken by inbox_tell only, for
 * all that was added.  Waking it costs more than what small files make it do,
 * so who has several events at once adds them, and tells before it does
 * anything that takes longer.  Each in any thread.
 */
void inbox_add(struct inbox *, const struct engine_event *);
void inbox_tell(struct inbox *);
/*
 * The next event, waiting until monotonic time deadline (CLOCK_MONOTONIC,
 * nanoseconds).  1, or 0 when the time came or inbox_wake was called.  One
 * thread only.
 */
int inbox_take(struct inbox *, struct engine_event *, uint64_t deadline);
/* Make a waiting inbox_take return.  Any thread. */
void inbox_wake(struct inbox *);

#endif
