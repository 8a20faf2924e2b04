/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How is a folder removed with all that is in it?
 *
 * By its path from the top each time, so that neither the stack nor the
 * number of open descriptors grows with its depth, and never through a link:
 * 1. list some of the names in the folder at path;
 * 2. unlink each; one that is a folder with something in it becomes the end of
 *    path, and we begin again;
 * 3. when there are no names left, remove the folder itself, go up by one, and
 *    begin again, until path is empty.
 */
#include "journal/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* So many names are held at once. */
#define BATCH 1024

struct removal {
	struct io *io;
	int dir;
	char *path; /* of the folder being emptied; "" when all is done */
	char *names[BATCH];
	size_t count;
};

/* Remove a name that is a file, a link or an empty folder.  0; 1: a folder
 * with something in it; -1. */
static int remove_name(struct io *io, int dir, const char *name)
{
	int error;

	if (io->unlink_at(io->context, dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	/* What POSIX and Linux say of a folder. */
	if (errno != EPERM && errno != EISDIR)
		return -1;
	error = errno;
	if (io->unlink_at(io->context, dir, name, AT_REMOVEDIR) == 0 ||
	    errno == ENOENT)
		return 0;
	if (errno == ENOTEMPTY || errno == EEXIST)
		return 1;
	if (errno == ENOTDIR)
		errno = error; /* not a folder: EPERM had another reason */
	return -1;
}

static int add_name(void *cookie, const char *name)
{
	struct removal *removal = cookie;

	removal->names[removal->count] = strdup(name);
	if (removal->names[removal->count] == NULL)
		return -1;
	return ++removal->count == BATCH;
}

static void drop_names(struct removal *removal)
{
	while (removal->count > 0)
		free(removal->names[--removal->count]);
}

/* Let path end in name.  0 or -1. */
static int go_down(struct removal *removal, const char *name)
{
	size_t old = strlen(removal->path), more = strlen(name);
	char *path = realloc(removal->path, old + 1 + more + 1);

	if (path == NULL)
		return -1;
	if (old > 0)
		path[old++] = '/';
	memcpy(path + old, name, more + 1);
	removal->path = path;
	return 0;
}

/* Remove the names of one batch.  0: all; 1: path has grown; -1. */
static int remove_batch(struct removal *removal, int folder)
{
	size_t i;

	for (i = 0; i < removal->count; i++) {
		int result =
		    remove_name(removal->io, folder, removal->names[i]);

		if (result == 1 && go_down(removal, removal->names[i]) == -1)
			return -1;
		if (result != 0)
			return result;
	}
	return 0;
}

/* 0: the folder at path is empty; 1: path has grown; -1. */
static int empty_folder(struct removal *removal)
{
	struct io *io = removal->io;
	int result, listed;
	int folder = io_open_beneath(io, removal->dir, removal->path,
				     O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

	if (folder == -1)
		return errno == ENOENT ? 0 : -1;
	do {
		listed = io->list(io->context, folder, add_name, removal);
		result = listed == -1 ? -1 : remove_batch(removal, folder);
		drop_names(removal);
	} while (result == 0 && listed == 1);
	io_close(io, folder);
	return result;
}

/* Remove the emptied folder at path, and cut its name off.  0 or -1. */
static int go_up(struct removal *removal)
{
	struct io *io = removal->io;
	char *slash = strrchr(removal->path, '/');
	char *name = slash == NULL ? removal->path : slash + 1;
	int parent = removal->dir, result;

	if (slash != NULL) {
		*slash = 0;
		parent = io_open_beneath(io, removal->dir, removal->path,
					 O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
		if (parent == -1)
			return -1;
	}
	result = io->unlink_at(io->context, parent, name, AT_REMOVEDIR);
	if (result == -1 && errno == ENOENT)
		result = 0;
	if (parent != removal->dir)
		io_close(io, parent);
	*name = 0;
	return result;
}

int io_remove_tree(struct io *io, int dir, const char *name)
{
	struct removal *removal;
	int error, result = remove_name(io, dir, name);

	if (result != 1)
		return result;
	removal = calloc(1, sizeof(*removal));
	if (removal == NULL)
		return -1;
	removal->io = io;
	removal->dir = dir;
	removal->path = strdup(name);
	result = removal->path == NULL ? -1 : 0;
	while (result == 0 && removal->path[0] != 0) {
		result = empty_folder(removal);
		if (result == 1)
			result = 0;
		else if (result == 0)
			result = go_up(removal);
	}
	error = errno;
	free(removal->path);
	free(removal);
	errno = error;
	return result;
}
