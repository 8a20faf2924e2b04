/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One leaf of a source file, as a chunk or as a digest.  The file is the one
 * that was planned if its version is the same when it is opened and again
 * after its last leaf was read; all in between is then of that version.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "transfer/fault.h"
#include "transfer/message.h"
#include "transfer/source_internal.h"

/* How far ahead the kernel is asked to read, and how often. */
#define AHEAD_LEAVES 8

static struct source_file *find_file(struct source *source, uint64_t index)
{
	for (size_t i = 0; i < SOURCE_FILES_OPEN; i++) {
		struct source_file *file = &source->files[i];

		if (file->descriptor != -1 && file->index == index) {
			file->used = ++source->uses;
			return file;
		}
	}
	return NULL;
}

static void file_close(struct source *source, struct source_file *file)
{
	io_close(source->io, file->descriptor);
	file->descriptor = -1;
}

/* Keep a file open; the one that was used least lately makes room. */
static struct source_file *add_file(struct source *source, uint64_t index,
				    int descriptor)
{
	struct source_file *oldest = &source->files[0];

	for (size_t i = 0; i < SOURCE_FILES_OPEN; i++) {
		struct source_file *file = &source->files[i];

		if (file->descriptor == -1) {
			oldest = file;
			break;
		}
		if (file->used < oldest->used)
			oldest = file;
	}
	file_close(source, oldest);
	oldest->descriptor = descriptor;
	oldest->index = index;
	oldest->used = ++source->uses;
	return oldest;
}

void source_read_close(struct source *source)
{
	for (size_t i = 0; i < SOURCE_FILES_OPEN; i++)
		file_close(source, &source->files[i]);
}

static int open_root(struct source *source, size_t root)
{
	if (source->read_anchor != -1 && source->read_root == root)
		return 0;
	folder_cache_move(source->folders, -1);
	io_close(source->io, source->read_anchor);
	source->read_anchor = source_open_anchor(source, root);
	source->read_root = root;
	folder_cache_move(source->folders, source->read_anchor);
	return source->read_anchor == -1 ? -1 : 0;
}

/*
 * Open the file that the entry's path leads to now.  Neither a link nor a
 * pipe that took its place is followed or waited for.  READ_DONE and
 * *descriptor, *status; else task says why.
 */
static enum read_status open_path(struct source *source, struct task *task,
				  int *descriptor, struct stat *status)
{
	const struct entry *entry = task->read->entry;
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	const char *name;
	int folder;

	*descriptor = -1;
	folder = -1;
	if (entry->origin < source->root_count &&
	    open_root(source, entry->origin) == 0)
		folder =
		    folder_cache_parent(source->folders, entry->path, &name);
	if (folder != -1)
		*descriptor =
		    io_open_beneath(source->io, folder, name, flags, 0);
	if (*descriptor != -1 &&
	    source->io->stat(source->io->context, *descriptor, status) == 0)
		return S_ISREG(status->st_mode) ? READ_DONE : READ_GONE;
	if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP ||
	    errno == ENXIO)
		return READ_GONE;
	fault_task(task, entry->path, "cannot open", errno);
	return READ_FAILED;
}

/* The file is not the version planned: say what is there now. */
static enum read_status changed(struct source *source, struct task *task)
{
	const struct entry *entry = task->read->entry;
	struct source_file *file = find_file(source, entry->index);
	struct stat status;
	int descriptor;
	enum read_status result;

	if (file != NULL)
		file_close(source, file);
	/* By its path: the open one may have been replaced by another. */
	result = open_path(source, task, &descriptor, &status);
	io_close(source->io, descriptor);
	if (result != READ_DONE)
		return result;
	task->read->now =
	    source_entry(ENTRY_FILE, entry->path, entry->path_length, &status);
	if (task->read->now == NULL) {
		fault_task(task, entry->path, NULL, ENOMEM);
		return READ_FAILED;
	}
	task->read->now->origin = entry->origin;
	return READ_CHANGED;
}

static int is_planned(const struct entry *entry, const struct stat *status)
{
	struct digest version = entry_version(status);

	return digest_equal(&version, &entry->version);
}

/* Have the entry's file open, in its planned version. */
static enum read_status open_planned(struct source *source, struct task *task,
				     struct source_file **file)
{
	const struct entry *entry = task->read->entry;
	struct stat status;
	int descriptor;
	enum read_status result;

	*file = find_file(source, entry->index);
	if (*file != NULL)
		return READ_DONE;
	result = open_path(source, task, &descriptor, &status);
	if (result == READ_DONE && is_planned(entry, &status)) {
		*file = add_file(source, entry->index, descriptor);
		return READ_DONE;
	}
	io_close(source->io, descriptor);
	return result == READ_DONE ? changed(source, task) : result;
}

/* Where the leaf's bytes go: into a chunk, or into our buffer. */
static uint8_t *make_room(struct source *source, struct task_read *read,
			  size_t length)
{
	if (!read->digest_only) {
		read->chunk = message_chunk_create((uint32_t)length);
		return read->chunk == NULL ? NULL
					   : message_chunk_data(read->chunk);
	}
	if (source->buffer == NULL)
		source->buffer = leaf_buffer_create();
	return source->buffer;
}

static void read_ahead(struct source *source, int descriptor, uint64_t leaf)
{
	if (leaf % (AHEAD_LEAVES / 2) == 0)
		source->io->advise(source->io->context, descriptor,
				   (off_t)((leaf + 1) * LEAF_SIZE),
				   (off_t)(AHEAD_LEAVES * LEAF_SIZE),
				   IO_READ_AHEAD);
}

static enum read_status read_leaf(struct source *source, struct task *task,
				  int descriptor)
{
	struct task_read *read = task->read;
	const struct entry *entry = read->entry;
	size_t length = leaf_length(entry->size, read->leaf);
	uint64_t offset = read->leaf * LEAF_SIZE;
	uint8_t *data = make_room(source, read, length);
	ssize_t count;

	if (data == NULL) {
		fault_task(task, entry->path, NULL, ENOMEM);
		return READ_FAILED;
	}
	if (entry->size > LEAF_SIZE)
		read_ahead(source, descriptor, read->leaf);
	count = io_read(source->io, descriptor, data, length, (off_t)offset);
	if (count == -1) {
		fault_task(task, entry->path, "cannot read", errno);
		return READ_FAILED;
	}
	if ((size_t)count != length)
		return changed(source, task); /* it became shorter */
	read->digest = digest_of(data, length);
	if (!read->digest_only) {
		struct message_chunk chunk = {
		    .seq = entry->first_seq + read->leaf,
		    .entry = entry->index,
		    .offset = offset,
		    .length = (uint32_t)length,
		    .flags = read->flags,
		    .digest = read->digest,
		};

		message_chunk_finish(read->chunk, &chunk);
	}
	return READ_DONE;
}

/* Is the open file still the version planned? */
static enum read_status check(struct source *source, struct task *task,
			      int descriptor)
{
	struct stat status;

	if (source->io->stat(source->io->context, descriptor, &status) == -1) {
		fault_task(task, task->read->entry->path, "cannot look at it",
			   errno);
		return READ_FAILED;
	}
	return is_planned(task->read->entry, &status) ? READ_DONE
						      : changed(source, task);
}

void source_read(struct source *source, struct task *task)
{
	struct task_read *read = task->read;
	struct source_file *file;

	read->status = open_planned(source, task, &file);
	if (read->status == READ_DONE && !read->check_only)
		read->status = read_leaf(source, task, file->descriptor);
	if (read->status == READ_DONE && (read->last || read->check_only))
		read->status = check(source, task, file->descriptor);
	if (read->status != READ_DONE &&
	    read->entry->origin < source->root_count)
		read->path = source_shown_path(
		    &source->roots[read->entry->origin], read->entry->path);
	if (read->status != READ_DONE || read->last) {
		file = find_file(source, read->entry->index);
		if (file != NULL)
			file_close(source, file);
	}
}
