/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_FAR_SUMS_LOCAL_H
#define FERRY_CLI_FAR_SUMS_LOCAL_H

#include <stdatomic.h>

#include "cli/far_sums_answer.h"
#include "cli/far_sums_spool.h"

/* What a far program's sum of a file would be, were it run here. */
struct far_local;

/* from_disk: files are read from the disk, not from the page cache.  Reading
 * ends soon after *over is set.  NULL: no memory, or nothing here makes such
 * sums. */
struct far_local *far_local_create(enum far_program, int from_disk,
				   const atomic_int *over);
void far_local_free(struct far_local *); /* NULL is fine */

/* The sum of bytes.  0 or -1. */
int far_local_sum_bytes(struct far_local *, const void *bytes, size_t size,
			uint8_t sum[FAR_SUMS_SIZE]);

/*
 * 1: the sum of what was transferred, by the digest alone, if that is enough;
 * else 0.
 */
int far_local_sum_known(const struct far_local *, const struct far_file *,
			uint8_t sum[FAR_SUMS_SIZE]);

/*
 * The sum of the file at path, if it has the size and, where it is known, the
 * digest that were transferred.  1; 0: it is another one by now, or none; -1:
 * it cannot be read, with errno.
 */
int far_local_sum(struct far_local *, const char *path, const struct far_file *,
		  uint8_t sum[FAR_SUMS_SIZE]);

#endif
