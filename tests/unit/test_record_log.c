/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: what record_log_commit said is written comes back, in whole groups and
 * in order, whatever a crash or a failing call left; damage is told; and a file
 * that was made to hurt us neither holds us up nor leads us elsewhere.
 */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "journal/little_endian.h"
#include "journal/record_format.h"
#include "journal/record_log.h"
#include "tests/unit/journal_rig.h"
#include "tests/unit/scratch.h"

#define GROUPS 6
#define NAME   "log"

/* Record number n is (n * 37) % 101 bytes of n, of type 1 + n % 254. */
static int append_number(struct record_log *log, unsigned number)
{
	uint8_t body[101];

	memset(body, (int)(number & 0xff), sizeof(body));
	return record_log_append(log, (uint8_t)(1 + number % 254), body,
				 number * 37 % 101);
}

/* Counts records, which must be those from 0 on. */
static int expect_number(void *cookie, uint8_t type, const uint8_t *body,
			 size_t length)
{
	unsigned *count = cookie;

	assert_int_equal(type, 1 + *count % 254);
	assert_int_equal(length, *count * 37 % 101);
	for (size_t i = 0; i < length; i++)
		assert_int_equal(body[i], *count & 0xff);
	++*count;
	return 0;
}

/* Group g has records up to, and without, last_record(g). */
static unsigned last_record(unsigned group)
{
	return (group + 1) * (group + 1);
}

/* Write GROUPS groups; the ends of the file after each. */
static void write_groups(struct rig *rig, uint64_t ends[GROUPS])
{
	struct record_header header = {.session = 7};
	struct record_log *log =
	    record_log_create(rig->io, rig->dir, NAME, &header);
	unsigned number = 0;

	assert_non_null(log);
	for (unsigned group = 0; group < GROUPS; group++) {
		while (number < last_record(group))
			assert_int_equal(append_number(log, number++), 0);
		if (group == 0)
			assert_int_equal(record_log_publish(log), 0);
		else
			assert_int_equal(record_log_commit(log), 0);
		ends[group] = record_log_size(log);
	}
	record_log_close(log);
}

static enum record_replay_result replay(struct rig *rig, unsigned *count)
{
	struct record_header header;

	*count = 0;
	return record_log_replay(rig->io, rig->dir, NAME, &header,
				 expect_number, count);
}

/* ---- the plain cases ---- */

static int remember(void *cookie, uint8_t type, const uint8_t *body,
		    size_t length)
{
	size_t *seen = cookie;

	assert_int_equal(type, 9);
	if (length > 0)
		assert_int_equal(body[length - 1], length & 0xff);
	seen[seen[15]++] = length;
	return 0;
}

static void bodies_of_every_length_come_back(void **state)
{
	static const size_t lengths[] = {
	    0, 1, 7, 8, 9, 4096, RECORD_BODY_MAX - 1, RECORD_BODY_MAX, 3};
	uint8_t *body = malloc(RECORD_BODY_MAX);
	struct record_header header = {.session = 3, .uuid = "abcdefghijklmno"};
	struct record_header found;
	size_t seen[16] = {0};
	struct record_log *log;
	struct rig rig;

	(void)state;
	assert_non_null(body);
	memset(body, 0x55, RECORD_BODY_MAX);
	rig_make(&rig, 1);
	log = record_log_create(rig.io, rig.dir, NAME, &header);
	assert_non_null(log);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		if (lengths[i] > 0)
			body[lengths[i] - 1] = (uint8_t)lengths[i];
		assert_int_equal(record_log_append(log, 9, body, lengths[i]),
				 0);
	}
	assert_false(rig_exists(&rig, NAME));
	assert_int_equal(record_log_publish(log), 0);
	assert_false(rig_exists(&rig, NAME ".new"));
	record_log_close(log);
	assert_int_equal(
	    record_log_replay(rig.io, rig.dir, NAME, &found, remember, seen),
	    RECORD_REPLAY_CLEAN);
	assert_int_equal(seen[15], sizeof(lengths) / sizeof(*lengths));
	assert_memory_equal(seen, lengths, sizeof(lengths));
	assert_memory_equal(&found, &header, sizeof(header));
	free(body);
	rig_free(&rig);
}

static void what_cannot_be_a_record_is_refused(void **state)
{
	uint8_t *body = calloc(1, RECORD_BODY_MAX + 1);
	struct record_header header = {0};
	struct record_log *log;
	unsigned count;
	struct rig rig;

	(void)state;
	rig_make(&rig, 1);
	log = record_log_create(rig.io, rig.dir, NAME, &header);
	assert_int_equal(record_log_append(log, 0, body, 1), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(record_log_append(log, RECORD_COMMIT, body, 1), -1);
	assert_int_equal(record_log_append(log, 1, body, RECORD_BODY_MAX + 1),
			 -1);
	assert_int_equal(append_number(log, 0), 0);
	assert_int_equal(record_log_publish(log), 0);
	record_log_close(log);
	assert_int_equal(replay(&rig, &count), RECORD_REPLAY_CLEAN);
	assert_int_equal(count, 1);
	free(body);
	rig_free(&rig);
}

static void what_was_not_committed_is_not_told(void **state)
{
	struct record_header header = {0};
	struct record_log *log;
	uint8_t *body = calloc(1, RECORD_BODY_MAX);
	unsigned count;
	struct rig rig;

	(void)state;
	rig_make(&rig, 1);
	assert_int_equal(replay(&rig, &count), RECORD_REPLAY_ERROR);
	assert_int_equal(errno, ENOENT);
	log = record_log_create(rig.io, rig.dir, NAME, &header);
	append_number(log, 0);
	assert_int_equal(record_log_publish(log), 0);
	/* So large that it is written before the commit. */
	for (int i = 0; i < 3; i++)
		record_log_append(log, 1, body, RECORD_BODY_MAX);
	assert_int_equal(replay(&rig, &count), RECORD_REPLAY_TORN);
	assert_int_equal(count, 1);
	record_log_close(log);
	free(body);
	rig_free(&rig);
}

static void a_new_log_takes_the_place_of_an_old_one_at_once(void **state)
{
	struct record_header header = {0}, again = {0};
	uint64_t ends[GROUPS];
	struct record_log *log;
	unsigned count;
	struct rig rig;

	(void)state;
	rig_make(&rig, 1);
	write_groups(&rig, ends);
	log = record_log_create(rig.io, rig.dir, NAME, &header);
	append_number(log, 0);
	assert_int_equal(replay(&rig, &count), RECORD_REPLAY_CLEAN);
	assert_int_equal(count, last_record(GROUPS - 1));
	assert_int_equal(record_log_publish(log), 0);
	assert_int_equal(replay(&rig, &count), RECORD_REPLAY_CLEAN);
	assert_int_equal(count, 1);
	record_log_close(log);
	/* One that never was published leaves the other alone. */
	log = record_log_create(rig.io, rig.dir, NAME, &again);
	assert_int_not_equal(header.epoch, again.epoch);
	record_log_close(log);
	assert_int_equal(replay(&rig, &count), RECORD_REPLAY_CLEAN);
	assert_int_equal(count, 1);
	rig_free(&rig);
}

/* ---- damage ---- */

static void cut_anywhere(void **state)
{
	uint64_t ends[GROUPS];
	uint8_t *bytes;
	size_t size;
	struct rig rig;

	(void)state;
	rig_make(&rig, 1);
	write_groups(&rig, ends);
	bytes = rig_read(&rig, NAME, &size);
	assert_int_equal(size, ends[GROUPS - 1]);
	for (size_t cut = 0; cut <= size; cut++) {
		enum record_replay_result result;
		unsigned count, group = 0;

		rig_write(&rig, NAME, bytes, cut);
		result = replay(&rig, &count);
		if (cut < ends[0]) {
			assert_int_equal(result, RECORD_REPLAY_CORRUPT);
			assert_int_equal(count, 0);
			continue;
		}
		while (group + 1 < GROUPS && ends[group + 1] <= cut)
			group++;
		assert_int_equal(result, cut == ends[group]
					     ? RECORD_REPLAY_CLEAN
					     : RECORD_REPLAY_TORN);
		assert_int_equal(count, last_record(group));
	}
	free(bytes);
	rig_free(&rig);
}

static void any_bit_flipped(void **state)
{
	uint64_t ends[GROUPS];
	uint8_t *bytes;
	size_t size;
	struct rig rig;

	(void)state;
	rig_make(&rig, 1);
	write_groups(&rig, ends);
	bytes = rig_read(&rig, NAME, &size);
	for (size_t bit = 0; bit < 8 * size; bit++) {
		enum record_replay_result result;
		unsigned count;

		rig_flip(bytes, bit);
		rig_write(&rig, NAME, bytes, size);
		result = replay(&rig, &count);
		rig_flip(bytes, bit);
		/* In the last group it could be a torn tail as well. */
		if (bit / 8 < ends[GROUPS - 2]) {
			assert_int_equal(result, RECORD_REPLAY_CORRUPT);
			assert_int_equal(count, 0);
		} else {
			assert_int_equal(result, RECORD_REPLAY_TORN);
			assert_int_equal(count, last_record(GROUPS - 2));
		}
	}
	free(bytes);
	rig_free(&rig);
}

/* A page of the last group may be missing, and those after it be there. */
static void a_hole_in_the_last_group_is_a_torn_tail(void **state)
{
	uint64_t ends[GROUPS];
	uint8_t *bytes;
	size_t size;
	unsigned count;
	struct rig rig;

	(void)state;
	rig_make(&rig, 1);
	write_groups(&rig, ends);
	bytes = rig_read(&rig, NAME, &size);
	memset(bytes + ends[GROUPS - 2], 0, 512);
	rig_write(&rig, NAME, bytes, size);
	assert_int_equal(replay(&rig, &count), RECORD_REPLAY_TORN);
	assert_int_equal(count, last_record(GROUPS - 2));
	free(bytes);
	rig_free(&rig);
}

static void groups_taken_out_doubled_or_swapped(void **state)
{
	uint64_t ends[GROUPS];
	uint8_t *bytes, *changed;
	size_t size, first, second, third;
	unsigned count;
	struct rig rig;

	(void)state;
	rig_make(&rig, 1);
	write_groups(&rig, ends);
	bytes = rig_read(&rig, NAME, &size);
	changed = malloc(2 * size);
	assert_non_null(changed);
	first = ends[1];
	second = ends[2] - ends[1];
	third = ends[3] - ends[2];

	memcpy(changed, bytes, first);
	memcpy(changed + first, bytes + ends[2], size - ends[2]);
	rig_write(&rig, NAME, changed, size - second);
	assert_int_equal(replay(&rig, &count), RECORD_REPLAY_CORRUPT);

	memcpy(changed, bytes, ends[2]);
	memcpy(changed + ends[2], bytes + first, size - first);
	rig_write(&rig, NAME, changed, size + second);
	assert_int_equal(replay(&rig, &count), RECORD_REPLAY_CORRUPT);

	memcpy(changed, bytes, size);
	memcpy(changed + first, bytes + ends[2], third);
	memcpy(changed + first + third, bytes + first, second);
	rig_write(&rig, NAME, changed, size);
	assert_int_equal(replay(&rig, &count), RECORD_REPLAY_CORRUPT);
	assert_int_equal(count, 0);
	free(changed);
	free(bytes);
	rig_free(&rig);
}

/* What an older file left on the blocks of this one has another epoch. */
static void records_of_an_older_file_do_not_count(void **state)
{
	uint64_t ends[GROUPS], again[GROUPS];
	uint8_t *older, *bytes;
	size_t size;
	unsigned count;
	struct rig rig;

	(void)state;
	rig_make(&rig, 1);
	write_groups(&rig, ends);
	older = rig_read(&rig, NAME, &size);
	write_groups(&rig, again);
	bytes = rig_read(&rig, NAME, &size);
	memcpy(bytes + ends[2], older + ends[2], size - ends[2]);
	rig_write(&rig, NAME, bytes, size);
	assert_int_equal(replay(&rig, &count), RECORD_REPLAY_TORN);
	assert_int_equal(count, last_record(2));
	free(older);
	free(bytes);
	rig_free(&rig);
}

/* Lengths that send the search for later groups over the same bytes again and
 * again: it gives up, and says that the file is corrupt. */
static void a_search_that_would_take_for_ever_ends(void **state)
{
	const size_t size = (size_t)24 << 20;
	uint8_t *bytes = malloc(size), *log;
	uint64_t ends[GROUPS];
	clock_t begin;
	size_t used;
	unsigned count;
	struct rig rig;

	(void)state;
	assert_non_null(bytes);
	rig_make(&rig, 1);
	write_groups(&rig, ends);
	log = rig_read(&rig, NAME, &used);
	for (size_t i = 0; i < size; i += 8) {
		put_u32(bytes + i, RECORD_BODY_MAX);
		put_u32(bytes + i + 4, 1);
	}
	memcpy(bytes, log, used);
	rig_write(&rig, NAME, bytes, size);
	begin = clock();
	assert_int_equal(replay(&rig, &count), RECORD_REPLAY_CORRUPT);
	assert_true(clock() - begin < 20 * CLOCKS_PER_SEC);
	free(log);
	free(bytes);
	rig_free(&rig);
}

/* ---- what is in the file's place ---- */

static void what_is_no_file_is_corrupt_and_holds_nobody_up(void **state)
{
	struct record_header header;
	struct scratch scratch;
	struct io *io = io_system();
	unsigned count = 0;

	(void)state;
	scratch_make(&scratch);
	assert_int_equal(mkfifoat(scratch.dir, "pipe", 0600), 0);
	assert_int_equal(symlinkat("/etc/passwd", scratch.dir, "link"), 0);
	scratch_folder(&scratch, "folder");
	scratch_text(&scratch, "empty", "");
	static const char *const names[] = {"pipe", "link", "folder", "empty"};
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(record_log_replay(io, scratch.dir, names[i],
						   &header, expect_number,
						   &count),
				 RECORD_REPLAY_CORRUPT);
	scratch_remove(&scratch);
}

/* Whatever has the new file's name is not written to. */
static void a_new_log_is_a_new_file(void **state)
{
	struct record_header header = {0};
	struct scratch scratch;
	struct io *io = io_system();
	struct record_log *log;

	(void)state;
	scratch_make(&scratch);
	for (int i = 0; i < 4; i++) {
		scratch_text(&scratch, "precious", "precious");
		if (i == 0)
			assert_int_equal(linkat(scratch.dir, "precious",
						scratch.dir, "log.new", 0),
					 0);
		else if (i == 1)
			assert_int_equal(
			    symlinkat("precious", scratch.dir, "log.new"), 0);
		else if (i == 2)
			mkfifoat(scratch.dir, "log.new", 0600);
		else
			mkdirat(scratch.dir, "log.new", 0700);
		log = record_log_create(io, scratch.dir, NAME, &header);
		assert_non_null(log);
		assert_int_equal(record_log_publish(log), 0);
		record_log_close(log);
		scratch_holds(&scratch, "precious", "precious", 8);
		assert_false(scratch_exists(&scratch, "log.new"));
	}
	scratch_remove(&scratch);
}

/* ---- calls that fail, and crashes ---- */

/* Make a log and write GROUPS groups, going on after a failure as nobody
 * should.  Returns how many records are said to be safe; *tried: were given. */
static unsigned work(struct io *io, int dir, unsigned *tried)
{
	struct record_header header = {0};
	struct record_log *log = record_log_create(io, dir, NAME, &header);
	unsigned number = 0, safe = 0;
	int failed = 0;

	*tried = 0;
	if (log == NULL)
		return 0;
	for (unsigned group = 0; group < GROUPS; group++) {
		int result;

		while (number < last_record(group)) {
			if (append_number(log, number) == -1)
				failed = 1;
			number++;
		}
		*tried = failed ? *tried : number;
		errno = 0;
		result = group == 0 ? record_log_publish(log)
				    : record_log_commit(log);
		if (result == -1)
			assert_int_not_equal(errno, 0);
		/* Once failed, it never succeeds again. */
		assert_true(!failed || result == -1);
		failed |= result == -1;
		if (failed && group == 0)
			break;
		if (!failed)
			safe = number;
	}
	record_log_close(log);
	return safe;
}

static void check_after(struct rig *rig, unsigned safe, unsigned tried)
{
	unsigned count;
	enum record_replay_result result = replay(rig, &count);

	if (result == RECORD_REPLAY_ERROR) {
		assert_int_equal(errno, ENOENT);
		assert_int_equal(safe, 0);
		return;
	}
	assert_int_not_equal(result, RECORD_REPLAY_CORRUPT);
	assert_true(count >= safe);
	assert_true(count <= tried);
}

static void the_nth_call_fails(void **state)
{
	static const struct fail_plan plans[] = {
	    {FAIL_ANY, 0, 1, 1, FAIL_ERROR, EIO},
	    {FAIL_ANY, 0, UINT64_MAX, 1, FAIL_ERROR, ENOSPC},
	    {FAIL_ANY, 0, 1, 1, FAIL_INTERRUPT, 0},
	    {FAIL_ANY, 0, UINT64_MAX, 2, FAIL_INTERRUPT, 0},
	    {FAIL_ANY, 0, 1, 1, FAIL_SHORT, 0},
	    {FAIL_ANY, 0, UINT64_MAX, 1, FAIL_SHORT, 0},
	};
	struct fail_io *fail;
	struct rig rig;

	(void)state;
	for (size_t i = 0; i < sizeof(plans) / sizeof(*plans); i++) {
		struct fail_plan plan = plans[i];
		uint64_t calls;

		do {
			unsigned safe, tried;

			rig_make(&rig, plan.after);
			fail = fail_io_create(rig.io);
			fail_io_set(fail, &plan);
			safe = work(fail_io_table(fail), rig.dir, &tried);
			calls = fail_io_calls(fail, FAIL_ANY);
			if (plan.how != FAIL_ERROR || calls <= plan.after)
				assert_int_equal(safe, last_record(GROUPS - 1));
			check_after(&rig, safe, tried);
			fail_io_free(fail);
			rig_free(&rig);
		} while (calls > plan.after++);
		assert_true(plan.after > 10);
	}
}

static void a_read_that_fails_is_no_answer(void **state)
{
	struct fail_plan plan = {FAIL_ANY, 0, 1, 1, FAIL_ERROR, EIO};
	struct record_header header;
	uint64_t ends[GROUPS];
	struct fail_io *fail;
	struct rig rig;

	(void)state;
	rig_make(&rig, 1);
	write_groups(&rig, ends);
	fail = fail_io_create(rig.io);
	for (;; plan.after++) {
		enum record_replay_result result;
		unsigned count = 0;

		fail_io_set(fail, &plan);
		result = record_log_replay(fail_io_table(fail), rig.dir, NAME,
					   &header, expect_number, &count);
		if (fail_io_failed(fail) == 0)
			break;
		assert_int_equal(result, RECORD_REPLAY_ERROR);
		assert_int_equal(errno, EIO);
	}
	assert_true(plan.after >= 3);
	fail_io_free(fail);
	rig_free(&rig);
}

/* The machine stops at any call, and its disk forgets what it may. */
static void a_crash_at_any_call_leaves_what_was_safe(void **state)
{
	int stopped = 1;

	(void)state;
	for (uint64_t calls = 0; stopped; calls++) {
		for (uint64_t seed = 0; seed < 20; seed++) {
			unsigned safe, tried;
			struct rig rig;

			rig_make(&rig, seed);
			disk_stop_after(rig.disk, calls);
			safe = work(rig.io, rig.dir, &tried);
			stopped = disk_stopped(rig.disk);
			disk_crash(rig.disk);
			rig_return(&rig);
			check_after(&rig, safe, tried);
			rig_free(&rig);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bodies_of_every_length_come_back),
	    cmocka_unit_test(what_cannot_be_a_record_is_refused),
	    cmocka_unit_test(what_was_not_committed_is_not_told),
	    cmocka_unit_test(a_new_log_takes_the_place_of_an_old_one_at_once),
	    cmocka_unit_test(cut_anywhere),
	    cmocka_unit_test(any_bit_flipped),
	    cmocka_unit_test(a_hole_in_the_last_group_is_a_torn_tail),
	    cmocka_unit_test(groups_taken_out_doubled_or_swapped),
	    cmocka_unit_test(records_of_an_older_file_do_not_count),
	    cmocka_unit_test(a_search_that_would_take_for_ever_ends),
	    cmocka_unit_test(what_is_no_file_is_corrupt_and_holds_nobody_up),
	    cmocka_unit_test(a_new_log_is_a_new_file),
	    cmocka_unit_test(the_nth_call_fails),
	    cmocka_unit_test(a_read_that_fails_is_no_answer),
	    cmocka_unit_test(a_crash_at_any_call_leaves_what_was_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
