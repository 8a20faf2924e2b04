/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_SIM_PLANT_H
#define FERRY_TESTS_SIM_PLANT_H

#include "tests/sim/disk.h"

/*
 * Putting things on a virtual disk before and between sessions, as another
 * program would.  Items are made here, planted, and kept as the record of what
 * was planted.  What is planted is durable at once.
 */

/* A file of random content: small ones full, large ones mostly zero, with no
 * two leaves alike. */
void plant_make_file(struct snapshot_item *, const char *path, uint64_t size,
		     struct dice *);
void plant_make_folder(struct snapshot_item *, const char *path, struct dice *);
void plant_make_link(struct snapshot_item *, const char *path,
		     const char *target, struct dice *);

/* Another content, and maybe size; the time stays. */
void plant_change(struct snapshot_item *, struct dice *);
/* Another time. */
void plant_touch(struct snapshot_item *, struct dice *);

/* Create it, or write a file over in place; folders that exist get the
 * attributes only.  The folder it is in must be there. */
void plant_item(struct disk *, const struct snapshot_item *);
/* Make a new file and rename it over the old one. */
void plant_replace(struct disk *, const struct snapshot_item *);
/* Remove a file. */
void plant_remove(struct disk *, const char *path);
/* One bit of a file is no longer what was written; no time tells.  Returns
 * where it is. */
uint64_t plant_rot(struct disk *, const struct snapshot_item *, struct dice *);

#endif
