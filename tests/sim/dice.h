/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_SIM_DICE_H
#define FERRY_TESTS_SIM_DICE_H

#include <stddef.h>
#include <stdint.h>

/*
 * The simulator's only source of chance: SplitMix64 (G. Steele et al., "Fast
 * Splittable Pseudorandom Number Generators", 2014).  One seed, one story.
 */
struct dice {
	uint64_t state;
};

/* The same seed and stream always give the same numbers; streams of one seed
 * have nothing to do with one another. */
void dice_init(struct dice *, uint64_t seed, uint64_t stream);
uint64_t dice_next(struct dice *);
/* 0..limit-1; 0 for limit 0. */
uint64_t dice_below(struct dice *, uint64_t limit);
/* first..last */
uint64_t dice_between(struct dice *, uint64_t first, uint64_t last);
/* 1 with a probability of so many in a thousand. */
int dice_chance(struct dice *, unsigned per_mille);
/* first..last, small numbers as likely as large ones: uniform in the number
 * of bits. */
uint64_t dice_skewed(struct dice *, uint64_t first, uint64_t last);
void dice_fill(struct dice *, void *, size_t);

#endif
