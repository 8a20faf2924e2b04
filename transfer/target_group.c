/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Group commit: first the disk, then the journal that says what is on it.
 *
 *  1. The data of the files that were written, their names in the staging
 *     folder, and the renames of earlier TASK_PLACEs are synced: one by one
 *     if they are few, else the whole file system at once.
 *  2. Receipts, which are facts now, go into the ledger, and that is synced:
 *     once the journal has them, nobody would write them again.
 *  3. Plans, leaves and receipts are journaled, and the journal synced.
 *
 * If a sync fails, nothing is journaled; the engine ends the session, and the
 * next one writes again what no journal claims.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/target_internal.h"

/* Is the folder of path noted already?  Under the lock. */
static int is_noted(const struct target_renamed *renamed, const char *path,
		    size_t length)
{
	for (size_t i = renamed->count; i-- > 0;)
		if (strlen(renamed->folders[i]) == length &&
		    memcmp(renamed->folders[i], path, length) == 0)
			return 1;
	return 0;
}

void target_note_renamed(struct target *target, const char *path, size_t length)
{
	struct target_renamed *renamed = &target->renamed;
	char *copy = NULL;

	pthread_mutex_lock(&target->renamed_lock);
	if (!renamed->many && !is_noted(renamed, path, length)) {
		if (renamed->count < TARGET_SYNCS_MAX)
			copy = strndup(path, length);
		if (copy == NULL)
			renamed->many = 1;
		else
			renamed->folders[renamed->count++] = copy;
	}
	pthread_mutex_unlock(&target->renamed_lock);
}

void target_note_many(struct target *target)
{
	pthread_mutex_lock(&target->renamed_lock);
	target->renamed.many = 1;
	pthread_mutex_unlock(&target->renamed_lock);
}

/*
 * What was noted until now: a sync that begins after this makes it durable.
 * What is renamed while it goes on may be, and is noted for the next.  Should
 * the sync fail, the session ends.
 */
static struct target_renamed take_renamed(struct target *target)
{
	static const struct target_renamed none;
	struct target_renamed taken;

	pthread_mutex_lock(&target->renamed_lock);
	taken = target->renamed;
	target->renamed = none;
	pthread_mutex_unlock(&target->renamed_lock);
	return taken;
}

static void release_renamed(struct target_renamed *renamed)
{
	while (renamed->count > 0)
		free(renamed->folders[--renamed->count]);
}

/* fsync of one folder of the target.  1: it is not there any more. */
static int sync_folder(struct target *target, const char *path)
{
	int result,
	    folder = io_open_beneath(target->io, target->base, path,
				     O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

	if (folder == -1)
		return 1;
	result = io_sync(target->io, folder);
	io_close(target->io, folder);
	return result;
}

/* 0 or -1. */
static int sync_renamed(struct target *target,
			const struct target_renamed *renamed)
{
	int result = renamed->many || atomic_exchange(&target->folders_made, 0);

	for (size_t i = 0; i < renamed->count && result == 0; i++)
		result = sync_folder(target, renamed->folders[i]);
	/* A folder that cannot be opened by its path is still synced so. */
	if (result == 1)
		result = io_sync_all(target->io, target->staging);
	return result;
}

int target_sync_names(struct target *target)
{
	struct target_renamed renamed = take_renamed(target);
	int result = sync_renamed(target, &renamed);

	release_renamed(&renamed);
	return result;
}

/*
 * A file so large does not stay in the cache: its pages, clean once they are
 * synced, serve for what comes next of it.  Fresh memory for all of it would
 * cost more than writing it, and push out what others read.
 */
#define CACHED_MAX ((uint64_t)64 << 20)

static int sync_open(struct target *target, int descriptor,
		     const struct entry *entry)
{
	struct io *io = target->io;

	if (io_sync_data(io, descriptor) == -1)
		return -1;
	if (entry->size > CACHED_MAX)
		io->advise(io->context, descriptor, 0, 0, IO_DROP_CACHE);
	return 0;
}

/*
 * Sync one staged file.  One that has its attributes has them synced too: it
 * is not touched again before it is renamed.  1: it is not there any more.
 */
static int sync_file(struct target *target, const struct group_file *file)
{
	const char *path = target_path(target, file->entry);
	char name[TARGET_NAME_SIZE];
	int descriptor, result;

	pthread_mutex_lock(&target->staged_lock);
	descriptor = file->staged->descriptor;
	pthread_mutex_unlock(&target->staged_lock);
	if (descriptor != -1)
		return sync_open(target, descriptor, file->entry);
	if (path == NULL)
		return 1;
	target_staged_name(target, path, &file->entry->version, name);
	descriptor = io_open_beneath(target->io, target->staging, name,
				     O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	if (descriptor == -1)
		return 1;
	result = io_sync(target->io, descriptor);
	io_close(target->io, descriptor);
	return result;
}

/* The files one by one.  0; 1: one of them is not to be had; -1. */
static int sync_files(struct target *target, const struct task_group *group)
{
	int result = 0;

	for (size_t i = 0; i < group->file_count && result == 0; i++)
		result = sync_file(target, &group->files[i]);
	return result;
}

/* Step 1.  0, or -1 with errno. */
static int sync_disk(struct target *target, const struct task_group *group)
{
	struct target_renamed renamed = take_renamed(target);
	int staged = atomic_exchange(&target->staged_made, 0);
	int result = atomic_exchange(&target->folders_made, 0) ||
		     group->settle || renamed.many ||
		     group->file_count > TARGET_SYNCS_MAX;

	if (result == 0)
		result = sync_files(target, group);
	if (result == 1) {
		result = io_sync_all(target->io, target->staging);
	} else if (result == 0) {
		if (staged)
			result = io_sync(target->io, target->staging);
		if (result == 0)
			result = sync_renamed(target, &renamed);
	}
	release_renamed(&renamed);
	return result;
}

static int add_plan(struct target *target, const struct entry *entry)
{
	const char *path = target_path(target, entry);
	struct journal_plan plan;

	if (entry->type != ENTRY_FILE || path == NULL)
		return 0;
	plan = entry_plan(entry, path, strlen(path));
	return journal_add_plan(target->journal, &plan);
}

/* How many digests one journal record may hold. */
#define RUN_MAX 1024

/* Leaves that follow one another go into one record. */
static int add_leaves(struct target *target, const struct task_group *group)
{
	struct digest digests[RUN_MAX];
	size_t i = 0;

	while (i < group->leaf_count) {
		const struct group_leaf *first = &group->leaves[i];
		uint32_t count = 0;

		while (i < group->leaf_count && count < RUN_MAX &&
		       group->leaves[i].entry == first->entry &&
		       group->leaves[i].leaf == first->leaf + count)
			digests[count++] = group->leaves[i++].digest;
		if (journal_add_leaves(target->journal, first->entry->index,
				       first->leaf, count, digests) == -1)
			return -1;
	}
	return 0;
}

/* Step 3. */
static int write_journal(struct target *target, const struct task_group *group)
{
	struct transfer_journal *journal = target->journal;

	for (size_t i = 0; i < group->planned_count; i++)
		if (add_plan(target, group->planned[i]) == -1)
			return -1;
	if (add_leaves(target, group) == -1)
		return -1;
	for (size_t i = 0; i < group->receipt_count; i++)
		if (group->receipts[i].entry->type == ENTRY_FILE &&
		    journal_add_receipt(journal,
					group->receipts[i].entry->index) == -1)
			return -1;
	if (group->total_files != target->total_files ||
	    group->total_bytes != target->total_bytes) {
		target->total_files = group->total_files;
		target->total_bytes = group->total_bytes;
		if (journal_add_total(journal, group->total_files,
				      group->total_bytes) == -1)
			return -1;
	}
	return journal_commit(journal);
}

/* Step 2. */
static int write_ledger(struct target *target, const struct task_group *group)
{
	for (size_t i = 0; i < group->receipt_count; i++) {
		const struct entry *entry = group->receipts[i].entry;
		struct ledger_receipt receipt = {
		    .path = target_path(target, entry),
		    .size = entry->size,
		    .mtime_seconds = entry->mtime_seconds,
		    .mtime_nanoseconds = entry->mtime_nanoseconds,
		    .digest = group->receipts[i].file,
		};

		if (entry->type != ENTRY_FILE || target->state_dir == -1 ||
		    receipt.path == NULL)
			continue;
		if (target->ledger == NULL)
			target->ledger =
			    ledger_open(target->io, target->state_dir,
					target->uuid, LEDGER_RECEIVED);
		receipt.path_length = strlen(receipt.path);
		if (target->ledger == NULL ||
		    ledger_add(target->ledger, &receipt) == -1)
			return -1;
	}
	return target->ledger == NULL ? 0 : ledger_sync(target->ledger);
}

void target_group(struct target *target, struct task *task)
{
	int failed;

	if (sync_disk(target, task->group) == -1) {
		fault_task(task, target->shown, "cannot be synced", errno);
		return;
	}
	if (write_ledger(target, task->group) == -1) {
		fault_task(task, "the state folder", "cannot write the ledger",
			   errno);
		return;
	}
	pthread_mutex_lock(&target->journal_lock);
	failed = write_journal(target, task->group);
	pthread_mutex_unlock(&target->journal_lock);
	if (failed)
		fault_task(task, target->shown,
			   "cannot write the journal in .ferry", errno);
}
