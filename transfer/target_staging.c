/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where is staged data of this job?  In .ferry/<uuid>/ with the uuid that the
 * client proposed; or else, if the client lost its state, in the folder whose
 * journal notes the same sources and the same target name.  At the end of the
 * job all of it goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transfer/target_internal.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* The digest of the names, and the name of a file. */
static void note_set(struct target *target, const struct message_offer *offer)
{
	struct target_note *note = &target->note;
	size_t length = target->single == NULL ? 0 : strlen(target->single);

	memcpy(note->bytes, offer->names.bytes, 16);
	if (length > 0)
		memcpy(note->bytes + 16, target->single, length);
	note->length = 16 + length;
}

/* Is in .ferry/name the journal of the same job?  1, 0, or -1 with errno: that
 * cannot be said, and to begin anew could send all of it again. */
static int has_note(const struct target *target, int ferry, const char *name)
{
	const struct target_note *note = &target->note;
	struct journal_summary summary;
	void *found = NULL;
	size_t length;
	int folder = io_open_beneath(target->io, ferry, name, FOLDER_FLAGS, 0);
	int result = 0;

	if (folder == -1)
		return fault_is_fatal(errno) ? -1 : 0;
	if (journal_read(target->io, folder, &summary, &found, &length) == 0)
		result = length == note->length &&
			 memcmp(found, note->bytes, length) == 0;
	else if (fault_is_fatal(errno))
		result = -1;
	free(found);
	io_close(target->io, folder);
	return result;
}

/* The folders in .ferry that bear a uuid. */
struct folder_list {
	char (*names)[UUID_TEXT_SIZE];
	size_t count;
};

static int folder_list_add(void *cookie, const char *name)
{
	struct folder_list *list = cookie;
	uint8_t uuid[16];
	void *bigger;

	if (strlen(name) != UUID_TEXT_SIZE - 1 || uuid_parse(name, uuid) == -1)
		return 0;
	bigger = realloc(list->names, (list->count + 1) * UUID_TEXT_SIZE);
	if (bigger == NULL)
		return -1;
	list->names = bigger;
	memcpy(list->names[list->count++], name, UUID_TEXT_SIZE);
	return 0;
}

static int folder_list_read(const struct target *target, int ferry,
			    struct folder_list *list)
{
	list->names = NULL;
	list->count = 0;
	return target->io->list(target->io->context, ferry, folder_list_add,
				list) == 0
		   ? 0
		   : -1;
}

/* 1, 0, or -1 with errno: that cannot be said. */
static int has_journal(const struct target *target, int ferry, const char *name)
{
	struct stat status;
	int folder = io_open_beneath(target->io, ferry, name, FOLDER_FLAGS, 0);
	int found;

	if (folder == -1)
		return errno == ENOENT ? 0 : -1;
	found = target->io->stat_at(target->io->context, folder, "journal",
				    &status) == 0;
	if (!found && errno != ENOENT)
		found = -1;
	io_close(target->io, folder);
	return found;
}

/* Choose target->uuid.  0, or -1 with errno. */
static int choose_uuid(struct target *target,
		       const struct target_config *config)
{
	int ferry = target_lock_folder(target->lock);
	struct folder_list list;
	int found;

	memcpy(target->uuid, config->uuid, sizeof(target->uuid));
	uuid_format(target->uuid, target->folder);
	found = has_journal(target, ferry, target->folder);
	if (found != 0)
		return found == 1 ? 0 : -1;
	found = folder_list_read(target, ferry, &list);
	for (size_t i = 0; i < list.count && found == 0; i++) {
		found = has_note(target, ferry, list.names[i]);
		if (found != 1)
			continue;
		memcpy(target->folder, list.names[i], UUID_TEXT_SIZE);
		uuid_parse(target->folder, target->uuid);
		target_lock_also(target->lock, target->uuid);
	}
	free(list.names);
	return found == -1 ? -1 : 0;
}

/*
 * Is a staging folder that was there one that we made?  Its owner could
 * replace what is staged.  Network file systems may call us by another number
 * than our own: what we make there tells which.
 */
static int is_ours(struct target *target)
{
	struct io *io = target->io;
	struct stat folder, made;
	int file, result;

	if (io->stat(io->context, target->staging, &folder) == -1)
		return -1;
	/* Its mode says nothing: some file systems show any that they were
	 * mounted with, and only the owner can have changed a real one. */
	if (folder.st_uid == geteuid())
		return 0;
	io->unlink_at(io->context, target->staging, "probe", 0);
	file = io_open_beneath(io, target->staging, "probe",
			       O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file == -1)
		return -1;
	result = io->stat(io->context, file, &made);
	io_close(io, file);
	io->unlink_at(io->context, target->staging, "probe", 0);
	if (result == 0 && made.st_uid == folder.st_uid)
		return 0;
	errno = EPERM;
	return -1;
}

/* Open or make the staging folder.  1: it was there, 0: it is new, -1. */
static int open_folder(struct target *target)
{
	struct io *io = target->io;
	int ferry = target_lock_folder(target->lock), made;

	made = io->make_dir_at(io->context, ferry, target->folder, 0700) == 0;
	if (!made && errno != EEXIST)
		return -1;
	target->staging =
	    io_open_beneath(io, ferry, target->folder, FOLDER_FLAGS, 0);
	if (target->staging == -1 || (!made && is_ours(target) == -1))
		return -1;
	/* Its name must be on disk before anything in it is relied on; an
	 * earlier run may have died between the two. */
	if (io_sync(io, ferry) == -1)
		return -1;
	return !made;
}

int target_staging_open(struct target *target,
			const struct target_config *config,
			struct message_ready *ready, char **text)
{
	struct journal_summary summary;
	int there = -1;

	note_set(target, config->offer);
	if (choose_uuid(target, config) == 0)
		there = open_folder(target);
	if (there == -1) {
		*text = fault_last_text(
		    config->path, "cannot make its staging folder", errno);
		return -1;
	}
	target->journal =
	    journal_open(target->io, target->staging, target->uuid, 1,
			 target->note.bytes, target->note.length);
	if (target->journal == NULL) {
		*text = fault_last_text(
		    config->path, "cannot open the journal in .ferry", errno);
		return -1;
	}
	journal_get_summary(target->journal, &summary);
	target->look_staged = there;
	/* So may names be that an earlier session made and never synced. */
	target->folders_made = there;
	target->total_files = summary.total_files;
	target->total_bytes = summary.total_bytes;
	memcpy(ready->uuid, target->uuid, sizeof(ready->uuid));
	ready->epoch = summary.session;
	ready->resumed = there && (summary.next_entry > 0 || summary.damaged);
	ready->next_entry = summary.next_entry;
	ready->next_seq = summary.next_seq;
	return 0;
}

/*
 * What runs left that nobody goes on with: folders of the same job, which is
 * done now; and, if nobody else is at work here, those of a run that had no
 * journal yet.
 */
static void remove_others(struct target *target)
{
	int ferry = target_lock_folder(target->lock);
	int alone = target_lock_alone(target->lock);
	struct folder_list list;

	if (folder_list_read(target, ferry, &list) == 0) {
		for (size_t i = 0; i < list.count; i++) {
			const char *name = list.names[i];

			if (has_note(target, ferry, name) == 1 ||
			    (alone && has_journal(target, ferry, name) == 0))
				io_remove_tree(target->io, ferry, name);
		}
	}
	free(list.names);
}

/* In any order: what a journal claims and is not there is sent again. */
static int remove_staging(struct target *target)
{
	struct io *io = target->io;
	int ferry = target_lock_folder(target->lock);

	journal_close(target->journal);
	target->journal = NULL;
	io_close(io, target->staging);
	target->staging = -1;
	if (io_remove_tree(io, ferry, target->folder) == -1)
		return -1;
	remove_others(target);
	return 0;
}

/* The target folder's own attributes, when nothing changes in it any more. */
static int end_base(struct target *target, const struct entry *root)
{
	struct io *io = target->io;
	struct stat status;

	if (root == NULL || target_path(target, root) == NULL)
		return target->base_opened_up
			   ? io->set_mode(io->context, target->base,
					  target->base_mode)
			   : 0;
	if (io->stat(io->context, target->base, &status) == -1 ||
	    io->set_mode(io->context, target->base,
			 target_mode(root) | (status.st_mode & 03000)) == -1 ||
	    target_set_times(target, target->base, root) == -1)
		return -1;
	return io_sync(io, target->base);
}

static int is_staged_name(void *cookie, const char *name)
{
	struct digest digest;

	(void)cookie;
	return strlen(name) == TARGET_NAME_SIZE - 1 &&
	       digest_parse(name, &digest) == 0;
}

/* Is there anything that another run could go on from?  1, or 0. */
static int has_staged(const struct target *target)
{
	return target->io->list(target->io->context, target->staging,
				is_staged_name, NULL) != 0;
}

/* It concerns the whole target, so there is no entry to name. */
static void close_fault(const struct target *target, struct task *task,
			const char *what, int error)
{
	task->error = error;
	task->text = fault_text(target->shown, what, error);
}

void target_close_job(struct target *target, struct task *task)
{
	const struct task_close *close = task->close;
	int keep;

	if (target_sync_names(target) == -1) {
		close_fault(target, task, "cannot be synced", errno);
		return;
	}
	if (target->ledger != NULL && ledger_sync(target->ledger) == -1) {
		fault_task(task, "the ledger", "cannot be synced", errno);
		return;
	}
	target_forget_bases(target, UINT64_MAX);
	keep = close->keep && has_staged(target);
	if (!keep && remove_staging(target) == -1)
		close_fault(target, task, "cannot remove its staging folder",
			    errno);
	target_lock_release(target->lock, !keep);
	target->lock = NULL;
	if (end_base(target, close->root) == -1 && task->error == 0)
		close_fault(target, task, "cannot set its attributes", errno);
	target->closed = 1;
}
