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
	struct journal_plan plan = {0};
	struct journal_file *file;

	if (length < PLAN_HEADER_SIZE)
		return refuse();
	plan.entry = get_u64(body);
	plan.first_seq = get_u64(body + 8);
	plan.size = get_u64(body + 16);
	plan.mtime_seconds = (int64_t)get_u64(body + 24);
	plan.mtime_nanoseconds = get_u32(body + 32);
	memcpy(plan.version.bytes, body + 40, sizeof(plan.version.bytes));
	if (replayed->keep_files) {
		plan.path = (const char *)body + PLAN_HEADER_SIZE;
		plan.path_length = length - PLAN_HEADER_SIZE;
	}
	if (plan.entry == UINT64_MAX ||
	    plan.first_seq > UINT64_MAX - leaf_count(plan.size))
		return refuse();
	raise_to(&replayed->summary.next_entry, plan.entry + 1);
	raise_to(&replayed->summary.next_seq,
	    plan.first_seq + leaf_count(plan.size));
	if (file_table_plan(replayed->files, &plan) == -1)
		return -1;
	file = file_table_by_entry(replayed->files, plan.entry);
	if ((get_u32(body + 36) & PLAN_MIXED) != 0)
		file->same_version = 0;
	return 0;
}

/* One leaf is confirmed. */
static int take_leaf(struct replayed *replayed, struct journal_file *file,
    uint64_t leaf, const uint8_t *digest_bytes)
{
	struct digest digest;

	if (leaf >= leaf_count(file->plan.size))
		return refuse();
	replayed->summary.bytes += leaf_length(file->plan.size, leaf);
	if (!replayed->keep_files)
		return 0;
	if (file->leaves == NULL &&
	    (file->leaves = leaf_table_create()) == NULL)
		return -1;
	file->leaf_count += leaf_table_get(file->leaves, leaf) == NULL;
	memcpy(digest.bytes, digest_bytes, sizeof(digest.bytes));
	return leaf_table_set(file->leaves, leaf, &digest);
}

static int take_leaves(struct replayed *replayed, const uint8_t *body,
    size_t length)
{
	struct journal_file *file;
	uint64_t first;
	uint32_t count;
	size_t digests;

	if (length < LEAVES_HEADER_SIZE)
		return refuse();
	first = get_u64(body + 8);
	count = get_u32(body + 16);
	digests = length - LEAVES_HEADER_SIZE;
	if (count > LEAVES_MAX || first > UINT64_MAX - count ||
	    (digests != (size_t)count * 16 &&
		(digests != 0 || replayed->keep_files)))
		return refuse();
	/* Leaves of a plan that another one has replaced say nothing about
	 * that one. */
	file = file_table_by_entry(replayed->files, get_u64(body));
	for (uint32_t i = 0; file != NULL && i < count; i++) {
		if (take_leaf(replayed, file, first + i,
			body + LEAVES_HEADER_SIZE + (size_t)i * 16) == -1)
			return -1;
	}
	return 0;
}

static int take_receipt(struct replayed *replayed, const uint8_t *body,
    size_t length)
{
	struct journal_file *file;

	if (length != 8)
		return refuse();
	replayed->summary.files++;
	file = file_table_by_entry(replayed->files, get_u64(body));
	if (file != NULL)
		file_table_remove(replayed->files, file);
	return 0;
}

static int visit(void *cookie, uint8_t type, const uint8_t *body,
    size_t length)
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
		raise_to(&summary->next_entry, get_u64(body));
		raise_to(&summary->next_seq, get_u64(body + 8));
		summary->files = get_u64(body + 16);
		summary->bytes = get_u64(body + 24);
		return 0;
	default:
		return refuse();
	}
}

/* Plans without a leaf on disk are worth nothing to who looks for data. */
static void drop_empty(struct file_table *files)
{
	struct journal_file *file = file_table_next(files, NULL);

	while (file != NULL) {
		struct journal_file *next = file_table_next(files, file);

		if (file->leaf_count == 0)
			file_table_remove(files, file);
		file = next;
	}
}

int journal_replay(struct io *io, int dir, struct replayed *replayed)
{
	struct record_header header;
	enum record_replay_result result;

	replayed->files = file_table_create();
	if (replayed->files == NULL)
		return -1;
	result = record_log_replay(io, dir, JOURNAL_NAME, &header, visit,
	    replayed);
	if (result == RECORD_REPLAY_ERROR)
		return -1;
	if (result == RECORD_REPLAY_CORRUPT)
		return refuse();
	drop_empty(replayed->files);
	replayed->summary.session = header.session;
	memcpy(replayed->summary.uuid, header.uuid, sizeof(header.uuid));
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
