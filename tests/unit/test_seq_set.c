/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: a set of sequence numbers holds what was put in, in whatever order and
 * how often it was, in as few ranges as can be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal/seq_set.h"
#include "tests/sim/dice.h"

#define TOP UINT64_MAX

/* The set is these ranges: first, end, first, end ... */
static void expect(const struct seq_set *set, const uint64_t *numbers,
		   size_t count)
{
	assert_int_equal(set->count, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(set->ranges[i].first, numbers[2 * i]);
		assert_int_equal(set->ranges[i].end, numbers[2 * i + 1]);
	}
}
#define EXPECT(set, ...)                                                       \
	do {                                                                   \
		const uint64_t numbers[] = {__VA_ARGS__};                      \
		expect(set, numbers, sizeof(numbers) / 16);                    \
	} while (0)

static void ranges_that_touch_become_one(void **state)
{
	struct seq_set set = SEQ_SET_EMPTY;

	(void)state;
	assert_int_equal(seq_set_add(&set, 10, 20), 0);
	assert_int_equal(seq_set_add(&set, 30, 40), 0);
	assert_int_equal(seq_set_add(&set, 50, 51), 0);
	EXPECT(&set, 10, 20, 30, 40, 50, 51);
	assert_int_equal(seq_set_add(&set, 12, 15), 0); /* there already */
	assert_int_equal(seq_set_add(&set, 7, 7), 0);   /* nothing */
	assert_int_equal(seq_set_add(&set, 9, 8), 0);
	EXPECT(&set, 10, 20, 30, 40, 50, 51);
	assert_int_equal(seq_set_add(&set, 20, 30), 0);
	EXPECT(&set, 10, 40, 50, 51);
	assert_int_equal(seq_set_add(&set, 5, 10), 0);
	assert_int_equal(seq_set_add(&set, 39, 60), 0);
	EXPECT(&set, 5, 60);
	assert_int_equal(seq_set_add(&set, 62, 63), 0);
	assert_int_equal(seq_set_add(&set, 0, TOP), 0);
	EXPECT(&set, 0, TOP);
	seq_set_clear(&set);
	assert_int_equal(set.count, 0);
	assert_int_equal(seq_set_add(&set, 1, 2), 0);
	EXPECT(&set, 1, 2);
	seq_set_clear(&set);
	seq_set_clear(&set);
}

static void what_is_taken_out_leaves_the_rest(void **state)
{
	struct seq_set set = SEQ_SET_EMPTY;

	(void)state;
	assert_int_equal(seq_set_remove(&set, 0, 5), 0);
	seq_set_add(&set, 10, 20);
	seq_set_add(&set, 30, 40);
	seq_set_add(&set, 50, 60);
	assert_int_equal(seq_set_remove(&set, 0, 10), 0);
	assert_int_equal(seq_set_remove(&set, 20, 30), 0);
	assert_int_equal(seq_set_remove(&set, 60, TOP), 0);
	assert_int_equal(seq_set_remove(&set, 15, 15), 0);
	EXPECT(&set, 10, 20, 30, 40, 50, 60);
	assert_int_equal(seq_set_remove(&set, 12, 14), 0); /* one becomes two */
	EXPECT(&set, 10, 12, 14, 20, 30, 40, 50, 60);
	assert_int_equal(seq_set_remove(&set, 19, 31), 0);
	EXPECT(&set, 10, 12, 14, 19, 31, 40, 50, 60);
	assert_int_equal(seq_set_remove(&set, 11, 55), 0);
	EXPECT(&set, 10, 11, 55, 60);
	assert_int_equal(seq_set_remove(&set, 0, TOP), 0);
	assert_int_equal(set.count, 0);
	seq_set_clear(&set);
}

static void questions(void **state)
{
	struct seq_set set = SEQ_SET_EMPTY;
	struct seq_range range;

	(void)state;
	assert_true(seq_set_contains(&set, 5, 5));
	assert_false(seq_set_contains(&set, 5, 6));
	assert_int_equal(seq_set_next_missing(&set, 5), 5);
	assert_int_equal(seq_set_next_range(&set, 0, &range), 0);
	assert_int_equal(seq_set_size(&set), 0);
	seq_set_add(&set, 10, 20);
	seq_set_add(&set, 30, 40);
	assert_int_equal(seq_set_size(&set), 20);
	assert_true(seq_set_contains(&set, 10, 20));
	assert_true(seq_set_contains(&set, 19, 20));
	assert_false(seq_set_contains(&set, 9, 11));
	assert_false(seq_set_contains(&set, 19, 21));
	assert_false(seq_set_contains(&set, 20, 21));
	assert_false(seq_set_contains(&set, 10, 40));
	assert_int_equal(seq_set_next_missing(&set, 9), 9);
	assert_int_equal(seq_set_next_missing(&set, 10), 20);
	assert_int_equal(seq_set_next_missing(&set, 20), 20);
	assert_int_equal(seq_set_next_missing(&set, 39), 40);
	assert_int_equal(seq_set_next_missing(&set, TOP), TOP);
	assert_int_equal(seq_set_next_range(&set, 0, &range), 1);
	assert_int_equal(range.first, 10);
	assert_int_equal(seq_set_next_range(&set, 15, &range), 1);
	assert_int_equal(range.first, 15);
	assert_int_equal(range.end, 20);
	assert_int_equal(seq_set_next_range(&set, 20, &range), 1);
	assert_int_equal(range.first, 30);
	assert_int_equal(seq_set_next_range(&set, 40, &range), 0);
	seq_set_clear(&set);
}

/* ---- against a table of flags ------------------------------------------- */

#define NUMBERS 150

static void compare(const struct seq_set *set, const uint8_t *flags)
{
	uint64_t size = 0;

	for (size_t i = 0; i < set->count; i++) {
		assert_true(set->ranges[i].first < set->ranges[i].end);
		assert_true(i == 0 ||
			    set->ranges[i - 1].end < set->ranges[i].first);
	}
	for (uint64_t n = 0; n < NUMBERS; n++) {
		uint64_t missing = n;

		while (missing < NUMBERS && flags[missing])
			missing++;
		assert_int_equal(seq_set_contains(set, n, n + 1), flags[n]);
		assert_int_equal(seq_set_next_missing(set, n), missing);
		size += flags[n];
	}
	assert_int_equal(seq_set_size(set), size);
}

static void any_order_gives_the_same(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct seq_set sets[2] = {SEQ_SET_EMPTY, SEQ_SET_EMPTY};
		uint8_t flags[2][NUMBERS] = {{0}};
		struct dice dice;

		dice_init(&dice, seed, 0);
		for (unsigned step = 0; step < 100; step++) {
			int which = dice_chance(&dice, 500);
			int add = dice_chance(&dice, 600);
			uint64_t first = dice_below(&dice, NUMBERS);
			uint64_t end = first + dice_skewed(&dice, 0, 40);

			if (end > NUMBERS)
				end = NUMBERS;
			if (add)
				seq_set_add(&sets[which], first, end);
			else
				seq_set_remove(&sets[which], first, end);
			memset(flags[which] + first, add,
			       (size_t)(end - first));
			compare(&sets[which], flags[which]);
		}
		assert_int_equal(seq_set_merge(&sets[0], &sets[1]), 0);
		for (size_t n = 0; n < NUMBERS; n++)
			flags[0][n] |= flags[1][n];
		compare(&sets[0], flags[0]);
		compare(&sets[1], flags[1]);
		/* Once more changes nothing. */
		assert_int_equal(seq_set_merge(&sets[0], &sets[1]), 0);
		compare(&sets[0], flags[0]);
		seq_set_clear(&sets[0]);
		seq_set_clear(&sets[1]);
	}
}

static void merging_with_nothing(void **state)
{
	struct seq_set one = SEQ_SET_EMPTY, none = SEQ_SET_EMPTY;

	(void)state;
	seq_set_add(&one, 1, 3);
	assert_int_equal(seq_set_merge(&one, &none), 0);
	EXPECT(&one, 1, 3);
	assert_int_equal(seq_set_merge(&none, &one), 0);
	EXPECT(&none, 1, 3);
	seq_set_add(&one, 5, 6);
	assert_int_equal(seq_set_merge(&one, &one), 0);
	EXPECT(&one, 1, 3, 5, 6);
	seq_set_clear(&one);
	seq_set_clear(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ranges_that_touch_become_one),
	    cmocka_unit_test(what_is_taken_out_leaves_the_rest),
	    cmocka_unit_test(questions),
	    cmocka_unit_test(any_order_gives_the_same),
	    cmocka_unit_test(merging_with_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
