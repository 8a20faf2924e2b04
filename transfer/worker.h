/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_WORKER_H
#define FERRY_TRANSFER_WORKER_H

#include "transfer/inbox.h"
#include "transfer/task.h"

/*
 * The threads that do an engine's tasks: one for each queue, several for
 * QUEUE_PACK, started when there is a task for them.  A task that is done goes
 * into the inbox as EVENT_TASK.
 */
struct workers;

/* run is source_run or target_run with its first argument.  NULL: no memory. */
struct workers *workers_create(struct inbox *,
			       void (*run)(void *cookie, struct task *),
			       void *cookie);

/* The task is the workers' until it comes back.  A thread that cannot be
 * started fails the task with its errno. */
void workers_put(struct workers *, struct task *);

/*
 * Wait until all tasks are done, and end the threads.  After it no task is
 * out: all are in the inbox.  NULL is fine.
 */
void workers_free(struct workers *);

#endif
