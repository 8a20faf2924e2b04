/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_STATE_H
#define FERRY_CLI_STATE_H

#include <stdint.h>

#include "cli/state_record.h"
#include "journal/uuid.h"

/*
 * The state folder of this end, $XDG_STATE_HOME/ferry or ~/.local/state/ferry:
 * transfers/<uuid>/ holds "command", "lock" and maybe "progress" (ours), and
 * "journal" (the engines').  A run holds the lock of its transfer as long as it
 * lives.
 */
struct state;

/*
 * Open the folder, making it (mode 0700) where it is missing; override, from
 * --state-dir, comes first.  NULL after telling the user: without says what
 * goes on without it ("; going on without ..."), and so it is a note; NULL:
 * nothing does, and it is an error.
 */
#define STATE_WITHOUT_RECORD                                                   \
	"going on without, so that only the same command line can resume"
#define STATE_WITHOUT_LEDGER "going on without, and so without a ledger"
struct state *state_open(const char *override, const char *without);
/* For transfer_request and agent_run; -1 for NULL. */
int state_descriptor(const struct state *);
void state_close(struct state *); /* NULL is fine */

/* A transfer that this process runs; its lock is held. */
struct state_claim;

enum state_result {
	STATE_CLAIMED,
	STATE_HELD,  /* *holder, malloc'd or NULL, says who runs it */
	STATE_FAILED /* after a warning: go on without */
};

/*
 * Find the transfer of the same job, or make one with a new UUID, and lock it.
 * started of record is set to what the first run noted.
 */
enum state_result state_claim(struct state *, struct state_record *record,
			      struct state_claim **, char **holder);
/* 1 if no earlier run of the same job had left a record. */
int state_claim_is_new(const struct state_claim *);
/* The transfer's UUID. */
void state_claim_uuid(const struct state_claim *, uint8_t uuid[16]);
/* The far end goes on with an older transfer: keep the record under that. */
void state_claim_adopt(struct state_claim *, const uint8_t uuid[16]);
/* Keep how far it has come, for state_list: where both ends are elsewhere, no
 * journal here says it.  A failure is of no consequence. */
void state_claim_note(struct state_claim *, uint64_t confirmed, uint64_t total);
/* Give the lock back; done removes the transfer from the folder too.  NULL is
 * fine. */
void state_claim_release(struct state_claim *, int done);

/* A transfer under way or cut off, as state_list finds it. */
struct state_entry {
	uint8_t uuid[16];
	char id[UUID_TEXT_SIZE];
	const struct state_record *record;
	const char *holder; /* "process 12 on host since ...", or NULL */
	uint64_t confirmed; /* bytes, as the journal has it, or the run noted */
	uint64_t total;     /* 0: not known */
	int has_amount;     /* these two are known */
};

/*
 * Call each for every transfer with a readable record, oldest first.  0, what
 * each returned when nonzero, or -1 after telling the user.
 */
int state_list(struct state *,
	       int (*each)(void *cookie, const struct state_entry *),
	       void *cookie);

#endif
