/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: a sender that lies, floods, or speaks out of turn gets nothing
 * confirmed that is not there, and costs no more memory than an honest one;
 * and what the journal and the disk must have done first is done first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/engine_rig.h"
#include "transfer/receiver.h"

#define SECOND ((uint64_t)1000 * 1000 * 1000)

/* Six bytes that a test file may have. */
static const char content[] = "ferry\n";

static int setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	assert_non_null(rig);
	rig_init(rig);
	rig->config.next_entry = rig->config.next_seq = 0;
	rig_start(rig, receiver_create);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	rig_end(*state);
	free(*state);
	return 0;
}

static void say_entry(struct rig *rig, enum entry_type type, const char *path,
		      uint64_t index, uint64_t size)
{
	struct entry *entry = entry_create(type, path, strlen(path), NULL, 0);

	entry->index = index;
	entry->first_seq = 10000000 * index;
	entry->size = size;
	entry->mode = 0644;
	rig_hear(rig, message_entry_encode(entry));
	entry_free(entry);
}

/* Entries are examined, and nothing is found of them. */
static void find_nothing(struct rig *rig)
{
	struct task *task = rig_task(rig, TASK_EXAMINE);

	assert_non_null(task);
	for (size_t i = 0; i < task->examine->count; i++)
		task->examine->items[i].verdict = EXAMINE_EMPTY;
	rig_back(rig, task);
}

/* Leaves first, first + step ... of a file of this version are staged. */
static void find_staged(struct rig *rig, uint64_t first, uint64_t end,
			uint64_t step)
{
	struct task *task = rig_task(rig, TASK_EXAMINE);
	struct digest digest = digest_of("staged", 6);
	struct leaf_table *leaves = leaf_table_create();

	assert_non_null(task);
	for (uint64_t leaf = first; leaf < end; leaf += step)
		assert_int_equal(leaf_table_set(leaves, leaf, &digest), 0);
	task->examine->items[0].verdict = EXAMINE_STAGED;
	task->examine->items[0].leaves = leaves;
	rig_back(rig, task);
}

/* A chunk of the first bytes of content. */
static struct frame *chunk_of(uint64_t index, uint64_t leaf, uint32_t length)
{
	struct frame *frame = message_chunk_create(length);
	struct message_chunk chunk = {
	    .seq = 10000000 * index + leaf,
	    .entry = index,
	    .offset = leaf * LEAF_SIZE,
	    .length = length,
	};

	memset(message_chunk_data(frame), 0, length);
	memcpy(message_chunk_data(frame), content, length < 6 ? length : 6);
	chunk.digest = digest_of(message_chunk_data(frame), length);
	message_chunk_finish(frame, &chunk);
	return frame;
}

static void say_commit(struct rig *rig, uint64_t index,
		       const struct digest *file)
{
	struct message_commit commit = {.entry = index, .file = *file};

	rig_hear(rig, message_commit_encode(&commit));
}

/* The group that is due is done; files are placed and confirmed. */
static void commit_groups(struct rig *rig)
{
	for (int i = 0; i < 4; i++) {
		rig_pass(rig, 2 * SECOND);
		if (rig_seek(rig, TASK_GROUP) != NULL)
			rig_do(rig, TASK_GROUP);
		if (rig_seek(rig, TASK_PLACE) != NULL)
			rig_do(rig, TASK_PLACE);
	}
}

static struct message_receipt last_receipt(const struct rig *rig)
{
	struct message_receipt receipt;

	assert_int_equal(
	    message_receipt_decode(rig_last(rig, FRAME_RECEIPT), &receipt), 0);
	return receipt;
}

/* ---- what is confirmed is there ----------------------------------------- */

static void a_file_goes_its_way(void **state)
{
	struct rig *rig = *state;
	struct digest file = digest_of(content, 6);

	say_entry(rig, ENTRY_FILE, "f", 0, 6);
	find_nothing(rig);
	assert_int_equal(rig_count(rig, FRAME_NEED), 1);
	rig_hear(rig, chunk_of(0, 0, 6));
	say_commit(rig, 0, &file);
	rig_pass(rig, 2 * SECOND);
	/* Nothing is confirmed of what is not even written, nor journaled. */
	assert_int_equal(rig_count(rig, FRAME_RECEIPT), 0);
	rig_do(rig, TASK_GROUP); /* of the plan alone */
	rig_do(rig, TASK_WRITE);
	assert_null(rig_seek(rig, TASK_PLACE));
	rig_pass(rig, 2 * SECOND);
	assert_null(rig_seek(rig, TASK_PLACE));
	rig_do(rig, TASK_GROUP);
	rig_do(rig, TASK_PLACE);
	assert_int_equal(rig_count(rig, FRAME_RECEIPT), 0);
	rig_pass(rig, 2 * SECOND);
	rig_do(rig, TASK_GROUP);
	assert_int_equal(last_receipt(rig).status, RECEIPT_DONE);
	rig_hear(rig, message_empty(FRAME_BYE));
	assert_int_equal(rig->finished, 0);
	rig_do(rig, TASK_CLOSE);
	assert_int_equal(rig->finished, 1);
}

static void another_digest_is_not_the_file(void **state)
{
	struct rig *rig = *state;
	struct digest file = digest_of("other", 5);

	say_entry(rig, ENTRY_FILE, "f", 0, 6);
	find_nothing(rig);
	rig_hear(rig, chunk_of(0, 0, 6));
	rig_do(rig, TASK_WRITE);
	say_commit(rig, 0, &file);
	commit_groups(rig);
	assert_int_equal(last_receipt(rig).status, RECEIPT_FAILED);
	assert_null(rig_seek(rig, TASK_PLACE));
}

/* Two entries that claim the same sequence numbers. */
static void the_seqs_of_another_file_do_not_count(void **state)
{
	struct rig *rig = *state;
	struct entry *entry = entry_create(ENTRY_FILE, "g", 1, NULL, 0);
	struct digest file = digest_of(content, 6);

	say_entry(rig, ENTRY_FILE, "f", 0, 6);
	find_nothing(rig);
	rig_hear(rig, chunk_of(0, 0, 6));
	rig_do(rig, TASK_WRITE);
	say_commit(rig, 0, &file);
	commit_groups(rig);
	assert_int_equal(last_receipt(rig).status, RECEIPT_DONE);

	entry->index = 1;
	entry->size = 6;
	rig_hear(rig, message_entry_encode(entry)); /* seq 0, too */
	entry_free(entry);
	find_nothing(rig);
	say_commit(rig, 1, &file);
	commit_groups(rig);
	assert_int_equal(last_receipt(rig).entry, 1);
	assert_int_equal(last_receipt(rig).status, RECEIPT_FAILED);
}

/* The journal takes back what it said before bytes may come that could pass
 * for those. */
static void a_damaged_leaf_is_taken_back_first(void **state)
{
	static const struct digest none;
	struct rig *rig = *state;
	struct message_nack nack;
	struct task *task;

	say_entry(rig, ENTRY_FILE, "f", 0, 2 * LEAF_SIZE);
	find_staged(rig, 0, 1, 1);
	task = rig_task(rig, TASK_HASH);
	assert_non_null(task);
	task->hash->digest = digest_of("rotten", 6);
	rig_back(rig, task);
	assert_int_equal(rig_count(rig, FRAME_NACK), 0);
	/* It is not even taken if it comes by itself. */
	rig_hear(rig, chunk_of(0, 0, LEAF_SIZE));
	assert_null(rig_seek(rig, TASK_WRITE));
	rig_pass(rig, 2 * SECOND);
	task = rig_task(rig, TASK_GROUP);
	assert_non_null(task);
	assert_int_equal(task->group->leaf_count, 1);
	assert_true(digest_equal(&task->group->leaves[0].digest, &none));
	rig_back(rig, task);
	assert_int_equal(message_nack_decode(rig_last(rig, FRAME_NACK), &nack),
			 0);
	assert_int_equal(nack.reason, NACK_DISK);
	rig_hear(rig, chunk_of(0, 0, LEAF_SIZE));
	assert_non_null(rig_seek(rig, TASK_WRITE));
}

static void all_that_is_durable_is_told(void **state)
{
	struct rig *rig = *state;
	struct seq_set told = SEQ_SET_EMPTY;
	struct message_ack ack;

	/* More ranges than one ACK holds. */
	say_entry(rig, ENTRY_FILE, "f", 1, 20000 * LEAF_SIZE);
	find_staged(rig, 1, 20000, 2);
	rig_forget_frames(rig);
	rig_hear(rig, message_empty(FRAME_FLUSH));
	for (size_t i = 0; i < rig->frame_count; i++) {
		if (rig->frames[i].frame->type != FRAME_ACK)
			continue;
		assert_int_equal(message_ack_decode(rig->frames[i].frame, &ack),
				 0);
		for (size_t j = 0; j < ack.range_count; j++)
			seq_set_add(&told, ack.ranges[j].first,
				    ack.ranges[j].end);
		free(ack.ranges);
	}
	assert_int_equal(seq_set_size(&told), 10000);
	seq_set_clear(&told);
}

/* ---- out of turn -------------------------------------------------------- */

static void frames_of_other_sessions_are_dropped(void **state)
{
	struct rig *rig = *state;
	struct message_error error = {EXIT_FILE_IO, "bad disk", 8};
	struct frame *frame = message_error_encode(&error);

	frame->epoch = RIG_EPOCH - 1;
	rig_hear(rig, frame);
	frame = message_empty(FRAME_BYE);
	frame->epoch = RIG_EPOCH + 1;
	rig_hear(rig, frame);
	assert_int_equal(rig->failed, 0);
	assert_null(rig_seek(rig, TASK_CLOSE));
	/* One that has no session yet may speak of this. */
	rig_hear(rig, message_error_encode(&error));
	assert_int_equal(rig->failed, EXIT_FILE_IO);
}

static void no_exit_code_is_the_peers_own(void **state)
{
	struct rig *rig = *state;
	struct message_error error = {200, "all is well", 11};

	rig_hear(rig, message_error_encode(&error));
	assert_int_equal(rig->failed, EXIT_PROTOCOL);
}

static void nobody_else_may_say_that(void **state)
{
	static const enum frame_type wrong[] = {
	    FRAME_HELLO, FRAME_OPEN, FRAME_OFFER,   FRAME_READY,
	    FRAME_NEED,  FRAME_ACK,  FRAME_RECEIPT, FRAME_MANIFEST};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		rig_hear(*state, message_empty(wrong[i]));
		assert_int_equal(((struct rig *)*state)->failed, EXIT_PROTOCOL);
		teardown(state);
		setup(state);
	}
}

static void a_chunk_must_fit_its_entry(void **state)
{
	struct rig *rig;

	for (int i = 0; i < 4; i++) {
		rig = *state;
		say_entry(rig, ENTRY_FILE, "f", 1, LEAF_SIZE + 3);
		find_nothing(rig);
		if (i == 0) /* too short */
			rig_hear(rig, chunk_of(1, 0, 6));
		else if (i == 1) /* too long */
			rig_hear(rig, chunk_of(1, 1, 4));
		else if (i == 2) /* behind the end */
			rig_hear(rig, chunk_of(1, 2, 3));
		else
			rig_hear(rig, chunk_of(1, 1, 3));
		assert_int_equal(rig->failed, i < 3 ? EXIT_PROTOCOL : 0);
		teardown(state);
		setup(state);
	}
}

static void the_end_comes_after_all_else(void **state)
{
	struct rig *rig = *state;

	say_entry(rig, ENTRY_FILE, "f", 0, 6);
	rig_hear(rig, message_empty(FRAME_BYE));
	assert_int_equal(rig->failed, EXIT_PROTOCOL);
	teardown(state);
	setup(state);
	rig = *state;
	rig_hear(rig, message_empty(FRAME_BYE));
	say_entry(rig, ENTRY_FILE, "f", 0, 6);
	assert_int_equal(rig->failed, EXIT_PROTOCOL);
}

/* The staging folder goes when nobody works in it any more. */
static void the_end_waits_for_what_is_out(void **state)
{
	struct rig *rig = *state;

	say_entry(rig, ENTRY_FILE, "f", 0, 2 * LEAF_SIZE);
	find_nothing(rig);
	rig_hear(rig, chunk_of(0, 0, LEAF_SIZE));
	rig_hear(rig, message_withdraw_encode(0));
	assert_int_equal(last_receipt(rig).status, RECEIPT_WITHDRAWN);
	rig_hear(rig, message_empty(FRAME_BYE));
	rig_pass(rig, 2 * SECOND);
	assert_null(rig_seek(rig, TASK_CLOSE));
	rig_do(rig, TASK_WRITE);
	assert_null(rig_seek(rig, TASK_CLOSE));
	rig_do(rig, TASK_DISCARD);
	rig_do(rig, TASK_GROUP);
	rig_do(rig, TASK_CLOSE);
	assert_int_equal(rig->finished, 1);
}

static void a_problem_is_told_once_and_answered_always(void **state)
{
	struct rig *rig = *state;
	struct message_problem problem = {
	    .entry = 5,
	    .kind = PROBLEM_FAILED,
	    .path = "f",
	    .path_length = 1,
	    .text = "bad",
	    .text_length = 3,
	};

	for (int i = 0; i < 3; i++)
		rig_hear(rig, message_problem_encode(&problem));
	assert_int_equal(rig->failed_reports, 1);
	assert_int_equal(rig_count(rig, FRAME_RECEIPT), 3);
	/* Its ENTRY is late, and is over. */
	say_entry(rig, ENTRY_FILE, "f", 5, 6);
	assert_null(rig_seek(rig, TASK_EXAMINE));
	assert_int_equal(rig_count(rig, FRAME_RECEIPT), 4);
}

/* ---- too much ----------------------------------------------------------- */

static void a_range_may_be_of_any_size(void **state)
{
	struct rig *rig = *state;
	struct seq_range range = {0, (uint64_t)1 << 30};
	struct message_keep keep = {1, 1, &range};

	say_entry(rig, ENTRY_FILE, "f", 1, (uint64_t)1 << 50);
	find_nothing(rig);
	rig_hear(rig, message_keep_encode(&keep));
	assert_int_equal(rig->failed, EXIT_PROTOCOL);
	assert_true(rig->frame_count < 10);
}

/* Questions whose answers nobody reads. */
static void answers_do_not_pile_up(void **state)
{
	struct rig *rig = *state;

	say_entry(rig, ENTRY_FILE, "f", 1, 10000 * LEAF_SIZE);
	find_staged(rig, 0, 10000, 1);
	for (int i = 0; i < 100000; i++) {
		rig_hear(rig, message_empty(FRAME_PING));
		rig_hear(rig, message_empty(FRAME_FLUSH));
		rig_hear(rig, message_withdraw_encode(2));
	}
	for (int i = 0; i < 1000; i++)
		say_entry(rig, ENTRY_FILE, "f", 1, 10000 * LEAF_SIZE);
	assert_int_equal(rig->failed, 0);
	assert_true(rig->frame_bytes < (size_t)6 << 20);
}

/* Numbers with a gap between each two are remembered one by one. */
static void numbers_may_not_have_any_gaps(void **state)
{
	struct rig *rig = *state;
	uint64_t i;

	for (i = 0; i < 100000 && rig->failed == 0; i++)
		rig_hear(rig, message_withdraw_encode(2 * i));
	assert_int_equal(rig->failed, EXIT_PROTOCOL);
	assert_in_range(i, 32768, 2 * 32768 + 16);
}

/* What is withdrawn is in memory until its tasks are back. */
static void what_is_dropped_still_counts(void **state)
{
	struct rig *rig = *state;
	char path[20];
	uint64_t i;

	for (i = 0; i < 100000 && rig->failed == 0; i++) {
		snprintf(path, sizeof(path), "%u", (unsigned)i);
		say_entry(rig, ENTRY_FILE, path, i, 6);
		rig_hear(rig, message_withdraw_encode(i));
	}
	assert_int_equal(rig->failed, EXIT_PROTOCOL);
	assert_in_range(i, 16384, 32768 + 16);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_file_goes_its_way),
	    TEST(another_digest_is_not_the_file),
	    TEST(the_seqs_of_another_file_do_not_count),
	    TEST(a_damaged_leaf_is_taken_back_first),
	    TEST(all_that_is_durable_is_told),
	    TEST(frames_of_other_sessions_are_dropped),
	    TEST(no_exit_code_is_the_peers_own),
	    TEST(nobody_else_may_say_that),
	    TEST(a_chunk_must_fit_its_entry),
	    TEST(the_end_comes_after_all_else),
	    TEST(the_end_waits_for_what_is_out),
	    TEST(a_problem_is_told_once_and_answered_always),
	    TEST(a_range_may_be_of_any_size),
	    TEST(answers_do_not_pile_up),
	    TEST(numbers_may_not_have_any_gaps),
	    TEST(what_is_dropped_still_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
