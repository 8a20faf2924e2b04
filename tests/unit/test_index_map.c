/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: what is under way is found by its number, whatever came and went. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/dice.h"
#include "transfer/index_map.h"

#define NUMBERS 300

static void an_empty_map(void **state)
{
	struct index_map map = {NULL, 0, 0};
	size_t position = 0;

	(void)state;
	assert_null(index_map_get(&map, 0));
	assert_null(index_map_remove(&map, 5));
	assert_null(index_map_each(&map, &position));
	index_map_clear(&map);
}

static void a_value_is_replaced(void **state)
{
	struct index_map map = {NULL, 0, 0};
	int one, other;

	(void)state;
	assert_int_equal(index_map_put(&map, UINT64_MAX, &one), 0);
	assert_int_equal(index_map_put(&map, 0, &one), 0);
	assert_int_equal(index_map_put(&map, UINT64_MAX, &other), 0);
	assert_int_equal(map.count, 2);
	assert_ptr_equal(index_map_get(&map, UINT64_MAX), &other);
	assert_ptr_equal(index_map_get(&map, 0), &one);
	assert_null(index_map_get(&map, 1));
	assert_ptr_equal(index_map_remove(&map, UINT64_MAX), &other);
	assert_null(index_map_remove(&map, UINT64_MAX));
	assert_int_equal(map.count, 1);
	index_map_clear(&map);
	assert_int_equal(map.count, 0);
	assert_null(index_map_get(&map, 0));
}

/* Each value points to the table at its number. */
static void compare(const struct index_map *map, const uint64_t *indexes,
		    const uint8_t *there, size_t count)
{
	uint8_t seen[NUMBERS] = {0};
	const uint8_t *value;
	size_t position = 0;

	assert_int_equal(map->count, count);
	for (size_t i = 0; i < NUMBERS; i++)
		assert_ptr_equal(index_map_get(map, indexes[i]),
				 there[i] ? &there[i] : NULL);
	while ((value = index_map_each(map, &position)) != NULL) {
		assert_int_equal(seen[value - there], 0);
		seen[value - there] = 1;
		count--;
	}
	assert_int_equal(count, 0);
}

/* Numbers one after the other, as they are given out, and wild ones. */
static void coming_and_going(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct index_map map = {NULL, 0, 0};
		uint64_t indexes[NUMBERS];
		uint8_t there[NUMBERS] = {0};
		struct dice dice;
		size_t count = 0;

		dice_init(&dice, seed, 0);
		for (size_t i = 0; i < NUMBERS; i++)
			indexes[i] =
			    seed % 2 ? i * (seed << 20) : dice_next(&dice);
		for (unsigned step = 0; step < 600; step++) {
			size_t at = (size_t)dice_below(&dice, NUMBERS);

			/* First it fills, then it empties. */
			if (dice_chance(&dice, step < 300 ? 700 : 200)) {
				count += !there[at];
				there[at] = 1;
				assert_int_equal(index_map_put(&map,
							       indexes[at],
							       &there[at]),
						 0);
			} else {
				assert_ptr_equal(
				    index_map_remove(&map, indexes[at]),
				    there[at] ? &there[at] : NULL);
				count -= there[at];
				there[at] = 0;
			}
			if (step % 20 == 0)
				compare(&map, indexes, there, count);
		}
		compare(&map, indexes, there, count);
		index_map_clear(&map);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_map),
	    cmocka_unit_test(a_value_is_replaced),
	    cmocka_unit_test(coming_and_going),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
