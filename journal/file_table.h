/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_JOURNAL_FILE_TABLE_H
#define FERRY_JOURNAL_FILE_TABLE_H

#include "journal/transfer_journal.h"

/*
 * The files that a replay has seen and that have no receipt yet, found by the
 * number of their newest plan and by path, each in constant time.
 *
 * A journal may be large, and may be made to hurt us: memory is a small
 * multiple of the records that were read, whatever sizes they claim.
 */
struct file_table;
struct planned_file;

/*
 * With keep 0 only the entries' numbers and sizes are kept, to count what is
 * confirmed: 24 bytes each.  NULL: no memory.
 */
struct file_table *file_table_create(int keep);
void file_table_free(struct file_table *);

/*
 * plan is copied, with its path.  A file that was planned before goes on with
 * the new number, and keeps its leaves; mixed: they are of several versions.
 * 0; -1 with errno: ENOMEM, or EBADMSG: the number is another path's.
 */
int file_table_plan(struct file_table *, const struct journal_plan *plan,
		    int mixed);

/* NULL: there is none, or that plan was followed by another one. */
struct planned_file *file_table_by_entry(const struct file_table *,
					 uint64_t entry);
/* Only with keep. */
struct planned_file *file_table_by_path(const struct file_table *,
					const char *path, size_t path_length);

/* Remove and free. */
void file_table_remove(struct file_table *, struct planned_file *);

/* Call each for every file until it returns nonzero; then that is returned,
 * else 0.  each may remove the file that it is called for. */
int file_table_each(const struct file_table *,
		    int (*each)(void *cookie, struct planned_file *),
		    void *cookie);

/* ---- one file; all but its size only with keep ---- */

uint64_t planned_file_size(const struct planned_file *);

/* A leaf is confirmed; a later one of the same number takes its place, and one
 * of zeros takes it back.  0, or -1: no memory. */
int planned_file_add_leaf(struct planned_file *, uint64_t leaf,
			  const struct digest *);

/*
 * Put the leaves in order, once all were added, and drop those behind the end
 * of the newest plan's size.  Returns how many are left.
 */
size_t planned_file_settle(struct planned_file *);

/* What is known of a settled file, without its leaves' digests.  The path
 * stays the table's. */
void planned_file_get(const struct planned_file *, struct journal_file *);

/* The digests, the caller's to free.  NULL: no memory. */
struct leaf_table *planned_file_leaves(const struct planned_file *);

/* The run of leaves that follow one another from place on (0 begins).  Returns
 * its length, at most most; 0: there is no more.  *first is its first leaf. */
size_t planned_file_run(const struct planned_file *, size_t place,
			uint64_t *first, struct digest *digests, size_t most);

#endif
