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
	struct file_table *files;   /* NULL: none are kept */
	struct planned_file *found; /* by journal_find, or NULL, */
	struct journal_file view;   /* and what was said of it */
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

/* A file, and the leaves that are known, in runs. */
static int carry_file(void *cookie, struct planned_file *file)
{
	struct record_log *log = cookie;
	struct digest run[256];
	struct journal_file view;
	uint64_t first;
	size_t place = 0, count;
	int result;

	planned_file_get(file, &view);
	result = append_plan(log, &view.plan, !view.same_version);
	while (result == 0 &&
	       (count = planned_file_run(file, place, &first, run, 256)) > 0) {
		result = append_leaves(log, view.plan.entry, first,
				       (uint32_t)count, run);
		place += count;
	}
	return result;
}

static int carry_on(struct transfer_journal *journal,
		    const struct replayed *replayed)
{
	const struct journal_summary *summary = &replayed->summary;
	const uint64_t counters[JOURNAL_COUNTERS] = {
	    summary->next_entry, summary->next_seq, summary->files,
	    summary->bytes};
	const uint64_t total[2] = {summary->total_files, summary->total_bytes};
	struct record_log *log = journal->log;

	if (append_numbers(log, JOURNAL_TOTAL, total, 2) == -1)
		return -1;
	if (replayed->note != NULL &&
	    record_log_append(log, JOURNAL_NOTE, replayed->note,
			      replayed->note_length) == -1)
		return -1;
	if (journal->files != NULL &&
	    file_table_each(journal->files, carry_file, log) != 0)
		return -1;
	/* Last: it says what replay has counted by then, leaves and all. */
	return append_numbers(log, JOURNAL_COUNTER, counters, JOURNAL_COUNTERS);
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

/* What cannot be trusted is kept, for people to look at. */
static int set_aside(struct io *io, int dir)
{
	static const char bad[] = JOURNAL_NAME ".bad";

	if (io->rename_at(io->context, dir, JOURNAL_NAME, dir, bad) == 0)
		return 0;
	/* A folder is in the way. */
	if (io_remove_tree(io, dir, bad) == -1)
		return -1;
	return io->rename_at(io->context, dir, JOURNAL_NAME, dir, bad);
}

/*
 * The number of the session: the next one, or for a new journal any.  It tells
 * frames of this session from those of others, and an earlier transfer of the
 * same files may have ended, its journal with it, an instant ago.
 */
static int next_session(struct io *io, uint32_t *session)
{
	uint8_t bytes[4];

	if (*session == 0) {
		if (io->random(io->context, bytes, sizeof(bytes)) == -1)
			return -1;
		/* Far enough from the highest number. */
		*session = get_u32(bytes) >> 1;
	}
	++*session;
	return 0;
}

/* Replay; a journal that cannot be trusted is set aside. */
static int replay(struct io *io, int dir, const uint8_t uuid[16],
		  struct replayed *replayed)
{
	int result = journal_replay(io, dir, replayed);
	uint32_t session = replayed->summary.session;

	if (result == 0 && memcmp(replayed->summary.uuid, uuid, 16) == 0)
		return 0;
	if (result == -1 && errno == ENOENT)
		return 0;
	if (result == -1 && errno != EBADMSG)
		return -1;
	replayed_clear(replayed);
	replayed->summary.damaged = 1;
	/* Sessions count on if they can, for the sake of fencing. */
	replayed->summary.session = session == UINT32_MAX ? 0 : session;
	if (set_aside(io, dir) == -1)
		return -1;
	replayed->files = file_table_create(replayed->keep_files);
	return replayed->files == NULL ? -1 : 0;
}

struct transfer_journal *journal_open(struct io *io, int dir,
				      const uint8_t uuid[16], int keep_files,
				      const void *note, size_t note_length)
{
	struct transfer_journal *journal = calloc(1, sizeof(*journal));
	struct replayed replayed = {.keep_files = keep_files};
	int error;

	if (journal == NULL)
		return NULL;
	if (replay(io, dir, uuid, &replayed) == -1 ||
	    (note != NULL &&
	     replace_note(&replayed, note, note_length) == -1) ||
	    next_session(io, &replayed.summary.session) == -1)
		goto close_journal;
	journal->summary = replayed.summary;
	memcpy(journal->summary.uuid, uuid, sizeof(journal->summary.uuid));
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
	leaf_table_free(journal->view.leaves);
	journal->view.leaves = NULL;
	journal->found = NULL;
	if (journal->files != NULL)
		journal->found =
		    file_table_by_path(journal->files, path, path_length);
	if (journal->found == NULL)
		return NULL;
	planned_file_get(journal->found, &journal->view);
	journal->view.leaves = planned_file_leaves(journal->found);
	/* Without memory for it, it is as if there were no journal. */
	return journal->view.leaves == NULL ? NULL : &journal->view;
}

void journal_forget(struct transfer_journal *journal, struct journal_file *file)
{
	if (file != &journal->view || journal->found == NULL)
		return;
	file_table_remove(journal->files, journal->found);
	leaf_table_free(journal->view.leaves);
	journal->view.leaves = NULL;
	journal->found = NULL;
}

int journal_add_plan(struct transfer_journal *journal,
		     const struct journal_plan *plan)
{
	return append_plan(journal->log, plan, 0);
}

int journal_add_leaves(struct transfer_journal *journal, uint64_t entry,
		       uint64_t first, uint32_t count,
		       const struct digest *digests)
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
	leaf_table_free(journal->view.leaves);
	free(journal);
}
