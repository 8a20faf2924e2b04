/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_REREAD_H
#define FERRY_TRANSFER_REREAD_H

#include <sys/stat.h>

#include <stddef.h>
#include <stdint.h>

#include "journal/io.h"

/*
 * Reads files from the disk, not from the page cache: what was written lately
 * is made durable first, then the cache is told to forget the file.  A file
 * that changes while it is read is read anew, a few times.
 */
struct reread;

struct reread_sink {
	/* A file begins, or begins anew.  Nonzero ends it. */
	int (*begin)(void *cookie, const struct stat *);
	/* Its bytes in order, a leaf (journal/digest.h) at a time. */
	int (*leaf)(void *cookie, const uint8_t *, size_t length);
	void *cookie;
};

enum reread_result {
	REREAD_DONE,
	REREAD_GONE,    /* no such file any more, or it is no file now */
	REREAD_FAILED,  /* *text, malloc'd (NULL: no memory), says why */
	REREAD_STOPPED, /* begin or leaf returned nonzero */
};

struct reread *reread_create(struct io *); /* NULL: no memory */
void reread_free(struct reread *);         /* NULL is fine */

/* Read the file name in folder.  *status is that of what was read. */
enum reread_result reread_file(struct reread *, int folder, const char *name,
			       const struct reread_sink *, struct stat *status,
			       char **text);

#endif
