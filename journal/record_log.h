/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_JOURNAL_RECORD_LOG_H
#define FERRY_JOURNAL_RECORD_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "journal/io.h"

/*
 * An append-only file of records in groups.  The format, and what a crash may
 * leave, is in ferry-journal(5).  Records are buffered by record_log_append
 * and become one group with record_log_commit: one write that ends in a commit
 * marker, then one sync.  Replay reports only records of committed groups.
 */
#define RECORD_BODY_MAX ((size_t)1 << 20)

struct record_log;

struct record_header {
	uint8_t uuid[16]; /* of the transfer */
	uint64_t epoch;   /* random, made with the file; in every checksum */
	uint32_t session; /* counts the files that replaced one another */
};

enum record_replay_result {
	RECORD_REPLAY_ERROR = -1, /* errno says why; ENOENT: there is none */
	RECORD_REPLAY_CLEAN = 0,
	RECORD_REPLAY_TORN = 1,   /* a torn tail was left out: normal */
	RECORD_REPLAY_CORRUPT = 2 /* damage before valid records, or a bad
				     header: trust nothing of what was seen */
};

/* What replay tells its caller; returns 0, or -1 (errno) to stop. */
typedef int record_visit(void *cookie, uint8_t type, const uint8_t *body,
			 size_t length);

/*
 * Read dir/name and call visit for each record of each committed group, in
 * order.  *header is set unless ERROR is returned or the header is bad.
 * Changes nothing on disk.
 */
enum record_replay_result record_log_replay(struct io *, int dir,
					    const char *name,
					    struct record_header *header,
					    record_visit *, void *cookie);

/*
 * Make dir/name anew, replacing any.  It is written as "name.new", and takes
 * its place (sync, rename, sync of dir) at record_log_publish; so the caller
 * can first append what the new file carries on from the old.  header->epoch
 * is made here.  NULL with errno on failure.
 */
struct record_log *record_log_create(struct io *, int dir, const char *name,
				     struct record_header *header);

/* Commit what was appended and put the new file in place.  0 or -1. */
int record_log_publish(struct record_log *);

/* Buffer one record; type is 1..254.  0, or -1 (ENOMEM, EMSGSIZE). */
int record_log_append(struct record_log *, uint8_t type, const void *body,
		      size_t length);

/*
 * Write what was appended as one group and sync it.  0, also when nothing was
 * appended; -1 with errno: the log is finished, as is every later commit, and
 * the group counts as not written.  Not for two threads at once.
 */
int record_log_commit(struct record_log *);

/* Bytes in the file, committed groups only. */
uint64_t record_log_size(const struct record_log *);

/* Close; what was not committed is dropped. */
void record_log_close(struct record_log *);

#endif
