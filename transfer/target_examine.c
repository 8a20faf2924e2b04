/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is at the target of an entry, and what is staged of it?  Folders are
 * made on the way, and attributes mended where the content need not be.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "transfer/target_internal.h"

/* What the functions below look at. */
struct examination {
	struct target *target;
	struct task *task;
	struct examine_item *item;
	const char *path; /* relative to base */
	const char *name; /* its last part */
	int folder;       /* that it is in */
};

static void fail(struct examination *look, const char *what, int error)
{
	look->item->verdict = EXAMINE_FAILED;
	look->item->text = fault_text(NULL, what, error);
	if (fault_is_fatal(error))
		target_fault(look->target, look->task, look->item->entry, what,
			     error);
}

/* A folder is new.  The next group makes it durable, unless it is on another
 * file system, which no group syncs. */
static int note_made(struct target *target, int parent)
{
	struct io *io = target->io;
	struct stat status;
	int folder, result;

	atomic_store(&target->folders_made, 1);
	if (io->stat(io->context, parent, &status) == -1)
		return -1;
	if (status.st_dev == target->device)
		return 0;
	folder = io_open_beneath(io, parent, "", O_RDONLY | O_DIRECTORY, 0);
	if (folder == -1)
		return -1;
	result = io_sync(io, folder);
	io_close(io, folder);
	return result;
}

/* Make the folders that path is in, as far as they are missing. */
static int make_parents(struct target *target, const char *path)
{
	struct io *io = target->io;

	for (const char *end = strchr(path, '/'); end != NULL;
	     end = strchr(end + 1, '/')) {
		size_t length = (size_t)(end - path);
		char name[256];
		const char *last;
		int folder;

		if (folder_cache_open(target->examined, path, length) != -1)
			continue;
		if (errno != ENOENT)
			return -1;
		last = memrchr(path, '/', length);
		last = last == NULL ? path : last + 1;
		if (end - last >= (ptrdiff_t)sizeof(name)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, last, (size_t)(end - last));
		name[end - last] = '\0';
		folder = folder_cache_open(
		    target->examined, path,
		    last == path ? 0 : (size_t)(last - path) - 1);
		if (folder == -1)
			return -1;
		if (io->make_dir_at(io->context, folder, name, 0777) == -1) {
			if (errno != EEXIST)
				return -1;
		} else if (note_made(target, folder) == -1) {
			return -1;
		}
	}
	return 0;
}

static int open_parent(struct examination *look)
{
	struct folder_cache *cache = look->target->examined;

	look->folder = folder_cache_parent(cache, look->path, &look->name);
	if (look->folder != -1 || errno != ENOENT)
		return look->folder;
	if (make_parents(look->target, look->path) == -1)
		return -1;
	look->folder = folder_cache_parent(cache, look->path, &look->name);
	return look->folder;
}

/* ---- folders ------------------------------------------------------------ */

/* A folder that is there must let us in until its end. */
static int open_up(struct examination *look, mode_t mode)
{
	struct io *io = look->target->io;
	int folder, result;

	folder = io_open_beneath(io, look->folder, look->name,
				 O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (folder == -1)
		return -1;
	result = io->set_mode(io->context, folder, (mode & 07777) | 0700);
	io_close(io, folder);
	return result;
}

static void examine_folder(struct examination *look)
{
	struct io *io = look->target->io;
	struct stat status;
	mode_t mode = target_mode(look->item->entry) | 0700;
	int found =
	    io->stat_at(io->context, look->folder, look->name, &status) == 0;

	look->item->verdict = EXAMINE_MADE;
	if (!found && errno != ENOENT) {
		fail(look, "cannot look at it", errno);
		return;
	}
	if (found && S_ISDIR(status.st_mode)) {
		if ((status.st_mode & 0700) != 0700 &&
		    open_up(look, status.st_mode) == -1)
			fail(look, "cannot be opened for writing", errno);
		return;
	}
	/* What is no folder makes room for one. */
	if (found &&
	    io->unlink_at(io->context, look->folder, look->name, 0) == -1) {
		fail(look, "cannot remove what is in its place", errno);
		return;
	}
	if (io->make_dir_at(io->context, look->folder, look->name, mode) ==
		-1 ||
	    note_made(look->target, look->folder) == -1)
		fail(look, "cannot make the folder", errno);
}

/* ---- links -------------------------------------------------------------- */

static void examine_link(struct examination *look)
{
	struct io *io = look->target->io;
	const struct entry *entry = look->item->entry;
	struct stat status;
	char link[ENTRY_LINK_MAX + 1];
	ssize_t length;

	look->item->verdict = EXAMINE_EMPTY;
	if (io->stat_at(io->context, look->folder, look->name, &status) == -1) {
		if (errno != ENOENT)
			fail(look, "cannot look at it", errno);
		return;
	}
	if (S_ISDIR(status.st_mode))
		fail(look, NULL, EISDIR);
	if (!S_ISLNK(status.st_mode))
		return;
	length = io->read_link_at(io->context, look->folder, look->name, link,
				  sizeof(link));
	if (length == -1) {
		fail(look, "cannot read the link there", errno);
		return;
	}
	if (length != (ssize_t)entry->link_length ||
	    memcmp(link, entry->link, entry->link_length) != 0)
		return;
	/* One with another time is made anew: its time cannot be synced alone,
	 * as place_link knows. */
	if (target_is_same(look->target, entry, &status))
		look->item->verdict = EXAMINE_SAME;
}

/* ---- files -------------------------------------------------------------- */

/* Give the file at the target the entry's mode.  0; -1: it cannot be had. */
static int mend_mode(struct examination *look, const struct stat *seen)
{
	struct target *target = look->target;
	struct io *io = target->io;
	const int flags = O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct stat status;
	int result = -1, file;

	file =
	    io_open_beneath(io, look->folder, look->name, O_RDONLY | flags, 0);
	if (file == -1 && errno == EACCES)
		file = io_open_beneath(io, look->folder, look->name,
				       O_WRONLY | flags, 0);
	if (file == -1)
		return -1;
	if (io->stat(io->context, file, &status) == 0 &&
	    status.st_ino == seen->st_ino && status.st_dev == seen->st_dev) {
		result = io->set_mode(io->context, file,
				      target_mode(look->item->entry));
		if (result == 0 && status.st_dev != target->device)
			result = io_sync(io, file);
	}
	io_close(io, file);
	return result;
}

/* Digests that the journal knows of what is staged, or was. */
static struct journal_file *find_planned(struct target *target,
					 const char *path)
{
	return journal_find(target->journal, path, strlen(path));
}

static int is_version(const struct journal_file *file,
		      const struct entry *entry)
{
	return file->same_version && file->plan.size == entry->size &&
	       digest_equal(&file->plan.version, &entry->version);
}

/* What the journal tells of is not staged any more, so it must not be told of
 * what will be.  0 or -1. */
static int take_back(struct target *target, const struct journal_file *file)
{
	static const struct digest none;
	const uint64_t leaves = leaf_count(file->plan.size);
	int result = 0;

	for (uint64_t leaf = leaf_table_next(file->leaves, 0);
	     leaf < leaves && result == 0;
	     leaf = leaf_table_next(file->leaves, leaf + 1))
		result = journal_add_leaves(target->journal, file->plan.entry,
					    leaf, 1, &none);
	return result;
}

/*
 * Another version that is staged under another name is of no use, and a rename
 * of it that comes late would put it in place: it is not to find it.  0 or -1.
 */
static int forget_version(struct target *target, const struct examination *look,
			  const struct journal_file *file)
{
	char name[TARGET_NAME_SIZE];

	if (!target->io->late || file == NULL ||
	    digest_equal(&file->plan.version, &look->item->entry->version))
		return 0;
	target_staged_name(target, look->path, &file->plan.version, name);
	return io_remove_tree(target->io, target->staging, name);
}

/*
 * What is staged of a file.  The journal's knowledge goes with the answer: it
 * is asked once for each path.
 */
static void examine_staged(struct examination *look, const struct stat *there)
{
	struct target *target = look->target;
	struct examine_item *item = look->item;
	struct stat status;
	char name[TARGET_NAME_SIZE];
	struct journal_file *file;
	int staged, gone;

	target_staged_name(target, look->path, &item->entry->version, name);
	staged = target->io->stat_at(target->io->context, target->staging, name,
				     &status) == 0;
	gone = !staged && errno == ENOENT;
	staged = staged && item->entry->size > 0 && S_ISREG(status.st_mode) &&
		 status.st_nlink == 1 && status.st_size > 0;
	pthread_mutex_lock(&target->journal_lock);
	file = find_planned(target, look->path);
	if (forget_version(target, look, file) == -1) {
		fail(look, "cannot remove what is staged", errno);
	} else if (staged) {
		item->verdict = EXAMINE_OLDER;
		item->basis_size = (uint64_t)status.st_size;
		if (file != NULL && file->leaf_count > 0 &&
		    is_version(file, item->entry))
			item->verdict = EXAMINE_STAGED;
		/* Without any digest, what is staged is worth a look. */
		if (file != NULL && file->leaf_count > 0) {
			item->leaves = file->leaves;
			file->leaves = NULL;
		}
	} else if (file != NULL && there != NULL &&
		   is_version(file, item->entry) &&
		   (uint64_t)there->st_size == item->entry->size &&
		   file->leaf_count == leaf_count(item->entry->size)) {
		/* All of it was confirmed, and it is no longer staged: it was
		 * renamed, and lost its time in a crash. */
		item->verdict = EXAMINE_TARGET;
		item->basis_size = item->entry->size;
	} else if (file != NULL && gone && take_back(target, file) == -1) {
		fail(look, NULL, errno);
	}
	if (file != NULL)
		journal_forget(target->journal, file);
	pthread_mutex_unlock(&target->journal_lock);
}

/*
 * The file at the target may have leaves that are good, of so many bytes.  What
 * is staged and no journal tells of does not count beside it.
 */
static void compare_too(struct examine_item *item, uint64_t size)
{
	if (item->verdict != EXAMINE_EMPTY && item->verdict != EXAMINE_OLDER &&
	    item->verdict != EXAMINE_STAGED)
		return;
	item->basis_size = size;
	if (item->leaves != NULL)
		item->target_too = 1;
	else
		item->verdict = EXAMINE_TARGET;
}

static void examine_file(struct examination *look)
{
	struct target *target = look->target;
	struct io *io = target->io;
	struct examine_item *item = look->item;
	const struct entry *entry = item->entry;
	struct stat status;
	const struct stat *there = NULL;

	item->verdict = EXAMINE_EMPTY;
	if (io->stat_at(io->context, look->folder, look->name, &status) == 0) {
		if (S_ISDIR(status.st_mode)) {
			fail(look, NULL, EISDIR);
			return;
		}
		if (target->named && !S_ISREG(status.st_mode) &&
		    !S_ISLNK(status.st_mode)) {
			/* "ferry a /dev/null" must not be the end of it. */
			fail(look, "is a device, a pipe or a socket there",
			     EEXIST);
			return;
		}
		if (S_ISREG(status.st_mode))
			there = &status;
	} else if (errno != ENOENT) {
		fail(look, "cannot look at it", errno);
		return;
	}
	if (there != NULL && target_is_same(target, entry, there) &&
	    (!look->task->examine->checksum || entry->size == 0)) {
		if (((there->st_mode ^ entry->mode) & 0777) == 0 ||
		    mend_mode(look, there) == 0) {
			item->verdict = EXAMINE_SAME;
			return;
		}
	}
	if (target->look_staged)
		examine_staged(look, there);
	if (look->task->examine->checksum && there != NULL &&
	    there->st_size > 0 && entry->size > 0)
		compare_too(item, (uint64_t)there->st_size);
	if (item->verdict == EXAMINE_TARGET || item->target_too)
		item->version = entry_version(there);
}

static void examine_one(struct examination *look)
{
	const struct entry *entry = look->item->entry;

	look->path = target_path(look->target, entry);
	if (look->path == NULL || entry->type == ENTRY_FOLDER_END ||
	    (look->target->single != NULL && entry->type == ENTRY_FOLDER)) {
		look->item->verdict = EXAMINE_FAILED;
		look->item->text = strdup("was not asked for");
		return;
	}
	if (entry->path_length == 0) {
		look->item->verdict = EXAMINE_MADE;
		if (entry->type != ENTRY_FOLDER)
			fail(look, NULL, EISDIR);
		return;
	}
	if (open_parent(look) == -1)
		fail(look, "cannot open its folder", errno);
	else if (entry->type == ENTRY_FOLDER)
		examine_folder(look);
	else if (entry->type == ENTRY_LINK)
		examine_link(look);
	else
		examine_file(look);
}

void target_examine(struct target *target, struct task *task)
{
	struct task_examine *examine = task->examine;

	for (size_t i = 0; i < examine->count && task->error == 0; i++) {
		struct examination look = {
		    .target = target,
		    .task = task,
		    .item = &examine->items[i],
		    .folder = -1,
		};

		examine_one(&look);
	}
}
