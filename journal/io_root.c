/* SPDX-License-Identifier: BSD-2-Clause */
/* Which calls can a peer's path lead astray, and where does that end? */
#include "journal/io_root.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "journal/io_beneath.h"

/* Only folders are opened by a path that a peer names, and none is made. */
static int open_in_root(void *context, int dir, const char *path, int flags,
			mode_t mode)
{
	const struct io_root *root = context;

	(void)mode;
	if (dir != AT_FDCWD || !(flags & O_DIRECTORY) || (flags & O_CREAT)) {
		errno = EINVAL;
		return -1;
	}
	path += strspn(path, "/");
	return io_beneath_followed(root->dir, *path != '\0' ? path : ".",
				   flags);
}

void io_root_init(struct io_root *root, int dir)
{
	root->io = *io_system();
	root->io.context = root;
	root->io.open = open_in_root;
	root->dir = dir;
}
