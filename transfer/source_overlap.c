/* SPDX-License-Identifier: BSD-2-Clause */
/* Would an entry of one root take the place of another root's? */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "transfer/source_internal.h"

/* Can the root have an entry of this path?  Of two that have names it was
 * asked at the beginning. */
static int may_have(const struct root *root, const char *path)
{
	size_t length = strlen(root->name);

	return length == 0 || (strncmp(path, root->name, length) == 0 &&
			       (path[length] == '/' || path[length] == '\0'));
}

/* What the root has under this path.  0, or -1: nothing. */
static int look_in(const struct source *source, size_t root, const char *path,
		   struct stat *status)
{
	int anchor = source_open_anchor(source, root);
	int there, result;

	if (anchor == -1)
		return -1;
	there = io_open_beneath(source->io, anchor, path,
				O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	io_close(source->io, anchor);
	if (there == -1)
		return -1;
	result = source->io->stat(source->io->context, there, status);
	io_close(source->io, there);
	return result;
}

/* Two folders become one; one thing that is named twice is no conflict; and
 * what is not copied takes no place. */
static int in_the_way(const struct stat *earlier, const struct stat *status)
{
	if (earlier->st_dev == status->st_dev &&
	    earlier->st_ino == status->st_ino)
		return 0;
	if (S_ISDIR(earlier->st_mode))
		return !S_ISDIR(status->st_mode);
	return S_ISREG(earlier->st_mode) || S_ISLNK(earlier->st_mode);
}

int source_overlaps(const struct source *source, const struct walk_step *step)
{
	const char *name = source->roots[source->walk_root].name;
	struct stat earlier;

	if (step->path_length == 0)
		return 0;
	for (size_t i = 0; i < source->walk_root; i++) {
		const struct root *root = &source->roots[i];

		/* Different names at the beginning never meet. */
		if ((name[0] != '\0' && root->name[0] != '\0') ||
		    !may_have(root, step->path))
			continue;
		if (look_in(source, i, step->path, &earlier) == 0 &&
		    in_the_way(&earlier, &step->status))
			return 1;
	}
	return 0;
}
