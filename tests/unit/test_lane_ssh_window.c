/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: the receive window is twice the bandwidth-delay product, within
 * bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transfer/lane_ssh_internal.h"

#define MEBIBYTE ((uint64_t)1 << 20)
#define QUARTER  (LANE_SSH_SECOND / 4)

static void a_short_way_needs_none(void **state)
{
	(void)state;
	/* 300 MB/s, 50 microseconds */
	assert_true(lane_ssh_window_for(75000000, QUARTER, 50) < MEBIBYTE / 8);
	assert_int_equal(lane_ssh_window_for(75000000, QUARTER, 0), 0);
	assert_int_equal(lane_ssh_window_for(0, QUARTER, 100000), 0);
}

static void it_follows_the_line(void **state)
{
	uint64_t window;

	(void)state;
	/* 20 MB/s, 100 ms: 2 MB are on the way. */
	window = lane_ssh_window_for(5000000, QUARTER, 100000);
	assert_in_range(window, 3900000, 4000000);
	/* Twice as far, or twice as fast. */
	assert_in_range(lane_ssh_window_for(5000000, QUARTER, 200000),
			2 * window - 100, 2 * window + 100);
	assert_in_range(lane_ssh_window_for(10000000, QUARTER, 100000),
			2 * window - 1000, 2 * window + 1000);
}

static void it_has_a_bound(void **state)
{
	(void)state;
	assert_int_equal(lane_ssh_window_for(UINT32_MAX, QUARTER, 1000000),
			 16 * MEBIBYTE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_short_way_needs_none),
	    cmocka_unit_test(it_follows_the_line),
	    cmocka_unit_test(it_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
