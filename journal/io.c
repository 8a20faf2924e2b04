/* SPDX-License-Identifier: BSD-2-Clause */
/* What callers of the table use: calls that repeat and complete. */
#include "journal/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ssize_t io_read(struct io *io, int descriptor, void *data, size_t size,
    off_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t count = io->pread(io->context, descriptor,
		    (char *)data + done, size - done, offset + (off_t)done);

		if (count == -1 && errno == EINTR)
			continue;
		if (count == -1)
			return -1;
		if (count == 0)
			break;
		done += (size_t)count;
	}
	return (ssize_t)done;
}

int io_write(struct io *io, int descriptor, const void *data, size_t size,
    off_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t count = io->pwrite(io->context, descriptor,
		    (const char *)data + done, size - done,
		    offset + (off_t)done);

		if (count == -1 && errno == EINTR)
			continue;
		if (count == -1)
			return -1;
		if (count == 0) {
			/* No file system should; it would be for ever. */
			errno = EIO;
			return -1;
		}
		done += (size_t)count;
	}
	return 0;
}

static int repeat(int (*call)(void *, int), void *context, int descriptor)
{
	int result;

	do
		result = call(context, descriptor);
	while (result == -1 && errno == EINTR);
	return result;
}

int io_sync_data(struct io *io, int descriptor)
{
	return repeat(io->sync_data, io->context, descriptor);
}

int io_sync(struct io *io, int descriptor)
{
	return repeat(io->sync, io->context, descriptor);
}

int io_sync_all(struct io *io, int descriptor)
{
	return repeat(io->sync_all, io->context, descriptor);
}

int io_open_beneath(struct io *io, int dir, const char *path, int flags,
    mode_t mode)
{
	int descriptor;

	do
		descriptor =
		    io->open_beneath(io->context, dir, path, flags, mode);
	while (descriptor == -1 && errno == EINTR);
	return descriptor;
}

void io_close(struct io *io, int descriptor)
{
	int error = errno;

	if (descriptor == -1)
		return;
	/* After EINTR it is closed on Linux: a second try could close what
	 * another thread has opened meanwhile. */
	io->close(io->context, descriptor);
	errno = error;
}

int io_replace(struct io *io, int dir, const char *name, const void *data,
    size_t size)
{
	char *new_name;
	int descriptor, result = -1;

	if (asprintf(&new_name, "%s.new", name) == -1) {
		errno = ENOMEM;
		return -1;
	}
	descriptor = io_open_beneath(io, dir, new_name,
	    O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (descriptor != -1 &&
	    io_write(io, descriptor, data, size, 0) == 0 &&
	    io_sync(io, descriptor) == 0)
		result = io->rename_at(io->context, dir, new_name, dir, name);
	io_close(io, descriptor);
	free(new_name);
	return result == -1 ? -1 : io_sync(io, dir);
}

/* ---- removing a tree ---- */

struct names {
	char **names;
	size_t count;
	size_t capacity;
};

static int add_name(void *cookie, const char *name)
{
	struct names *names = cookie;

	if (names->count == names->capacity) {
		size_t capacity = names->capacity * 2 + 16;
		char **larger =
		    realloc(names->names, capacity * sizeof(*larger));

		if (larger == NULL)
			return -1;
		names->names = larger;
		names->capacity = capacity;
	}
	names->names[names->count] = strdup(name);
	return names->names[names->count] == NULL ? -1 : (names->count++, 0);
}

static void free_names(struct names *names)
{
	while (names->count > 0)
		free(names->names[--names->count]);
	free(names->names);
}

/* Everything in a folder; goes on after a failure.  0, or -1 with errno. */
static int empty_folder(struct io *io, int folder)
{
	struct names names = {NULL, 0, 0};
	int error = 0;

	/* Listed first: not every file system lists well while it changes. */
	if (io->list(io->context, folder, add_name, &names) != 0)
		error = errno;
	for (size_t i = 0; i < names.count; i++) {
		if (io_remove_tree(io, folder, names.names[i]) == -1 &&
		    error == 0)
			error = errno;
	}
	free_names(&names);
	errno = error;
	return error == 0 ? 0 : -1;
}

int io_remove_tree(struct io *io, int dir, const char *name)
{
	struct stat status;
	int folder, result, flags = 0;

	if (io->stat_at(io->context, dir, name, &status) == -1)
		return errno == ENOENT ? 0 : -1;
	if (S_ISDIR(status.st_mode)) {
		folder = io_open_beneath(io, dir, name, O_RDONLY | O_DIRECTORY,
		    0);
		if (folder == -1)
			return errno == ENOENT ? 0 : -1;
		result = empty_folder(io, folder);
		io_close(io, folder);
		if (result == -1)
			return -1;
		flags = AT_REMOVEDIR;
	}
	if (io->unlink_at(io->context, dir, name, flags) == -1 &&
	    errno != ENOENT)
		return -1;
	return 0;
}
