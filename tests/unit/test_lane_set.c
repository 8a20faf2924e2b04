/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: a lane that is gone is not heard any more, though its number is
 * another's; and however many come and go, nothing is left of them.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/lane_rig.h"
#include "transfer/lane_set.h"

/* ---- numbers --------------------------------------------------------------
 */

static void numbers_are_taken_and_given_back(void **state)
{
	struct lane_set set;

	(void)state;
	memset(&set, 0, sizeof(set));
	assert_int_equal(lane_set_first(&set), LANES_MAX);
	for (uint32_t i = 0; i < LANES_MAX; i++) {
		assert_int_equal(lane_set_reserve(&set), i);
		assert_int_equal(lane_set_id(&set, i), i);
	}
	assert_int_equal(lane_set_reserve(&set), LANES_MAX);
	lane_set_lose(&set, 7);
	lane_set_lose(&set, 7);
	assert_int_equal(lane_set_reserve(&set), 7);
	/* It is another lane's now. */
	assert_int_equal(lane_set_id(&set, 7), LANES_MAX + 7);
	assert_int_equal(lane_set_first(&set), LANES_MAX);
	lane_set_up(&set, 9);
	lane_set_up(&set, 9);
	lane_set_up(&set, 5);
	assert_int_equal(set.up, 2);
	assert_int_equal(lane_set_first(&set), 5);
	lane_set_lose(&set, 5);
	assert_int_equal(set.up, 1);
	assert_int_equal(lane_set_first(&set), 9);
	lane_set_release(&set);
}

static int sift(struct lane_set *set, enum engine_event_type type, uint32_t id,
		uint32_t *number)
{
	struct engine_event event = {.type = type, .lane = id};
	int result;

	if (type == EVENT_FRAME)
		event.frame = message_empty(FRAME_PING);
	result = lane_set_sift(set, &event);
	*number = event.lane;
	if (result && type == EVENT_FRAME)
		frame_free(event.frame);
	return result;
}

static void a_word_of_one_that_is_gone_is_not_heard(void **state)
{
	static const enum engine_event_type types[] = {
	    EVENT_FRAME, EVENT_LANE_SENT, EVENT_LANE_HEARD, EVENT_LANE_DOWN};
	struct lane_set set;
	uint32_t number;

	(void)state;
	memset(&set, 0, sizeof(set));
	for (uint32_t i = 0; i < 5; i++)
		lane_set_reserve(&set);
	for (uint32_t uses = 0; uses < 1000; uses++) {
		for (size_t i = 0; i < 4; i++) {
			uint32_t id = uses * LANES_MAX + 3;

			assert_int_equal(sift(&set, types[i], id, &number), 1);
			assert_int_equal(number, 3);
			assert_int_equal(
			    sift(&set, types[i], id - LANES_MAX, &number), 0);
			assert_int_equal(
			    sift(&set, types[i], id + LANES_MAX, &number), 0);
		}
		lane_set_lose(&set, 3);
		assert_int_equal(lane_set_reserve(&set), 3);
	}
	/* What is of no lane passes. */
	assert_int_equal(sift(&set, EVENT_TIME, 77777, &number), 1);
	assert_int_equal(sift(&set, EVENT_TASK, 77777, &number), 1);
	assert_int_equal(sift(&set, EVENT_LANE_MADE, 77777, &number), 1);
	lane_set_release(&set);
}

static void a_frame_for_none_is_freed(void **state)
{
	struct lane_set set;

	(void)state;
	memset(&set, 0, sizeof(set));
	lane_set_send(&set, 11, message_empty(FRAME_PING), EPOCH);
	lane_set_reserve(&set);
	lane_set_send(&set, 0, message_empty(FRAME_PING), EPOCH);
	lane_set_release(&set);
}

/* ---- closing --------------------------------------------------------------
 */

/* A lane whose end takes until all its like are being closed. */
static pthread_barrier_t barrier;

static void close_together(struct lane *lane)
{
	free(lane);
	pthread_barrier_wait(&barrier);
}

static struct lane *slow_lane(void)
{
	static const struct lane_operations operations = {NULL, close_together};
	struct lane *lane = calloc(1, sizeof(*lane));

	assert_non_null(lane);
	lane->operations = &operations;
	return lane;
}

/* When a line is cut, all its lanes go: one after the other takes long. */
static void nobody_waits_for_another_to_be_closed(void **state)
{
	struct lane_set set;

	(void)state;
	memset(&set, 0, sizeof(set));
	/* Lost, and lost with a successor in its place, and there to the end.
	 */
	pthread_barrier_init(&barrier, NULL, LANES_MAX);
	for (uint32_t i = 0; i < LANES_MAX; i++) {
		uint32_t number = lane_set_reserve(&set);

		lane_set_put(&set, number, slow_lane());
		lane_set_up(&set, number);
		if (i % 3 == 0)
			lane_set_lose(&set, number);
	}
	lane_set_release(&set);
	pthread_barrier_destroy(&barrier);
}

/* The next frame of that lane; others may end meanwhile. */
static struct engine_event frame_of(struct lane_set *set, struct inbox *inbox,
				    uint32_t number)
{
	struct engine_event event;

	for (;;) {
		event = next_event(inbox);
		if (!lane_set_sift(set, &event) || event.type != EVENT_FRAME)
			continue;
		if (event.lane == number)
			return event;
		frame_free(event.frame);
	}
}

/* Each says a frame and is said one, and goes in one way or the other. */
static void nothing_is_left_of_1000_lanes(void **state)
{
	unsigned tasks = count_tasks();
	unsigned descriptors = count_entries("/proc/self/fd");
	struct inbox *inbox = inbox_create();
	struct lane_set set;
	struct engine_event event;

	(void)state;
	memset(&set, 0, sizeof(set));
	for (unsigned i = 0; i < 1000; i++) {
		uint32_t number = lane_set_reserve(&set);
		struct frame *frame = numbered(i, 100);
		struct lane *lane;
		int pair[2];

		make_sockets(pair);
		lane = lane_fd_create(inbox, lane_set_id(&set, number), pair[0],
				      pair[0], 0);
		assert_non_null(lane);
		lane_set_put(&set, number, lane);
		lane_set_up(&set, number);
		lane_set_send(&set, number, numbered(i, 50000), EPOCH);
		frame->epoch = EPOCH;
		frame_seal(frame);
		write_all(pair[1], frame->bytes,
			  FRAME_HEADER_SIZE + frame->body_length);
		frame_free(frame);
		if (i % 2 == 0) {
			event = frame_of(&set, inbox, number);
			check_numbered(event.frame, i, 100);
		}
		close(pair[1]);
		if (i % 5 != 0 || number > LANES_MAX / 2)
			lane_set_lose(&set, number);
		else if (i % 7 == 0)
			lane_set_lose(&set, 0);
	}
	lane_set_release(&set);
	inbox_free(inbox);
	assert_entries("/proc/self/task", tasks);
	assert_entries("/proc/self/fd", descriptors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_taken_and_given_back),
	    cmocka_unit_test(a_word_of_one_that_is_gone_is_not_heard),
	    cmocka_unit_test(a_frame_for_none_is_freed),
	    cmocka_unit_test(nobody_waits_for_another_to_be_closed),
	    cmocka_unit_test(nothing_is_left_of_1000_lanes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
