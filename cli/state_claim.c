/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which transfer a command line goes on with, and that nobody else does.
 *
 * All under the lock of transfers/, so that two runs of one command that start
 * together find each other:
 *
 *   1. look through the records for the same job; else make a new folder
 *   2. take the folder's own lock, which lasts as long as the process; a crash
 *      gives it back
 *   3. write the record
 *
 * What a crash may leave: after step 1 a folder with nothing in it, after step
 * 2 one with a lock that nobody holds; both are removed by the next run.  A
 * folder with a journal and no record is an agent's, on whose behalf a client
 * elsewhere has the record, and is never touched; it is made under a shared
 * lock of transfers/ (transfer/source_record.c), so a half-made one is not
 * seen here.  Without a state folder a run goes on all the same: the target's
 * own lock keeps two of them apart.
 */
#include "cli/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "cli/notice.h"
#include "cli/state_private.h"

struct state_claim {
	struct state *state;
	int is_new;
	uint8_t uuid[16];
	char name[UUID_TEXT_SIZE];
	int lock;     /* descriptor */
	char *record; /* encoded: for state_claim_adopt */
	size_t record_length;
	int note; /* descriptor of "progress", or -1 */
};

static int lock_transfers(struct state *state, int operation)
{
	int result;

	do
		result = flock(state->transfers, operation);
	while (result != 0 && errno == EINTR);
	return result;
}

struct search {
	struct state *state;
	struct state_record *record;
	struct state_claim *claim;
};

static int has_journal(struct state *state, const char *name)
{
	char path[UUID_TEXT_SIZE + 16];

	snprintf(path, sizeof(path), "%s/journal", name);
	return faccessat(state->transfers, path, F_OK, AT_SYMLINK_NOFOLLOW) ==
	       0;
}

/* 1 for the same job.  What a crash left between making a folder and writing
 * its record is removed. */
static int look_at(void *cookie, const char *name, const uint8_t uuid[16])
{
	struct search *search = cookie;
	struct state_record record;
	int found = 0;

	if (state_read_record(search->state, name, &record) == 0) {
		found = state_record_same_job(&record, search->record);
		if (found) {
			memcpy(search->claim->uuid, uuid, 16);
			search->record->started = record.started;
		}
	} else if (errno == ENOENT && !has_journal(search->state, name)) {
		io_remove_tree(search->state->io, search->state->transfers,
			       name);
	}
	state_record_clear(&record);
	return found;
}

/* Who holds it, for those who are kept out and for status.  A failure is of no
 * consequence. */
static void write_holder(struct state_claim *claim)
{
	struct io *io = claim->state->io;
	char host[65] = "this machine", when[32] = "", text[160];
	time_t now = time(NULL);
	struct tm local;
	int length;

	gethostname(host, sizeof(host) - 1);
	if (localtime_r(&now, &local) != NULL)
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &local);
	length = snprintf(text, sizeof(text), "process %ld on %s since %s",
			  (long)getpid(), host, when);
	if (length > 0 &&
	    io_write(io, claim->lock, text, (size_t)length, 0) == 0)
		(void)!ftruncate(claim->lock, length);
}

static int write_record(struct state_claim *claim)
{
	struct io *io = claim->state->io;
	int dir = io_open_beneath(io, claim->state->transfers, claim->name,
				  O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int result;

	if (dir < 0)
		return -1;
	result =
	    io_replace(io, dir, "command", claim->record, claim->record_length);
	io_close(io, dir);
	return result;
}

/* Steps 1 to 3.  0, or -1 with errno. */
static int claim_locked(struct state_claim *claim, struct state_record *record,
			char **holder)
{
	struct search search = {claim->state, record, claim};
	int found = state_each(claim->state, look_at, &search);

	if (found < 0 ||
	    (found == 0 && uuid_create(claim->state->io, claim->uuid) != 0))
		return -1;
	uuid_format(claim->uuid, claim->name);
	claim->is_new = found == 0;
	if (found == 0 &&
	    mkdirat(claim->state->transfers, claim->name, 0700) != 0)
		return -1;
	claim->lock = state_try_lock(claim->state, claim->name, 1, holder);
	if (claim->lock < 0)
		return -1;
	write_holder(claim);
	claim->record = state_record_encode(record, &claim->record_length);
	return claim->record != NULL ? write_record(claim) : -1;
}

static void claim_free(struct state_claim *claim)
{
	if (claim == NULL)
		return;
	io_close(claim->state->io, claim->note);
	io_close(claim->state->io, claim->lock);
	free(claim->record);
	free(claim);
}

enum state_result state_claim(struct state *state, struct state_record *record,
			      struct state_claim **result, char **holder)
{
	struct state_claim *claim = calloc(1, sizeof(*claim));
	int error, failed = -1;

	*result = NULL;
	*holder = NULL;
	if (claim != NULL) {
		claim->state = state;
		claim->lock = -1;
		claim->note = -1;
		if (lock_transfers(state, LOCK_EX) == 0) {
			failed = claim_locked(claim, record, holder);
			error = errno;
			lock_transfers(state, LOCK_UN);
			errno = error;
		}
	}
	if (failed == 0) {
		*result = claim;
		return STATE_CLAIMED;
	}
	error = errno;
	claim_free(claim);
	if (error == EWOULDBLOCK)
		return STATE_HELD;
	notice_note("state folder: %s; " STATE_WITHOUT_RECORD, strerror(error));
	return STATE_FAILED;
}

int state_claim_is_new(const struct state_claim *claim)
{
	return claim->is_new;
}

void state_claim_uuid(const struct state_claim *claim, uint8_t uuid[16])
{
	memcpy(uuid, claim->uuid, 16);
}

void state_claim_adopt(struct state_claim *claim, const uint8_t uuid[16])
{
	struct state *state = claim->state;
	char old[UUID_TEXT_SIZE];
	int old_lock = claim->lock, lock;
	char *holder;

	if (memcmp(uuid, claim->uuid, 16) == 0)
		return;
	if (lock_transfers(state, LOCK_EX) != 0)
		return;
	/* It is made anew in the other folder. */
	io_close(state->io, claim->note);
	claim->note = -1;
	memcpy(old, claim->name, sizeof(old));
	memcpy(claim->uuid, uuid, 16);
	uuid_format(uuid, claim->name);
	/* The engine may have made it already, for its journal. */
	(void)mkdirat(state->transfers, claim->name, 0700);
	lock = state_try_lock(state, claim->name, 1, &holder);
	free(holder);
	if (lock >= 0) {
		claim->lock = lock;
		write_holder(claim);
		io_remove_tree(state->io, state->transfers, old);
		io_close(state->io, old_lock);
	}
	/* Without the record, the same command line still finds what is staged
	 * at the target. */
	(void)write_record(claim);
	lock_transfers(state, LOCK_UN);
}

void state_claim_note(struct state_claim *claim, uint64_t confirmed,
		      uint64_t total)
{
	struct state *state = claim->state;
	char path[UUID_TEXT_SIZE + 16], text[STATE_NOTE_SIZE + 1];

	if (claim->note < 0) {
		snprintf(path, sizeof(path), "%s/progress", claim->name);
		claim->note =
		    io_open_beneath(state->io, state->transfers, path,
				    O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	}
	snprintf(text, sizeof(text), STATE_NOTE_FORMAT,
		 (unsigned long long)confirmed, (unsigned long long)total);
	if (claim->note >= 0)
		(void)io_write(state->io, claim->note, text, STATE_NOTE_SIZE,
			       0);
}

void state_claim_release(struct state_claim *claim, int done)
{
	struct state *state;

	if (claim == NULL)
		return;
	state = claim->state;
	if (done && lock_transfers(state, LOCK_EX) == 0) {
		io_remove_tree(state->io, state->transfers, claim->name);
		lock_transfers(state, LOCK_UN);
	}
	claim_free(claim);
}
