/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: waits double up to the cap, are spread over the whole range below, and
 * are for failures that time may mend.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transfer/retry.h"

/* The longest wait of an attempt: random numbers near the limit find it. */
static uint64_t longest(unsigned attempt)
{
	uint64_t most = 0;

	for (uint64_t guess = RETRY_BASE_NANOSECONDS;
	     guess <= RETRY_CAP_NANOSECONDS; guess *= 2) {
		uint64_t wait = retry_delay(attempt, guess);

		most = wait > most ? wait : most;
	}
	if (retry_delay(attempt, RETRY_CAP_NANOSECONDS) > most)
		most = retry_delay(attempt, RETRY_CAP_NANOSECONDS);
	return most;
}

static void test_limits_double(void **state)
{
	(void)state;
	assert_int_equal(longest(0), RETRY_BASE_NANOSECONDS);
	assert_int_equal(longest(1), RETRY_BASE_NANOSECONDS * 2);
	assert_int_equal(longest(2), RETRY_BASE_NANOSECONDS * 4);
	assert_int_equal(longest(5), RETRY_BASE_NANOSECONDS * 32);
	assert_int_equal(longest(6), RETRY_CAP_NANOSECONDS);
	assert_int_equal(longest(64), RETRY_CAP_NANOSECONDS);
	assert_int_equal(longest(UINT32_MAX), RETRY_CAP_NANOSECONDS);
}

/* Full jitter: every part of the range is met about as often. */
static void test_jitter_is_full(void **state)
{
	unsigned met[10] = {0};
	uint64_t random = 1;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		uint64_t wait;

		random = random * 6364136223846793005u + 1442695040888963407u;
		wait = retry_delay(20, random ^ random >> 29);
		assert_true(wait <= RETRY_CAP_NANOSECONDS);
		met[wait * 10 / (RETRY_CAP_NANOSECONDS + 1)]++;
	}
	for (size_t i = 0; i < 10; i++)
		assert_in_range(met[i], 850, 1150);
	assert_int_equal(retry_delay(3, 0), 0);
}

static void test_what_is_tried_again(void **state)
{
	static const int never[] = {0,  1,  2,  11, 12, 20,
				    23, 24, 25, 30, 65, 75};

	(void)state;
	assert_int_equal(retry_wanted(10, 0), 1);
	assert_int_equal(retry_wanted(10, 1), 1);
	assert_int_equal(retry_wanted(35, 0), 1);
	assert_int_equal(retry_wanted(255, 0), 0);
	assert_int_equal(retry_wanted(255, 1), 1);
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
		assert_int_equal(retry_wanted(never[i], 0), 0);
		assert_int_equal(retry_wanted(never[i], 1), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_limits_double),
	    cmocka_unit_test(test_jitter_is_full),
	    cmocka_unit_test(test_what_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
