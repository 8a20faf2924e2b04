/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_JOURNAL_JOURNAL_REPLAY_H
#define FERRY_JOURNAL_JOURNAL_REPLAY_H

#include "journal/file_table.h"
#include "journal/transfer_journal.h"

/*
 * The records of a transfer's journal, and what they add up to.  Numbers are
 * little endian; the bodies are in ferry-journal(5).
 */
#define JOURNAL_NAME "journal"

enum {
	JOURNAL_NOTE = 1,
	JOURNAL_PLAN = 2,
	JOURNAL_LEAVES = 3,
	JOURNAL_RECEIPT = 4,
	JOURNAL_TOTAL = 5,
	JOURNAL_COUNTER = 6
};

/* entry, first_seq, size, mtime: 8 each; nanoseconds, flags: 4 each; version:
 * 16; then the path. */
#define PLAN_HEADER_SIZE   56
#define PLAN_MIXED         1 /* leaves that follow may be of other versions */
/* entry, first: 8 each; count: 4, and 4 of zero; then count digests or none. */
#define LEAVES_HEADER_SIZE 24
#define LEAVES_MAX         ((uint32_t)32 << 10)
#define JOURNAL_COUNTERS   4 /* next_entry, next_seq, files, bytes */

/* Numbers of entries and leaves stay below this, so that nothing that is
 * counted up from them wraps. */
#define JOURNAL_NUMBER_MAX ((uint64_t)1 << 62)

struct replayed {
	int keep_files;                 /* in: paths and leaves are wanted */
	struct journal_summary summary; /* session: of the old log, also when
					   that cannot be trusted; 0: none */
	struct file_table *files; /* owned; settled; all have leaves, unless
				     keep_files is 0 */
	void *note;               /* owned */
	size_t note_length;
};

/*
 * Read dir/journal.  0; -1 with errno: ENOENT, there is none; EBADMSG, it
 * cannot be trusted.  In any case replayed_clear releases what it has.
 */
int journal_replay(struct io *, int dir, struct replayed *);
void replayed_clear(struct replayed *);

#endif
