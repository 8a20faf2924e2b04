/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: a journal, and a ledger, that is cut anywhere or has any one bit
 * flipped says what it said at the end of some group, of which all before the
 * last are there, or that it cannot be trusted; and never anything else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "journal/journal_replay.h"
#include "journal/ledger.h"
#include "journal/transfer_journal.h"
#include "journal/uuid.h"
#include "tests/sim/one_file.h"
#include "tests/unit/journal_rig.h"
#include "tests/unit/sanitizer.h"

/* Every one in the plain build, some of them where it would take minutes. */
#if SANITIZE_ADDRESS || SANITIZE_THREAD
#define BIT_STRIDE 307
#define CUT_STRIDE 31
#else
#define BIT_STRIDE 1
#define CUT_STRIDE 1
#endif

#define JOURNAL_SIZE ((size_t)64 << 10)
#define LEDGER_SIZE  ((size_t)16 << 10)
#define GROUPS_MAX   300

static const uint8_t uuid[16] = "0123456789abcde";

/* The bytes of a log; where its groups end, and what it says there. */
struct sample {
	uint8_t *bytes;
	size_t size;
	size_t ends[GROUPS_MAX];
	struct digest says[GROUPS_MAX];
	size_t groups;
	/* 0 and what it says, or -1 with errno. */
	int (*read)(struct one_file *, struct digest *);
};

/* ---- what a log says, as a digest --------------------------------------- */

/* Of one file, added to the others': they come in no order. */
struct summing {
	uint64_t sum[2];
};

static void add_up(struct summing *summing, const void *bytes, size_t size)
{
	struct digest digest = digest_of(bytes, size);
	uint64_t half[2];

	memcpy(half, digest.bytes, sizeof(half));
	summing->sum[0] += half[0];
	summing->sum[1] += half[1];
}

static int sum_file(void *cookie, struct planned_file *planned)
{
	/* Zeroed, for what is between the members. */
	struct {
		struct journal_plan plan;
		uint64_t first;
		size_t count;
		size_t leaf_count;
		int same_version;
		struct digest path;
		struct digest run[64];
	} all;
	struct journal_file file;
	size_t place = 0;

	memset(&file, 0, sizeof(file));
	planned_file_get(planned, &file);
	do {
		memset(&all, 0, sizeof(all));
		all.plan.entry = file.plan.entry;
		all.plan.first_seq = file.plan.first_seq;
		all.plan.size = file.plan.size;
		all.plan.mtime_seconds = file.plan.mtime_seconds;
		all.plan.mtime_nanoseconds = file.plan.mtime_nanoseconds;
		all.plan.version = file.plan.version;
		all.leaf_count = file.leaf_count;
		all.same_version = file.same_version;
		all.path = digest_of(file.plan.path, file.plan.path_length);
		all.count =
		    planned_file_run(planned, place, &all.first, all.run, 64);
		place += all.count;
		add_up(cookie, &all, sizeof(all));
	} while (all.count > 0);
	return 0;
}

static int read_journal(struct one_file *file, struct digest *says)
{
	struct replayed replayed = {.keep_files = 1};
	struct summing summing = {{0, 0}};
	const struct journal_summary *summary = &replayed.summary;
	int result = journal_replay(&file->io, 0, &replayed), error = errno;
	uint64_t numbers[6] = {summary->next_entry,  summary->next_seq,
			       summary->files,       summary->bytes,
			       summary->total_files, summary->total_bytes};

	if (result == 0) {
		file_table_each(replayed.files, sum_file, &summing);
		add_up(&summing, numbers, sizeof(numbers));
		add_up(&summing, replayed.note, replayed.note_length);
		assert_memory_equal(summary->uuid, uuid, sizeof(uuid));
		*says = digest_of(summing.sum, sizeof(summing.sum));
	}
	replayed_clear(&replayed);
	errno = error;
	return result;
}

static int sum_receipt(void *cookie, const struct ledger_receipt *receipt)
{
	struct ledger_receipt copy;
	struct summing *summing = cookie;

	/* In order, for that must stay too. */
	memset(&copy, 0, sizeof(copy));
	copy.size = receipt->size;
	copy.mtime_seconds = receipt->mtime_seconds;
	copy.mtime_nanoseconds = receipt->mtime_nanoseconds;
	copy.digest = receipt->digest;
	copy.path_length = receipt->path_length;
	add_up(summing, &copy, sizeof(copy));
	add_up(summing, receipt->path, receipt->path_length);
	summing->sum[0] *= 0x9e3779b97f4a7c15U;
	return 0;
}

static int read_ledger(struct one_file *file, struct digest *says)
{
	struct summing summing = {{0, 0}};
	int result = ledger_read(&file->io, 0, uuid, LEDGER_RECEIVED,
				 sum_receipt, &summing);

	*says = digest_of(summing.sum, sizeof(summing.sum));
	return result;
}

/* ---- the samples -------------------------------------------------------- */

static void end_group(struct sample *sample, size_t size)
{
	assert_true(sample->groups < GROUPS_MAX);
	sample->ends[sample->groups++] = size;
}

static size_t size_of(struct rig *rig, const char *path)
{
	struct snapshot_item item;
	size_t size;

	assert_int_equal(disk_look(rig->disk, path, &item), 1);
	size = (size_t)item.size;
	snapshot_item_release(&item);
	return size;
}

/* What a group of a real transfer may have: plans, leaves, some receipts. */
static void write_group(struct transfer_journal *journal, uint64_t number)
{
	struct digest digests[40];
	char path[100];
	struct journal_plan plan = {
	    .entry = number,
	    .first_seq = number * 1000,
	    .size = (number * 7919 % 45) << 20,
	    .mtime_seconds = -(int64_t)number,
	    .mtime_nanoseconds = (uint32_t)number,
	    .version = digest_of(&number, sizeof(number)),
	    .path = path,
	};
	uint32_t count = (uint32_t)leaf_count(plan.size);

	plan.path_length =
	    (size_t)snprintf(path, sizeof(path), "%.*s/%u", (int)(number % 9),
			     "some/fold", (unsigned)(number % 50));
	assert_int_equal(journal_add_plan(journal, &plan), 0);
	if (count > 40)
		count = 40;
	for (uint32_t i = 0; i < count; i++)
		digests[i] = digest_of(&i, sizeof(i));
	assert_int_equal(journal_add_leaves(journal, number, 0, count, digests),
			 0);
	if (number % 3 == 0 && number > 2)
		assert_int_equal(journal_add_receipt(journal, number - 2), 0);
	if (number % 10 == 0)
		assert_int_equal(
		    journal_add_total(journal, number, number << 20), 0);
}

static void make_journal(struct sample *sample)
{
	struct transfer_journal *journal;
	struct rig rig;

	rig_make(&rig, 3);
	journal = journal_open(rig.io, rig.dir, uuid, 1, "the note", 8);
	assert_non_null(journal);
	end_group(sample, size_of(&rig, "d/journal"));
	for (uint64_t number = 1; size_of(&rig, "d/journal") < JOURNAL_SIZE;
	     number++) {
		write_group(journal, number);
		assert_int_equal(journal_commit(journal), 0);
		end_group(sample, size_of(&rig, "d/journal"));
	}
	journal_close(journal);
	sample->bytes = rig_read(&rig, "journal", &sample->size);
	sample->read = read_journal;
	rig_free(&rig);
}

static void make_ledger(struct sample *sample)
{
	char name[64] = "d/ledger/";
	struct ledger *ledger;
	struct rig rig;

	rig_make(&rig, 4);
	uuid_format(uuid, name + strlen(name));
	strcat(name, ".received");
	ledger = ledger_open(rig.io, rig.dir, uuid, LEDGER_RECEIVED);
	assert_non_null(ledger);
	end_group(sample, size_of(&rig, name));
	for (unsigned number = 0; size_of(&rig, name) < LEDGER_SIZE; number++) {
		char path[32];
		struct ledger_receipt receipt = {
		    .path = path,
		    .size = number,
		    .mtime_seconds = number * 3,
		    .digest = digest_of(&number, sizeof(number)),
		};

		receipt.path_length =
		    (size_t)snprintf(path, sizeof(path), "a/file-%u", number);
		assert_int_equal(ledger_add(ledger, &receipt), 0);
		if (number % 7 != 6)
			continue;
		assert_int_equal(ledger_sync(ledger), 0);
		end_group(sample, size_of(&rig, name));
	}
	ledger_close(ledger);
	sample->bytes = rig_read(&rig, name + 2, &sample->size);
	sample->read = read_ledger;
	rig_free(&rig);
}

/* What is said at each group's end: something else each time. */
static void learn(struct sample *sample)
{
	struct one_file file;

	assert_int_equal(sample->ends[sample->groups - 1], sample->size);
	for (size_t i = 0; i < sample->groups; i++) {
		one_file_init(&file, sample->bytes, sample->ends[i]);
		assert_int_equal(sample->read(&file, &sample->says[i]), 0);
		assert_true(i == 0 || !digest_equal(&sample->says[i],
						    &sample->says[i - 1]));
	}
}

/* ---- damage ------------------------------------------------------------- */

static void cut_anywhere(struct sample *sample)
{
	size_t group = 0;

	for (size_t cut = 0; cut <= sample->size; cut += CUT_STRIDE) {
		struct one_file file;
		struct digest says;
		int result;

		one_file_init(&file, sample->bytes, cut);
		result = sample->read(&file, &says);
		assert_int_equal(file.open, 0);
		/* The first group was on disk before the file had its name. */
		if (cut < sample->ends[0]) {
			assert_int_equal(result, -1);
			assert_int_equal(errno, EBADMSG);
			continue;
		}
		while (group + 1 < sample->groups &&
		       cut >= sample->ends[group + 1])
			group++;
		assert_int_equal(result, 0);
		assert_true(digest_equal(&says, &sample->says[group]));
	}
}

static void any_bit_flipped(struct sample *sample)
{
	size_t last = sample->ends[sample->groups - 2];

	for (size_t bit = 0; bit < 8 * sample->size; bit += BIT_STRIDE) {
		struct one_file file;
		struct digest says;
		int result;

		one_file_init(&file, sample->bytes, sample->size);
		rig_flip(sample->bytes, bit);
		result = sample->read(&file, &says);
		rig_flip(sample->bytes, bit);
		assert_int_equal(file.open, 0);
		if (bit / 8 < last) {
			assert_int_equal(result, -1);
			assert_int_equal(errno, EBADMSG);
			continue;
		}
		/* In the last group it could be a torn tail as well. */
		assert_int_equal(result, 0);
		assert_true(
		    digest_equal(&says, &sample->says[sample->groups - 2]));
	}
}

static int setup_journal(void **state)
{
	*state = calloc(1, sizeof(struct sample));
	assert_non_null(*state);
	make_journal(*state);
	learn(*state);
	return 0;
}

static int setup_ledger(void **state)
{
	*state = calloc(1, sizeof(struct sample));
	assert_non_null(*state);
	make_ledger(*state);
	learn(*state);
	return 0;
}

static int teardown(void **state)
{
	struct sample *sample = *state;

	free(sample->bytes);
	free(sample);
	return 0;
}

static void a_journal_cut_anywhere(void **state)
{
	cut_anywhere(*state);
}

static void any_bit_of_a_journal_flipped(void **state)
{
	any_bit_flipped(*state);
}

static void a_ledger_cut_anywhere(void **state)
{
	cut_anywhere(*state);
}

static void any_bit_of_a_ledger_flipped(void **state)
{
	any_bit_flipped(*state);
}

/* ---- who opens it is told, and goes on ---------------------------------- */

static void damage_is_set_aside_and_told(void **state)
{
	struct sample *sample = *state;

	for (size_t bit = 0; bit < 8 * sample->size; bit += 9973) {
		struct transfer_journal *journal;
		struct journal_summary summary;
		struct rig rig;
		uint8_t *bad;
		size_t size;

		rig_make(&rig, bit);
		rig_flip(sample->bytes, bit);
		rig_write(&rig, "journal", sample->bytes, sample->size);
		journal = journal_open(rig.io, rig.dir, uuid, 1, NULL, 0);
		assert_non_null(journal);
		journal_get_summary(journal, &summary);
		journal_close(journal);
		assert_int_equal(summary.damaged,
				 bit / 8 < sample->ends[sample->groups - 2]);
		assert_int_equal(rig_exists(&rig, "journal.bad"),
				 summary.damaged);
		assert_int_equal(summary.next_entry > 0, !summary.damaged);
		if (summary.damaged) {
			bad = rig_read(&rig, "journal.bad", &size);
			assert_int_equal(size, sample->size);
			assert_memory_equal(bad, sample->bytes, size);
			free(bad);
		}
		rig_flip(sample->bytes, bit);
		rig_free(&rig);
	}
}

#define JOURNAL(name)                                                          \
	cmocka_unit_test_setup_teardown(name, setup_journal, teardown)
#define LEDGER(name)                                                           \
	cmocka_unit_test_setup_teardown(name, setup_ledger, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    JOURNAL(a_journal_cut_anywhere),
	    JOURNAL(any_bit_of_a_journal_flipped),
	    JOURNAL(damage_is_set_aside_and_told),
	    LEDGER(a_ledger_cut_anywhere),
	    LEDGER(any_bit_of_a_ledger_flipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
