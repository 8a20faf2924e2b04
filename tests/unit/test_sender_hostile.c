/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: a receiver that lies is not believed to have what it was not sent; one
 * whose answers come in any order, twice or late is understood all the same;
 * and what the other end must hear is said until it answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/engine_rig.h"
#include "transfer/sender.h"

#define SECOND ((uint64_t)1000 * 1000 * 1000)

static int setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	assert_non_null(rig);
	rig_init(rig);
	rig->config.next_entry = rig->config.next_seq = 0;
	rig_start(rig, sender_create);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	rig_end(*state);
	free(*state);
	return 0;
}

static struct entry *file_of(uint64_t size)
{
	struct entry *entry = entry_create(ENTRY_FILE, "f", 1, NULL, 0);

	entry->size = size;
	entry->mode = 0644;
	entry->version = digest_of(&size, sizeof(size));
	return entry;
}

/* The source has one file. */
static void walk_one(struct rig *rig, uint64_t size)
{
	struct task *task = rig_task(rig, TASK_WALK);

	assert_non_null(task);
	task->walk->items[0].entry = file_of(size);
	task->walk->count = 1;
	task->walk->end = 1;
	rig_back(rig, task);
	assert_int_equal(rig_count(rig, FRAME_ENTRY), 1);
}

static struct digest leaf_digest(uint64_t leaf)
{
	return digest_of(&leaf, sizeof(leaf));
}

/* NEED with digests of leaves [first, first + count) that are as ours. */
static void say_need(struct rig *rig, uint8_t flags, uint64_t first,
		     uint32_t count, uint64_t all)
{
	uint8_t digests[16 * 16];
	struct message_need need = {
	    .flags = flags,
	    .first_leaf = first,
	    .leaf_count = count,
	    .all = all,
	    .digests = digests,
	};

	for (uint32_t i = 0; i < count; i++) {
		struct digest digest = leaf_digest(first + i);

		memcpy(digests + 16 * (size_t)i, digest.bytes, 16);
	}
	rig_hear(rig, message_need_encode(&need));
}

static void say_nack(struct rig *rig, uint64_t leaf, enum nack_reason reason)
{
	struct message_nack nack = {.seq = leaf, .reason = reason};

	rig_hear(rig, message_nack_encode(&nack));
}

static void say_receipt(struct rig *rig, enum receipt_status status,
			const struct digest *file)
{
	struct message_receipt receipt = {.status = status};

	if (file != NULL)
		receipt.file = *file;
	rig_hear(rig, message_receipt_encode(&receipt));
}

static void say_ack(struct rig *rig, uint64_t below)
{
	struct message_ack ack = {.below = below};

	rig_hear(rig, message_ack_encode(&ack));
}

/* The first read that is out is done as asked.  Its leaf. */
static uint64_t read_one(struct rig *rig)
{
	struct task *task = rig_task(rig, TASK_READ);
	struct task_read *read;
	uint64_t leaf;

	assert_non_null(task);
	read = task->read;
	leaf = read->leaf;
	read->digest = leaf_digest(leaf);
	if (!read->check_only && !read->digest_only) {
		size_t length = leaf_length(read->entry->size, leaf);
		struct message_chunk chunk = {
		    .seq = read->entry->first_seq + leaf,
		    .entry = read->entry->index,
		    .offset = leaf * LEAF_SIZE,
		    .length = (uint32_t)length,
		    .flags = read->flags,
		    .digest = read->digest,
		};

		read->chunk = message_chunk_create((uint32_t)length);
		message_chunk_finish(read->chunk, &chunk);
	}
	rig_back(rig, task);
	return leaf;
}

static void read_all(struct rig *rig)
{
	rig_sent(rig);
	while (rig_seek(rig, TASK_READ) != NULL) {
		read_one(rig);
		rig_sent(rig);
	}
}

/* Until COMMIT of a file of so many leaves; its digest. */
static struct digest commit_of(struct rig *rig, uint64_t leaves)
{
	struct message_commit commit;

	walk_one(rig, leaves * LEAF_SIZE);
	say_need(rig, NEED_LAST, leaves, 0, 0);
	read_all(rig);
	assert_int_equal(
	    message_commit_decode(rig_last(rig, FRAME_COMMIT), &commit), 0);
	return commit.file;
}

/* ---- receipts ----------------------------------------------------------- */

static void a_file_goes_its_way(void **state)
{
	struct rig *rig = *state;
	struct digest file = commit_of(rig, 3);

	assert_int_equal(rig_count(rig, FRAME_CHUNK), 3);
	say_ack(rig, 3);
	say_receipt(rig, RECEIPT_DONE, &file);
	assert_int_equal(rig->failed, 0);
	assert_int_equal(rig_count(rig, FRAME_BYE), 1);
	rig_hear(rig, message_empty(FRAME_BYE));
	assert_int_equal(rig->finished, 1);
}

static void what_was_not_sent_is_not_done(void **state)
{
	struct rig *rig = *state;
	struct digest file = digest_of("f", 1);

	walk_one(rig, 3 * LEAF_SIZE);
	say_receipt(rig, RECEIPT_DONE, &file);
	assert_int_equal(rig->failed, EXIT_PROTOCOL);
	teardown(state);
	setup(state);
	rig = *state;
	/* Nor is it when some of it was sent. */
	walk_one(rig, 3 * LEAF_SIZE);
	say_need(rig, NEED_LAST, 3, 0, 0);
	read_one(rig);
	say_receipt(rig, RECEIPT_DONE, NULL);
	assert_int_equal(rig->failed, EXIT_PROTOCOL);
	teardown(state);
	setup(state);
	rig = *state;
	/* Nor are other bytes. */
	commit_of(rig, 3);
	say_receipt(rig, RECEIPT_DONE, &file);
	assert_int_equal(rig->failed, EXIT_PROTOCOL);
}

/* A receipt that was lost comes without the digest. */
static void a_receipt_said_again_will_do(void **state)
{
	struct rig *rig = *state;

	commit_of(rig, 3);
	say_receipt(rig, RECEIPT_DONE, NULL);
	assert_int_equal(rig->failed, 0);
	assert_int_equal(rig_count(rig, FRAME_BYE), 1);
	/* And once more, for one that is over. */
	say_receipt(rig, RECEIPT_FAILED, NULL);
	assert_int_equal(rig->failed_reports, 0);
}

static void nothing_is_dropped_unasked(void **state)
{
	struct rig *rig = *state;

	walk_one(rig, 3 * LEAF_SIZE);
	say_receipt(rig, RECEIPT_WITHDRAWN, NULL);
	assert_int_equal(rig->failed, EXIT_PROTOCOL);
}

/* ---- what the receiver has ---------------------------------------------- */

static void need_may_come_in_any_order(void **state)
{
	struct rig *rig = *state;

	walk_one(rig, 10 * LEAF_SIZE);
	say_need(rig, NEED_LAST, 8, 1, 6);
	say_need(rig, 0, 3, 2, 6);
	say_need(rig, 0, 3, 2, 6);
	assert_null(rig_seek(rig, TASK_READ));
	say_need(rig, 0, 0, 3, 6);
	/* 5, 6, 7 and 9 are missing. */
	for (uint64_t leaf = 5; leaf < 8; leaf++)
		assert_int_equal(read_one(rig), leaf);
	assert_int_equal(read_one(rig), 9);
	assert_null(rig_seek(rig, TASK_READ));
}

static void leaves_that_are_none_are_refused(void **state)
{
	static const struct {
		uint64_t first;
		uint32_t count;
	} wrong[] = {{3, 1}, {0, 4}, {4, 0}, {UINT32_MAX, 1}};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		walk_one(*state, 3 * LEAF_SIZE);
		say_need(*state, 0, wrong[i].first, wrong[i].count, 4);
		assert_int_equal(((struct rig *)*state)->failed, EXIT_PROTOCOL);
		teardown(state);
		setup(state);
	}
}

/* A leaf that proved damaged over there goes once more, and only once. */
static void a_held_leaf_may_be_lost_once(void **state)
{
	struct rig *rig = *state;
	struct transfer_stats stats;

	walk_one(rig, 4 * LEAF_SIZE);
	/* It may even be said before it was told of. */
	say_nack(rig, 1, NACK_DISK);
	say_need(rig, NEED_LAST, 0, 4, 4);
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.bytes_confirmed, 4 * LEAF_SIZE);
	read_all(rig);
	assert_int_equal(rig_count(rig, FRAME_CHUNK), 0);
	for (int i = 0; i < 3; i++)
		say_nack(rig, 2, NACK_DISK);
	say_nack(rig, 1, NACK_LOST);
	read_all(rig);
	assert_int_equal(rig_count(rig, FRAME_CHUNK), 2);
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.bytes_confirmed, 2 * LEAF_SIZE);
	assert_int_equal(stats.chunks_resent, 2);
	say_ack(rig, 4);
	say_nack(rig, 2, NACK_DISK);
	say_nack(rig, 2, NACK_LOST);
	say_nack(rig, 2, NACK_DIGEST);
	read_all(rig);
	assert_int_equal(rig_count(rig, FRAME_CHUNK), 2);
}

/* Another copy of it arrived whole: there is nothing to send. */
static void an_ack_ends_what_waits_to_go_again(void **state)
{
	struct rig *rig = *state;

	commit_of(rig, 3);
	say_nack(rig, 1, NACK_DIGEST);
	say_ack(rig, 3);
	read_all(rig);
	assert_int_equal(rig_count(rig, FRAME_CHUNK), 3);
}

/* ---- what must be heard ------------------------------------------------- */

static void a_change_is_said_until_it_is_answered(void **state)
{
	struct rig *rig = *state;
	struct task *task;
	uint64_t index;

	walk_one(rig, LEAF_SIZE);
	say_need(rig, NEED_LAST, 1, 0, 0);
	task = rig_task(rig, TASK_READ);
	task->read->status = READ_CHANGED;
	task->read->now = file_of(2 * LEAF_SIZE);
	rig_back(rig, task);
	assert_int_equal(
	    message_withdraw_decode(rig_last(rig, FRAME_WITHDRAW), &index), 0);
	assert_int_equal(index, 0);
	assert_int_equal(rig_count(rig, FRAME_ENTRY), 2);
	rig_hear(rig, message_empty(FRAME_PING)); /* it lives */
	rig_forget_frames(rig);
	for (int i = 0; i < 4; i++) {
		rig_pass(rig, 20 * SECOND);
		rig_hear(rig, message_empty(FRAME_PONG));
	}
	assert_int_equal(rig_count(rig, FRAME_WITHDRAW), 1);
	say_receipt(rig, RECEIPT_WITHDRAWN, NULL);
	assert_int_equal(rig->failed, 0);
	rig_forget_frames(rig);
	for (int i = 0; i < 8; i++) {
		rig_pass(rig, 20 * SECOND);
		rig_hear(rig, message_empty(FRAME_PONG));
	}
	assert_int_equal(rig_count(rig, FRAME_WITHDRAW), 0);
	assert_true(rig_count(rig, FRAME_ENTRY) > 0);
}

static void a_chunk_is_damaged_five_times(void **state)
{
	struct rig *rig = *state;
	struct message_problem problem;

	walk_one(rig, 2 * LEAF_SIZE);
	say_need(rig, NEED_LAST, 2, 0, 0);
	read_all(rig);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(rig->failed_reports, 0);
		say_nack(rig, 1, NACK_DIGEST);
		read_all(rig);
	}
	assert_int_equal(rig->failed_reports, 1);
	assert_int_equal(rig_count(rig, FRAME_CHUNK), 2 + 4);
	assert_int_equal(
	    message_problem_decode(rig_last(rig, FRAME_PROBLEM), &problem), 0);
	assert_int_equal(problem.entry, 0);
	assert_int_equal(problem.kind, PROBLEM_FAILED);
	/* The far end has heard of it before we part. */
	assert_int_equal(rig_count(rig, FRAME_BYE), 0);
	say_receipt(rig, RECEIPT_WITHDRAWN, NULL);
	assert_int_equal(rig_count(rig, FRAME_BYE), 1);
}

static void frames_of_other_sessions_are_dropped(void **state)
{
	struct rig *rig = *state;
	struct message_error error = {EXIT_FILE_IO, "bad disk", 8};
	struct frame *frame = message_error_encode(&error);

	frame->epoch = RIG_EPOCH + 1;
	rig_hear(rig, frame);
	assert_int_equal(rig->failed, 0);
	rig_hear(rig, message_error_encode(&error));
	assert_int_equal(rig->failed, EXIT_FILE_IO);
	assert_string_equal(rig->why, "bad disk");
}

static void no_exit_code_is_the_peers_own(void **state)
{
	struct rig *rig = *state;
	struct message_error error = {200, "all is well", 11};

	rig_hear(rig, message_error_encode(&error));
	assert_int_equal(rig->failed, EXIT_PROTOCOL);
}

static void answers_do_not_pile_up(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 300000; i++)
		rig_hear(rig, message_empty(FRAME_PING));
	assert_true(rig->frame_bytes < (size_t)5 << 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_file_goes_its_way),
	    TEST(what_was_not_sent_is_not_done),
	    TEST(a_receipt_said_again_will_do),
	    TEST(nothing_is_dropped_unasked),
	    TEST(need_may_come_in_any_order),
	    TEST(leaves_that_are_none_are_refused),
	    TEST(a_held_leaf_may_be_lost_once),
	    TEST(an_ack_ends_what_waits_to_go_again),
	    TEST(a_change_is_said_until_it_is_answered),
	    TEST(a_chunk_is_damaged_five_times),
	    TEST(frames_of_other_sessions_are_dropped),
	    TEST(no_exit_code_is_the_peers_own),
	    TEST(answers_do_not_pile_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
