/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Placing a file where another file system is mounted below the target: no
 * rename leads there, so it is copied to a name of its own beside its place,
 * synced, renamed, and the folder synced; only then the staged one goes.
 * That name follows from the file's, so what a crash left is replaced.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "transfer/target_internal.h"

/* So much is copied by one call, where they are. */
#define COPY_SIZE    ((size_t)64 << 20)
#define SIBLING_SIZE (sizeof(".ferry-") + TARGET_NAME_SIZE)

/* Where they are: 0, or -1 with errno; ENOSYS: it cannot be done. */
static int copy_there(struct target *target, int from, int to, uint64_t size)
{
	struct io *io = target->io;

	errno = ENOSYS;
	if (io->copy == NULL)
		return -1;
	for (uint64_t offset = 0; offset < size; offset += COPY_SIZE) {
		uint64_t left = size - offset;

		if (io->copy(io->context, from, (off_t)offset, to,
			     (off_t)offset,
			     left < COPY_SIZE ? (size_t)left : COPY_SIZE) == -1)
			return -1;
	}
	return 0;
}

static int copy_bytes(struct target *target, int from, int to, uint64_t size)
{
	if (copy_there(target, from, to, size) == 0)
		return 0;
	if (errno != ENOSYS)
		return -1;
	if (target->copy == NULL)
		target->copy = malloc(LEAF_SIZE);
	if (target->copy == NULL)
		return -1;
	for (uint64_t offset = 0; offset < size; offset += LEAF_SIZE) {
		size_t length = leaf_length(size, offset / LEAF_SIZE);
		ssize_t count = io_read(target->io, from, target->copy, length,
					(off_t)offset);

		if (count == -1)
			return -1;
		if ((size_t)count != length) {
			errno = EIO;
			return -1;
		}
		if (io_write(target->io, to, target->copy, length,
			     (off_t)offset) == -1)
			return -1;
	}
	return 0;
}

static int copy_file(struct target *target, const struct entry *entry,
		     const char *staged, int folder, const char *sibling)
{
	struct io *io = target->io;
	const int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
	int result = -1, to = -1;
	int from = io_open_beneath(io, target->staging, staged, flags, 0);

	if (from == -1)
		return -1;
	to = io_open_beneath(io, folder, sibling,
			     O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to == -1)
		goto close_from;
	if (copy_bytes(target, from, to, entry->size) == 0 &&
	    io->set_mode(io->context, to, target_mode(entry)) == 0 &&
	    target_set_times(target, to, entry) == 0)
		result = io_sync(io, to);
	io_close(io, to);

close_from:
	io_close(io, from);
	return result;
}

static int copy_link(struct target *target, const struct entry *entry,
		     int folder, const char *sibling)
{
	struct io *io = target->io;

	if (io->make_link_at(io->context, folder, sibling, entry->link) == -1)
		return -1;
	return target_set_times_at(target, folder, sibling, entry);
}

/* folder itself may be open for search only. */
static int sync_folder(struct target *target, int folder)
{
	int result,
	    opened = io_open_beneath(target->io, folder, "",
				     O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

	if (opened == -1)
		return -1;
	result = io_sync(target->io, opened);
	io_close(target->io, opened);
	return result;
}

int target_rename_across(struct target *target, const struct entry *entry,
			 const char *staged, int folder, const char *name)
{
	struct io *io = target->io;
	char sibling[SIBLING_SIZE];
	int result, error;

	snprintf(sibling, sizeof(sibling), ".ferry-%s", staged);
	if (io->unlink_at(io->context, folder, sibling, 0) == -1 &&
	    errno != ENOENT)
		return -1;
	result = entry->type == ENTRY_LINK
		     ? copy_link(target, entry, folder, sibling)
		     : copy_file(target, entry, staged, folder, sibling);
	if (result == 0)
		result =
		    io->rename_at(io->context, folder, sibling, folder, name);
	if (result == -1) {
		error = errno;
		io->unlink_at(io->context, folder, sibling, 0);
		errno = error;
		return -1;
	}
	if (sync_folder(target, folder) == -1)
		return -1;
	io->unlink_at(io->context, target->staging, staged, 0);
	return 0;
}
