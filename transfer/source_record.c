/* SPDX-License-Identifier: BSD-2-Clause */
/* What the reading end keeps of a transfer: its journal and its ledger. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "journal/uuid.h"
#include "transfer/fault.h"
#include "transfer/source_internal.h"

/* dir/name as a descriptor, made if it is not there.  -1 with errno. */
static int open_folder(struct io *io, int dir, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	int folder = io_open_beneath(io, dir, name, flags, 0);

	if (folder != -1 || errno != ENOENT)
		return folder;
	if (io->make_dir_at(io->context, dir, name, 0700) == -1 &&
	    errno != EEXIST)
		return -1;
	return io_open_beneath(io, dir, name, flags, 0);
}

/* Remove the journal, and its folder if that held nothing else: the client's
 * holds the command line too. */
static void drop_journal(struct source *source)
{
	struct io *io = source->io;
	char text[UUID_TEXT_SIZE];
	int transfers;

	journal_close(source->journal);
	source->journal = NULL;
	if (source->journal_dir == -1)
		return;
	io->unlink_at(io->context, source->journal_dir, "journal", 0);
	io->unlink_at(io->context, source->journal_dir, "journal.bad", 0);
	io_close(io, source->journal_dir);
	source->journal_dir = -1;
	transfers = open_folder(io, source->state_dir, "transfers");
	if (transfers == -1)
		return;
	uuid_format(source->uuid, text);
	io->unlink_at(io->context, transfers, text, AT_REMOVEDIR);
	io_close(io, transfers);
}

/*
 * Hold off whoever tidies transfers/ up: a run on this machine takes a folder
 * without a record and without a journal for one that a crash left, and
 * removes it, under an exclusive lock of transfers/.  Ours is such a folder
 * until its journal has its name.  Where nothing can be locked, nothing is
 * tidied up either.
 */
static void lock_transfers(const struct source *source, int transfers)
{
	struct io *io = source->io;
	int result;

	do
		result = io->lock(io->context, transfers, LOCK_SH);
	while (result == -1 && errno == EINTR);
}

/* Make or open STATE/transfers/<uuid> and the journal in it.  0, -1. */
static int open_journal(struct source *source, int transfers)
{
	char text[UUID_TEXT_SIZE];

	uuid_format(source->uuid, text);
	source->journal_dir = open_folder(source->io, transfers, text);
	if (source->journal_dir == -1)
		return -1;
	source->journal = journal_open(source->io, source->journal_dir,
				       source->uuid, 0, NULL, 0);
	return source->journal != NULL ? 0 : -1;
}

int source_open_journal(struct source *source, const uint8_t uuid[16],
			struct journal_summary *summary)
{
	int transfers, result;

	/* One that was proposed, and not taken by the other end. */
	drop_journal(source);
	memset(summary, 0, sizeof(*summary));
	memcpy(source->uuid, uuid, sizeof(source->uuid));
	memcpy(summary->uuid, uuid, sizeof(summary->uuid));
	if (source->state_dir == -1)
		return 0;
	transfers = open_folder(source->io, source->state_dir, "transfers");
	if (transfers == -1)
		return -1;
	lock_transfers(source, transfers);
	result = open_journal(source, transfers);
	io_close(source->io, transfers); /* and so unlock it */
	if (result == 0)
		journal_get_summary(source->journal, summary);
	return result;
}

static int record_plan(struct source *source, const struct entry *entry)
{
	struct journal_plan plan =
	    entry_plan(entry, entry->path, entry->path_length);

	return journal_add_plan(source->journal, &plan);
}

static int record_receipt(struct source *source, const struct record_item *item)
{
	const struct entry *entry = item->entry;
	struct ledger_receipt receipt = {
	    .path = entry->path,
	    .path_length = entry->path_length,
	    .size = entry->size,
	    .mtime_seconds = entry->mtime_seconds,
	    .mtime_nanoseconds = entry->mtime_nanoseconds,
	    .digest = item->file,
	};

	if (item->ledger) {
		if (source->ledger == NULL)
			source->ledger =
			    ledger_open(source->io, source->state_dir,
					source->uuid, LEDGER_SENT);
		if (source->ledger == NULL ||
		    ledger_add(source->ledger, &receipt) == -1)
			return -1;
	}
	return journal_add_receipt(source->journal, entry->index);
}

static int record_item(struct source *source, const struct record_item *item)
{
	switch (item->kind) {
	case RECORD_PLAN:
		return record_plan(source, item->entry);
	case RECORD_LEAVES:
		return journal_add_leaves(source->journal, item->entry->index,
					  item->first_leaf, item->leaf_count,
					  NULL);
	case RECORD_RECEIPT:
		break;
	}
	return record_receipt(source, item);
}

static int record_total(struct source *source, const struct task_record *record)
{
	if (record->total_files == source->total_files &&
	    record->total_bytes == source->total_bytes)
		return 0;
	source->total_files = record->total_files;
	source->total_bytes = record->total_bytes;
	return journal_add_total(source->journal, record->total_files,
				 record->total_bytes);
}

void source_record(struct source *source, struct task *task)
{
	const struct task_record *record = task->record;
	int failed;

	if (source->journal == NULL)
		return;
	failed = record_total(source, record);
	for (size_t i = 0; i < record->count && !failed; i++)
		failed = record_item(source, &record->items[i]);
	/* First the ledger: a receipt in the journal is not looked for. */
	if (!failed && source->ledger != NULL)
		failed = ledger_sync(source->ledger);
	if (failed == -1 || journal_commit(source->journal) == -1)
		fault_task(task, "the state folder", "cannot keep the journal",
			   errno);
}

void source_finish(struct source *source)
{
	/* Receipts first: the journal must not go before they are safe. */
	if (source->ledger == NULL || ledger_sync(source->ledger) == 0)
		drop_journal(source);
}
