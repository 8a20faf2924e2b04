/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_SIDE_H
#define FERRY_CLI_SIDE_H

#include <stddef.h>

#include "cli/location.h"
#include "cli/observe.h"
#include "cli/options.h"
#include "journal/manifest.h"

/*
 * One of two sides that are compared: a manifest that a thread of its own
 * makes, here or at the far end, or reads from a file.  What was made and not
 * yet taken is bounded, so that the faster side waits for the slower one.
 */
struct side;

/*
 * Each begins at once.  paths and target are those of manifest_walk.h; all
 * arguments must outlive the side.  NULL: out of memory.
 */
struct side *side_walk(struct observe *, char **paths, size_t count,
		       int target);
struct side *side_far(struct observe *, const struct options *,
		      const struct location *far, char **paths, size_t count,
		      int target);
/* "-": standard input. */
struct side *side_file(struct observe *, const char *path);

/* 1 and the next item, good until the next call for this side; 0 after the
 * trailer; -1 when it failed or all has to end. */
int side_next(struct side *, struct manifest_item *);

/* After -1: an exit code, and why ("path: cause"; NULL: the user was told, or
 * the code says it all). */
int side_code(const struct side *);
const char *side_text(const struct side *);

/* Ends the thread.  NULL is fine. */
void side_free(struct side *);

#endif
