/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_STATE_PRIVATE_H
#define FERRY_CLI_STATE_PRIVATE_H

#include "cli/state.h"
#include "journal/io.h"

/* Shared by state.c (the folder, the list) and state_claim.c (one's own). */
struct state {
	struct io *io;
	int folder;    /* descriptors */
	int transfers; /* flock on it: transfers come and go one at a time */
};

/* transfers/<name>/progress: bytes that are confirmed, and all or 0, as text;
 * always as long, so that it is written over in place. */
#define STATE_NOTE_FORMAT "%20llu %20llu\n"
#define STATE_NOTE_SIZE   42

/*
 * Read transfers/<name>/command into record, which is to be cleared in any
 * case.  0, or -1 with errno: ENOENT there is none, EBADMSG it is damaged.
 */
int state_read_record(struct state *, const char *name,
		      struct state_record *record);

/*
 * Open transfers/<name>/lock and try to lock it.  A descriptor; or -1 with
 * EWOULDBLOCK, and *holder (malloc'd, maybe NULL) says who has it; or -1 with
 * another errno.
 */
int state_try_lock(struct state *, const char *name, int create, char **holder);

/* Call each with the name and UUID of every folder in transfers/, oldest
 * first.  0, what each returned when nonzero, or -1 with errno. */
int state_each(struct state *,
	       int (*each)(void *cookie, const char *name,
			   const uint8_t uuid[16]),
	       void *cookie);

#endif
