/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_SOURCE_INTERNAL_H
#define FERRY_TRANSFER_SOURCE_INTERNAL_H

#include <sys/stat.h>

#include "journal/ledger.h"
#include "journal/transfer_journal.h"
#include "transfer/folder_cache.h"
#include "transfer/root.h"
#include "transfer/source.h"
#include "transfer/walk.h"

/*
 * The source's state, shared by source*.c and by nobody else.  What belongs
 * to a queue is touched by that queue's thread only.
 */

#define SOURCE_FILES_OPEN 16

struct source {
	struct io *io;
	int start_dir;
	struct root *roots;
	size_t root_count;

	/* QUEUE_DATA: the walk */
	size_t walk_root; /* being walked, or the next */
	int walk_anchor;
	struct walk *walk; /* NULL: between two */
	/* QUEUE_DATA: reading */
	struct source_file {
		uint64_t index; /* of the entry */
		uint64_t used;  /* the latest has the highest */
		int descriptor; /* -1: a free place */
	} files[SOURCE_FILES_OPEN];
	uint64_t uses;
	size_t read_root; /* whose anchor is open */
	int read_anchor;
	struct folder_cache *folders;
	uint8_t *buffer; /* one leaf, for digests only */

	struct packer *packer; /* QUEUE_PACK, any of its threads */

	/* QUEUE_COMMIT */
	int state_dir;
	int journal_dir; /* STATE/transfers/<uuid> */
	uint8_t uuid[16];
	struct transfer_journal *journal;  /* NULL: none is kept */
	struct ledger *ledger;             /* opened with the first receipt */
	uint64_t total_files, total_bytes; /* as last noted */
};

/* A descriptor of a root's anchor, the caller's.  -1 with errno. */
int source_open_anchor(const struct source *, size_t root);

/* source_walk.c */
void source_walk(struct source *, struct task *);
void source_count(const struct source *, struct task *);
/* An entry from a status: all but its numbers.  NULL: no memory. */
struct entry *source_entry(enum entry_type, const char *path,
			   size_t path_length, const struct stat *);
/* The path as the user would name it, malloc'd.  NULL: no memory. */
char *source_shown_path(const struct root *, const char *path);

/* source_overlap.c: 1 if an earlier root has something else of the step's path,
 * which would be replaced at every run; else 0. */
int source_overlaps(const struct source *, const struct walk_step *);

/* source_read.c */
void source_read(struct source *, struct task *);
void source_read_close(struct source *); /* all that is open for reading */

/* source_pack.c */
void source_pack(const struct source *, struct task *);

/* source_record.c */
void source_record(struct source *, struct task *);

#endif
