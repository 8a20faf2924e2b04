/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: what is packed comes out as it was, it is packed only where that makes
 * it smaller, and nothing that a peer may say is packed does harm.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include "transfer/message.h"
#include "transfer/pack.h"

/* ---- leaves ------------------------------------------------------------- */

enum content { TEXT, NOISE, MIXED, ZEROS };

static void fill(uint8_t *bytes, size_t length, enum content content)
{
	uint64_t random = 0x9e3779b97f4a7c15;

	for (size_t i = 0; i < length; i++) {
		int noise =
		    content == NOISE || (content == MIXED && i * 2 >= length);

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		bytes[i] = content == ZEROS ? 0
			   : noise          ? (uint8_t)(random >> 32)
				   : (uint8_t) "0123456789abcdef"[random >> 60];
	}
}

static struct frame *plain_chunk(size_t length, enum content content)
{
	struct message_chunk chunk = {.seq = 7,
				      .entry = 3,
				      .length = (uint32_t)length,
				      .flags = CHUNK_WHOLE};
	struct frame *frame = message_chunk_create((uint32_t)length);

	assert_non_null(frame);
	fill(message_chunk_data(frame), length, content);
	chunk.digest = digest_of(message_chunk_data(frame), length);
	message_chunk_finish(frame, &chunk);
	return frame;
}

/* It is the same leaf, packed. */
static void check_packed(struct packer *packer, const struct frame *plain,
			 const struct frame *packed)
{
	struct message_chunk was, is;
	uint8_t *leaf;

	assert_int_equal(message_chunk_decode(plain, &was), 0);
	assert_int_equal(message_chunk_decode(packed, &is), 0);
	assert_int_equal(is.seq, was.seq);
	assert_int_equal(is.entry, was.entry);
	assert_int_equal(is.offset, was.offset);
	assert_int_equal(is.length, was.length);
	assert_int_equal(is.flags, was.flags | CHUNK_PACKED);
	assert_true(digest_equal(&is.digest, &was.digest));
	assert_true(is.size < was.length);
	/* It takes no more memory than it must. */
	assert_true(is.size > 512 << 10 ||
		    packed->capacity == packed->body_length);

	leaf = malloc(was.length); /* ASan sees its end */
	assert_int_equal(
	    packer_unpack(packer, is.data, is.size, leaf, was.length), 0);
	assert_memory_equal(leaf, was.data, was.length);
	free(leaf);
}

static void what_is_packed_comes_out_again(void **state)
{
	static const int levels[] = {1, 2, 3, 9, COMPRESS_LEVEL_MAX};
	static const size_t lengths[] = {100,   256,    4096,     65536,
					 65537, 700000, LEAF_SIZE};
	struct packer *packer = packer_create();

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct frame *plain = plain_chunk(lengths[i], TEXT);
		/* The high levels take their time. */
		size_t tries = lengths[i] > 65537 ? 6 : 10;

		for (size_t level = 0; level < tries; level++) {
			struct frame *packed = packer_pack(
			    packer, plain, levels[level / 2], level % 2 != 0);

			assert_non_null(packed);
			check_packed(packer, plain, packed);
			frame_free(packed);
		}
		frame_free(plain);
	}
	packer_free(packer);
	packer_free(NULL);
}

static void what_does_not_shrink_stays_plain(void **state)
{
	struct packer *packer = packer_create();
	struct frame *plain, *packed;

	(void)state;
	for (size_t length = 1; length <= LEAF_SIZE; length *= 4) {
		plain = plain_chunk(length, NOISE);
		for (int level = 1; level <= 3; level++) {
			assert_null(packer_pack(packer, plain, level, 0));
			assert_null(packer_pack(packer, plain, level, 1));
		}
		frame_free(plain);
	}
	/* Nor is what is packed already. */
	plain = plain_chunk(1000, ZEROS);
	packed = packer_pack(packer, plain, 1, 0);
	assert_null(packer_pack(packer, packed, 1, 0));
	frame_free(packed);
	frame_free(plain);
	packer_free(packer);
}

/* The sample is of all parts of the leaf; and what shrinks by less than a tenth
 * is packed only if that is asked for. */
static void a_sample_decides_if_in_doubt(void **state)
{
	struct packer *packer = packer_create();
	struct frame *plain = plain_chunk(LEAF_SIZE, NOISE), *packed;
	uint8_t *data = message_chunk_data(plain);
	struct message_chunk chunk;

	(void)state;
	/* Text in all of the first twentieth: that is hardly worth it. */
	fill(data, LEAF_SIZE / 20, ZEROS);
	assert_null(packer_pack(packer, plain, 1, 1));
	packed = packer_pack(packer, plain, 1, 0);
	assert_non_null(packed);
	assert_int_equal(message_chunk_decode(packed, &chunk), 0);
	assert_true(chunk.size > LEAF_SIZE * 9 / 10);
	frame_free(packed);
	/* Half of it. */
	fill(data, LEAF_SIZE, MIXED);
	packed = packer_pack(packer, plain, 1, 1);
	assert_non_null(packed);
	frame_free(packed);
	frame_free(plain);
	packer_free(packer);
}

/* ---- several threads ---------------------------------------------------- */

static void *pack_many(void *cookie)
{
	for (int round = 0; round < 20; round++) {
		struct frame *plain =
		    plain_chunk(1000 + 5000 * (size_t)round, TEXT);
		struct frame *packed = packer_pack(cookie, plain, 3, 1);

		check_packed(cookie, plain, packed);
		frame_free(packed);
		frame_free(plain);
	}
	return NULL;
}

static void threads_may_share_a_packer(void **state)
{
	struct packer *packer = packer_create();
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, pack_many, packer), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	packer_free(packer);
}

/* ---- what a peer may say ------------------------------------------------ */

/* It must be refused, and must not write beyond length. */
static void refused(struct packer *packer, const void *data, size_t size,
		    size_t length)
{
	uint8_t *exact = malloc(size + 1), *leaf = malloc(length + 1);

	memcpy(exact + 1, data, size); /* ASan sees its end */
	errno = 0;
	assert_int_equal(packer_unpack(packer, exact + 1, size, leaf, length),
			 -1);
	assert_int_equal(errno, EBADMSG);
	free(exact);
	free(leaf);
}

static void what_is_of_another_length_is_refused(void **state)
{
	struct packer *packer = packer_create();
	static uint8_t zeros[4 << 20], packed[8192];
	size_t size;

	(void)state;
	size = ZSTD_compress(packed, sizeof(packed), zeros, 1000, 1);
	refused(packer, packed, size, 999);
	refused(packer, packed, size, 1001);
	for (size_t cut = 0; cut < size; cut++)
		refused(packer, packed, cut, 1000);
	/* A bomb: four leaves in a few hundred bytes. */
	size = ZSTD_compress(packed, sizeof(packed), zeros, sizeof(zeros), 19);
	assert_true(size < 1000);
	refused(packer, packed, size, LEAF_SIZE);
	refused(packer, packed, size, 1);
	packer_free(packer);
}

/* What it says it needs to look back on is not allocated. */
static void a_huge_window_takes_no_memory(void **state)
{
	/* No content size; a window of nearly 2^42 bytes; one raw block. */
	static const uint8_t window[] = {
	    0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff, 0x21, 0x00, 0x00, 1, 2, 3, 4};
	struct packer *packer = packer_create();
	uint8_t leaf[4];

	(void)state;
	if (packer_unpack(packer, window, sizeof(window), leaf, 4) == 0)
		assert_memory_equal(leaf, window + 9, 4);
	else
		assert_int_equal(errno, EBADMSG);
	packer_free(packer);
}

/* Frames that zstd knows, and that are no leaf. */
static void odd_frames_are_refused(void **state)
{
	static const uint8_t skipped[] = {0x50, 0x2a, 0x4d, 0x18, 4, 0,
					  0,    0,    1,    2,    3, 4};
	static const uint8_t skipped_over_the_end[] = {0x50, 0x2a, 0x4d, 0x18,
						       0xff, 0xff, 0xff, 0xff};
	/* A content size of 2^62 - 1. */
	static const uint8_t endless[] = {
	    0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0x3f, 0x21, 0x00, 0x00, 1,    2,    3,    4};
	/* A dictionary that nobody has. */
	static const uint8_t dictionary[] = {
	    0x28, 0xb5, 0x2f, 0xfd, 0x21, 77, 4, 0x21, 0x00, 0x00, 1, 2, 3, 4};
	struct packer *packer = packer_create();

	(void)state;
	refused(packer, "", 0, 4);
	refused(packer, "leaf", 4, 4);
	refused(packer, skipped, sizeof(skipped), 4);
	refused(packer, skipped_over_the_end, sizeof(skipped_over_the_end), 4);
	refused(packer, endless, sizeof(endless), 4);
	refused(packer, dictionary, sizeof(dictionary), 4);
	packer_free(packer);
}

/* A flipped bit is seen, or does not matter: what comes out has the leaf's
 * length, and then its digest tells. */
static void damage_does_no_harm(void **state)
{
	struct packer *packer = packer_create();
	struct frame *plain = plain_chunk(5000, TEXT);
	struct frame *packed = packer_pack(packer, plain, 3, 0);
	struct message_chunk chunk;
	uint8_t *leaf = malloc(5000), *data;

	(void)state;
	assert_int_equal(message_chunk_decode(packed, &chunk), 0);
	data = malloc(chunk.size);
	for (size_t bit = 0; bit < 8 * (size_t)chunk.size; bit++) {
		memcpy(data, chunk.data, chunk.size);
		data[bit / 8] ^= (uint8_t)(1U << bit % 8);
		if (packer_unpack(packer, data, chunk.size, leaf, 5000) == -1)
			assert_int_equal(errno, EBADMSG);
	}
	/* And the packer is as good as before. */
	check_packed(packer, plain, packed);
	free(leaf);
	free(data);
	frame_free(packed);
	frame_free(plain);
	packer_free(packer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_packed_comes_out_again),
	    cmocka_unit_test(what_does_not_shrink_stays_plain),
	    cmocka_unit_test(a_sample_decides_if_in_doubt),
	    cmocka_unit_test(threads_may_share_a_packer),
	    cmocka_unit_test(what_is_of_another_length_is_refused),
	    cmocka_unit_test(a_huge_window_takes_no_memory),
	    cmocka_unit_test(odd_frames_are_refused),
	    cmocka_unit_test(damage_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
