/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_FOLDER_CACHE_H
#define FERRY_TRANSFER_FOLDER_CACHE_H

#include <stddef.h>

#include "journal/io.h"

/*
 * The folder that the last path was in, kept open: in a depth-first order the
 * next one is mostly in the same.  Folders are opened beneath a base, so no
 * link is followed on the way.  One thread at a time.
 */
struct folder_cache;

/* base stays the caller's, and open; -1: none yet.  NULL: no memory. */
struct folder_cache *folder_cache_create(struct io *, int base);
void folder_cache_free(struct folder_cache *); /* NULL is fine */

/* Another base, which forgets what was open. */
void folder_cache_move(struct folder_cache *, int base);

/*
 * A descriptor of the folder at path[0..length), "" being the base; good for
 * *_at calls and stat, and the cache's: valid until the next call.  -1 with
 * errno.
 */
int folder_cache_open(struct folder_cache *, const char *path, size_t length);

/* The same for the folder that path is in; *name is path's last name. */
int folder_cache_parent(struct folder_cache *, const char *path,
			const char **name);

/* Close what is open: it may no longer be what its path leads to. */
void folder_cache_forget(struct folder_cache *);

/* The length of the path of the folder that path is in. */
size_t folder_cache_parent_length(const char *path);

#endif
