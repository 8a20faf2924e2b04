/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: the walk tells each thing in a tree once, in the promised order,
 * whatever its name, depth or permissions, and follows no link, not even one
 * that takes a folder's place while the walk is under way.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/scratch.h"
#include "transfer/walk.h"

static int setup(void **state)
{
	static struct scratch scratch;

	scratch_make(&scratch);
	*state = &scratch;
	return 0;
}

static int teardown(void **state)
{
	scratch_self_again();
	scratch_remove(*state);
	return 0;
}

/* One step as text: "f path", "d path" and "e path" for a folder's ends. */
static void note(char *story, size_t size, const struct walk_step *step)
{
	/* in the order of enum walk_kind */
	static const char letters[] = "deflo!";
	size_t used = strlen(story);

	snprintf(story + used, size - used, "%c %s\n", letters[step->kind],
		 step->path);
	assert_int_equal(strlen(step->path), step->path_length);
}

static void expect_story(struct scratch *scratch, const char *name,
			 const char *expected)
{
	struct walk *walk = walk_create(io_system(), scratch->dir, name);
	struct walk_step step;
	char story[4096] = "";
	int result;

	assert_non_null(walk);
	while ((result = walk_next(walk, &step)) == 1)
		note(story, sizeof(story), &step);
	assert_int_equal(result, 0);
	assert_int_equal(walk_next(walk, &step), 0);
	walk_free(walk);
	assert_string_equal(story, expected);
}

static void goes_depth_first_by_bytes(void **state)
{
	struct scratch *scratch = *state;

	scratch_folder(scratch, "b");
	scratch_folder(scratch, "b/empty");
	scratch_text(scratch, "b/z", "z");
	scratch_text(scratch, "b/Z", "Z");
	scratch_text(scratch, "b/\xff", "");
	scratch_text(scratch, "b.txt", "");
	scratch_text(scratch, "a", "");
	expect_story(scratch, "",
		     "d \nf a\nd b\nf b/Z\nd b/empty\ne b/empty\nf b/z\n"
		     "f b/\xff\ne b\nf b.txt\ne \n");
	expect_story(scratch, "b",
		     "d b\nf b/Z\nd b/empty\ne b/empty\nf b/z\n"
		     "f b/\xff\ne b\n");
	expect_story(scratch, "a", "f a\n");
}

static void goes_not_into_staged_data(void **state)
{
	struct scratch *scratch = *state;

	scratch_folder(scratch, ".ferry");
	scratch_text(scratch, ".ferry/x", "");
	scratch_text(scratch, ".ferry2", "");
	expect_story(scratch, "", "d \no .ferry\nf .ferry2\ne \n");
}

static void follows_no_link(void **state)
{
	struct scratch *scratch = *state;
	struct walk *walk;
	struct walk_step step;

	scratch_folder(scratch, "real");
	scratch_text(scratch, "real/x", "");
	assert_int_equal(symlinkat("real", scratch->dir, "link"), 0);
	assert_int_equal(mkfifoat(scratch->dir, "pipe", 0600), 0);
	expect_story(scratch, "",
		     "d \nl link\no pipe\nd real\nf real/x\ne real\ne \n");
	walk = walk_create(io_system(), scratch->dir, "link");
	assert_int_equal(walk_next(walk, &step), 1);
	assert_string_equal(step.link, "real");
	assert_int_equal(step.link_length, 4);
	walk_free(walk);
}

static void takes_any_name(void **state)
{
	struct scratch *scratch = *state;
	char name[256], expected[600];

	memset(name, 'n', 255);
	name[255] = '\0';
	scratch_text(scratch, "line\nfeed", "");
	scratch_text(scratch, " \t*?'\"\\", "");
	scratch_text(scratch, "\x01\x7f\x80", "");
	scratch_text(scratch, name, "");
	snprintf(expected, sizeof(expected),
		 "d \nf \x01\x7f\x80\nf  \t*?'\"\\\nf line\nfeed\nf %s\ne \n",
		 name);
	expect_story(scratch, "", expected);
}

static void goes_deeper_than_any_path(void **state)
{
	struct scratch *scratch = *state;
	struct walk *walk;
	struct walk_step step;
	unsigned folders = 0, ends = 0, files = 0;
	char *path;

	scratch_deep(scratch, 300, &path);
	assert_true(strlen(path) > PATH_MAX);
	walk = walk_create(io_system(), scratch->dir, "");
	while (walk_next(walk, &step) == 1) {
		folders += step.kind == WALK_FOLDER;
		ends += step.kind == WALK_FOLDER_END;
		assert_int_not_equal(step.kind, WALK_PROBLEM);
		if (step.kind == WALK_FILE) {
			files++;
			assert_string_equal(step.path, path);
			assert_int_equal(step.status.st_size, 4);
		}
	}
	walk_free(walk);
	free(path);
	assert_int_equal(folders, 301);
	assert_int_equal(ends, 301);
	assert_int_equal(files, 1);
}

/* The levels above are closed meanwhile, and opened again. */
static void goes_on_after_the_depth(void **state)
{
	struct scratch *scratch = *state;
	struct walk *walk;
	struct walk_step step, last = {.path = NULL};
	char *path;

	scratch_deep(scratch, 100, &path);
	free(path);
	scratch_text(scratch, "z", "");
	walk = walk_create(io_system(), scratch->dir, "");
	while (walk_next(walk, &step) == 1)
		if (step.kind == WALK_FILE)
			last = step;
	assert_int_equal(last.path_length, 1);
	walk_free(walk);
}

static void tells_what_it_may_not_read(void **state)
{
	struct scratch *scratch = *state;
	struct walk *walk;
	struct walk_step step;

	scratch_folder(scratch, "closed");
	scratch_text(scratch, "closed/x", "");
	scratch_text(scratch, "open", "");
	assert_int_equal(fchmodat(scratch->dir, "closed", 0, 0), 0);
	scratch_plain_user(scratch);
	expect_story(scratch, "", "d \n! closed\nf open\ne \n");
	walk = walk_create(io_system(), scratch->dir, "closed");
	assert_int_equal(walk_next(walk, &step), 1);
	assert_int_equal(step.error, EACCES);
	assert_string_equal(step.what, "cannot open");
	walk_free(walk);
}

static void tells_what_vanished(void **state)
{
	struct scratch *scratch = *state;
	struct walk *walk;
	struct walk_step step;

	scratch_text(scratch, "a", "");
	scratch_text(scratch, "b", "");
	walk = walk_create(io_system(), scratch->dir, "");
	assert_int_equal(walk_next(walk, &step), 1); /* names are read now */
	assert_int_equal(unlinkat(scratch->dir, "a", 0), 0);
	assert_int_equal(walk_next(walk, &step), 1);
	assert_int_equal(step.kind, WALK_PROBLEM);
	assert_int_equal(step.error, ENOENT);
	assert_string_equal(step.path, "a");
	assert_int_equal(walk_next(walk, &step), 1);
	assert_int_equal(step.kind, WALK_FILE);
	walk_free(walk);
}

static void is_not_led_away(void **state)
{
	struct scratch *scratch = *state;
	struct walk *walk;
	struct walk_step step;

	scratch_folder(scratch, "outside");
	scratch_text(scratch, "outside/secret", "");
	scratch_folder(scratch, "tree");
	scratch_folder(scratch, "tree/f");
	walk = walk_create(io_system(), scratch->dir, "tree");
	assert_int_equal(walk_next(walk, &step), 1);
	assert_int_equal(unlinkat(scratch->dir, "tree/f", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("../outside", scratch->dir, "tree/f"), 0);
	assert_int_equal(walk_next(walk, &step), 1);
	assert_int_equal(step.kind, WALK_LINK);
	assert_int_equal(walk_next(walk, &step), 1);
	assert_int_equal(step.kind, WALK_FOLDER_END);
	assert_int_equal(walk_next(walk, &step), 0);
	walk_free(walk);
}

/* A level that was closed is another folder when the walk comes back. */
static void notices_another_folder(void **state)
{
	struct scratch *scratch = *state;
	struct walk *walk;
	struct walk_step step;
	unsigned problems = 0;
	char *path, *slash;

	scratch_deep(scratch, 30, &path);
	slash = strchr(path, '/');
	slash = strchr(slash + 1, '/');
	*slash = '\0'; /* the second folder */
	scratch_text(scratch, "a-folder-whose-name-has-30-bytes/z", "");
	walk = walk_create(io_system(), scratch->dir, "");
	for (int i = 0; i < 25; i++)
		assert_int_equal(walk_next(walk, &step), 1);
	slash = strchr(path, '/');
	*slash = '\0'; /* the first folder */
	assert_int_equal(renameat(scratch->dir, path, scratch->dir, "moved"),
			 0);
	scratch_folder(scratch, path);
	while (walk_next(walk, &step) == 1) {
		problems += step.kind == WALK_PROBLEM;
		if (step.kind == WALK_FILE)
			assert_string_not_equal(
			    step.path + step.path_length - 1, "z");
	}
	assert_true(problems > 0);
	walk_free(walk);
	free(path);
}

static void fails_when_there_is_nothing(void **state)
{
	struct scratch *scratch = *state;

	expect_story(scratch, "nothing", "! nothing\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(goes_depth_first_by_bytes, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(goes_not_into_staged_data, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(follows_no_link, setup, teardown),
	    cmocka_unit_test_setup_teardown(takes_any_name, setup, teardown),
	    cmocka_unit_test_setup_teardown(goes_deeper_than_any_path, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(goes_on_after_the_depth, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(tells_what_it_may_not_read, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(tells_what_vanished, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(is_not_led_away, setup, teardown),
	    cmocka_unit_test_setup_teardown(notices_another_folder, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(fails_when_there_is_nothing, setup,
					    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
