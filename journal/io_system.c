/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of this machine's kernel. */
#include "journal/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SYS_openat2
#include <linux/openat2.h>
#endif

static int system_open(void *context, int dir, const char *path, int flags,
    mode_t mode)
{
	(void)context;
	return openat(dir, path, flags | O_CLOEXEC, mode);
}

/* ---- opening beneath a folder ---- */

/* The longest piece of a path that is given to the kernel at once. */
#define PIECE_MAX (PATH_MAX - 1)

#ifdef SYS_openat2
static atomic_int openat2_missing;

/* As openat; -1 with ENOSYS where the kernel has no openat2. */
static int open_resolved(int dir, const char *path, int flags, mode_t mode)
{
	struct open_how how;

	if (atomic_load_explicit(&openat2_missing, memory_order_relaxed)) {
		errno = ENOSYS;
		return -1;
	}
	memset(&how, 0, sizeof(how));
	how.flags = (unsigned)(flags | O_CLOEXEC | O_NOFOLLOW);
	how.mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? mode & 07777 : 0;
	how.resolve =
	    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
	return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}
#else
static int open_resolved(int dir, const char *path, int flags, mode_t mode)
{
	(void)dir, (void)path, (void)flags, (void)mode;
	errno = ENOSYS;
	return -1;
}
#endif

/* One component, which is no link; part is not NUL-terminated. */
static int open_component(int dir, const char *part, size_t length, int flags,
    mode_t mode)
{
	char name[NAME_MAX + 1];

	if (length > NAME_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(name, part, length);
	name[length] = '\0';
	return openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW, mode);
}

/* What openat2 does, by steps. */
static int open_by_steps(int dir, const char *path, int flags, mode_t mode)
{
	int here = dir, next;

	for (;;) {
		size_t length = strcspn(path, "/");
		const char *rest = path + length;

		rest += strspn(rest, "/");
		next = *rest == '\0'
		    ? open_component(here, path, length, flags, mode)
		    : open_component(here, path, length,
			  O_PATH | O_DIRECTORY, 0);
		if (here != dir)
			io_close(io_system(), here);
		if (next == -1 || *rest == '\0')
			return next;
		here = next;
		path = rest;
	}
}

static int open_piece(int dir, const char *path, int flags, mode_t mode)
{
	int descriptor = open_resolved(dir, path, flags, mode);

	if (descriptor != -1 || (errno != ENOSYS && errno != EPERM))
		return descriptor;
	/* EPERM is also what a sandbox says of calls it does not know. */
#ifdef SYS_openat2
	if (errno == ENOSYS)
		atomic_store_explicit(&openat2_missing, 1,
		    memory_order_relaxed);
#endif
	return open_by_steps(dir, path, flags, mode);
}

/* 1 if a part of the path is "..". */
static int climbs(const char *path)
{
	while (*path != '\0') {
		size_t length = strcspn(path, "/");

		if (length == 2 && path[0] == '.' && path[1] == '.')
			return 1;
		path += length;
		path += strspn(path, "/");
	}
	return 0;
}

/* How much of the path to take at once: all, or up to a slash. */
static size_t piece_length(const char *path)
{
	size_t length = strlen(path);

	if (length <= PIECE_MAX)
		return length;
	length = PIECE_MAX;
	while (length > 0 && path[length] != '/')
		length--;
	return length;
}

static int system_open_beneath(void *context, int dir, const char *path,
    int flags, mode_t mode)
{
	char piece[PIECE_MAX + 1];
	int here = dir, next;

	(void)context;
	if (*path == '/' || climbs(path)) {
		errno = EXDEV;
		return -1;
	}
	if (*path == '\0')
		path = ".";
	for (;;) {
		size_t length = piece_length(path);
		int last = path[length] == '\0';

		if (length == 0) {
			errno = ENAMETOOLONG;
			next = -1;
		} else {
			memcpy(piece, path, length);
			piece[length] = '\0';
			next = last ? open_piece(here, piece, flags, mode)
				    : open_piece(here, piece,
					  O_PATH | O_DIRECTORY, 0);
		}
		if (here != dir)
			io_close(io_system(), here);
		if (next == -1 || last)
			return next;
		here = next;
		path += length;
		path += strspn(path, "/");
	}
}

/* ---- the others ---- */

static int system_close(void *context, int descriptor)
{
	(void)context;
	return close(descriptor);
}

static ssize_t system_pread(void *context, int descriptor, void *data,
    size_t size, off_t offset)
{
	(void)context;
	return pread(descriptor, data, size, offset);
}

static ssize_t system_pwrite(void *context, int descriptor, const void *data,
    size_t size, off_t offset)
{
	(void)context;
	return pwrite(descriptor, data, size, offset);
}

static int system_truncate(void *context, int descriptor, off_t size)
{
	(void)context;
	return ftruncate(descriptor, size);
}

static int system_sync_data(void *context, int descriptor)
{
	(void)context;
	return fdatasync(descriptor);
}

static int system_sync(void *context, int descriptor)
{
	(void)context;
	return fsync(descriptor);
}

static int system_sync_all(void *context, int descriptor)
{
	(void)context;
	return syncfs(descriptor);
}

static int system_advise(void *context, int descriptor, off_t offset,
    off_t size, int advice)
{
	(void)context;
	switch (advice) {
	case IO_START_WRITE:
		return sync_file_range(descriptor, offset, size,
		    SYNC_FILE_RANGE_WRITE);
	case IO_DROP_CACHE:
		return posix_fadvise(descriptor, offset, size,
		    POSIX_FADV_DONTNEED);
	default:
		return posix_fadvise(descriptor, offset, size,
		    POSIX_FADV_WILLNEED);
	}
}

static int system_stat(void *context, int descriptor, struct stat *status)
{
	(void)context;
	return fstat(descriptor, status);
}

static int system_stat_at(void *context, int dir, const char *name,
    struct stat *status)
{
	(void)context;
	return fstatat(dir, name, status, AT_SYMLINK_NOFOLLOW);
}

static int is_dot(const char *name)
{
	return name[0] == '.' &&
	    (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static int system_list(void *context, int dir,
    int (*each)(void *cookie, const char *), void *cookie)
{
	/* A descriptor of its own has a position of its own. */
	int descriptor =
	    openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	DIR *stream;
	int result = 0, error;

	(void)context;
	if (descriptor == -1)
		return -1;
	stream = fdopendir(descriptor);
	if (stream == NULL) {
		error = errno;
		close(descriptor);
		errno = error;
		return -1;
	}
	errno = 0;
	while (result == 0 && (entry = readdir(stream)) != NULL) {
		if (!is_dot(entry->d_name))
			result = each(cookie, entry->d_name);
		if (result == 0)
			errno = 0;
	}
	error = errno;
	if (result == 0 && error != 0)
		result = -1;
	closedir(stream);
	errno = error;
	return result;
}

static ssize_t system_read_link_at(void *context, int dir, const char *name,
    char *target, size_t size)
{
	(void)context;
	return readlinkat(dir, name, target, size);
}

static int system_make_dir_at(void *context, int dir, const char *name,
    mode_t mode)
{
	(void)context;
	return mkdirat(dir, name, mode);
}

static int system_make_link_at(void *context, int dir, const char *name,
    const char *target)
{
	(void)context;
	return symlinkat(target, dir, name);
}

static int system_rename_at(void *context, int from_dir, const char *from,
    int to_dir, const char *to)
{
	(void)context;
	return renameat(from_dir, from, to_dir, to);
}

static int system_unlink_at(void *context, int dir, const char *name,
    int flags)
{
	(void)context;
	return unlinkat(dir, name, flags);
}

static int system_set_mode(void *context, int descriptor, mode_t mode)
{
	(void)context;
	return fchmod(descriptor, mode);
}

static int system_set_times(void *context, int descriptor,
    const struct timespec times[2])
{
	(void)context;
	return futimens(descriptor, times);
}

static int system_set_times_at(void *context, int dir, const char *name,
    const struct timespec times[2])
{
	(void)context;
	return utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
}

static int system_lock(void *context, int descriptor, int operation)
{
	(void)context;
	return flock(descriptor, operation);
}

static uint64_t system_clock(void *context)
{
	struct timespec now;

	(void)context;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int64_t system_wall(void *context)
{
	(void)context;
	return (int64_t)time(NULL);
}

static int system_random(void *context, void *data, size_t size)
{
	size_t done = 0;

	(void)context;
	while (done < size) {
		ssize_t count =
		    getrandom((char *)data + done, size - done, 0);

		if (count == -1 && errno != EINTR)
			return -1;
		if (count > 0)
			done += (size_t)count;
	}
	return 0;
}

struct io *io_system(void)
{
	static struct io system = {
	    .open = system_open,
	    .open_beneath = system_open_beneath,
	    .close = system_close,
	    .pread = system_pread,
	    .pwrite = system_pwrite,
	    .truncate = system_truncate,
	    .sync_data = system_sync_data,
	    .sync = system_sync,
	    .sync_all = system_sync_all,
	    .advise = system_advise,
	    .stat = system_stat,
	    .stat_at = system_stat_at,
	    .list = system_list,
	    .read_link_at = system_read_link_at,
	    .make_dir_at = system_make_dir_at,
	    .make_link_at = system_make_link_at,
	    .rename_at = system_rename_at,
	    .unlink_at = system_unlink_at,
	    .set_mode = system_set_mode,
	    .set_times = system_set_times,
	    .set_times_at = system_set_times_at,
	    .lock = system_lock,
	    .clock = system_clock,
	    .wall = system_wall,
	    .random = system_random,
	};

	return &system;
}
