/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_UNIT_MESSAGE_SAMPLES_H
#define FERRY_TESTS_UNIT_MESSAGE_SAMPLES_H

/* One message of each kind; for the tests of messages, after cmocka.h. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/any_message.h"

#define NUMBER_MAX ((uint64_t)1 << 62)

/* ---- one of each --------------------------------------------------------- */

static char *paths[] = {(char *)"/srv/data", (char *)"", (char *)"a\nb"};
static struct seq_range ranges[] = {{10, 12}, {13, 14}, {20, 4000000}};
static uint8_t digests[3 * 16];

static const struct message_hello hello = {
    .nonce = "0123456789abcde", .version_lowest = 1, .version_highest = 7};
static const struct message_open open_pull = {.operation = OPERATION_PULL,
					      .options =
						  OPEN_CHECKSUM | OPEN_COUNT,
					      .uuid = "0123456789abcde",
					      .client = "edcba9876543210",
					      .next_entry = 5,
					      .next_seq = NUMBER_MAX,
					      .paths = paths,
					      .path_count = 3};
static const struct message_open open_sender = {.operation = OPERATION_PULL,
						.options = OPEN_SENDER,
						.uuid = "0123456789abcde",
						.paths = paths,
						.path_count = 1,
						.compression = COMPRESS_AUTO,
						.rate = 1234567};
static const struct message_offer offer = {.flags = OFFER_SINGLE,
					   .names = {{1, 2, 3}},
					   .name = "big.iso",
					   .name_length = 7};
static const struct message_ready ready = {.uuid = "0123456789abcde",
					   .epoch = 0xfedcba98,
					   .resumed = 1,
					   .next_entry = 1,
					   .next_seq = 2};
static const struct message_need need = {.entry = 9,
					 .flags = NEED_LAST | NEED_COMPARE |
						  NEED_TARGET,
					 .size = 123456789,
					 .first_leaf = 77,
					 .leaf_count = 3,
					 .all = 5,
					 .digests = digests};
static const struct message_keep keep = {
    .entry = 3, .range_count = 3, .ranges = ranges};
static const struct message_commit commit = {
    .entry = 4, .flags = COMMIT_IDENTICAL, .file = {{9, 9}}};
static const struct message_ack ack = {
    .below = 9, .range_count = 3, .ranges = ranges};
static const struct message_nack nack = {
    .seq = 6, .entry = 7, .reason = NACK_LOST};
static const struct message_receipt receipt = {.entry = NUMBER_MAX,
					       .status = RECEIPT_FAILED,
					       .text = "no space",
					       .text_length = 8};
static const struct message_problem problem = {.entry = 5,
					       .kind = PROBLEM_VANISHED,
					       .path = "x/y",
					       .path_length = 3,
					       .text = "vanished",
					       .text_length = 8};
static const struct message_stats stats = {.total_files = 1,
					   .total_bytes = UINT64_MAX,
					   .bytes_sent = 3,
					   .chunks_resent = 4};
static const struct message_error error = {
    .code = 75, .text = "held", .text_length = 4};

static inline struct entry *new_entry(enum entry_type type)
{
	struct entry *entry =
	    entry_create(type, "a/b c", 5, type == ENTRY_LINK ? "../x" : NULL,
			 type == ENTRY_LINK ? 4 : 0);

	assert_non_null(entry);
	entry->index = 1000;
	entry->first_seq = 99;
	entry->opened = type == ENTRY_FOLDER_END ? 999 : 0;
	entry->size = type == ENTRY_FILE ? ENTRY_SIZE_MAX : 0;
	entry->mtime_seconds = -5;
	entry->mtime_nanoseconds = 999999999;
	entry->mode = 07755;
	memset(entry->version.bytes, 0xab, 16);
	return entry;
}

static inline struct frame *encoded_entry(enum entry_type type)
{
	struct entry *entry = new_entry(type);
	struct frame *frame = message_entry_encode(entry);

	entry_free(entry);
	return frame;
}

static inline struct frame *encoded_chunk(uint32_t length, uint8_t flags)
{
	struct message_chunk chunk = {.seq = 8,
				      .entry = 2,
				      .offset = flags ? 0 : 5 * LEAF_SIZE,
				      .length = length,
				      .flags = flags};
	struct frame *frame = message_chunk_create(length);

	assert_non_null(frame);
	memset(chunk.digest.bytes, 0x5a, 16);
	memset(message_chunk_data(frame), 'd', length);
	message_chunk_finish(frame, &chunk);
	return frame;
}

/* A leaf of length bytes that takes size, packed; what they are is not looked
 * at. */
static inline struct frame *encoded_packed(uint32_t length, uint32_t size)
{
	struct message_chunk chunk = {.seq = 8,
				      .entry = 2,
				      .offset = 5 * LEAF_SIZE,
				      .length = length,
				      .size = size,
				      .flags = CHUNK_PACKED};
	struct frame *frame = message_chunk_create(length);

	assert_non_null(frame);
	memset(message_chunk_data(frame), 'p', size);
	message_chunk_finish(frame, &chunk);
	return frame;
}

#define SAMPLES 21

static inline void make_samples(struct frame *samples[SAMPLES])
{
	size_t count = 0;

	samples[count++] = message_hello_encode(&hello);
	samples[count++] = message_open_encode(&open_pull);
	samples[count++] = message_offer_encode(&offer);
	samples[count++] = message_ready_encode(&ready);
	samples[count++] = encoded_entry(ENTRY_FILE);
	samples[count++] = encoded_entry(ENTRY_FOLDER);
	samples[count++] = encoded_entry(ENTRY_LINK);
	samples[count++] = encoded_entry(ENTRY_FOLDER_END);
	samples[count++] = message_need_encode(&need);
	samples[count++] = encoded_chunk(100, 0);
	samples[count++] = encoded_chunk(1, CHUNK_WHOLE);
	samples[count++] = message_keep_encode(&keep);
	samples[count++] = message_commit_encode(&commit);
	samples[count++] = message_withdraw_encode(NUMBER_MAX);
	samples[count++] = message_ack_encode(&ack);
	samples[count++] = message_nack_encode(&nack);
	samples[count++] = message_receipt_encode(&receipt);
	samples[count++] = message_problem_encode(&problem);
	samples[count++] = message_stats_encode(&stats);
	samples[count++] = message_error_encode(&error);
	samples[count++] = message_open_encode(&open_sender);
	assert_int_equal(count, SAMPLES);
	for (size_t i = 0; i < SAMPLES; i++) {
		assert_non_null(samples[i]);
		assert_true(samples[i]->body_length <=
			    frame_body_max(samples[i]->type));
		assert_int_equal(samples[i]->flags, 0);
	}
}

static inline void free_samples(struct frame *samples[SAMPLES])
{
	for (size_t i = 0; i < SAMPLES; i++)
		frame_free(samples[i]);
}

#endif
