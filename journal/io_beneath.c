/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How is a path opened so that nothing in it leads out of its folder?
 *
 * The kernel does it in one call where it has openat2.  A path longer than
 * the kernel takes is cut at a "/" into pieces; each is opened beneath the
 * folder that the one before led to.  Where there is no openat2, a piece is a
 * single name, and O_NOFOLLOW is what stops a link.
 */
#include "journal/io_beneath.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <unistd.h>

/* A folder on the way: search permission is enough. */
#define THROUGH_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)

/* Opens one piece: fewer than PATH_MAX bytes and a NUL, no "..". */
typedef int open_piece(int dir, const char *piece, int flags, mode_t mode);

static int leads_out(const char *path)
{
	if (*path == '/')
		return 1;
	while (*path != 0) {
		size_t length = strcspn(path, "/");

		if (length == 2 && path[0] == '.' && path[1] == '.')
			return 1;
		path += length;
		path += strspn(path, "/");
	}
	return 0;
}

/*
 * Openat2 was refused: is it openat2 itself that this kernel lacks (ENOSYS) or
 * a sandbox forbids (EPERM), or this one file?  Opening the root by it tells.
 */
static int is_missing(int error)
{
	struct open_how how = {0};
	long probe;

	if (error == ENOSYS)
		return 1;
	if (error != EPERM)
		return 0;
	how.flags = THROUGH_FLAGS;
	probe = syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));
	if (probe >= 0)
		close((int)probe);
	return probe == -1 && errno == EPERM;
}

static int call_openat2(int dir, const char *piece, int flags, mode_t mode,
			unsigned resolve)
{
	struct open_how how = {0};
	long result;

	/* Without O_PATH, O_NOFOLLOW adds nothing but another errno. */
	if (!(flags & O_PATH))
		flags &= ~O_NOFOLLOW;
	how.flags = (unsigned)flags;
	/* openat2 says EINVAL to a mode that it would not use. */
	how.mode = (flags & O_CREAT) ? mode & 07777 : 0;
	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve;
	do
		result = syscall(SYS_openat2, dir, piece, &how, sizeof(how));
	while (result == -1 && errno == EAGAIN); /* a rename was in the way */
	if (result == -1) {
		int error = errno;

		errno = is_missing(error) ? ENOSYS : error;
	}
	return (int)result;
}

static int open_by_openat2(int dir, const char *piece, int flags, mode_t mode)
{
	return call_openat2(dir, piece, flags, mode, RESOLVE_NO_SYMLINKS);
}

/* openat says ENOTDIR where a folder was asked for and a link was found. */
static int open_by_name(int dir, const char *name, int flags, mode_t mode)
{
	int result = openat(dir, name, flags | O_NOFOLLOW, mode);
	struct stat status;

	if (result != -1 || errno != ENOTDIR)
		return result;
	if (fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISLNK(status.st_mode))
		errno = ELOOP;
	else
		errno = ENOTDIR;
	return -1;
}

/*
 * How many bytes at the head of path, which is longer than limit, can be
 * opened at once: whole names.  0 when one name alone is too long.
 */
static size_t piece_length(const char *path, size_t limit)
{
	size_t length = 0;

	for (;;) {
		size_t next = length + strspn(path + length, "/");

		next += strcspn(path + next, "/");
		if (next > limit || next == length)
			return length;
		length = next;
		if (limit <= NAME_MAX)
			return length;
	}
}

/* Open path in pieces of at most limit bytes; NAME_MAX: name by name. */
static int open_in_pieces(open_piece *open_one, size_t limit, int dir,
			  const char *path, int flags, mode_t mode)
{
	char piece[PATH_MAX];
	int folder = dir, next;

	for (;;) {
		size_t length = piece_length(path, limit);
		const char *rest = path + length + strspn(path + length, "/");

		if (length == 0 && *path != 0) {
			errno = ENAMETOOLONG;
			next = -1;
			break;
		}
		memcpy(piece, path, length);
		piece[length] = 0;
		if (*rest == 0) {
			/* "a/" can only be a folder. */
			if (path[length] == '/')
				flags |= O_DIRECTORY;
			next = open_one(folder, length > 0 ? piece : ".", flags,
					mode);
			break;
		}
		next = open_one(folder, piece, THROUGH_FLAGS, 0);
		if (next == -1)
			break;
		if (folder != dir)
			close(folder);
		folder = next;
		path = rest;
	}
	if (folder != dir) {
		int error = errno;

		close(folder);
		errno = error;
	}
	return next;
}

/* 1: the path may be opened; 0 with errno. */
static int acceptable(const char *path, int flags)
{
	size_t length = strlen(path);

	if (leads_out(path)) {
		errno = EXDEV;
		return 0;
	}
	/* Some kernels make a file of it. */
	if ((flags & O_CREAT) && (length == 0 || path[length - 1] == '/')) {
		errno = EISDIR;
		return 0;
	}
	return 1;
}

int io_beneath_openat2(int dir, const char *path, int flags, mode_t mode)
{
	if (!acceptable(path, flags))
		return -1;
	return open_in_pieces(open_by_openat2, PATH_MAX - 1, dir, path, flags,
			      mode);
}

int io_beneath_walk(int dir, const char *path, int flags, mode_t mode)
{
	if (!acceptable(path, flags))
		return -1;
	return open_in_pieces(open_by_name, NAME_MAX, dir, path, flags, mode);
}

int io_beneath_followed(int dir, const char *path, int flags)
{
	int result = call_openat2(dir, path, flags, 0, 0);

	if (result == -1 && errno == ENOSYS)
		result = io_beneath_walk(dir, path, flags, 0);
	return result;
}
