/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_JOURNAL_IO_BENEATH_H
#define FERRY_JOURNAL_IO_BENEATH_H

#include <sys/types.h>

/*
 * How the system's table opens a path that must stay beneath a folder.  Both
 * take what struct io's open_beneath takes, paths of any length among it, and
 * return a descriptor, or -1 with errno: ELOOP for a symbolic link anywhere,
 * EXDEV for a path that begins with "/" or has a "..".
 */

/* By openat2(2).  errno is ENOSYS where the kernel lacks or forbids it. */
int io_beneath_openat2(int dir, const char *path, int flags, mode_t mode);

/* Name by name with O_NOFOLLOW: works everywhere. */
int io_beneath_walk(int dir, const char *path, int flags, mode_t mode);

/*
 * A folder that is there, by a path in which symbolic links and ".." are
 * followed as long as they stay beneath dir; errno is EXDEV where they do not.
 * The kernel looks at the whole way at once, so that nobody can swap a part of
 * it in between.  Without openat2 it is io_beneath_walk, which follows none.
 */
int io_beneath_followed(int dir, const char *path, int flags);

#endif
