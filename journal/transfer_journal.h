/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_JOURNAL_TRANSFER_JOURNAL_H
#define FERRY_JOURNAL_TRANSFER_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "journal/digest.h"
#include "journal/io.h"

/*
 * The journal of one transfer at one end: the plan, what is confirmed, and
 * the receipts.  Each opening replays the file and writes a compact new one,
 * with a new epoch and the next session number, so the file never grows with
 * the number of restarts.
 *
 * The journal is a hint, never a proof: leaves that it reports were on disk
 * once; the receiver hashes them again before it commits a file.
 */
struct transfer_journal;

/* One planned file: seq first_seq + n means leaf n of this version of path. */
struct journal_plan {
	uint64_t entry;
	uint64_t first_seq;
	uint64_t size;
	int64_t mtime_seconds;
	uint32_t mtime_nanoseconds;
	struct digest version; /* of the source's stat; see transfer/entry.h */
	const char *path;      /* relative to the target; not NUL-terminated */
	size_t path_length;
};

/* A planned file without a receipt, as replay found it. */
struct journal_file {
	struct journal_plan plan;  /* the newest one for this path */
	struct leaf_table *leaves; /* digests of leaves that were confirmed */
	uint64_t leaf_count;       /* how many of them */
	int same_version; /* 1: all leaves are of plan.version; 0: the source
			     changed since some were stored */
};

struct journal_summary {
	uint8_t uuid[16];
	uint32_t session;    /* of this opening: the next one, never 0; of a
				new journal any, so that two transfers that
				follow one another differ in it too */
	uint64_t next_entry; /* above all that were ever planned */
	uint64_t next_seq;
	uint64_t files;       /* with a receipt, in all sessions */
	uint64_t bytes;       /* confirmed, in all sessions */
	uint64_t total_bytes; /* as last noted; 0: not known */
	uint64_t total_files;
	int damaged; /* 1: the old journal was corrupt and was set aside as
			"journal.bad"; nothing of it is used */
};

/*
 * Open dir/journal of the transfer, making it if there is none.  With
 * keep_files 0 (the sending end) files are counted but not remembered.
 * note is kept for people and for finding the journal again (the target's
 * key, the command line): given, it replaces the stored one; NULL keeps it.
 * NULL with errno on failure.
 */
struct transfer_journal *journal_open(struct io *, int dir,
				      const uint8_t uuid[16], int keep_files,
				      const void *note, size_t note_length);

/* Read without changing or locking anything: for status and for finding
 * staged data.  *note is malloc'd.  0; -1 with errno (EBADMSG: corrupt). */
int journal_read(struct io *, int dir, struct journal_summary *, void **note,
		 size_t *note_length);

/*
 * What the opening found, and the numbers of this session; what was added since
 * is not counted.
 */
void journal_get_summary(const struct transfer_journal *,
			 struct journal_summary *);

/*
 * The file that replay found for this path and that has no receipt, or NULL.
 * Owned by the journal; valid until the next journal_find, journal_forget or
 * journal_close.  The caller may take the leaves, and set them to NULL.
 */
struct journal_file *journal_find(struct transfer_journal *, const char *path,
				  size_t path_length);
/*
 * Drop a file that journal_find gave and that is done with, so that its leaves
 * cost no memory.  The record on disk stays until the next opening.
 */
void journal_forget(struct transfer_journal *, struct journal_file *);

/* The four kinds of record; each is buffered until journal_commit.  0, -1. */
int journal_add_plan(struct transfer_journal *, const struct journal_plan *);
/* Leaves [first, first + count) of entry are confirmed.  digests has count
 * members, or is NULL at the sending end; one of zeros takes back what was
 * said of its leaf before. */
int journal_add_leaves(struct transfer_journal *, uint64_t entry,
		       uint64_t first, uint32_t count,
		       const struct digest *digests);
/*
 * The entry is in place, or its end confirmed it: the next opening carries
 * nothing of it on but the count.
 */
int journal_add_receipt(struct transfer_journal *, uint64_t entry);
/* How much the whole transfer is, for "status"; the last one counts. */
int journal_add_total(struct transfer_journal *, uint64_t files,
		      uint64_t bytes);

/* Write and sync what was added.  0 or -1: see record_log_commit. */
int journal_commit(struct transfer_journal *);

/* What was added since the last journal_commit is lost. */
void journal_close(struct transfer_journal *); /* NULL is fine */

#endif
