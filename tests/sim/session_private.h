/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_SIM_SESSION_PRIVATE_H
#define FERRY_TESTS_SIM_SESSION_PRIVATE_H

#include "tests/sim/session.h"
#include "transfer/source.h"
#include "transfer/target.h"

/* What the files session*.c share. */
struct actor {
	int end;
	struct engine *engine;
	struct source *source;
	struct target *target;
	struct {
		struct task *first, *last;
		uint64_t due; /* when the first will be done */
	} queues[QUEUE_TOTAL];
	int state_dir;
	int over;
};

struct session {
	struct world *world;
	const struct session_plan *plan;
	struct session_result *result;
	struct actor actors[END_COUNT];
	uint32_t epoch;
	uint32_t lanes; /* that were ever up */
	uint64_t events;
	size_t faults_done;
};

extern const char *const end_names[END_COUNT];

/* ---- session_actor.c ---------------------------------------------------- */

void actor_event(struct session *, struct actor *, struct engine_event *);
/* Do what the engine wants done. */
void actor_act(struct session *, struct actor *);
/* The first task of a queue is done. */
void actor_finish_task(struct session *, struct actor *, int queue);
/* Give back all tasks, done or, by a dead process, not. */
void actor_end_tasks(struct session *, struct actor *, int done);
/* Release the engine and its side of the disk. */
void actor_close(struct session *, struct actor *);
/* The process, or its whole machine, dies now. */
void actor_kill(struct session *, struct actor *, int crash);

/* ---- session_open.c ----------------------------------------------------- */

/* The faults that the disks have from the first call on. */
void session_arm(struct session *);
void session_disarm(struct session *);
/* Open both sides of the disk.  0 or -1, with a text in the result. */
int session_open(struct session *, struct message_ready *);
void session_make_engines(struct session *, const struct message_ready *);

#endif
