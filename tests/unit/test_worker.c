/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: tasks of one queue are done one after another in the order in which
 * they were given, but for those that are packed; queues do not wait for one
 * another, and all tasks come back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/lane_rig.h"
#include "transfer/worker.h"

#define MANY 1000

struct work {
	atomic_uint running[QUEUE_TOTAL];
	atomic_uint most; /* of one queue at a time */
	atomic_int gate;  /* TASK_GROUP waits for it */
	struct task *done[2 * MANY];
	atomic_size_t done_count;
};

static void run(void *cookie, struct task *task)
{
	struct work *work = cookie;
	enum task_queue queue = task_queue_of(task->type);
	unsigned running = atomic_fetch_add(&work->running[queue], 1) + 1;

	if (running > work->most)
		work->most = running;
	if (task->type == TASK_GROUP || task->type == TASK_PACK)
		while (!work->gate)
			nanosleep(&(struct timespec){0, 1000000}, NULL);
	work->done[atomic_fetch_add(&work->done_count, 1)] = task;
	atomic_fetch_sub(&work->running[queue], 1);
}

static struct task *next_done(struct inbox *inbox)
{
	struct engine_event event = next_event(inbox);

	assert_int_equal(event.type, EVENT_TASK);
	return event.task;
}

static void one_after_another(void **state)
{
	struct work *work = calloc(1, sizeof(*work));
	struct inbox *inbox = inbox_create();
	struct workers *workers = workers_create(inbox, run, work);
	struct task *tasks[MANY];

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		/* All of these are of one queue. */
		static const enum task_type types[] = {TASK_EXAMINE, TASK_HASH,
						       TASK_WRITE};

		tasks[i] = task_create(types[i % 3]);
		workers_put(workers, tasks[i]);
	}
	for (size_t i = 0; i < MANY; i++) {
		assert_ptr_equal(next_done(inbox), tasks[i]);
		assert_ptr_equal(work->done[i], tasks[i]);
		task_free(tasks[i]);
	}
	assert_int_equal(work->most, 1);
	workers_free(workers);
	inbox_free(inbox);
	free(work);
}

/* Data is written while a group is being synced. */
static void queues_do_not_wait_for_one_another(void **state)
{
	struct work *work = calloc(1, sizeof(*work));
	struct inbox *inbox = inbox_create();
	struct workers *workers = workers_create(inbox, run, work);
	struct task *group = task_create(TASK_GROUP);
	struct task *write = task_create(TASK_WRITE);

	(void)state;
	workers_put(workers, group);
	workers_put(workers, write);
	assert_ptr_equal(next_done(inbox), write);
	work->gate = 1;
	assert_ptr_equal(next_done(inbox), group);
	task_free(group);
	task_free(write);
	workers_free(workers);
	inbox_free(inbox);
	free(work);
}

/* With more than one processor, the second does not wait for the first. */
static void packing_is_done_by_several(void **state)
{
	struct work *work = calloc(1, sizeof(*work));
	struct inbox *inbox = inbox_create();
	struct workers *workers = workers_create(inbox, run, work);
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned wanted = processors < 4 ? (unsigned)processors : 4;

	(void)state;
	for (size_t i = 0; i < 10; i++)
		workers_put(workers, task_create(TASK_PACK));
	while (work->running[QUEUE_PACK] < wanted)
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	work->gate = 1;
	for (size_t i = 0; i < 10; i++)
		task_free(next_done(inbox));
	assert_int_equal(work->most, wanted);
	/* And again, when all of them wait. */
	for (size_t i = 0; i < 10; i++)
		workers_put(workers, task_create(TASK_PACK));
	for (size_t i = 0; i < 10; i++)
		task_free(next_done(inbox));
	assert_true(work->most <= wanted);
	workers_free(workers);
	inbox_free(inbox);
	free(work);
}

/* Nothing is left out when the session is over. */
static void all_are_done_at_the_end(void **state)
{
	struct work *work = calloc(1, sizeof(*work));
	struct inbox *inbox = inbox_create();
	struct workers *workers = workers_create(inbox, run, work);

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		workers_put(workers, task_create(TASK_READ));
		workers_put(workers, task_create(TASK_PLACE));
	}
	workers_free(workers);
	assert_int_equal(work->done_count, 2 * MANY);
	for (size_t i = 0; i < 2 * MANY; i++)
		task_free(next_done(inbox));
	/* And with none at all. */
	workers_free(workers_create(inbox, run, work));
	workers_free(NULL);
	inbox_free(inbox);
	free(work);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_after_another),
	    cmocka_unit_test(queues_do_not_wait_for_one_another),
	    cmocka_unit_test(packing_is_done_by_several),
	    cmocka_unit_test(all_are_done_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
