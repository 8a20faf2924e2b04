/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_OUTBOX_H
#define FERRY_TRANSFER_OUTBOX_H

#include <stddef.h>

#include "transfer/engine.h"

/*
 * The actions that an engine has decided on and its caller has not fetched
 * yet, in order.  After ACTION_FAIL or ACTION_FINISH nothing more is taken
 * in: frames and tasks given to a closed outbox are freed.
 */
struct outbox {
	struct engine_action *actions;
	size_t first;
	size_t end;
	size_t capacity;
	char *shown_path; /* of the report that was fetched last */
	char *shown_text;
	int closed;
	int failed; /* an action was lost to lack of memory */
};

/* Frees the frames and tasks that were not fetched; it is as new. */
void outbox_clear(struct outbox *);

/* Move a frame or a task to the caller.  NULL (out of memory while it was
 * made) closes the outbox with a failure. */
void outbox_send(struct outbox *, uint32_t lane, struct frame *);
void outbox_task(struct outbox *, struct task *);

/* The lane is down for the engine. */
void outbox_lose(struct outbox *, uint32_t lane);

/* Tell the user; path and text (either may be NULL) are copied. */
void outbox_report(struct outbox *, const struct engine_report *);

/* The session ends: the far end is told too, on lane, unless lane is
 * LANES_MAX.  text is copied. */
void outbox_fail(struct outbox *, uint32_t lane, int code, const char *text);
/* The same, as the far end said. */
void outbox_fail_told(struct outbox *, int code, const char *text);
void outbox_finish(struct outbox *);

/* As engine_next. */
int outbox_next(struct outbox *, struct engine_action *);

#endif
