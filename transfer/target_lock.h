/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_TARGET_LOCK_H
#define FERRY_TRANSFER_TARGET_LOCK_H

#include <stdint.h>

#include "journal/io.h"
#include "transfer/target.h"

/*
 * One writer at a target.  A job that fills a folder holds FOLDER/.ferry/lock
 * alone; jobs for one named file share it, and hold .ferry/lock-<digest of
 * the file's name> alone.  The locks are flock(2) ones, so they end with
 * whoever holds them; what is in the file says who that is.
 *
 * A holder that works for the same transfer was left behind by a connection
 * that is dead.  It is killed, if it is certain to be that process: this
 * machine and boot, that pid, started when the lock says.
 */
struct target_lock;

struct target_lock_request {
	struct io *io;
	int base;              /* the target folder */
	const char *shown;     /* the same, for messages */
	const char *single;    /* the file's name, or NULL for the folder */
	const uint8_t *uuid;   /* 16 bytes: of the transfer */
	const uint8_t *client; /* 16 bytes: of the client's process */
};

/*
 * Take the lock, making .ferry if need be.  TARGET_OPEN and *lock, or as
 * target_open.
 */
enum target_result target_lock_take(const struct target_lock_request *,
				    struct target_lock **lock, char **text);

/* The folder .ferry; the lock's. */
int target_lock_folder(const struct target_lock *);

/* Another uuid by which a later run may know this one. */
void target_lock_also(struct target_lock *, const uint8_t uuid[16]);

/*
 * At the end of a job, when nothing in the target is touched any more: does
 * nobody else have a hand in it?  1, and then nobody gets one before release;
 * or 0.
 */
int target_lock_alone(struct target_lock *);

/*
 * Let go.  With clean the lock's files are removed, and .ferry if nothing is
 * left in it and nobody else uses it.  NULL is fine.
 */
void target_lock_release(struct target_lock *, int clean);

#endif
