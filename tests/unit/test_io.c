/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: nothing that is opened or removed beneath a folder is outside it, by
 * either way of opening; what is interrupted is gone on with; and a file that
 * is replaced is the old one or the new one, whatever fails or crashes.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "journal/io_beneath.h"
#include "journal/io_root.h"
#include "tests/unit/journal_rig.h"
#include "tests/unit/scratch.h"

typedef int open_beneath(int dir, const char *path, int flags, mode_t mode);

static open_beneath *const ways[] = {io_beneath_openat2, io_beneath_walk};

/* ---- opening ------------------------------------------------------------ */

struct fixture {
	struct scratch scratch;
	int top; /* the folder that all is to stay beneath */
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct scratch *scratch;

	assert_non_null(fixture);
	scratch = &fixture->scratch;
	scratch_make(scratch);
	scratch_text(scratch, "secret", "secret");
	scratch_folder(scratch, "top");
	scratch_folder(scratch, "top/d");
	scratch_folder(scratch, "top/d/e");
	scratch_text(scratch, "top/f", "f");
	scratch_text(scratch, "top/d/e/g", "g");
	assert_int_equal(symlinkat("../secret", scratch->dir, "top/out"), 0);
	assert_int_equal(symlinkat("..", scratch->dir, "top/up"), 0);
	assert_int_equal(symlinkat("d", scratch->dir, "top/in"), 0);
	assert_int_equal(symlinkat("/", scratch->dir, "top/root"), 0);
	assert_int_equal(symlinkat("../new", scratch->dir, "top/dangling"), 0);
	fixture->top =
	    openat(scratch->dir, "top", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_not_equal(fixture->top, -1);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	scratch_holds(&fixture->scratch, "secret", "secret", 6);
	assert_false(scratch_exists(&fixture->scratch, "new"));
	close(fixture->top);
	scratch_remove(&fixture->scratch);
	free(fixture);
	return 0;
}

static void one_path_has_one_answer(void **state)
{
	static const struct {
		const char *path;
		int flags;
		int error; /* 0: it is opened */
	} cases[] = {
	    {"f", O_RDONLY, 0},
	    {"d/e/g", O_RDONLY, 0},
	    {"d//e///g", O_RDONLY, 0},
	    {"./d/./e/g", O_RDONLY, 0},
	    {"d", O_RDONLY | O_DIRECTORY, 0},
	    {"d/e/", O_RDONLY | O_DIRECTORY, 0},
	    {"", O_RDONLY | O_DIRECTORY, 0},
	    {".", O_RDONLY | O_DIRECTORY, 0},
	    {"d/new", O_WRONLY | O_CREAT | O_EXCL, 0},
	    {"none", O_RDONLY, ENOENT},
	    {"none/f", O_RDONLY, ENOENT},
	    {"f/x", O_RDONLY, ENOTDIR},
	    {"f", O_RDONLY | O_DIRECTORY, ENOTDIR},
	    {"f/", O_RDONLY, ENOTDIR},
	    {"d", O_WRONLY, EISDIR},
	    {"f", O_WRONLY | O_CREAT | O_EXCL, EEXIST},
	    {"d/e/g/", O_WRONLY | O_CREAT, EISDIR},
	    {"", O_WRONLY | O_CREAT, EISDIR},
	    /* Through a link, wherever it leads and stands. */
	    {"out", O_RDONLY, ELOOP},
	    {"out", O_RDWR | O_CREAT, ELOOP},
	    {"in", O_RDONLY, ELOOP},
	    {"in", O_RDONLY | O_DIRECTORY, ELOOP},
	    {"in/e/g", O_RDONLY, ELOOP},
	    {"up/secret", O_RDONLY, ELOOP},
	    {"root/etc/passwd", O_RDONLY, ELOOP},
	    {"dangling", O_RDONLY, ELOOP},
	    {"dangling", O_WRONLY | O_CREAT, ELOOP},
	    {"dangling", O_WRONLY | O_CREAT | O_EXCL, EEXIST},
	    /* Up, even if it comes down again. */
	    {"..", O_RDONLY, EXDEV},
	    {"../secret", O_RDONLY, EXDEV},
	    {"d/../f", O_RDONLY, EXDEV},
	    {"d/e/../../../secret", O_RDONLY, EXDEV},
	    {"d/..", O_RDONLY, EXDEV},
	    {"/etc/passwd", O_RDONLY, EXDEV},
	    {"/", O_RDONLY, EXDEV},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (size_t way = 0; way < 2; way++) {
			int opened =
			    ways[way](fixture->top, cases[i].path,
				      cases[i].flags | O_CLOEXEC, 0600);

			if ((opened == -1 ? errno : 0) != cases[i].error)
				fail_msg(
				    "%s with %#o, way %zu: %s", cases[i].path,
				    (unsigned)cases[i].flags, way,
				    opened == -1 ? strerror(errno) : "opened");
			if (opened != -1)
				close(opened);
			unlinkat(fixture->top, "d/new", 0);
		}
	}
}

/* What a peer's path is, where it may reach one folder alone. */
static void a_root_is_never_left(void **state)
{
	static const struct {
		const char *path;
		int error; /* 0: it is opened */
	} cases[] = {
	    {"d", 0},          {"/d", 0},          {"//d//e/", 0},
	    {"", 0},           {"/", 0},           {".", 0},
	    {"in", 0},         {"/in/e", 0},       {"d/../d", 0},
	    {"none", ENOENT},  {"f", ENOTDIR},     {"..", EXDEV},
	    {"/..", EXDEV},    {"d/../..", EXDEV}, {"up", EXDEV},
	    {"up/top", EXDEV}, {"root", EXDEV},    {"root/tmp", EXDEV},
	    {"out", EXDEV},    {"d/../up", EXDEV},
	};
	struct fixture *fixture = *state;
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	struct io_root root;

	io_root_init(&root, fixture->top);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int opened =
		    root.io.open(&root, AT_FDCWD, cases[i].path, flags, 0);

		if ((opened == -1 ? errno : 0) != cases[i].error)
			fail_msg("%s: %s", cases[i].path,
				 opened == -1 ? strerror(errno) : "opened");
		if (opened != -1)
			close(opened);
	}
	assert_int_equal(root.io.open(&root, AT_FDCWD, "f", O_RDONLY, 0), -1);
	assert_int_equal(
	    root.io.open(&root, AT_FDCWD, "new", O_WRONLY | O_CREAT, 0600), -1);
}

static void names_that_only_look_like_leading_out(void **state)
{
	static const char *const names[] = {"...", "..a", "a..", ". .", "..\n"};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (size_t way = 0; way < 2; way++) {
			int opened = ways[way](fixture->top, names[i],
					       O_RDWR | O_CREAT, 0600);

			assert_int_not_equal(opened, -1);
			close(opened);
			assert_int_equal(unlinkat(fixture->top, names[i], 0),
					 0);
		}
}

static void any_length_of_path(void **state)
{
	struct fixture *fixture = *state;
	char name[PATH_MAX + 10], *path;

	scratch_deep(&fixture->scratch, 300, &path);
	assert_true(strlen(path) > 2 * PATH_MAX);
	for (size_t way = 0; way < 2; way++) {
		int opened = ways[way](fixture->scratch.dir, path, O_RDONLY, 0);
		char text[5] = "";

		assert_int_not_equal(opened, -1);
		assert_int_equal(read(opened, text, 4), 4);
		assert_string_equal(text, "deep");
		close(opened);
		/* One name may only be so long. */
		memset(name, 'n', sizeof(name));
		name[256] = '\0';
		assert_int_equal(ways[way](fixture->top, name, O_RDONLY, 0),
				 -1);
		assert_int_equal(errno, ENAMETOOLONG);
		name[256] = 'n';
		name[sizeof(name) - 1] = '\0';
		assert_int_equal(ways[way](fixture->top, name, O_RDONLY, 0),
				 -1);
		assert_int_equal(errno, ENAMETOOLONG);
	}
	/* Up at its very end is up all the same. */
	path = realloc(path, strlen(path) + 10);
	strcpy(strrchr(path, '/'), "/..");
	for (size_t way = 0; way < 2; way++) {
		assert_int_equal(
		    ways[way](fixture->scratch.dir, path, O_RDONLY, 0), -1);
		assert_int_equal(errno, EXDEV);
	}
	free(path);
}

static void a_mode_is_for_new_files_only(void **state)
{
	struct fixture *fixture = *state;
	mode_t mask = umask(0);

	for (size_t way = 0; way < 2; way++) {
		int opened = ways[way](fixture->top, "new",
				       O_RDWR | O_CREAT | O_EXCL, 0640);

		assert_int_not_equal(opened, -1);
		close(opened);
		assert_int_equal(
		    scratch_stat(&fixture->scratch, "top/new").st_mode & 07777,
		    0640);
		/* A mode without O_CREAT is passed over. */
		opened = ways[way](fixture->top, "new", O_RDONLY, 0777);
		assert_int_not_equal(opened, -1);
		close(opened);
		unlinkat(fixture->top, "new", 0);
	}
	umask(mask);
}

/* ---- what is interrupted ------------------------------------------------ */

static ssize_t write_nothing(void *context, int descriptor, const void *bytes,
			     size_t size, off_t offset)
{
	(void)context;
	(void)descriptor;
	(void)bytes;
	(void)size;
	(void)offset;
	return 0;
}

static void reads_and_writes_are_completed(void **state)
{
	static const struct fail_plan plans[] = {
	    {FAIL_ANY, 0, UINT64_MAX, 2, FAIL_INTERRUPT, 0},
	    {FAIL_ANY, 0, UINT64_MAX, 1, FAIL_SHORT, 0},
	};
	uint8_t *bytes = scratch_bytes(100000, 3);
	uint8_t *back = calloc(1, 100001);
	struct rig rig;

	(void)state;
	rig_make(&rig, 1);
	for (size_t i = 0; i < 2; i++) {
		struct fail_io *fail = fail_io_create(rig.io);
		struct io *io = fail_io_table(fail);
		int file;

		fail_io_set(fail, &plans[i]);
		file =
		    io_open_beneath(io, rig.dir, "f", O_RDWR | O_CREAT, 0600);
		assert_int_not_equal(file, -1);
		assert_int_equal(io_write(io, file, bytes, 100000, 7), 0);
		assert_int_equal(io_sync_data(io, file), 0);
		assert_int_equal(io_sync(io, file), 0);
		assert_int_equal(io_sync_all(io, file), 0);
		assert_int_equal(io_read(io, file, back, 100000, 7), 100000);
		assert_memory_equal(back, bytes, 100000);
		/* Where the file ends, less is read. */
		assert_int_equal(io_read(io, file, back, 1000, 100000), 7);
		assert_int_equal(io_read(io, file, back, 1000, 200000), 0);
		assert_true(fail_io_failed(fail) > 5);
		io_close(io, file);
		fail_io_free(fail);
	}
	rig_free(&rig);
	free(bytes);
	free(back);
}

static void a_failure_in_the_middle_is_one(void **state)
{
	struct fail_plan plan = {FAIL_PWRITE, 0, UINT64_MAX, 1, FAIL_SHORT, 0};
	struct fail_io *fail;
	struct io none = *io_system();
	uint8_t bytes[64] = {0};
	struct rig rig;
	int file;

	(void)state;
	rig_make(&rig, 1);
	fail = fail_io_create(rig.io);
	file = io_open_beneath(rig.io, rig.dir, "f", O_RDWR | O_CREAT, 0600);
	/* First a part, then no space. */
	disk_set_space(rig.disk, 0);
	fail_io_set(fail, &plan);
	assert_int_equal(io_write(fail_io_table(fail), file, bytes, 64, 0), -1);
	assert_int_equal(errno, ENOSPC);
	plan = (struct fail_plan){FAIL_PREAD, 0, 1, 1, FAIL_ERROR, EIO};
	fail_io_set(fail, &plan);
	assert_int_equal(io_read(fail_io_table(fail), file, bytes, 64, 0), -1);
	assert_int_equal(errno, EIO);
	/* Neither progress nor a reason: that must end, too. */
	none.pwrite = write_nothing;
	assert_int_equal(io_write(&none, -1, bytes, 64, 0), -1);
	assert_int_equal(errno, EIO);
	assert_int_equal(io_write(&none, -1, bytes, 0, 0), 0);
	/* Closing keeps errno, and -1 is nothing. */
	errno = 77;
	io_close(rig.io, file);
	io_close(rig.io, -1);
	assert_int_equal(errno, 77);
	fail_io_free(fail);
	rig_free(&rig);
}

/* ---- replacing a file --------------------------------------------------- */

#define OLD "the old one"
#define NEW "the new one, which is longer"

/* 1 if the file is the new one, 0 if it is the old one. */
static int is_new(struct rig *rig, const char *name)
{
	size_t size;
	char *bytes = (char *)rig_read(rig, name, &size);
	int new = size == sizeof(NEW);

	if (new)
		assert_memory_equal(bytes, NEW, size);
	else
		assert_memory_equal(bytes, OLD, sizeof(OLD));
	assert_true(new || size == sizeof(OLD));
	free(bytes);
	return new;
}

static void a_replaced_file_is_old_or_new(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		int stopped = 1;

		for (uint64_t calls = 0; stopped; calls++) {
			struct rig rig;
			int done;

			rig_make(&rig, seed);
			assert_int_equal(
			    io_replace(rig.io, rig.dir, "f", OLD, sizeof(OLD)),
			    0);
			disk_settle(rig.disk);
			disk_stop_after(rig.disk, calls);
			done = io_replace(rig.io, rig.dir, "f", NEW,
					  sizeof(NEW)) == 0;
			stopped = disk_stopped(rig.disk);
			disk_crash(rig.disk);
			disk_stop_after(rig.disk, UINT64_MAX);
			rig_return(&rig);
			/* What was reported as done outlives the crash. */
			assert_true(is_new(&rig, "f") || !done || stopped);
			rig_free(&rig);
		}
	}
}

static void a_replacement_that_fails_leaves_the_old(void **state)
{
	struct fail_plan plan = {FAIL_ANY, 0, 1, 1, FAIL_ERROR, EIO};
	uint64_t calls;

	(void)state;
	do {
		struct fail_io *fail;
		struct rig rig;
		int result;

		rig_make(&rig, 1);
		fail = fail_io_create(rig.io);
		rig_write(&rig, "f", OLD, sizeof(OLD));
		fail_io_set(fail, &plan);
		result = io_replace(fail_io_table(fail), rig.dir, "f", NEW,
				    sizeof(NEW));
		calls = fail_io_calls(fail, FAIL_ANY);
		if (fail_io_failed(fail) > 0) {
			assert_int_equal(result, -1);
			assert_int_equal(errno, EIO);
		}
		/* After the rename only the sync of the folder can fail. */
		if (is_new(&rig, "f"))
			assert_true(result == 0 || plan.after + 1 == calls);
		assert_true(fail_io_failed(fail) > 0 ||
			    !rig_exists(&rig, "f.new"));
		fail_io_free(fail);
		rig_free(&rig);
	} while (calls > plan.after++);
	assert_true(plan.after > 4);
}

static void what_bears_the_temporary_name_is_not_written_to(void **state)
{
	struct fixture *fixture = *state;

	for (int kind = 0; kind < 2; kind++) {
		if (kind == 0)
			assert_int_equal(
			    symlinkat("../secret", fixture->top, "x.new"), 0);
		else
			assert_int_equal(linkat(fixture->scratch.dir, "secret",
						fixture->top, "x.new", 0),
					 0);
		assert_int_equal(io_replace(io_system(), fixture->top, "x", NEW,
					    sizeof(NEW)),
				 0);
		scratch_holds(&fixture->scratch, "top/x", NEW, sizeof(NEW));
		assert_false(scratch_exists(&fixture->scratch, "top/x.new"));
	}
}

/* ---- removing a tree ---------------------------------------------------- */

static void a_tree_is_removed_and_no_more(void **state)
{
	struct fixture *fixture = *state;
	struct scratch *scratch = &fixture->scratch;
	struct io *io = io_system();
	char name[40];

	scratch_folder(scratch, "top/d/wide");
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "top/d/wide/%u", i);
		scratch_text(scratch, name, "");
	}
	assert_int_equal(symlinkat("../..", scratch->dir, "top/d/up"), 0);
	assert_int_equal(symlinkat("../../secret", scratch->dir, "top/d/out"),
			 0);
	assert_int_equal(io_remove_tree(io, fixture->top, "d"), 0);
	assert_false(scratch_exists(scratch, "top/d"));
	scratch_holds(scratch, "top/f", "f", 1);
	/* A link itself, a file, and nothing at all. */
	assert_int_equal(io_remove_tree(io, fixture->top, "up"), 0);
	assert_int_equal(io_remove_tree(io, fixture->top, "f"), 0);
	assert_int_equal(io_remove_tree(io, fixture->top, "f"), 0);
	assert_false(scratch_exists(scratch, "top/f"));
	assert_false(scratch_exists(scratch, "top/up"));
	assert_true(scratch_exists(scratch, "top/in"));
}

static void a_deep_tree_is_removed(void **state)
{
	struct fixture *fixture = *state;
	char *path, *slash;

	scratch_deep(&fixture->scratch, 400, &path);
	slash = strchr(path, '/');
	*slash = '\0';
	assert_int_equal(
	    io_remove_tree(io_system(), fixture->scratch.dir, path), 0);
	assert_false(scratch_exists(&fixture->scratch, path));
	free(path);
}

static void plant_tree(struct rig *rig)
{
	static const char *const folders[] = {"t", "t/a", "t/a/b", "t/c"};
	struct io *io = rig->io;
	int file;

	for (size_t i = 0; i < 4; i++) {
		int dir = rig->dir;
		const char *slash = strrchr(folders[i], '/');
		const char *name = slash == NULL ? folders[i] : slash + 1;

		if (slash != NULL) {
			char parent[20] = "";

			memcpy(parent, folders[i],
			       (size_t)(slash - folders[i]));
			dir = io_open_beneath(io, rig->dir, parent,
					      O_RDONLY | O_DIRECTORY, 0);
		}
		assert_int_equal(io->make_dir_at(io->context, dir, name, 0700),
				 0);
		if (dir != rig->dir)
			io_close(io, dir);
	}
	file =
	    io_open_beneath(io, rig->dir, "t/a/b/f", O_WRONLY | O_CREAT, 0600);
	io_close(io, file);
	rig_write(rig, "near", "near", 4);
}

static void a_removal_that_fails_is_gone_on_with(void **state)
{
	struct fail_plan plan = {FAIL_ANY, 0, 1, 1, FAIL_ERROR, EIO};
	uint64_t calls;

	(void)state;
	do {
		struct fail_io *fail;
		struct rig rig;
		int result;

		rig_make(&rig, 1);
		plant_tree(&rig);
		fail = fail_io_create(rig.io);
		fail_io_set(fail, &plan);
		result = io_remove_tree(fail_io_table(fail), rig.dir, "t");
		calls = fail_io_calls(fail, FAIL_ANY);
		assert_int_equal(result, fail_io_failed(fail) > 0 ? -1 : 0);
		if (result == -1)
			assert_int_equal(errno, EIO);
		assert_int_equal(disk_open_count(rig.disk), 1); /* rig.dir */
		fail_io_set(fail, NULL);
		assert_int_equal(io_remove_tree(rig.io, rig.dir, "t"), 0);
		assert_false(rig_exists(&rig, "t"));
		assert_true(rig_exists(&rig, "near"));
		fail_io_free(fail);
		rig_free(&rig);
	} while (calls > plan.after++);
	assert_true(plan.after > 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(one_path_has_one_answer),
	    TEST(a_root_is_never_left),
	    TEST(names_that_only_look_like_leading_out),
	    TEST(any_length_of_path),
	    TEST(a_mode_is_for_new_files_only),
	    cmocka_unit_test(reads_and_writes_are_completed),
	    cmocka_unit_test(a_failure_in_the_middle_is_one),
	    cmocka_unit_test(a_replaced_file_is_old_or_new),
	    cmocka_unit_test(a_replacement_that_fails_leaves_the_old),
	    TEST(what_bears_the_temporary_name_is_not_written_to),
	    TEST(a_tree_is_removed_and_no_more),
	    TEST(a_deep_tree_is_removed),
	    cmocka_unit_test(a_removal_that_fails_is_gone_on_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
