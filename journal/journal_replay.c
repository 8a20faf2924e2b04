/* SPDX-License-Identifier: BSD-2-Clause */
/* What a transfer's journal says, record by record. */
#include "journal/journal_replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/little_endian.h"
#include "journal/record_log.h"

/* A record that its checksum vouches for and that makes no sense all the same
 * was written by another version, or by someone who means harm. */
static int refuse(void)
{
	errno = EBADMSG;
	return -1;
}

static int take_note(struct replayed *replayed, const uint8_t *body,
		     size_t length)
{
	void *note = malloc(length + 1);

	if (note == NULL)
		return -1;
	memcpy(note, body, length);
	free(replayed->note);
	replayed->note = note;
	replayed->note_length = length;
	return 0;
}

static void raise_to(uint64_t *number, uint64_t least)
{
	if (*number < least)
		*number = least;
}

static int take_plan(struct replayed *replayed, const uint8_t *body,
		     size_t length)
{
	struct journal_summary *summary = &replayed->summary;
	struct journal_plan plan = {0};
	uint64_t leaves;

	if (length < PLAN_HEADER_SIZE)
		return refuse();
	plan.entry = get_u64(body);
	plan.first_seq = get_u64(body + 8);
	plan.size = get_u64(body + 16);
	plan.mtime_seconds = (int64_t)get_u64(body + 24);
	plan.mtime_nanoseconds = get_u32(body + 32);
	memcpy(plan.version.bytes, body + 40, sizeof(plan.version.bytes));
	plan.path = (const char *)body + PLAN_HEADER_SIZE;
	plan.path_length = length - PLAN_HEADER_SIZE;
	leaves = leaf_count(plan.size);
	if (plan.size > INT64_MAX || plan.entry >= JOURNAL_NUMBER_MAX ||
	    plan.first_seq >= JOURNAL_NUMBER_MAX - leaves)
		return refuse();
	raise_to(&summary->next_entry, plan.entry + 1);
	raise_to(&summary->next_seq, plan.first_seq + leaves);
	return file_table_plan(replayed->files, &plan,
			       (get_u32(body + 36) & PLAN_MIXED) != 0);
}

/* One of zeros is of a leaf that counted before. */
static void count_leaf(struct journal_summary *summary, size_t length,
		       const struct digest *digest)
{
	static const struct digest none;

	if (!digest_equal(digest, &none))
		summary->bytes += length;
	else if (summary->bytes >= length)
		summary->bytes -= length;
}

static int take_leaves(struct replayed *replayed, const uint8_t *body,
		       size_t length)
{
	struct planned_file *file;
	uint64_t first, size;
	uint32_t count;
	size_t digests;

	if (length < LEAVES_HEADER_SIZE)
		return refuse();
	first = get_u64(body + 8);
	count = get_u32(body + 16);
	digests = length - LEAVES_HEADER_SIZE;
	if (count == 0 || count > LEAVES_MAX ||
	    (digests != (size_t)count * 16 &&
	     (digests != 0 || replayed->keep_files)))
		return refuse();
	/* Leaves of a plan that another one has replaced say nothing about
	 * that one. */
	file = file_table_by_entry(replayed->files, get_u64(body));
	if (file == NULL)
		return 0;
	size = planned_file_size(file);
	if (first >= leaf_count(size) || count > leaf_count(size) - first)
		return refuse();
	for (uint32_t i = 0; i < count; i++) {
		struct digest digest;

		if (!replayed->keep_files) {
			replayed->summary.bytes += leaf_length(size, first + i);
			continue;
		}
		memcpy(digest.bytes, body + LEAVES_HEADER_SIZE + (size_t)i * 16,
		       sizeof(digest.bytes));
		count_leaf(&replayed->summary, leaf_length(size, first + i),
			   &digest);
		if (planned_file_add_leaf(file, first + i, &digest) == -1)
			return -1;
	}
	return 0;
}

static int take_receipt(struct replayed *replayed, const uint8_t *body,
			size_t length)
{
	struct planned_file *file;

	if (length != 8)
		return refuse();
	replayed->summary.files++;
	file = file_table_by_entry(replayed->files, get_u64(body));
	if (file != NULL)
		file_table_remove(replayed->files, file);
	return 0;
}

static int take_counters(struct journal_summary *summary, const uint8_t *body)
{
	uint64_t next_entry = get_u64(body), next_seq = get_u64(body + 8);

	if (next_entry > JOURNAL_NUMBER_MAX || next_seq > JOURNAL_NUMBER_MAX)
		return refuse();
	raise_to(&summary->next_entry, next_entry);
	raise_to(&summary->next_seq, next_seq);
	summary->files = get_u64(body + 16);
	summary->bytes = get_u64(body + 24);
	return 0;
}

static int visit(void *cookie, uint8_t type, const uint8_t *body, size_t length)
{
	struct replayed *replayed = cookie;
	struct journal_summary *summary = &replayed->summary;

	switch (type) {
	case JOURNAL_NOTE:
		return take_note(replayed, body, length);
	case JOURNAL_PLAN:
		return take_plan(replayed, body, length);
	case JOURNAL_LEAVES:
		return take_leaves(replayed, body, length);
	case JOURNAL_RECEIPT:
		return take_receipt(replayed, body, length);
	case JOURNAL_TOTAL:
		if (length != 16)
			return refuse();
		summary->total_files = get_u64(body);
		summary->total_bytes = get_u64(body + 8);
		return 0;
	case JOURNAL_COUNTER:
		if (length != 8 * JOURNAL_COUNTERS)
			return refuse();
		return take_counters(summary, body);
	default:
		return refuse();
	}
}

/* Plans without a leaf on disk are worth nothing to who looks for data. */
static int settle(void *cookie, struct planned_file *file)
{
	struct replayed *replayed = cookie;

	if (planned_file_settle(file) == 0)
		file_table_remove(replayed->files, file);
	return 0;
}

int journal_replay(struct io *io, int dir, struct replayed *replayed)
{
	struct record_header header;
	enum record_replay_result result;

	replayed->files = file_table_create(replayed->keep_files);
	if (replayed->files == NULL)
		return -1;
	result =
	    record_log_replay(io, dir, JOURNAL_NAME, &header, visit, replayed);
	replayed->summary.session = header.session;
	memcpy(replayed->summary.uuid, header.uuid, sizeof(header.uuid));
	if (result == RECORD_REPLAY_ERROR)
		return -1;
	/* A session has the next number, or frames would not tell it apart. */
	if (result == RECORD_REPLAY_CORRUPT || header.session == UINT32_MAX)
		return refuse();
	if (replayed->keep_files)
		file_table_each(replayed->files, settle, replayed);
	return 0;
}

void replayed_clear(struct replayed *replayed)
{
	int keep_files = replayed->keep_files;

	file_table_free(replayed->files);
	free(replayed->note);
	memset(replayed, 0, sizeof(*replayed));
	replayed->keep_files = keep_files;
}
