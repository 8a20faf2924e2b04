/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: LANES, JOIN and FLUSH say what was said, and no other body is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transfer/message.h"

#define TOKEN "\0\377token of a test"

static void they_arrive_as_they_were_said(void **state)
{
	struct message_join join = {.flags = JOIN_BULK}, joined;
	uint8_t token[LANES_TOKEN_SIZE];
	struct frame *frame;
	uint64_t chunks;
	int given;

	(void)state;
	frame = message_lanes_encode(NULL);
	assert_int_equal(message_lanes_decode(frame, token, &given), 0);
	assert_false(given);
	frame_free(frame);
	frame = message_lanes_encode((const uint8_t *)TOKEN);
	assert_int_equal(frame->body_length, LANES_TOKEN_SIZE);
	assert_int_equal(message_lanes_decode(frame, token, &given), 0);
	assert_true(given);
	assert_memory_equal(token, TOKEN, sizeof(token));
	frame_free(frame);

	memcpy(join.token, TOKEN, sizeof(join.token));
	frame = message_join_encode(&join);
	assert_int_equal(message_join_decode(frame, &joined), 0);
	assert_int_equal(joined.flags, JOIN_BULK);
	assert_memory_equal(joined.token, TOKEN, sizeof(joined.token));
	frame_free(frame);

	frame = message_flush_encode((uint64_t)1 << 40);
	assert_int_equal(message_flush_decode(frame, &chunks), 0);
	assert_true(chunks == (uint64_t)1 << 40);
	frame_free(frame);
}

static struct frame *body_of(enum frame_type type, size_t length, uint8_t byte)
{
	struct frame *frame = frame_create(type, length);

	assert_non_null(frame);
	frame->body_length = length;
	memset(frame_body(frame), byte, length);
	return frame;
}

/* No body but those of the right length. */
static void other_lengths_are_refused(void **state)
{
	(void)state;
	for (size_t length = 0; length < 200; length++) {
		uint8_t token[LANES_TOKEN_SIZE];
		struct message_join join;
		struct frame *frame = body_of(FRAME_LANES, length, 0);
		uint64_t chunks;
		int given;

		assert_int_equal(message_lanes_decode(frame, token, &given) ==
				     0,
				 length == 0 || length == LANES_TOKEN_SIZE);
		frame_free(frame);
		frame = body_of(FRAME_JOIN, length, 0);
		assert_int_equal(message_join_decode(frame, &join) == 0,
				 length == LANES_TOKEN_SIZE + 1);
		frame_free(frame);
		frame = body_of(FRAME_FLUSH, length, 0);
		assert_int_equal(message_flush_decode(frame, &chunks) == 0,
				 length == 0 || length == 8);
		frame_free(frame);
	}
}

/* Nor is a header for a longer one believed. */
static void headers_of_longer_ones_are_refused(void **state)
{
	static const enum frame_type types[] = {FRAME_LANES, FRAME_JOIN,
						FRAME_FLUSH};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct frame *frame = body_of(types[i], 1000, 0), *parsed;

		frame_seal(frame);
		assert_int_equal(frame_parse_header(frame->bytes, &parsed), 0);
		frame_free(frame);
	}
}

static void flags_that_are_none_are_refused(void **state)
{
	(void)state;
	for (int flags = 0; flags < 256; flags++) {
		struct frame *frame =
		    body_of(FRAME_JOIN, LANES_TOKEN_SIZE + 1, 0);
		struct message_join join;

		frame_body(frame)[LANES_TOKEN_SIZE] = (uint8_t)flags;
		assert_int_equal(message_join_decode(frame, &join) == 0,
				 flags <= JOIN_BULK);
		frame_free(frame);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(they_arrive_as_they_were_said),
	    cmocka_unit_test(other_lengths_are_refused),
	    cmocka_unit_test(headers_of_longer_ones_are_refused),
	    cmocka_unit_test(flags_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
