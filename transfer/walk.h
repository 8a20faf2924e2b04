/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_WALK_H
#define FERRY_TRANSFER_WALK_H

#include <sys/stat.h>

#include <stddef.h>

#include "journal/io.h"

/*
 * A walk through a tree, depth first and sorted by the bytes of the names.
 * It streams: of all names it holds only those of the folders on the way to
 * where it is.  No link is followed; what is called ".ferry" is not entered.
 */
struct walk;

enum walk_kind {
	WALK_FOLDER,     /* comes before what is in it, */
	WALK_FOLDER_END, /* and this after, with the status it had then */
	WALK_FILE,
	WALK_LINK,
	WALK_OTHER,  /* a device, a socket, a named pipe; mode 0: a ".ferry" */
	WALK_PROBLEM /* cannot be looked at; also instead of WALK_FOLDER */
};

struct walk_step {
	enum walk_kind kind;
	const char *path; /* from the anchor; valid until the next step */
	size_t path_length;
	struct stat status; /* not of a PROBLEM */
	const char *link;   /* WALK_LINK: where to; valid as path is */
	size_t link_length;
	int error;        /* PROBLEM: errno; ENOENT: it vanished */
	const char *what; /* PROBLEM: "cannot open" ... */
};

/*
 * Walk what is called name in the folder anchor, or with "" the anchor itself
 * (whose path is "").  anchor stays the caller's and open.  NULL: no memory.
 */
struct walk *walk_create(struct io *, int anchor, const char *name);
void walk_free(struct walk *); /* NULL is fine */

/* 1 and the next step; 0 at the end; -1: no memory. */
int walk_next(struct walk *, struct walk_step *);

/* Of the folder that the last step was, only the end is still to come. */
void walk_pass_over(struct walk *);

#endif
