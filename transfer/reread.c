/* SPDX-License-Identifier: BSD-2-Clause */
/* Which bytes of a file does the disk give back? */
#include "transfer/reread.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "journal/digest.h"
#include "transfer/entry.h"
#include "transfer/fault.h"

/* A file that changes all the time is given up after so many tries. */
#define TRIES        3
/* How far ahead the kernel is asked to read: as source_read does. */
#define AHEAD_LEAVES 8

struct reread {
	struct io *io;
	uint8_t *buffer; /* LEAF_SIZE bytes */
};

/* How one try to read a file ended, besides what the caller is told. */
enum { TRY_CHANGED = REREAD_STOPPED + 1 };

struct reread *reread_create(struct io *io)
{
	struct reread *reread = malloc(sizeof(*reread));

	if (reread == NULL)
		return NULL;
	reread->io = io;
	reread->buffer = leaf_buffer_create();
	if (reread->buffer != NULL)
		return reread;
	free(reread);
	return NULL;
}

void reread_free(struct reread *reread)
{
	if (reread == NULL)
		return;
	free(reread->buffer);
	free(reread);
}

static int fail(char **text, const char *what, int error)
{
	*text = fault_text(NULL, what, error);
	return REREAD_FAILED;
}

/* Neither a link nor a pipe that took the file's place is followed or waited
 * for. */
static int open_file(struct reread *reread, int folder, const char *name,
		     int *descriptor, struct stat *status, char **text)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

	*descriptor = io_open_beneath(reread->io, folder, name, flags, 0);
	if (*descriptor != -1 &&
	    reread->io->stat(reread->io->context, *descriptor, status) == 0)
		return S_ISREG(status->st_mode) ? REREAD_DONE : REREAD_GONE;
	if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP ||
	    errno == ENXIO)
		return REREAD_GONE;
	return fail(text, "cannot open", errno);
}

/* Only what is on the disk can be dropped.  A file system that has nothing to
 * sync says so in one of many ways; one that lost the bytes says EIO. */
static int drop_cache(struct reread *reread, int descriptor, char **text)
{
	struct io *io = reread->io;

	if (io_sync_data(io, descriptor) == -1 &&
	    (errno == EIO || errno == ENOSPC || errno == EDQUOT))
		return fail(text, "cannot be made durable", errno);
	io->advise(io->context, descriptor, 0, 0, IO_DROP_CACHE);
	return REREAD_DONE;
}

static int read_leaves(struct reread *reread, int descriptor,
		       const struct reread_sink *sink, uint64_t size,
		       char **text)
{
	struct io *io = reread->io;
	uint64_t count = leaf_count(size);

	for (uint64_t i = 0; i < count; i++) {
		size_t length = leaf_length(size, i);
		ssize_t got;

		if (count > 1 && i % (AHEAD_LEAVES / 2) == 0)
			io->advise(io->context, descriptor,
				   (off_t)((i + 1) * LEAF_SIZE),
				   (off_t)(AHEAD_LEAVES * LEAF_SIZE),
				   IO_READ_AHEAD);
		got = io_read(io, descriptor, reread->buffer, length,
			      (off_t)(i * LEAF_SIZE));
		if (got == -1)
			return fail(text, "cannot read", errno);
		if ((size_t)got != length)
			return TRY_CHANGED; /* it became shorter */
		if (sink->leaf(sink->cookie, reread->buffer, length) != 0)
			return REREAD_STOPPED;
	}
	return REREAD_DONE;
}

/* Is what is open still what was opened? */
static int check(struct reread *reread, int descriptor,
		 const struct stat *status, char **text)
{
	struct digest before = entry_version(status), after;
	struct stat now;

	if (reread->io->stat(reread->io->context, descriptor, &now) == -1)
		return fail(text, "cannot look at it", errno);
	after = entry_version(&now);
	return digest_equal(&before, &after) ? REREAD_DONE : TRY_CHANGED;
}

static int try_file(struct reread *reread, int folder, const char *name,
		    const struct reread_sink *sink, struct stat *status,
		    char **text)
{
	int descriptor, result;

	result = open_file(reread, folder, name, &descriptor, status, text);
	if (result == REREAD_DONE && (uint64_t)status->st_size > ENTRY_SIZE_MAX)
		result = fail(text, NULL, EFBIG);
	if (result == REREAD_DONE)
		result = drop_cache(reread, descriptor, text);
	if (result == REREAD_DONE && sink->begin(sink->cookie, status) != 0)
		result = REREAD_STOPPED;
	if (result == REREAD_DONE)
		result = read_leaves(reread, descriptor, sink,
				     (uint64_t)status->st_size, text);
	if (result == REREAD_DONE)
		result = check(reread, descriptor, status, text);
	io_close(reread->io, descriptor);
	return result;
}

enum reread_result reread_file(struct reread *reread, int folder,
			       const char *name, const struct reread_sink *sink,
			       struct stat *status, char **text)
{
	*text = NULL;
	for (int i = 0; i < TRIES; i++) {
		int result = try_file(reread, folder, name, sink, status, text);

		if (result != TRY_CHANGED)
			return (enum reread_result)result;
	}
	*text = strdup("changed while it was read");
	return REREAD_FAILED;
}
