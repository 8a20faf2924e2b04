/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: what the far side says on its stderr is told line by line, whole, with
 * bounds; and why there was no greeting is told with what helps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transfer/far_errors.h"

/* Lines, each with its end, and '!' before those that are not greeted. */
struct told {
	struct far_errors errors;
	char text[100000];
	size_t lines;
};

static void tell(void *cookie, int greeted, const char *line)
{
	struct told *told = cookie;

	if (!greeted)
		strcat(told->text, "!");
	strcat(told->text, line);
	strcat(told->text, "\n");
	told->lines++;
}

static int setup(void **state)
{
	struct told *told = calloc(1, sizeof(*told));

	assert_non_null(told);
	told->errors.tell = tell;
	told->errors.cookie = told;
	*state = told;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

/* In pieces of so many bytes at most. */
static void come(struct told *told, int greeted, const char *bytes,
		 size_t length, size_t piece)
{
	while (length > 0) {
		char *at;
		size_t room = far_errors_room(&told->errors, greeted, &at);

		assert_true(room > 0);
		if (room > piece)
			room = piece;
		if (room > length)
			room = length;
		memcpy(at, bytes, room);
		far_errors_took(&told->errors, greeted, room);
		bytes += room;
		length -= room;
	}
}

static void lines_are_told_however_they_come(void **state)
{
	static const char bytes[] = "one\n\n\r\ntwo\r\nthr\0ee\n\0\nfour";
	struct told *told = *state;

	for (size_t piece = 1; piece <= sizeof(bytes); piece++) {
		memset(told->text, 0, sizeof(told->text));
		come(told, 1, bytes, sizeof(bytes) - 1, piece);
		assert_string_equal(told->text, "one\ntwo\nthree\n");
		far_errors_end(&told->errors, 1);
		assert_string_equal(told->text, "one\ntwo\nthree\nfour\n");
		far_errors_end(&told->errors, 1);
		assert_string_equal(told->text, "one\ntwo\nthree\nfour\n");
	}
}

static void a_line_without_end_is_told_in_parts(void **state)
{
	struct told *told = *state;
	char bytes[3 * FAR_ERRORS_MAX + 5];

	memset(bytes, 'x', sizeof(bytes));
	come(told, 1, bytes, sizeof(bytes), 1000);
	far_errors_end(&told->errors, 1);
	assert_int_equal(told->lines, 4);
	assert_int_equal(strlen(told->text), sizeof(bytes) + 4);
}

static void before_the_greeting_they_are_kept(void **state)
{
	struct told *told = *state;

	come(told, 0, "before\nthat", 11, 100);
	assert_int_equal(told->lines, 0);
	come(told, 1, "!\n", 2, 100);
	assert_string_equal(told->text, "before\nthat!\n");
}

static void a_flood_before_the_greeting_has_bounds(void **state)
{
	struct told *told = *state;
	char bytes[1000];

	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, "first", 5);
	for (int i = 0; i < 1000; i++)
		come(told, 0, bytes, sizeof(bytes), sizeof(bytes));
	assert_int_equal(told->lines, 0);
	far_errors_end(&told->errors, 0);
	assert_true(told->text[0] == '!');
	/* What came first is what counts. */
	assert_int_equal(strncmp(told->text + 1, "firstxx", 7), 0);
	assert_true(strlen(told->text) <= FAR_ERRORS_MAX + 2);
}

static void nobody_may_want_them(void **state)
{
	struct told *told = *state;

	told->errors.tell = NULL;
	come(told, 1, "line\n", 5, 5);
	far_errors_end(&told->errors, 1);
}

/* ---- why there was no greeting --------------------------------------------
 */

static void explains(struct told *told, const char *noise, int status,
		     const char *expected)
{
	char *text = far_errors_explain(&told->errors, (const uint8_t *)noise,
					strlen(noise), "ferry", status);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void the_cause_is_explained(void **state)
{
	struct told *told = *state;

	explains(told, "", 1,
		 "ferry ended without a greeting, exit status 1 (it said "
		 "nothing); see that it is ferry, or say where ferry is with "
		 "--remote-ferry");
	explains(told, "\nmotd\n", FAR_STATUS_UNKNOWN,
		 "ferry gave no greeting (\"motd\"); the start-up files of the "
		 "shell there must print next to nothing");
	come(told, 0, "\nsh: ferry: not found\nmore\n", 27, 100);
	/* That is better than what came on its stdout. */
	explains(told, "motd", 127,
		 "ferry is not found there (\"sh: ferry: not found\"); install "
		 "ferry on that host, say where it is with --remote-ferry, or "
		 "bring it with --bootstrap");
	explains(told, "motd", 126,
		 "ferry cannot be run there (\"sh: ferry: not found\"); say "
		 "where ferry is with --remote-ferry");
}

static void explains_ssh(struct told *told, const char *expected)
{
	char *text = far_errors_explain_ssh(&told->errors, "host");

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

/* Its last line is what counts. */
static void the_cause_of_ssh_is_explained(void **state)
{
	struct told *told = *state;

	explains_ssh(told, "ssh does not get in (it said nothing); see what "
			   "\"ssh host\" says");
	come(told, 0, "\n \n", 3, 100);
	explains_ssh(told, "ssh does not get in (it said nothing); see what "
			   "\"ssh host\" says");
	come(told, 0, "Warning\nrefused\r\n\n", 19, 100);
	explains_ssh(told, "ssh does not get in (\"refused\"); see what "
			   "\"ssh host\" says");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(lines_are_told_however_they_come),
	    TEST(a_line_without_end_is_told_in_parts),
	    TEST(before_the_greeting_they_are_kept),
	    TEST(a_flood_before_the_greeting_has_bounds),
	    TEST(nobody_may_want_them),
	    TEST(the_cause_is_explained),
	    TEST(the_cause_of_ssh_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
