/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_PACE_H
#define FERRY_TRANSFER_PACE_H

#include <stddef.h>
#include <stdint.h>

/*
 * How much may go now, for a rate that is not to be passed: each moment earns
 * bytes, each frame spends them.  A chunk may go when half of it is earned, so
 * that over any time the bytes are off by half a chunk at most; what is not
 * spent is kept for an eighth of a second.  Has no clock: it is told the time.
 */
struct pace {
	uint64_t rate; /* bytes a second; 0: no limit */
	uint64_t now;
	double earned;  /* bytes; below 0: spent before they were earned */
	size_t refused; /* the last that might not go; 0: all that asked may */
};

void pace_init(struct pace *, uint64_t rate, uint64_t now);
/* It is now; and what was refused may ask again. */
void pace_pass(struct pace *, uint64_t now);
/* 1 if so many bytes may go now; it does not spend them. */
int pace_allows(struct pace *, size_t bytes);
void pace_spend(struct pace *, size_t bytes);
/* They did not go after all. */
void pace_give_back(struct pace *, size_t bytes);
/* When what was refused may go; UINT64_MAX: nothing was. */
uint64_t pace_deadline(const struct pace *);

#endif
