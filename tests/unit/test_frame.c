/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: a header is believed only when every bit of it is right, and frames
 * for chunks are made of the same memory again and again.
 */
#include <sys/resource.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <xxhash.h>

#include "journal/digest.h"
#include "transfer/frame.h"

#define CHUNK_BODY ((size_t)LEAF_SIZE + 48)

/* A right header for what it says, whether that is allowed or not. */
static void make_header(uint8_t header[FRAME_HEADER_SIZE], unsigned type,
			uint32_t length)
{
	uint64_t check;

	memset(header, 0, FRAME_HEADER_SIZE);
	header[0] = (uint8_t)type;
	for (int i = 0; i < 4; i++)
		header[8 + i] = (uint8_t)(length >> 8 * i);
	check = XXH3_64bits(header, 12);
	for (int i = 0; i < 4; i++)
		header[12 + i] = (uint8_t)(check >> 8 * i);
}

static int parse(const uint8_t header[FRAME_HEADER_SIZE])
{
	struct frame *frame = NULL;
	int result = frame_parse_header(header, &frame);

	assert_int_equal(result == 1, frame != NULL);
	frame_free(frame);
	return result;
}

static void test_round_trip(void **state)
{
	(void)state;
	for (unsigned type = 1; type < FRAME_TYPE_COUNT; type++) {
		size_t length = frame_body_max(type);
		struct frame *sent =
		    frame_create((enum frame_type)type, length);
		struct frame *came;

		assert_non_null(sent);
		assert_true(sent->capacity >= length);
		sent->flags = 3;
		sent->epoch = 0x12345678;
		sent->body_length = length;
		frame_seal(sent);
		assert_int_equal(frame_parse_header(sent->bytes, &came), 1);
		assert_int_equal(came->type, type);
		assert_int_equal(came->flags, 3);
		assert_int_equal(came->epoch, 0x12345678);
		assert_int_equal(came->body_length, length);
		assert_true(came->capacity >= length);
		frame_free(came);
		frame_free(sent);
	}
	frame_free(NULL);
}

/* The bytes are fixed by the protocol, not by this machine. */
static void test_header_bytes(void **state)
{
	static const uint8_t start[] = {18, 0, 0, 0, 4, 3, 2, 1, 0, 0, 0, 0};
	struct frame *frame = frame_create(FRAME_PONG, 0);

	(void)state;
	assert_non_null(frame);
	frame->epoch = 0x01020304;
	frame_seal(frame);
	assert_memory_equal(frame->bytes, start, sizeof(start));
	assert_ptr_equal(frame_body(frame), frame->bytes + 16);
	frame_free(frame);
}

static void test_every_flipped_bit(void **state)
{
	uint8_t header[FRAME_HEADER_SIZE];

	(void)state;
	make_header(header, FRAME_CHUNK, 1000);
	assert_int_equal(parse(header), 1);
	for (unsigned bit = 0; bit < 8 * FRAME_HEADER_SIZE; bit++) {
		header[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(parse(header), 0);
		header[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(parse(header), 1);
}

static void test_lengths(void **state)
{
	uint8_t header[FRAME_HEADER_SIZE];

	(void)state;
	for (unsigned type = 1; type < FRAME_TYPE_COUNT; type++) {
		size_t most = frame_body_max(type);

		/* No peer makes us allocate more than a constant. */
		if (type == FRAME_CHUNK)
			assert_int_equal(most, CHUNK_BODY);
		else
			assert_true(most < (size_t)1 << 20);
		make_header(header, type, (uint32_t)most);
		assert_int_equal(parse(header), 1);
		make_header(header, type, (uint32_t)most + 1);
		assert_int_equal(parse(header), 0);
		make_header(header, type, UINT32_MAX);
		assert_int_equal(parse(header), 0);
	}
}

static void test_types(void **state)
{
	uint8_t header[FRAME_HEADER_SIZE];

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		int known = type >= 1 && type < FRAME_TYPE_COUNT;

		make_header(header, type, 0);
		assert_int_equal(parse(header), known);
		assert_int_equal(frame_type_name(type) != NULL, known);
		if (!known)
			assert_int_equal(frame_body_max(type), 0);
	}
	assert_string_equal(frame_type_name(FRAME_NACK), "NACK");
	assert_null(frame_type_name(100000));
}

static void test_reserved_bytes(void **state)
{
	uint8_t header[FRAME_HEADER_SIZE];

	(void)state;
	for (int byte = 2; byte < 4; byte++) {
		uint64_t check;

		make_header(header, FRAME_PING, 0);
		header[byte] = 1;
		check = XXH3_64bits(header, 12);
		for (int i = 0; i < 4; i++)
			header[12 + i] = (uint8_t)(check >> 8 * i);
		assert_int_equal(parse(header), 0);
	}
}

static void test_pool_reuses_memory(void **state)
{
	struct rusage before, after;
	struct frame *frame = frame_create(FRAME_CHUNK, CHUNK_BODY);
	uint8_t *bytes = frame->bytes;

	(void)state;
	memset(frame->bytes, 1, CHUNK_BODY);
	frame_free(frame);
	getrusage(RUSAGE_SELF, &before);
	for (int i = 0; i < 500; i++) {
		frame = frame_create(FRAME_CHUNK, CHUNK_BODY - (size_t)i);
		assert_ptr_equal(frame->bytes, bytes);
		assert_int_equal(frame->body_length, 0);
		assert_int_equal(frame->flags, 0);
		memset(frame->bytes, i, CHUNK_BODY);
		frame_free(frame);
	}
	getrusage(RUSAGE_SELF, &after);
	/* Anew for each chunk would be 500 times 256 pages. */
	assert_true(after.ru_minflt - before.ru_minflt < 1000);
}

static void test_pool_is_full(void **state)
{
	struct frame *frames[FRAME_POOL_MAX + 1];

	(void)state;
	for (int i = 0; i < FRAME_POOL_MAX; i++) {
		assert_int_equal(frame_pool_full(), 0);
		frames[i] = frame_create(FRAME_CHUNK, CHUNK_BODY);
		assert_non_null(frames[i]);
	}
	assert_int_equal(frame_pool_full(), 1);
	/* It is a wish, not a wall. */
	frames[FRAME_POOL_MAX] = frame_create(FRAME_CHUNK, CHUNK_BODY);
	assert_non_null(frames[FRAME_POOL_MAX]);
	frame_free(frames[FRAME_POOL_MAX]);
	assert_int_equal(frame_pool_full(), 1);
	for (int i = 0; i < FRAME_POOL_MAX; i++)
		frame_free(frames[i]);
	assert_int_equal(frame_pool_full(), 0);
}

/* Thousands of small chunks are as much memory as some large ones. */
static void test_small_frames_count(void **state)
{
	struct frame *first = NULL;
	unsigned count = 0;

	(void)state;
	while (!frame_pool_full()) {
		struct frame *frame = frame_create(FRAME_CHUNK, 10000);

		assert_non_null(frame);
		frame->next = first;
		first = frame;
		count++;
	}
	assert_in_range(count, 2000, 3000);
	while (first != NULL) {
		struct frame *next = first->next;

		frame_free(first);
		first = next;
	}
	assert_int_equal(frame_pool_full(), 0);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void *free_later(void *frame)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};

	nanosleep(&pause, NULL);
	frame_free(frame);
	return NULL;
}

static void test_pool_wait(void **state)
{
	struct frame *frames[FRAME_POOL_MAX];
	pthread_t thread;
	double start;

	(void)state;
	frame_pool_wait(10000); /* not full: at once */
	for (int i = 0; i < FRAME_POOL_MAX; i++)
		frames[i] = frame_create(FRAME_CHUNK, CHUNK_BODY);
	start = seconds();
	frame_pool_wait(20);
	assert_true(seconds() - start >= 0.02);
	assert_int_equal(frame_pool_full(), 1);

	start = seconds();
	assert_int_equal(pthread_create(&thread, NULL, free_later, frames[0]),
			 0);
	frame_pool_wait(60000);
	assert_true(seconds() - start < 30);
	assert_int_equal(frame_pool_full(), 0);
	pthread_join(thread, NULL);
	for (int i = 1; i < FRAME_POOL_MAX; i++)
		frame_free(frames[i]);
}

static void *use_pool(void *seed)
{
	unsigned random = *(unsigned *)seed;
	struct frame *held[8] = {NULL};

	for (int i = 0; i < 5000; i++) {
		struct frame **slot = &held[random >> 16 & 7];
		size_t size = random >> 20 & 1 ? CHUNK_BODY : 100;

		random = random * 1103515245 + 12345;
		frame_free(*slot);
		*slot = frame_create(FRAME_CHUNK, size);
		(*slot)->bytes[0] = (uint8_t)i;
		(*slot)->bytes[15 + size] = (uint8_t)i;
	}
	for (int i = 0; i < 8; i++)
		frame_free(held[i]);
	return NULL;
}

static void test_pool_threads(void **state)
{
	pthread_t threads[4];
	unsigned seeds[4] = {1, 2, 3, 4};

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, use_pool, &seeds[i]), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(frame_pool_full(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_header_bytes),
	    cmocka_unit_test(test_every_flipped_bit),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_types),
	    cmocka_unit_test(test_reserved_bytes),
	    cmocka_unit_test(test_pool_reuses_memory),
	    cmocka_unit_test(test_pool_is_full),
	    cmocka_unit_test(test_small_frames_count),
	    cmocka_unit_test(test_pool_wait),
	    cmocka_unit_test(test_pool_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
