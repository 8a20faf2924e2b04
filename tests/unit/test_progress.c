/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: the bar fits every width and never claims more than is so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/progress.h"

#define GIB ((uint64_t)1 << 30)

static const struct transfer_stats half = {.total_files = 10,
					   .total_bytes = 2 * GIB,
					   .files_done = 4,
					   .bytes_confirmed = GIB};

static void it_fits_every_width(void **state)
{
	static const struct transfer_stats extremes[] = {
	    {0},
	    {.total_files = UINT64_MAX,
	     .total_bytes = UINT64_MAX,
	     .files_done = UINT64_MAX,
	     .bytes_confirmed = UINT64_MAX / 3},
	    {.total_files = 1, .total_bytes = 1, .bytes_confirmed = UINT64_MAX},
	    {.total_files = 3, .files_done = 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(extremes) / sizeof(extremes[0]); i++) {
		for (unsigned width = 0; width < 400; width++) {
			char line[320];

			progress_format(line, sizeof(line), &extremes[i],
					width % 7 * 1000, width, 1);
			assert_true(strlen(line) <= width);
			for (const char *at = line; *at != '\0'; at++)
				assert_true(*at >= ' ' && *at < 0x7f);
		}
	}
}

static void the_most_telling_comes_first(void **state)
{
	static const struct {
		unsigned width;
		const char *line;
	} cases[] = {
	    {3, ""},
	    {4, " 50%"},
	    {20, " 50%  10.0 MiB/s"},
	    {29, " 50%  10.0 MiB/s  1:42 left"},
	    {47, " 50%  1.0 GiB of 2.0 GiB  10.0 MiB/s  1:42 left"},
	    {62, " 50%  1.0 GiB of 2.0 GiB  10.0 MiB/s  1:42 left"
		 "  4 of 10 files"},
	    {79, " 50% [=======>      ]  1.0 GiB of 2.0 GiB  10.0 MiB/s  "
		 "1:42 left  4 of 10 files"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[320];

		progress_format(line, sizeof(line), &half, 10 << 20,
				cases[i].width, 1);
		assert_string_equal(line, cases[i].line);
	}
}

static void what_is_not_known_is_not_shown(void **state)
{
	struct transfer_stats stats = {.files_done = 3, .bytes_confirmed = 512};
	char line[320];

	(void)state;
	progress_format(line, sizeof(line), &stats, 0, 200, 1);
	assert_string_equal(line, "512 B  0 B/s  3 files");
	progress_format(line, sizeof(line), &half, 0, 200, 0);
	assert_string_equal(
	    line, " 50%  1.0 GiB of 2.0 GiB  0 B/s  -:-- left  4 of 10 files");
}

static void all_but_one_byte_is_not_100_per_cent(void **state)
{
	struct transfer_stats stats = half;
	char line[320];

	(void)state;
	stats.bytes_confirmed = stats.total_bytes - 1;
	progress_format(line, sizeof(line), &stats, 0, 4, 1);
	assert_string_equal(line, " 99%");
	stats.total_bytes = UINT64_MAX;
	stats.bytes_confirmed = UINT64_MAX - 1;
	progress_format(line, sizeof(line), &stats, 0, 4, 1);
	assert_string_equal(line, " 99%");
	stats.bytes_confirmed = UINT64_MAX;
	progress_format(line, sizeof(line), &stats, 0, 4, 1);
	assert_string_equal(line, "100%");
}

/* What was there before this run says nothing about its speed. */
static void the_rate_is_of_what_this_run_confirmed(void **state)
{
	struct progress *progress = progress_create(0, 0);
	struct transfer_stats stats = half;

	(void)state;
	stats.bytes_reused = GIB;
	progress_update(progress, &stats, 1000000000);
	stats.bytes_confirmed += 4 << 20;
	progress_update(progress, &stats, 3000000000);
	assert_int_equal(progress_rate(progress), 2 << 20);
	stats.bytes_confirmed += 100 << 20;
	stats.bytes_reused += 100 << 20;
	progress_update(progress, &stats, 5000000000);
	assert_int_equal(progress_rate(progress), 1 << 20);
	progress_free(progress);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_fits_every_width),
	    cmocka_unit_test(the_most_telling_comes_first),
	    cmocka_unit_test(what_is_not_known_is_not_shown),
	    cmocka_unit_test(all_but_one_byte_is_not_100_per_cent),
	    cmocka_unit_test(the_rate_is_of_what_this_run_confirmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
