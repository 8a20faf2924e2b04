/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that readers have no use for are missing: they end the program. */
#include "tests/sim/one_file.h"

#include <fcntl.h>
#include <string.h>

enum { THE_FOLDER = 1000, THE_FILE };

static int one_open_beneath(void *context, int dir, const char *path, int flags,
			    mode_t mode)
{
	struct one_file *file = context;

	(void)dir;
	(void)path;
	(void)mode;
	file->open++;
	return flags & O_DIRECTORY ? THE_FOLDER : THE_FILE;
}

static int one_close(void *context, int descriptor)
{
	(void)descriptor;
	((struct one_file *)context)->open--;
	return 0;
}

static int one_stat(void *context, int descriptor, struct stat *status)
{
	memset(status, 0, sizeof(*status));
	status->st_mode = descriptor == THE_FILE ? S_IFREG : S_IFDIR;
	status->st_nlink = 1;
	status->st_size = (off_t)((struct one_file *)context)->size;
	return 0;
}

static ssize_t one_pread(void *context, int descriptor, void *buffer,
			 size_t size, off_t offset)
{
	const struct one_file *file = context;

	(void)descriptor;
	if ((uint64_t)offset >= file->size)
		return 0;
	if (size > file->size - (size_t)offset)
		size = file->size - (size_t)offset;
	memcpy(buffer, file->bytes + offset, size);
	return (ssize_t)size;
}

void one_file_init(struct one_file *file, const uint8_t *bytes, size_t size)
{
	memset(file, 0, sizeof(*file));
	file->bytes = bytes;
	file->size = size;
	file->io.context = file;
	file->io.open_beneath = one_open_beneath;
	file->io.close = one_close;
	file->io.stat = one_stat;
	file->io.pread = one_pread;
}
