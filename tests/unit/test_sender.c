/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: the reading end sends what is needed and no more, no more at a time
 * than the window allows, commits only what was seen unchanged, and bears
 * whatever order, repetition and delay answers come with.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/engine_rig.h"
#include "transfer/sender.h"

#define LEAF ((uint64_t)LEAF_SIZE)

static int setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	assert_non_null(rig);
	rig_init(rig);
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

static void begin(struct rig *rig)
{
	rig_start(rig, sender_create);
	assert_int_equal(rig_tasks(rig, TASK_WALK), 1);
}

/* The walk comes to these files, and to its end; sizes end with UINT64_MAX. */
static void walk(struct rig *rig, const uint64_t *sizes)
{
	struct task *task = rig_task(rig, TASK_WALK);
	struct task_walk *found = task->walk;

	for (; *sizes != UINT64_MAX; sizes++) {
		char name[] = {(char)('a' + found->count), '\0'};

		found->items[found->count++].entry =
		    rig_entry(ENTRY_FILE, name, *sizes);
	}
	found->end = 1;
	rig_back(rig, task);
}
#define WALK(rig, ...) walk(rig, (const uint64_t[]){__VA_ARGS__, UINT64_MAX})

/* ENTRY for the next of them.  Returns its first seq. */
static uint64_t announced(struct rig *rig, uint64_t index)
{
	union message said = rig_said(rig, FRAME_ENTRY);
	uint64_t seq = said.entry->first_seq;

	assert_int_equal(said.entry->index, index);
	entry_free(said.entry);
	return seq;
}

/* The receiver has nothing of it. */
static void need_all(struct rig *rig, uint64_t index)
{
	const struct message_need need = {.entry = index, .flags = NEED_LAST};

	rig_hear(rig, message_need_encode(&need));
}

/* It has the leaves [first, end). */
static void need_but(struct rig *rig, uint64_t index, uint64_t size,
		     uint64_t first, uint64_t end, int flags)
{
	uint8_t digests[16 * 10];
	struct message_need need = {
	    .entry = index,
	    .flags = (uint8_t)(NEED_LAST | flags),
	    .size = flags & NEED_TARGET ? size : 0,
	    .first_leaf = first,
	    .leaf_count = (uint32_t)(end - first),
	    .digests = digests,
	};

	assert_true(end - first <= 10);
	for (uint64_t leaf = first; leaf < end; leaf++) {
		struct digest digest = rig_leaf_digest(size, leaf);

		memcpy(digests + 16 * (leaf - first), digest.bytes, 16);
	}
	rig_hear(rig, message_need_encode(&need));
}

/* Do the next TASK_READ: the leaf as it is.  Returns its number. */
static uint64_t read_leaf(struct rig *rig)
{
	struct task *task = rig_task(rig, TASK_READ);
	struct task_read *read = task->read;
	const struct entry *entry = read->entry;
	uint64_t leaf = read->leaf;

	read->status = READ_DONE;
	if (read->check_only) {
		rig_back(rig, task);
		return UINT64_MAX;
	}
	read->digest = rig_leaf_digest(entry->size, leaf);
	if (!read->digest_only)
		read->chunk = rig_chunk(entry->index, entry->first_seq,
					entry->size, leaf);
	rig_back(rig, task);
	return leaf;
}

/* The next read finds another version: of that size, or none to be had. */
static void changed(struct rig *rig, uint64_t size)
{
	struct task *task = rig_task(rig, TASK_READ);

	task->read->status = READ_CHANGED;
	if (size != UINT64_MAX) {
		task->read->now =
		    rig_entry(ENTRY_FILE, task->read->entry->path, size);
		task->read->now->version = digest_of("new", 3);
	}
	rig_back(rig, task);
}

/* The next CHUNK; returns its seq, and its lane if that is asked. */
static uint64_t sent_on(struct rig *rig, uint32_t *lane)
{
	struct frame *frame = rig_frame(rig, FRAME_CHUNK, lane);
	struct message_chunk chunk;
	uint64_t seq;

	assert_int_equal(message_chunk_decode(frame, &chunk), 0);
	seq = chunk.seq;
	frame_free(frame);
	return seq;
}

static uint64_t sent(struct rig *rig)
{
	return sent_on(rig, NULL);
}

/* Reads that are asked for, and version checks, until there are none. */
static void read_all(struct rig *rig)
{
	while (rig_tasks(rig, TASK_READ) > 0)
		read_leaf(rig);
}

/* The same, while the lanes take all that they are given. */
static void read_and_send_all(struct rig *rig)
{
	do {
		read_all(rig);
		rig_sent(rig);
	} while (rig_tasks(rig, TASK_READ) > 0);
}

static void ack(struct rig *rig, uint64_t below, uint64_t first, uint64_t end)
{
	struct seq_range range = {first, end};
	struct message_ack message = {
	    .below = below,
	    .range_count = first < end,
	    .ranges = &range,
	};

	rig_hear(rig, message_ack_encode(&message));
}

static void nack(struct rig *rig, uint64_t index, uint64_t seq,
		 enum nack_reason reason)
{
	struct message_nack message = {seq, index, reason};

	rig_hear(rig, message_nack_encode(&message));
}

static void receipt(struct rig *rig, uint64_t index, enum receipt_status status,
		    uint64_t size)
{
	struct message_receipt message = {.entry = index, .status = status};

	if (status == RECEIPT_DONE)
		message.file = rig_file_digest(size);
	if (status == RECEIPT_FAILED) {
		message.text = "no room";
		message.text_length = 7;
	}
	rig_hear(rig, message_receipt_encode(&message));
}

static void committed(struct rig *rig, uint64_t index, uint64_t size, int flags)
{
	union message said = rig_said(rig, FRAME_COMMIT);
	struct digest file = rig_file_digest(size);

	assert_int_equal(said.commit.entry, index);
	assert_int_equal(said.commit.flags, flags);
	assert_true(digest_equal(&said.commit.file, &file));
}

/* A file of some leaves, all of them out. */
static uint64_t send_file(struct rig *rig, uint64_t size)
{
	uint64_t seq;

	begin(rig);
	WALK(rig, size);
	seq = announced(rig, RIG_ENTRY);
	need_all(rig, RIG_ENTRY);
	read_all(rig);
	return seq;
}

static void part(struct rig *rig)
{
	rig_said(rig, FRAME_STATS);
	rig_said(rig, FRAME_BYE);
	rig_hear(rig, message_empty(FRAME_BYE));
	assert_true(rig->finished);
}

/* ---- the happy path ----------------------------------------------------- */

static void a_file_of_three_chunks(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 2 * LEAF + 100;
	struct transfer_stats stats;
	struct task *task;

	begin(rig);
	WALK(rig, size);
	assert_int_equal(announced(rig, RIG_ENTRY), RIG_SEQ);
	rig_sent(rig);
	rig_said(rig, FRAME_FLUSH);
	assert_int_equal(rig_tasks(rig, TASK_READ), 0);
	need_all(rig, RIG_ENTRY);
	assert_int_equal(rig_tasks(rig, TASK_READ), 3);
	for (uint64_t leaf = 0; leaf < 3; leaf++) {
		task = rig->tasks[0];
		/* After the last one the version is looked at. */
		assert_int_equal(task->read->last, leaf == 2);
		assert_int_equal(read_leaf(rig), leaf);
		assert_int_equal(sent(rig), RIG_SEQ + leaf);
	}
	committed(rig, RIG_ENTRY, size, 0);
	assert_int_equal(rig_count(rig, FRAME_FLUSH), 0);
	rig_sent(rig);
	rig_said(rig, FRAME_FLUSH);
	rig_quiet(rig);
	ack(rig, RIG_SEQ + 3, 0, 0);
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.bytes_confirmed, size);
	assert_int_equal(stats.bytes_sent, size);
	receipt(rig, RIG_ENTRY, RECEIPT_DONE, size);
	rig_reported(rig, REPORT_DONE, "a");
	/* This end's journal, before the end. */
	task = rig_task(rig, TASK_RECORD);
	assert_int_equal(task->record->count, 3); /* plan, leaves, receipt */
	rig_back(rig, task);
	part(rig);
}

static void a_file_of_one_chunk_commits_itself(void **state)
{
	struct rig *rig = *state;

	send_file(rig, 5);
	assert_int_equal(sent(rig), RIG_SEQ);
	assert_int_equal(rig_count(rig, FRAME_COMMIT), 0);
	/* The receipt may come before the ACK. */
	receipt(rig, RIG_ENTRY, RECEIPT_DONE, 5);
	rig_reported(rig, REPORT_DONE, "a");
	ack(rig, RIG_SEQ + 1, 0, 0);
	part(rig);
}

static void what_is_there_is_not_sent(void **state)
{
	struct rig *rig = *state;
	struct transfer_stats stats;

	begin(rig);
	WALK(rig, 3 * LEAF, 0);
	assert_int_equal(announced(rig, RIG_ENTRY), RIG_SEQ);
	assert_int_equal(announced(rig, RIG_ENTRY + 1), RIG_SEQ + 3);
	ack(rig, RIG_SEQ + 3, 0, 0);
	receipt(rig, RIG_ENTRY, RECEIPT_SAME, 0);
	rig_reported(rig, REPORT_SAME, "a");
	receipt(rig, RIG_ENTRY + 1, RECEIPT_DONE, 0);
	rig_reported(rig, REPORT_DONE, "b");
	assert_int_equal(rig_tasks(rig, TASK_READ), 0);
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.bytes_sent, 0);
	assert_int_equal(stats.files_skipped, 1);
	assert_int_equal(stats.files_done, 2);
	part(rig);
}

static void folders_get_the_numbers_of_their_ends(void **state)
{
	struct rig *rig = *state;
	struct task *task;

	begin(rig);
	task = rig_task(rig, TASK_WALK);
	task->walk->items[0].entry = rig_entry(ENTRY_FOLDER, "d", 0);
	task->walk->items[1].entry = rig_entry(ENTRY_FOLDER, "d/e", 0);
	task->walk->items[2].entry = rig_entry(ENTRY_FOLDER_END, "d/e", 0);
	task->walk->items[3].entry = rig_entry(ENTRY_FOLDER_END, "d", 0);
	task->walk->count = 4;
	task->walk->end = 1;
	rig_back(rig, task);
	for (uint64_t i = 0; i < 4; i++) {
		union message said = rig_said(rig, FRAME_ENTRY);

		assert_int_equal(said.entry->index, RIG_ENTRY + i);
		if (i >= 2)
			assert_int_equal(said.entry->opened, RIG_ENTRY + 3 - i);
		entry_free(said.entry);
	}
	for (uint64_t i = 0; i < 4; i++)
		receipt(rig, RIG_ENTRY + i, RECEIPT_DONE, 0);
	rig_reported(rig, REPORT_DONE, "d");
	rig_reported(rig, REPORT_DONE, "d/e");
	assert_int_equal(rig->report_count, 0); /* ends are not told */
	part(rig);
}

/* ---- window, cumulative and selective ACKs ------------------------------ */

static void no_more_than_the_window_is_out(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 6 * LEAF;

	rig->config.window = 2 * LEAF;
	begin(rig);
	WALK(rig, size);
	announced(rig, RIG_ENTRY);
	need_all(rig, RIG_ENTRY);
	read_and_send_all(rig);
	assert_int_equal(sent(rig), RIG_SEQ);
	assert_int_equal(sent(rig), RIG_SEQ + 1);
	assert_int_equal(rig_count(rig, FRAME_CHUNK), 0);
	/* A range that is confirmed makes room for as much. */
	ack(rig, RIG_SEQ, RIG_SEQ + 1, RIG_SEQ + 2);
	read_and_send_all(rig);
	assert_int_equal(sent(rig), RIG_SEQ + 2);
	assert_int_equal(rig_count(rig, FRAME_CHUNK), 0);
	ack(rig, RIG_SEQ, RIG_SEQ + 1, RIG_SEQ + 2); /* again: nothing */
	read_and_send_all(rig);
	assert_int_equal(rig_count(rig, FRAME_CHUNK), 0);
	ack(rig, RIG_SEQ + 3, 0, 0);
	read_and_send_all(rig);
	assert_int_equal(sent(rig), RIG_SEQ + 3);
	assert_int_equal(sent(rig), RIG_SEQ + 4);
	/* One that says less came late. */
	ack(rig, RIG_SEQ, 0, 0);
	read_and_send_all(rig);
	assert_int_equal(rig_count(rig, FRAME_CHUNK), 0);
	ack(rig, RIG_SEQ + 5, 0, 0);
	read_and_send_all(rig);
	assert_int_equal(sent(rig), RIG_SEQ + 5);
	committed(rig, RIG_ENTRY, size, 0);
}

/* A lane that has enough queued is left alone. */
static void a_full_lane_is_not_filled(void **state)
{
	struct rig *rig = *state;
	size_t out;

	begin(rig);
	WALK(rig, 40 * LEAF);
	announced(rig, RIG_ENTRY);
	need_all(rig, RIG_ENTRY);
	read_all(rig);
	out = rig_count(rig, FRAME_CHUNK);
	assert_true(out >= 4 && out < 12);
	rig_sent(rig);
	read_all(rig);
	assert_true(rig_count(rig, FRAME_CHUNK) > out);
}

/* ---- what was lost or damaged ------------------------------------------- */

static void a_refused_chunk_goes_again_and_is_counted(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 2 * LEAF;
	struct transfer_stats stats;

	send_file(rig, size);
	committed(rig, RIG_ENTRY, size, 0);
	assert_int_equal(sent(rig), RIG_SEQ);
	assert_int_equal(sent(rig), RIG_SEQ + 1);
	nack(rig, RIG_ENTRY, RIG_SEQ + 1, NACK_DIGEST);
	rig_reported(rig, REPORT_RESENT, "a");
	nack(rig, RIG_ENTRY, RIG_SEQ + 1, NACK_DIGEST); /* again: it is read */
	assert_int_equal(rig->report_count, 0);
	assert_int_equal(read_leaf(rig), 1);
	assert_int_equal(sent(rig), RIG_SEQ + 1);
	read_all(rig);
	/* It has to be committed anew: the first COMMIT may be answered. */
	committed(rig, RIG_ENTRY, size, 0);
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.chunks_resent, 1);
	assert_int_equal(stats.bytes_sent, 3 * LEAF);
	ack(rig, RIG_SEQ + 2, 0, 0);
	nack(rig, RIG_ENTRY, RIG_SEQ + 1, NACK_DIGEST); /* late */
	assert_int_equal(rig_tasks(rig, TASK_READ), 0);
	receipt(rig, RIG_ENTRY, RECEIPT_DONE, size);
	nack(rig, RIG_ENTRY, RIG_SEQ, NACK_DIGEST); /* later still */
	rig_reported(rig, REPORT_DONE, "a");
	assert_int_equal(rig->failed, 0);
}

static void five_times_damaged_is_given_up_by_name(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 2 * LEAF;
	struct rig_report report;
	struct transfer_stats stats;
	struct frame *frame;
	union message said;

	begin(rig);
	WALK(rig, size, 5);
	announced(rig, RIG_ENTRY);
	announced(rig, RIG_ENTRY + 1);
	need_all(rig, RIG_ENTRY);
	need_all(rig, RIG_ENTRY + 1);
	read_and_send_all(rig);
	for (int time = 1; time < 5; time++) {
		nack(rig, RIG_ENTRY, RIG_SEQ, NACK_DIGEST);
		rig_reported(rig, REPORT_RESENT, "a");
		read_and_send_all(rig);
	}
	/* The other leaf counts for itself. */
	nack(rig, RIG_ENTRY, RIG_SEQ + 1, NACK_DIGEST);
	rig_reported(rig, REPORT_RESENT, "a");
	read_and_send_all(rig);
	assert_int_equal(rig_count(rig, FRAME_PROBLEM), 0);
	nack(rig, RIG_ENTRY, RIG_SEQ, NACK_DIGEST);
	rig_reported(rig, REPORT_RESENT, "a");
	report = rig_report(rig);
	assert_int_equal(report.kind, REPORT_FAILED);
	assert_string_equal(report.path, "a");
	assert_non_null(strstr(report.text, "damaged five times"));
	/* The far end's user hears of it too. */
	frame = rig_frame(rig, FRAME_PROBLEM, NULL);
	assert_int_equal(decode(frame, &said), 0);
	assert_int_equal(said.problem.entry, RIG_ENTRY);
	assert_int_equal(said.problem.kind, PROBLEM_FAILED);
	frame_free(frame);
	rig_forget_frames(rig);
	nack(rig, RIG_ENTRY, RIG_SEQ, NACK_DIGEST);
	assert_int_equal(rig_tasks(rig, TASK_READ), 0);
	receipt(rig, RIG_ENTRY, RECEIPT_WITHDRAWN, 0);

	/* The others go on. */
	ack(rig, RIG_SEQ + 3, 0, 0);
	receipt(rig, RIG_ENTRY + 1, RECEIPT_DONE, 5);
	rig_reported(rig, REPORT_DONE, "b");
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.files_failed, 1);
	assert_int_equal(stats.files_done, 1);
	assert_int_equal(stats.chunks_resent, 5);
	part(rig);
}

static void a_dead_lanes_chunks_go_on_another(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 4 * LEAF;
	uint32_t lanes[4];
	size_t on_first = 0;

	begin(rig);
	rig_lane(rig, EVENT_LANE_UP, 1);
	WALK(rig, size);
	announced(rig, RIG_ENTRY);
	need_all(rig, RIG_ENTRY);
	read_all(rig);
	for (uint64_t i = 0; i < 4; i++) {
		assert_int_equal(sent_on(rig, &lanes[i]), RIG_SEQ + i);
		on_first += lanes[i] == 0;
	}
	/* Both were used. */
	assert_true(on_first > 0 && on_first < 4);
	committed(rig, RIG_ENTRY, size, 0);
	rig_forget_frames(rig);
	/* One of its chunks was confirmed before. */
	for (uint64_t i = 0; i < 4; i++)
		if (lanes[i] == 0) {
			ack(rig, RIG_SEQ, RIG_SEQ + i, RIG_SEQ + i + (i > 0));
			if (i == 0)
				ack(rig, RIG_SEQ + 1, 0, 0);
			break;
		}
	rig_lane(rig, EVENT_LANE_DOWN, 0);
	assert_int_equal(rig->failed, 0);
	read_all(rig);
	assert_int_equal(rig_count(rig, FRAME_CHUNK), on_first - 1);
	while (rig_count(rig, FRAME_CHUNK) > 0) {
		uint32_t lane;

		sent_on(rig, &lane);
		assert_int_equal(lane, 1);
	}
	committed(rig, RIG_ENTRY, size, 0);
	rig_lane(rig, EVENT_LANE_DOWN, 1);
	assert_int_equal(rig->failed, EXIT_LOST);
}

static void what_is_not_answered_is_said_again(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 2 * LEAF, again = rig->config.resend_time;
	union message said;

	rig->config.ping_time = rig->config.idle_time = 1000000 * RIG_SECOND;
	begin(rig);
	WALK(rig, size);
	announced(rig, RIG_ENTRY);
	rig_forget_frames(rig);
	rig_pass(rig, again - 1);
	assert_int_equal(rig_count(rig, FRAME_ENTRY), 0);
	rig_pass(rig, 1);
	announced(rig, RIG_ENTRY);
	need_all(rig, RIG_ENTRY);
	read_all(rig);
	rig_sent(rig);
	committed(rig, RIG_ENTRY, size, 0);
	rig_forget_frames(rig);
	/* Nothing is confirmed for so long: the chunks may be lost.  The wait
	 * has doubled, for one went by in vain. */
	rig_pass(rig, again);
	assert_int_equal(rig_tasks(rig, TASK_READ), 0);
	rig_sent(rig);
	rig_pass(rig, again);
	read_all(rig);
	assert_int_equal(sent(rig), RIG_SEQ);
	assert_int_equal(sent(rig), RIG_SEQ + 1);
	ack(rig, RIG_SEQ + 2, 0, 0);
	rig_forget_frames(rig);
	/* The COMMIT may be, or its answer. */
	rig_pass(rig, again);
	said = rig_said(rig, FRAME_COMMIT);
	assert_int_equal(said.commit.flags & COMMIT_AGAIN, COMMIT_AGAIN);
	receipt(rig, RIG_ENTRY, RECEIPT_DONE, size);
	rig_said(rig, FRAME_BYE);
	rig_forget_frames(rig);
	rig_pass(rig, again);
	rig_said(rig, FRAME_BYE);
	rig_hear(rig, message_empty(FRAME_BYE));
	assert_true(rig->finished);
}

/* A slow line: chunks wait in its queue, and are not sent twice for that. */
static void what_is_still_queued_is_not_lost(void **state)
{
	struct rig *rig = *state;

	rig->config.ping_time = rig->config.idle_time = 1000000 * RIG_SECOND;
	send_file(rig, 2 * LEAF);
	rig_forget_frames(rig);
	rig_pass(rig, 10 * rig->config.resend_time);
	read_all(rig);
	assert_int_equal(rig_count(rig, FRAME_CHUNK), 0);
}

/* ---- what the receiver has ---------------------------------------------- */

static void leaves_that_it_has_are_not_sent(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 4 * LEAF;
	struct transfer_stats stats;

	begin(rig);
	WALK(rig, size);
	announced(rig, RIG_ENTRY);
	need_but(rig, RIG_ENTRY, size, 1, 3, 0);
	need_but(rig, RIG_ENTRY, size, 1, 3, 0); /* again */
	read_all(rig);
	assert_int_equal(sent(rig), RIG_SEQ);
	assert_int_equal(sent(rig), RIG_SEQ + 3);
	assert_int_equal(rig_count(rig, FRAME_CHUNK), 0);
	committed(rig, RIG_ENTRY, size, 0);
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.bytes_reused, 2 * LEAF);
	/* One of them has rotted there. */
	nack(rig, RIG_ENTRY, RIG_SEQ + 2, NACK_DISK);
	rig_reported(rig, REPORT_RESENT, "a");
	read_all(rig);
	assert_int_equal(sent(rig), RIG_SEQ + 2);
	committed(rig, RIG_ENTRY, size, 0);
	nack(rig, RIG_ENTRY, RIG_SEQ + 2, NACK_DISK);
	read_all(rig);
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.bytes_reused, LEAF);
	ack(rig, RIG_SEQ + 4, 0, 0);
	receipt(rig, RIG_ENTRY, RECEIPT_DONE, size);
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.bytes_confirmed, size);
	rig_forget_frames(rig);
}

/* All was sent in an earlier session; the source may have changed since. */
static void nothing_is_committed_without_a_look_at_the_source(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 2 * LEAF;

	begin(rig);
	WALK(rig, size, size);
	announced(rig, RIG_ENTRY);
	announced(rig, RIG_ENTRY + 1);
	need_but(rig, RIG_ENTRY, size, 0, 2, 0);
	assert_int_equal(rig_count(rig, FRAME_COMMIT), 0);
	assert_true(rig->tasks[0]->read->check_only);
	read_leaf(rig);
	committed(rig, RIG_ENTRY, size, 0);
	need_but(rig, RIG_ENTRY + 1, size, 0, 2, 0);
	changed(rig, size);
	assert_int_equal(rig_count(rig, FRAME_COMMIT), 0);
	rig_said(rig, FRAME_WITHDRAW);
	announced(rig, RIG_ENTRY + 2);
}

static void leaves_of_another_version_are_compared(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 3 * LEAF;
	union message said;
	struct task *task;

	begin(rig);
	WALK(rig, size);
	announced(rig, RIG_ENTRY);
	need_but(rig, RIG_ENTRY, size, 0, 2, NEED_COMPARE);
	assert_int_equal(rig_tasks(rig, TASK_READ), 2);
	assert_true(rig->tasks[0]->read->digest_only);
	assert_int_equal(read_leaf(rig), 0); /* it is equal */
	task = rig_task(rig, TASK_READ);
	task->read->status = READ_DONE;
	task->read->digest = digest_of("another", 7);
	rig_back(rig, task);
	said = rig_said(rig, FRAME_KEEP);
	assert_int_equal(said.keep.entry, RIG_ENTRY);
	assert_int_equal(said.keep.range_count, 1);
	assert_int_equal(said.keep.ranges[0].first, 0);
	assert_int_equal(said.keep.ranges[0].end, 1);
	free(said.keep.ranges);
	read_all(rig);
	assert_int_equal(sent(rig), RIG_SEQ + 1);
	assert_int_equal(sent(rig), RIG_SEQ + 2);
	committed(rig, RIG_ENTRY, size, 0);
	/* It could not keep it after all. */
	nack(rig, RIG_ENTRY, RIG_SEQ, NACK_LOST);
	read_all(rig);
	assert_int_equal(sent(rig), RIG_SEQ);
	committed(rig, RIG_ENTRY, size, 0);
}

static void content_that_is_the_same_is_committed_in_place(void **state)
{
	struct rig *rig = *state;
	const uint64_t size = 2 * LEAF;
	struct transfer_stats stats;

	begin(rig);
	WALK(rig, size);
	announced(rig, RIG_ENTRY);
	need_but(rig, RIG_ENTRY, size, 0, 2, NEED_COMPARE | NEED_TARGET);
	read_leaf(rig);
	read_leaf(rig);
	/* Not before the version was looked at. */
	assert_int_equal(rig_count(rig, FRAME_COMMIT), 0);
	assert_int_equal(read_leaf(rig), UINT64_MAX);
	committed(rig, RIG_ENTRY, size, COMMIT_IDENTICAL);
	assert_int_equal(rig_count(rig, FRAME_KEEP), 0);
	receipt(rig, RIG_ENTRY, RECEIPT_DONE, size);
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.bytes_sent, 0);
	assert_int_equal(stats.bytes_confirmed, size);
	rig_reported(rig, REPORT_DONE, "a");
}

/* ---- a source that changes ---------------------------------------------- */

static void a_change_is_planned_anew(void **state)
{
	struct rig *rig = *state;
	union message said;
	uint64_t seq;

	begin(rig);
	WALK(rig, 2 * LEAF);
	announced(rig, RIG_ENTRY);
	need_all(rig, RIG_ENTRY);
	read_leaf(rig);
	changed(rig, LEAF);
	said = rig_said(rig, FRAME_WITHDRAW);
	assert_int_equal(said.withdraw, RIG_ENTRY);
	seq = announced(rig, RIG_ENTRY + 1);
	assert_int_equal(seq, RIG_SEQ + 2); /* a number means one thing */
	assert_int_equal(rig_count(rig, FRAME_COMMIT), 0);
	assert_int_equal(rig->report_count, 0);
	/* What is said of the first one is late. */
	ack(rig, RIG_SEQ + 2, 0, 0);
	receipt(rig, RIG_ENTRY, RECEIPT_WITHDRAWN, 0);
	need_all(rig, RIG_ENTRY + 1);
	read_all(rig);
	ack(rig, RIG_SEQ + 3, 0, 0);
	receipt(rig, RIG_ENTRY + 1, RECEIPT_DONE, LEAF);
	rig_reported(rig, REPORT_DONE, "a");
	rig_said(rig, FRAME_BYE);
}

/* Same size and times, and yet other bytes. */
static void other_bytes_are_another_version(void **state)
{
	struct rig *rig = *state;
	struct task *task;

	send_file(rig, 2 * LEAF);
	rig_forget_frames(rig);
	nack(rig, RIG_ENTRY, RIG_SEQ, NACK_DIGEST);
	task = rig_task(rig, TASK_READ);
	task->read->status = READ_DONE;
	task->read->digest = digest_of("other", 5);
	task->read->chunk = rig_chunk(RIG_ENTRY, RIG_SEQ, 2 * LEAF, 0);
	rig_back(rig, task);
	/* Nothing is known of the new version: it is given up. */
	rig_said(rig, FRAME_PROBLEM);
	assert_int_equal(rig_count(rig, FRAME_CHUNK), 0);
	assert_int_equal(rig_report(rig).kind, REPORT_RESENT);
	assert_int_equal(rig_report(rig).kind, REPORT_FAILED);
}

static void a_change_without_end_is_reported(void **state)
{
	struct rig *rig = *state;
	struct rig_report report;

	begin(rig);
	WALK(rig, LEAF);
	for (uint64_t time = 0; time < 3; time++) {
		announced(rig, RIG_ENTRY + time);
		need_all(rig, RIG_ENTRY + time);
		changed(rig, LEAF);
	}
	rig_said(rig, FRAME_PROBLEM);
	report = rig_report(rig);
	assert_int_equal(report.kind, REPORT_FAILED);
	assert_non_null(strstr(report.text, "changes while it is read"));
	assert_int_equal(rig_count(rig, FRAME_ENTRY), 0);
	for (uint64_t time = 0; time < 3; time++)
		receipt(rig, RIG_ENTRY + time, RECEIPT_WITHDRAWN, 0);
	rig_said(rig, FRAME_BYE);
}

static void vanished_and_unreadable(void **state)
{
	struct rig *rig = *state;
	struct rig_report report;
	struct transfer_stats stats;
	struct frame *frame;
	union message said;
	struct task *task;

	begin(rig);
	WALK(rig, LEAF, LEAF);
	need_all(rig, RIG_ENTRY);
	need_all(rig, RIG_ENTRY + 1);
	task = rig_task(rig, TASK_READ);
	task->read->status = READ_GONE;
	task->read->path = strdup("src/a"); /* as the user named it */
	rig_back(rig, task);
	rig_reported(rig, REPORT_VANISHED, "src/a");
	frame = rig_frame(rig, FRAME_PROBLEM, NULL);
	assert_int_equal(decode(frame, &said), 0);
	assert_int_equal(said.problem.kind, PROBLEM_VANISHED);
	assert_int_equal(said.problem.path_length, 5);
	assert_memory_equal(said.problem.path, "src/a", 5);
	frame_free(frame);
	task = rig_task(rig, TASK_READ);
	task->read->status = READ_FAILED;
	rig_back_failed(rig, task, EACCES, "cannot read: no");
	report = rig_report(rig);
	assert_int_equal(report.kind, REPORT_FAILED);
	assert_string_equal(report.text, "cannot read: no");
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.files_vanished, 1);
	assert_int_equal(stats.files_failed, 1);
	/* Until they are answered it does not part. */
	rig_forget_frames(rig);
	receipt(rig, RIG_ENTRY, RECEIPT_WITHDRAWN, 0);
	assert_int_equal(rig_count(rig, FRAME_BYE), 0);
	receipt(rig, RIG_ENTRY + 1, RECEIPT_WITHDRAWN, 0);
	rig_said(rig, FRAME_BYE);
}

/* Nothing more comes: the receiver need not wait for its group's time. */
static void after_the_last_withdrawal_it_says_so(void **state)
{
	struct rig *rig = *state;
	struct task *task;

	begin(rig);
	WALK(rig, 5, LEAF);
	need_all(rig, RIG_ENTRY);
	read_all(rig);
	rig_sent(rig);
	rig_forget_frames(rig);
	need_all(rig, RIG_ENTRY + 1);
	task = rig_task(rig, TASK_READ);
	task->read->status = READ_GONE;
	rig_back(rig, task);
	rig_sent(rig);
	rig_said(rig, FRAME_PROBLEM);
	rig_said(rig, FRAME_FLUSH);
}

static void what_cannot_be_walked_is_told(void **state)
{
	struct rig *rig = *state;
	struct task *task;

	begin(rig);
	task = rig_task(rig, TASK_WALK);
	task->walk->items[0].problem = PROBLEM_SKIPPED;
	task->walk->items[0].path = strdup("src/pipe");
	task->walk->items[0].text = strdup("is a pipe");
	task->walk->items[1].problem = PROBLEM_FAILED;
	task->walk->items[1].path = strdup("src/secret");
	task->walk->items[1].text = strdup("cannot open");
	task->walk->count = 2;
	task->walk->end = 1;
	rig_back(rig, task);
	rig_reported(rig, REPORT_SKIPPED, "src/pipe");
	rig_reported(rig, REPORT_FAILED, "src/secret");
	assert_int_equal(rig_count(rig, FRAME_PROBLEM), 2);
	receipt(rig, RIG_ENTRY, RECEIPT_WITHDRAWN, 0);
	receipt(rig, RIG_ENTRY + 1, RECEIPT_WITHDRAWN, 0);
	rig_said(rig, FRAME_BYE);
}

/* ---- what the receiver says --------------------------------------------- */

static void a_failure_there_is_one_files(void **state)
{
	struct rig *rig = *state;
	struct rig_report report;

	begin(rig);
	WALK(rig, LEAF, LEAF);
	need_all(rig, RIG_ENTRY);
	receipt(rig, RIG_ENTRY, RECEIPT_FAILED, 0);
	report = rig_report(rig);
	assert_int_equal(report.kind, REPORT_FAILED);
	assert_string_equal(report.path, "a");
	assert_string_equal(report.text, "no room");
	receipt(rig, RIG_ENTRY, RECEIPT_FAILED, 0); /* again */
	assert_int_equal(rig->report_count, 0);
	/* A read that was out comes back to nobody. */
	read_all(rig);
	assert_int_equal(rig_count(rig, FRAME_CHUNK), 0);
	need_all(rig, RIG_ENTRY + 1);
	read_all(rig);
	ack(rig, RIG_SEQ + 2, 0, 0);
	receipt(rig, RIG_ENTRY + 1, RECEIPT_DONE, LEAF);
	rig_reported(rig, REPORT_DONE, "b");
	rig_said(rig, FRAME_BYE);
}

static void frames_of_another_session_are_dropped(void **state)
{
	struct rig *rig = *state;
	const struct message_need need = {.entry = RIG_ENTRY,
					  .flags = NEED_LAST};
	const struct message_receipt done = {.entry = RIG_ENTRY};
	const struct message_ack all = {.below = RIG_SEQ + 1};
	const struct message_nack again = {RIG_SEQ, RIG_ENTRY, NACK_DIGEST};
	const struct message_error error = {
	    .code = 11, .text = "x", .text_length = 1};
	struct transfer_stats stats;

	begin(rig);
	WALK(rig, LEAF);
	rig_forget_frames(rig);
	rig_hear_stale(rig, message_need_encode(&need));
	rig_quiet(rig);
	need_all(rig, RIG_ENTRY);
	read_all(rig);
	rig_forget_frames(rig);
	rig_hear_stale(rig, message_ack_encode(&all));
	rig_hear_stale(rig, message_nack_encode(&again));
	rig_hear_stale(rig, message_receipt_encode(&done));
	rig_hear_stale(rig, message_error_encode(&error));
	rig_hear_stale(rig, message_empty(FRAME_PING));
	rig_hear_stale(rig, message_empty(FRAME_BYE));
	rig_quiet(rig);
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.bytes_confirmed, 0);
}

static void bye_is_an_answer(void **state)
{
	struct rig *rig = *state;

	send_file(rig, 5);
	rig_hear(rig, message_empty(FRAME_BYE)); /* to nothing */
	assert_false(rig->finished);
}

/* File 10 has the chunks 100 and 101, file 11 is a link's place. */
static struct frame *wrong_frame(unsigned number)
{
	static uint8_t digests[3 * 16];
	static const struct message_need beyond = {
	    .entry = RIG_ENTRY,
	    .flags = NEED_LAST,
	    .first_leaf = 0,
	    .leaf_count = 3,
	    .digests = digests,
	};
	static const struct message_need far_beyond = {
	    .entry = RIG_ENTRY,
	    .flags = NEED_LAST,
	    .first_leaf = UINT64_C(1) << 61,
	    .leaf_count = 1,
	    .digests = digests,
	};
	static const struct message_receipt done = {.entry = RIG_ENTRY};
	static const struct message_receipt dropped = {
	    .entry = RIG_ENTRY, .status = RECEIPT_WITHDRAWN};
	static const struct message_error no_error = {.code = 0, .text = ""};

	switch (number) {
	case 0:
		return message_need_encode(&beyond);
	case 1:
		return message_need_encode(&far_beyond);
	case 2:
		return message_receipt_encode(&done); /* nothing was sent */
	case 3:
		return message_receipt_encode(&dropped); /* unasked */
	case 4:
		return message_empty(FRAME_FLUSH); /* which is ours */
	case 5:
		return rig_chunk(RIG_ENTRY, RIG_SEQ, 5, 0);
	case 6:
		return message_error_encode(&no_error);
	case 7:
		return message_empty(FRAME_NEED);
	case 8:
		return message_empty(FRAME_ACK);
	case 9:
		return message_empty(FRAME_NACK);
	case 10:
		return message_empty(FRAME_RECEIPT);
	default:
		return NULL;
	}
}

static void what_breaks_the_protocol_ends_it(void **state)
{
	struct frame *frame;

	begin(*state);
	for (unsigned number = 0; (frame = wrong_frame(number)) != NULL;
	     number++) {
		struct rig rig;

		rig_init(&rig);
		begin(&rig);
		WALK(&rig, 2 * LEAF);
		rig_hear(&rig, frame);
		if (rig.failed != EXIT_PROTOCOL)
			fail_msg("wrong frame %u passed", number);
		assert_int_equal(rig_count(&rig, FRAME_ERROR), 1);
		assert_int_equal(rig.report_count, 0);
		rig_end(&rig);
	}
}

/* A receipt for bytes that are not ours is no confirmation. */
static void a_receipt_for_other_bytes_is_refused(void **state)
{
	struct rig *rig = *state;

	send_file(rig, 2 * LEAF);
	ack(rig, RIG_SEQ + 2, 0, 0);
	receipt(rig, RIG_ENTRY, RECEIPT_DONE, LEAF);
	assert_int_equal(rig->failed, EXIT_PROTOCOL);
	assert_int_equal(rig->report_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_file_of_three_chunks),
	    TEST(a_file_of_one_chunk_commits_itself),
	    TEST(what_is_there_is_not_sent),
	    TEST(folders_get_the_numbers_of_their_ends),
	    TEST(no_more_than_the_window_is_out),
	    TEST(a_full_lane_is_not_filled),
	    TEST(a_refused_chunk_goes_again_and_is_counted),
	    TEST(five_times_damaged_is_given_up_by_name),
	    TEST(a_dead_lanes_chunks_go_on_another),
	    TEST(what_is_not_answered_is_said_again),
	    TEST(what_is_still_queued_is_not_lost),
	    TEST(leaves_that_it_has_are_not_sent),
	    TEST(nothing_is_committed_without_a_look_at_the_source),
	    TEST(leaves_of_another_version_are_compared),
	    TEST(content_that_is_the_same_is_committed_in_place),
	    TEST(a_change_is_planned_anew),
	    TEST(other_bytes_are_another_version),
	    TEST(a_change_without_end_is_reported),
	    TEST(vanished_and_unreadable),
	    TEST(after_the_last_withdrawal_it_says_so),
	    TEST(what_cannot_be_walked_is_told),
	    TEST(a_failure_there_is_one_files),
	    TEST(frames_of_another_session_are_dropped),
	    TEST(bye_is_an_answer),
	    TEST(what_breaks_the_protocol_ends_it),
	    TEST(a_receipt_for_other_bytes_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
