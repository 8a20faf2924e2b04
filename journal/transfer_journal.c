/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The journal of one transfer at one end.  Opening it replays what is there
 * into a table of files (journal_replay.c), writes the rest of it into a new
 * record log, and goes on in that one.
 */
#include "journal/transfer_journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/journal_replay.h"
#include "journal/little_endian.h"
#include "journal/record_log.h"

struct transfer_journal {
	struct record_log *log;
	struct file_table *files; /* NULL: none are kept */
	struct journal_summary summary;
};

/* ---- records ---- */

static int append_plan(struct record_log *log, const struct journal_plan *plan,
    int mixed)
{
	size_t length = PLAN_HEADER_SIZE + plan->path_length;
	uint8_t *body = malloc(length);
	int result;

	if (body == NULL)
		return -1;
	put_u64(body, plan->entry);
	put_u64(body + 8, plan->first_seq);
	put_u64(body + 16, plan->size);
	put_u64(body + 24, (uint64_t)plan->mtime_seconds);
	put_u32(body + 32, plan->mtime_nanoseconds);
	put_u32(body + 36, mixed ? PLAN_MIXED : 0);
	memcpy(body + 40, plan->version.bytes, sizeof(plan->version.bytes));
	if (plan->path_length > 0)
		memcpy(body + PLAN_HEADER_SIZE, plan->path, plan->path_length);
	result = record_log_append(log, JOURNAL_PLAN, body, length);
	free(body);
	return result;
}

/* digests may be NULL; count is at most LEAVES_MAX. */
static int append_leaves(struct record_log *log, uint64_t entry, uint64_t first,
    uint32_t count, const struct digest *digests)
{
	size_t digests_size = digests == NULL ? 0 : count * sizeof(*digests);
	uint8_t *body = malloc(LEAVES_HEADER_SIZE + digests_size);
	int result;

	if (body == NULL)
		return -1;
	put_u64(body, entry);
	put_u64(body + 8, first);
	put_u32(body + 16, count);
	if (digests_size > 0)
		memcpy(body + LEAVES_HEADER_SIZE, digests, digests_size);
	result = record_log_append(log, JOURNAL_LEAVES, body,
	    LEAVES_HEADER_SIZE + digests_size);
	free(body);
	return result;
}

static int append_numbers(struct record_log *log, uint8_t type,
    const uint64_t *numbers, size_t count)
{
	uint8_t body[8 * JOURNAL_COUNTERS];

	for (size_t i = 0; i < count; i++)
		put_u64(body + 8 * i, numbers[i]);
	return record_log_append(log, type, body, 8 * count);
}

/* ---- the new log goes on with what the old one had ---- */

/* The leaves that are known, in runs. */
static int carry_leaves(struct record_log *log, const struct journal_file *file)
{
	struct digest run[256];
	uint64_t leaves = leaf_count(file->plan.size), found = 0;
	uint32_t count = 0;

	if (file->leaves == NULL)
		return 0;
	for (uint64_t i = 0; i < leaves && found < file->leaf_count; i++) {
		const struct digest *digest = leaf_table_get(file->leaves, i);

		if (digest != NULL) {
			run[count++] = *digest;
			found++;
		}
		if (count == 0 || (digest != NULL && count < 256 &&
				      i + 1 < leaves &&
				      found < file->leaf_count))
			continue;
		/* The run ends before this leaf, or with it. */
		if (append_leaves(log, file->plan.entry,
			i + (digest != NULL) - count, count, run) == -1)
			return -1;
		count = 0;
	}
	return 0;
}

static int carry_on(struct transfer_journal *journal,
    const struct replayed *replayed)
{
	const struct journal_summary *summary = &replayed->summary;
	const uint64_t counters[JOURNAL_COUNTERS] = {summary->next_entry,
	    summary->next_seq, summary->files, summary->bytes};
	const uint64_t total[2] = {summary->total_files, summary->total_bytes};
	struct record_log *log = journal->log;
	struct journal_file *file = NULL;

	if (append_numbers(log, JOURNAL_COUNTER, counters, JOURNAL_COUNTERS) ==
		-1 ||
	    append_numbers(log, JOURNAL_TOTAL, total, 2) == -1)
		return -1;
	if (replayed->note != NULL &&
	    record_log_append(log, JOURNAL_NOTE, replayed->note,
		replayed->note_length) == -1)
		return -1;
	if (journal->files == NULL)
		return 0;
	while ((file = file_table_next(journal->files, file)) != NULL) {
		if (append_plan(log, &file->plan, !file->same_version) == -1 ||
		    carry_leaves(log, file) == -1)
			return -1;
	}
	return 0;
}

static int begin(struct transfer_journal *journal, struct io *io, int dir,
    const struct replayed *replayed)
{
	struct record_header header = {0};

	memcpy(header.uuid, journal->summary.uuid, sizeof(header.uuid));
	header.session = journal->summary.session;
	journal->log = record_log_create(io, dir, JOURNAL_NAME, &header);
	if (journal->log == NULL || carry_on(journal, replayed) == -1)
		return -1;
	return record_log_publish(journal->log);
}

static int replace_note(struct replayed *replayed, const void *note,
    size_t length)
{
	void *copy = malloc(length + 1);

	if (copy == NULL)
		return -1;
	memcpy(copy, note, length);
	free(replayed->note);
	replayed->note = copy;
	replayed->note_length = length;
	return 0;
}

/* Replay; a journal that cannot be trusted is set aside. */
static int replay(struct io *io, int dir, const uint8_t uuid[16],
    struct replayed *replayed)
{
	int result = journal_replay(io, dir, replayed);

	if (result == 0 && memcmp(replayed->summary.uuid, uuid, 16) == 0)
		return 0;
	if (result == -1 && errno == ENOENT)
		return 0;
	if (result == -1 && errno != EBADMSG)
		return -1;
	replayed_clear(replayed);
	replayed->summary.damaged = 1;
	return io->rename_at(io->context, dir, JOURNAL_NAME, dir,
	    JOURNAL_NAME ".bad");
}

struct transfer_journal *journal_open(struct io *io, int dir,
    const uint8_t uuid[16], int keep_files, const void *note,
    size_t note_length)
{
	struct transfer_journal *journal = calloc(1, sizeof(*journal));
	struct replayed replayed = {.keep_files = keep_files};
	int error;

	if (journal == NULL)
		return NULL;
	if (replay(io, dir, uuid, &replayed) == -1 ||
	    (note != NULL && replace_note(&replayed, note, note_length) == -1))
		goto close_journal;
	journal->summary = replayed.summary;
	memcpy(journal->summary.uuid, uuid, sizeof(journal->summary.uuid));
	journal->summary.session++;
	if (keep_files) {
		journal->files = replayed.files;
		replayed.files = NULL;
	}
	if (begin(journal, io, dir, &replayed) == -1)
		goto close_journal;
	replayed_clear(&replayed);
	return journal;

close_journal:
	error = errno;
	replayed_clear(&replayed);
	journal_close(journal);
	errno = error;
	return NULL;
}

int journal_read(struct io *io, int dir, struct journal_summary *summary,
    void **note, size_t *note_length)
{
	struct replayed replayed = {.keep_files = 0};
	int error;

	*note = NULL;
	*note_length = 0;
	if (journal_replay(io, dir, &replayed) == -1) {
		error = errno;
		replayed_clear(&replayed);
		errno = error;
		return -1;
	}
	*summary = replayed.summary;
	*note = replayed.note;
	*note_length = replayed.note_length;
	replayed.note = NULL;
	replayed_clear(&replayed);
	return 0;
}

void journal_get_summary(const struct transfer_journal *journal,
    struct journal_summary *summary)
{
	*summary = journal->summary;
}

struct journal_file *journal_find(struct transfer_journal *journal,
    const char *path, size_t path_length)
{
	if (journal->files == NULL)
		return NULL;
	return file_table_by_path(journal->files, path, path_length);
}

void journal_forget(struct transfer_journal *journal, struct journal_file *file)
{
	file_table_remove(journal->files, file);
}

int journal_add_plan(struct transfer_journal *journal,
    const struct journal_plan *plan)
{
	return append_plan(journal->log, plan, 0);
}

int journal_add_leaves(struct transfer_journal *journal, uint64_t entry,
    uint64_t first, uint32_t count, const struct digest *digests)
{
	while (count > 0) {
		uint32_t some = count < LEAVES_MAX ? count : LEAVES_MAX;

		if (append_leaves(journal->log, entry, first, some, digests) ==
		    -1)
			return -1;
		first += some;
		count -= some;
		if (digests != NULL)
			digests += some;
	}
	return 0;
}

int journal_add_receipt(struct transfer_journal *journal, uint64_t entry)
{
	return append_numbers(journal->log, JOURNAL_RECEIPT, &entry, 1);
}

int journal_add_total(struct transfer_journal *journal, uint64_t files,
    uint64_t bytes)
{
	const uint64_t total[2] = {files, bytes};

	return append_numbers(journal->log, JOURNAL_TOTAL, total, 2);
}

int journal_commit(struct transfer_journal *journal)
{
	return record_log_commit(journal->log);
}

void journal_close(struct transfer_journal *journal)
{
	if (journal == NULL)
		return;
	record_log_close(journal->log);
	file_table_free(journal->files);
	free(journal);
}
