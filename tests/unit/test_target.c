/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: the writing end finds the target that the user meant and what is
 * there of each entry; a name shows the old file or the whole new one; and
 * nothing outside the target is touched, whatever is put in the way.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zstd.h>

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

/* A folder d that is open as the target. */
static struct rig *open_folder(struct fixture *fixture)
{
	if (!scratch_exists(&fixture->scratch, "d"))
		scratch_folder(&fixture->scratch, "d");
	rig_open(&fixture->rig);
	return &fixture->rig;
}

/* A file copied from nothing to its receipt. */
static void copy_file(struct rig *rig, const char *path, const char *text)
{
	struct rig_entry *file = rig_file(rig, path, text, strlen(text));

	rig_copy(rig, file);
	rig_forget(rig, file);
}

/* The path of what is staged for a path. */
static const char *staged_path(const char *path, char text[200])
{
	struct digest digest = digest_of(path, strlen(path));

	/* The rig's uuid is sixteen bytes of 7. */
	strcpy(text, "d/.ferry/07070707-0707-0707-0707-070707070707/");
	digest_format(&digest, text + strlen(text));
	return text;
}

/* The calls of the target's go through it, to be counted and to fail. */
static struct fail_io *failing(struct rig *rig)
{
	struct fail_io *fail = fail_io_create(io_system());

	rig->io = fail_io_table(fail);
	return fail;
}

static void fail_next(struct fail_io *fail, enum fail_kind kind, int error)
{
	struct fail_plan plan = {
	    .kind = kind,
	    .count = 1,
	    .how = FAIL_ERROR,
	    .error = error,
	};

	fail_io_set(fail, &plan);
}

/* ---- where DST is ------------------------------------------------------- */

static void a_folder_that_is_there_takes_all(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;

	scratch_folder(&fixture->scratch, "d");
	rig_single(rig, "f");
	rig_open(rig);
	copy_file(rig, "f", "x");
	rig_close(rig, NULL);
	scratch_holds(&fixture->scratch, "d/f", "x", 1);
	assert_false(scratch_exists(&fixture->scratch, "d/.ferry"));
}

static void one_file_takes_the_name_it_is_given(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;

	rig_single(rig, "f");
	for (int run = 0; run < 2; run++) {
		/* First it is new; then it is replaced. */
		rig_open(rig);
		copy_file(rig, "f", run ? "two" : "one!");
		rig_close(rig, NULL);
		scratch_holds(&fixture->scratch, "d", run ? "two" : "one!",
			      run ? 3 : 4);
		assert_false(scratch_exists(&fixture->scratch, ".ferry"));
		assert_false(scratch_exists(&fixture->scratch, "f"));
	}
}

static void only_what_was_offered_is_taken(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	struct rig_entry *other;

	scratch_text(&fixture->scratch, "g", "mine");
	rig_single(rig, "f");
	rig_open(rig);
	other = rig_file(rig, "g", "evil", 4);
	rig_examine_fails(rig, other, "was not asked for");
	rig_forget(rig, other);
	other = rig_entry(rig, ENTRY_FOLDER, "f", NULL);
	rig_examine_fails(rig, other, "was not asked for");
	rig_forget(rig, other);
}

/* A pull's far end may name what it likes. */
static void only_what_was_asked_for_is_taken(void **state)
{
	static char *names[] = {"host/b", "a", "c/"};
	static const char *const refused[] = {"ab", "", "b2/f", ".bashrc"};
	static const char *const taken[] = {"a", "b/f", "b"};
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	struct entry *root = entry_create(ENTRY_FOLDER_END, "", 0, NULL, 0);
	struct rig_entry *entry;
	struct stat before;

	scratch_folder(&fixture->scratch, "d");
	rig->asked = names;
	rig->asked_count = 2;
	rig_open(rig);
	before = scratch_stat(&fixture->scratch, "d");
	for (size_t i = 0; i < 4; i++) {
		entry = rig_entry(rig, ENTRY_FOLDER, refused[i], NULL);
		rig_examine_fails(rig, entry, "was not asked for");
		rig_forget(rig, entry);
	}
	for (size_t i = 0; i < 2; i++) {
		entry = rig_file(rig, taken[i], "x", 1);
		assert_int_equal(rig_examine(rig, entry), EXAMINE_EMPTY);
		rig_forget(rig, entry);
	}
	entry = rig_entry(rig, ENTRY_FOLDER_END, "other", NULL);
	rig_place_fails(rig, entry,
			"cannot be put in its place: Operation not permitted");
	rig_forget(rig, entry);
	root->mode = 0777;
	rig_close(rig, root);
	assert_int_equal(scratch_stat(&fixture->scratch, "d").st_mode,
			 before.st_mode);

	/* The contents of a folder have any names. */
	rig->asked_count = 3;
	rig_open(rig);
	entry = rig_file(rig, "ab", "x", 1);
	assert_int_equal(rig_examine(rig, entry), EXAMINE_EMPTY);
	rig_forget(rig, entry);
	rig_close(rig, root);
	assert_int_equal(scratch_stat(&fixture->scratch, "d").st_mode & 07777,
			 0777);
	entry_free(root);

	/* Not even alone is another file taken. */
	rig->asked = names + 1;
	rig->asked_count = 1;
	rig_single(rig, "b");
	assert_int_equal(rig_try(rig), TARGET_FAILED);
	rig_single(rig, "a");
	rig_open(rig);
}

static void a_folder_is_made_once(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;

	rig_open(rig);
	copy_file(rig, "f", "x");
	rig_close(rig, NULL);
	scratch_holds(&fixture->scratch, "d/f", "x", 1);
	/* With a slash, also for one file. */
	rig->path = "e/";
	rig_single(rig, "f");
	rig_open(rig);
	copy_file(rig, "f", "x");
	rig_close(rig, NULL);
	scratch_holds(&fixture->scratch, "e/f", "x", 1);
}

static void what_cannot_be_a_target_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;

	rig->path = "no/such";
	assert_int_equal(rig_try(rig), TARGET_FAILED);
	assert_int_equal(errno, ENOENT);
	assert_string_equal(rig->text,
			    "no/such: No such file or directory; make the "
			    "folder that it is to be in first");
	rig_single(rig, "f");
	assert_int_equal(rig_try(rig), TARGET_FAILED);
	scratch_text(&fixture->scratch, "d", "a file");
	rig->path = "d/";
	assert_int_equal(rig_try(rig), TARGET_FAILED);
	rig->path = "d";
	rig->offer.flags = 0;
	assert_int_equal(rig_try(rig), TARGET_FAILED);
	assert_int_equal(errno, ENOTDIR);
	rig_single(rig, "../f");
	assert_int_equal(rig_try(rig), TARGET_FAILED);
	rig_single(rig, "f");
	rig->path = ".ferry";
	assert_int_equal(rig_try(rig), TARGET_FAILED);
	scratch_holds(&fixture->scratch, "d", "a file", 6);
}

static void the_way_to_the_target_may_have_links(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;

	scratch_folder(&fixture->scratch, "real");
	assert_int_equal(symlinkat("real", fixture->scratch.dir, "link"), 0);
	rig->path = "link";
	rig_open(rig);
	copy_file(rig, "f", "x");
	rig_close(rig, NULL);
	scratch_holds(&fixture->scratch, "real/f", "x", 1);
}

static void a_device_is_not_replaced(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	struct rig_entry *file;

	mkfifoat(fixture->scratch.dir, "d", 0600);
	rig_single(rig, "f");
	rig_open(rig);
	file = rig_file(rig, "f", "x", 1);
	assert_int_equal(rig_examine(rig, file), EXAMINE_FAILED);
	rig_forget(rig, file);
}

/* ---- what is found of an entry ------------------------------------------ */

static void finds_the_same(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	struct rig_entry *file = rig_file(rig, "f", "12345", 5);

	scratch_text(&fixture->scratch, "d/f", "other");
	assert_int_equal(rig_examine(rig, file), EXAMINE_EMPTY);
	scratch_times(&fixture->scratch, "d/f", RIG_TIME, RIG_NANO);
	assert_int_equal(rig_examine(rig, file), EXAMINE_SAME);
	scratch_times(&fixture->scratch, "d/f", RIG_TIME, RIG_NANO - 1);
	assert_int_equal(rig_examine(rig, file), EXAMINE_EMPTY);
	scratch_text(&fixture->scratch, "d/f", "longer");
	scratch_times(&fixture->scratch, "d/f", RIG_TIME, RIG_NANO);
	assert_int_equal(rig_examine(rig, file), EXAMINE_EMPTY);
	rig_forget(rig, file);
}

static void mends_the_mode(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	struct rig_entry *file = rig_file(rig, "f", "12345", 5);

	scratch_text(&fixture->scratch, "d/f", "12345");
	scratch_times(&fixture->scratch, "d/f", RIG_TIME, RIG_NANO);
	assert_int_equal(fchmodat(fixture->scratch.dir, "d/f", 0600, 0), 0);
	assert_int_equal(rig_examine(rig, file), EXAMINE_SAME);
	assert_int_equal(scratch_stat(&fixture->scratch, "d/f").st_mode & 07777,
			 0644);
	rig_forget(rig, file);
}

static void compares_content_when_asked(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	struct rig_entry *file = rig_file(rig, "f", "12345", 5);
	struct task *task;

	scratch_text(&fixture->scratch, "d/f", "1234567");
	task = rig_examine_task(rig, file, 1);
	assert_int_equal(task->examine->items[0].verdict, EXAMINE_TARGET);
	assert_int_equal(task->examine->items[0].basis_size, 7);
	assert_null(task->examine->items[0].leaves);
	task_free(task);
	rig_forget(rig, file);
}

static void makes_folders(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	struct rig_entry *folder = rig_entry(rig, ENTRY_FOLDER, "g", NULL);
	struct rig_entry *end = rig_entry(rig, ENTRY_FOLDER_END, "g", NULL);

	folder->entry->mode = end->entry->mode = 0555;
	assert_int_equal(rig_examine(rig, folder), EXAMINE_MADE);
	/* Open to us until its end. */
	assert_int_equal(scratch_stat(&fixture->scratch, "d/g").st_mode & 0700,
			 0700);
	rig_finish(rig, end);
	assert_int_equal(scratch_stat(&fixture->scratch, "d/g").st_mode & 07777,
			 0555);
	assert_int_equal(scratch_stat(&fixture->scratch, "d/g").st_mtim.tv_nsec,
			 RIG_NANO);
	/* And again in the next run. */
	assert_int_equal(rig_examine(rig, folder), EXAMINE_MADE);
	assert_int_equal(scratch_stat(&fixture->scratch, "d/g").st_mode & 07777,
			 0755);
	rig_forget(rig, folder);
	rig_forget(rig, end);
}

static void a_folder_takes_the_place_of_a_file(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	struct rig_entry *folder = rig_entry(rig, ENTRY_FOLDER, "g", NULL);

	scratch_folder(&fixture->scratch, "outside");
	assert_int_equal(symlinkat("../outside", fixture->scratch.dir, "d/g"),
			 0);
	assert_int_equal(rig_examine(rig, folder), EXAMINE_MADE);
	assert_true(S_ISDIR(scratch_stat(&fixture->scratch, "d/g").st_mode));
	assert_true(scratch_exists(&fixture->scratch, "outside"));
	rig_forget(rig, folder);
}

static void a_file_does_not_take_the_place_of_a_folder(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	struct rig_entry *file = rig_file(rig, "g", "x", 1);
	struct rig_entry *link = rig_entry(rig, ENTRY_LINK, "g", "x");

	scratch_folder(&fixture->scratch, "d/g");
	rig_examine_fails(rig, file, "is a folder there");
	rig_examine_fails(rig, link, "is a folder there");
	/* Nor if it comes while the file is under way. */
	rig_stage(rig, file);
	rig_place_fails(rig, file,
			"cannot be put in its place: is a folder there");
	rig_forget(rig, file);
	rig_forget(rig, link);
}

static void links_are_compared_and_made(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	struct rig_entry *link = rig_entry(rig, ENTRY_LINK, "l", "to/here");
	char target[100] = "";

	assert_int_equal(symlinkat("elsewhere", fixture->scratch.dir, "d/l"),
			 0);
	rig_copy(rig, link);
	assert_int_equal(readlinkat(fixture->scratch.dir, "d/l", target, 99),
			 7);
	assert_string_equal(target, "to/here");
	assert_int_equal(scratch_stat(&fixture->scratch, "d/l").st_mtim.tv_sec,
			 RIG_TIME);
	assert_int_equal(rig_examine(rig, link), EXAMINE_SAME);
	/* With another time it is made anew: only that can be made durable. */
	scratch_times(&fixture->scratch, "d/l", 5, 5);
	rig_copy(rig, link);
	assert_int_equal(rig_examine(rig, link), EXAMINE_SAME);
	assert_int_equal(scratch_stat(&fixture->scratch, "d/l").st_mtim.tv_sec,
			 RIG_TIME);
	rig_forget(rig, link);
}

static void missing_parents_are_made(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);

	copy_file(rig, "a/b/c/f", "x");
	scratch_holds(&fixture->scratch, "d/a/b/c/f", "x", 1);
}

/* ---- how a file comes to its place -------------------------------------- */

static void nothing_shows_before_all_is_there(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	size_t size = 2 * RIG_LEAF + 100;
	uint8_t *bytes = scratch_bytes(size, 1);
	struct rig_entry *file = rig_file(rig, "f", bytes, size);
	struct stat status;

	scratch_text(&fixture->scratch, "d/f", "old");
	file->entry->mode = 06751; /* of which 0751 may arrive */
	assert_int_equal(rig_examine(rig, file), EXAMINE_EMPTY);
	rig_stage(rig, file);
	scratch_holds(&fixture->scratch, "d/f", "old", 3);
	rig_finish(rig, file);
	scratch_holds(&fixture->scratch, "d/f", bytes, size);
	status = scratch_stat(&fixture->scratch, "d/f");
	assert_int_equal(status.st_mode & 07777, 0751);
	assert_int_equal(status.st_mtim.tv_sec, RIG_TIME);
	assert_int_equal(status.st_mtim.tv_nsec, RIG_NANO);
	assert_int_equal(rig_examine(rig, file), EXAMINE_SAME);
	rig_close(rig, NULL);
	assert_false(scratch_exists(&fixture->scratch, "d/.ferry"));
	rig_forget(rig, file);
	free(bytes);
}

static void files_of_one_chunk_and_none(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	struct rig_entry *file = rig_file(rig, "f", "12345", 5);
	struct rig_entry *empty = rig_file(rig, "empty", "", 0);

	file->entry->mode = 04444;
	rig_copy(rig, file);
	rig_copy(rig, empty);
	scratch_holds(&fixture->scratch, "d/f", "12345", 5);
	scratch_holds(&fixture->scratch, "d/empty", "", 0);
	assert_int_equal(scratch_stat(&fixture->scratch, "d/f").st_mode & 07777,
			 0444);
	assert_int_equal(rig_examine(rig, file), EXAMINE_SAME);
	assert_int_equal(rig_examine(rig, empty), EXAMINE_SAME);
	rig_forget(rig, file);
	rig_forget(rig, empty);
}

static void packed_leaves_are_unpacked(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	const size_t size = LEAF_SIZE + 500;
	uint8_t *bytes = calloc(1, size), packed[1000];
	struct rig_entry *file;
	size_t packed_size;
	struct task *task;

	bytes[7] = bytes[LEAF_SIZE + 7] = 7;
	file = rig_file(rig, "f", bytes, size);
	assert_int_equal(rig_examine(rig, file), EXAMINE_EMPTY);
	for (uint64_t leaf = 0; leaf < 2; leaf++) {
		packed_size = ZSTD_compress(packed, sizeof(packed),
					    bytes + leaf * LEAF_SIZE,
					    leaf_length(size, leaf), 1);
		task = rig_write_packed(rig, file, leaf, packed, packed_size);
		assert_int_equal(task->error, 0);
		assert_false(task->write->damaged);
		task_free(task);
	}
	assert_int_equal(rig_group(rig, file, 0, 2, RIG_PLAN), 0);
	rig_finish(rig, file);
	scratch_holds(&fixture->scratch, "d/f", bytes, size);
	rig_forget(rig, file);
	free(bytes);
}

/* Nothing is written of what cannot be unpacked, or is not what it should be:
 * no file is even made. */
static void damaged_packed_leaves_are_not_written(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	struct rig_entry *file = rig_file(rig, "f", "1111111111111111", 16);
	char packed[100], text[200];
	static const char *const wrong[] = {
	    "111111111111111", "11111111111111111", "1111111111111112", ""};
	struct task *task;
	size_t size;

	assert_int_equal(rig_examine(rig, file), EXAMINE_EMPTY);
	for (size_t i = 0; i < 5; i++) {
		size = i < 4 ? ZSTD_compress(packed, sizeof(packed), wrong[i],
					     strlen(wrong[i]), 1)
			     : (size_t)snprintf(packed, sizeof(packed), "junk");
		task = rig_write_packed(rig, file, 0, packed, size);
		assert_int_equal(task->error, 0);
		assert_true(task->write->damaged);
		task_free(task);
		assert_false(
		    scratch_exists(&fixture->scratch, staged_path("f", text)));
	}
	size = ZSTD_compress(packed, sizeof(packed), "1111111111111111", 16, 1);
	task = rig_write_packed(rig, file, 0, packed, size);
	assert_false(task->write->damaged);
	task_free(task);
	assert_int_equal(rig_group(rig, file, 0, 1, RIG_PLAN), 0);
	rig_finish(rig, file);
	scratch_holds(&fixture->scratch, "d/f", "1111111111111111", 16);
	rig_forget(rig, file);
}

static void leaves_are_kept_of_the_old_file(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	size_t size = 2 * RIG_LEAF;
	uint8_t *bytes = scratch_bytes(size, 1);
	struct rig_entry *file = rig_file(rig, "f", bytes, size);

	bytes[RIG_LEAF] ^= 1; /* damage in the second leaf */
	scratch_write(&fixture->scratch, "d/f", bytes, size);
	bytes[RIG_LEAF] ^= 1;
	assert_int_equal(rig_examine(rig, file), EXAMINE_EMPTY);
	assert_int_equal(rig_write_kept(rig, file, BASIS_TARGET, 0, bytes), 0);
	assert_int_equal(
	    rig_write_kept(rig, file, BASIS_TARGET, 1, bytes + RIG_LEAF),
	    EBADMSG);
	rig_write(rig, file, 1);
	assert_int_equal(rig_group(rig, file, 0, 2, RIG_PLAN), 0);
	rig_finish(rig, file);
	scratch_holds(&fixture->scratch, "d/f", bytes, size);
	rig_forget(rig, file);
	free(bytes);
}

/* What an earlier session staged without a sync that is known of. */
static void staged_leaves_are_written_once_more(void **state)
{
	struct fixture *fixture = *state;
	struct fail_io *fail = failing(&fixture->rig);
	struct rig *rig = open_folder(fixture);
	size_t size = 2 * RIG_LEAF;
	uint8_t *bytes = scratch_bytes(size, 1);
	struct rig_entry *file = rig_file(rig, "f", bytes, size);

	rig_write(rig, file, 0);
	fail_io_set(fail, NULL);
	assert_int_equal(rig_write_kept(rig, file, BASIS_STAGED, 0, bytes), 0);
	assert_int_equal(fail_io_calls(fail, FAIL_PWRITE), 1);
	/* Another's digest, and what is not there at all. */
	assert_int_equal(rig_write_kept(rig, file, BASIS_STAGED, 0, bytes + 1),
			 EBADMSG);
	assert_int_equal(
	    rig_write_kept(rig, file, BASIS_STAGED, 1, bytes + RIG_LEAF),
	    EBADMSG);
	assert_int_equal(fail_io_calls(fail, FAIL_PWRITE), 1);
	rig_write(rig, file, 1);
	assert_int_equal(rig_group(rig, file, 0, 2, RIG_PLAN), 0);
	rig_finish(rig, file);
	scratch_holds(&fixture->scratch, "d/f", bytes, size);
	rig_forget(rig, file);
	rig_end(rig);
	fail_io_free(fail);
	free(bytes);
}

static void hashes_what_is_there(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	uint8_t *bytes = scratch_bytes(RIG_LEAF + 10, 1);
	struct rig_entry *file = rig_file(rig, "f", bytes, RIG_LEAF + 10);
	struct digest expected = digest_of(bytes + RIG_LEAF, 10);

	scratch_write(&fixture->scratch, "d/f", bytes, RIG_LEAF + 10);
	rig_stage(rig, file);
	for (int basis = BASIS_STAGED; basis <= BASIS_TARGET; basis++) {
		struct task *task = task_create(TASK_HASH);

		task->hash->entry = file->entry;
		task->hash->leaf = 1;
		task->hash->basis = basis;
		task->hash->basis_size = RIG_LEAF + 10;
		target_run(rig->target, task);
		assert_int_equal(task->error, 0);
		assert_true(digest_equal(&task->hash->digest, &expected));
		/* A file that became shorter. */
		task->hash->basis_size = RIG_LEAF + 11;
		target_run(rig->target, task);
		assert_int_equal(task->error, EBADMSG);
		task_free(task);
	}
	rig_forget(rig, file);
	free(bytes);
}

static void identical_content_gets_attributes_only(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	struct rig_entry *file = rig_file(rig, "f", "12345", 5);
	ino_t inode;
	struct task *task;

	scratch_text(&fixture->scratch, "d/f", "12345");
	inode = scratch_stat(&fixture->scratch, "d/f").st_ino;
	task = rig_examine_task(rig, file, 1);
	assert_int_equal(task->examine->items[0].verdict, EXAMINE_TARGET);
	file->version = task->examine->items[0].version;
	task_free(task);
	task = rig_place_task(rig, file, 1);
	assert_int_equal(task->error, 0);
	assert_null(task->place->items[0].text);
	task_free(task);
	assert_int_equal(scratch_stat(&fixture->scratch, "d/f").st_ino, inode);
	assert_int_equal(rig_examine(rig, file), EXAMINE_SAME);

	/* Who wrote to it meanwhile is not to be hidden by the time. */
	scratch_text(&fixture->scratch, "d/f", "54321");
	task = rig_place_task(rig, file, 1);
	assert_int_equal(task->error, 0);
	assert_string_equal(task->place->items[0].text,
			    "changed while it was compared; run it again");
	task_free(task);
	assert_int_equal(rig_examine(rig, file), EXAMINE_EMPTY);
	rig_forget(rig, file);
}

static void goes_deeper_than_any_path(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	char path[9000] = "";

	while (strlen(path) < 2 * PATH_MAX)
		strcat(path, "a-folder-whose-name-has-30-bytes/");
	strcat(path, "f");
	copy_file(rig, path, "deep");
}

static void takes_any_name(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	char name[256], path[300];

	memset(name, 'n', 255);
	name[255] = '\0';
	copy_file(rig, name, "1");
	copy_file(rig, "line\nfeed \xff\x01*", "2");
	snprintf(path, sizeof(path), "d/%s", name);
	scratch_holds(&fixture->scratch, path, "1", 1);
	scratch_holds(&fixture->scratch, "d/line\nfeed \xff\x01*", "2", 1);
}

static void the_target_gets_attributes_last(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	struct rig_entry *root;

	scratch_folder(&fixture->scratch, "d");
	rig->offer.flags = OFFER_CONTENTS;
	scratch_plain_user(&fixture->scratch);
	for (int run = 0; run < 2; run++) {
		/* The second time it is read-only from the first. */
		rig_open(rig);
		copy_file(rig, run ? "g" : "f", "x");
		root = rig_entry(rig, ENTRY_FOLDER_END, "", NULL);
		root->entry->mode = 0555;
		rig_close(rig, root->entry);
		rig_forget(rig, root);
		assert_int_equal(
		    scratch_stat(&fixture->scratch, "d").st_mode & 07777, 0555);
		assert_int_equal(
		    scratch_stat(&fixture->scratch, "d").st_mtim.tv_nsec,
		    RIG_NANO);
	}
	scratch_holds(&fixture->scratch, "d/f", "x", 1);
	scratch_holds(&fixture->scratch, "d/g", "x", 1);
	assert_false(scratch_exists(&fixture->scratch, "d/.ferry"));
	/* A job that ends early leaves it as it was. */
	rig_open(rig);
	rig_end(rig);
	assert_int_equal(scratch_stat(&fixture->scratch, "d").st_mode & 07777,
			 0555);
}

static void read_only_trees(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig;
	struct rig_entry *folder, *end, *file;

	scratch_folder(&fixture->scratch, "d");
	scratch_plain_user(&fixture->scratch);
	rig = open_folder(fixture);
	for (int run = 0; run < 2; run++) {
		folder = rig_entry(rig, ENTRY_FOLDER, "g", NULL);
		end = rig_entry(rig, ENTRY_FOLDER_END, "g", NULL);
		file = rig_file(rig, "g/f", run ? "one" : "three", run ? 3 : 5);
		folder->entry->mode = end->entry->mode = 0500;
		file->entry->mode = 0400;
		rig_copy(rig, folder);
		rig_copy(rig, file);
		rig_copy(rig, end);
		rig_forget(rig, folder);
		rig_forget(rig, file);
		rig_forget(rig, end);
	}
	scratch_holds(&fixture->scratch, "d/g/f", "one", 3);
	rig_close(rig, NULL);
}

/* ---- what is put in the way --------------------------------------------- */

static void a_link_in_a_folders_place_leads_nowhere(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	struct rig_entry *file = rig_file(rig, "g/f", "x", 1);
	struct rig_entry *end = rig_entry(rig, ENTRY_FOLDER_END, "g", NULL);
	int dir = fixture->scratch.dir;

	scratch_folder(&fixture->scratch, "outside");
	scratch_text(&fixture->scratch, "outside/f", "mine");
	assert_int_equal(rig_examine(rig, file), EXAMINE_EMPTY);
	rig_stage(rig, file);
	unlinkat(dir, "d/g", AT_REMOVEDIR);
	assert_int_equal(symlinkat("../outside", dir, "d/g"), 0);
	rig_place_fails(rig, file,
			"cannot be put in its place: "
			"a symbolic link is in the way");
	rig_place_fails(rig, end,
			"cannot set its attributes: "
			"a symbolic link is in the way");
	copy_file(rig, "h/other", "x"); /* g is opened again after that */
	rig_examine_fails(rig, file,
			  "cannot open its folder: "
			  "a symbolic link is in the way");
	scratch_holds(&fixture->scratch, "outside/f", "mine", 4);
	rig_forget(rig, file);
	rig_forget(rig, end);
}

static void a_link_in_a_files_place_is_replaced(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);

	scratch_text(&fixture->scratch, "outside", "mine");
	scratch_times(&fixture->scratch, "outside", RIG_TIME, RIG_NANO);
	assert_int_equal(symlinkat("../outside", fixture->scratch.dir, "d/f"),
			 0);
	copy_file(rig, "f", "1234");
	scratch_holds(&fixture->scratch, "outside", "mine", 4);
	scratch_holds(&fixture->scratch, "d/f", "1234", 4);
	assert_true(S_ISREG(scratch_stat(&fixture->scratch, "d/f").st_mode));
}

static void staging_is_no_link(void **state)
{
	struct fixture *fixture = *state;

	scratch_folder(&fixture->scratch, "outside");
	scratch_folder(&fixture->scratch, "d");
	assert_int_equal(
	    symlinkat("../outside", fixture->scratch.dir, "d/.ferry"), 0);
	assert_int_equal(rig_try(&fixture->rig), TARGET_FAILED);
	assert_non_null(strstr(fixture->rig.text, "symbolic link"));
	assert_false(scratch_exists(&fixture->scratch, "outside/lock"));
}

static void what_is_planted_in_staging_is_not_written_to(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	uint8_t *bytes = scratch_bytes(RIG_LEAF + 1, 1);
	struct rig_entry *file;
	char path[200];

	scratch_text(&fixture->scratch, "outside", "mine");
	for (int kind = 0; kind < 4; kind++) {
		file = kind % 2 ? rig_file(rig, "f", bytes, RIG_LEAF + 1)
				: rig_file(rig, "f", bytes, 5);
		if (kind < 2)
			assert_int_equal(symlinkat("../../../outside",
						   fixture->scratch.dir,
						   staged_path("f", path)),
					 0);
		else
			assert_int_equal(linkat(fixture->scratch.dir, "outside",
						fixture->scratch.dir,
						staged_path("f", path), 0),
					 0);
		rig_stage(rig, file);
		rig_finish(rig, file);
		scratch_holds(&fixture->scratch, "outside", "mine", 4);
		scratch_holds(&fixture->scratch, "d/f", bytes,
			      kind % 2 ? RIG_LEAF + 1 : 5);
		rig_forget(rig, file);
	}
	free(bytes);
}

static void a_folder_that_went_away_is_found_again(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	struct rig_entry *first = rig_file(rig, "g/1", "1", 1);
	struct rig_entry *second = rig_file(rig, "g/2", "2", 1);

	rig_copy(rig, first);
	rig_stage(rig, second);
	unlinkat(fixture->scratch.dir, "d/g/1", 0);
	unlinkat(fixture->scratch.dir, "d/g", AT_REMOVEDIR);
	scratch_folder(&fixture->scratch, "d/g");
	rig_finish(rig, second);
	scratch_holds(&fixture->scratch, "d/g/2", "2", 1);
	rig_forget(rig, first);
	rig_forget(rig, second);
}

/* ---- disks that fail ---------------------------------------------------- */

static void a_full_disk_ends_the_session(void **state)
{
	struct fixture *fixture = *state;
	struct fail_io *fail = failing(&fixture->rig);
	struct rig *rig = open_folder(fixture);
	struct rig_entry *file = rig_file(rig, "f", "12345", 5);
	struct task *task;

	fail_next(fail, FAIL_PWRITE, ENOSPC);
	task = rig_write_task(rig, file, 0);
	assert_int_equal(task->error, ENOSPC);
	assert_string_equal(task->text,
			    "d/f: cannot write: No space left on device");
	task_free(task);
	fail_next(fail, FAIL_PWRITE, EDQUOT);
	task = rig_write_task(rig, file, 0);
	assert_string_equal(task->text,
			    "d/f: cannot write: Disk quota exceeded");
	task_free(task);
	/* And then there is space again. */
	rig_copy(rig, file);
	scratch_holds(&fixture->scratch, "d/f", "12345", 5);
	rig_forget(rig, file);
	rig_end(rig);
	fail_io_free(fail);
}

static void a_failed_sync_claims_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct fail_io *fail = failing(&fixture->rig);
	struct rig *rig = open_folder(fixture);
	uint8_t *bytes = scratch_bytes(RIG_LEAF * 2, 1);
	struct rig_entry *file = rig_file(rig, "f", bytes, RIG_LEAF * 2);
	struct task *task;

	rig_write(rig, file, 0);
	fail_next(fail, FAIL_SYNC_DATA, EIO);
	assert_int_equal(rig_group(rig, file, 0, 1, RIG_PLAN), EIO);
	rig_forget(rig, file);
	rig_end(rig);
	rig_open(rig);
	file = rig_file(rig, "f", bytes, RIG_LEAF * 2);
	task = rig_examine_task(rig, file, 0);
	assert_int_equal(task->examine->items[0].verdict, EXAMINE_OLDER);
	assert_null(task->examine->items[0].leaves);
	task_free(task);
	rig_forget(rig, file);
	rig_end(rig);
	fail_io_free(fail);
	free(bytes);
}

static void a_mount_below_the_target_is_copied_to(void **state)
{
	struct fixture *fixture = *state;
	struct fail_io *fail = failing(&fixture->rig);
	struct rig *rig = open_folder(fixture);
	uint8_t *bytes = scratch_bytes(RIG_LEAF + 1, 1);
	struct rig_entry *file = rig_file(rig, "m/f", bytes, RIG_LEAF + 1);
	struct rig_entry *link = rig_entry(rig, ENTRY_LINK, "m/l", "x");
	char sibling[300], staged[200];

	assert_int_equal(rig_examine(rig, file), EXAMINE_EMPTY);
	rig_stage(rig, file);
	fail_next(fail, FAIL_RENAME_AT, EXDEV);
	rig_place(rig, file);
	scratch_holds(&fixture->scratch, "d/m/f", bytes, RIG_LEAF + 1);
	assert_int_equal(rig_examine(rig, file), EXAMINE_SAME);
	fail_next(fail, FAIL_RENAME_AT, EXDEV);
	rig_place(rig, link);
	assert_true(S_ISLNK(scratch_stat(&fixture->scratch, "d/m/l").st_mode));

	/* Nothing is left behind when it fails. */
	unlinkat(fixture->scratch.dir, "d/m/f", 0);
	rig_stage(rig, file);
	scratch_folder(&fixture->scratch, "d/m/f");
	fail_next(fail, FAIL_RENAME_AT, EXDEV);
	rig_place_fails(rig, file,
			"cannot be put in its place: is a folder there");
	snprintf(sibling, sizeof(sibling), "d/m/.ferry-%s",
		 strrchr(staged_path("m/f", staged), '/') + 1);
	assert_false(scratch_exists(&fixture->scratch, sibling));
	rig_forget(rig, file);
	rig_forget(rig, link);
	rig_end(rig);
	fail_io_free(fail);
	free(bytes);
}

/* 20,000 of them are a common job: every call counts. */
static void small_files_are_cheap(void **state)
{
	struct fixture *fixture = *state;
	struct fail_io *fail = failing(&fixture->rig);
	struct rig *rig = open_folder(fixture);
	struct rig_entry *file;
	mode_t before = umask(022);

	copy_file(rig, "g/first", "x");
	file = rig_file(rig, "g/f", "x", 1);
	fail_io_set(fail, NULL);
	assert_int_equal(rig_examine(rig, file), EXAMINE_EMPTY);
	assert_int_equal(fail_io_calls(fail, FAIL_ANY), 1); /* stat_at */
	rig_write(rig, file, 0);
	/* open, pwrite, stat, set_times; close is not counted */
	assert_int_equal(fail_io_calls(fail, FAIL_ANY), 5);
	fail_io_set(fail, NULL);
	rig_place(rig, file);
	assert_int_equal(fail_io_calls(fail, FAIL_ANY), 1); /* rename */
	rig_forget(rig, file);
	rig_end(rig);
	fail_io_free(fail);
	umask(before);
}

/* Whatever the umask lets a file be made with. */
static void a_file_has_its_mode(void **state)
{
	static const mode_t masks[] = {0, 022, 077, 0777};
	static const uint32_t modes[] = {0, 0400, 0444, 0600, 0644, 0666, 0777};
	struct fixture *fixture = *state;
	struct rig *rig = open_folder(fixture);
	char path[20], there[24];

	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		mode_t before = umask(masks[i]);

		for (size_t j = 0; j < sizeof(modes) / sizeof(modes[0]); j++) {
			struct rig_entry *file;

			snprintf(path, sizeof(path), "%zu.%zu", i, j);
			snprintf(there, sizeof(there), "d/%s", path);
			file = rig_file(rig, path, "x", 1);
			file->entry->mode = modes[j];
			rig_copy(rig, file);
			assert_int_equal(
			    scratch_stat(&fixture->scratch, there).st_mode,
			    S_IFREG | modes[j]);
			rig_forget(rig, file);
		}
		umask(before);
	}
	rig_end(rig);
}

/* While a group syncs, another queue's thread may place files. */
struct meanwhile {
	struct io io; /* first: a copy of the system's */
	struct rig *rig;
	struct rig_entry *file; /* placed by the next sync; NULL: none */
	unsigned syncs;
};

static int sync_meanwhile(void *context, int descriptor)
{
	struct meanwhile *meanwhile = context;
	struct rig_entry *file = meanwhile->file;

	meanwhile->file = NULL;
	meanwhile->syncs++;
	if (file != NULL)
		rig_place(meanwhile->rig, file);
	return io_system()->sync(io_system()->context, descriptor);
}

static void what_is_renamed_during_a_sync_is_left_for_the_next(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	static struct meanwhile meanwhile; /* for the teardown, too */
	struct rig_entry *first, *second;

	meanwhile.rig = rig;
	meanwhile.io = *io_system();
	/* The system's table wants no context. */
	meanwhile.io.context = &meanwhile;
	meanwhile.io.sync = sync_meanwhile;
	rig->io = &meanwhile.io;
	rig = open_folder(fixture);
	first = rig_file(rig, "g/f", "x", 1);
	second = rig_file(rig, "h/f", "y", 1);
	assert_int_equal(rig_examine(rig, first), EXAMINE_EMPTY);
	assert_int_equal(rig_examine(rig, second), EXAMINE_EMPTY);
	rig_stage(rig, first);
	rig_stage(rig, second);

	rig_place(rig, first);
	meanwhile.file = second;
	assert_int_equal(rig_group(rig, first, 0, 0, RIG_RECEIPT), 0);
	assert_null(meanwhile.file);
	meanwhile.syncs = 0;
	assert_int_equal(rig_group(rig, second, 0, 0, RIG_RECEIPT), 0);
	assert_int_equal(meanwhile.syncs, 1); /* h */
	assert_int_equal(rig_group(rig, second, 0, 0, RIG_RECEIPT), 0);
	assert_int_equal(meanwhile.syncs, 1);
	rig_forget(rig, first);
	rig_forget(rig, second);
	rig_end(rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_folder_that_is_there_takes_all),
	    TEST(one_file_takes_the_name_it_is_given),
	    TEST(only_what_was_offered_is_taken),
	    TEST(only_what_was_asked_for_is_taken),
	    TEST(a_folder_is_made_once),
	    TEST(what_cannot_be_a_target_is_refused),
	    TEST(the_way_to_the_target_may_have_links),
	    TEST(a_device_is_not_replaced),
	    TEST(finds_the_same),
	    TEST(mends_the_mode),
	    TEST(compares_content_when_asked),
	    TEST(makes_folders),
	    TEST(a_folder_takes_the_place_of_a_file),
	    TEST(a_file_does_not_take_the_place_of_a_folder),
	    TEST(links_are_compared_and_made),
	    TEST(missing_parents_are_made),
	    TEST(nothing_shows_before_all_is_there),
	    TEST(files_of_one_chunk_and_none),
	    TEST(packed_leaves_are_unpacked),
	    TEST(damaged_packed_leaves_are_not_written),
	    TEST(leaves_are_kept_of_the_old_file),
	    TEST(staged_leaves_are_written_once_more),
	    TEST(hashes_what_is_there),
	    TEST(identical_content_gets_attributes_only),
	    TEST(goes_deeper_than_any_path),
	    TEST(takes_any_name),
	    TEST(the_target_gets_attributes_last),
	    TEST(read_only_trees),
	    TEST(a_link_in_a_folders_place_leads_nowhere),
	    TEST(a_link_in_a_files_place_is_replaced),
	    TEST(staging_is_no_link),
	    TEST(what_is_planted_in_staging_is_not_written_to),
	    TEST(a_folder_that_went_away_is_found_again),
	    TEST(a_full_disk_ends_the_session),
	    TEST(a_failed_sync_claims_nothing),
	    TEST(a_mount_below_the_target_is_copied_to),
	    TEST(small_files_are_cheap),
	    TEST(a_file_has_its_mode),
	    TEST(what_is_renamed_during_a_sync_is_left_for_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
