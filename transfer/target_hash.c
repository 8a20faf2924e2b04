/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading back one leaf: of what is staged, to see that it is what the journal
 * says, or of the file at the target, to compare it with the source.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "transfer/target_internal.h"

#define AHEAD_LEAVES 8

static void base_close(struct target *target, struct target_base *base)
{
	io_close(target->io, base->descriptor);
	base->descriptor = -1;
}

void target_forget_bases(struct target *target, uint64_t index)
{
	for (size_t i = 0; i < TARGET_BASES_OPEN; i++)
		if (index == UINT64_MAX || target->bases[i].index == index)
			base_close(target, &target->bases[i]);
}

/* Open an entry's file for reading.  A link or a pipe in its place is neither
 * followed nor waited for. */
static int open_basis(struct target *target, const struct entry *entry,
		      int basis)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	const char *path = target_path(target, entry), *name;
	char staged[TARGET_NAME_SIZE];
	struct stat status;
	int folder = target->staging, file;

	if (path == NULL) {
		errno = EPERM;
		return -1;
	}
	if (basis == BASIS_STAGED) {
		target_staged_name(target, path, &entry->version, staged);
		name = staged;
	} else {
		folder = folder_cache_parent(target->examined, path, &name);
		if (folder == -1)
			return -1;
	}
	file = io_open_beneath(target->io, folder, name, flags, 0);
	if (file == -1)
		return -1;
	if (target->io->stat(target->io->context, file, &status) == 0 &&
	    S_ISREG(status.st_mode))
		return file;
	io_close(target->io, file);
	errno = EBADMSG;
	return -1;
}

/* The open file, from before or opened now; NULL with errno. */
static struct target_base *find_basis(struct target *target,
				      const struct entry *entry, int basis)
{
	struct target_base *place = &target->bases[0];

	for (size_t i = 0; i < TARGET_BASES_OPEN; i++) {
		struct target_base *base = &target->bases[i];

		if (base->descriptor != -1 && base->index == entry->index &&
		    base->basis == basis) {
			base->used = ++target->uses;
			return base;
		}
		if (place->descriptor != -1 &&
		    (base->descriptor == -1 || base->used < place->used))
			place = base;
	}
	base_close(target, place);
	place->descriptor = open_basis(target, entry, basis);
	place->index = entry->index;
	place->basis = basis;
	place->used = ++target->uses;
	return place->descriptor == -1 ? NULL : place;
}

int target_open_basis(struct target *target, const struct entry *entry,
		      int basis)
{
	struct target_base *base;

	if (target->buffer == NULL)
		target->buffer = leaf_buffer_create();
	if (target->buffer == NULL)
		return -1;
	base = find_basis(target, entry, basis);
	return base == NULL ? -1 : base->descriptor;
}

int target_read_basis(struct target *target, const struct entry *entry,
		      int basis, uint64_t size, uint64_t leaf)
{
	size_t length = leaf_length(size, leaf);
	int base = target_open_basis(target, entry, basis);
	ssize_t count;

	if (base == -1)
		return -1;
	if (leaf % (AHEAD_LEAVES / 2) == 0 && size > LEAF_SIZE)
		target->io->advise(
		    target->io->context, base, (off_t)((leaf + 1) * LEAF_SIZE),
		    (off_t)(AHEAD_LEAVES * LEAF_SIZE), IO_READ_AHEAD);
	count = io_read(target->io, base, target->buffer, length,
			(off_t)(leaf * LEAF_SIZE));
	if (count == -1)
		return -1;
	if ((size_t)count == length)
		return 0;
	errno = EBADMSG;
	return -1;
}

void target_hash(struct target *target, struct task *task)
{
	struct task_hash *hash = task->hash;

	if (target_read_basis(target, hash->entry, hash->basis,
			      hash->basis_size, hash->leaf) == 0)
		hash->digest = digest_of(
		    target->buffer, leaf_length(hash->basis_size, hash->leaf));
	else
		target_fault(target, task, hash->entry, "cannot read it back",
			     errno);
}
