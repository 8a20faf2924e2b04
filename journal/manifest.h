/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_JOURNAL_MANIFEST_H
#define FERRY_JOURNAL_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "journal/digest.h"

/*
 * A manifest says what is in a tree, by content: JSON Lines, described in
 * ferry-manifest(5).  A header, one line per entry, after the entry of a file
 * of several leaves the lines with their digests, and a trailer with counts
 * and the digest of all lines before it.  Entries are in the order of
 * manifest_compare_paths, each path once.
 *
 * It is written to a function that takes lines, and read line by line: neither
 * end ever holds more than a line, whatever the size of the tree.
 */

/* The longest line, its newline included.  A path of MANIFEST_PATH_MAX bytes
 * fits, whatever the bytes are. */
#define MANIFEST_LINE_MAX       ((size_t)160000)
#define MANIFEST_PATH_MAX       ((size_t)60000)
#define MANIFEST_TEXT_MAX       ((size_t)4095) /* of a link, of an error */
#define MANIFEST_SIZE_MAX       ((uint64_t)1 << 50)
#define MANIFEST_LEAVES_IN_LINE 1024

enum manifest_type {
	MANIFEST_FILE,
	MANIFEST_FOLDER,
	MANIFEST_LINK,      /* symbolic */
	MANIFEST_UNREADABLE /* it is there, and more is not known of it */
};

struct manifest_entry {
	enum manifest_type type;
	const char *path; /* NUL-terminated, "" for the root, else relative */
	size_t path_length;
	uint64_t size;         /* FILE */
	int64_t mtime_seconds; /* not of UNREADABLE, as mode */
	uint32_t mtime_nanoseconds;
	uint32_t mode;        /* permission bits, 07777 */
	struct digest digest; /* FILE: as journal/digest.h has it */
	const char *text;     /* LINK: where to; UNREADABLE: why */
	size_t text_length;   /* at most MANIFEST_TEXT_MAX */
};

struct manifest_counts {
	uint64_t entries; /* all, of whatever type */
	uint64_t files;
	uint64_t bytes;  /* in the files */
	uint64_t errors; /* entries that are MANIFEST_UNREADABLE */
};

/* <0, 0 or >0: by the bytes of the names, a folder before what is in it, and
 * all that is in it before what comes after it. */
int manifest_compare_paths(const char *a, size_t a_length, const char *b,
			   size_t b_length);

/* ---- writing ---- */

struct manifest_writer;

/*
 * line takes each line, its newline included and NUL after it; valid during
 * the call.  Nonzero from it is returned by the function that wrote the line.
 * NULL: no memory.
 */
struct manifest_writer *
manifest_writer_create(int (*line)(void *cookie, const char *, size_t),
		       void *cookie);
/* Frees the writer, whatever was written so far; no line comes of it. */
void manifest_writer_free(struct manifest_writer *); /* NULL is fine */

/*
 * Each returns 0; -1 with errno (ENOMEM, EINVAL or E2BIG for an entry that no
 * manifest can hold); or what line returned.
 */
int manifest_write_header(struct manifest_writer *);
/* leaves: of a file of two leaves or more, all of them; else it may be NULL.
 * A longer text is cut. */
int manifest_write_entry(struct manifest_writer *,
			 const struct manifest_entry *,
			 const struct leaf_table *leaves);
/*
 * The last line, with the digest of all before it: a manifest without it is
 * refused, so it is not to be written after a failure.
 */
int manifest_write_trailer(struct manifest_writer *);

/* So far. */
const struct manifest_counts *
manifest_writer_counts(const struct manifest_writer *);

/* ---- reading ---- */

/*
 * Reads what may be damaged or hostile: what is not exactly as
 * ferry-manifest(5) says is refused.  Memory is bounded by the longest line.
 */
struct manifest_reader;

enum manifest_item_type {
	MANIFEST_HEADER,
	MANIFEST_ENTRY,
	MANIFEST_LEAVES, /* of the entry before, in order, none left out */
	MANIFEST_TRAILER
};

struct manifest_item {
	enum manifest_item_type type;
	const struct manifest_entry *entry; /* ENTRY */
	uint64_t first_leaf;                /* LEAVES */
	size_t leaf_count;
	const struct digest *leaves;
};

/* A reader that awaits the header. */
struct manifest_reader *manifest_reader_create(void); /* NULL: no memory */
void manifest_reader_free(struct manifest_reader *);  /* NULL is fine */

/*
 * Take the next line, its newline included.  0 and *item, whose pointers are
 * good until the next call (an entry's until that of another entry); -1 if it
 * is refused, or memory ran out: then
 * manifest_reader_cause says why, and nothing more may be taken.
 */
int manifest_read_line(struct manifest_reader *, const char *line,
		       size_t length, struct manifest_item *);

/* After the last line: 0; or -1, with a cause, if lines are missing. */
int manifest_read_end(struct manifest_reader *);

/* "line 12: not what the digest says".  NULL: nothing is wrong. */
const char *manifest_reader_cause(const struct manifest_reader *);

/* So far. */
const struct manifest_counts *
manifest_reader_counts(const struct manifest_reader *);

#endif
