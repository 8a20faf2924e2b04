/* SPDX-License-Identifier: BSD-2-Clause */
/* Where are retries decided, and how long is waited before one. */
#include "transfer/retry.h"

#include "transfer/engine.h"

uint64_t retry_delay(unsigned attempt, uint64_t random)
{
	uint64_t limit = RETRY_BASE_NANOSECONDS;

	while (attempt-- > 0 && limit < RETRY_CAP_NANOSECONDS)
		limit *= 2;
	if (limit > RETRY_CAP_NANOSECONDS)
		limit = RETRY_CAP_NANOSECONDS;
	/* 2^64 is so much more than limit that the bias is below 1e-9. */
	return random % (limit + 1);
}

int retry_wanted(int code, int connected)
{
	switch (code) {
	case EXIT_LOST:
	case EXIT_CONNECT_TIMEOUT:
		return 1;
	case EXIT_UNREACHABLE:
		/* The first time it is a typing error or a wrong key: servers
		 * count failed log-ins, and the user waits. */
		return connected;
	default:
		return 0;
	}
}
