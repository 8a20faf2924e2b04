/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_RETRY_H
#define FERRY_TRANSFER_RETRY_H

#include <stdint.h>

/*
 * The one retry policy: exponential backoff with full jitter (M. Brooker,
 * "Exponential Backoff And Jitter", AWS Architecture Blog, 2015): the n-th
 * wait is random between 0 and min(cap, base * 2^n).
 */
#define RETRY_BASE_NANOSECONDS ((uint64_t)500 * 1000 * 1000)
#define RETRY_CAP_NANOSECONDS  ((uint64_t)30 * 1000 * 1000 * 1000)

/* Nanoseconds to wait before try number attempt (0 the first retry), given 64
 * random bits. */
uint64_t retry_delay(unsigned attempt, uint64_t random);

/*
 * 1 if a session, or a try to begin one, that ended with this exit code is
 * worth another.  connected: 1 if an earlier session of this run came up, so
 * that a refusal now is rather a server that restarts than a wrong key.
 */
int retry_wanted(int code, int connected);

#endif
