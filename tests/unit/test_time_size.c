/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: times and sizes are read and written as the manual says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/time_size.h"

static void times_are_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t nanoseconds;
	} cases[] = {
	    {"0", 0},
	    {"90", 90 * TIME_SECOND},
	    {"30s", 30 * TIME_SECOND},
	    {"2m", 120 * TIME_SECOND},
	    {"1.5h", 5400 * TIME_SECOND},
	    {"1d", 86400 * TIME_SECOND},
	    {"500ms", TIME_SECOND / 2},
	    {".5", TIME_SECOND / 2},
	    {"1.", TIME_SECOND},
	    {"0.000000001", 1},
	    {"0.25d", 21600 * TIME_SECOND},
	    {"36500d", (uint64_t)36500 * 86400 * TIME_SECOND},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t nanoseconds = 1;

		assert_int_equal(time_parse(cases[i].text, &nanoseconds), 0);
		assert_int_equal(nanoseconds, cases[i].nanoseconds);
	}
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const cases[] = {"",
					    " ",
					    "s",
					    "-1",
					    "+1",
					    "1x",
					    "1 s",
					    "1sm",
					    "1.2.3",
					    ".",
					    "0x10",
					    "1e3",
					    "inf",
					    "nan",
					    "40000d",
					    "99999999999999999999",
					    "0.0000000001",
					    "1S",
					    "1,5h"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t nanoseconds;

		assert_int_equal(time_parse(cases[i], &nanoseconds), -1);
	}
}

static void times_are_written(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} cases[] = {
	    {0, "0:00"},
	    {7, "0:07"},
	    {725, "12:05"},
	    {3599, "59:59"},
	    {3600, "1:00:00"},
	    {86399, "23:59:59"},
	    {86400, "1d 00h"},
	    {4 * 86400 + 7 * 3600 + 1, "4d 07h"},
	    {UINT64_MAX, "213503982334601d 07h"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[TIME_SIZE_TEXT];

		time_format(cases[i].seconds, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void sizes_are_written(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
	    {0, "0 B"},
	    {1023, "1023 B"},
	    {1024, "1.0 KiB"},
	    {1536, "1.5 KiB"},
	    {(1 << 20) - 1, "1.0 MiB"},
	    {1 << 20, "1.0 MiB"},
	    {(uint64_t)3 << 30, "3.0 GiB"},
	    {UINT64_MAX, "16.0 EiB"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[TIME_SIZE_TEXT];

		size_format(cases[i].bytes, text);
		assert_string_equal(text, cases[i].text);
	}
}

/* The bar reckons with it. */
static void no_size_is_longer_than_ten_characters(void **state)
{
	(void)state;
	for (int bit = 0; bit < 64; bit++) {
		for (int less = 0; less < 3; less++) {
			uint64_t bytes = ((uint64_t)1 << bit) - (uint64_t)less;
			char text[TIME_SIZE_TEXT];

			size_format(bytes, text);
			assert_true(strlen(text) <= 10);
		}
	}
}

static void rates_are_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t rate;
	} cases[] = {
	    {"0", 0},
	    {"1", 1024},
	    {"500", 512000},
	    {"1.5", 1536},
	    {"512b", 512},
	    {"2K", 2048},
	    {"2KiB", 2048},
	    {"2kb", 2000},
	    {"1.5m", 1572864},
	    {"10MB", 10000000},
	    {"1g", 1 << 30},
	    {"0.001t", 1099511627},
	    {"1p", UINT64_C(1) << 50},
	    {"1024p", UINT64_C(1) << 60},
	    {"0m", 0},
	};
	static const char *const wrong[] = {"",
					    "-1",
					    "k",
					    "1x",
					    "1kk",
					    "1bb",
					    "1bib",
					    "1ki",
					    "511b",
					    "0.1",
					    "1 k",
					    "1k ",
					    "1,5",
					    "2000p",
					    "1e3",
					    ".",
					    "99999999999999999999999"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t rate = 1;

		assert_int_equal(rate_parse(cases[i].text, &rate), 0);
		assert_int_equal(rate, cases[i].rate);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint64_t rate;

		if (rate_parse(wrong[i], &rate) != -1)
			fail_msg("accepted: %s", wrong[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rates_are_read),
	    cmocka_unit_test(times_are_read),
	    cmocka_unit_test(what_is_no_time_is_refused),
	    cmocka_unit_test(times_are_written),
	    cmocka_unit_test(sizes_are_written),
	    cmocka_unit_test(no_size_is_longer_than_ten_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
