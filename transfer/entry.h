/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_ENTRY_H
#define FERRY_TRANSFER_ENTRY_H

#include <sys/stat.h>

#include <stddef.h>
#include <stdint.h>

#include "journal/digest.h"
#include "journal/transfer_journal.h"

/*
 * One thing in a transfer.  The walk of the source is depth first and sorted
 * by the bytes of the names, so a folder comes before what is in it, and its
 * ENTRY_FOLDER_END after: that one carries the attributes, which can be set
 * only when all entries between the two are in place.
 */
enum entry_type {
	ENTRY_FILE = 1,
	ENTRY_FOLDER = 2,
	ENTRY_LINK = 3, /* symbolic */
	ENTRY_FOLDER_END = 4
};

struct entry {
	enum entry_type type;
	uint64_t index;     /* number in the transfer, never used twice */
	uint64_t first_seq; /* seq first_seq + n is leaf n */
	uint64_t opened;    /* ENTRY_FOLDER_END: index of the ENTRY_FOLDER */
	uint64_t size;      /* bytes; 0 unless ENTRY_FILE */
	int64_t mtime_seconds;
	uint32_t mtime_nanoseconds;
	uint32_t mode;         /* permission bits, 07777 */
	uint32_t origin;       /* reading end: which of the paths that the user
				  named it was found under; not sent */
	struct digest version; /* entry_version() of the source's stat */
	size_t path_length;
	size_t link_length; /* ENTRY_LINK: of the target */
	char *path;      /* relative to the target, '/' between names; "" is the
			    target folder itself.  NUL-terminated, owned. */
	char *link;      /* NUL-terminated, owned; NULL unless ENTRY_LINK */
	unsigned shares; /* owners besides the first: see entry_share */
};

/* Longest path and link that an entry may have, in bytes. */
#define ENTRY_PATH_MAX ((size_t)60000)
#define ENTRY_LINK_MAX ((size_t)4095)
/* Largest file: 2^50 bytes. */
#define ENTRY_SIZE_MAX ((uint64_t)1 << 50)

/* A new entry with copies of path and link (NULL: none).  NULL: no memory. */
struct entry *entry_create(enum entry_type, const char *path,
			   size_t path_length, const char *link,
			   size_t link_length);
/* Frees it for the last owner, else takes one owner off.  NULL is fine. */
void entry_free(struct entry *);
/* One more owner, who must call entry_free too; returns the entry.  Owners
 * share and free in one thread. */
struct entry *entry_share(struct entry *);

/*
 * What tells one version of a source file from another: a digest of device,
 * inode, size, mtime and ctime.  Equal means unchanged since; it means nothing
 * between two machines.
 */
struct digest entry_version(const struct stat *);

/* An entry's plan as both ends journal it; path, which stays the caller's, is
 * what it is called at this end. */
struct journal_plan entry_plan(const struct entry *, const char *path,
			       size_t path_length);

/* The number of chunks of an entry: leaf_count(size) for a file, else 0. */
uint64_t entry_chunks(const struct entry *);

/*
 * 1 if a peer may name this path: not absolute, no empty, "." or ".." or
 * ".ferry" part, no NUL, at most ENTRY_PATH_MAX bytes and 255 a part.  "" is
 * valid only with allow_root.  0 otherwise.
 */
int entry_path_valid(const char *path, size_t length, int allow_root);

#endif
