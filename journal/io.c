/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How are calls that stop half-way repeated, and what do we build from them?
 */
#include "journal/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

ssize_t io_read(struct io *io, int descriptor, void *bytes, size_t size,
		off_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t count =
		    io->pread(io->context, descriptor, (char *)bytes + done,
			      size - done, offset + (off_t)done);

		if (count == 0)
			break;
		if (count == -1 && errno != EINTR)
			return -1;
		if (count > 0)
			done += (size_t)count;
	}
	return (ssize_t)done;
}

int io_write(struct io *io, int descriptor, const void *bytes, size_t size,
	     off_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t count = io->pwrite(io->context, descriptor,
					   (const char *)bytes + done,
					   size - done, offset + (off_t)done);

		if (count == -1 && errno != EINTR)
			return -1;
		if (count == 0) {
			errno = EIO; /* no progress and no reason */
			return -1;
		}
		if (count > 0)
			done += (size_t)count;
	}
	return 0;
}

int io_sync_data(struct io *io, int descriptor)
{
	int result;

	do
		result = io->sync_data(io->context, descriptor);
	while (result == -1 && errno == EINTR);
	return result;
}

int io_sync(struct io *io, int descriptor)
{
	int result;

	do
		result = io->sync(io->context, descriptor);
	while (result == -1 && errno == EINTR);
	return result;
}

int io_sync_all(struct io *io, int descriptor)
{
	int result;

	do
		result = io->sync_all(io->context, descriptor);
	while (result == -1 && errno == EINTR);
	return result;
}

int io_open_beneath(struct io *io, int dir, const char *path, int flags,
		    mode_t mode)
{
	int result;

	do
		result = io->open_beneath(io->context, dir, path, flags, mode);
	while (result == -1 && errno == EINTR);
	return result;
}

/* Never repeated: after EINTR Linux has let go of the descriptor, and it may
 * be another thread's by now. */
void io_close(struct io *io, int descriptor)
{
	int error = errno;

	if (descriptor != -1)
		io->close(io->context, descriptor);
	errno = error;
}

/* A new file with these bytes, synced.  0 or -1. */
static int write_new(struct io *io, int dir, const char *name,
		     const void *bytes, size_t size)
{
	int file, result;

	/* Left by a crash, or put there to have us write through it. */
	if (io->unlink_at(io->context, dir, name, 0) == -1 && errno != ENOENT)
		return -1;
	file = io_open_beneath(io, dir, name,
			       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file == -1)
		return -1;
	if (io_write(io, file, bytes, size, 0) == -1 ||
	    io_sync(io, file) == -1) {
		io_close(io, file);
		return -1;
	}
	/* Some file systems keep an error for close. */
	result = io->close(io->context, file);
	return result == -1 && errno != EINTR ? -1 : 0;
}

int io_replace(struct io *io, int dir, const char *name, const void *bytes,
	       size_t size)
{
	size_t length = strlen(name);
	char *temporary = malloc(length + sizeof(".new"));
	int result = -1;

	if (temporary == NULL)
		return -1;
	memcpy(temporary, name, length);
	memcpy(temporary + length, ".new", sizeof(".new"));
	if (write_new(io, dir, temporary, bytes, size) == 0 &&
	    io->rename_at(io->context, dir, temporary, dir, name) == 0) {
		result = io_sync(io, dir);
	} else {
		int error = errno;

		io->unlink_at(io->context, dir, temporary, 0);
		errno = error;
	}
	free(temporary);
	return result;
}
