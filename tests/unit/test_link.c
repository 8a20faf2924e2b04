/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: the line that benchmarks are run over is as slow, as long and as lossy
 * as was asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/wan/link.h"

#define MILLISECOND UINT64_C(1000000)
#define SECOND      UINT64_C(1000000000)
#define PACKET      1500

static const unsigned char packet[PACKET];

static struct link *link_of(struct link_shape shape)
{
	struct link *link = link_new(&shape, 1, 0);

	assert_non_null(link);
	return link;
}

static void put(struct link *link, uint64_t now, size_t length)
{
	assert_int_equal(link_put(link, now, packet, length), 0);
}

/* Takes all there is, each when it is due; returns how many, and in *last when
 * the last came. */
static uint64_t drain(struct link *link, uint64_t *last)
{
	uint64_t count = 0;
	size_t length = 0;

	while (link_due(link) != LINK_NEVER) {
		*last = link_due(link);
		if (*last > 0)
			assert_null(link_take(link, *last - 1, &length));
		assert_non_null(link_take(link, *last, &length));
		count++;
	}
	return count;
}

static void a_packet_comes_out_as_it_went_in(void **state)
{
	struct link *link = link_of((struct link_shape){.delay = 7});
	size_t length = 0;

	(void)state;
	assert_true(link_due(link) == LINK_NEVER);
	assert_null(link_take(link, LINK_NEVER - 1, &length));
	assert_int_equal(link_put(link, 3, "one", 3), 0);
	assert_int_equal(link_put(link, 4, "other", 5), 0);
	assert_true(link_due(link) == 10);
	assert_memory_equal(link_take(link, 20, &length), "one", 3);
	assert_int_equal(length, 3);
	assert_memory_equal(link_take(link, 20, &length), "other", 5);
	assert_int_equal(length, 5);
	assert_null(link_take(link, 20, &length));
	assert_int_equal(link_put(link, 30, "again", 5), 0);
	assert_true(link_due(link) == 37);
	link_free(link);
}

/* A second's worth, put in at once, takes a second, and the delay once. */
static void rate_and_delay_add_up(void **state)
{
	struct link *link = link_of((struct link_shape){
	    .rate = 12 * 1000 * 1000, .delay = 50 * MILLISECOND});
	uint64_t last = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		put(link, 0, PACKET);
	assert_int_equal(drain(link, &last), 1000);
	assert_true(last == SECOND + 50 * MILLISECOND);
	/* A line that was idle does not make up for it. */
	put(link, 5 * SECOND, PACKET);
	assert_true(link_due(link) == 5 * SECOND + 51 * MILLISECOND);
	link_free(link);
}

static void what_the_queue_cannot_hold_is_dropped(void **state)
{
	struct link *link = link_of((struct link_shape){
	    .rate = 12 * 1000 * 1000, .queue = 10 * PACKET});
	uint64_t last;

	(void)state;
	for (int i = 0; i < 25; i++)
		put(link, 0, PACKET);
	assert_int_equal(link_counts(link).full, 15);
	/* After 3 ms three have left, and there is room for as many. */
	for (int i = 0; i < 25; i++)
		put(link, 3 * MILLISECOND, PACKET);
	assert_int_equal(link_counts(link).full, 15 + 22);
	assert_int_equal(link_counts(link).packets, 50);
	assert_int_equal(link_counts(link).bytes, 50 * PACKET);
	assert_int_equal(drain(link, &last), 13);
	link_free(link);
	/* However small a queue, a packet goes through a line that is free. */
	link = link_of((struct link_shape){.rate = 1000, .queue = 1});
	put(link, 0, PACKET);
	put(link, 1, PACKET);
	assert_int_equal(link_counts(link).full, 1);
	link_free(link);
}

static uint64_t lost_of(uint64_t count, uint64_t loss, uint64_t seed,
			uint64_t stream)
{
	struct link_shape shape = {.loss = loss};
	struct link *link = link_new(&shape, seed, stream);
	uint64_t lost, last;

	assert_non_null(link);
	for (uint64_t i = 0; i < count; i++)
		put(link, i, 1);
	lost = link_counts(link).lost;
	assert_int_equal(drain(link, &last), count - lost);
	link_free(link);
	return lost;
}

static void losses_are_as_many_as_asked_for(void **state)
{
	uint64_t lost = lost_of(1000000, 1000, 1, 0);

	(void)state;
	/* 1,000 are expected, with a deviation of 32. */
	assert_in_range(lost, 870, 1130);
	assert_int_equal(lost_of(1000000, 1000, 1, 0), lost);
	assert_int_not_equal(lost_of(1000000, 1000, 2, 0), lost);
	assert_int_not_equal(lost_of(1000000, 1000, 1, 1), lost);
	assert_int_equal(lost_of(1000, 0, 1, 0), 0);
	assert_int_equal(lost_of(1000, 1000000, 1, 0), 1000);
}

/* What is lost has used the line. */
static void losses_take_their_time(void **state)
{
	struct link *link = link_of(
	    (struct link_shape){.rate = 12 * 1000 * 1000, .loss = 500000});
	uint64_t last = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		put(link, 0, PACKET);
	assert_in_range(drain(link, &last), 400, 600);
	assert_in_range(last, SECOND - 20 * MILLISECOND, SECOND);
	link_free(link);
	link_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_packet_comes_out_as_it_went_in),
	    cmocka_unit_test(rate_and_delay_add_up),
	    cmocka_unit_test(what_the_queue_cannot_hold_is_dropped),
	    cmocka_unit_test(losses_are_as_many_as_asked_for),
	    cmocka_unit_test(losses_take_their_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
