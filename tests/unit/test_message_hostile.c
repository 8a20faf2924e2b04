/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: anything shorter, longer or otherwise impossible is refused; and no
 * body, however made, makes a decoder crash, read beyond its end or take more
 * memory than a constant.
 *
 * Linked with --wrap for the allocators that decoders use.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/message_samples.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* What was allocated since it was last set to 0. */
static size_t allocated;

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
char *__real_strndup(const char *, size_t);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
char *__wrap_strndup(const char *, size_t);

void *__wrap_malloc(size_t size)
{
	allocated += size;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	allocated += count * size;
	return __real_calloc(count, size);
}

char *__wrap_strndup(const char *text, size_t length)
{
	allocated += length + 1;
	return __real_strndup(text, length);
}

/* The type with a body of its own size, so that ASan sees its end; what the
 * decoder says of it. */
static int try(enum frame_type type, const uint8_t *body, size_t length)
{
	struct frame *frame = frame_create(type, length);
	union message message;
	int result;

	assert_non_null(frame);
	if (length > 0)
		memcpy(frame_body(frame), body, length);
	frame->body_length = length;
	allocated = 0;
	result = decode(frame, &message);
	assert_true(allocated <= (size_t)1 << 20);
	if (result == 0)
		release(type, &message);
	frame_free(frame);
	return result;
}

static void every_truncation_is_refused(void **state)
{
	struct frame *samples[SAMPLES];

	(void)state;
	make_samples(samples);
	for (size_t i = 0; i < SAMPLES; i++) {
		for (size_t cut = 0; cut < samples[i]->body_length; cut++)
			assert_int_equal(
			    try(samples[i]->type, frame_body(samples[i]), cut),
			    -1);
	}
	free_samples(samples);
}

static void every_byte_more_is_refused(void **state)
{
	struct frame *samples[SAMPLES];
	uint8_t body[1024];

	(void)state;
	make_samples(samples);
	for (size_t i = 0; i < SAMPLES; i++) {
		size_t length = samples[i]->body_length;

		assert_true(length < sizeof(body));
		memcpy(body, frame_body(samples[i]), length);
		assert_int_equal(try(samples[i]->type, body, length), 0);
		for (int byte = 0; byte < 256; byte++) {
			body[length] = (uint8_t)byte;
			assert_int_equal(
			    try(samples[i]->type, body, length + 1), -1);
		}
	}
	free_samples(samples);
}

/* One number of a sample replaced. */
struct change {
	const char *what;
	enum frame_type type;
	size_t at;
	unsigned size;
	uint64_t value;
};

/* Offsets are those of ferry-protocol(7). */
static const struct change changes[] = {
    {"version 0", FRAME_HELLO, 16, 2, 0},
    {"versions the wrong way round", FRAME_HELLO, 18, 2, 0},
    {"operation 0", FRAME_OPEN, 0, 1, 0},
    {"operation 4", FRAME_OPEN, 0, 1, 4},
    {"push to three targets", FRAME_OPEN, 0, 1, OPERATION_PUSH},
    {"unknown option", FRAME_OPEN, 1, 4, 0x80},
    {"how to send, without a word", FRAME_OPEN, 1, 4, OPEN_SENDER},
    {"next_entry near the end", FRAME_OPEN, 37, 8, UINT64_MAX},
    {"next_seq near the end", FRAME_OPEN, 45, 8, UINT64_MAX},
    {"no path", FRAME_OPEN, 53, 2, 0},
    {"more paths than bytes", FRAME_OPEN, 53, 2, 4096},
    {"too many paths", FRAME_OPEN, 53, 2, 65535},
    {"NUL in a path", FRAME_OPEN, 58, 1, 0},
    {"unknown offer flag", FRAME_OFFER, 0, 4, 8},
    {"single and contents", FRAME_OFFER, 0, 4, 3},
    {"a name without single", FRAME_OFFER, 0, 4, 0},
    {"slash in the name", FRAME_OFFER, 23, 1, '/'},
    {"NUL in the name", FRAME_OFFER, 23, 1, 0},
    {"epoch 0", FRAME_READY, 16, 4, 0},
    {"resumed 2", FRAME_READY, 20, 1, 2},
    {"entry type 0", FRAME_ENTRY, 0, 1, 0},
    {"entry type 5", FRAME_ENTRY, 0, 1, 5},
    {"file as folder, with a size", FRAME_ENTRY, 0, 1, ENTRY_FOLDER},
    {"link without a target", FRAME_ENTRY, 0, 1, ENTRY_LINK},
    {"reserved byte", FRAME_ENTRY, 2, 1, 1},
    {"mode of a device", FRAME_ENTRY, 4, 4, 060644},
    {"index near the end", FRAME_ENTRY, 8, 8, UINT64_MAX},
    {"seq near the end", FRAME_ENTRY, 16, 8, UINT64_MAX},
    {"a file that closes a folder", FRAME_ENTRY, 24, 8, 1},
    {"too large", FRAME_ENTRY, 32, 8, ENTRY_SIZE_MAX + 1},
    {"nanoseconds", FRAME_ENTRY, 48, 4, 1000000000},
    {"a link of a file", FRAME_ENTRY, 54, 2, 1},
    {"absolute path", FRAME_ENTRY, 72, 1, '/'},
    {"NUL in the path", FRAME_ENTRY, 73, 1, 0},
    {"empty part", FRAME_ENTRY, 74, 1, '/'},
    {"dot", FRAME_ENTRY, 72, 1, '.'},
    {"unknown NEED flag", FRAME_NEED, 8, 1, 8},
    {"target not to be compared", FRAME_NEED, 8, 1, NEED_TARGET},
    {"size without target", FRAME_NEED, 8, 1, NEED_COMPARE},
    {"reserved byte of NEED", FRAME_NEED, 10, 1, 1},
    {"more leaves than bytes", FRAME_NEED, 12, 4, 4},
    {"fewer leaves than bytes", FRAME_NEED, 12, 4, 2},
    {"leaves that overflow", FRAME_NEED, 12, 4, 0x10000003},
    {"size of the target's file", FRAME_NEED, 16, 8, ENTRY_SIZE_MAX + 1},
    {"leaf beyond any file", FRAME_NEED, 24, 8, 1 << 30},
    {"more leaves than any file has", FRAME_NEED, 32, 8, (1 << 30) + 1},
    {"leaf near the end", FRAME_NEED, 24, 8, UINT64_MAX - 1},
    {"offset within a leaf", FRAME_CHUNK, 16, 8, 4096},
    {"offset beyond any file", FRAME_CHUNK, 16, 8, ENTRY_SIZE_MAX},
    {"offset near the end", FRAME_CHUNK, 16, 8, UINT64_MAX - LEAF_SIZE + 1},
    {"length 0", FRAME_CHUNK, 24, 4, 0},
    {"length over the end", FRAME_CHUNK, 24, 4, 101},
    {"length before the end", FRAME_CHUNK, 24, 4, 99},
    {"length over a leaf", FRAME_CHUNK, 24, 4, 1 + LEAF_SIZE},
    {"whole, but not the first", FRAME_CHUNK, 28, 1, CHUNK_WHOLE},
    {"packed, and no smaller", FRAME_CHUNK, 28, 1, CHUNK_PACKED},
    {"unknown chunk flag", FRAME_CHUNK, 28, 1, 4},
    {"reserved byte of CHUNK", FRAME_CHUNK, 31, 1, 1},
    {"no range", FRAME_KEEP, 8, 2, 0},
    {"too many ranges", FRAME_KEEP, 8, 2, 65535},
    {"empty range", FRAME_KEEP, 18, 8, 10},
    {"range backwards", FRAME_KEEP, 18, 8, 9},
    {"ranges touch", FRAME_KEEP, 26, 8, 12},
    {"ranges overlap", FRAME_KEEP, 26, 8, 11},
    {"leaves no file has", FRAME_KEEP, 50, 8, (1 << 30) + 1},
    {"unknown commit flag", FRAME_COMMIT, 8, 1, 4},
    {"below is confirmed itself", FRAME_ACK, 0, 8, 10},
    {"below near the end", FRAME_ACK, 0, 8, UINT64_MAX},
    {"range near the end", FRAME_ACK, 50, 8, UINT64_MAX},
    {"reason 0", FRAME_NACK, 16, 1, 0},
    {"reason 4", FRAME_NACK, 16, 1, 4},
    {"status 4", FRAME_RECEIPT, 8, 1, 4},
    {"text without failure", FRAME_RECEIPT, 8, 1, RECEIPT_DONE},
    {"NUL in the text", FRAME_RECEIPT, 28, 1, 0},
    {"kind 0", FRAME_PROBLEM, 8, 1, 0},
    {"kind 4", FRAME_PROBLEM, 8, 1, 4},
    {"NUL in the problem's path", FRAME_PROBLEM, 13, 1, 0},
};

static void impossible_numbers_are_refused(void **state)
{
	struct frame *samples[SAMPLES];

	(void)state;
	make_samples(samples);
	for (size_t i = 0; i < LENGTH(changes); i++) {
		const struct change *change = &changes[i];
		uint8_t body[1024];
		size_t sample = 0;

		/* The first of the type: for ENTRY, the file. */
		while (samples[sample]->type != change->type)
			sample++;
		memcpy(body, frame_body(samples[sample]),
		       samples[sample]->body_length);
		for (unsigned byte = 0; byte < change->size; byte++)
			body[change->at + byte] =
			    (uint8_t)(change->value >> 8 * byte);
		if (try(change->type, body, samples[sample]->body_length) != -1)
			fail_msg("accepted: %s", change->what);
	}
	free_samples(samples);
}

/* Of a packed leaf at least one byte, and fewer than it has. */
static void packed_leaves_are_smaller(void **state)
{
	struct frame *frame = encoded_packed(100, 99);
	struct message_open open = open_sender;

	(void)state;
	for (size_t size = 0; size <= 100; size++)
		assert_int_equal(try(FRAME_CHUNK, frame_body(frame),
				     CHUNK_HEADER_SIZE + size),
				 size == 0 || size == 100 ? -1 : 0);
	frame_free(frame);

	for (unsigned level = 0; level < 256; level++) {
		open.compression = (uint8_t)level;
		frame = message_open_encode(&open);
		assert_int_equal(
		    try(FRAME_OPEN, frame_body(frame), frame->body_length),
		    level <= COMPRESS_LEVEL_MAX || level == COMPRESS_AUTO ? 0
									  : -1);
		frame_free(frame);
	}
	/* In a push the client itself is the sender. */
	open.operation = OPERATION_PUSH;
	frame = message_open_encode(&open);
	assert_int_equal(try(FRAME_OPEN, frame_body(frame), frame->body_length),
			 -1);
	frame_free(frame);
}

/* A part that the path's check must refuse, wherever a path comes in. */
static void hostile_paths_are_refused(void **state)
{
	static const char *const hostile[] = {"..", "a/..", "../a", "/etc",
					      ".",  "a//b", "a/",   ".ferry/x"};

	(void)state;
	for (size_t i = 0; i < LENGTH(hostile); i++) {
		for (int type = ENTRY_FILE; type <= ENTRY_FOLDER_END; type++) {
			struct entry *entry = new_entry((enum entry_type)type);
			struct frame *frame;

			free(entry->path);
			entry->path = strdup(hostile[i]);
			entry->path_length = strlen(hostile[i]);
			frame = message_entry_encode(entry);
			assert_int_equal(try(FRAME_ENTRY, frame_body(frame),
					     frame->body_length),
					 -1);
			frame_free(frame);
			entry_free(entry);
		}
	}
}

/* "" is the target itself, which only a folder can be. */
static void only_folders_are_the_root(void **state)
{
	(void)state;
	for (int type = ENTRY_FILE; type <= ENTRY_FOLDER_END; type++) {
		struct entry *entry = new_entry((enum entry_type)type);
		struct frame *frame;

		entry->path_length = 0;
		frame = message_entry_encode(entry);
		assert_int_equal(
		    try(FRAME_ENTRY, frame_body(frame), frame->body_length),
		    type == ENTRY_FOLDER || type == ENTRY_FOLDER_END ? 0 : -1);
		frame_free(frame);
		entry_free(entry);
	}
}

/* ---- whatever a peer may think of ---------------------------------------- */

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void random_bodies_do_no_harm(void **state)
{
	uint8_t body[2048];

	(void)state;
	for (int round = 0; round < 100000; round++) {
		enum frame_type type = (enum frame_type)(
		    1 + next_random() % (FRAME_TYPE_COUNT - 1));
		size_t most = frame_body_max(type);
		size_t length = next_random() % sizeof(body);
		/* Small values get further than random ones. */
		uint8_t mask = next_random() & 1 ? 0xff : 0x03;

		if (length > most)
			length = most;
		for (size_t i = 0; i < length; i++)
			body[i] = (uint8_t)(next_random() >> 24) & mask;
		try(type, body, length);
	}
}

static void damaged_bodies_do_no_harm(void **state)
{
	struct frame *samples[SAMPLES];
	uint8_t body[1024];

	(void)state;
	make_samples(samples);
	for (int round = 0; round < 100000; round++) {
		struct frame *sample = samples[next_random() % SAMPLES];
		unsigned hits = 1 + (unsigned)(next_random() % 4);

		memcpy(body, frame_body(sample), sample->body_length);
		while (hits-- > 0)
			body[next_random() % sample->body_length] ^=
			    (uint8_t)(1 << next_random() % 8);
		try(sample->type, body, sample->body_length);
	}
	free_samples(samples);
}

/* The largest body that a type may have, full of what looks like counts. */
static void largest_bodies_take_bounded_memory(void **state)
{
	static const uint8_t fills[] = {0, 1, 2, 3, 0x0f, 0x10, 0x7f, 0xff};

	(void)state;
	for (unsigned type = 1; type < FRAME_TYPE_COUNT; type++) {
		size_t most = frame_body_max(type);
		uint8_t *body = __real_malloc(most + 1);

		assert_non_null(body);
		for (size_t i = 0; i < LENGTH(fills); i++) {
			memset(body, fills[i], most);
			try((enum frame_type)type, body, most);
		}
		free(body);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(every_byte_more_is_refused),
	    cmocka_unit_test(impossible_numbers_are_refused),
	    cmocka_unit_test(packed_leaves_are_smaller),
	    cmocka_unit_test(hostile_paths_are_refused),
	    cmocka_unit_test(only_folders_are_the_root),
	    cmocka_unit_test(random_bodies_do_no_harm),
	    cmocka_unit_test(damaged_bodies_do_no_harm),
	    cmocka_unit_test(largest_bodies_take_bounded_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
