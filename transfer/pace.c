/* SPDX-License-Identifier: BSD-2-Clause */
/* When may a chunk go, if there is a limit to the rate? */
#include "transfer/pace.h"

#define SECOND     1e9
/* Part of a second that is kept if nothing goes, and the least that is kept,
 * in bytes: half of the largest chunk must be. */
#define KEPT_PART  8
#define KEPT_LEAST ((double)(576 << 10))

void pace_init(struct pace *pace, uint64_t rate, uint64_t now)
{
	pace->rate = rate;
	pace->now = now;
	pace->earned = 0;
	pace->refused = 0;
}

void pace_pass(struct pace *pace, uint64_t now)
{
	double most = (double)pace->rate / KEPT_PART;

	if (most < KEPT_LEAST)
		most = KEPT_LEAST;
	pace->earned +=
	    (double)pace->rate * ((double)(now - pace->now) / SECOND);
	if (pace->earned > most)
		pace->earned = most;
	pace->now = now;
	pace->refused = 0;
}

int pace_allows(struct pace *pace, size_t bytes)
{
	if (pace->rate == 0 || pace->earned >= (double)bytes / 2)
		return 1;
	pace->refused = bytes;
	return 0;
}

void pace_spend(struct pace *pace, size_t bytes)
{
	pace->earned -= (double)bytes;
}

void pace_give_back(struct pace *pace, size_t bytes)
{
	pace->earned += (double)bytes;
}

uint64_t pace_deadline(const struct pace *pace)
{
	double missing = (double)pace->refused / 2 - pace->earned;
	double wait;

	if (pace->rate == 0 || pace->refused == 0)
		return UINT64_MAX;
	if (missing <= 0)
		return pace->now;
	wait = missing / (double)pace->rate * SECOND;
	/* Rounded up, or it would wake too early by less than a nanosecond. */
	return wait > 1e18 ? UINT64_MAX : pace->now + (uint64_t)wait + 1;
}
