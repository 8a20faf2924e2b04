/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_TARGET_INTERNAL_H
#define FERRY_TRANSFER_TARGET_INTERNAL_H

#include <sys/stat.h>

#include <pthread.h>
#include <stdatomic.h>

#include "journal/ledger.h"
#include "journal/transfer_journal.h"
#include "journal/uuid.h"
#include "transfer/fault.h"
#include "transfer/folder_cache.h"
#include "transfer/target.h"
#include "transfer/target_lock.h"

/*
 * The target's state, shared by target*.c and by nobody else.  What belongs
 * to a queue is touched by that queue's thread only.  What holds at all times:
 *
 *  1. A staged file is renamed only when a group has made its bytes durable,
 *     when it has its size, mode and time and those are durable too, and when
 *     the folder that it goes to is.  So a crash leaves a confirmed file
 *     either staged or in place, and whole.
 *  2. The journal claims only what was synced before.
 *  3. Nothing is opened, made, renamed or removed but beneath base, by names
 *     of one component in a folder that was reached without a link.
 *  4. Only mode bits 0777 come from the sender.
 */

/* A descriptor of a file that leaves are hashed or copied from. */
#define TARGET_BASES_OPEN 8
/* So many files or folders are synced one by one; more, all at once. */
#define TARGET_SYNCS_MAX  8
#define TARGET_NAME_SIZE  33 /* of a staged file */

struct target {
	struct io *io;
	char *shown;        /* the folder as the user named it, for messages */
	int base;           /* the target folder */
	dev_t device;       /* what it is on */
	int base_opened_up; /* it got permissions for the time: */
	mode_t base_mode;   /* these are its own */
	char **asked; /* names that may be made in base, sorted; NULL: any */
	size_t asked_count;
	char *offered; /* a single source: its name, the only one taken, */
	char *single;  /* and what it is to be called; else both NULL */
	int named;     /* the user named the file itself */
	struct target_lock *lock;
	uint8_t uuid[16];
	char folder[UUID_TEXT_SIZE]; /* .ferry/<this> is */
	struct target_note {         /* tells the job from others there */
		uint8_t bytes[16 + 256];
		size_t length;
	} note;
	int staging;

	struct transfer_journal *journal;
	pthread_mutex_t journal_lock; /* around every call of the journal */

	/* QUEUE_DATA */
	struct folder_cache *examined; /* folders */
	int look_staged; /* something may be staged of what comes */
	struct target_base {
		uint64_t index; /* of the entry */
		int basis;
		uint64_t used;
		int descriptor; /* -1: a free place */
	} bases[TARGET_BASES_OPEN];
	uint64_t uses;
	uint8_t *buffer; /* one leaf */
	struct packer *packer;

	/* QUEUE_COMMIT */
	uint64_t total_files, total_bytes; /* as last journaled */
	int state_dir;
	struct ledger *ledger;
	int closed; /* TASK_CLOSE was done */

	/* QUEUE_PLACE */
	struct folder_cache *placed;
	uint8_t *copy; /* for a target on another file system */

	/* Told by QUEUE_PLACE to the next group: it makes them durable. */
	pthread_mutex_t renamed_lock;
	struct target_renamed {
		char *folders[TARGET_SYNCS_MAX]; /* by path */
		size_t count;
		int many; /* more of them, or a link: only syncfs will do */
	} renamed;

	/* Told by QUEUE_DATA to the next group: new names need a sync. */
	atomic_int folders_made; /* anywhere in the target */
	atomic_int staged_made;  /* in the staging folder */

	/* Descriptors in struct staged, which both queues use. */
	pthread_mutex_t staged_lock;
	struct descriptor_list {
		int *numbers;
		size_t count, capacity;
	} opened,      /* all that a struct staged holds */
	    discarded; /* to be closed: QUEUE_COMMIT may be using them */
	int committing;
};

/* ---- target.c ----------------------------------------------------------- */

/* Where an entry goes, relative to base; NULL: not to be taken, for the user
 * did not ask for it. */
const char *target_path(const struct target *, const struct entry *);
/* The name of what is staged for a version of a path: see target.c. */
void target_staged_name(const struct target *, const char *path,
			const struct digest *version,
			char name[TARGET_NAME_SIZE]);
/* The task failed at this entry; see fault_task. */
void target_fault(const struct target *, struct task *, const struct entry *,
		  const char *what, int error);
/* The times that an entry is to have, as set_times wants them. */
void target_times(const struct entry *, struct timespec times[2]);
/* 0, or -1 with errno: times as the entry has them. */
int target_set_times(const struct target *, int descriptor,
		     const struct entry *);
/* The same for a symbolic link, which is not followed. */
int target_set_times_at(const struct target *, int dir, const char *name,
			const struct entry *);
/* The permission bits that an entry may have. */
mode_t target_mode(const struct entry *);
/* Size (of a file) and time, as exact as there, are the entry's. */
int target_is_same(const struct target *, const struct entry *,
		   const struct stat *);

/* ---- target_resolve.c --------------------------------------------------- */

/* Find or make the folder that path is about; fills in shown, base, single
 * and so on.  0, or -1 with errno and *text. */
int target_resolve(struct target *, const struct target_config *, char **text);
/* Did the user ask for a path that begins with this name?  1 or 0. */
int target_is_asked(const struct target *, const char *path);

/* ---- target_staging.c --------------------------------------------------- */

/* Find the staging folder of the same job, or make one, and open its journal.
 * 0, or -1 with errno and *text. */
int target_staging_open(struct target *, const struct target_config *,
			struct message_ready *, char **text);
/* The end of the job: TASK_CLOSE. */
void target_close_job(struct target *, struct task *);

/* ---- the tasks ---------------------------------------------------------- */

void target_examine(struct target *, struct task *); /* target_examine.c */

void target_hash(struct target *, struct task *); /* target_hash.c */
/*
 * The entry's staged file or the one at the target, open for reading, with
 * room for a leaf in target->buffer; it stays the target's.  -1 with errno.
 */
int target_open_basis(struct target *, const struct entry *, int basis);
/*
 * Leaf number leaf of a file of size bytes, which is the entry's staged one
 * or the one at the target, into target->buffer.  0, or -1 with errno;
 * EBADMSG: the file is not of that size.
 */
int target_read_basis(struct target *, const struct entry *, int basis,
		      uint64_t size, uint64_t leaf);
/* Close what is open of an entry's files; UINT64_MAX: of all. */
void target_forget_bases(struct target *, uint64_t index);

/* Stage one chunk.  Nothing of it is durable yet. */
void target_write(struct target *, struct task *);   /* target_write.c */
void target_discard(struct target *, struct task *); /* target_write.c */
/* Have the entry's staged file open in *staged for reading and writing; it is
 * made if it is not there.  The descriptor, or -1 with errno. */
int target_staged_open(struct target *, const struct entry *, struct staged *);

/* ---- target_descriptor.c ------------------------------------------------ */

/* The staged file is open now.  The descriptor; -1, closed: no memory. */
int target_descriptor_keep(struct target *, struct staged *, int descriptor);
/* Close it, if it is open, as soon as QUEUE_COMMIT cannot be using it. */
void target_descriptor_close(struct target *, struct staged *);
/* QUEUE_COMMIT uses staged files from here to there. */
void target_commit_begin(struct target *);
void target_commit_end(struct target *);
/* The session is over: close all that are open.  The struct staged that held
 * them may be gone. */
void target_descriptor_close_all(struct target *);

/*
 * Sync, then journal, then ledger.  After a failed sync nothing is journaled,
 * and the session must end.
 */
void target_group(struct target *, struct task *); /* target_group.c */
/* Make durable what names were made or changed and are in no group yet.  0 or
 * -1. */
int target_sync_names(struct target *);
/* A name in the folder of path was changed, or path's own attributes. */
void target_note_renamed(struct target *, const char *path, size_t length);
/* Something was made that only syncing all makes durable. */
void target_note_many(struct target *);

/*
 * Of entries of which a group has made all leaves durable; the renames are
 * durable only after the next group.
 */
void target_place(struct target *, struct task *); /* target_place.c */

/* target_across.c: rename between two file systems, by copying.  Durable when
 * it returns 0; -1 with errno, and nothing is left behind. */
int target_rename_across(struct target *, const struct entry *,
			 const char *staged, int folder, const char *name);

#endif
