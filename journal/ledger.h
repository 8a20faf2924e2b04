/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_JOURNAL_LEDGER_H
#define FERRY_JOURNAL_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "journal/digest.h"
#include "journal/io.h"

/*
 * The ledger: what this end knows to have been committed, one record log per
 * transfer and side, STATE/ledger/<uuid>.sent or .received: both ends may be
 * one user's on one machine.  Append-only; a repeated receipt is the same
 * fact, so ledgers merge in any order.
 */
struct ledger;

enum ledger_side { LEDGER_SENT, LEDGER_RECEIVED };

struct ledger_receipt {
	const char *path; /* relative to the target */
	size_t path_length;
	uint64_t size;
	int64_t mtime_seconds;
	uint32_t mtime_nanoseconds;
	struct digest digest; /* of the file's content */
};

/*
 * Open or go on with the ledger of one transfer in the state folder.  One that
 * is damaged is set aside as <uuid>.sent.bad or .received.bad.  NULL with
 * errno.  There is one writer: whoever holds the transfer.
 */
struct ledger *ledger_open(struct io *, int state_dir, const uint8_t uuid[16],
			   enum ledger_side);
/* Add a receipt; its path is copied.  It is durable only after ledger_sync. */
int ledger_add(struct ledger *, const struct ledger_receipt *); /* 0, -1 */
int ledger_sync(struct ledger *); /* 0, -1; what was added is durable */
/* Syncs first, as well as it can.  NULL is fine. */
void ledger_close(struct ledger *);

/* Call each for every receipt of a transfer; 0, -1 (errno; EBADMSG: damaged,
 * ENOENT: none), or what each returned when nonzero. */
int ledger_read(struct io *, int state_dir, const uint8_t uuid[16],
		enum ledger_side,
		int (*each)(void *cookie, const struct ledger_receipt *),
		void *cookie);

#endif
