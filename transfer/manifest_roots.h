/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_MANIFEST_ROOTS_H
#define FERRY_TRANSFER_MANIFEST_ROOTS_H

#include <stddef.h>

#include "transfer/manifest_walk.h"
#include "transfer/root.h"

/* Where a manifest's entries come from: the paths of its config, resolved by
 * the rules that manifest_walk.h has for sources and for a target. */
struct manifest_root {
	struct root root;
	char *as;    /* the one entry is called so; NULL: as it is found */
	size_t rank; /* of two entries with one path, that of the higher counts
		      */
};

struct manifest_roots {
	/* Those with the name "" first, then the others sorted by name. */
	struct manifest_root *roots;
	size_t count;
	size_t contents; /* how many have the name "" */
};

/* All that are there.  0; -1 with errno and *text ("path: why", malloc'd, or
 * NULL: no memory).  manifest_roots_release is due both times. */
int manifest_roots_set(struct manifest_roots *,
		       const struct manifest_walk_config *, char **text);
/* Frees what the struct owns, also after manifest_roots_set failed. */
void manifest_roots_release(struct manifest_roots *);

#endif
