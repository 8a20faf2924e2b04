/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What does this machine's own kernel do for each call of struct io?
 */
#include "journal/io.h"

#include <sys/file.h>
#include <sys/random.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "journal/io_beneath.h"

/*
 * A "name" with a "/" in it would be followed through links, and ".." would
 * lead out: callers never have such a name, and if one does it ends here.
 */
static int is_name(const char *name)
{
	if (name[0] != 0 && strchr(name, '/') == NULL &&
	    strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
		return 1;
	errno = EINVAL;
	return 0;
}

static int system_open(void *context, int dir, const char *path, int flags,
		       mode_t mode)
{
	(void)context;
	return openat(dir, path, flags, mode);
}

static int system_open_beneath(void *context, int dir, const char *path,
			       int flags, mode_t mode)
{
	/* Once refused, openat2 is not asked again. */
	static atomic_int missing;
	int result;

	(void)context;
	if (!atomic_load_explicit(&missing, memory_order_relaxed)) {
		result = io_beneath_openat2(dir, path, flags, mode);
		if (result != -1 || errno != ENOSYS)
			return result;
		atomic_store_explicit(&missing, 1, memory_order_relaxed);
	}
	return io_beneath_walk(dir, path, flags, mode);
}

static int system_close(void *context, int descriptor)
{
	(void)context;
	return close(descriptor);
}

static ssize_t system_pread(void *context, int descriptor, void *bytes,
			    size_t size, off_t offset)
{
	(void)context;
	return pread(descriptor, bytes, size, offset);
}

static ssize_t system_pwrite(void *context, int descriptor, const void *bytes,
			     size_t size, off_t offset)
{
	(void)context;
	return pwrite(descriptor, bytes, size, offset);
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
			 off_t length, int advice)
{
	(void)context;
	if (advice == IO_START_WRITE)
		return sync_file_range(descriptor, offset, length,
				       SYNC_FILE_RANGE_WRITE);
	errno = posix_fadvise(descriptor, offset, length,
			      advice == IO_DROP_CACHE ? POSIX_FADV_DONTNEED
						      : POSIX_FADV_WILLNEED);
	return errno == 0 ? 0 : -1;
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
	return is_name(name) ? fstatat(dir, name, status, AT_SYMLINK_NOFOLLOW)
			     : -1;
}

static int list_names(DIR *stream, int (*each)(void *, const char *),
		      void *cookie)
{
	struct dirent *entry;
	int result;

	for (;;) {
		errno = 0;
		entry = readdir(stream);
		if (entry == NULL)
			return errno == 0 ? 0 : -1;
		if (!is_name(entry->d_name))
			continue;
		result = each(cookie, entry->d_name);
		if (result != 0)
			return result;
	}
}

static int system_list(void *context, int dir,
		       int (*each)(void *, const char *), void *cookie)
{
	/* Not openat("."), which asks for the right to search as well. */
	int copy = fcntl(dir, F_DUPFD_CLOEXEC, 0), result, error;
	DIR *stream;

	(void)context;
	if (copy == -1)
		return -1;
	stream = fdopendir(copy);
	if (stream == NULL) {
		error = errno;
		close(copy);
		errno = error;
		return -1;
	}
	rewinddir(stream); /* the copy shares its position with dir */
	result = list_names(stream, each, cookie);
	error = errno;
	closedir(stream);
	errno = error;
	return result;
}

static ssize_t system_read_link_at(void *context, int dir, const char *name,
				   char *target, size_t size)
{
	(void)context;
	return is_name(name) ? readlinkat(dir, name, target, size) : -1;
}

static int system_make_dir_at(void *context, int dir, const char *name,
			      mode_t mode)
{
	(void)context;
	return is_name(name) ? mkdirat(dir, name, mode) : -1;
}

static int system_make_link_at(void *context, int dir, const char *name,
			       const char *target)
{
	(void)context;
	return is_name(name) ? symlinkat(target, dir, name) : -1;
}

static int system_rename_at(void *context, int from_dir, const char *from,
			    int to_dir, const char *to)
{
	(void)context;
	return is_name(from) && is_name(to)
		   ? renameat(from_dir, from, to_dir, to)
		   : -1;
}

static int system_unlink_at(void *context, int dir, const char *name, int flags)
{
	(void)context;
	return is_name(name) ? unlinkat(dir, name, flags) : -1;
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
	return is_name(name) ? utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW)
			     : -1;
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
	if (clock_gettime(CLOCK_MONOTONIC, &now) == -1)
		return 0; /* Linux always has this clock */
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int64_t system_wall(void *context)
{
	(void)context;
	return (int64_t)time(NULL);
}

static int system_random(void *context, void *bytes, size_t size)
{
	uint8_t *place = bytes;

	(void)context;
	while (size > 0) {
		ssize_t count = getrandom(place, size, 0);

		if (count == -1 && errno != EINTR)
			return -1;
		if (count > 0) {
			place += count;
			size -= (size_t)count;
		}
	}
	return 0;
}

struct io *io_system(void)
{
	/* Never written to: not const because context is a plain pointer. */
	static struct io table = {
	    .context = NULL,
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

	return &table;
}
