/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: actions come out in the order in which they went in; after the end
 * nothing does, and nothing leaks; and without memory the session fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transfer/outbox.h"

static void report(struct outbox *outbox, const char *path, const char *text)
{
	struct engine_report report = {
	    .kind = REPORT_FAILED, .path = path, .text = text, .size = 5};

	outbox_report(outbox, &report);
}

static void in_order(void **state)
{
	struct outbox outbox = {0};
	struct engine_action action;
	struct frame *frame = message_empty(FRAME_PING);
	struct task *task = task_create(TASK_WALK);
	char path[] = "path";

	(void)state;
	assert_int_equal(outbox_next(&outbox, &action), 0);
	outbox_send(&outbox, 3, frame);
	outbox_task(&outbox, task);
	report(&outbox, path, NULL);
	path[0] = 'P'; /* it was copied */
	assert_int_equal(outbox_next(&outbox, &action), 1);
	assert_int_equal(action.type, ACTION_SEND);
	assert_int_equal(action.lane, 3);
	assert_ptr_equal(action.frame, frame);
	frame_free(action.frame);
	assert_int_equal(outbox_next(&outbox, &action), 1);
	assert_int_equal(action.type, ACTION_TASK);
	assert_ptr_equal(action.task, task);
	task_free(action.task);
	assert_int_equal(outbox_next(&outbox, &action), 1);
	assert_int_equal(action.type, ACTION_REPORT);
	assert_string_equal(action.report.path, "path");
	assert_null(action.report.text);
	assert_int_equal(action.report.size, 5);
	assert_int_equal(outbox_next(&outbox, &action), 0);
	outbox_clear(&outbox);
}

/* Many in, some out, again and again. */
static void more_than_it_has_room_for(void **state)
{
	struct outbox outbox = {0};
	struct engine_action action;
	uint64_t in = 0, out = 0;

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 100; i++) {
			struct frame *frame = message_withdraw_encode(in++);

			outbox_send(&outbox, 0, frame);
		}
		for (unsigned i = 0; i < 70; i++) {
			uint64_t entry;

			assert_int_equal(outbox_next(&outbox, &action), 1);
			assert_int_equal(
			    message_withdraw_decode(action.frame, &entry), 0);
			assert_int_equal(entry, out++);
			frame_free(action.frame);
		}
	}
	/* The others are freed. */
	outbox_clear(&outbox);
}

static void after_a_failure_nothing_is_taken(void **state)
{
	struct outbox outbox = {0};
	struct engine_action action;
	struct message_error error;

	(void)state;
	outbox_send(&outbox, 0, message_empty(FRAME_PING));
	outbox_fail(&outbox, 2, EXIT_PROTOCOL, "bad frame");
	assert_true(outbox.closed);
	outbox_send(&outbox, 0, message_empty(FRAME_PONG));
	outbox_task(&outbox, task_create(TASK_CLOSE));
	report(&outbox, "x", "y");
	outbox_fail(&outbox, 2, EXIT_LOST, "another reason");
	outbox_finish(&outbox);

	assert_int_equal(outbox_next(&outbox, &action), 1);
	assert_int_equal(action.frame->type, FRAME_PING);
	frame_free(action.frame);
	/* The far end hears it before we are gone. */
	assert_int_equal(outbox_next(&outbox, &action), 1);
	assert_int_equal(action.lane, 2);
	assert_int_equal(action.frame->type, FRAME_ERROR);
	assert_int_equal(message_error_decode(action.frame, &error), 0);
	assert_int_equal(error.code, EXIT_PROTOCOL);
	assert_int_equal(error.text_length, 9);
	assert_memory_equal(error.text, "bad frame", 9);
	frame_free(action.frame);
	assert_int_equal(outbox_next(&outbox, &action), 1);
	assert_int_equal(action.type, ACTION_FAIL);
	assert_int_equal(action.report.code, EXIT_PROTOCOL);
	assert_string_equal(action.report.text, "bad frame");
	assert_int_equal(outbox_next(&outbox, &action), 0);
	outbox_clear(&outbox);
}

static void a_failure_without_a_lane_is_told_to_nobody(void **state)
{
	struct outbox outbox = {0};
	struct engine_action action;

	(void)state;
	outbox_fail(&outbox, LANES_MAX, EXIT_LOST, "gone");
	assert_int_equal(outbox_next(&outbox, &action), 1);
	assert_int_equal(action.type, ACTION_FAIL);
	assert_false(action.report.told);
	outbox_clear(&outbox);
	outbox_fail_told(&outbox, EXIT_HELD, "held");
	assert_int_equal(outbox_next(&outbox, &action), 1);
	assert_int_equal(action.type, ACTION_FAIL);
	assert_true(action.report.told);
	outbox_clear(&outbox);
}

static void after_the_end_nothing_is_taken(void **state)
{
	struct outbox outbox = {0};
	struct engine_action action;

	(void)state;
	outbox_finish(&outbox);
	outbox_send(&outbox, 0, message_empty(FRAME_PONG));
	outbox_fail(&outbox, 0, EXIT_LOST, "late");
	assert_int_equal(outbox_next(&outbox, &action), 1);
	assert_int_equal(action.type, ACTION_FINISH);
	assert_int_equal(outbox_next(&outbox, &action), 0);
	outbox_clear(&outbox);
}

/* What could not be made was NULL. */
static void without_memory_it_fails(void **state)
{
	struct engine_action action;

	(void)state;
	for (int what = 0; what < 2; what++) {
		struct outbox outbox = {0};

		outbox_send(&outbox, 0, message_empty(FRAME_PING));
		if (what == 0)
			outbox_send(&outbox, 0, NULL);
		else
			outbox_task(&outbox, NULL);
		assert_int_equal(outbox_next(&outbox, &action), 1);
		assert_int_equal(action.type, ACTION_FAIL);
		assert_int_equal(action.report.code, EXIT_LOST);
		assert_string_equal(action.report.text, "out of memory");
		outbox_send(&outbox, 0, message_empty(FRAME_PING));
		outbox_clear(&outbox);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(in_order),
	    cmocka_unit_test(more_than_it_has_room_for),
	    cmocka_unit_test(after_a_failure_nothing_is_taken),
	    cmocka_unit_test(a_failure_without_a_lane_is_told_to_nobody),
	    cmocka_unit_test(after_the_end_nothing_is_taken),
	    cmocka_unit_test(without_memory_it_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
