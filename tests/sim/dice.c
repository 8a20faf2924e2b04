/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the simulator's random numbers come from. */
#include "tests/sim/dice.h"

#include <string.h>

void dice_init(struct dice *dice, uint64_t seed, uint64_t stream)
{
	dice->state = seed * UINT64_C(0x9e3779b97f4a7c15);
	dice->state ^= (stream + 1) * UINT64_C(0xd1342543de82ef95);
	dice_next(dice);
}

uint64_t dice_next(struct dice *dice)
{
	uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t dice_below(struct dice *dice, uint64_t limit)
{
	/* The bias of a remainder is of no interest to a test. */
	return limit ? dice_next(dice) % limit : 0;
}

uint64_t dice_between(struct dice *dice, uint64_t first, uint64_t last)
{
	return first + dice_below(dice, last - first + 1);
}

int dice_chance(struct dice *dice, unsigned per_mille)
{
	return dice_below(dice, 1000) < per_mille;
}

uint64_t dice_skewed(struct dice *dice, uint64_t first, uint64_t last)
{
	uint64_t span = last - first + 1;
	unsigned bits = 0;

	while (bits < 63 && (span >> bits) > 1)
		bits++;
	span = dice_below(dice, (uint64_t)1 << dice_between(dice, 0, bits));
	return first + span > last ? last : first + span;
}

void dice_fill(struct dice *dice, void *buffer, size_t size)
{
	uint8_t *bytes = buffer;

	while (size > 0) {
		uint64_t number = dice_next(dice);
		size_t part = size < sizeof(number) ? size : sizeof(number);

		memcpy(bytes, &number, part);
		bytes += part;
		size -= part;
	}
}
