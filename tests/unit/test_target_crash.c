/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: whatever step the process or the machine dies after, the next run
 * finds what was confirmed, and takes nothing for confirmed that was not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "journal/ledger.h"
#include "tests/sim/disk.h"
#include "tests/sim/fail_io.h"
#include "tests/unit/scratch.h"
#include "tests/unit/target_rig.h"

struct fixture {
	struct scratch scratch;
	struct rig rig;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	scratch_make(&fixture->scratch);
	rig_init(&fixture->rig, io_system(), fixture->scratch.dir, "d");
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	scratch_self_again();
	rig_end(&fixture->rig);
	scratch_remove(&fixture->scratch);
	free(fixture);
	return 0;
}

/* ---- the machine dies --------------------------------------------------- */

enum step { STEP_WRITE, STEP_GROUP, STEP_PLACE, STEP_RECEIPT, STEP_COUNT };

static void go_to(struct rig *rig, struct rig_entry *file, enum step step)
{
	uint64_t leaves = leaf_count(file->entry->size);

	assert_int_equal(rig_examine(rig, file), EXAMINE_EMPTY);
	for (uint64_t leaf = 0; leaf < leaves; leaf++)
		rig_write(rig, file, leaf);
	if (step >= STEP_GROUP)
		assert_int_equal(rig_group(rig, file, 0, leaves, RIG_PLAN), 0);
	if (step >= STEP_PLACE)
		rig_place(rig, file);
	if (step >= STEP_RECEIPT)
		assert_int_equal(rig_group(rig, file, 0, 0, RIG_RECEIPT), 0);
}

/* The leaves that the verdict brought are on the disk. */
static void expect_staged(struct rig *rig, const struct rig_entry *file,
			  const struct examine_item *item)
{
	for (uint64_t leaf = 0; leaf < leaf_count(file->entry->size); leaf++) {
		struct task *task = task_create(TASK_HASH);
		const struct digest *digest =
		    leaf_table_get(item->leaves, leaf);

		assert_non_null(digest);
		task->hash->entry = file->entry;
		task->hash->leaf = leaf;
		task->hash->basis = BASIS_STAGED;
		task->hash->basis_size = file->entry->size;
		target_run(rig->target, task);
		assert_int_equal(task->error, 0);
		assert_true(digest_equal(&task->hash->digest, digest));
		task_free(task);
	}
}

static void check_after(struct rig *rig, const struct rig_entry *file,
			enum step step)
{
	struct task *task = rig_examine_task(rig, file, 0);
	struct examine_item *item = &task->examine->items[0];

	switch (step) {
	case STEP_WRITE:
		assert_true(item->verdict == EXAMINE_EMPTY ||
			    item->verdict == EXAMINE_OLDER);
		break;
	case STEP_GROUP:
		assert_int_equal(item->verdict, EXAMINE_STAGED);
		expect_staged(rig, file, item);
		break;
	case STEP_PLACE:
		if (item->verdict == EXAMINE_STAGED)
			expect_staged(rig, file, item);
		else
			assert_int_equal(item->verdict, EXAMINE_SAME);
		break;
	case STEP_RECEIPT:
	case STEP_COUNT:
		assert_int_equal(item->verdict, EXAMINE_SAME);
		break;
	}
	task_free(task);
}

static void crash_after(uint64_t seed, enum step step, const uint8_t *bytes,
			size_t size)
{
	struct dice dice;
	struct disk *disk;
	struct rig rig;
	struct rig_entry *file;

	dice_init(&dice, seed, 0);
	disk = disk_create(1, dice);
	rig_init(&rig, disk_io(disk), AT_FDCWD, "d");
	rig_open(&rig);
	/* In a folder that is new, and in one that is missing. */
	file = rig_entry(&rig, ENTRY_FOLDER, "g", NULL);
	assert_int_equal(rig_examine(&rig, file), EXAMINE_MADE);
	rig_forget(&rig, file);
	file = rig_file(&rig, "g/h/f", bytes, size);
	go_to(&rig, file, step);

	disk_stop_after(disk, 0);
	rig_forget(&rig, file);
	rig_end(&rig);
	disk_crash(disk);
	disk_stop_after(disk, UINT64_MAX);
	assert_int_equal(disk_open_count(disk), 0);

	rig_open(&rig);
	file = rig_file(&rig, "g/h/f", bytes, size);
	check_after(&rig, file, step);
	rig_forget(&rig, file);
	rig_end(&rig);
	assert_int_equal(disk_open_count(disk), 0);
	if (disk_misuse(disk) != NULL)
		fail_msg("%s", disk_misuse(disk));
	disk_free(disk);
}

#define SEEDS 100

static void the_machine_dies_with_a_small_file(void **state)
{
	(void)state;
	for (enum step step = STEP_WRITE; step < STEP_COUNT; step++)
		for (uint64_t seed = 0; seed < SEEDS; seed++)
			crash_after(seed, step, (const uint8_t *)"12345", 5);
}

static void the_machine_dies_with_a_file_of_chunks(void **state)
{
	size_t size = RIG_LEAF + 5000;
	uint8_t *bytes = scratch_bytes(size, 1);

	(void)state;
	for (enum step step = STEP_WRITE; step < STEP_COUNT; step++)
		for (uint64_t seed = 0; seed < SEEDS / 4; seed++)
			crash_after(seed, step, bytes, size);
	free(bytes);
}

/* ---- the process dies --------------------------------------------------- */

static struct rig_entry *after_restart(struct fixture *fixture,
				       struct rig_entry *file,
				       const char *version)
{
	struct rig *rig = &fixture->rig;
	struct rig_entry *again;

	rig_end(rig);
	rig_open(rig);
	again =
	    rig_file(rig, file->entry->path, file->bytes, file->entry->size);
	again->entry->version = digest_of(version, strlen(version));
	assert_int_equal(file->staged.descriptor, -1);
	rig_forget(rig, file);
	return again;
}

/* A file of three leaves of which two are confirmed, and closed. */
static struct rig_entry *half_a_file(struct fixture *fixture,
				     const uint8_t *bytes)
{
	struct rig *rig = &fixture->rig;
	struct rig_entry *file;
	struct task *task = task_create(TASK_DISCARD);

	if (!scratch_exists(&fixture->scratch, "d"))
		scratch_folder(&fixture->scratch, "d");
	rig_open(rig);
	file = rig_file(rig, "f", bytes, 3 * RIG_LEAF);
	rig_write(rig, file, 0);
	rig_write(rig, file, 2);
	assert_int_equal(rig_group(rig, file, 0, 1, RIG_PLAN), 0);
	assert_int_equal(rig_group(rig, file, 2, 3, 0), 0);
	task->discard->staged = &file->staged;
	task->discard->entry = file->entry;
	target_run(rig->target, task);
	task_free(task);
	return file;
}

static void confirmed_leaves_are_found_again(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	uint8_t *bytes = scratch_bytes(3 * RIG_LEAF, 1);
	struct rig_entry *file = half_a_file(fixture, bytes);
	uint32_t epoch = rig->ready.epoch;
	struct task *task;
	struct examine_item *item;

	file = after_restart(fixture, file, "version 1");
	assert_int_equal(rig->ready.resumed, 1);
	assert_int_equal(rig->ready.epoch, epoch + 1);
	assert_int_equal(rig->ready.next_entry, 1);
	assert_int_equal(rig->ready.next_seq, 3);
	task = rig_examine_task(rig, file, 0);
	item = &task->examine->items[0];
	assert_int_equal(item->verdict, EXAMINE_STAGED);
	assert_non_null(leaf_table_get(item->leaves, 0));
	assert_null(leaf_table_get(item->leaves, 1));
	assert_non_null(leaf_table_get(item->leaves, 2));
	task_free(task);
	rig_write(rig, file, 1);
	assert_int_equal(rig_group(rig, file, 1, 2, RIG_PLAN), 0);
	rig_finish(rig, file);
	scratch_holds(&fixture->scratch, "d/f", bytes, 3 * RIG_LEAF);
	rig_forget(rig, file);
	rig_close(rig, NULL);
	assert_false(scratch_exists(&fixture->scratch, "d/.ferry"));
	free(bytes);
}

static void leaves_of_another_version_are_to_be_compared(void **state)
{
	struct fixture *fixture = *state;
	uint8_t *bytes = scratch_bytes(3 * RIG_LEAF, 1);
	struct rig_entry *file = half_a_file(fixture, bytes);
	struct digest digest = digest_of(bytes, RIG_LEAF);
	struct task *task;
	struct examine_item *item;

	file = after_restart(fixture, file, "version 2");
	task = rig_examine_task(&fixture->rig, file, 0);
	item = &task->examine->items[0];
	assert_int_equal(item->verdict, EXAMINE_OLDER);
	assert_int_equal(item->basis_size, 3 * RIG_LEAF);
	assert_true(digest_equal(leaf_table_get(item->leaves, 0), &digest));
	task_free(task);
	rig_forget(&fixture->rig, file);
	free(bytes);
}

static void without_a_journal_all_is_hashed(void **state)
{
	struct fixture *fixture = *state;
	uint8_t *bytes = scratch_bytes(3 * RIG_LEAF, 1);
	struct rig_entry *file = half_a_file(fixture, bytes);
	struct task *task;
	struct examine_item *item;

	scratch_text(&fixture->scratch,
		     "d/.ferry/07070707-0707-0707-0707-070707070707/journal",
		     "this is no journal at all; not one byte of it");
	file = after_restart(fixture, file, "version 1");
	assert_int_equal(fixture->rig.ready.resumed, 1);
	task = rig_examine_task(&fixture->rig, file, 0);
	item = &task->examine->items[0];
	assert_int_equal(item->verdict, EXAMINE_OLDER);
	assert_int_equal(item->basis_size, 3 * RIG_LEAF);
	assert_null(item->leaves);
	task_free(task);
	rig_forget(&fixture->rig, file);
	free(bytes);
}

static void a_version_given_up_in_this_session_is_compared(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	uint8_t *bytes = scratch_bytes(3 * RIG_LEAF, 1);
	struct rig_entry *file = half_a_file(fixture, bytes), *again;
	struct task *task;

	again = rig_file(rig, "f", bytes, 2 * RIG_LEAF);
	again->entry->version = digest_of("version 2", 9);
	task = rig_examine_task(rig, again, 0);
	assert_int_equal(task->examine->items[0].verdict, EXAMINE_OLDER);
	task_free(task);
	/* What is placed has not the tail of the older one. */
	rig_stage(rig, again);
	rig_finish(rig, again);
	scratch_holds(&fixture->scratch, "d/f", bytes, 2 * RIG_LEAF);
	rig_forget(rig, again);
	rig_forget(rig, file);
	free(bytes);
}

/* The client lost its state, and proposes another uuid. */
static void staged_data_of_the_same_job_is_found(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	uint8_t *bytes = scratch_bytes(3 * RIG_LEAF, 1), uuid[16];
	struct rig_entry *file = half_a_file(fixture, bytes);

	rig_forget(rig, file);
	rig_end(rig);
	memcpy(uuid, rig->uuid, 16);
	memset(rig->uuid, 8, 16);
	rig->offer.names = digest_of("another job", 11);
	rig_open(rig);
	assert_int_equal(rig->ready.resumed, 0);
	assert_memory_equal(rig->ready.uuid, rig->uuid, 16);
	rig_close(rig, NULL);

	/* The other job has left the data alone. */
	rig->offer.names = digest_of("job", 3);
	rig_open(rig);
	assert_int_equal(rig->ready.resumed, 1);
	assert_memory_equal(rig->ready.uuid, uuid, 16);
	file = rig_file(rig, "f", bytes, 3 * RIG_LEAF);
	assert_int_equal(rig_examine(rig, file), EXAMINE_STAGED);
	rig_forget(rig, file);
	rig_close(rig, NULL);
	assert_false(scratch_exists(&fixture->scratch, "d/.ferry"));
	free(bytes);
}

/* It was made read-only, and then the rename never came. */
static void a_read_only_staged_file_is_gone_on_with(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	uint8_t *bytes = scratch_bytes(2 * RIG_LEAF, 1);
	struct fail_io *fail = fail_io_create(io_system());
	struct fail_plan plan = {
	    .kind = FAIL_RENAME_AT,
	    .count = 1,
	    .how = FAIL_ERROR,
	    .error = EIO,
	};
	struct rig_entry *file;
	struct task *task;

	scratch_folder(&fixture->scratch, "d");
	scratch_plain_user(&fixture->scratch);
	rig->io = fail_io_table(fail);
	rig_open(rig);
	file = rig_file(rig, "f", bytes, 2 * RIG_LEAF);
	file->entry->mode = 0400;
	rig_stage(rig, file);
	fail_io_set(fail, &plan);
	task = rig_place_task(rig, file, 0);
	assert_int_equal(task->error, EIO);
	task_free(task);

	file = after_restart(fixture, file, "version 1");
	file->entry->mode = 0400;
	assert_int_equal(rig_examine(rig, file), EXAMINE_STAGED);
	rig_write(rig, file, 0); /* as if it had proved damaged */
	assert_int_equal(rig_group(rig, file, 0, 1, RIG_PLAN), 0);
	rig_finish(rig, file);
	scratch_holds(&fixture->scratch, "d/f", bytes, 2 * RIG_LEAF);
	assert_int_equal(scratch_stat(&fixture->scratch, "d/f").st_mode & 07777,
			 0400);
	rig_forget(rig, file);
	rig_end(rig);
	fail_io_free(fail);
	free(bytes);
}

/* It is in place, but a crash took the time that it was given. */
static void a_file_without_its_time_is_compared(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	struct rig_entry *file;
	struct task *task;

	scratch_folder(&fixture->scratch, "d");
	rig_open(rig);
	file = rig_file(rig, "f", "12345", 5);
	rig_stage(rig, file);
	rig_place(rig, file);
	file = after_restart(fixture, file, "version 1");
	scratch_times(&fixture->scratch, "d/f", 1, 1);
	task = rig_examine_task(rig, file, 0);
	assert_int_equal(task->examine->items[0].verdict, EXAMINE_TARGET);
	assert_int_equal(task->examine->items[0].basis_size, 5);
	task_free(task);
	rig_forget(rig, file);
}

/* ---- the end ------------------------------------------------------------ */

static int count_receipt(void *cookie, const struct ledger_receipt *receipt)
{
	unsigned *count = cookie;

	assert_int_equal(receipt->path_length, 1);
	assert_memory_equal(receipt->path, "d", 1);
	assert_int_equal(receipt->size, 5);
	++*count;
	return 0;
}

static void the_ledger_has_the_name_in_the_target(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	struct rig_entry *file;
	unsigned count = 0;

	scratch_folder(&fixture->scratch, "state");
	rig->state_dir = openat(fixture->scratch.dir, "state",
				O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rig_single(rig, "f");
	rig_open(rig);
	file = rig_file(rig, "f", "12345", 5);
	rig_copy(rig, file);
	rig_forget(rig, file);
	rig_close(rig, NULL);
	assert_int_equal(ledger_read(io_system(), rig->state_dir, rig->uuid,
				     LEDGER_RECEIVED, count_receipt, &count),
			 0);
	assert_int_equal(count, 1);
	close(rig->state_dir);
}

static void what_failed_keeps_its_staged_data(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	uint8_t *bytes = scratch_bytes(3 * RIG_LEAF, 1);
	struct rig_entry *file = half_a_file(fixture, bytes);
	struct task *task = task_create(TASK_CLOSE);

	task->close->keep = 1;
	target_run(rig->target, task);
	assert_int_equal(task->error, 0);
	task_free(task);
	file = after_restart(fixture, file, "version 1");
	assert_int_equal(rig_examine(rig, file), EXAMINE_STAGED);
	rig_forget(rig, file);
	free(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_machine_dies_with_a_small_file),
	    TEST(the_machine_dies_with_a_file_of_chunks),
	    TEST(confirmed_leaves_are_found_again),
	    TEST(leaves_of_another_version_are_to_be_compared),
	    TEST(without_a_journal_all_is_hashed),
	    TEST(a_version_given_up_in_this_session_is_compared),
	    TEST(staged_data_of_the_same_job_is_found),
	    TEST(a_read_only_staged_file_is_gone_on_with),
	    TEST(a_file_without_its_time_is_compared),
	    TEST(the_ledger_has_the_name_in_the_target),
	    TEST(what_failed_keeps_its_staged_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
