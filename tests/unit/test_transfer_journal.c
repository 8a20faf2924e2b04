/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: what was confirmed of a file is found by its path in the next session,
 * nothing is counted for a version that it was not said of, numbers are never
 * given twice, and 100,000 entries fit into little memory.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "journal/record_log.h"
#include "journal/transfer_journal.h"
#include "tests/unit/journal_rig.h"
#include "tests/unit/scratch.h"

#define MIB ((uint64_t)1 << 20)

static const uint8_t uuid[16] = "0123456789abcde";

static int setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	assert_non_null(rig);
	rig_make(rig, 1);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	rig_free(rig);
	free(rig);
	return 0;
}

static struct transfer_journal *receiving(struct rig *rig)
{
	struct transfer_journal *journal =
	    journal_open(rig->io, rig->dir, uuid, 1, NULL, 0);

	assert_non_null(journal);
	return journal;
}

static struct transfer_journal *again(struct rig *rig,
				      struct transfer_journal *journal)
{
	assert_int_equal(journal_commit(journal), 0);
	journal_close(journal);
	return receiving(rig);
}

/* Leaf n of version v. */
static struct digest leaf_of(unsigned version, uint64_t number)
{
	uint64_t text[2] = {version, number};

	return digest_of(text, sizeof(text));
}

static void plan(struct transfer_journal *journal, const char *path,
		 uint64_t entry, unsigned version, uint64_t size)
{
	struct journal_plan plan = {
	    .entry = entry,
	    .first_seq = entry * 100,
	    .size = size,
	    .mtime_seconds = -5,
	    .mtime_nanoseconds = 999999999,
	    .version = digest_of(&version, sizeof(version)),
	    .path = path,
	    .path_length = strlen(path),
	};

	assert_int_equal(journal_add_plan(journal, &plan), 0);
}

static void leaves(struct transfer_journal *journal, uint64_t entry,
		   unsigned version, uint64_t first, uint32_t count)
{
	struct digest digests[1000];

	assert_true(count <= 1000);
	for (uint32_t i = 0; i < count; i++)
		digests[i] = leaf_of(version, first + i);
	assert_int_equal(
	    journal_add_leaves(journal, entry, first, count, digests), 0);
}

static struct journal_file *find(struct transfer_journal *journal,
				 const char *path)
{
	return journal_find(journal, path, strlen(path));
}

/* The file has leaf number of that version; 0: it has none. */
static void has_leaf(const struct journal_file *file, uint64_t number,
		     unsigned version)
{
	const struct digest *digest = leaf_table_get(file->leaves, number);
	struct digest expected = leaf_of(version, number);

	if (version == 0) {
		assert_null(digest);
		return;
	}
	assert_non_null(digest);
	assert_true(digest_equal(digest, &expected));
}

static struct journal_summary summary_of(struct transfer_journal *journal)
{
	struct journal_summary summary;

	journal_get_summary(journal, &summary);
	return summary;
}

/* ---- what is found again ---- */

/* Any but that of the journal before: frames of that one may be late. */
static void a_new_journal_begins_with_another_session(void **state)
{
	struct rig *rig = *state;
	struct transfer_journal *journal = receiving(rig);
	struct journal_summary summary = summary_of(journal), read;
	void *note;
	size_t length;

	assert_int_not_equal(summary.session, 0);
	assert_int_equal(summary.next_entry, 0);
	assert_int_equal(summary.next_seq, 0);
	assert_false(summary.damaged);
	assert_memory_equal(summary.uuid, uuid, 16);
	assert_null(find(journal, "a"));
	/* It is there for others before anything was committed. */
	assert_int_equal(journal_read(rig->io, rig->dir, &read, &note, &length),
			 0);
	assert_memory_equal(read.uuid, uuid, 16);
	assert_null(note);
	journal_close(journal);

	assert_int_equal(
	    rig->io->unlink_at(rig->io->context, rig->dir, "journal", 0), 0);
	journal = receiving(rig);
	assert_int_not_equal(summary_of(journal).session, summary.session);
	journal_close(journal);
}

static void a_file_is_found_with_all_that_was_said(void **state)
{
	struct rig *rig = *state;
	struct transfer_journal *journal = receiving(rig);
	struct digest version = digest_of(&(unsigned){3}, sizeof(unsigned));
	uint32_t session = summary_of(journal).session;
	struct journal_file *file;

	plan(journal, "a/b", 7, 3, 5 * MIB + 1);
	plan(journal, "a/c", 8, 4, 10);
	plan(journal, "a/none", 9, 4, 10);
	leaves(journal, 7, 3, 4, 2);
	leaves(journal, 7, 3, 0, 2);
	leaves(journal, 8, 4, 0, 1);
	/* What is added in a session is for the next one. */
	assert_null(find(journal, "a/b"));
	for (unsigned i = 0; i < 3; i++) {
		journal = again(rig, journal);
		file = find(journal, "a/b");
		assert_non_null(file);
		assert_int_equal(file->plan.entry, 7);
		assert_int_equal(file->plan.first_seq, 700);
		assert_int_equal(file->plan.size, 5 * MIB + 1);
		assert_int_equal(file->plan.mtime_seconds, -5);
		assert_int_equal(file->plan.mtime_nanoseconds, 999999999);
		assert_true(digest_equal(&file->plan.version, &version));
		assert_int_equal(file->plan.path_length, 3);
		assert_memory_equal(file->plan.path, "a/b", 3);
		assert_true(file->same_version);
		assert_int_equal(file->leaf_count, 4);
		has_leaf(file, 0, 3);
		has_leaf(file, 1, 3);
		has_leaf(file, 2, 0);
		has_leaf(file, 3, 0);
		has_leaf(file, 4, 3);
		has_leaf(file, 5, 3);
		file = find(journal, "a/c");
		assert_non_null(file);
		assert_int_equal(file->leaf_count, 1);
		has_leaf(file, 0, 4);
		assert_null(find(journal, "a/none"));
		assert_null(find(journal, "a"));
		assert_int_equal(summary_of(journal).session, session + 1 + i);
		assert_int_equal(summary_of(journal).next_entry, 10);
		assert_int_equal(summary_of(journal).next_seq, 901);
		assert_int_equal(summary_of(journal).bytes, 3 * MIB + 1 + 10);
	}
	journal_close(journal);
}

static void leaves_may_be_taken_and_files_forgotten(void **state)
{
	struct rig *rig = *state;
	struct transfer_journal *journal = receiving(rig);
	struct journal_file *file;
	struct leaf_table *taken;

	plan(journal, "a", 1, 1, 3 * MIB);
	leaves(journal, 1, 1, 0, 3);
	plan(journal, "b", 2, 1, 3 * MIB);
	leaves(journal, 2, 1, 0, 3);
	journal = again(rig, journal);
	file = find(journal, "a");
	taken = file->leaves;
	file->leaves = NULL;
	journal_forget(journal, file);
	assert_null(find(journal, "a"));
	assert_non_null(find(journal, "b"));
	assert_non_null(leaf_table_get(taken, 2));
	leaf_table_free(taken);
	journal_close(journal);
}

static void paths_are_bytes(void **state)
{
	struct rig *rig = *state;
	struct transfer_journal *journal = receiving(rig);
	char longest[60000];

	memset(longest, '/', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	plan(journal, longest, 1, 1, 1);
	leaves(journal, 1, 1, 0, 1);
	plan(journal, "", 2, 2, 1);
	leaves(journal, 2, 2, 0, 1);
	plan(journal, "\xff\n\t\x01", 3, 3, 1);
	leaves(journal, 3, 3, 0, 1);
	journal = again(rig, journal);
	has_leaf(find(journal, longest), 0, 1);
	has_leaf(find(journal, ""), 0, 2);
	has_leaf(find(journal, "\xff\n\t\x01"), 0, 3);
	journal_close(journal);
}

/* ---- versions ---- */

static void leaves_of_an_older_entry_do_not_count(void **state)
{
	struct rig *rig = *state;
	struct transfer_journal *journal = receiving(rig);
	struct journal_file *file;

	plan(journal, "a", 1, 1, 4 * MIB);
	plan(journal, "a", 2, 2, 4 * MIB);
	/* Confirmed late: of the bytes that entry 2 has replaced. */
	leaves(journal, 1, 1, 0, 4);
	leaves(journal, 2, 2, 3, 1);
	journal = again(rig, journal);
	file = find(journal, "a");
	assert_int_equal(file->plan.entry, 2);
	assert_int_equal(file->leaf_count, 1);
	has_leaf(file, 0, 0);
	has_leaf(file, 3, 2);
	assert_true(file->same_version);
	/* Nor in a later session, when entry 1 is long gone. */
	leaves(journal, 1, 1, 0, 4);
	journal = again(rig, journal);
	assert_int_equal(find(journal, "a")->leaf_count, 1);
	journal_close(journal);
}

static void the_same_version_keeps_its_leaves(void **state)
{
	struct rig *rig = *state;
	struct transfer_journal *journal = receiving(rig);
	struct journal_file *file;

	plan(journal, "a", 1, 1, 4 * MIB);
	leaves(journal, 1, 1, 0, 2);
	journal = again(rig, journal);
	plan(journal, "a", 5, 1, 4 * MIB);
	leaves(journal, 5, 1, 2, 1);
	journal = again(rig, journal);
	file = find(journal, "a");
	assert_int_equal(file->plan.entry, 5);
	assert_int_equal(file->leaf_count, 3);
	assert_true(file->same_version);
	journal_close(journal);
}

static void another_version_is_told(void **state)
{
	struct rig *rig = *state;
	struct transfer_journal *journal = receiving(rig);
	struct journal_file *file;

	plan(journal, "a", 1, 1, 4 * MIB);
	leaves(journal, 1, 1, 0, 4);
	plan(journal, "a", 2, 2, 3 * MIB);
	leaves(journal, 2, 2, 1, 1);
	/* And it is not forgotten when the journal is written anew. */
	for (int i = 0; i < 3; i++) {
		journal = again(rig, journal);
		file = find(journal, "a");
		assert_false(file->same_version);
		/* The fourth is behind the end now. */
		assert_int_equal(file->leaf_count, 3);
		has_leaf(file, 0, 1);
		has_leaf(file, 1, 2);
		has_leaf(file, 2, 1);
		has_leaf(file, 3, 0);
	}
	journal_close(journal);
}

static void the_last_word_on_a_leaf_counts(void **state)
{
	struct rig *rig = *state;
	struct transfer_journal *journal = receiving(rig);

	plan(journal, "a", 1, 1, 4 * MIB);
	plan(journal, "b", 2, 1, 1);
	leaves(journal, 1, 1, 0, 4);
	leaves(journal, 1, 2, 1, 2);
	leaves(journal, 1, 3, 2, 1);
	leaves(journal, 2, 1, 0, 1);
	leaves(journal, 2, 2, 0, 1);
	for (int i = 0; i < 2; i++) {
		journal = again(rig, journal);
		assert_int_equal(find(journal, "a")->leaf_count, 4);
		has_leaf(find(journal, "a"), 0, 1);
		has_leaf(find(journal, "a"), 1, 2);
		has_leaf(find(journal, "a"), 2, 3);
		has_leaf(find(journal, "a"), 3, 1);
		has_leaf(find(journal, "b"), 0, 2);
	}
	journal_close(journal);
}

/* A leaf that proved damaged is not there until it is said again. */
static void a_leaf_may_be_taken_back(void **state)
{
	struct rig *rig = *state;
	struct transfer_journal *journal = receiving(rig);
	static const struct digest none[2];

	plan(journal, "a", 1, 1, 4 * MIB);
	plan(journal, "b", 2, 1, 1);
	plan(journal, "c", 3, 1, 1);
	leaves(journal, 1, 1, 0, 4);
	leaves(journal, 2, 1, 0, 1);
	leaves(journal, 3, 1, 0, 1);
	assert_int_equal(journal_add_leaves(journal, 1, 1, 2, none), 0);
	assert_int_equal(journal_add_leaves(journal, 2, 0, 1, none), 0);
	assert_int_equal(journal_add_leaves(journal, 3, 0, 1, none), 0);
	leaves(journal, 1, 2, 2, 1);
	leaves(journal, 3, 2, 0, 1);
	for (int i = 0; i < 2; i++) {
		journal = again(rig, journal);
		assert_int_equal(find(journal, "a")->leaf_count, 3);
		has_leaf(find(journal, "a"), 0, 1);
		has_leaf(find(journal, "a"), 1, 0);
		has_leaf(find(journal, "a"), 2, 2);
		has_leaf(find(journal, "a"), 3, 1);
		assert_null(find(journal, "b"));
		has_leaf(find(journal, "c"), 0, 2);
		assert_int_equal(summary_of(journal).bytes, 3 * MIB + 1);
	}
	journal_close(journal);
}

/* ---- receipts and figures ---- */

static void a_receipt_ends_a_file(void **state)
{
	struct rig *rig = *state;
	struct transfer_journal *journal = receiving(rig);

	plan(journal, "a", 1, 1, 4 * MIB);
	leaves(journal, 1, 1, 0, 4);
	assert_int_equal(journal_add_receipt(journal, 1), 0);
	plan(journal, "b", 2, 1, 1);
	leaves(journal, 2, 1, 0, 1);
	plan(journal, "b", 3, 2, 1);
	leaves(journal, 3, 2, 0, 1);
	/* Of a version that is being replaced already. */
	assert_int_equal(journal_add_receipt(journal, 2), 0);
	for (int i = 0; i < 2; i++) {
		journal = again(rig, journal);
		assert_null(find(journal, "a"));
		assert_int_equal(find(journal, "b")->plan.entry, 3);
		assert_int_equal(summary_of(journal).files, 2);
		assert_int_equal(summary_of(journal).next_entry, 4);
	}
	journal_close(journal);
}

static void the_sending_end_counts_and_remembers_nothing(void **state)
{
	struct rig *rig = *state;
	struct transfer_journal *journal;
	struct journal_summary summary;
	size_t before = 0, after;
	uint32_t session = 0;

	for (unsigned i = 0; i < 4; i++) {
		journal = journal_open(rig->io, rig->dir, uuid, 0, NULL, 0);
		assert_non_null(journal);
		if (i == 0)
			session = summary_of(journal).session;
		plan(journal, "a", 2 * i, 1, 2 * MIB + 1);
		plan(journal, "b", 2 * i + 1, 1, 7);
		assert_int_equal(journal_add_leaves(journal, 2 * i, 1, 2, NULL),
				 0);
		assert_int_equal(journal_add_receipt(journal, 2 * i + 1), 0);
		assert_int_equal(journal_add_total(journal, 10 + i, 1000), 0);
		assert_int_equal(journal_commit(journal), 0);
		assert_null(find(journal, "a"));
		journal_close(journal);
		free(rig_read(rig, "journal", &after));
		/* It does not grow with the number of restarts. */
		assert_true(i == 0 || after == before);
		before = after;
	}
	journal = journal_open(rig->io, rig->dir, uuid, 0, NULL, 0);
	summary = summary_of(journal);
	assert_int_equal(summary.session, session + 4);
	assert_int_equal(summary.next_entry, 8);
	assert_int_equal(summary.next_seq, 701);
	assert_int_equal(summary.files, 4);
	assert_int_equal(summary.bytes, 4 * (MIB + 1));
	assert_int_equal(summary.total_files, 13);
	assert_int_equal(summary.total_bytes, 1000);
	journal_close(journal);
}

static void what_was_not_committed_is_not_there(void **state)
{
	struct rig *rig = *state;
	struct transfer_journal *journal = receiving(rig);

	plan(journal, "a", 1, 1, 1);
	leaves(journal, 1, 1, 0, 1);
	journal_close(journal);
	journal = receiving(rig);
	assert_null(find(journal, "a"));
	assert_int_equal(summary_of(journal).next_entry, 0);
	journal_close(journal);
}

/* ---- notes ---- */

static void expect_note(struct rig *rig, const char *text)
{
	struct journal_summary summary;
	void *note;
	size_t length;

	assert_int_equal(
	    journal_read(rig->io, rig->dir, &summary, &note, &length), 0);
	assert_int_equal(length, strlen(text));
	assert_memory_equal(note, text, length);
	free(note);
}

static void a_note_stays_until_it_is_replaced(void **state)
{
	struct rig *rig = *state;
	static const char *const notes[] = {"one", NULL, "another", NULL, ""};
	static const char *const kept[] = {"one", "one", "another", "another",
					   ""};
	struct transfer_journal *journal;

	for (size_t i = 0; i < 5; i++) {
		journal = journal_open(rig->io, rig->dir, uuid, 1, notes[i],
				       notes[i] == NULL ? 0 : strlen(notes[i]));
		assert_non_null(journal);
		expect_note(rig, kept[i]);
		journal_close(journal);
	}
}

/* ---- journals that are not ours ---- */

static void another_transfers_journal_is_set_aside(void **state)
{
	struct rig *rig = *state;
	static const uint8_t other[16] = "another transfer";
	struct transfer_journal *journal = receiving(rig);
	uint32_t session = summary_of(journal).session;

	plan(journal, "a", 1, 1, 1);
	leaves(journal, 1, 1, 0, 1);
	assert_int_equal(journal_commit(journal), 0);
	journal_close(journal);
	journal = journal_open(rig->io, rig->dir, other, 1, "note", 4);
	assert_non_null(journal);
	assert_null(find(journal, "a"));
	assert_true(summary_of(journal).damaged);
	assert_memory_equal(summary_of(journal).uuid, other, 16);
	assert_int_equal(summary_of(journal).next_entry, 0);
	/* A later session has a later number all the same. */
	assert_int_equal(summary_of(journal).session, session + 1);
	assert_true(rig_exists(rig, "journal.bad"));
	journal_close(journal);
}

static void whatever_is_in_its_place_is_set_aside(void **state)
{
	struct rig *rig = *state;
	struct io *io = rig->io;
	struct journal_summary summary;
	struct transfer_journal *journal;
	void *note;
	size_t length;

	assert_int_equal(journal_read(io, rig->dir, &summary, &note, &length),
			 -1);
	assert_int_equal(errno, ENOENT);
	for (int i = 0; i < 4; i++) {
		if (rig_exists(rig, "journal"))
			io->unlink_at(io->context, rig->dir, "journal", 0);
		if (i == 0)
			rig_write(rig, "journal", "", 0);
		else if (i == 1)
			rig_write(rig, "journal", "# not a journal\n", 16);
		else if (i == 2)
			io->make_link_at(io->context, rig->dir, "journal",
					 "journal.bad");
		else
			io->make_dir_at(io->context, rig->dir, "journal", 0700);
		assert_int_equal(
		    journal_read(io, rig->dir, &summary, &note, &length), -1);
		assert_int_equal(errno, EBADMSG);
		/* And once more, with a folder in the way of .bad. */
		journal = receiving(rig);
		assert_true(summary_of(journal).damaged);
		assert_int_not_equal(summary_of(journal).session, 0);
		journal_close(journal);
	}
	io->unlink_at(io->context, rig->dir, "journal", 0);
	rig_write(rig, "journal", "", 0);
	journal = receiving(rig);
	assert_true(summary_of(journal).damaged);
	journal_close(journal);
}

/* ---- size ---- */

#define MANY 100000

static size_t most_memory;

static size_t memory_used(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* Called when all has been replayed and is still there. */
static int sync_and_look(void *context, int descriptor)
{
	if (most_memory < memory_used())
		most_memory = memory_used();
	return io_system()->sync_data(context, descriptor);
}

/* The worst: all of them are staged, and none has a receipt. */
static void write_many(struct io *io, int dir, int keep)
{
	struct transfer_journal *journal =
	    journal_open(io, dir, uuid, keep, NULL, 0);
	char path[64];

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "a-folder/of-some-depth/%08u/name",
			 i);
		plan(journal, path, i, 1, i % 2000);
		if (i % 2000 > 0)
			leaves(journal, i, i, 0, 1);
		if (i % 10000 == 0)
			assert_int_equal(journal_commit(journal), 0);
	}
	assert_int_equal(journal_commit(journal), 0);
	journal_close(journal);
}

static void many_entries_take_little_memory(void **state)
{
	/* MiB, a quarter of what an end may use with so many files. */
	static const size_t limits[2] = {6, 17};
	struct io io = *io_system();

	(void)state;
	io.sync_data = sync_and_look;
	for (int keep = 0; keep < 2; keep++) {
		struct transfer_journal *journal;
		struct scratch scratch;
		size_t before;
		char path[64];

		scratch_make(&scratch);
		write_many(io_system(), scratch.dir, keep);
		before = memory_used();
		most_memory = 0;
		journal = journal_open(&io, scratch.dir, uuid, keep, NULL, 0);
		assert_non_null(journal);
		assert_int_equal(summary_of(journal).next_entry, MANY);
		/* The allocator of a sanitizer tells nothing. */
		if (before > 0) {
			assert_true(most_memory > before);
			assert_true(most_memory - before < limits[keep] << 20);
		}
		for (unsigned i = 0; keep && i < MANY; i += 7) {
			snprintf(path, sizeof(path),
				 "a-folder/of-some-depth/%08u/name", i);
			if (i % 2000 == 0)
				assert_null(find(journal, path));
			else
				has_leaf(find(journal, path), 0, i);
		}
		journal_close(journal);
		scratch_remove(&scratch);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_new_journal_begins_with_another_session),
	    TEST(a_file_is_found_with_all_that_was_said),
	    TEST(leaves_may_be_taken_and_files_forgotten),
	    TEST(paths_are_bytes),
	    TEST(leaves_of_an_older_entry_do_not_count),
	    TEST(the_same_version_keeps_its_leaves),
	    TEST(another_version_is_told),
	    TEST(the_last_word_on_a_leaf_counts),
	    TEST(a_leaf_may_be_taken_back),
	    TEST(a_receipt_ends_a_file),
	    TEST(the_sending_end_counts_and_remembers_nothing),
	    TEST(what_was_not_committed_is_not_there),
	    TEST(a_note_stays_until_it_is_replaced),
	    TEST(another_transfers_journal_is_set_aside),
	    TEST(whatever_is_in_its_place_is_set_aside),
	    TEST(many_entries_take_little_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
