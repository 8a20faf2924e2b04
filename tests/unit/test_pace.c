/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: over any 5 seconds no more goes than the rate allows, but for a chunk,
 * and no less, but for a chunk; whatever the chunks, and however late it wakes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "transfer/pace.h"

#define SECOND ((uint64_t)1000 * 1000 * 1000)
#define CHUNK  ((size_t)(1 << 20) + 64)

/* What goes in 5 seconds if chunks of some size are always there, and it is
 * woken late by up to so many nanoseconds. */
static uint64_t bytes_in_5_seconds(uint64_t rate, size_t chunk, uint64_t late)
{
	const uint64_t begin = 7 * SECOND;
	uint64_t now = begin, bytes = 0;
	struct pace pace;

	pace_init(&pace, rate, now);
	while (now < begin + 5 * SECOND) {
		pace_pass(&pace, now);
		while (pace_allows(&pace, chunk)) {
			pace_spend(&pace, chunk);
			bytes += chunk;
		}
		assert_true(pace_deadline(&pace) > now);
		now = pace_deadline(&pace) + late;
	}
	return bytes;
}

static void check_5_seconds(uint64_t rate, size_t chunk, uint64_t late)
{
	double wanted = 5 * (double)rate;
	double went = (double)bytes_in_5_seconds(rate, chunk, late);
	/* More than half a chunk is 5 % of the lowest. */
	double off = wanted * 0.01 + (double)chunk / 2 + 1;

	assert_true(went <= wanted + off);
	assert_true(went >= wanted - off);
	if (rate >= 4000000)
		assert_true(went < wanted * 1.05 && went > wanted * 0.95);
}

static void five_seconds_are_exact(void **state)
{
	static const uint64_t rates[] = {2000000, 4000000, 12500000, 125000000,
					 10000000000};
	static const size_t chunks[] = {100, 5000, 300000, CHUNK};

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		for (size_t j = 0; j < sizeof(chunks) / sizeof(chunks[0]);
		     j++) {
			if (rates[i] / chunks[j] > 200000)
				continue; /* it takes too long */
			check_5_seconds(rates[i], chunks[j], 0);
			check_5_seconds(rates[i], chunks[j], 3000000);
		}
	}
}

/* A chunk goes at last, however slow it is. */
static void the_lowest_rate_moves(void **state)
{
	struct pace pace;

	(void)state;
	pace_init(&pace, 512, SECOND);
	assert_false(pace_allows(&pace, CHUNK));
	pace_pass(&pace, pace_deadline(&pace));
	assert_true(pace_allows(&pace, CHUNK));
	assert_true(pace.now > 1000 * SECOND && pace.now < 1100 * SECOND);
}

/* After a pause no more goes at once than an eighth of a second brings. */
static void a_pause_is_not_made_up_for(void **state)
{
	const uint64_t rate = 80000000;
	uint64_t bytes = 0;
	struct pace pace;

	(void)state;
	pace_init(&pace, rate, SECOND);
	pace_pass(&pace, 1000 * SECOND);
	while (pace_allows(&pace, 100000)) {
		pace_spend(&pace, 100000);
		bytes += 100000;
	}
	assert_in_range(bytes, rate / 8, rate / 8 + 50000);
}

static void what_is_given_back_may_go(void **state)
{
	struct pace pace;

	(void)state;
	pace_init(&pace, 1000000, SECOND);
	pace_pass(&pace, 2 * SECOND);
	assert_true(pace_allows(&pace, CHUNK));
	pace_spend(&pace, CHUNK);
	assert_false(pace_allows(&pace, CHUNK));
	assert_true(pace_deadline(&pace) > 2 * SECOND);
	pace_give_back(&pace, CHUNK - 1000);
	assert_true(pace_allows(&pace, CHUNK));
	/* What was refused may go at once; when it was told, nothing waits. */
	assert_int_equal(pace_deadline(&pace), 2 * SECOND);
	pace_pass(&pace, 2 * SECOND);
	assert_int_equal(pace_deadline(&pace), UINT64_MAX);
}

static void no_rate_is_no_limit(void **state)
{
	struct pace pace;

	(void)state;
	pace_init(&pace, 0, SECOND);
	for (int i = 0; i < 1000; i++) {
		assert_true(pace_allows(&pace, CHUNK));
		pace_spend(&pace, CHUNK);
	}
	assert_int_equal(pace_deadline(&pace), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(five_seconds_are_exact),
	    cmocka_unit_test(the_lowest_rate_moves),
	    cmocka_unit_test(a_pause_is_not_made_up_for),
	    cmocka_unit_test(what_is_given_back_may_go),
	    cmocka_unit_test(no_rate_is_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
