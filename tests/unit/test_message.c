/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: every message comes back as it went, and none is made too large. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/message_samples.h"

/* Decode it and throw the frame away. */
static union message come_back(struct frame *frame)
{
	union message message;

	memset(&message, 0, sizeof(message));
	assert_non_null(frame);
	assert_int_equal(decode(frame, &message), 0);
	frame_free(frame);
	return message;
}

static void handshake_comes_back(void **state)
{
	union message got;
	struct frame *frame;

	(void)state;
	got = come_back(message_hello_encode(&hello));
	assert_memory_equal(got.hello.nonce, hello.nonce, 16);
	assert_int_equal(got.hello.version_lowest, 1);
	assert_int_equal(got.hello.version_highest, 7);

	got = come_back(message_open_encode(&open_pull));
	assert_int_equal(got.open.operation, OPERATION_PULL);
	assert_int_equal(got.open.options, OPEN_CHECKSUM | OPEN_COUNT);
	assert_memory_equal(got.open.uuid, open_pull.uuid, 16);
	assert_memory_equal(got.open.client, open_pull.client, 16);
	assert_int_equal(got.open.next_entry, 5);
	assert_int_equal(got.open.next_seq, NUMBER_MAX);
	assert_int_equal(got.open.path_count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(got.open.paths[i], paths[i]);
	message_open_free(&got.open);
	message_open_free(&got.open); /* again: nothing */

	got = come_back(message_open_encode(&open_sender));
	assert_int_equal(got.open.options, OPEN_SENDER);
	assert_int_equal(got.open.path_count, 1);
	assert_int_equal(got.open.compression, COMPRESS_AUTO);
	assert_int_equal(got.open.rate, 1234567);
	message_open_free(&got.open);

	frame = message_offer_encode(&offer);
	assert_int_equal(decode(frame, &got), 0);
	assert_int_equal(got.offer.flags, OFFER_SINGLE);
	assert_memory_equal(got.offer.names.bytes, offer.names.bytes, 16);
	assert_int_equal(got.offer.name_length, 7);
	assert_memory_equal(got.offer.name, "big.iso", 7);
	frame_free(frame);

	got = come_back(message_ready_encode(&ready));
	assert_memory_equal(got.ready.uuid, ready.uuid, 16);
	assert_int_equal(got.ready.epoch, 0xfedcba98);
	assert_int_equal(got.ready.resumed, 1);
	assert_int_equal(got.ready.next_entry, 1);
	assert_int_equal(got.ready.next_seq, 2);
}

static void entries_come_back(void **state)
{
	(void)state;
	for (int type = ENTRY_FILE; type <= ENTRY_FOLDER_END; type++) {
		struct entry *entry = new_entry((enum entry_type)type);
		struct entry *got =
		    come_back(message_entry_encode(entry)).entry;

		assert_int_equal(got->type, entry->type);
		assert_int_equal(got->index, entry->index);
		assert_int_equal(got->first_seq, entry->first_seq);
		assert_int_equal(got->opened, entry->opened);
		assert_int_equal(got->size, entry->size);
		assert_int_equal(got->mtime_seconds, -5);
		assert_int_equal(got->mtime_nanoseconds, 999999999);
		assert_int_equal(got->mode, 07755);
		assert_memory_equal(got->version.bytes, entry->version.bytes,
				    16);
		assert_int_equal(got->path_length, 5);
		assert_string_equal(got->path, "a/b c");
		assert_int_equal(got->link_length, entry->link_length);
		assert_int_equal(got->link != NULL, type == ENTRY_LINK);
		if (type == ENTRY_LINK)
			assert_string_equal(got->link, "../x");
		assert_int_equal(got->shares, 0);
		entry_free(got);
		entry_free(entry);
	}
}

static void data_comes_back(void **state)
{
	union message got;
	struct frame *frame = message_need_encode(&need);

	(void)state;
	assert_int_equal(decode(frame, &got), 0);
	assert_int_equal(got.need.entry, 9);
	assert_int_equal(got.need.flags, need.flags);
	assert_int_equal(got.need.size, 123456789);
	assert_int_equal(got.need.first_leaf, 77);
	assert_int_equal(got.need.leaf_count, 3);
	assert_int_equal(got.need.all, 5);
	assert_memory_equal(got.need.digests, digests, sizeof(digests));
	frame_free(frame);

	frame = encoded_chunk((uint32_t)LEAF_SIZE, 0);
	assert_int_equal(decode(frame, &got), 0);
	assert_int_equal(got.chunk.seq, 8);
	assert_int_equal(got.chunk.entry, 2);
	assert_int_equal(got.chunk.offset, 5 * LEAF_SIZE);
	assert_int_equal(got.chunk.length, LEAF_SIZE);
	assert_int_equal(got.chunk.flags, 0);
	assert_int_equal(got.chunk.digest.bytes[15], 0x5a);
	assert_ptr_equal(got.chunk.data, message_chunk_data(frame));
	assert_int_equal(got.chunk.data[LEAF_SIZE - 1], 'd');
	frame_free(frame);

	frame = encoded_packed(LEAF_SIZE, 300);
	assert_int_equal(frame->body_length, CHUNK_HEADER_SIZE + 300);
	assert_int_equal(decode(frame, &got), 0);
	assert_int_equal(got.chunk.length, LEAF_SIZE);
	assert_int_equal(got.chunk.size, 300);
	assert_int_equal(got.chunk.flags, CHUNK_PACKED);
	assert_int_equal(got.chunk.data[299], 'p');
	frame_free(frame);

	got = come_back(message_keep_encode(&keep));
	assert_int_equal(got.keep.entry, 3);
	assert_int_equal(got.keep.range_count, 3);
	assert_memory_equal(got.keep.ranges, ranges, sizeof(ranges));
	free(got.keep.ranges);

	got = come_back(message_commit_encode(&commit));
	assert_int_equal(got.commit.entry, 4);
	assert_int_equal(got.commit.flags, COMMIT_IDENTICAL);
	assert_memory_equal(got.commit.file.bytes, commit.file.bytes, 16);

	got = come_back(message_withdraw_encode(12));
	assert_int_equal(got.withdraw, 12);
}

static void control_comes_back(void **state)
{
	struct message_error unknown = error;
	static const struct message_ack nothing = {.below = 0};
	union message got = come_back(message_ack_encode(&ack));
	struct frame *frame;

	(void)state;
	assert_int_equal(got.ack.below, 9);
	assert_int_equal(got.ack.range_count, 3);
	assert_memory_equal(got.ack.ranges, ranges, sizeof(ranges));
	free(got.ack.ranges);
	got = come_back(message_ack_encode(&nothing));
	assert_int_equal(got.ack.range_count, 0);
	assert_null(got.ack.ranges);

	got = come_back(message_nack_encode(&nack));
	assert_int_equal(got.nack.seq, 6);
	assert_int_equal(got.nack.entry, 7);
	assert_int_equal(got.nack.reason, NACK_LOST);

	frame = message_receipt_encode(&receipt);
	assert_int_equal(decode(frame, &got), 0);
	assert_int_equal(got.receipt.entry, NUMBER_MAX);
	assert_int_equal(got.receipt.status, RECEIPT_FAILED);
	assert_int_equal(got.receipt.text_length, 8);
	assert_memory_equal(got.receipt.text, "no space", 8);
	frame_free(frame);

	frame = message_problem_encode(&problem);
	assert_int_equal(decode(frame, &got), 0);
	assert_int_equal(got.problem.entry, 5);
	assert_int_equal(got.problem.kind, PROBLEM_VANISHED);
	assert_int_equal(got.problem.path_length, 3);
	assert_memory_equal(got.problem.path, "x/y", 3);
	assert_int_equal(got.problem.text_length, 8);
	assert_memory_equal(got.problem.text, "vanished", 8);
	frame_free(frame);

	got = come_back(message_stats_encode(&stats));
	assert_memory_equal(&got.stats, &stats, sizeof(stats));

	frame = message_error_encode(&error);
	assert_int_equal(decode(frame, &got), 0);
	assert_int_equal(got.error.code, 75);
	assert_int_equal(message_error_exit_code(&got.error), 75);
	assert_int_equal(got.error.text_length, 4);
	assert_memory_equal(got.error.text, "held", 4);
	frame_free(frame);

	/* A code that is none of ours is no exit code of ours. */
	unknown.code = 200;
	frame = message_error_encode(&unknown);
	assert_int_equal(decode(frame, &got), 0);
	assert_int_equal(got.error.code, 200);
	assert_int_equal(message_error_exit_code(&got.error), 12);
	frame_free(frame);

	frame = message_empty(FRAME_FLUSH);
	assert_non_null(frame);
	assert_int_equal(frame->type, FRAME_FLUSH);
	assert_int_equal(frame->body_length, 0);
	frame_free(frame);
}

static void limits_hold_when_encoding(void **state)
{
	static char text[2 * TEXT_MAX];
	static struct seq_range many[RANGES_MAX + 1];
	struct message_receipt wordy = receipt;
	struct message_ack long_ack = {.ranges = many};
	struct message_open crowd = open_pull;
	struct message_need much = need;
	struct frame *frame;
	union message got;

	(void)state;
	memset(text, 't', sizeof(text));
	wordy.text = text;
	wordy.text_length = sizeof(text);
	frame = message_receipt_encode(&wordy);
	assert_int_equal(decode(frame, &got), 0);
	assert_int_equal(got.receipt.text_length, TEXT_MAX);
	frame_free(frame);

	for (size_t i = 0; i <= RANGES_MAX; i++) {
		many[i].first = 1 + 2 * i;
		many[i].end = many[i].first + 1;
	}
	long_ack.range_count = RANGES_MAX;
	got = come_back(message_ack_encode(&long_ack));
	assert_int_equal(got.ack.range_count, RANGES_MAX);
	free(got.ack.ranges);
	long_ack.range_count = RANGES_MAX + 1;
	errno = 0;
	assert_null(message_ack_encode(&long_ack));
	assert_int_equal(errno, E2BIG);

	crowd.path_count = OPEN_PATHS_MAX + 1;
	assert_null(message_open_encode(&crowd));
	assert_int_equal(errno, E2BIG);
	much.leaf_count = NEED_LEAVES_MAX + 1;
	assert_null(message_need_encode(&much));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(handshake_comes_back),
	    cmocka_unit_test(entries_come_back),
	    cmocka_unit_test(data_comes_back),
	    cmocka_unit_test(control_comes_back),
	    cmocka_unit_test(limits_hold_when_encoding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
