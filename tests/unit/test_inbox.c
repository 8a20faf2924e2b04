/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: what several threads put in is taken out once, in each thread's order,
 * and whoever waits is woken in time.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "transfer/inbox.h"

#define THREADS  4
#define EVENTS   20000
#define SECOND   ((uint64_t)1000 * 1000 * 1000)
#define A_MINUTE (clock_now() + 60 * SECOND)

static uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

struct putter {
	struct inbox *inbox;
	uint32_t lane;
	pthread_t thread;
};

static void *put_many(void *cookie)
{
	const struct putter *putter = cookie;
	struct engine_event event = {.type = EVENT_LANE_SENT};

	event.lane = putter->lane;
	for (event.bytes = 1; event.bytes <= EVENTS; event.bytes++)
		inbox_put(putter->inbox, &event);
	return NULL;
}

static void each_thread_keeps_its_order(void **state)
{
	struct inbox *inbox = inbox_create();
	struct putter putters[THREADS];
	size_t last[THREADS] = {0};
	struct engine_event event;

	(void)state;
	assert_non_null(inbox);
	for (uint32_t i = 0; i < THREADS; i++) {
		putters[i].inbox = inbox;
		putters[i].lane = i;
		assert_int_equal(pthread_create(&putters[i].thread, NULL,
						put_many, &putters[i]),
				 0);
	}
	for (int i = 0; i < THREADS * EVENTS; i++) {
		assert_int_equal(inbox_take(inbox, &event, A_MINUTE), 1);
		assert_int_equal(event.bytes, ++last[event.lane]);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(putters[i].thread, NULL);
	assert_int_equal(inbox_take(inbox, &event, 0), 0);
	inbox_free(inbox);
}

static void a_deadline_ends_the_wait(void **state)
{
	struct inbox *inbox = inbox_create();
	struct engine_event event;
	uint64_t start = clock_now();

	(void)state;
	assert_int_equal(inbox_take(inbox, &event, start + SECOND / 20), 0);
	assert_true(clock_now() >= start + SECOND / 20);
	inbox_free(inbox);
	inbox_free(NULL);
}

static void *wake_later(void *inbox)
{
	const struct timespec pause = {.tv_nsec = 30 * 1000 * 1000};

	nanosleep(&pause, NULL);
	inbox_wake(inbox);
	return NULL;
}

static void a_call_wakes(void **state)
{
	struct inbox *inbox = inbox_create();
	struct engine_event event;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, wake_later, inbox), 0);
	assert_int_equal(inbox_take(inbox, &event, UINT64_MAX), 0);
	pthread_join(thread, NULL);

	/* Before the wait, too, and only once. */
	inbox_wake(inbox);
	assert_int_equal(inbox_take(inbox, &event, UINT64_MAX), 0);
	assert_int_equal(inbox_take(inbox, &event, 0), 0);
	inbox_free(inbox);
}

static void *add_later(void *inbox)
{
	const struct timespec pause = {.tv_nsec = 30 * 1000 * 1000};
	struct engine_event event = {.type = EVENT_LANE_SENT};

	nanosleep(&pause, NULL);
	for (event.bytes = 1; event.bytes <= 3; event.bytes++)
		inbox_add(inbox, &event);
	inbox_tell(inbox);
	return NULL;
}

static void what_was_added_is_told_of_together(void **state)
{
	struct inbox *inbox = inbox_create();
	struct engine_event event;
	pthread_t thread;

	(void)state;
	/* Nothing to tell of: it is no call. */
	inbox_tell(inbox);
	assert_int_equal(inbox_take(inbox, &event, 0), 0);

	assert_int_equal(pthread_create(&thread, NULL, add_later, inbox), 0);
	for (size_t bytes = 1; bytes <= 3; bytes++) {
		assert_int_equal(inbox_take(inbox, &event, UINT64_MAX), 1);
		assert_int_equal(event.bytes, bytes);
	}
	pthread_join(thread, NULL);

	/* Who does not wait finds it untold. */
	event.bytes = 4;
	inbox_add(inbox, &event);
	assert_int_equal(inbox_take(inbox, &event, 0), 1);
	assert_int_equal(event.bytes, 4);
	inbox_free(inbox);
}

/* The sanitizer says whether anything is left. */
static void what_is_left_is_freed(void **state)
{
	struct inbox *inbox = inbox_create();
	struct engine_event event = {.type = EVENT_FRAME};

	(void)state;
	for (int i = 0; i < 3; i++) {
		event.frame = message_empty(FRAME_PING);
		inbox_put(inbox, &event);
	}
	assert_int_equal(inbox_take(inbox, &event, 0), 1);
	frame_free(event.frame);
	event.type = EVENT_TASK;
	event.task = task_create(TASK_WALK);
	inbox_put(inbox, &event);
	inbox_free(inbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_thread_keeps_its_order),
	    cmocka_unit_test(a_deadline_ends_the_wait),
	    cmocka_unit_test(a_call_wakes),
	    cmocka_unit_test(what_was_added_is_told_of_together),
	    cmocka_unit_test(what_is_left_is_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
