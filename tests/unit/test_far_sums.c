/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: an answer of a host counts for the file that was asked for or for
 * nothing, and what is no answer is never taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/far_sums_answer.h"
#include "cli/far_sums_local.h"
#include "cli/far_sums_places.h"
#include "cli/far_sums_spool.h"

#define NONCE "0123456789abcdef0123456789abcdef"
/* The sums of nothing. */
#define XXH   "99aa06d3014798d86001c324468d497f"
#define SHA                                                                    \
	"e3b0c44298fc1c149afbf4c8996fb924"                                     \
	"27ae41e4649b934ca495991b7852b855"

/* ---- the first line ------------------------------------------------------ */

static void greeting_is(const char *line, int expected, enum far_program name)
{
	enum far_program program = FAR_NO_PROGRAM;
	uint8_t sum[FAR_SUMS_SIZE];

	assert_int_equal(far_sums_greeting(line, NONCE, &program, sum),
			 expected);
	if (expected == 1)
		assert_int_equal(program, name);
}

static void the_greeting_is_found_among_noise(void **state)
{
	(void)state;
	greeting_is(NONCE " xxh128sum " XXH, 1, FAR_XXH128SUM);
	greeting_is(NONCE " sha256sum " SHA, 1, FAR_SHA256SUM);
	greeting_is(NONCE " shasum " SHA, 1, FAR_SHASUM);
	greeting_is(NONCE "  ", 1, FAR_NO_PROGRAM);
	greeting_is("", 0, FAR_NO_PROGRAM);
	greeting_is("Welcome", 0, FAR_NO_PROGRAM);
	greeting_is(NONCE, 0, FAR_NO_PROGRAM);
	greeting_is(NONCE "0 xxh128sum " XXH, 0, FAR_NO_PROGRAM);
	greeting_is(NONCE " xxh128sum " SHA, 0, FAR_NO_PROGRAM);
	greeting_is(NONCE " sha256sum " XXH, 0, FAR_NO_PROGRAM);
	greeting_is(NONCE " xxh128sum ", 0, FAR_NO_PROGRAM);
	greeting_is(NONCE " md5sum " XXH, 0, FAR_NO_PROGRAM);
}

static void the_command_is_one_of_every_shell(void **state)
{
	char *command = far_sums_command(NONCE);
	size_t quotes = 0, word = 0;

	(void)state;
	assert_non_null(command);
	assert_null(strpbrk(command, "!\\\n"));
	for (const char *at = command; *at != '\0'; at++) {
		quotes += *at == '\'';
		word = *at == '\'' ? 0 : word + 1;
		/* csh has no longer ones. */
		assert_in_range(word, 0, 1000);
	}
	assert_int_equal(quotes, 4);
	free(command);
}

/* ---- answers ------------------------------------------------------------- */

static int take(struct far_answers *answers, const char *const *lines)
{
	memset(answers, 0, sizeof(*answers));
	answers->size = 16;
	for (; *lines != NULL; lines++) {
		if (far_answers_take(answers, *lines) == -1)
			return -1;
	}
	return 0;
}

/* The sum that begins with byte. */
#define SUM(byte) byte "aa06d3014798d86001c324468d497f"

static void answers_are_put_in_order(void **state)
{
	const char *const lines[] = {
	    /* Together: the 1st, 3rd and 5th. */
	    SUM("01") "  /a", "\\" SUM("03") "  /b\\\\", SUM("05") "  /c",
	    /* Alone: the 2nd and 4th. */
	    "-", SUM("04"), ". aoaoafff", NULL};
	struct far_answers answers;

	(void)state;
	assert_int_equal(take(&answers, lines), 0);
	assert_int_equal(answers.whole, 1);
	assert_int_equal(answers.count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(answers.answers[i].found, i != 1);
		if (i != 1)
			assert_int_equal(answers.answers[i].sum[0], i + 1);
	}
	/* Another one. */
	assert_int_equal(far_answers_take(&answers, ". fff"), 0);
	assert_int_equal(answers.count, 0);
	assert_int_equal(answers.whole, 1);
	assert_int_equal(far_answers_take(&answers, SUM("09")), 0);
	assert_int_equal(answers.whole, 0);
}

static void refused(const char *one, const char *other)
{
	const char *const lines[] = {one, other, NULL};
	struct far_answers answers;

	assert_int_equal(take(&answers, lines), -1);
}

static void what_is_no_answer_is_refused(void **state)
{
	(void)state;
	refused("", NULL);
	refused("xxh128sum: a: No such file or directory", NULL);
	refused(XXH "0", NULL);
	refused(SHA, NULL);
	refused("99AA06D3014798D86001C324468D497F", NULL);
	refused("\\", NULL);
	refused("--", NULL);
	refused(". ", NULL);
	refused(". 128 1", NULL);
	/* Too few and too many lines. */
	refused(XXH, ". aa");
	refused(XXH, ". f");
	refused(XXH, ". ao");
	refused(". o", NULL);
}

static void a_batch_has_an_end(void **state)
{
	struct far_answers answers = {.size = 16};

	(void)state;
	for (int i = 0; i < FAR_SUMS_BATCH; i++)
		assert_int_equal(far_answers_take(&answers, XXH), 0);
	assert_int_equal(far_answers_take(&answers, XXH), -1);
}

/* ---- places -------------------------------------------------------------- */

static void place_is(struct far_places *places, const char *path, size_t index,
		     const char *expected)
{
	char *place = far_places_path(places, path, index);

	if (expected == NULL) {
		assert_null(place);
		assert_int_equal(far_places_count(places, path), index);
	} else {
		assert_string_equal(place, expected);
	}
	free(place);
}

static void each_place_is_known(void **state)
{
	char *operands[] = {(char *)"a/one", (char *)"-two/", (char *)"/three",
			    (char *)"h:dst"};
	struct far_places *places;
	struct job job;

	(void)state;
	assert_int_equal(job_parse(&job, operands, 4), 0);
	places = far_places_create(&job, 0, NULL);
	place_is(places, "one/x", 0, "./a/one/x");
	place_is(places, "one/x", 1, "./-two/one/x");
	place_is(places, "one/x", 2, NULL);
	place_is(places, "ones", 0, "./-two/ones");
	place_is(places, "ones", 1, NULL);
	place_is(places, "three", 1, "/three");
	far_places_free(places);
	places = far_places_create(&job, 1, "/home/me");
	place_is(places, "one/x", 0, "/home/me/dst/one/x");
	place_is(places, "one", 1, NULL);
	far_places_free(places);
	job_clear(&job);
}

static void one_file_may_have_a_new_name(void **state)
{
	char *operands[] = {(char *)"a", (char *)"h:/dst"};
	struct far_places *places;
	struct job job;

	(void)state;
	assert_int_equal(job_parse(&job, operands, 2), 0);
	places = far_places_create(&job, 1, "/home/me");
	place_is(places, "a", 0, "/dst");
	place_is(places, "a", 1, "/dst/a");
	place_is(places, "a", 2, NULL);
	place_is(places, "a/b", 0, "/dst/a/b");
	place_is(places, "a/b", 1, NULL);
	far_places_free(places);
	job_clear(&job);
}

/* ---- the spool ----------------------------------------------------------- */

static void both_takers_get_all_in_order(void **state)
{
	struct far_spool *spool = far_spool_create();
	struct far_file file, taken;

	(void)state;
	assert_non_null(spool);
	memset(&file, 0, sizeof(file));
	for (int round = 0; round < 3; round++) {
		for (uint64_t i = 0; i < 5; i++) {
			file.size = i;
			file.path_length =
			    i == 4 ? FAR_SPOOL_PATH : (size_t)i * 3;
			memset(file.path, 'x', file.path_length);
			file.path[file.path_length] = '\0';
			assert_int_equal(far_spool_add(spool, &file), 0);
		}
		for (int taker = 0; taker < FAR_TAKERS; taker++) {
			for (uint64_t i = 0; i < 5; i++) {
				assert_int_equal(
				    far_spool_take(spool, (enum far_taker)taker,
						   0, &taken),
				    FAR_SPOOL_FILE);
				assert_int_equal(taken.size, i);
				assert_int_equal(strlen(taken.path),
						 taken.path_length);
			}
			assert_int_equal(far_spool_take(spool,
							(enum far_taker)taker,
							1, &taken),
					 FAR_SPOOL_LATER);
		}
	}
	far_spool_close(spool);
	assert_int_equal(far_spool_take(spool, FAR_ASKER, 0, &taken),
			 FAR_SPOOL_END);
	far_spool_free(spool);
}

/* ---- sums here ----------------------------------------------------------- */

static const atomic_int not_over;

/* What the program of that name prints of the file at path. */
static void printed_sum(enum far_program program, const char *path,
			uint8_t sum[FAR_SUMS_SIZE])
{
	struct far_answers answers = {.size = far_program_size(program)};
	char command[200], line[300];
	FILE *from;

	snprintf(command, sizeof(command), "%s %s '%s' 2>/dev/null",
		 far_program_name(program),
		 program == FAR_SHASUM ? "-a 256" : "", path);
	from = popen(command, "r");
	assert_non_null(from);
	assert_non_null(fgets(line, sizeof(line), from));
	pclose(from);
	line[strcspn(line, "\n")] = '\0';
	assert_int_equal(far_answers_take(&answers, line), 0);
	memcpy(sum, answers.given[0].sum, FAR_SUMS_SIZE);
}

static void sums_are_those_of_the_programs(void **state)
{
	static const size_t sizes[] = {0, 1, LEAF_SIZE, LEAF_SIZE + 1, 3000000};
	char path[] = "/tmp/ferry-sums-XXXXXX";
	uint8_t *bytes = calloc(1, 3000000);
	int descriptor = mkstemp(path);

	(void)state;
	assert_non_null(bytes);
	for (size_t i = 0; i < 3000000; i++)
		bytes[i] = (uint8_t)(i * 31 >> 3);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct far_file file = {.size = sizes[i]};

		assert_int_equal(ftruncate(descriptor, 0), 0);
		assert_int_equal(pwrite(descriptor, bytes, sizes[i], 0),
				 (ssize_t)sizes[i]);
		for (int program = 0; program < FAR_NO_PROGRAM; program++) {
			uint8_t ours[FAR_SUMS_SIZE], theirs[FAR_SUMS_SIZE];
			struct far_local *local = far_local_create(
			    (enum far_program)program, i % 2, &not_over);

			printed_sum((enum far_program)program, path, theirs);
			assert_int_equal(
			    far_local_sum(local, path, &file, ours), 1);
			assert_memory_equal(
			    ours, theirs,
			    far_program_size((enum far_program)program));
			far_local_free(local);
		}
	}
	close(descriptor);
	unlink(path);
	free(bytes);
}

static void another_file_has_no_sum(void **state)
{
	char path[] = "/tmp/ferry-sums-XXXXXX";
	const int descriptor = mkstemp(path);
	struct far_local *local = far_local_create(FAR_XXH128SUM, 0, &not_over);
	struct far_file file = {.size = 5, .known = 1};
	uint8_t sum[FAR_SUMS_SIZE];

	(void)state;
	file.digest = digest_of("hello", 5);
	assert_int_equal(far_local_sum_known(local, &file, sum), 1);
	assert_int_equal(write(descriptor, "hello", 5), 5);
	assert_int_equal(far_local_sum(local, path, &file, sum), 1);
	assert_int_equal(pwrite(descriptor, "J", 1, 0), 1);
	assert_int_equal(far_local_sum(local, path, &file, sum), 0);
	file.size = 4;
	assert_int_equal(far_local_sum(local, path, &file, sum), 0);
	close(descriptor);
	unlink(path);
	assert_int_equal(far_local_sum(local, path, &file, sum), 0);
	assert_int_equal(far_local_sum(local, "/", &file, sum), 0);
	far_local_free(local);
	/* The digest of a longer one is no plain sum; nor is it one of
	 * another program's. */
	local = far_local_create(FAR_SHA256SUM, 0, &not_over);
	assert_int_equal(far_local_sum_known(local, &file, sum), 0);
	far_local_free(local);
	local = far_local_create(FAR_XXH128SUM, 0, &not_over);
	file.size = LEAF_SIZE + 1;
	assert_int_equal(far_local_sum_known(local, &file, sum), 0);
	far_local_free(local);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_greeting_is_found_among_noise),
	    cmocka_unit_test(the_command_is_one_of_every_shell),
	    cmocka_unit_test(answers_are_put_in_order),
	    cmocka_unit_test(what_is_no_answer_is_refused),
	    cmocka_unit_test(a_batch_has_an_end),
	    cmocka_unit_test(each_place_is_known),
	    cmocka_unit_test(one_file_may_have_a_new_name),
	    cmocka_unit_test(both_takers_get_all_in_order),
	    cmocka_unit_test(sums_are_those_of_the_programs),
	    cmocka_unit_test(another_file_has_no_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
