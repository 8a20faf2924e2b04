/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chunks, and leaves kept of the target's old file, go into the staged file.
 * A file of one chunk is made, written, given its attributes and closed at
 * once.  Nothing is synced here; groups do that.
 */
#include <errno.h>
#include <fcntl.h>

#include "transfer/pack.h"
#include "transfer/target_internal.h"

/* The kernel is asked to start writing back so many leaves at a time, so that
 * the group's sync finds most of them on disk. */
#define WRITE_BACK_LEAVES 8

#define STAGED_FLAGS (O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* A new staged file, which nobody else can have a hand in. */
static int create(struct target *target, const char *name, mode_t mode)
{
	int file = io_open_beneath(target->io, target->staging, name,
				   STAGED_FLAGS | O_CREAT | O_EXCL, mode);

	if (file != -1)
		atomic_store(&target->staged_made, 1);
	return file;
}

/* Remove whatever bears the name in the staging folder. */
static int clear(struct target *target, const struct entry *entry,
		 const char *name)
{
	target_forget_bases(target, entry->index);
	return io_remove_tree(target->io, target->staging, name);
}

/* One that was given its mode, perhaps a read-only one, before a crash. */
static int make_writable(struct target *target, const char *name)
{
	struct io *io = target->io;
	const int flags = O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int result;
	int file =
	    io_open_beneath(io, target->staging, name, O_RDONLY | flags, 0);

	if (file == -1)
		file = io_open_beneath(io, target->staging, name,
				       O_WRONLY | flags, 0);
	if (file == -1)
		return -1;
	result = io->set_mode(io->context, file, 0600);
	io_close(io, file);
	return result;
}

/* Open what an earlier run staged.  -1 with errno; EBADMSG: it is none that
 * ferry made. */
static int open_old(struct target *target, const char *name)
{
	struct stat status;
	int file =
	    io_open_beneath(target->io, target->staging, name, STAGED_FLAGS, 0);

	if (file == -1 && errno == EACCES && make_writable(target, name) == 0)
		file = io_open_beneath(target->io, target->staging, name,
				       STAGED_FLAGS, 0);
	if (file == -1)
		return -1;
	/* With a second name, its bytes would be somebody else's too. */
	if (target->io->stat(target->io->context, file, &status) == 0 &&
	    S_ISREG(status.st_mode) && status.st_nlink == 1)
		return file;
	io_close(target->io, file);
	errno = EBADMSG;
	return -1;
}

int target_staged_open(struct target *target, const struct entry *entry,
		       struct staged *staged)
{
	const char *path = target_path(target, entry);
	char name[TARGET_NAME_SIZE];
	int file;

	if (staged->descriptor != -1)
		return staged->descriptor;
	if (path == NULL) {
		errno = EPERM;
		return -1;
	}
	target_staged_name(target, path, &entry->version, name);
	file = create(target, name, 0600);
	if (file == -1 && errno == EEXIST) {
		file = open_old(target, name);
		if (file == -1 && !fault_is_fatal(errno) &&
		    clear(target, entry, name) == 0)
			file = create(target, name, 0600);
	}
	return file == -1 ? -1 : target_descriptor_keep(target, staged, file);
}

static int write_leaf(struct target *target, const struct task_write *write,
		      int file, const uint8_t *data)
{
	off_t offset = (off_t)(write->leaf * LEAF_SIZE);

	if (write->length == 0)
		return 0;
	if (io_write(target->io, file, data, write->length, offset) == -1)
		return -1;
	if (write->leaf % WRITE_BACK_LEAVES == WRITE_BACK_LEAVES - 1) {
		offset -= (off_t)((WRITE_BACK_LEAVES - 1) * LEAF_SIZE);
		target->io->advise(target->io->context, file, offset,
				   (off_t)(WRITE_BACK_LEAVES * LEAF_SIZE),
				   IO_START_WRITE);
	}
	return 0;
}

/* A file of one chunk, or none: all of it. */
static int write_whole(struct target *target, const struct task_write *write,
		       const uint8_t *data)
{
	const struct entry *entry = write->entry;
	const char *path = target_path(target, entry);
	struct io_file file = {
	    .bytes = data,
	    .size = write->length,
	    .mode = target_mode(entry),
	};
	char name[TARGET_NAME_SIZE];

	if (path == NULL) {
		errno = EPERM;
		return -1;
	}
	target_staged_name(target, path, &entry->version, name);
	target_times(entry, file.times);
	/* What was staged under that name goes. */
	target_forget_bases(target, entry->index);
	if (io_put(target->io, target->staging, name, &file) == -1)
		return -1;
	atomic_store(&target->staged_made, 1);
	write->staged->unsynced = 1;
	write->staged->dressed = 1;
	return 0;
}

/*
 * The leaf of a packed chunk, in a frame that is the caller's.  NULL with
 * write->damaged, or with the task failed.
 */
static struct frame *unpack(struct target *target, struct task *task)
{
	struct task_write *write = task->write;
	struct frame *plain = message_chunk_create(write->length);
	struct digest digest;
	int unpacked = -1;

	errno = ENOMEM;
	if (plain != NULL)
		unpacked =
		    packer_unpack(target->packer, write->data, write->packed,
				  message_chunk_data(plain), write->length);
	if (unpacked == 0) {
		digest = digest_of(message_chunk_data(plain), write->length);
		if (digest_equal(&digest, &write->digest))
			return plain;
		errno = EBADMSG;
	}
	if (errno == EBADMSG)
		write->damaged = 1;
	else
		target_fault(target, task, write->entry, NULL, errno);
	frame_free(plain);
	return NULL;
}

/* A leaf of the old file, if it still is what was compared. */
static const uint8_t *kept_leaf(struct target *target,
				const struct task_write *write)
{
	struct digest digest;

	/* The old file's last leaf may be longer or shorter than ours; then
	 * its digest was another, and it is not kept. */
	if (target_read_basis(target, write->entry, write->basis,
			      write->leaf * LEAF_SIZE + write->length,
			      write->leaf) == -1)
		return NULL;
	digest = digest_of(target->buffer, write->length);
	if (digest_equal(&digest, &write->digest))
		return target->buffer;
	errno = EBADMSG;
	return NULL;
}

/*
 * A kept leaf, copied where it is and read back, so that it goes over the line
 * once and not twice.  0; -1 with errno; ENOSYS: it cannot be done.
 */
static int copy_kept(struct target *target, const struct task_write *write)
{
	const off_t offset = (off_t)(write->leaf * LEAF_SIZE);
	struct io *io = target->io;
	struct digest digest;
	int from, to;

	errno = ENOSYS;
	if (io->copy == NULL || write->basis != BASIS_TARGET)
		return -1;
	from = target_open_basis(target, write->entry, write->basis);
	to = target_staged_open(target, write->entry, write->staged);
	if (from == -1 || to == -1 ||
	    io->copy(io->context, from, offset, to, offset, write->length) ==
		-1)
		return -1;
	if (io_read(io, to, target->buffer, write->length, offset) !=
	    (ssize_t)write->length)
		return -1;
	digest = digest_of(target->buffer, write->length);
	errno = EBADMSG;
	return digest_equal(&digest, &write->digest) ? 0 : -1;
}

/* Bring a kept leaf here, or copy it: *data is NULL then.  0, or -1 after the
 * task was failed. */
static int take_kept(struct target *target, struct task *task,
		     const uint8_t **data)
{
	struct task_write *write = task->write;

	*data = NULL;
	if (copy_kept(target, write) == 0)
		return 0;
	if (errno == ENOSYS) {
		*data = kept_leaf(target, write);
		if (*data != NULL)
			return 0;
	}
	if (!fault_is_fatal(errno))
		errno = EBADMSG; /* not to be had any more */
	target_fault(target, task, write->entry, "cannot read it back", errno);
	return -1;
}

void target_write(struct target *target, struct task *task)
{
	struct task_write *write = task->write;
	struct frame *unpacked = NULL;
	const uint8_t *data = write->data;
	int file, result = -1;

	if (write->packed > 0) {
		unpacked = unpack(target, task);
		if (unpacked == NULL)
			return;
		data = message_chunk_data(unpacked);
	}
	if (write->chunk == NULL && write->length > 0) {
		if (take_kept(target, task, &data) == -1)
			return;
		if (data == NULL)
			return; /* it is where it belongs */
	}
	if (write->close && write->staged->descriptor == -1) {
		result = write_whole(target, write, data);
	} else {
		file = target_staged_open(target, write->entry, write->staged);
		if (file != -1)
			result = write_leaf(target, write, file, data);
	}
	if (result == -1)
		target_fault(target, task, write->entry, "cannot write", errno);
	frame_free(unpacked);
}

void target_discard(struct target *target, struct task *task)
{
	struct task_discard *discard = task->discard;
	const char *path = target_path(target, discard->entry);
	char name[TARGET_NAME_SIZE];

	target_forget_bases(target, discard->entry->index);
	target_descriptor_close(target, discard->staged);
	/* The same path may come again, in a newer version. */
	target->look_staged = 1;
	if (!discard->remove || path == NULL)
		return;
	target_staged_name(target, path, &discard->entry->version, name);
	if (io_remove_tree(target->io, target->staging, name) == -1)
		target_fault(target, task, discard->entry,
			     "cannot remove what is staged", errno);
}
