/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: a recorded command line is read as it was written, or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/state_record.h"

static void fill(struct state_record *record)
{
	char cwd[] = "/work/\xff\n=";

	memset(record, 0, sizeof(*record));
	record->started = 1700000000;
	record->pull = 1;
	record->port = 2222;
	record->cwd = strdup(cwd);
	assert_int_equal(text_list_add(&record->places, "h:a=b"), 0);
	assert_int_equal(text_list_add(&record->places, "/work/dst"), 0);
	assert_int_equal(text_list_add(&record->options, "--port=2222"), 0);
	assert_int_equal(text_list_add(&record->operands, "h:a=b"), 0);
	assert_int_equal(text_list_add(&record->operands, "dst"), 0);
}

static void what_is_written_is_read(void **state)
{
	struct state_record record, again;
	size_t length = 0;
	char *bytes;

	(void)state;
	fill(&record);
	bytes = state_record_encode(&record, &length);
	assert_non_null(bytes);
	assert_int_equal(state_record_decode(bytes, length, &again), 0);
	assert_int_equal(again.started, record.started);
	assert_int_equal(again.pull, 1);
	assert_int_equal(again.port, 2222);
	assert_string_equal(again.cwd, record.cwd);
	assert_true(text_list_equal(&again.options, &record.options));
	assert_true(text_list_equal(&again.operands, &record.operands));
	assert_true(state_record_same_job(&again, &record));
	state_record_clear(&again);
	state_record_clear(&record);
	free(bytes);
}

/* A record is replaced as a whole, but a disk may lose what it likes. */
static void cut_anywhere_it_is_refused_or_whole(void **state)
{
	struct state_record record, again;
	size_t length = 0;
	char *bytes;

	(void)state;
	fill(&record);
	bytes = state_record_encode(&record, &length);
	for (size_t cut = 0; cut < length; cut++) {
		char *part = malloc(cut + 1);

		/* A copy of the exact size: a sanitizer sees what reads on. */
		part = realloc(part, cut > 0 ? cut : 1);
		memcpy(part, bytes, cut);
		if (state_record_decode(part, cut, &again) == 0)
			assert_true(state_record_same_job(&again, &record));
		state_record_clear(&again);
		free(part);
	}
	state_record_clear(&record);
	free(bytes);
}

static void other_versions_and_damage_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
	    {"", 0},
	    {"version=2", 10},
	    {"version=1", 9},
	    {"version=1", 10},
	    {"version=1\0nonsense", 19},
	    {"version=1\0started=x", 20},
	    {"version=1\0port=70000", 21},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct state_record record;

		assert_int_equal(state_record_decode(cases[i].bytes,
						     cases[i].length, &record),
				 -1);
		state_record_clear(&record);
	}
}

static void fields_of_later_versions_are_skipped(void **state)
{
	static const char bytes[] =
	    "version=1\0colour=blue\0a-name-that-is-very-long=1\0cwd=/\0"
	    "place=/a\0place=/b\0operand=a\0operand=b";
	struct state_record record;

	(void)state;
	assert_int_equal(state_record_decode(bytes, sizeof(bytes), &record), 0);
	assert_int_equal(record.places.count, 2);
	state_record_clear(&record);
}

static void jobs_differ_by_direction_port_and_places(void **state)
{
	struct state_record one, other;

	(void)state;
	fill(&one);
	fill(&other);
	assert_true(state_record_same_job(&one, &other));
	other.started++;
	assert_true(state_record_same_job(&one, &other));
	other.port++;
	assert_false(state_record_same_job(&one, &other));
	other.port--;
	other.pull = 0;
	assert_false(state_record_same_job(&one, &other));
	other.pull = 1;
	assert_int_equal(text_list_add(&other.places, "/c"), 0);
	assert_false(state_record_same_job(&one, &other));
	state_record_clear(&one);
	state_record_clear(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read),
	    cmocka_unit_test(cut_anywhere_it_is_refused_or_whole),
	    cmocka_unit_test(other_versions_and_damage_are_refused),
	    cmocka_unit_test(fields_of_later_versions_are_skipped),
	    cmocka_unit_test(jobs_differ_by_direction_port_and_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
