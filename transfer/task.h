/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_TASK_H
#define FERRY_TRANSFER_TASK_H

#include <stddef.h>
#include <stdint.h>

#include "journal/digest.h"
#include "journal/transfer_journal.h"
#include "transfer/entry.h"
#include "transfer/frame.h"
#include "transfer/message.h"

/*
 * What an engine wants done with disks.  The engine makes a task and gives it
 * away in an action; whoever runs the engine has it done by source_run or
 * target_run, in any thread, and gives it back in an event.  Tasks of one
 * queue are done one after another in the order given; the queues are
 * independent.  A task points to entries that stay the engine's, and that the
 * engine keeps unchanged until the task is back.
 */
enum task_type {
	/* the reading end: source_run */
	TASK_WALK,   /* the next entries of the source */
	TASK_READ,   /* one leaf, as a chunk or as a digest */
	TASK_PACK,   /* the chunk of a READ that is done: its part goes on */
	TASK_COUNT,  /* how much there is, for the progress bar */
	TASK_RECORD, /* to this end's journal and ledger */
	/* the writing end: target_run */
	TASK_EXAMINE, /* what is at the target, or staged, of some entries */
	TASK_HASH,    /* one leaf of staged data or of the target's file */
	TASK_WRITE,   /* one chunk, or one kept leaf, to the staged file */
	TASK_DISCARD, /* close the staged file of an entry; keep the data */
	TASK_GROUP,   /* sync data and renames, then journal and ledger */
	TASK_PLACE,   /* attributes and rename of finished entries */
	TASK_CLOSE    /* the end: sync ledger, remove journal and staging */
};

/* The tasks of QUEUE_PACK are independent of each other, too. */
enum task_queue {
	QUEUE_DATA,
	QUEUE_COMMIT,
	QUEUE_PLACE, /* files go to their places while others are synced */
	QUEUE_COUNT_ONLY,
	QUEUE_PACK,
	QUEUE_TOTAL
};

struct task {
	enum task_type type;
	struct task *next; /* for whoever owns it */
	void *owner;       /* the engine's note on what it was for */
	int error;         /* out: 0, or errno of the whole task */
	char *text; /* out: with error, malloc'd: "what failed: why"; with
		       the path in front if it ends the session (ENOSPC,
		       EDQUOT, EIO, EROFS, or nothing left to work with) */
	union {
		struct task_walk *walk;
		struct task_read *read;
		struct task_count *count;
		struct task_record *record;
		struct task_examine *examine;
		struct task_hash *hash;
		struct task_write *write;
		struct task_discard *discard;
		struct task_group *group;
		struct task_place *place;
		struct task_close *close;
	};
};

/* A task of a type with its part zeroed.  NULL: no memory. */
struct task *task_create(enum task_type);
/* Frees all that the task owns: entries not taken, frames, texts. */
void task_free(struct task *);
enum task_queue task_queue_of(enum task_type);

#define WALK_BATCH 256
struct task_walk {
	struct walk_item {
		struct entry *entry; /* taken by the engine (set to NULL), or */
		enum problem_kind problem; /* entry NULL: path and text say */
		char *path; /* as the user would name it; owned */
		char *text; /* owned */
	} items[WALK_BATCH];
	size_t count;
	int end; /* out: nothing comes after these */
};

enum read_status {
	READ_DONE,
	READ_CHANGED, /* not the version planned: see now */
	READ_GONE,    /* ENOENT, or no longer a file */
	READ_FAILED   /* task.error, task.text */
};
struct task_read {
	const struct entry *entry;
	uint64_t leaf;
	int digest_only;
	int check_only; /* only compare the version; no leaf is read */
	int last;       /* compare the version after reading too, and close */
	int resend;    /* it was sent before, and has its place in the window */
	uint8_t flags; /* for the chunk: CHUNK_WHOLE */
	struct frame *chunk; /* out, finished but for the epoch; taken */
	struct digest digest;
	int level;         /* PACK: of zstd */
	int doubt;         /* PACK: as packer_pack has it */
	uint32_t packed;   /* PACK, out: to how many bytes; 0: it stays plain */
	uint64_t duration; /* PACK, out: nanoseconds */
	enum read_status status;
	struct entry *now; /* out with READ_CHANGED: index and seq 0; taken */
	char *path;        /* out unless READ_DONE: as the user would name it;
			      owned, may be NULL */
};

struct task_count {
	uint64_t files;
	uint64_t bytes;
};

/* Entries are planned, leaves confirmed, or entries finished. */
struct task_record {
	struct record_item {
		enum { RECORD_PLAN, RECORD_LEAVES, RECORD_RECEIPT } kind;
		struct entry *entry; /* shared; freed with the task */
		uint64_t first_leaf; /* LEAVES */
		uint32_t leaf_count;
		int ledger;         /* RECEIPT: of a file that was sent */
		struct digest file; /* RECEIPT */
	} * items;                  /* malloc'd */
	size_t count;
	size_t capacity;
	uint64_t total_files, total_bytes; /* 0: not known */
};

enum examine_verdict {
	EXAMINE_SAME,   /* at the target already, attributes mended if needed */
	EXAMINE_EMPTY,  /* nothing staged: all is needed.  Also for links */
	EXAMINE_STAGED, /* staged leaves of this version: digests in leaves */
	EXAMINE_OLDER,  /* staged leaves of another version, or without a
			   journal: leaves empty, to be hashed first */
	EXAMINE_TARGET, /* checksum: compare with the target's file */
	EXAMINE_MADE,   /* a folder, now there */
	EXAMINE_FAILED  /* text says why */
};
#define EXAMINE_BATCH 64
struct task_examine {
	struct examine_item {
		const struct entry *entry;
		enum examine_verdict verdict;
		uint64_t basis_size;       /* OLDER, TARGET: bytes to compare */
		int target_too;            /* STAGED, OLDER: of what leaves does
					      not tell, compare as TARGET */
		struct digest version;     /* TARGET: entry_version of it */
		struct leaf_table *leaves; /* STAGED, OLDER: digests from the
					      journal; taken.  May be NULL */
		char *text;                /* FAILED; owned */
	} items[EXAMINE_BATCH];
	size_t count;
	int checksum;
};

enum { BASIS_STAGED, BASIS_TARGET };
struct task_hash {
	const struct entry *entry;
	uint64_t leaf;
	int basis;
	uint64_t basis_size;  /* of the file hashed */
	struct digest digest; /* out; task.error if it cannot be read */
};

/*
 * The staged file of an entry, open while the engine has chunks to write or
 * to sync.  The engine owns it, tasks fill it in.
 */
struct staged {
	int descriptor; /* -1: closed */
	int unsynced;   /* closed since written: only sync_all covers it */
	int dressed;    /* it has its size, mode and time, and had them when
			   the group synced it that its last leaf was in */
};

struct task_write {
	const struct entry *entry;
	struct staged *staged;
	struct frame *chunk; /* NULL: a kept leaf, to be copied from basis; or
				with length 0: an empty file is to be staged */
	int basis;
	const uint8_t *data; /* in chunk */
	uint32_t packed; /* bytes of data that are to be unpacked; 0: plain */
	int damaged; /* out: packed, and it cannot be, or has another digest;
			nothing was written */
	uint64_t leaf;
	uint32_t length;
	struct digest digest; /* kept leaf: what it must have, else EBADMSG;
				 packed: what it must have, too */
	int close;            /* the only chunk: close after writing */
};

struct task_discard {
	struct staged *staged;
	const struct entry *entry;
	int remove; /* the staged data too */
};

/* Data first, then the journal that claims it. */
struct task_group {
	struct group_file {
		struct staged *staged; /* written since the last group */
		const struct entry *entry;
	} * files;
	size_t file_count;
	struct group_leaf {
		const struct entry *entry;
		uint64_t leaf;
		struct digest digest;
	} * leaves; /* to be journaled as confirmed */
	size_t leaf_count;
	const struct entry **planned; /* journal these first */
	size_t planned_count;
	struct group_receipt {
		const struct entry *entry; /* renamed by an earlier PLACE */
		struct digest file;
	} * receipts;
	size_t receipt_count;
	int settle; /* folders were made, or files found in place that an
		       earlier run may not have synced: one sync_all */
	uint64_t total_files, total_bytes;
};

/* The staged file is cut to entry.size first: it may hold an older, longer
 * version's tail. */
struct task_place {
	struct place_item {
		const struct entry *entry;
		struct staged *staged; /* files; NULL for links, folders */
		char *text;            /* out: NULL, or why it failed; owned */
		int in_place;          /* COMMIT_IDENTICAL: attributes only */
		struct digest version; /* in_place: it must still be this one */
	} * items;
	size_t count;
};

struct task_close {
	/* Folders whose attributes wait for the staging folder to go. */
	const struct entry *root; /* ENTRY_FOLDER_END of path "", or NULL */
	int keep; /* something failed: keep what is staged, if anything is,
		     and the journal for it */
};

#endif
