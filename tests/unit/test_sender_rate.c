/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: the reading end packs what it is told to, by itself only on a slow
 * line, and nothing for a far end that does not know of it; and with a limit to
 * the rate it puts on its lanes what that allows, no more and no less.  Bytes
 * are counted in the time that the test makes pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/engine_rig.h"
#include "transfer/sender.h"

#define LEAF        ((uint64_t)LEAF_SIZE)
#define MILLISECOND (RIG_SECOND / 1000)
#define MEGA        UINT64_C(1000000)

struct fixture {
	struct rig rig;
	uint64_t size;     /* of the file */
	int noise;         /* its leaves do not shrink; else, to a quarter */
	uint64_t packing;  /* nanoseconds that it takes to pack a leaf */
	uint64_t packer;   /* is busy until then */
	unsigned packs;    /* tasks that were given for that */
	unsigned lane;     /* bytes a millisecond that lane 0 takes; 0: all */
	size_t seen;       /* of rig.frame_bytes, by the lane */
	size_t lane_queue; /* not gone yet */
	uint64_t confirmed;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	rig_init(&fixture->rig);
	fixture->rig.config.ping_time = fixture->rig.config.idle_time =
	    3600 * RIG_SECOND;
	fixture->packing = 2 * MILLISECOND;
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	rig_end(&fixture->rig);
	free(fixture);
	return 0;
}

/* ---- steps -------------------------------------------------------------- */

/* One file, of which the receiver has nothing. */
static void begin(struct fixture *fixture, uint64_t size)
{
	struct rig *rig = &fixture->rig;
	const struct message_need need = {.entry = RIG_ENTRY,
					  .flags = NEED_LAST};
	struct task *task;

	fixture->size = size;
	rig_start(rig, sender_create);
	task = rig_task(rig, TASK_WALK);
	task->walk->items[0].entry = rig_entry(ENTRY_FILE, "f", size);
	task->walk->count = 1;
	task->walk->end = 1;
	rig_back(rig, task);
	rig_hear(rig, message_need_encode(&need));
}

static void do_read(struct fixture *fixture)
{
	struct task *task = rig_task(&fixture->rig, TASK_READ);
	struct task_read *read = task->read;

	read->status = READ_DONE;
	if (!read->check_only) {
		read->digest = rig_leaf_digest(fixture->size, read->leaf);
		read->chunk =
		    rig_chunk(RIG_ENTRY, RIG_SEQ, fixture->size, read->leaf);
	}
	rig_back(&fixture->rig, task);
}

/* As source_pack does; what the bytes are does not matter here. */
static void do_pack(struct fixture *fixture)
{
	struct task *task = rig_task(&fixture->rig, TASK_PACK);
	struct task_read *read = task->read;
	struct message_chunk chunk;

	fixture->packs++;
	if (!fixture->noise) {
		assert_int_equal(message_chunk_decode(read->chunk, &chunk), 0);
		chunk.flags |= CHUNK_PACKED;
		chunk.size = read->packed = chunk.length / 4;
		message_chunk_finish(read->chunk, &chunk);
		read->duration = fixture->packing;
	}
	rig_back(&fixture->rig, task);
}

/* What the disk and the one processor have done by now. */
static void do_tasks(struct fixture *fixture)
{
	struct rig *rig = &fixture->rig;

	for (;;) {
		if (rig_seek(rig, TASK_READ) != NULL) {
			do_read(fixture);
		} else if (rig_seek(rig, TASK_PACK) != NULL &&
			   fixture->packer <= rig->now) {
			fixture->packer = rig->now + fixture->packing;
			do_pack(fixture);
		} else {
			return;
		}
	}
}

/* The far end confirms all, the lane takes what it can, the disk is fast. */
static void turn(struct fixture *fixture)
{
	struct rig *rig = &fixture->rig;
	struct engine_event sent = {.type = EVENT_LANE_SENT};
	struct message_ack ack;

	do_tasks(fixture);
	fixture->lane_queue += rig->frame_bytes - fixture->seen;
	fixture->seen = rig->frame_bytes;
	sent.bytes = fixture->lane == 0 || fixture->lane > fixture->lane_queue
			 ? fixture->lane_queue
			 : fixture->lane;
	fixture->lane_queue -= sent.bytes;
	if (sent.bytes > 0)
		rig_event(rig, &sent);
	while (rig_count(rig, FRAME_CHUNK) > 0) {
		struct frame *frame = rig_frame(rig, FRAME_CHUNK, NULL);
		struct message_chunk chunk;

		assert_int_equal(message_chunk_decode(frame, &chunk), 0);
		if (chunk.seq >= fixture->confirmed)
			fixture->confirmed = chunk.seq + 1;
		frame_free(frame);
	}
	rig_forget_frames(rig);
	ack = (struct message_ack){.below = fixture->confirmed};
	rig_hear(rig, message_ack_encode(&ack));
	rig_forget_frames(rig);
}

/* Events come when the engine asks to be woken, and each millisecond. */
static void pass(struct fixture *fixture, uint64_t nanoseconds)
{
	struct rig *rig = &fixture->rig;
	uint64_t end = rig->now + nanoseconds;

	while (rig->now < end) {
		uint64_t next = rig->now + MILLISECOND;

		if (engine_deadline(rig->engine) < next)
			next = engine_deadline(rig->engine);
		if (next > end)
			next = end;
		rig_pass(rig, next > rig->now ? next - rig->now : 0);
		turn(fixture);
	}
}

/* ---- what is packed ----------------------------------------------------- */

static void with_a_level_all_is_packed(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	struct transfer_stats stats;
	struct message_chunk chunk;
	struct frame *frame;
	struct task *task;

	rig->config.compression = 7;
	begin(fixture, LEAF + 1000);
	do_read(fixture);
	do_read(fixture);
	assert_int_equal(rig_count(rig, FRAME_CHUNK), 0);
	assert_int_equal(rig_tasks(rig, TASK_PACK), 2);
	task = rig_seek(rig, TASK_PACK);
	assert_int_equal(task->read->level, 7);
	assert_false(task->read->doubt);
	/* Out of order, too: nothing is committed before all are out. */
	task = rig_task(rig, TASK_PACK);
	do_pack(fixture);
	assert_int_equal(rig_count(rig, FRAME_COMMIT), 0);
	rig_back(rig, task); /* it does not shrink */
	frame = rig_frame(rig, FRAME_CHUNK, NULL);
	assert_int_equal(message_chunk_decode(frame, &chunk), 0);
	assert_int_equal(chunk.flags, CHUNK_PACKED);
	assert_int_equal(chunk.length, 1000);
	assert_int_equal(chunk.size, 250);
	/* What is put on lanes is counted. */
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.bytes_sent, LEAF + chunk.size);
	frame_free(frame);
	frame = rig_frame(rig, FRAME_CHUNK, NULL);
	assert_int_equal(message_chunk_decode(frame, &chunk), 0);
	assert_int_equal(chunk.flags, 0);
	assert_int_equal(chunk.length, LEAF);
	frame_free(frame);
	assert_int_equal(rig_count(rig, FRAME_COMMIT), 1);
}

static void some_are_sent_as_they_are(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;

	/* A few bytes. */
	rig->config.compression = 7;
	begin(fixture, 100);
	do_read(fixture);
	assert_int_equal(rig_tasks(rig, TASK_PACK), 0);
	assert_int_equal(rig_count(rig, FRAME_CHUNK), 1);
}

static void nothing_is_packed_for_version_1(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;

	rig->config.version = 1;
	rig->config.compression = 7;
	begin(fixture, LEAF);
	do_read(fixture);
	assert_int_equal(rig_tasks(rig, TASK_PACK), 0);
	rig_end(rig);

	rig_init(rig);
	rig->config.version = 1;
	rig->config.compression = COMPRESS_AUTO;
	rig->config.rate = MEGA;
	begin(fixture, 50 * LEAF);
	pass(fixture, 5 * RIG_SECOND);
	assert_int_equal(fixture->packs, 0);
	assert_true(fixture->confirmed > RIG_SEQ);
}

static void what_is_given_up_is_not_packed(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	struct message_receipt failed = {.entry = RIG_ENTRY,
					 .status = RECEIPT_FAILED,
					 .text = "full",
					 .text_length = 4};

	rig->config.compression = 1;
	begin(fixture, 3 * LEAF);
	do_read(fixture);
	assert_int_equal(rig_tasks(rig, TASK_PACK), 1);
	rig_hear(rig, message_receipt_encode(&failed));
	rig_reported(rig, REPORT_FAILED, "f");
	do_read(fixture);
	assert_int_equal(rig_tasks(rig, TASK_PACK), 1);
	do_pack(fixture);
	do_read(fixture);
	assert_int_equal(rig_count(rig, FRAME_CHUNK), 0);
	assert_int_equal(rig_count(rig, FRAME_BYE), 1);
}

/* A chunk that goes again is packed again, in its place in the window. */
static void what_goes_again_is_packed_again(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	struct message_nack nack = {RIG_SEQ, RIG_ENTRY, NACK_DIGEST};
	struct transfer_stats stats;
	uint64_t sent;

	rig->config.compression = 1;
	begin(fixture, LEAF);
	do_read(fixture);
	do_pack(fixture);
	frame_free(rig_frame(rig, FRAME_CHUNK, NULL));
	engine_stats(rig->engine, &stats);
	sent = stats.bytes_sent;
	rig_hear(rig, message_nack_encode(&nack));
	rig_reported(rig, REPORT_RESENT, "f");
	do_read(fixture);
	do_pack(fixture);
	frame_free(rig_frame(rig, FRAME_CHUNK, NULL));
	engine_stats(rig->engine, &stats);
	assert_int_equal(stats.bytes_sent, 2 * sent);
	assert_int_equal(stats.chunks_resent, 1);
}

/* ---- by itself ---------------------------------------------------------- */

static void a_fast_line_gets_plain_chunks(void **state)
{
	struct fixture *fixture = *state;

	fixture->rig.config.compression = COMPRESS_AUTO;
	fixture->lane = 400000; /* 400 MB/s */
	begin(fixture, 1000 * LEAF);
	pass(fixture, 2 * RIG_SECOND);
	assert_true(fixture->confirmed >= RIG_SEQ + 700);
	assert_int_equal(fixture->packs, 0);
}

static void a_slow_line_gets_packed_chunks(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	unsigned packs;

	rig->config.compression = COMPRESS_AUTO;
	fixture->lane = 12000; /* 12 MB/s */
	begin(fixture, 100000 * LEAF);
	/* What is on its way before the line is known: a few chunks. */
	pass(fixture, RIG_SECOND / 20);
	assert_int_equal(fixture->packs, 0);
	assert_true(fixture->confirmed <= RIG_SEQ + 4);
	pass(fixture, RIG_SECOND);
	packs = fixture->packs;
	assert_true(packs > 10);
	/* From then on it is all of them, as many as fill the line. */
	pass(fixture, RIG_SECOND);
	assert_in_range(fixture->packs - packs, 40, 50);
}

static void noise_is_not_packed_for_a_slow_line(void **state)
{
	struct fixture *fixture = *state;
	struct transfer_stats stats;

	fixture->rig.config.compression = COMPRESS_AUTO;
	fixture->lane = 12000;
	fixture->noise = 1;
	begin(fixture, 1000 * LEAF);
	pass(fixture, 3 * RIG_SECOND);
	engine_stats(fixture->rig.engine, &stats);
	assert_int_equal(stats.bytes_sent,
			 (fixture->confirmed - RIG_SEQ) * LEAF);
	/* It was looked at all the same. */
	assert_true(fixture->packs > 20);
}

static void a_slow_processor_gets_plain_chunks(void **state)
{
	struct fixture *fixture = *state;
	unsigned packs;

	fixture->rig.config.compression = COMPRESS_AUTO;
	fixture->lane = 60000;
	fixture->packing = 30 * MILLISECOND; /* 35 MB/s */
	begin(fixture, 10000 * LEAF);
	pass(fixture, RIG_SECOND);
	packs = fixture->packs;
	/* A few tries each second, no more. */
	pass(fixture, 4 * RIG_SECOND);
	assert_true(packs > 0);
	assert_true(fixture->packs < packs + 120);
	assert_true(fixture->confirmed > RIG_SEQ + 200);
}

/* ---- the rate ----------------------------------------------------------- */

/* Bytes of frames in 5 seconds. */
static double in_5_seconds(struct fixture *fixture)
{
	size_t before = fixture->rig.frame_bytes;

	pass(fixture, 5 * RIG_SECOND);
	return (double)(fixture->rig.frame_bytes - before);
}

static void check_rate(struct fixture *fixture, uint64_t rate)
{
	double went = in_5_seconds(fixture);

	assert_true(went > 0.95 * 5 * (double)rate);
	assert_true(went < 1.05 * 5 * (double)rate);
}

static void plain_chunks_keep_to_the_rate(void **state)
{
	struct fixture *fixture = *state;

	fixture->rig.config.rate = 8 * MEGA;
	begin(fixture, 10000 * LEAF);
	for (int i = 0; i < 3; i++)
		check_rate(fixture, 8 * MEGA);
	assert_int_equal(fixture->packs, 0);
}

static void packed_chunks_keep_to_the_rate(void **state)
{
	struct fixture *fixture = *state;

	fixture->rig.config.rate = 2 * MEGA;
	fixture->rig.config.compression = COMPRESS_AUTO;
	begin(fixture, 1000000 * LEAF);
	for (int i = 0; i < 3; i++)
		check_rate(fixture, 2 * MEGA);
	/* All of them, from the first on: the rate is the line. */
	assert_in_range(fixture->packs, 110, 120);
}

/* What goes again counts too, and so do all lanes together. */
static void resends_and_lanes_keep_to_the_rate(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	double went;

	rig->config.rate = 8 * MEGA;
	begin(fixture, 1000 * LEAF);
	rig_lane(rig, EVENT_LANE_UP, 1);
	rig_lane(rig, EVENT_LANE_UP, 2);
	went = in_5_seconds(fixture);
	assert_true(went < 1.05 * 40e6);
	for (int i = 0; i < 5; i++) {
		/* All that it had got is lost. */
		rig_lane(rig, EVENT_LANE_UP, 3);
		rig_lane(rig, EVENT_LANE_DOWN, 0);
		rig_lane(rig, EVENT_LANE_UP, 0);
		went = in_5_seconds(fixture);
		assert_true(went > 0.95 * 40e6 && went < 1.05 * 40e6);
	}
}

/* A pause does not bring a burst. */
static void a_pause_brings_no_burst(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	size_t before;

	rig->config.rate = 8 * MEGA;
	begin(fixture, 10000 * LEAF);
	pass(fixture, RIG_SECOND);
	rig_pass(rig, 100 * RIG_SECOND); /* nothing comes back meanwhile */
	before = rig->frame_bytes;
	pass(fixture, RIG_SECOND);
	assert_true((double)(rig->frame_bytes - before) <
		    8e6 * 1.125 + 2 * (double)LEAF);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(with_a_level_all_is_packed),
	    TEST(some_are_sent_as_they_are),
	    TEST(nothing_is_packed_for_version_1),
	    TEST(what_is_given_up_is_not_packed),
	    TEST(what_goes_again_is_packed_again),
	    TEST(a_fast_line_gets_plain_chunks),
	    TEST(a_slow_line_gets_packed_chunks),
	    TEST(noise_is_not_packed_for_a_slow_line),
	    TEST(a_slow_processor_gets_plain_chunks),
	    TEST(plain_chunks_keep_to_the_rate),
	    TEST(packed_chunks_keep_to_the_rate),
	    TEST(resends_and_lanes_keep_to_the_rate),
	    TEST(a_pause_brings_no_burst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
