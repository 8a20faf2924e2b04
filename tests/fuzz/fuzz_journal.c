/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: whatever bytes are found as a journal, replay neither reads where it
 * must not nor claims what makes no sense; and what it takes, the next journal
 * goes on with: it says the same.
 *
 * The input is the file.  It is read as it is, and once more with checks,
 * numbers and groups that are right: without that little would come further.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <xxhash.h>

#include "journal/journal_replay.h"
#include "journal/little_endian.h"
#include "journal/record_format.h"
#include "journal/transfer_journal.h"
#include "tests/sim/disk.h"
#include "tests/sim/one_file.h"

/* ---- a file with right checks ------------------------------------------- */

struct mended {
	uint8_t *bytes;
	size_t size;
	uint64_t sequence;
	uint32_t group;
	uint32_t previous;
};

static void add_record(struct mended *mended, uint8_t type, const uint8_t *body,
		       size_t length)
{
	uint8_t *header = mended->bytes + mended->size;
	size_t padded = record_padded(length);
	uint64_t check;

	memset(header, 0, RECORD_HEADER_SIZE + padded);
	put_u32(header, (uint32_t)length);
	header[4] = type;
	put_u32(header + 8, mended->group);
	put_u32(header + 12, mended->previous);
	put_u64(header + 16, mended->sequence++);
	if (length > 0)
		memcpy(header + RECORD_HEADER_SIZE, body, length);
	check = record_check(get_u64(mended->bytes + 32), header,
			     header + RECORD_HEADER_SIZE, padded);
	put_u64(header + 24, check);
	mended->previous = (uint32_t)check;
	mended->group += type == RECORD_COMMIT;
	mended->size += RECORD_HEADER_SIZE + padded;
}

static void add_header(struct mended *mended, const uint8_t *data)
{
	memcpy(mended->bytes, data, LOG_HEADER_SIZE);
	memcpy(mended->bytes, LOG_MAGIC, 8);
	put_u32(mended->bytes + 8, LOG_VERSION);
	put_u64(mended->bytes + 56, XXH3_64bits(mended->bytes, 56));
	mended->previous = (uint32_t)get_u64(mended->bytes + 56);
	mended->size = LOG_HEADER_SIZE;
}

/* data has a header at least. */
static void mend(struct mended *mended, const uint8_t *data, size_t size)
{
	size_t offset = LOG_HEADER_SIZE;

	memset(mended, 0, sizeof(*mended));
	/* Padding, and the commit behind the last record. */
	mended->bytes = malloc(size + 8 + RECORD_HEADER_SIZE);
	CHECK(mended->bytes != NULL);
	add_header(mended, data);
	while (size - offset >= RECORD_HEADER_SIZE) {
		size_t length = get_u32(data + offset);
		uint8_t type = data[offset + 4];

		offset += RECORD_HEADER_SIZE;
		if (length > size - offset)
			length = size - offset;
		if (length > RECORD_BODY_MAX)
			length = RECORD_BODY_MAX;
		if (type == RECORD_COMMIT)
			length = 0;
		add_record(mended, type == 0 ? 1 : type, data + offset, length);
		offset += record_padded(length);
		if (offset > size)
			break;
	}
	add_record(mended, RECORD_COMMIT, NULL, 0);
}

/* ---- what is claimed makes sense ---------------------------------------- */

static int check_file(void *cookie, struct planned_file *planned)
{
	const struct journal_summary *summary = cookie;
	struct journal_file file;
	struct digest digests[8];
	uint64_t first, end, last = 0;
	size_t place = 0, count;

	planned_file_get(planned, &file);
	end = leaf_count(file.plan.size);
	CHECK(file.plan.entry < summary->next_entry);
	CHECK(file.plan.first_seq + end <= summary->next_seq);
	CHECK(file.leaf_count > 0 && file.leaf_count <= end);
	while ((count = planned_file_run(planned, place, &first, digests, 8)) >
	       0) {
		CHECK(place == 0 || first >= last);
		last = first + count;
		CHECK(last <= end);
		place += count;
	}
	CHECK(place == file.leaf_count);
	return 0;
}

/* 0, or -1: it cannot be trusted. */
static int replay(const uint8_t *bytes, size_t size, int keep_files,
		  struct journal_summary *summary)
{
	struct replayed replayed = {.keep_files = keep_files};
	struct one_file file;
	int result;

	one_file_init(&file, bytes, size);
	result = journal_replay(&file.io, 0, &replayed);
	CHECK(file.open == 0);
	CHECK(result == 0 || errno == EBADMSG);
	if (result == 0 && keep_files)
		file_table_each(replayed.files, check_file, &replayed.summary);
	CHECK(replayed.summary.next_entry <= JOURNAL_NUMBER_MAX);
	CHECK(replayed.summary.next_seq <= JOURNAL_NUMBER_MAX);
	*summary = replayed.summary;
	replayed_clear(&replayed);
	return result;
}

static void check_same(const struct journal_summary *one,
		       const struct journal_summary *other)
{
	CHECK(one->next_entry == other->next_entry);
	CHECK(one->next_seq == other->next_seq);
	CHECK(one->files == other->files);
	CHECK(one->bytes == other->bytes);
	CHECK(one->total_files == other->total_files);
	CHECK(one->total_bytes == other->total_bytes);
}

/* Open it on a disk, and read what the new journal says. */
static void go_on(const uint8_t *bytes, size_t size,
		  const struct journal_summary *before)
{
	struct journal_summary opened, after;
	struct transfer_journal *journal;
	struct disk *disk;
	struct dice dice;
	size_t note_length;
	struct io *io;
	void *note;
	int file;

	dice_init(&dice, 1, 0);
	disk = disk_create(1, dice);
	io = disk_io(disk);
	file =
	    io_open_beneath(io, AT_FDCWD, "journal", O_WRONLY | O_CREAT, 0600);
	CHECK(file != -1 && io_write(io, file, bytes, size, 0) == 0);
	io_close(io, file);
	journal = journal_open(io, AT_FDCWD, before->uuid, 1, NULL, 0);
	CHECK(journal != NULL);
	journal_get_summary(journal, &opened);
	CHECK(!opened.damaged);
	/* A session has any number but 0. */
	CHECK(before->session == 0 || opened.session == before->session + 1);
	check_same(&opened, before);
	journal_close(journal);
	CHECK(journal_read(io, AT_FDCWD, &after, &note, &note_length) == 0);
	CHECK(after.session == opened.session);
	check_same(&after, before);
	free(note);
	CHECK(disk_open_count(disk) == 0 && disk_misuse(disk) == NULL);
	disk_free(disk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct journal_summary summary, counted;
	struct mended mended;

	replay(data, size, 1, &summary);
	/* After the last session of all, none goes on. */
	if (size < LOG_HEADER_SIZE || get_u32(data + 12) >= UINT32_MAX - 1)
		return 0;
	mend(&mended, data, size);
	if (replay(mended.bytes, mended.size, 1, &summary) == 0) {
		if (replay(mended.bytes, mended.size, 0, &counted) == 0)
			CHECK(counted.next_entry == summary.next_entry &&
			      counted.next_seq == summary.next_seq);
		go_on(mended.bytes, mended.size, &summary);
	}
	free(mended.bytes);
	return 0;
}
