/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_SESSION_INTERNAL_H
#define FERRY_TRANSFER_SESSION_INTERNAL_H

#include "transfer/session.h"

/* The loop around an engine, for the two roles in session_role.c. */
struct session_engine {
	struct engine *engine;
	uint32_t epoch;
	void (*run)(void *cookie, struct task *);
	void *cookie;
};

/* From READY to FINISH or FAIL.  No task is out afterwards. */
int session_run_engine(struct session *, const struct session_engine *);

/* Note how the session ends, the first reason only, without a word to the far
 * end; text is taken.  Always -1. */
int session_end(struct session *, int code, char *text);

/* Ask and tell the observer if it is time, ten times a second; -1 if it wants
 * the end. */
#define WATCH_INTERVAL ((uint64_t)100 * 1000 * 1000)
/* Does nothing if the last time was less than WATCH_INTERVAL ago. */
int session_watch(struct session *);

#endif
