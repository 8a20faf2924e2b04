/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: a command line means what the manual says, or is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options.h"
#include "tests/unit/capture.h"
#include "transfer/message.h"

#define WORDS_MAX 20

/* Parse words up to NULL, with stderr out of the way. */
static int parse(struct options *options, const char *const *words)
{
	static char copies[WORDS_MAX][64];
	static char *argv[WORDS_MAX + 1];
	struct capture capture;
	int count = 0, result;

	for (; words[count] != NULL; count++) {
		strcpy(copies[count], words[count]);
		argv[count] = copies[count];
	}
	argv[count] = NULL;
	capture_begin(&capture);
	result = options_parse(options, count, argv);
	capture_end(&capture);
	return result;
}

#define PARSE(options, ...)                                                    \
	parse(options, (const char *const[]){"ferry", __VA_ARGS__, NULL})

static void rows_are_sorted_and_unique(void **state)
{
	int letters[128] = {0};
	const struct option_row *row, *before = NULL;

	(void)state;
	for (size_t i = 0; (row = options_row(i)) != NULL; before = row, i++) {
		if (before != NULL)
			assert_true(strcmp(before->name, row->name) < 0);
		assert_true(row->letter >= 0 && row->letter < 128);
		assert_int_equal(letters[row->letter] && row->letter, 0);
		letters[row->letter] = 1;
		assert_true(row->subcommands != 0);
	}
}

static void the_first_operand_may_be_a_subcommand(void **state)
{
	static const struct {
		const char *words[6];
		enum subcommand subcommand;
		size_t operands;
	} cases[] = {
	    {{"ferry", "a", "b"}, SUBCOMMAND_COPY, 2},
	    {{"ferry", "copy", "a", "b"}, SUBCOMMAND_COPY, 2},
	    {{"ferry", "verify", "a", "b"}, SUBCOMMAND_VERIFY, 2},
	    {{"ferry", "-v", "verify", "a", "b"}, SUBCOMMAND_VERIFY, 2},
	    {{"ferry", "verify", "--", "a", "b"}, SUBCOMMAND_VERIFY, 2},
	    {{"ferry", "--", "verify", "b"}, SUBCOMMAND_COPY, 2},
	    {{"ferry", "./verify", "b"}, SUBCOMMAND_COPY, 2},
	    {{"ferry", "a", "verify"}, SUBCOMMAND_COPY, 2},
	    {{"ferry", "copy", "copy", "status"}, SUBCOMMAND_COPY, 2},
	    {{"ferry", "status"}, SUBCOMMAND_STATUS, 0},
	    {{"ferry"}, SUBCOMMAND_COPY, 0},
	    {{"ferry", "--", "--", "-v"}, SUBCOMMAND_COPY, 2},
	    {{"ferry", "sync:x", "b"}, SUBCOMMAND_COPY, 2},
	};
	struct options options;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(&options, cases[i].words), 0);
		assert_int_equal(options.subcommand, cases[i].subcommand);
		assert_int_equal(options.operand_count, cases[i].operands);
		options_free(&options);
	}
}

static void values_arrive(void **state)
{
	struct options options;

	(void)state;
	assert_int_equal(PARSE(&options, "-P", "2222", "a", "-i", "key1",
			       "--identity=key2", "-vv", "-v", "b", "--timeout",
			       "1.5h", "--json", "-oUser=x"),
			 0);
	assert_int_equal(options.port, 2222);
	assert_int_equal(options.identities.count, 2);
	assert_string_equal(options.identities.values[1], "key2");
	assert_int_equal(options.verbose, 3);
	assert_int_equal(options.timeout, 5400 * UINT64_C(1000000000));
	assert_int_equal(options.json, 1);
	assert_string_equal(options.ssh_options.values[0], "User=x");
	assert_int_equal(options.operand_count, 2);
	assert_string_equal(options.operands[1], "b");
	options_free(&options);

	assert_int_equal(PARSE(&options, "a", "b"), 0);
	assert_int_equal(options.compress, COMPRESS_AUTO);
	assert_int_equal(options.bwlimit, 0);
	options_free(&options);
	assert_int_equal(
	    PARSE(&options, "--compress=19", "--bwlimit", "1.5m", "a", "b"), 0);
	assert_int_equal(options.compress, 19);
	assert_int_equal(options.bwlimit, 1572864);
	options_free(&options);
	assert_int_equal(
	    PARSE(&options, "--compress=3", "--compress=no", "a", "b"), 0);
	assert_int_equal(options.compress, COMPRESS_NO);
	options_free(&options);
	assert_int_equal(PARSE(&options, "resume", "--compress=auto"), 0);
	assert_int_equal(options.compress, COMPRESS_AUTO);
	options_free(&options);
}

/* What is to be repeated, and not how much is to be said of it. */
static void what_resume_repeats(void **state)
{
	static const char *const wanted[] = {
	    "--port=22",       "--checksum",   "--option=User=x",
	    "--stop-after=2m", "--compress=3", "--bwlimit=10m"};
	struct options options;

	(void)state;
	assert_int_equal(PARSE(&options, "-qP22", "--checksum", "-o", "User=x",
			       "--json", "--progress", "--stop-after", "2m",
			       "-v", "-r", "--compress=3", "--bwlimit", "10m",
			       "a", "b"),
			 0);
	assert_int_equal(options.recorded.count, 6);
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(options.recorded.values[i], wanted[i]);
	options_free(&options);
}

static void what_is_refused(void **state)
{
	static const char *const cases[][6] = {
	    {"ferry", "-Z", "a", "b"},
	    {"ferry", "--no-such", "a", "b"},
	    {"ferry", "a", "b", "-P"},
	    {"ferry", "a", "b", "--timeout"},
	    {"ferry", "--timeout=soon", "a", "b"},
	    {"ferry", "--checksum=1", "a", "b"},
	    {"ferry", "--compress=0", "a", "b"},
	    {"ferry", "--compress=20", "a", "b"},
	    {"ferry", "--compress=3x", "a", "b"},
	    {"ferry", "--compress=", "a", "b"},
	    {"ferry", "--compress", "fast", "a", "b"},
	    {"ferry", "--bwlimit=much", "a", "b"},
	    {"ferry", "--bwlimit=100b", "a", "b"},
	    {"ferry", "verify", "--bwlimit=1m", "b"},
	    {"ferry", "-P0", "a", "b"},
	    {"ferry", "-P65536", "a", "b"},
	    {"ferry", "-P-1", "a", "b"},
	    {"ferry", "-P22x", "a", "b"},
	    {"ferry", "status", "--verify"},
	    {"ferry", "--check=f", "a", "b"},
	    {"ferry", "--ver", "a", "b"},
	    {"ferry", "sync", "a", "b"},
	    {"ferry", "gc", "host:/"},
	};
	struct options options;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(&options, cases[i]), -1);
		options_free(&options);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_are_sorted_and_unique),
	    cmocka_unit_test(the_first_operand_may_be_a_subcommand),
	    cmocka_unit_test(values_arrive),
	    cmocka_unit_test(what_resume_repeats),
	    cmocka_unit_test(what_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
