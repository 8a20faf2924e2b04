/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: the writing end confirms what is durable and nothing else, places a
 * file when all of it is there and right, and bears whatever order, repetition
 * and delay frames and disks come with.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/engine_rig.h"
#include "transfer/receiver.h"

#define LEAF ((uint64_t)LEAF_SIZE)

static int setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	assert_non_null(rig);
	rig_init(rig);
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

/* ---- steps -------------------------------------------------------------- */

static struct frame *entry_frame(enum entry_type type, uint64_t index,
				 uint64_t seq, const char *path, uint64_t size)
{
	struct entry *entry = rig_entry(type, path, size);
	struct frame *frame;

	entry->index = index;
	entry->first_seq = seq;
	frame = message_entry_encode(entry);
	entry_free(entry);
	return frame;
}

static void announce(struct rig *rig, uint64_t index, uint64_t seq,
		     const char *path, uint64_t size)
{
	rig_hear(rig, entry_frame(ENTRY_FILE, index, seq, path, size));
}

/* What is found of the one entry that is asked about. */
static void examined(struct rig *rig, enum examine_verdict verdict,
		     struct leaf_table *leaves, uint64_t basis_size)
{
	struct task *task = rig_task(rig, TASK_EXAMINE);

	assert_int_equal(task->examine->count, 1);
	task->examine->items[0].verdict = verdict;
	task->examine->items[0].leaves = leaves;
	task->examine->items[0].basis_size = basis_size;
	rig_back(rig, task);
}

/* A file of which nothing is there, up to NEED. */
static void begin(struct rig *rig, uint64_t index, uint64_t seq,
		  const char *path, uint64_t size)
{
	union message said;

	announce(rig, index, seq, path, size);
	examined(rig, EXAMINE_EMPTY, NULL, 0);
	said = rig_said(rig, FRAME_NEED);
	assert_int_equal(said.need.entry, index);
	assert_int_equal(said.need.flags, NEED_LAST);
	assert_int_equal(said.need.leaf_count, 0);
}

static void chunk(struct rig *rig, uint64_t index, uint64_t seq, uint64_t size,
		  uint64_t leaf)
{
	rig_hear(rig, rig_chunk(index, seq, size, leaf));
}

static void commit(struct rig *rig, uint64_t index, uint64_t size, int flags)
{
	struct message_commit message = {
	    .entry = index,
	    .flags = (uint8_t)flags,
	    .file = rig_file_digest(size),
	};

	rig_hear(rig, message_commit_encode(&message));
}

static void flush(struct rig *rig)
{
	rig_hear(rig, message_empty(FRAME_FLUSH));
}

/* The next ACK: all below, and one range more or none. */
static void acked(struct rig *rig, uint64_t below, uint64_t first, uint64_t end)
{
	union message said = rig_said(rig, FRAME_ACK);

	assert_int_equal(said.ack.below, below);
	assert_int_equal(said.ack.range_count, first < end);
	if (first < end) {
		assert_int_equal(said.ack.ranges[0].first, first);
		assert_int_equal(said.ack.ranges[0].end, end);
	}
	free(said.ack.ranges);
}

static void receipt(struct rig *rig, uint64_t index, enum receipt_status status)
{
	union message said = rig_said(rig, FRAME_RECEIPT);

	assert_int_equal(said.receipt.entry, index);
	assert_int_equal(said.receipt.status, status);
}

static void nacked(struct rig *rig, uint64_t seq, enum nack_reason reason)
{
	union message said = rig_said(rig, FRAME_NACK);

	assert_int_equal(said.nack.seq, seq);
	assert_int_equal(said.nack.reason, reason);
}

/* Groups and renames, until there are none. */
static void settle(struct rig *rig)
{
	while (rig_tasks(rig, TASK_GROUP) + rig_tasks(rig, TASK_PLACE) > 0)
		rig_do(rig, rig_tasks(rig, TASK_GROUP) > 0 ? TASK_GROUP
							   : TASK_PLACE);
}

/* From NEED to the receipt of a file of one chunk. */
static void bring(struct rig *rig, uint64_t index, uint64_t seq, uint64_t size)
{
	chunk(rig, index, seq, size, 0);
	rig_do(rig, TASK_WRITE);
	flush(rig);
	settle(rig);
	receipt(rig, index, RECEIPT_DONE);
	rig_forget_frames(rig);
}

/* ---- the happy path ----------------------------------------------------- */

static void a_file_of_three_chunks(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 2 * LEAF + 100;
	struct digest file = rig_file_digest(size);
	struct task *task;

	begin(rig, 10, 100, "a/b", size);
	for (uint64_t leaf = 0; leaf < 3; leaf++) {
		chunk(rig, 10, 100, size, leaf);
		task = rig_task(rig, TASK_WRITE);
		assert_int_equal(task->write->leaf, leaf);
		assert_int_equal(task->write->length, leaf_length(size, leaf));
		assert_int_equal(task->write->data[0], rig_byte(leaf));
		assert_false(task->write->close);
		rig_back(rig, task);
	}
	/* Written is not durable. */
	rig_quiet(rig);
	commit(rig, 10, size, 0);
	rig_quiet(rig);
	flush(rig);
	task = rig_task(rig, TASK_GROUP);
	assert_int_equal(task->group->leaf_count, 3);
	assert_int_equal(task->group->file_count, 1);
	assert_int_equal(task->group->planned_count, 1);
	assert_int_equal(task->group->receipt_count, 0);
	acked(rig, 100, 0, 0); /* the answer to FLUSH */
	rig_back(rig, task);
	acked(rig, 103, 0, 0);
	/* Durable is not in place. */
	assert_int_equal(rig_count(rig, FRAME_RECEIPT), 0);
	task = rig_task(rig, TASK_PLACE);
	assert_int_equal(task->place->count, 1);
	assert_false(task->place->items[0].in_place);
	rig_back(rig, task);
	/* In place is not durable. */
	assert_int_equal(rig_count(rig, FRAME_RECEIPT), 0);
	assert_int_equal(rig->report_count, 0);
	task = rig_task(rig, TASK_GROUP);
	assert_int_equal(task->group->receipt_count, 1);
	assert_true(digest_equal(&task->group->receipts[0].file, &file));
	rig_back(rig, task);
	receipt(rig, 10, RECEIPT_DONE);
	rig_reported(rig, REPORT_DONE, "a/b");

	rig_hear(rig, message_empty(FRAME_BYE));
	task = rig_task(rig, TASK_CLOSE);
	assert_false(task->close->keep);
	rig_back(rig, task);
	rig_said(rig, FRAME_BYE);
	assert_true(rig->finished);
}

static void a_file_of_one_chunk_commits_itself(void **state)
{
	struct rig *rig = *state;
	struct transfer_stats stats;
	struct task *task;

	begin(rig, 10, 100, "f", 5);
	chunk(rig, 10, 100, 5, 0);
	task = rig_task(rig, TASK_WRITE);
	assert_true(task->write->close);
	rig_back(rig, task);
	/* Without FLUSH the group waits for its time. */
	rig_pass(rig, rig->config.group_time - 1);
	rig_quiet(rig);
	assert_true(engine_deadline(rig->engine) <= rig->now + 1);
	rig_pass(rig, 1);
	rig_do(rig, TASK_GROUP);
	rig_do(rig, TASK_PLACE);
	rig_pass(rig, rig->config.group_time);
	rig_do(rig, TASK_GROUP);
	receipt(rig, 10, RECEIPT_DONE);
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.files_done, 1);
	assert_int_equal(stats.bytes_confirmed, 5);
}

static void an_empty_file_and_a_link(void **state)
{
	struct rig *rig = *state;
	struct task *task;

	announce(rig, 10, 100, "empty", 0);
	examined(rig, EXAMINE_EMPTY, NULL, 0);
	task = rig_task(rig, TASK_WRITE);
	assert_int_equal(task->write->length, 0);
	rig_back(rig, task);
	flush(rig);
	rig_do(rig, TASK_GROUP);
	task = rig_task(rig, TASK_PLACE);
	assert_int_equal(task->place->items[0].entry->size, 0);
	rig_back(rig, task);
	rig_do(rig, TASK_GROUP);
	receipt(rig, 10, RECEIPT_DONE);

	rig_hear(rig, entry_frame(ENTRY_LINK, 11, 100, "l", 0));
	examined(rig, EXAMINE_EMPTY, NULL, 0);
	task = rig_task(rig, TASK_PLACE);
	assert_null(task->place->items[0].staged);
	rig_back(rig, task);
	flush(rig);
	rig_do(rig, TASK_GROUP);
	receipt(rig, 11, RECEIPT_DONE);
	assert_int_equal(rig_count(rig, FRAME_NEED), 0);
}

static void what_is_there_needs_nothing(void **state)
{
	struct rig *rig = *state;
	struct transfer_stats stats;
	struct task *task;

	announce(rig, 10, 100, "f", 3 * LEAF);
	examined(rig, EXAMINE_SAME, NULL, 0);
	/* An earlier run may not have synced it. */
	flush(rig);
	acked(rig, 103, 0, 0);
	task = rig_task(rig, TASK_GROUP);
	assert_true(task->group->settle);
	assert_int_equal(task->group->receipt_count, 0);
	rig_back(rig, task);
	receipt(rig, 10, RECEIPT_SAME);
	rig_reported(rig, REPORT_SAME, "f");
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.files_skipped, 1);
	/* ENTRY again is answered in the same way. */
	announce(rig, 10, 100, "f", 3 * LEAF);
	receipt(rig, 10, RECEIPT_SAME);
}

/* A folder's end waits for all that was announced between. */
static void a_folder_ends_last(void **state)
{
	struct rig *rig = *state;
	struct entry *end = rig_entry(ENTRY_FOLDER_END, "d", 0);
	struct task *task;

	rig_hear(rig, entry_frame(ENTRY_FOLDER, 10, 100, "d", 0));
	examined(rig, EXAMINE_MADE, NULL, 0);
	begin(rig, 11, 100, "d/f", 5);
	end->index = 12;
	end->opened = 10;
	end->first_seq = 101;
	rig_hear(rig, message_entry_encode(end));
	entry_free(end);
	flush(rig);
	rig_do(rig, TASK_GROUP);
	receipt(rig, 10, RECEIPT_DONE);
	assert_int_equal(rig_tasks(rig, TASK_PLACE), 0);
	chunk(rig, 11, 100, 5, 0);
	rig_do(rig, TASK_WRITE);
	flush(rig);
	rig_do(rig, TASK_GROUP);
	task = rig_task(rig, TASK_PLACE);
	assert_int_equal(task->place->count, 1);
	assert_int_equal(task->place->items[0].entry->type, ENTRY_FILE);
	rig_back(rig, task);
	task = rig_task(rig, TASK_PLACE);
	assert_int_equal(task->place->items[0].entry->type, ENTRY_FOLDER_END);
	rig_back(rig, task);
	rig_do(rig, TASK_GROUP);
	receipt(rig, 11, RECEIPT_DONE);
	receipt(rig, 12, RECEIPT_DONE);
}

/* ---- order, repetition, delay ------------------------------------------- */

static void chunks_in_any_order(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 4 * LEAF;

	begin(rig, 10, 100, "f", size);
	commit(rig, 10, size, 0); /* before its chunks */
	chunk(rig, 10, 100, size, 3);
	rig_do(rig, TASK_WRITE);
	chunk(rig, 10, 100, size, 2);
	rig_do(rig, TASK_WRITE);
	flush(rig);
	acked(rig, 100, 0, 0);
	rig_do(rig, TASK_GROUP);
	acked(rig, 100, 102, 104);
	chunk(rig, 10, 100, size, 0);
	rig_do(rig, TASK_WRITE);
	flush(rig);
	acked(rig, 100, 102, 104);
	rig_do(rig, TASK_GROUP);
	acked(rig, 101, 102, 104);
	assert_int_equal(rig_tasks(rig, TASK_PLACE), 0);
	chunk(rig, 10, 100, size, 1);
	rig_do(rig, TASK_WRITE);
	flush(rig);
	acked(rig, 101, 102, 104);
	rig_do(rig, TASK_GROUP);
	acked(rig, 104, 0, 0);
	rig_do(rig, TASK_PLACE);
}

static void what_comes_twice_changes_nothing(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 2 * LEAF;

	announce(rig, 10, 100, "f", size);
	announce(rig, 10, 100, "f", size); /* while it is examined */
	assert_int_equal(rig_tasks(rig, TASK_EXAMINE), 1);
	examined(rig, EXAMINE_EMPTY, NULL, 0);
	rig_said(rig, FRAME_NEED);
	announce(rig, 10, 100, "f", size); /* the answer was lost */
	rig_said(rig, FRAME_NEED);
	rig_quiet(rig);

	for (int copy = 0; copy < 3; copy++)
		chunk(rig, 10, 100, size, 1);
	assert_int_equal(rig_tasks(rig, TASK_WRITE), 1);
	rig_forget_frames(rig);
	rig_do(rig, TASK_WRITE);
	chunk(rig, 10, 100, size, 1); /* written, not durable */
	acked(rig, 100, 0, 0);
	chunk(rig, 10, 100, size, 0);
	rig_do(rig, TASK_WRITE);
	commit(rig, 10, size, 0);
	commit(rig, 10, size, 0);
	flush(rig);
	flush(rig);
	rig_forget_frames(rig);
	rig_do(rig, TASK_GROUP);
	acked(rig, 102, 0, 0);
	assert_int_equal(rig_tasks(rig, TASK_PLACE), 1);
	chunk(rig, 10, 100, size, 1); /* while it is placed */
	acked(rig, 102, 0, 0);
	commit(rig, 10, size, 0);
	rig_do(rig, TASK_PLACE);
	rig_do(rig, TASK_GROUP);
	receipt(rig, 10, RECEIPT_DONE);
	rig_reported(rig, REPORT_DONE, "f");
	rig_quiet(rig);

	/* All of it once more, after the end. */
	announce(rig, 10, 100, "f", size);
	receipt(rig, 10, RECEIPT_DONE);
	chunk(rig, 10, 100, size, 0);
	acked(rig, 102, 0, 0);
	commit(rig, 10, size, 0);
	rig_quiet(rig);
	rig_hear(rig, message_empty(FRAME_BYE));
	rig_hear(rig, message_empty(FRAME_BYE));
	assert_int_equal(rig_tasks(rig, TASK_CLOSE), 1);
	rig_do(rig, TASK_CLOSE);
	assert_true(rig->finished);
}

/* One end's clock, disk and line go on while a frame of an older session is
 * still under way: it is as if it had not come. */
static void frames_of_another_session_are_dropped(void **state)
{
	struct rig *rig = *state;
	struct message_error error = {
	    .code = 11, .text = "x", .text_length = 1};
	struct message_commit message = {.entry = 10,
					 .file = rig_file_digest(5)};

	rig_hear_stale(rig, entry_frame(ENTRY_FILE, 10, 100, "f", 5));
	rig_quiet(rig);
	begin(rig, 10, 100, "f", 5);
	rig_hear_stale(rig, rig_chunk(10, 100, 5, 0));
	rig_hear_stale(rig, message_commit_encode(&message));
	rig_hear_stale(rig, message_empty(FRAME_FLUSH));
	rig_hear_stale(rig, message_empty(FRAME_PING));
	rig_hear_stale(rig, message_empty(FRAME_BYE));
	rig_hear_stale(rig, message_withdraw_encode(10));
	rig_hear_stale(rig, message_error_encode(&error));
	rig_quiet(rig);
	bring(rig, 10, 100, 5);
}

static void a_second_version_waits_for_the_first(void **state)
{
	struct rig *rig = *state;
	struct task *task;

	begin(rig, 10, 100, "f", 5);
	chunk(rig, 10, 100, 5, 0);
	task = rig_task(rig, TASK_WRITE);
	/* The source has changed: another number for the same path. */
	announce(rig, 11, 101, "f", 7);
	rig_hear(rig, message_withdraw_encode(10));
	receipt(rig, 10, RECEIPT_WITHDRAWN);
	assert_int_equal(rig_tasks(rig, TASK_EXAMINE), 0);
	rig_do(rig, TASK_DISCARD);
	assert_int_equal(rig_tasks(rig, TASK_EXAMINE), 0);
	rig_back(rig, task);
	/* Its plan is still to be journaled. */
	assert_int_equal(rig_tasks(rig, TASK_EXAMINE), 0);
	flush(rig);
	rig_do(rig, TASK_GROUP);
	examined(rig, EXAMINE_EMPTY, NULL, 0);
	rig_forget_frames(rig);
	bring(rig, 11, 101, 7);
}

/* ---- what is damaged ---------------------------------------------------- */

static void a_damaged_chunk_is_asked_for_again(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 2 * LEAF;

	begin(rig, 10, 100, "f", size);
	for (int time = 0; time < 3; time++) {
		struct frame *frame = rig_chunk(10, 100, size, 1);

		message_chunk_data(frame)[1000 * time] ^= 4;
		rig_hear(rig, frame);
		nacked(rig, 101, NACK_DIGEST);
		assert_int_equal(rig_tasks(rig, TASK_WRITE), 0);
	}
	chunk(rig, 10, 100, size, 1);
	rig_do(rig, TASK_WRITE);
	/* A damaged copy of what is there is nothing. */
	chunk(rig, 10, 100, size, 1);
	rig_forget_frames(rig);
	rig_quiet(rig);
}

/* A packed leaf is looked at where it is written.  Its bytes are no matter
 * here: the disk is the test. */
static void packed(struct rig *rig, uint64_t index, uint64_t seq, uint64_t size,
		   uint64_t leaf)
{
	struct frame *frame = rig_chunk(index, seq, size, leaf);
	struct message_chunk message;

	assert_int_equal(message_chunk_decode(frame, &message), 0);
	message.flags |= CHUNK_PACKED;
	message.size = 3;
	message_chunk_finish(frame, &message);
	rig_hear(rig, frame);
}

static void a_packed_chunk_is_unpacked_where_it_is_written(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = LEAF + 100;
	struct digest digest = rig_leaf_digest(size, 1);
	struct transfer_stats stats;
	struct task *task;

	begin(rig, 10, 100, "f", size);
	packed(rig, 10, 100, size, 1);
	task = rig_task(rig, TASK_WRITE);
	assert_int_equal(task->write->packed, 3);
	assert_int_equal(task->write->length, 100);
	assert_int_equal(task->write->leaf, 1);
	assert_true(digest_equal(&task->write->digest, &digest));
	task->write->staged->descriptor = 9;
	/* What came over the line. */
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.bytes_sent, 3);
	/* A copy that comes meanwhile is nothing. */
	packed(rig, 10, 100, size, 1);
	assert_int_equal(rig_tasks(rig, TASK_WRITE), 0);
	rig_back(rig, task);
	chunk(rig, 10, 100, size, 0);
	assert_int_equal(rig_seek(rig, TASK_WRITE)->write->packed, 0);
	rig_do(rig, TASK_WRITE);
	commit(rig, 10, size, 0);
	rig_forget_frames(rig);
	flush(rig);
	rig_do(rig, TASK_GROUP);
	assert_int_equal(rig_tasks(rig, TASK_PLACE), 1);
}

static void a_damaged_packed_chunk_is_asked_for_again(void **state)
{
	struct rig *rig = *state;
	struct task *task;

	begin(rig, 10, 100, "f", 5);
	for (int time = 0; time < 3; time++) {
		packed(rig, 10, 100, 5, 0);
		task = rig_task(rig, TASK_WRITE);
		task->write->damaged = 1;
		rig_back(rig, task);
		nacked(rig, 100, NACK_DIGEST);
	}
	/* It was the only one, but nothing is placed. */
	flush(rig);
	rig_do(rig, TASK_GROUP);
	assert_int_equal(rig_tasks(rig, TASK_PLACE), 0);
	rig_forget_frames(rig);
	bring(rig, 10, 100, 5);
}

/* The next sender may speak the first version, which knows of none. */
static void version_1_has_no_packed_chunks(void **state)
{
	struct rig *rig = *state;

	rig_end(rig);
	rig_init(rig);
	rig->config.version = 1;
	rig_start(rig, receiver_create);
	begin(rig, 10, 100, "f", 5);
	packed(rig, 10, 100, 5, 0);
	assert_int_equal(rig->failed, EXIT_PROTOCOL);
	assert_string_equal(rig->why, "bad CHUNK frame");
}

static void what_is_committed_must_be_what_was_stored(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 2 * LEAF;
	struct task *task;

	begin(rig, 10, 100, "f", size);
	chunk(rig, 10, 100, size, 0);
	chunk(rig, 10, 100, size, 1);
	task = rig_task(rig, TASK_WRITE);
	task->write->staged->descriptor = 9; /* it is open now */
	rig_back(rig, task);
	rig_do(rig, TASK_WRITE);
	commit(rig, 10, size - 1, 0); /* another digest */
	flush(rig);
	rig_do(rig, TASK_GROUP);
	receipt(rig, 10, RECEIPT_FAILED);
	rig_reported(rig, REPORT_FAILED, "f");
	assert_int_equal(rig_tasks(rig, TASK_PLACE), 0);
	rig_do(rig, TASK_DISCARD);
	/* Others go on, and what is staged is kept. */
	begin(rig, 11, 102, "g", 5);
	bring(rig, 11, 102, 5);
	rig_hear(rig, message_empty(FRAME_BYE));
	task = rig_task(rig, TASK_CLOSE);
	assert_true(task->close->keep);
	rig_back(rig, task);
	assert_true(rig->finished);
}

/* ---- what is there already ---------------------------------------------- */

static void staged_leaves_are_kept_if_the_disk_agrees(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 4 * LEAF;
	struct digest digest;
	struct frame *frame;
	union message need;

	announce(rig, 10, 100, "f", size);
	examined(rig, EXAMINE_STAGED, rig_leaves(size, 1, 3), size);
	frame = rig_frame(rig, FRAME_NEED, NULL);
	assert_int_equal(decode(frame, &need), 0);
	assert_int_equal(need.need.flags, 0); /* more follows */
	assert_int_equal(need.need.first_leaf, 1);
	assert_int_equal(need.need.leaf_count, 2);
	digest = rig_leaf_digest(size, 1);
	assert_memory_equal(need.need.digests, digest.bytes, 16);
	frame_free(frame);
	need = rig_said(rig, FRAME_NEED);
	assert_int_equal(need.need.flags, NEED_LAST);
	assert_int_equal(need.need.leaf_count, 0);

	chunk(rig, 10, 100, size, 0);
	chunk(rig, 10, 100, size, 3);
	rig_do(rig, TASK_WRITE);
	rig_do(rig, TASK_WRITE);
	commit(rig, 10, size, 0);
	flush(rig);
	/* The journal is a hint: nothing is placed, or made durable at the
	 * sender's wish, before both were read back. */
	assert_int_equal(rig_tasks(rig, TASK_GROUP), 0);
	for (uint64_t leaf = 1; leaf < 3; leaf++) {
		struct task *task = rig_task(rig, TASK_HASH);

		assert_int_equal(task->hash->leaf, leaf);
		assert_int_equal(task->hash->basis, BASIS_STAGED);
		task->hash->digest = rig_leaf_digest(size, leaf);
		rig_back(rig, task);
	}
	/* No time has passed. */
	rig_do(rig, TASK_GROUP);
	acked(rig, 100, 101, 103);
	acked(rig, 104, 0, 0);
	rig_do(rig, TASK_PLACE);
}

static void a_staged_leaf_that_rotted_comes_again(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 2 * LEAF;
	struct transfer_stats stats;
	struct task *task;

	announce(rig, 10, 100, "f", size);
	examined(rig, EXAMINE_STAGED, rig_leaves(size, 0, 2), size);
	rig_forget_frames(rig);
	commit(rig, 10, size, 0);
	task = rig_task(rig, TASK_HASH);
	task->hash->digest = digest_of("rotten", 6);
	rig_back(rig, task);
	task = rig_task(rig, TASK_HASH);
	task->hash->digest = rig_leaf_digest(size, 1);
	rig_back(rig, task);
	rig_reported(rig, REPORT_RESENT, "f");
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.bytes_reused, LEAF);
	flush(rig);
	/* The journal takes it back before the sender hears of it. */
	assert_int_equal(rig_count(rig, FRAME_NACK), 0);
	chunk(rig, 10, 100, size, 0); /* a copy that is too early */
	assert_int_equal(rig_tasks(rig, TASK_WRITE), 0);
	task = rig_task(rig, TASK_GROUP);
	assert_int_equal(task->group->leaf_count, 1);
	rig_back(rig, task);
	nacked(rig, 100, NACK_DISK);
	assert_int_equal(rig_tasks(rig, TASK_PLACE), 0);
	rig_forget_frames(rig);
	chunk(rig, 10, 100, size, 0);
	rig_do(rig, TASK_WRITE);
	commit(rig, 10, size, 0);
	flush(rig);
	rig_do(rig, TASK_GROUP);
	rig_do(rig, TASK_PLACE);
}

/* Without a journal, or with another version in it: the sender compares. */
static void leaves_of_an_older_version_are_compared(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 3 * LEAF;
	struct seq_range range = {0, 2};
	struct message_keep keep = {10, 1, &range};
	union message need;
	struct task *task;

	announce(rig, 10, 100, "f", size);
	examined(rig, EXAMINE_OLDER, NULL, 2 * LEAF + 5);
	assert_int_equal(rig_count(rig, FRAME_NEED), 0);
	for (uint64_t leaf = 0; leaf < 3; leaf++) {
		task = rig_task(rig, TASK_HASH);
		assert_int_equal(task->hash->basis_size, 2 * LEAF + 5);
		task->hash->digest = rig_leaf_digest(size, leaf);
		if (leaf == 2)
			rig_back_failed(rig, task, EACCES, "cannot");
		else
			rig_back(rig, task);
	}
	need = rig_said(rig, FRAME_NEED);
	assert_int_equal(need.need.flags, NEED_COMPARE);
	assert_int_equal(need.need.leaf_count, 2);
	need = rig_said(rig, FRAME_NEED);
	assert_int_equal(need.need.flags, NEED_LAST | NEED_COMPARE);
	assert_int_equal(need.need.leaf_count, 0);

	rig_hear(rig, message_keep_encode(&keep));
	rig_hear(rig, message_keep_encode(&keep)); /* again: nothing */
	/* What no journal vouches for is written once more. */
	for (uint64_t leaf = 0; leaf < 2; leaf++) {
		task = rig_task(rig, TASK_WRITE);
		assert_null(task->write->chunk);
		assert_int_equal(task->write->leaf, leaf);
		assert_int_equal(task->write->basis, BASIS_STAGED);
		rig_back(rig, task);
	}
	assert_int_equal(rig_tasks(rig, TASK_WRITE), 0);
	chunk(rig, 10, 100, size, 2);
	rig_do(rig, TASK_WRITE);
	commit(rig, 10, size, 0);
	flush(rig);
	rig_do(rig, TASK_GROUP);
	rig_do(rig, TASK_PLACE);
}

static void a_leaf_that_cannot_be_kept_comes_anew(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 2 * LEAF;
	struct seq_range range = {0, 1};
	struct message_keep keep = {10, 1, &range};
	struct task *task;

	announce(rig, 10, 100, "f", size);
	examined(rig, EXAMINE_TARGET, rig_leaves(size, 0, 1), size);
	rig_forget_frames(rig);
	rig_hear(rig, message_keep_encode(&keep));
	task = rig_task(rig, TASK_WRITE);
	assert_int_equal(task->write->basis, BASIS_TARGET);
	rig_back_failed(rig, task, EBADMSG, "changed");
	nacked(rig, 100, NACK_LOST);
	chunk(rig, 10, 100, size, 0);
	rig_do(rig, TASK_WRITE);
}

static void content_that_is_the_same_is_left_in_place(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 2 * LEAF;
	union message need;
	struct task *task;

	announce(rig, 10, 100, "f", size);
	examined(rig, EXAMINE_TARGET, rig_leaves(size, 0, 2), size);
	need = rig_said(rig, FRAME_NEED);
	assert_int_equal(need.need.flags,
			 NEED_LAST | NEED_COMPARE | NEED_TARGET);
	assert_int_equal(need.need.size, size);
	commit(rig, 10, size, COMMIT_IDENTICAL);
	assert_int_equal(rig_tasks(rig, TASK_WRITE), 0);
	task = rig_task(rig, TASK_PLACE);
	assert_true(task->place->items[0].in_place);
	rig_back(rig, task);
	flush(rig);
	rig_do(rig, TASK_GROUP);
	receipt(rig, 10, RECEIPT_DONE);
}

/* A repair that was cut: what it staged counts, and of the rest what the file
 * at the target has. */
static void what_is_staged_and_the_target_are_compared_together(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 3 * LEAF;
	struct seq_range range = {0, 3};
	struct message_keep keep = {10, 1, &range};
	union message need;
	struct task *task;

	announce(rig, 10, 100, "f", size);
	task = rig_task(rig, TASK_EXAMINE);
	task->examine->items[0].verdict = EXAMINE_STAGED;
	task->examine->items[0].leaves = rig_leaves(size, 1, 2);
	task->examine->items[0].basis_size = size;
	task->examine->items[0].target_too = 1;
	rig_back(rig, task);
	for (uint64_t leaf = 0; leaf < 3; leaf += 2) {
		task = rig_task(rig, TASK_HASH);
		assert_int_equal(task->hash->leaf, leaf);
		assert_int_equal(task->hash->basis, BASIS_TARGET);
		task->hash->digest = rig_leaf_digest(size, leaf);
		rig_back(rig, task);
	}
	need = rig_said(rig, FRAME_NEED);
	assert_int_equal(need.need.flags, NEED_LAST | NEED_COMPARE);
	assert_int_equal(need.need.leaf_count, 3);

	rig_hear(rig, message_keep_encode(&keep));
	for (uint64_t leaf = 0; leaf < 3; leaf += 2) {
		task = rig_task(rig, TASK_WRITE);
		assert_int_equal(task->write->leaf, leaf);
		assert_int_equal(task->write->basis, BASIS_TARGET);
		rig_back(rig, task);
	}
	task = rig_task(rig, TASK_HASH);
	assert_int_equal(task->hash->leaf, 1);
	assert_int_equal(task->hash->basis, BASIS_STAGED);
	task->hash->digest = rig_leaf_digest(size, 1);
	rig_back(rig, task);
	/* The target's file is not the same: it lacks leaf 1. */
	commit(rig, 10, size, COMMIT_IDENTICAL);
	receipt(rig, 10, RECEIPT_FAILED);
}

static void identical_to_nothing_is_refused(void **state)
{
	struct rig *rig = *state;

	begin(rig, 10, 100, "f", 2 * LEAF);
	commit(rig, 10, 2 * LEAF, COMMIT_IDENTICAL);
	receipt(rig, 10, RECEIPT_FAILED);
	assert_int_equal(rig_tasks(rig, TASK_PLACE), 0);
}

/* ---- what the sender gives up ------------------------------------------- */

static void withdrawn_at_any_time(void **state)
{
	struct rig *rig = *state;
	struct task *task;

	/* Before it was announced: the frames overtook one another. */
	rig_hear(rig, message_withdraw_encode(10));
	receipt(rig, 10, RECEIPT_WITHDRAWN);
	announce(rig, 10, 100, "f", 5);
	assert_int_equal(rig_tasks(rig, TASK_EXAMINE), 0);
	rig_forget_frames(rig);

	announce(rig, 11, 101, "g", 5);
	task = rig_task(rig, TASK_EXAMINE);
	rig_hear(rig, message_withdraw_encode(11));
	receipt(rig, 11, RECEIPT_WITHDRAWN);
	rig_hear(rig, message_withdraw_encode(11)); /* again */
	receipt(rig, 11, RECEIPT_WITHDRAWN);
	task->examine->items[0].verdict = EXAMINE_EMPTY;
	rig_back(rig, task);
	flush(rig);
	acked(rig, 100, 101, 102); /* nothing of it is needed */
	rig_forget_frames(rig);
	rig_quiet(rig);

	begin(rig, 12, 102, "h", 5);
	chunk(rig, 12, 102, 5, 0);
	rig_hear(rig, message_withdraw_encode(12));
	receipt(rig, 12, RECEIPT_WITHDRAWN);
	chunk(rig, 12, 102, 5, 0); /* late */
	rig_do(rig, TASK_WRITE);
	rig_do(rig, TASK_DISCARD);
	rig_forget_frames(rig);
	flush(rig);
	rig_forget_frames(rig);
	assert_int_equal(rig_tasks(rig, TASK_PLACE), 0);
	rig_hear(rig, message_empty(FRAME_BYE));
	settle(rig);
	rig_do(rig, TASK_CLOSE);
	assert_true(rig->finished);
}

static void too_late_to_be_withdrawn(void **state)
{
	struct rig *rig = *state;

	begin(rig, 10, 100, "f", 5);
	chunk(rig, 10, 100, 5, 0);
	rig_do(rig, TASK_WRITE);
	flush(rig);
	rig_do(rig, TASK_GROUP);
	rig_forget_frames(rig);
	rig_hear(rig, message_withdraw_encode(10));
	assert_int_equal(rig_count(rig, FRAME_RECEIPT), 0);
	rig_do(rig, TASK_PLACE);
	rig_do(rig, TASK_GROUP);
	receipt(rig, 10, RECEIPT_DONE);
	assert_int_equal(rig_count(rig, FRAME_RECEIPT), 0);
}

static void problems_are_told_once(void **state)
{
	struct rig *rig = *state;
	struct message_problem problem = {
	    .entry = 10,
	    .kind = PROBLEM_VANISHED,
	    .path = "d/x",
	    .path_length = 3,
	    .text = "vanished",
	    .text_length = 8,
	};
	struct transfer_stats stats;

	for (int time = 0; time < 2; time++) {
		rig_hear(rig, message_problem_encode(&problem));
		receipt(rig, 10, RECEIPT_WITHDRAWN);
	}
	rig_reported(rig, REPORT_VANISHED, "d/x");
	rig_quiet(rig);
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.files_vanished, 1);
}

/* ---- disks that fail ---------------------------------------------------- */

static void nothing_is_confirmed_when_the_group_fails(void **state)
{
	static const int errors[] = {EIO, ENOSPC, EDQUOT, EROFS, ENOENT};

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		struct rig rig;
		union message said;

		rig_init(&rig);
		rig_start(&rig, receiver_create);
		begin(&rig, 10, 100, "f", 5);
		chunk(&rig, 10, 100, 5, 0);
		rig_do(&rig, TASK_WRITE);
		flush(&rig);
		rig_forget_frames(&rig);
		rig_back_failed(&rig, rig_task(&rig, TASK_GROUP), errors[i],
				"d: cannot be synced");
		said = rig_said(&rig, FRAME_ERROR);
		assert_int_equal(said.error.code, EXIT_FILE_IO);
		assert_int_equal(rig_count(&rig, FRAME_ACK), 0);
		assert_int_equal(rig_count(&rig, FRAME_RECEIPT), 0);
		assert_int_equal(rig.failed, EXIT_FILE_IO);
		assert_non_null(strstr(rig.why, "d: cannot be synced"));
		rig_end(&rig);
	}
}

static void a_full_disk_says_what_to_do(void **state)
{
	struct rig *rig = *state;

	begin(rig, 10, 100, "f", 5);
	chunk(rig, 10, 100, 5, 0);
	rig_back_failed(rig, rig_task(rig, TASK_WRITE), ENOSPC,
			"d/f: cannot write");
	assert_int_equal(rig->failed, EXIT_FILE_IO);
	assert_string_equal(rig->why,
			    "d/f: cannot write; free some space and run it "
			    "again");
}

static void one_that_cannot_be_stored_fails_alone(void **state)
{
	struct rig *rig = *state;
	struct task *task;
	union message said;

	begin(rig, 10, 100, "f", 5);
	begin(rig, 11, 101, "g", 5);
	begin(rig, 12, 102, "h", 5);
	chunk(rig, 10, 100, 5, 0);
	rig_back_failed(rig, rig_task(rig, TASK_WRITE), EACCES, "cannot write");
	said = rig_said(rig, FRAME_RECEIPT);
	assert_int_equal(said.receipt.entry, 10);
	assert_int_equal(said.receipt.status, RECEIPT_FAILED);
	rig_reported(rig, REPORT_FAILED, "f");

	chunk(rig, 11, 101, 5, 0);
	chunk(rig, 12, 102, 5, 0);
	rig_do(rig, TASK_WRITE);
	rig_do(rig, TASK_WRITE);
	flush(rig);
	rig_do(rig, TASK_GROUP);
	task = rig_task(rig, TASK_PLACE);
	assert_int_equal(task->place->count, 2);
	task->place->items[0].text = strdup("is a folder there");
	rig_back(rig, task);
	receipt(rig, 11, RECEIPT_FAILED);
	rig_do(rig, TASK_GROUP);
	receipt(rig, 12, RECEIPT_DONE);
	/* Asked again, it says so again. */
	rig_forget_frames(rig);
	announce(rig, 10, 100, "f", 5);
	receipt(rig, 10, RECEIPT_FAILED);

	/* And one that is not examined. */
	announce(rig, 13, 103, "i", 5);
	task = rig_task(rig, TASK_EXAMINE);
	task->examine->items[0].verdict = EXAMINE_FAILED;
	task->examine->items[0].text = strdup("was not offered");
	rig_back(rig, task);
	receipt(rig, 13, RECEIPT_FAILED);
	assert_int_equal(rig->failed, 0);
}

/* ---- lanes -------------------------------------------------------------- */

static void without_a_lane_what_came_is_made_durable(void **state)
{
	struct rig *rig = *state;

	rig_lane(rig, EVENT_LANE_UP, 1);
	begin(rig, 10, 100, "f", 2 * LEAF);
	chunk(rig, 10, 100, 2 * LEAF, 0);
	rig_do(rig, TASK_WRITE);
	rig_lane(rig, EVENT_LANE_DOWN, 0);
	rig_lane(rig, EVENT_LANE_DOWN, 0); /* said twice */
	rig_quiet(rig);
	/* The other one serves. */
	rig_hear_on(rig, 1, message_empty(FRAME_PING));
	rig_said(rig, FRAME_PONG);
	rig_lane(rig, EVENT_LANE_DOWN, 1);
	assert_int_equal(rig_tasks(rig, TASK_GROUP), 1);
	assert_int_equal(rig->failed, EXIT_LOST);
	assert_int_equal(rig->frame_count, 0);
}

static void silence_is_the_end(void **state)
{
	struct rig *rig = *state;

	rig_pass(rig, rig->config.ping_time);
	rig_said(rig, FRAME_PING);
	rig_hear(rig, message_empty(FRAME_PONG));
	rig_pass(rig, rig->config.idle_time - 1);
	rig_forget_frames(rig);
	assert_int_equal(rig->failed, 0);
	/* Bytes that are no frame yet are a sign of life, too. */
	rig_lane(rig, EVENT_LANE_HEARD, 0);
	rig_pass(rig, rig->config.idle_time - 1);
	rig_forget_frames(rig);
	assert_int_equal(rig->failed, 0);
	rig_pass(rig, 1);
	assert_int_equal(rig->failed, EXIT_LOST);
}

/* ---- a peer that breaks the protocol ------------------------------------ */

static struct frame *wrong_chunk(uint64_t seq, uint64_t offset, uint32_t length,
				 int flags)
{
	struct message_chunk message = {
	    .seq = seq,
	    .entry = 10,
	    .offset = offset,
	    .length = length,
	    .flags = (uint8_t)flags,
	};
	struct frame *frame = message_chunk_create(length);

	memset(message_chunk_data(frame), 0, length);
	message.digest = digest_of(message_chunk_data(frame), length);
	message_chunk_finish(frame, &message);
	return frame;
}

/* A folder that ends before it begins. */
static struct frame *early_end(void)
{
	struct entry *entry = rig_entry(ENTRY_FOLDER_END, "d", 0);
	struct frame *frame;

	entry->index = entry->opened = 20;
	entry->first_seq = 200;
	frame = message_entry_encode(entry);
	entry_free(entry);
	return frame;
}

static struct frame *wrong_frame(unsigned number)
{
	static struct seq_range beyond = {1, 4};
	static struct seq_range untold = {0, 1};
	static const struct message_keep keep_untold = {10, 1, &untold};
	static const struct message_keep keep = {10, 1, &beyond};
	static const struct message_ack ack = {0, 0, NULL};
	static const struct message_error no_error = {.code = 0, .text = ""};

	/* File 10 has the chunks 100 to 102, the last of 7 bytes. */
	switch (number) {
	case 0:
		return wrong_chunk(99, 0, LEAF_SIZE, 0);
	case 1:
		return wrong_chunk(100, LEAF, LEAF_SIZE, 0);
	case 2:
		return wrong_chunk(103, 3 * LEAF, 7, 0);
	case 3:
		return wrong_chunk(102, 2 * LEAF, 8, 0);
	case 4:
		return wrong_chunk(102, 2 * LEAF, 6, 0);
	case 5:
		return wrong_chunk(100, 0, LEAF_SIZE, CHUNK_WHOLE);
	case 6:
		return message_keep_encode(&keep);
	case 7:
		return message_empty(FRAME_BYE); /* 10 is under way */
	case 8:
		return message_ack_encode(&ack); /* which is ours */
	case 9:
		return early_end();
	case 10:
		return entry_frame(ENTRY_FILE, 20, UINT64_MAX / 2 + 1, "g", 1);
	case 11:
		return message_error_encode(&no_error);
	case 12:
		return message_empty(FRAME_COMMIT);
	case 13:
		return message_empty(FRAME_CHUNK);
	case 14:
		return message_empty(FRAME_STATS);
	case 15:
		return message_empty(FRAME_PROBLEM);
	case 16:
		return message_keep_encode(&keep_untold);
	default:
		return NULL;
	}
}

static void what_breaks_the_protocol_ends_it(void **state)
{
	struct frame *frame;

	(void)state;
	for (unsigned number = 0; (frame = wrong_frame(number)) != NULL;
	     number++) {
		struct rig rig;

		rig_init(&rig);
		rig_start(&rig, receiver_create);
		begin(&rig, 10, 100, "f", 2 * LEAF + 7);
		rig_hear(&rig, frame);
		if (rig.failed != EXIT_PROTOCOL)
			fail_msg("wrong frame %u passed", number);
		assert_int_equal(rig_count(&rig, FRAME_ERROR), 1);
		assert_int_equal(rig_tasks(&rig, TASK_WRITE), 0);
		rig_end(&rig);
	}
}

static void the_far_ends_error_is_passed_on(void **state)
{
	struct rig *rig = *state;
	struct message_error error = {
	    .code = 20, .text = "stopped", .text_length = 7};

	rig_hear(rig, message_error_encode(&error));
	assert_int_equal(rig->failed, 20);
	assert_string_equal(rig->why, "stopped");
	/* It knows: it is not told again. */
	assert_int_equal(rig->frame_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_file_of_three_chunks),
	    TEST(a_file_of_one_chunk_commits_itself),
	    TEST(an_empty_file_and_a_link),
	    TEST(what_is_there_needs_nothing),
	    TEST(a_folder_ends_last),
	    TEST(chunks_in_any_order),
	    TEST(what_comes_twice_changes_nothing),
	    TEST(frames_of_another_session_are_dropped),
	    TEST(a_second_version_waits_for_the_first),
	    TEST(a_damaged_chunk_is_asked_for_again),
	    TEST(a_packed_chunk_is_unpacked_where_it_is_written),
	    TEST(a_damaged_packed_chunk_is_asked_for_again),
	    TEST(version_1_has_no_packed_chunks),
	    TEST(what_is_committed_must_be_what_was_stored),
	    TEST(staged_leaves_are_kept_if_the_disk_agrees),
	    TEST(a_staged_leaf_that_rotted_comes_again),
	    TEST(leaves_of_an_older_version_are_compared),
	    TEST(a_leaf_that_cannot_be_kept_comes_anew),
	    TEST(content_that_is_the_same_is_left_in_place),
	    TEST(what_is_staged_and_the_target_are_compared_together),
	    TEST(identical_to_nothing_is_refused),
	    TEST(withdrawn_at_any_time),
	    TEST(too_late_to_be_withdrawn),
	    TEST(problems_are_told_once),
	    cmocka_unit_test(nothing_is_confirmed_when_the_group_fails),
	    TEST(a_full_disk_says_what_to_do),
	    TEST(one_that_cannot_be_stored_fails_alone),
	    TEST(without_a_lane_what_came_is_made_durable),
	    TEST(silence_is_the_end),
	    cmocka_unit_test(what_breaks_the_protocol_ends_it),
	    TEST(the_far_ends_error_is_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
