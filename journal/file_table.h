/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_JOURNAL_FILE_TABLE_H
#define FERRY_JOURNAL_FILE_TABLE_H

#include "journal/transfer_journal.h"

/*
 * The files that a replay has seen and that have no receipt yet, found by path
 * (if they have one) and by the number of their newest plan.  Owns them.
 */
struct file_table;

struct file_table *file_table_create(void); /* NULL: no memory */
void file_table_free(struct file_table *);

/* plan is copied, with its path.  A file that was planned before goes on with
 * the new number, and keeps its leaves.  0, or -1: no memory. */
int file_table_plan(struct file_table *, const struct journal_plan *);

/* NULL: there is none. */
struct journal_file *file_table_by_entry(const struct file_table *,
    uint64_t entry);
struct journal_file *file_table_by_path(const struct file_table *,
    const char *path, size_t path_length);

/* Remove and free. */
void file_table_remove(struct file_table *, struct journal_file *);

/* All of them, in the order of planning; file NULL begins.  NULL: no more. */
struct journal_file *file_table_next(const struct file_table *,
    const struct journal_file *file);

#endif
