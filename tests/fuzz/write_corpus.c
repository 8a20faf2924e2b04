/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes the seeds that the fuzz targets begin with, by the code that they are
 * about, into folders of the current one: "make fuzz-corpus".
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "journal/transfer_journal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sim/disk.h"

#define assert_non_null(what)        CHECK((what) != NULL)
#define assert_true(what)            CHECK(what)
#define assert_int_equal(one, other) CHECK((one) == (other))
#include "tests/unit/message_samples.h"
#include "transfer/pack.h"

static void write_file(const char *folder, const char *name, const void *bytes,
		       size_t size)
{
	char path[200];
	FILE *file;

	mkdir(folder, 0777);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "wb");
	CHECK(file != NULL);
	CHECK(fwrite(bytes, 1, size, file) == size);
	CHECK(fclose(file) == 0);
}

/* ---- frames ------------------------------------------------------------- */

/* A leaf of text, packed. */
static void write_packed(void)
{
	struct packer *packer = packer_create();
	struct frame *plain = encoded_chunk(3000, 0), *packed;
	uint8_t *data = message_chunk_data(plain);

	for (size_t i = 0; i < 3000; i++)
		data[i] = (uint8_t) "ferry carries"[i * i % 13];
	packed = packer_pack(packer, plain, 3, 0);
	CHECK(packed != NULL);
	frame_seal(packed);
	write_file("frame", "packed", packed->bytes,
		   FRAME_HEADER_SIZE + packed->body_length);
	frame_free(packed);
	frame_free(plain);
	packer_free(packer);
}

static void write_frames(void)
{
	static uint8_t all[20000];
	struct frame *samples[SAMPLES];
	size_t used = 0;

	make_samples(samples);
	for (size_t i = 0; i < SAMPLES; i++) {
		size_t size = FRAME_HEADER_SIZE + samples[i]->body_length;
		char name[40];

		frame_seal(samples[i]);
		snprintf(name, sizeof(name), "%02zu-%s", i,
			 frame_type_name(samples[i]->type));
		write_file("frame", name, samples[i]->bytes, size);
		CHECK(used + size <= sizeof(all));
		memcpy(all + used, samples[i]->bytes, size);
		used += size;
	}
	write_file("frame", "all", all, used);
	write_file("frame", "cut", all, used - 5);
	free_samples(samples);
	write_packed();
}

/* ---- journals ----------------------------------------------------------- */

static const uint8_t uuid[16] = "0123456789abcde";

static void add_plan(struct transfer_journal *journal, uint64_t entry,
		     const char *path, uint64_t size)
{
	struct journal_plan plan = {
	    .entry = entry,
	    .first_seq = entry * 10,
	    .size = size,
	    .mtime_seconds = 1234567890,
	    .version = digest_of(&size, sizeof(size)),
	    .path = path,
	    .path_length = strlen(path),
	};

	CHECK(journal_add_plan(journal, &plan) == 0);
}

static void add_leaves(struct transfer_journal *journal, uint64_t entry,
		       uint64_t first, uint32_t count, int with_digests)
{
	struct digest some[4];

	for (size_t i = 0; i < 4; i++)
		some[i] = digest_of(&i, sizeof(i));
	CHECK(journal_add_leaves(journal, entry, first, count,
				 with_digests ? some : NULL) == 0);
}

/* What an end may have written: the receiving one with digests. */
static void fill(struct transfer_journal *journal, int receiving)
{
	CHECK(journal_add_total(journal, 3, 5 << 20) == 0);
	add_plan(journal, 1, "small", 5);
	add_plan(journal, 2, "a/large", 4 << 20);
	add_plan(journal, 3, "empty", 0);
	CHECK(journal_commit(journal) == 0);
	add_leaves(journal, 1, 0, 1, receiving);
	add_leaves(journal, 2, 1, 2, receiving);
	CHECK(journal_commit(journal) == 0);
	CHECK(journal_add_receipt(journal, 1) == 0);
	/* The large one has changed. */
	add_plan(journal, 4, "a/large", 3 << 20);
	add_leaves(journal, 4, 2, 1, receiving);
	CHECK(journal_commit(journal) == 0);
}

static void copy_out(struct disk *disk, const char *name)
{
	struct io *io = disk_io(disk);
	int file = io_open_beneath(io, AT_FDCWD, "journal", O_RDONLY, 0);
	uint8_t bytes[8192];
	ssize_t size = io_read(io, file, bytes, sizeof(bytes), 0);

	CHECK(size > 0);
	write_file("journal", name, bytes, (size_t)size);
	io_close(io, file);
}

static void write_journals(int receiving)
{
	struct transfer_journal *journal;
	struct disk *disk;
	struct dice dice;

	dice_init(&dice, 1, 0);
	disk = disk_create(1, dice);
	journal =
	    journal_open(disk_io(disk), AT_FDCWD, uuid, receiving, "note", 4);
	CHECK(journal != NULL);
	copy_out(disk, receiving ? "received-new" : "sent-new");
	fill(journal, receiving);
	journal_close(journal);
	copy_out(disk, receiving ? "received" : "sent");
	journal =
	    journal_open(disk_io(disk), AT_FDCWD, uuid, receiving, NULL, 0);
	CHECK(journal != NULL);
	journal_close(journal);
	copy_out(disk, receiving ? "received-again" : "sent-again");
	disk_free(disk);
}

int main(void)
{
	write_frames();
	write_journals(0);
	write_journals(1);
	return 0;
}
