/* SPDX-License-Identifier: BSD-2-Clause */
/* How are many small files made, and put in their places? */
#include "journal/io.h"

#include <errno.h>
#include <fcntl.h>

#define FLAGS (O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_CREAT | O_EXCL)

/* A file is made with its mode, if that lets us write, and has it unless the
 * umask or an access control list was in the way. */
static int give_mode(struct io *io, int file, mode_t mode)
{
	struct stat status;

	if (io->stat(io->context, file, &status) == 0 &&
	    (status.st_mode & 07777) == mode)
		return 0;
	return io->set_mode(io->context, file, mode);
}

int io_put(struct io *io, int dir, const char *name, const struct io_file *file)
{
	const mode_t at_first = (file->mode & 0600) == 0600 ? file->mode : 0600;
	int opened, result = -1;

	if (io->put != NULL)
		return io->put(io->context, dir, name, file);
	opened = io_open_beneath(io, dir, name, FLAGS, at_first);
	if (opened == -1 && errno == EEXIST &&
	    io_remove_tree(io, dir, name) == 0)
		opened = io_open_beneath(io, dir, name, FLAGS, at_first);
	if (opened == -1)
		return -1;
	if ((file->size == 0 ||
	     io_write(io, opened, file->bytes, file->size, 0) == 0) &&
	    give_mode(io, opened, file->mode) == 0)
		result = io->set_times(io->context, opened, file->times);
	io_close(io, opened);
	return result;
}

void io_rename_all(struct io *io, struct io_rename *renames, size_t count)
{
	if (io->rename_all != NULL) {
		io->rename_all(io->context, renames, count);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct io_rename *one = &renames[i];

		one->error = io->rename_at(io->context, one->from_dir,
					   one->from, one->to_dir, one->to) == 0
				 ? 0
				 : errno;
	}
}
