/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: packing is advised where the line is the limit, and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "transfer/line.h"

#define MILLISECOND ((uint64_t)1000 * 1000)
#define MEGA        UINT64_C(1000000)
#define LEAF        ((size_t)1 << 20)

static const uint64_t begin = 12345 * MILLISECOND;

/* Something waits all the time, and the line takes so many bytes a second. */
static void flow(struct line *line, uint64_t rate, unsigned milliseconds)
{
	for (unsigned i = 0; i < milliseconds; i++) {
		line_turn(line, line->now, 1, line->packing);
		line_turn(line, line->now + MILLISECOND, 1, line->packing);
		line_sent(line, rate / 1000);
	}
}

/* So much of each 10 ms there is nothing to send; the line itself is fast. */
static void trickle(struct line *line, unsigned idle, int packing,
		    unsigned milliseconds)
{
	for (unsigned i = 0; i < milliseconds / 10; i++) {
		line_turn(line, line->now, 0, packing);
		line_turn(line, line->now + idle * MILLISECOND, 1, packing);
		line_turn(line, line->now + (10 - idle) * MILLISECOND, 0,
			  packing);
		line_sent(line, 100000);
	}
}

/* Leaves are packed at so many bytes a second. */
static void pack(struct line *line, int level, uint64_t speed, size_t size,
		 int times)
{
	while (times-- > 0)
		line_packed(line, level, LEAF, size,
			    (uint64_t)(1e9 * (double)LEAF / (double)speed));
}

static void nothing_is_packed_before_the_line_is_known(void **state)
{
	struct line line;

	(void)state;
	line_init(&line, begin);
	assert_int_equal(line_level(&line, 0), 0);
	flow(&line, MEGA, 99);
	assert_true(line_rate(&line) <= 0);
	assert_int_equal(line_level(&line, 0), 0);
	flow(&line, MEGA, 1);
	assert_in_range((uint64_t)line_rate(&line), MEGA - 9, MEGA + 9);
	assert_int_equal(line_level(&line, 0), 3);
}

static void a_fast_line_is_left_alone(void **state)
{
	struct line line;

	(void)state;
	line_init(&line, begin);
	flow(&line, 300 * MEGA, 2000);
	assert_int_equal(line_level(&line, 0), 0);
	/* A stop, as for a sync at the far end. */
	flow(&line, 0, 500);
	assert_int_equal(line_level(&line, 0), 0);
}

static void a_slow_line_is_packed_for(void **state)
{
	struct line line;

	(void)state;
	line_init(&line, begin);
	/* 1 Gbit/s: for the lowest level only. */
	flow(&line, 118 * MEGA, 1000);
	assert_int_equal(line_level(&line, 0), 1);
	/* 100 Mbit/s. */
	flow(&line, 12 * MEGA, 1000);
	assert_int_equal(line_level(&line, 0), 3);
	/* What shrinks so well that the higher level does not fill it. */
	pack(&line, 3, 200 * MEGA, LEAF / 20, 50);
	assert_int_equal(line_level(&line, 0), 2);
	pack(&line, 3, 200 * MEGA, LEAF / 100, 50);
	assert_int_equal(line_level(&line, 0), 1);
}

static void a_slow_processor_does_not_pack(void **state)
{
	struct line line;

	(void)state;
	line_init(&line, begin);
	flow(&line, 50 * MEGA, 1000);
	assert_int_equal(line_level(&line, 0), 3);
	line_turn(&line, line.now, 1, 1);
	pack(&line, 1, 100 * MEGA, LEAF / 3, 50);
	assert_int_equal(line_level(&line, 0), 0);
	/* It had other work, perhaps: after a while it may try again. */
	line_turn(&line, line.now, 1, 0);
	flow(&line, 50 * MEGA, 500);
	assert_int_not_equal(line_level(&line, 0), 0);
}

/* The socket's buffer swallows the first. */
static void the_first_moment_is_forgotten(void **state)
{
	struct line line;

	(void)state;
	line_init(&line, begin);
	flow(&line, 500 * MEGA, 100);
	assert_int_equal(line_level(&line, 0), 0);
	flow(&line, 10 * MEGA, 100);
	assert_int_equal(line_level(&line, 0), 3);
	/* A lane more: its buffers do, too. */
	flow(&line, 10 * MEGA, 300);
	flow(&line, 500 * MEGA, 100);
	assert_int_equal(line_level(&line, 0), 3);
	/* But a line that has become fast is. */
	flow(&line, 500 * MEGA, 200);
	assert_int_equal(line_level(&line, 0), 0);
}

/* Nobody fills it, so nothing is learnt of it. */
static void an_idle_line_tells_nothing(void **state)
{
	struct line line;

	(void)state;
	line_init(&line, begin);
	trickle(&line, 5, 0, 3000);
	assert_true(line_rate(&line) <= 0);
	flow(&line, 300 * MEGA, 200);
	trickle(&line, 5, 0, 3000);
	assert_int_equal(line_level(&line, 0), 0);
}

/* It was slow once, and chunks are packed for it; but it waits for them. */
static void a_line_that_waits_for_packing_is_tried_again(void **state)
{
	struct line line;

	(void)state;
	line_init(&line, begin);
	flow(&line, 10 * MEGA, 1000);
	assert_int_not_equal(line_level(&line, 0), 0);
	/* For a little while only: that is the window, or chance. */
	trickle(&line, 2, 1, 1000);
	assert_int_not_equal(line_level(&line, 0), 0);
	trickle(&line, 7, 1, 1000);
	assert_int_equal(line_level(&line, 0), 0);
}

static void the_limit_is_a_line(void **state)
{
	struct line line;

	(void)state;
	line_init(&line, begin);
	assert_int_equal(line_level(&line, 10 * MEGA), 3);
	assert_int_equal(line_level(&line, 100 * MEGA), 2);
	assert_int_equal(line_level(&line, 1000 * MEGA), 0);
	flow(&line, 300 * MEGA, 1000);
	assert_int_equal(line_level(&line, 10 * MEGA), 3);
	assert_int_equal(line_level(&line, 1000 * MEGA), 0);
	flow(&line, 10 * MEGA, 1000);
	assert_int_equal(line_level(&line, 1000 * MEGA), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_packed_before_the_line_is_known),
	    cmocka_unit_test(a_fast_line_is_left_alone),
	    cmocka_unit_test(a_slow_line_is_packed_for),
	    cmocka_unit_test(a_slow_processor_does_not_pack),
	    cmocka_unit_test(the_first_moment_is_forgotten),
	    cmocka_unit_test(an_idle_line_tells_nothing),
	    cmocka_unit_test(a_line_that_waits_for_packing_is_tried_again),
	    cmocka_unit_test(the_limit_is_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
