/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finished entries go to their places.
 *
 *  1. Files get their size, mode and time; those that had them when a group
 *     synced them are left alone.
 *  2. What step 1 changed is synced, so that a file that a crash leaves in
 *     place is known again by its time, and is not sent once more.
 *  3. Each is renamed.  The next group makes that durable.
 *
 * A failure that concerns one entry is its text, and others go on; one that
 * no other would survive is the task's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/target_internal.h"

/* So many renames are asked for at once. */
#define PLACE_MAX 64

static void fail(struct target *target, struct task *task,
		 struct place_item *item, const char *what, int error)
{
	if (item->text == NULL)
		item->text = fault_text(NULL, what, error);
	if (item->text == NULL)
		error = ENOMEM; /* NULL would say that all is well */
	if (fault_is_fatal(error))
		target_fault(target, task, item->entry, what, error);
}

/* ---- steps 1 and 2 ------------------------------------------------------ */

static int cut(struct io *io, int file, uint64_t size)
{
	int result;

	do
		result = io->truncate(io->context, file, (off_t)size);
	while (result == -1 && errno == EINTR);
	return result;
}

/* Give a staged file what it must have.  0, or -1 with errno. */
static int dress(struct target *target, const struct place_item *item)
{
	struct io *io = target->io;
	const struct entry *entry = item->entry;
	struct stat status;
	int file = target_staged_open(target, entry, item->staged);

	if (file == -1 || io->stat(io->context, file, &status) == -1)
		return -1;
	/* It may hold the tail of an older, longer version. */
	if ((uint64_t)status.st_size != entry->size &&
	    cut(io, file, entry->size) == -1)
		return -1;
	if (io->set_mode(io->context, file, target_mode(entry)) == -1)
		return -1;
	return target_set_times(target, file, entry);
}

static int needs_dress(const struct place_item *item)
{
	return item->entry->type == ENTRY_FILE && !item->in_place &&
	       !item->staged->dressed && item->text == NULL;
}

/* Steps 1 and 2 for all. */
static void dress_all(struct target *target, struct task *task)
{
	struct task_place *place = task->place;
	size_t count = 0;
	int all;

	for (size_t i = 0; i < place->count && task->error == 0; i++) {
		struct place_item *item = &place->items[i];

		if (!needs_dress(item))
			continue;
		count++;
		if (dress(target, item) == -1)
			fail(target, task, item, "cannot set its attributes",
			     errno);
	}
	all = count > TARGET_SYNCS_MAX;
	if (all && task->error == 0 &&
	    io_sync_all(target->io, target->staging) == -1)
		fault_task(task, target->shown, "cannot be synced", errno);
	for (size_t i = 0; i < place->count && task->error == 0; i++) {
		struct place_item *item = &place->items[i];

		if (!needs_dress(item))
			continue;
		if (!all && io_sync(target->io, item->staged->descriptor) == -1)
			target_fault(target, task, item->entry,
				     "cannot be synced", errno);
		else
			item->staged->dressed = 1;
	}
}

/* ---- step 3 ------------------------------------------------------------- */

/* Is it in place although the rename said that it was not staged?  So network
 * file systems answer when a reply was lost and the call repeated. */
static int is_there(struct target *target, const struct entry *entry,
		    int folder, const char *name)
{
	struct stat status;

	return entry->type == ENTRY_FILE &&
	       target->io->stat_at(target->io->context, folder, name,
				   &status) == 0 &&
	       S_ISREG(status.st_mode) &&
	       target_is_same(target, entry, &status);
}

/* The rename of what is staged for path did not work: another way?  0, or -1
 * with errno. */
static int move_anyhow(struct target *target, const struct entry *entry,
		       const char *path, const char *staged, int error)
{
	struct io *io = target->io;
	const char *name;
	int folder = folder_cache_parent(target->placed, path, &name);

	errno = error;
	if (error == EXDEV)
		return target_rename_across(target, entry, staged, folder,
					    name);
	if (error != ENOENT)
		return -1;
	if (is_there(target, entry, folder, name))
		return 0;
	/* Or the folder that is kept open was removed; another may be there. */
	folder_cache_forget(target->placed);
	folder = folder_cache_parent(target->placed, path, &name);
	if (folder == -1)
		return -1;
	return io->rename_at(io->context, target->staging, staged, folder,
			     name);
}

/* Rename what is staged for path.  0, or -1 with errno. */
static int move(struct target *target, const struct entry *entry,
		const char *path, const char *staged)
{
	struct io *io = target->io;
	const char *name;
	int folder = folder_cache_parent(target->placed, path, &name);

	if (folder == -1)
		return -1;
	if (io->rename_at(io->context, target->staging, staged, folder, name) ==
		-1 &&
	    move_anyhow(target, entry, path, staged, errno) == -1)
		return -1;
	target_note_renamed(target, path, folder_cache_parent_length(path));
	return 0;
}

static int is_staged(const struct place_item *item)
{
	return item->text == NULL && item->entry->type == ENTRY_FILE &&
	       !item->in_place;
}

/* Files that go to one folder. */
struct placing {
	struct io_rename renames[PLACE_MAX];
	char staged[PLACE_MAX][TARGET_NAME_SIZE];
	size_t count;
};

/* From the first of these items on: as many as go to its folder. */
static void gather(struct target *target, struct placing *placing,
		   struct place_item *items, size_t count)
{
	const char *first = target_path(target, items[0].entry), *name;
	const size_t length = folder_cache_parent_length(first);
	int folder = folder_cache_parent(target->placed, first, &name);
	int error = errno;

	for (placing->count = 0; placing->count < count; placing->count++) {
		const size_t i = placing->count;
		const char *path = target_path(target, items[i].entry);

		if (i == PLACE_MAX || !is_staged(&items[i]) || path == NULL ||
		    folder_cache_parent_length(path) != length ||
		    memcmp(path, first, length) != 0)
			break;
		target_descriptor_close(target, items[i].staged);
		target_staged_name(target, path, &items[i].entry->version,
				   placing->staged[i]);
		placing->renames[i] = (struct io_rename){
		    .from_dir = target->staging,
		    .to_dir = folder,
		    .from = placing->staged[i],
		    .to = length == 0 ? path : path + length + 1,
		    .error = folder == -1 ? error : 0,
		};
	}
}

/* How many of the items it took: the files that go to the first one's folder,
 * which are renamed together. */
static size_t place_files(struct target *target, struct task *task,
			  struct place_item *items, size_t count)
{
	struct placing placing;

	gather(target, &placing, items, count);
	if (placing.renames[0].to_dir != -1)
		io_rename_all(target->io, placing.renames, placing.count);
	for (size_t i = 0; i < placing.count; i++) {
		const char *path = target_path(target, items[i].entry);
		int error = placing.renames[i].error;

		if (error == 0 || (placing.renames[0].to_dir != -1 &&
				   move_anyhow(target, items[i].entry, path,
					       placing.staged[i], error) == 0))
			target_note_renamed(target, path,
					    folder_cache_parent_length(path));
		else
			fail(target, task, &items[i],
			     "cannot be put in its place",
			     placing.renames[0].to_dir == -1 ? error : errno);
	}
	return placing.count;
}

static int place_link(struct target *target, struct place_item *item,
		      const char *path)
{
	struct io *io = target->io;
	char staged[TARGET_NAME_SIZE];

	target_staged_name(target, path, &item->entry->version, staged);
	if (io->make_link_at(io->context, target->staging, staged,
			     item->entry->link) == -1) {
		if (errno != EEXIST ||
		    io_remove_tree(io, target->staging, staged) == -1 ||
		    io->make_link_at(io->context, target->staging, staged,
				     item->entry->link) == -1)
			return -1;
	}
	if (target_set_times_at(target, target->staging, staged, item->entry) ==
		-1 ||
	    move(target, item->entry, path, staged) == -1)
		return -1;
	/* A link cannot be opened for fsync, and POSIX does not say that its
	 * folder's fsync covers its time. */
	target_note_many(target);
	return 0;
}

static int is_version(const struct stat *status, const struct digest *version)
{
	struct digest now = entry_version(status);

	return S_ISREG(status->st_mode) && digest_equal(&now, version);
}

/* Attributes of what is in place already: a folder at its end, or a file
 * whose content is right. */
static int finish_in_place(struct target *target, const struct place_item *item,
			   const char *path)
{
	const struct entry *entry = item->entry;
	struct io *io = target->io;
	struct stat status;
	int is_file = entry->type == ENTRY_FILE;
	int flags = O_RDONLY | O_CLOEXEC |
		    (is_file ? O_NONBLOCK | O_NOCTTY : O_DIRECTORY);
	const char *name;
	int folder = folder_cache_parent(target->placed, path, &name);
	int result = -1, opened;
	mode_t mode = target_mode(entry);

	if (folder == -1)
		return -1;
	opened = io_open_beneath(io, folder, name, flags, 0);
	if (opened == -1)
		return -1;
	if (io->stat(io->context, opened, &status) == -1)
		goto close_opened;
	/* With the source's time it would pass for the same for ever. */
	if (is_file && !is_version(&status, &item->version)) {
		errno = EBADMSG;
		goto close_opened;
	}
	/* A folder keeps its group and sticky bits: they are the target's. */
	if (!is_file)
		mode |= status.st_mode & 03000;
	if (io->set_mode(io->context, opened, mode) == -1 ||
	    target_set_times(target, opened, entry) == -1)
		goto close_opened;
	if (is_file || status.st_dev != target->device) {
		result = io_sync(io, opened);
		goto close_opened;
	}
	target_note_renamed(target, path, strlen(path));
	result = 0;

close_opened:
	io_close(io, opened);
	return result;
}

static void place_one(struct target *target, struct task *task,
		      struct place_item *item)
{
	const char *path = target_path(target, item->entry);
	const char *what = "cannot be put in its place";
	int result = -1;

	if (path == NULL) {
		errno = EPERM;
	} else if (item->entry->type == ENTRY_LINK) {
		result = place_link(target, item, path);
	} else {
		what = "cannot set its attributes";
		result = finish_in_place(target, item, path);
		if (result == -1 && errno == EBADMSG)
			item->text = strdup("changed while it was compared; "
					    "run it again");
	}
	if (result == -1)
		fail(target, task, item, what, errno);
}

void target_place(struct target *target, struct task *task)
{
	struct task_place *place = task->place;

	dress_all(target, task);
	for (size_t i = 0; i < place->count && task->error == 0;) {
		struct place_item *item = &place->items[i];

		if (is_staged(item) && target_path(target, item->entry) != NULL)
			i += place_files(target, task, item, place->count - i);
		else if (item->text == NULL)
			place_one(target, task, &place->items[i++]);
		else
			i++;
	}
}
