/* SPDX-License-Identifier: BSD-2-Clause */
/* Which number stands for which file or folder of an SFTP server? */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/io_sftp_internal.h"

#define FILES_MAX 65536 /* the server has a limit of its own, far lower */

struct sftp_file *io_sftp_file(struct io_sftp *store, int descriptor)
{
	struct sftp_file *file = NULL;
	size_t place = (size_t)(descriptor - IO_SFTP_FIRST);

	pthread_mutex_lock(&store->lock);
	if (descriptor >= IO_SFTP_FIRST && place < store->capacity)
		file = store->files[place];
	pthread_mutex_unlock(&store->lock);
	if (file == NULL)
		errno = EBADF;
	return file;
}

/* A free place in the table, under the lock.  -1 with errno. */
static int find_place(struct io_sftp *store)
{
	struct sftp_file **bigger;
	size_t place = 0;

	while (place < store->capacity && store->files[place] != NULL)
		place++;
	if (place < store->capacity)
		return (int)place;
	errno = EMFILE;
	if (place == FILES_MAX)
		return -1;
	bigger =
	    realloc(store->files, (place + 64) * sizeof(struct sftp_file *));
	if (bigger == NULL)
		return -1;
	memset(bigger + place, 0, 64 * sizeof(*bigger));
	store->files = bigger;
	store->capacity = place + 64;
	return (int)place;
}

/* Its number; -1 with errno, and it is let go. */
static int enter(struct io_sftp *store, struct sftp_file *file)
{
	int place;

	if (file == NULL)
		return -1;
	pthread_mutex_lock(&store->lock);
	place = find_place(store);
	if (place != -1)
		store->files[place] = file;
	pthread_mutex_unlock(&store->lock);
	if (place != -1)
		return place + IO_SFTP_FIRST;
	io_sftp_let_go(store, file);
	errno = EMFILE;
	return -1;
}

struct sftp_file *io_sftp_create(const char *path)
{
	struct sftp_file *file = calloc(1, sizeof(*file));

	if (file == NULL)
		return NULL;
	file->local_lock = -1;
	file->known_size = UINT64_MAX;
	file->path = strdup(path);
	if (file->path != NULL)
		return file;
	free(file);
	return NULL;
}

struct sftp_file *io_sftp_open_path(struct io_sftp *store, const char *path,
				    int flags, mode_t mode)
{
	const int alone = O_CREAT | O_EXCL;
	struct sftp_file *file = io_sftp_create(path);
	struct stat status;
	int error;

	if (file == NULL)
		return NULL;
	file->flags = flags;
	file->first_connection = io_sftp_least(store);
	if (io_sftp_ask_handle(store, file, file->first_connection, flags,
			       mode) == 0) {
		file->fresh = (flags & alone) == alone;
		if (flags & O_CREAT)
			io_sftp_note_folder(store, path);
		return file;
	}
	error = errno;
	/* A failure of any kind: is it that something is there? */
	if (error == EIO && (flags & alone) == alone &&
	    io_sftp_look(store, SFTP_LSTAT, path, &status) == 0)
		error = EEXIST;
	free(file->path);
	free(file);
	errno = error;
	return NULL;
}

static struct sftp_file *open_folder(const char *path)
{
	struct sftp_file *file = io_sftp_create(path);

	if (file != NULL)
		file->folder = 1;
	return file;
}

/* What is at a path that was looked at: a folder or a file, as flags ask. */
static struct sftp_file *open_found(struct io_sftp *store, const char *path,
				    const struct stat *status, int flags,
				    mode_t mode)
{
	struct sftp_file *file;

	errno = 0;
	if (S_ISLNK(status->st_mode))
		errno = ELOOP;
	else if (S_ISDIR(status->st_mode))
		return open_folder(path);
	else if (flags & O_DIRECTORY)
		errno = ENOTDIR;
	else if (!S_ISREG(status->st_mode))
		errno = ENXIO; /* the server would wait for a pipe's end */
	if (errno != 0)
		return NULL;
	file = io_sftp_open_path(store, path, flags, mode);
	if (file != NULL) {
		file->known_size = (uint64_t)status->st_size;
		file->known_time = status->st_mtim.tv_sec;
	}
	return file;
}

/* ---- the calls ---------------------------------------------------------- */

static int sftp_open(void *context, int dir, const char *path, int flags,
		     mode_t mode)
{
	struct io_sftp *store = context;
	struct sftp_file *folder, *file = NULL;
	const char *base = store->home;
	char *whole, *real;
	struct stat status;

	if (dir != AT_FDCWD && dir < IO_SFTP_FIRST)
		return io_system()->open(NULL, dir, path, flags, mode);
	if (dir != AT_FDCWD) {
		folder = io_sftp_file(store, dir);
		if (folder == NULL)
			return -1;
		base = folder->path;
	}
	whole = path[0] == '/' ? strdup(path) : io_sftp_join(base, path);
	if (whole == NULL)
		return -1;
	if (io_sftp_look(store, SFTP_STAT, whole, &status) == 0) {
		/* The links on the way to it are followed now and not again. */
		real = io_sftp_real_path(store, whole);
		if (real != NULL)
			file = open_found(store, real, &status, flags, mode);
		free(real);
	}
	free(whole);
	return enter(store, file);
}

/* Look at every part of path, which is beneath a folder, but the last: none
 * may be a link.  0, or -1 with errno. */
static int check_parts(struct io_sftp *store, char *path, size_t beneath)
{
	struct stat status;
	char *slash = path + beneath;
	int result = 0;

	while (result == 0 && (slash = strchr(slash + 1, '/')) != NULL) {
		*slash = '\0';
		result = io_sftp_look(store, SFTP_LSTAT, path, &status);
		if (result == 0 && !S_ISDIR(status.st_mode)) {
			errno = S_ISLNK(status.st_mode) ? ELOOP : ENOTDIR;
			result = -1;
		}
		*slash = '/';
	}
	return result;
}

/* "a//b/./c/" becomes "a/b/c".  0; -1 with errno: it leads out. */
static int tidy(char *path)
{
	char *to = path;

	for (const char *from = path; *from != '\0';) {
		size_t length = strcspn(from, "/");

		if (length == 2 && from[0] == '.' && from[1] == '.') {
			errno = EXDEV;
			return -1;
		}
		if (length > 0 && !(length == 1 && from[0] == '.')) {
			if (to != path)
				*to++ = '/';
			memmove(to, from, length);
			to += length;
		}
		from += length;
		from += strspn(from, "/");
	}
	*to = '\0';
	return 0;
}

static struct sftp_file *open_last(struct io_sftp *store, const char *path,
				   int flags, mode_t mode)
{
	const int alone = O_CREAT | O_EXCL;
	struct sftp_file *file;
	struct stat status;

	/* The server itself sees to it that this follows nothing. */
	if ((flags & alone) == alone)
		return io_sftp_open_path(store, path, flags, mode);
	if (io_sftp_cache_look(store, path, &status) == SFTP_ABSENT) {
		errno = ENOENT;
		file = flags & O_CREAT ? io_sftp_open_path(store, path,
							   flags | O_EXCL, mode)
				       : NULL;
		if (file != NULL || errno != EEXIST)
			return file;
	}
	if (io_sftp_look(store, SFTP_LSTAT, path, &status) == 0)
		return open_found(store, path, &status, flags, mode);
	if (errno != ENOENT || !(flags & O_CREAT))
		return NULL;
	return io_sftp_open_path(store, path, flags, mode);
}

static int open_beneath(void *context, int dir, const char *path, int flags,
			mode_t mode)
{
	struct io_sftp *store = context;
	struct sftp_file *folder, *file = NULL;
	size_t length = strlen(path);
	char *relative, *whole;

	if (dir < IO_SFTP_FIRST)
		return io_system()->open_beneath(NULL, dir, path, flags, mode);
	folder = io_sftp_file(store, dir);
	relative = folder == NULL ? NULL : strdup(path);
	if (relative == NULL)
		return -1;
	if (length > 0 && path[length - 1] == '/')
		flags |= O_DIRECTORY;
	if (path[0] == '/' || tidy(relative) == -1) {
		errno = EXDEV;
	} else if (relative[0] == '\0') {
		file = open_folder(folder->path);
	} else {
		whole = io_sftp_join(folder->path, relative);
		if (whole != NULL &&
		    check_parts(store, whole,
				strlen(whole) - strlen(relative)) == 0)
			file = open_last(store, whole, flags, mode);
		free(whole);
	}
	free(relative);
	return enter(store, file);
}

void io_sftp_let_go(struct io_sftp *store, struct sftp_file *file)
{
	io_sftp_unlock(store, file);
	io_sftp_forget_ahead(file);
	io_sftp_end(store, file);
}

static int sftp_close(void *context, int descriptor)
{
	struct io_sftp *store = context;
	struct sftp_file *file;
	int error, folder;

	if (descriptor < IO_SFTP_FIRST)
		return io_system()->close(NULL, descriptor);
	file = io_sftp_file(store, descriptor);
	if (file == NULL)
		return -1;
	/* A sync of all finds it in the table, or its sync is sent: else it
	 * would be neither.  Folders have none, and a put removes them while
	 * such a sync waits for it. */
	folder = file->folder;
	if (!folder)
		pthread_mutex_lock(&store->sync_all);
	pthread_mutex_lock(&store->lock);
	store->files[descriptor - IO_SFTP_FIRST] = NULL;
	error = file->error;
	pthread_mutex_unlock(&store->lock);
	io_sftp_let_go(store, file);
	if (!folder)
		pthread_mutex_unlock(&store->sync_all);
	errno = error;
	return error == 0 ? 0 : -1;
}

void io_sftp_fill_open(struct io *io)
{
	io->open = sftp_open;
	io->open_beneath = open_beneath;
	io->close = sftp_close;
}
