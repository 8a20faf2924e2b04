/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: the folder that a path is in is opened once for all that is in it,
 * beneath the base, through no link, and however deep it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/fail_io.h"
#include "tests/unit/scratch.h"
#include "transfer/folder_cache.h"

struct fixture {
	struct scratch scratch;
	struct fail_io *fail; /* to count */
	struct folder_cache *cache;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	scratch_make(&fixture->scratch);
	fixture->fail = fail_io_create(io_system());
	fixture->cache = folder_cache_create(fail_io_table(fixture->fail),
					     fixture->scratch.dir);
	assert_non_null(fixture->cache);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	folder_cache_free(fixture->cache);
	folder_cache_free(NULL);
	fail_io_free(fixture->fail);
	scratch_remove(&fixture->scratch);
	free(fixture);
	return 0;
}

/* The descriptor is of this folder. */
static void is_folder(struct fixture *fixture, int descriptor, const char *path)
{
	struct stat opened, there;

	assert_int_not_equal(descriptor, -1);
	assert_int_equal(fstat(descriptor, &opened), 0);
	there = scratch_stat(&fixture->scratch, path);
	assert_int_equal(opened.st_ino, there.st_ino);
	assert_int_equal(opened.st_dev, there.st_dev);
}

static void parent_of(struct fixture *fixture, const char *path,
		      const char *folder, const char *name)
{
	const char *found;

	is_folder(fixture, folder_cache_parent(fixture->cache, path, &found),
		  folder);
	assert_string_equal(found, name);
}

static uint64_t opens(struct fixture *fixture)
{
	uint64_t count = fail_io_calls(fixture->fail, FAIL_OPEN_BENEATH);

	fail_io_set(fixture->fail, NULL);
	return count;
}

static void a_folder_is_opened_once(void **state)
{
	struct fixture *fixture = *state;

	scratch_folder(&fixture->scratch, "a");
	scratch_folder(&fixture->scratch, "a/b");
	scratch_folder(&fixture->scratch, "ab");
	fail_io_set(fixture->fail, NULL);
	parent_of(fixture, "a/1", "a", "1");
	assert_int_equal(opens(fixture), 1);
	parent_of(fixture, "a/2", "a", "2");
	parent_of(fixture, "a/b", "a", "b");
	assert_int_equal(opens(fixture), 0);
	/* One in it, and back; and one that only begins with its name. */
	parent_of(fixture, "a/b/3", "a/b", "3");
	parent_of(fixture, "a/4", "a", "4");
	parent_of(fixture, "ab/5", "ab", "5");
	parent_of(fixture, "top", ".", "top");
	assert_int_equal(folder_cache_parent_length("a/b/3"), 3);
	assert_int_equal(folder_cache_parent_length("top"), 0);
}

static void what_is_not_there_is_said(void **state)
{
	struct fixture *fixture = *state;
	const char *name;

	scratch_text(&fixture->scratch, "file", "");
	assert_int_equal(folder_cache_parent(fixture->cache, "none/x", &name),
			 -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(folder_cache_parent(fixture->cache, "file/x", &name),
			 -1);
	assert_int_equal(errno, ENOTDIR);
	/* And is not remembered. */
	scratch_folder(&fixture->scratch, "none");
	parent_of(fixture, "none/x", "none", "x");
}

static void no_link_is_followed(void **state)
{
	struct fixture *fixture = *state;
	const char *name;

	scratch_folder(&fixture->scratch, "real");
	scratch_folder(&fixture->scratch, "real/in");
	assert_int_equal(symlinkat("real", fixture->scratch.dir, "link"), 0);
	assert_int_equal(folder_cache_parent(fixture->cache, "link/x", &name),
			 -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(
	    folder_cache_parent(fixture->cache, "link/in/x", &name), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(
	    folder_cache_parent(fixture->cache, "real/../real/x", &name), -1);
}

static void a_folder_that_was_replaced_is_found_when_asked(void **state)
{
	struct fixture *fixture = *state;

	scratch_folder(&fixture->scratch, "a");
	parent_of(fixture, "a/1", "a", "1");
	assert_int_equal(
	    renameat(fixture->scratch.dir, "a", fixture->scratch.dir, "old"),
	    0);
	scratch_folder(&fixture->scratch, "a");
	parent_of(fixture, "a/1", "old", "1"); /* what it has open */
	folder_cache_forget(fixture->cache);
	parent_of(fixture, "a/1", "a", "1");
}

static void another_base(void **state)
{
	struct fixture *fixture = *state;
	int base;

	scratch_folder(&fixture->scratch, "a");
	scratch_folder(&fixture->scratch, "b");
	scratch_folder(&fixture->scratch, "b/a");
	parent_of(fixture, "a/1", "a", "1");
	base = openat(fixture->scratch.dir, "b", O_RDONLY | O_DIRECTORY);
	folder_cache_move(fixture->cache, base);
	parent_of(fixture, "a/1", "b/a", "1");
	close(base);
}

static void deeper_than_any_path(void **state)
{
	struct fixture *fixture = *state;
	const char *name;
	char *path;
	int folder;

	scratch_deep(&fixture->scratch, 200, &path);
	folder = folder_cache_parent(fixture->cache, path, &name);
	assert_int_not_equal(folder, -1);
	assert_string_equal(name, "end");
	assert_int_equal(faccessat(folder, name, F_OK, 0), 0);
	free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_folder_is_opened_once),
	    TEST(what_is_not_there_is_said),
	    TEST(no_link_is_followed),
	    TEST(a_folder_that_was_replaced_is_found_when_asked),
	    TEST(another_base),
	    TEST(deeper_than_any_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
