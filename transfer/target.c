/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The writing end's disk: opening and closing it, and who does which task.
 *
 *  1. DST is resolved to a folder, its lock is taken, staged data of the same
 *     job is looked for, the journal opened.
 *  2. TASK_EXAMINE finds what is there of an entry; TASK_WRITE stages chunks
 *     under .ferry/<uuid>/, TASK_HASH reads what is staged or in place.
 *  3. TASK_GROUP syncs, and then journals what it has synced; TASK_PLACE
 *     renames, while the next files are written and synced; a TASK_GROUP that
 *     begins after it makes the renames durable.
 *  4. TASK_CLOSE removes journal and staging.
 *
 * After a crash at any point the same tasks begin anew with step 1: nothing
 * is undone, and nothing needs to be.
 */
#include "transfer/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/pack.h"
#include "transfer/target_internal.h"

const char *target_path(const struct target *target, const struct entry *entry)
{
	if (!target_is_asked(target, entry->path))
		return NULL;
	if (target->offered == NULL)
		return entry->path;
	return strcmp(entry->path, target->offered) == 0 ? target->single
							 : NULL;
}

/*
 * It follows from the path.  Where what a run before asked for may still be
 * done, it follows from the version of the source as well: then all that ever
 * writes to a staged file writes the same, and a rename that comes late finds
 * nothing.
 */
void target_staged_name(const struct target *target, const char *path,
			const struct digest *version,
			char name[TARGET_NAME_SIZE])
{
	struct digest digests[2] = {digest_of(path, strlen(path))};

	if (target->io->late) {
		digests[1] = *version;
		digests[0] = digest_of(digests, sizeof(digests));
	}
	digest_format(&digests[0], name);
}

void target_fault(const struct target *target, struct task *task,
		  const struct entry *entry, const char *what, int error)
{
	const char *path = target_path(target, entry);
	size_t length = strlen(target->shown);
	char *shown;

	if (asprintf(&shown, "%s%s%s", target->shown,
		     length == 0 || target->shown[length - 1] == '/' ? "" : "/",
		     path != NULL ? path : entry->path) == -1)
		shown = NULL;
	fault_task(task, shown, what, error);
	free(shown);
}

void target_times(const struct entry *entry, struct timespec times[2])
{
	times[0].tv_sec = 0;
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_sec = (time_t)entry->mtime_seconds;
	times[1].tv_nsec = (long)entry->mtime_nanoseconds;
}

int target_set_times(const struct target *target, int descriptor,
		     const struct entry *entry)
{
	struct timespec times[2];

	target_times(entry, times);
	return target->io->set_times(target->io->context, descriptor, times);
}

int target_set_times_at(const struct target *target, int dir, const char *name,
			const struct entry *entry)
{
	struct timespec times[2];

	target_times(entry, times);
	return target->io->set_times_at(target->io->context, dir, name, times);
}

mode_t target_mode(const struct entry *entry)
{
	return (mode_t)(entry->mode & 0777);
}

static int has_time(const struct target *target, const struct entry *entry,
		    const struct timespec *time)
{
	int64_t seconds = entry->mtime_seconds;

	if (!target->io->whole_seconds)
		return time->tv_sec == seconds &&
		       time->tv_nsec == (long)entry->mtime_nanoseconds;
	if (seconds < 0)
		seconds = 0;
	return time->tv_sec == (seconds > UINT32_MAX ? UINT32_MAX : seconds);
}

int target_is_same(const struct target *target, const struct entry *entry,
		   const struct stat *status)
{
	return (entry->type != ENTRY_FILE ||
		(uint64_t)status->st_size == entry->size) &&
	       has_time(target, entry, &status->st_mtim);
}

/* A folder that is to become like a source's may be read-only from an earlier
 * run: it gets permissions for the time. */
static void open_up_base(struct target *target,
			 const struct message_offer *offer)
{
	if (!(offer->flags & OFFER_CONTENTS) ||
	    (target->base_mode & 0700) == 0700)
		return;
	/* Should it fail, what needs the permission says so. */
	target->base_opened_up =
	    target->io->set_mode(target->io->context, target->base,
				 target->base_mode | 0700) == 0;
}

static enum target_result take_lock(struct target *target,
				    const struct target_config *config,
				    char **text)
{
	struct target_lock_request request = {
	    .io = config->io,
	    .base = target->base,
	    .shown = config->path,
	    .single = target->single,
	    .uuid = config->uuid,
	    .client = config->client,
	};

	return target_lock_take(&request, &target->lock, text);
}

static struct target *create(const struct target_config *config)
{
	struct target *target = calloc(1, sizeof(*target));

	if (target == NULL)
		return NULL;
	target->io = config->io;
	target->base = target->staging = -1;
	target->state_dir = config->state_dir;
	for (size_t i = 0; i < TARGET_BASES_OPEN; i++)
		target->bases[i].descriptor = -1;
	target->packer = packer_create();
	if (target->packer == NULL) {
		free(target);
		return NULL;
	}
	pthread_mutex_init(&target->journal_lock, NULL);
	pthread_mutex_init(&target->staged_lock, NULL);
	pthread_mutex_init(&target->renamed_lock, NULL);
	return target;
}

enum target_result target_open(const struct target_config *config,
			       struct target **result,
			       struct message_ready *ready, char **text)
{
	struct target *target = create(config);
	enum target_result opened = TARGET_FAILED;
	int error;

	*text = NULL;
	*result = NULL;
	memset(ready, 0, sizeof(*ready));
	if (target == NULL)
		return TARGET_FAILED;
	if (target_resolve(target, config, text) == -1)
		goto close_target;
	open_up_base(target, config->offer);
	opened = take_lock(target, config, text);
	if (opened != TARGET_OPEN)
		goto close_target;
	opened = TARGET_FAILED;
	if (target_staging_open(target, config, ready, text) == -1)
		goto close_target;
	target->examined = folder_cache_create(config->io, target->base);
	target->placed = folder_cache_create(config->io, target->base);
	if (target->examined == NULL || target->placed == NULL)
		goto close_target;
	*result = target;
	return TARGET_OPEN;

close_target:
	error = errno;
	target_close(target);
	errno = error;
	return opened;
}

void target_run(struct target *target, struct task *task)
{
	switch (task->type) {
	case TASK_EXAMINE:
		target_examine(target, task);
		break;
	case TASK_HASH:
		target_hash(target, task);
		break;
	case TASK_WRITE:
		target_write(target, task);
		break;
	case TASK_DISCARD:
		target_discard(target, task);
		break;
	case TASK_GROUP:
		target_commit_begin(target);
		target_group(target, task);
		target_commit_end(target);
		break;
	case TASK_PLACE:
		target_place(target, task);
		break;
	case TASK_CLOSE:
		target_close_job(target, task);
		break;
	default:
		fault_task(task, NULL, "the writing end was asked to read",
			   EINVAL);
	}
}

void target_close(struct target *target)
{
	if (target == NULL)
		return;
	target_forget_bases(target, UINT64_MAX);
	target_descriptor_close_all(target);
	folder_cache_free(target->examined);
	folder_cache_free(target->placed);
	while (target->renamed.count > 0)
		free(target->renamed.folders[--target->renamed.count]);
	journal_close(target->journal);
	if (target->ledger != NULL) {
		ledger_sync(target->ledger);
		ledger_close(target->ledger);
	}
	io_close(target->io, target->staging);
	target_lock_release(target->lock, 0);
	/* A job that was not finished leaves the folder as it was. */
	if (target->base_opened_up && !target->closed)
		target->io->set_mode(target->io->context, target->base,
				     target->base_mode);
	io_close(target->io, target->base);
	pthread_mutex_destroy(&target->renamed_lock);
	pthread_mutex_destroy(&target->staged_lock);
	pthread_mutex_destroy(&target->journal_lock);
	free(target->buffer);
	packer_free(target->packer);
	free(target->copy);
	free(target->shown);
	for (size_t i = 0; i < target->asked_count; i++)
		free(target->asked[i]);
	free(target->asked);
	free(target->offered);
	free(target->single);
	free(target);
}
