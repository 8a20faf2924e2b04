/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_FAR_SUMS_PLACES_H
#define FERRY_CLI_FAR_SUMS_PLACES_H

#include <stddef.h>

#include "cli/job.h"

/*
 * Where the file of a receipt is, at either end of a job.  The receipt has
 * only the path in the target folder: there may be more than one place, and
 * the first that has a file is meant, as in the transfer itself.
 */
struct far_places;

/* target: at the end that is copied to.  home: the folder that relative paths
 * begin in; NULL: here.  The job must outlive it.  NULL: no memory. */
struct far_places *far_places_create(const struct job *, int target,
				     const char *home);
void far_places_free(struct far_places *); /* NULL is fine */

/* Place number index, from 0 on, malloc'd.  NULL: no memory, or there are no
 * more than far_places_count. */
char *far_places_path(const struct far_places *, const char *path,
		      size_t index);
size_t far_places_count(const struct far_places *, const char *path);

#endif
