/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_ROOT_H
#define FERRY_TRANSFER_ROOT_H

#include <sys/stat.h>

#include <stddef.h>

#include "journal/io.h"

/*
 * A path that the user named as a source, taken apart by rsync's rule for a
 * trailing slash.  The path of every entry under it leads from its anchor to
 * the file: "a/photos" has the anchor "a" and entries "photos", "photos/x";
 * "a/photos/" has the anchor "a/photos" and entries "", "x".
 */
struct root {
	char *anchor; /* of any length that the kernel takes; follows links */
	char *name;   /* what the walk begins with; "": the anchor itself */
	char *prefix; /* before an entry's path: as the user would name it */
};

/* Take path apart.  0, or -1: no memory.  root_release is due both times. */
int root_set(struct root *, const char *path);
void root_release(struct root *); /* one that is all zero is fine */

/* The last name of a path, without slashes at its end, and its length.  Not
 * NUL-terminated. */
const char *root_last_name(const char *path, size_t *length);
/* 1 if path stands for what is inside: "folder/", ".", "..". */
int root_means_contents(const char *path);

/* A descriptor of the anchor, for *_at calls; the caller's.  -1 with errno. */
int root_open_anchor(const struct root *, struct io *, int start_dir);
/* What is there.  0, or -1 with errno: EINVAL for ".ferry", which is no
 * source. */
int root_stat(const struct root *, struct io *, int start_dir, struct stat *);

/*
 * Two sources that would be one file in the target would replace each other at
 * every run: the first root that repeats a name, or count if there is none.
 */
size_t root_find_repeated(const struct root *, size_t count);

#endif
