/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may write, where there is no flock?  A lock on the file "lock" of an
 * SFTP server is
 *
 *  1. a file of this end's state folder, named after the server and the path,
 *     with flock: it keeps off other runs of this user on this machine, and a
 *     run that dies gives it up
 *  2. the link "lock.held" beside it, to the name of that state folder, which
 *     leads nowhere: it keeps off everybody else.  A link, for it is made with
 *     what it says or not at all.  One that is our own without step 1 having
 *     found anybody is left over, and taken.
 *
 * One that is left over from another machine stays until that machine's user
 * runs ferry again, or somebody removes it.  Every lock is for one alone.
 */
#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/digest.h"
#include "transfer/io_sftp_internal.h"

#define OWNER_FILE "sftp-owner"
#define TRIES      100

/* ---- step 1 ------------------------------------------------------------- */

static void random_name(struct io *system, char name[33])
{
	struct digest digest;

	if (system->random(NULL, digest.bytes, sizeof(digest.bytes)) == -1)
		memset(digest.bytes, 0, sizeof(digest.bytes));
	digest_format(&digest, name);
}

/* Who we are: kept in the state folder, or made up for this run. */
static void find_owner(struct io_sftp *store)
{
	struct io *system = io_system();
	int file;

	if (store->owner[0] != '\0')
		return;
	random_name(system, store->owner);
	if (store->state_dir == -1)
		return;
	file = openat(store->state_dir, OWNER_FILE,
		      O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (file == -1) {
		/* Should it not be kept, the next run is another owner. */
		io_replace(system, store->state_dir, OWNER_FILE, store->owner,
			   32);
		return;
	}
	if (io_read(system, file, store->owner, 32, 0) != 32)
		random_name(system, store->owner);
	close(file);
}

static int is_current(int state_dir, int descriptor, const char *name)
{
	struct stat opened, named;

	return fstat(descriptor, &opened) == 0 &&
	       fstatat(state_dir, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       opened.st_ino == named.st_ino;
}

/* 0, or -1 with errno. */
static int lock_here(struct io_sftp *store, struct sftp_file *file)
{
	struct digest digest;
	char *whole, hexadecimal[33];

	if (store->state_dir == -1)
		return 0;
	if (asprintf(&whole, "%s:%s", store->place, file->path) == -1)
		return -1;
	digest = digest_of(whole, strlen(whole));
	free(whole);
	digest_format(&digest, hexadecimal);
	snprintf(file->local_name, sizeof(file->local_name), "sftp-lock-%s",
		 hexadecimal);
	for (int try = 0; try < TRIES; try++) {
		int opened =
		    openat(store->state_dir, file->local_name,
			   O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

		if (opened == -1)
			return -1;
		if (flock(opened, LOCK_EX | LOCK_NB) == -1) {
			close(opened);
			return -1;
		}
		file->local_lock = opened;
		/* Who had it may have removed it between the two. */
		if (is_current(store->state_dir, opened, file->local_name))
			return 0;
		close(opened);
		file->local_lock = -1;
	}
	errno = EWOULDBLOCK;
	return -1;
}

static void unlock_here(struct io_sftp *store, struct sftp_file *file)
{
	if (file->local_lock == -1)
		return;
	unlinkat(store->state_dir, file->local_name, 0);
	close(file->local_lock);
	file->local_lock = -1;
}

/* ---- step 2 ------------------------------------------------------------- */

static int lock_there(struct io_sftp *store, struct sftp_file *file)
{
	char *held, *owner;
	int result;

	if (asprintf(&held, "%s.held", file->path) == -1)
		return -1;
	result = io_sftp_make_link(store, held, store->owner);
	if (result == -1 && errno == EEXIST) {
		owner = io_sftp_read_link(store, held);
		if (owner != NULL && strcmp(owner, store->owner) == 0)
			result = 0;
		free(owner);
		errno = EWOULDBLOCK;
	}
	if (result == 0)
		file->held = held;
	else
		free(held);
	return result;
}

/* ---- the calls ---------------------------------------------------------- */

void io_sftp_unlock(struct io_sftp *store, struct sftp_file *file)
{
	if (file->held != NULL)
		io_sftp_ask_path(store, SFTP_REMOVE, file->held);
	free(file->held);
	file->held = NULL;
	unlock_here(store, file);
}

void io_sftp_unlock_path(struct io_sftp *store, const char *path)
{
	struct sftp_file *found = NULL;

	pthread_mutex_lock(&store->lock);
	for (size_t i = 0; i < store->capacity && found == NULL; i++) {
		struct sftp_file *file = store->files[i];

		if (file != NULL && file->held != NULL &&
		    strcmp(file->path, path) == 0)
			found = file;
	}
	pthread_mutex_unlock(&store->lock);
	if (found != NULL)
		io_sftp_unlock(store, found);
}

static int lock(void *context, int descriptor, int operation)
{
	struct io_sftp *store = context;
	struct sftp_file *file;
	int error;

	if (descriptor < IO_SFTP_FIRST)
		return io_system()->lock(NULL, descriptor, operation);
	file = io_sftp_file(store, descriptor);
	if (file == NULL)
		return -1;
	if (operation & LOCK_UN) {
		io_sftp_unlock(store, file);
		return 0;
	}
	if (file->held != NULL)
		return 0;
	find_owner(store);
	if (lock_here(store, file) == 0 && lock_there(store, file) == 0)
		return 0;
	error = errno;
	unlock_here(store, file);
	errno = error;
	return -1;
}

void io_sftp_fill_lock(struct io *io)
{
	io->lock = lock;
}
