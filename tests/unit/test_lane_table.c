/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: of several lanes the right one is taken, a silent one is given up, and
 * no queue grows without bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transfer/lane_table.h"

struct fixture {
	struct lane_table table;
	struct outbox outbox;
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	outbox_clear(&((struct fixture *)*state)->outbox);
	free(*state);
	return 0;
}

/* Queue about so many bytes on a lane. */
static void fill(struct fixture *fixture, uint32_t lane, size_t bytes)
{
	struct frame *frame = frame_create(FRAME_CHUNK, bytes);

	assert_non_null(frame);
	frame->body_length = bytes;
	lane_table_send(&fixture->table, &fixture->outbox, lane, frame, 0);
}

static void lanes_come_and_go(void **state)
{
	struct lane_table *table = &((struct fixture *)*state)->table;

	assert_int_equal(lane_table_control(table), LANES_MAX);
	assert_int_equal(lane_table_roomy(table), LANES_MAX);
	lane_table_up(table, 5, 0, 0);
	lane_table_up(table, 2, 0, 0);
	lane_table_up(table, 2, 0, 0);
	assert_int_equal(table->count, 2);
	assert_int_equal(lane_table_control(table), 2);
	assert_int_equal(lane_table_down(table, 2), 1);
	assert_int_equal(lane_table_down(table, 2), 0);
	assert_int_equal(lane_table_down(table, 9), 0);
	assert_int_equal(lane_table_control(table), 5);
	assert_int_equal(table->count, 1);
}

static void the_emptiest_lane_is_taken(void **state)
{
	struct fixture *fixture = *state;
	struct lane_table *table = &fixture->table;

	lane_table_up(table, 0, 0, 0);
	lane_table_up(table, 1, 0, 0);
	fill(fixture, 0, 1000);
	assert_int_equal(lane_table_roomy(table), 1);
	fill(fixture, 1, 2000);
	assert_int_equal(lane_table_roomy(table), 0);
	assert_false(lane_table_idle(table));
	assert_int_equal(lane_table_queued(table),
			 3000 + 2 * FRAME_HEADER_SIZE);
	/* A lane's queue never falls below nothing. */
	lane_table_sent(table, 0, 1000000, 0);
	lane_table_sent(table, 1, 2000 + FRAME_HEADER_SIZE, 0);
	assert_true(lane_table_idle(table));
	while (lane_table_roomy(table) < LANES_MAX)
		fill(fixture, lane_table_roomy(table), 1 << 20);
	assert_true(table->lanes[0].queued >= LANE_QUEUE_MAX);
	assert_true(table->lanes[1].queued >= LANE_QUEUE_MAX);
	/* One that came back has an empty one. */
	lane_table_down(table, 0);
	lane_table_up(table, 0, 0, 0);
	assert_int_equal(lane_table_roomy(table), 0);
}

static void without_a_lane_a_frame_is_dropped(void **state)
{
	struct fixture *fixture = *state;
	struct engine_action action;

	lane_table_send(&fixture->table, &fixture->outbox, LANES_MAX,
			message_empty(FRAME_PING), 0);
	assert_int_equal(outbox_next(&fixture->outbox, &action), 0);
}

static void silence_brings_a_ping_and_then_the_end(void **state)
{
	struct fixture *fixture = *state;
	struct lane_table *table = &fixture->table;
	struct engine_action action;

	assert_int_equal(lane_table_deadline(table, 10, 30), UINT64_MAX);
	lane_table_up(table, 3, 0, 100);
	lane_table_up(table, 4, 0, 100);
	assert_int_equal(lane_table_deadline(table, 10, 30), 110);
	assert_int_equal(lane_table_pulse(table, &fixture->outbox, 109, 10, 30),
			 LANES_MAX);
	assert_int_equal(outbox_next(&fixture->outbox, &action), 0);
	assert_int_equal(lane_table_pulse(table, &fixture->outbox, 110, 10, 30),
			 LANES_MAX);
	for (uint32_t lane = 3; lane < 5; lane++) {
		assert_int_equal(outbox_next(&fixture->outbox, &action), 1);
		assert_int_equal(action.frame->type, FRAME_PING);
		assert_int_equal(action.lane, lane);
		frame_free(action.frame);
	}
	/* Speaking is not hearing. */
	assert_int_equal(lane_table_deadline(table, 10, 30), 120);
	lane_table_heard(table, 3, 125);
	assert_int_equal(lane_table_pulse(table, &fixture->outbox, 129, 10, 30),
			 LANES_MAX);
	assert_int_equal(lane_table_pulse(table, &fixture->outbox, 130, 10, 30),
			 4);
	lane_table_down(table, 4);
	assert_int_equal(lane_table_pulse(table, &fixture->outbox, 154, 10, 30),
			 LANES_MAX);
	assert_int_equal(lane_table_pulse(table, &fixture->outbox, 155, 10, 30),
			 3);
}

/* A far end that asks and does not read what is answered. */
static void answers_do_not_pile_up(void **state)
{
	struct fixture *fixture = *state;
	struct lane_table *table = &fixture->table;
	size_t queued;

	lane_table_up(table, 0, 0, 0);
	assert_false(lane_table_clogged(table, 0));
	for (int i = 0; i < 1000000; i++)
		lane_table_pong(table, &fixture->outbox, 0, 0);
	queued = table->lanes[0].queued;
	assert_true(queued > 0 && queued <= LANE_QUEUE_MAX + 100);
	for (int i = 0; i < 8; i++)
		fill(fixture, 0, 1 << 20);
	assert_true(lane_table_clogged(table, 0));
}

/* Chunks go on bulk lanes, all else on others. */
static void bulk_lanes_carry_the_chunks(void **state)
{
	struct fixture *fixture = *state;
	struct lane_table *table = &fixture->table;

	lane_table_up(table, 3, 1, 0);
	assert_int_equal(lane_table_control(table), 3);
	lane_table_up(table, 7, 0, 0);
	assert_int_equal(lane_table_control(table), 7);
	lane_table_up(table, 0, 0, 0);
	lane_table_up(table, 5, 1, 0);
	assert_int_equal(lane_table_control(table), 0);
	assert_int_equal(lane_table_roomy(table), 3);
	fill(fixture, 3, 1 << 20);
	assert_int_equal(lane_table_roomy(table), 5);
	while (lane_table_roomy(table) < LANES_MAX)
		fill(fixture, lane_table_roomy(table), 1 << 20);
	assert_int_equal(table->lanes[0].queued, 0);
	assert_true(lane_table_data(table) == 3 || lane_table_data(table) == 5);

	lane_table_down(table, 3);
	lane_table_down(table, 5);
	assert_int_equal(lane_table_roomy(table), 0);
	lane_table_down(table, 0);
	lane_table_down(table, 7);
	assert_int_equal(lane_table_data(table), LANES_MAX);
}

/* Of many lanes, none has much queued. */
static void many_lanes_hold_less_each(void **state)
{
	struct fixture *fixture = *state;
	struct lane_table *table = &fixture->table;

	for (uint32_t lane = 0; lane <= LANES_MANY; lane++)
		lane_table_up(table, lane, 0, 0);
	while (lane_table_roomy(table) < LANES_MAX)
		fill(fixture, lane_table_roomy(table), 1 << 20);
	for (uint32_t lane = 0; lane <= LANES_MANY; lane++) {
		assert_true(table->lanes[lane].queued >= LANE_QUEUE_LESS);
		assert_true(table->lanes[lane].queued < LANE_QUEUE_MAX);
	}
}

static void a_stalled_lane_gets_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct lane_table *table = &fixture->table;

	lane_table_up(table, 1, 0, 0);
	fill(fixture, 1, 1000);
	/* A single lane has no one to give its chunks to. */
	assert_int_equal(lane_table_stall(table, 500, 100), LANES_MAX);
	lane_table_up(table, 2, 0, 500);
	assert_int_equal(lane_table_stall(table, 99, 100), LANES_MAX);
	assert_int_equal(lane_table_stall(table, 100, 100), 1);
	assert_int_equal(lane_table_stall(table, 100, 100), LANES_MAX);
	fill(fixture, 2, 1 << 20);
	assert_int_equal(lane_table_roomy(table), 2);
	lane_table_sent(table, 1, 10, 200);
	assert_int_equal(lane_table_roomy(table), 1);

	/* When both are stuck, it is the line. */
	assert_int_equal(lane_table_stall(table, 900, 100), LANES_MAX);
	lane_table_sent(table, 2, 10, 900);
	assert_int_equal(lane_table_stall(table, 950, 100), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(lanes_come_and_go),
	    TEST(the_emptiest_lane_is_taken),
	    TEST(without_a_lane_a_frame_is_dropped),
	    TEST(silence_brings_a_ping_and_then_the_end),
	    TEST(answers_do_not_pile_up),
	    TEST(bulk_lanes_carry_the_chunks),
	    TEST(many_lanes_hold_less_each),
	    TEST(a_stalled_lane_gets_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
