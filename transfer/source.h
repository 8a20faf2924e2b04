/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_SOURCE_H
#define FERRY_TRANSFER_SOURCE_H

#include "journal/io.h"
#include "transfer/message.h"
#include "transfer/task.h"

/*
 * The reading end's side of the disk: walks what the user named, reads leaves,
 * keeps the sender's journal.  source_run may be called by one thread per
 * queue at a time.
 */
struct source;

struct source_config {
	struct io *io;
	int start_dir; /* paths are relative to it (AT_FDCWD) */
	char **paths;  /* as the user wrote them */
	size_t path_count;
	int state_dir; /* -1: keep no journal and no ledger */
};

/*
 * Look at the paths (each must exist) and say what they are.  *offer.name
 * stays the source's.  NULL with errno, *text malloc'd: "path: why".
 */
struct source *source_open(const struct source_config *, struct message_offer *,
			   char **text);

/*
 * Open the journal STATE/transfers/<uuid>/journal, before the first
 * source_run.  *summary gives the numbers that this end has used.  One that
 * was opened before is dropped.  0, or -1 with errno.
 */
int source_open_journal(struct source *, const uint8_t uuid[16],
			struct journal_summary *summary);

/*
 * Do a task of the reading end, and leave how it went in the task.  May take as
 * long as the disk does.
 */
void source_run(struct source *, struct task *);

/* The whole job is done: drop the journal, keep the ledger. */
void source_finish(struct source *);
/* Closes all; the journal stays, for the next session.  NULL is fine. */
void source_close(struct source *);

#endif
