/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_FAR_SUMS_SPOOL_H
#define FERRY_CLI_FAR_SUMS_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "journal/digest.h"

/*
 * Files that wait to be proven, in order, for two threads that each take all
 * of them.  They are kept in a file without a name, for there may be millions.
 */
struct far_spool;

#define FAR_SPOOL_PATH 4000 /* the longest path */
struct far_file {
	uint64_t size;
	int known; /* the digest is */
	struct digest digest;
	size_t path_length;
	char path[FAR_SPOOL_PATH + 1];
};

enum far_taker { FAR_ASKER, FAR_CHECKER, FAR_TAKERS };

/* NULL with errno. */
struct far_spool *far_spool_create(void);
/* No thread is at it any more.  NULL is fine. */
void far_spool_free(struct far_spool *);

/* Append one.  0, or -1 with errno: it is not there. */
int far_spool_add(struct far_spool *, const struct far_file *);
/* None comes any more. */
void far_spool_close(struct far_spool *);

enum far_spool_next {
	FAR_SPOOL_FILE,
	FAR_SPOOL_LATER, /* none came in so many milliseconds */
	FAR_SPOOL_END    /* none comes, or (unlikely) none can be read */
};
enum far_spool_next far_spool_take(struct far_spool *, enum far_taker,
				   int milliseconds, struct far_file *);

#endif
