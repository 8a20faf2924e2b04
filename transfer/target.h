/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_TARGET_H
#define FERRY_TRANSFER_TARGET_H

#include "journal/io.h"
#include "transfer/message.h"
#include "transfer/task.h"

/*
 * The writing end's side of the disk: the target folder, the staging folder
 * .ferry/<uuid>/ in it, the receiver's journal, the ledger, the lock.
 * target_run may be called by one thread per queue at a time.
 *
 * A staged file is named after its path in the target (the 32 hexadecimal
 * digits of its XXH128), so it is found again even when the journal is lost.
 */
struct target;

struct target_config {
	struct io *io;
	int start_dir;    /* path is relative to it (AT_FDCWD) */
	const char *path; /* the target as the user wrote it */
	const struct message_offer *offer;
	uint8_t uuid[16];   /* proposed */
	uint8_t client[16]; /* of the client's process: shown to who is kept
			       out; a holder with the same uuid is fenced */
	int state_dir;      /* -1: keep no ledger */
	char **asked;       /* the sources as the user named them: nothing is
			       taken but what they lead to.  NULL: anything */
	size_t asked_count;
};

enum target_result {
	TARGET_OPEN,  /* *target is ready */
	TARGET_HELD,  /* another run holds it: *text says who; exit 75 */
	TARGET_FAILED /* errno, *text: "path: why"; EPROTO: by the peer */
};

/*
 * Find or make the target folder, take the lock (fencing an orphan that holds
 * it for the same transfer), find staged data of the same job, open the
 * journal.  *ready is filled in but for the epoch's meaning to others.
 */
enum target_result target_open(const struct target_config *, struct target **,
			       struct message_ready *ready, char **text);

/*
 * Do a task of the writing end, and leave how it went in the task: one thread
 * per queue at a time.
 */
void target_run(struct target *, struct task *);
/*
 * No task is out any more.  Without a TASK_CLOSE before it all that is staged
 * stays for the next session, and the folder gets its own mode back.  NULL is
 * fine.
 */
void target_close(struct target *);

#endif
