/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: a file's digest is what xxh128sum prints up to 1 MiB, and beyond that
 * the digest of the tree that journal/digest.h describes, whatever the order
 * in which leaves come; and what a peer claims costs no memory.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal/digest.h"
#include "journal/little_endian.h"

/* What the known answers are of. */
static uint8_t *sample(size_t size)
{
	uint8_t *bytes = malloc(size + 1);

	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	return bytes;
}

/* Printed by xxhsum -H2 (xxHash 0.8.1); the lengths are where XXH3 takes
 * another way. */
static const struct {
	size_t size;
	const char *digest;
} answers[] = {
    {0, "99aa06d3014798d86001c324468d497f"},
    {1, "a6cd5e9392000f6ac44bdff4074eecdb"},
    {3, "656e81c56e41fe02c3489259e968ad9e"},
    {4, "ab5c3e7474d809db81a65295de8e7dde"},
    {8, "e4b9dd0b66ff3c50ebabbd0695002ff6"},
    {9, "82ddc95bc76007671c69c3f04aaed08c"},
    {16, "ddf6c1254d70f76794eaa17b20756f46"},
    {17, "263f67af63088041735fe434ded90c3c"},
    {128, "dd9e5aa9bd51cc9cc6bd21ecc865f29f"},
    {129, "00433635cf8d872e7f4accb76587485b"},
    {240, "89e3a0a2ee355d25d10beb4e0599e4b3"},
    {241, "75f4da43f23cce5a541b19226f0052e8"},
    {1000, "99e59016b5d18a3f1a86fba1101018cf"},
    {65536, "27e28f0ad0e10e530d88401380df353c"},
    {1048575, "1245cf97402ce504cdfeccfedb9fbde6"},
    {1048576, "635c0e1e95c31bab4d13e3faf4e0828a"},
    /* From here on xxhsum -H2 of the label, the size and the digests. */
    {1048577, "8336be3c0ab7865fd552a84ac27c30dc"},
    {2097152, "130da91d014023d2604c1ce8e0201c22"},
    {3158073, "d1f756ba5516ce94fada28545ca29cd5"},
};
#define ANSWERS (sizeof(answers) / sizeof(answers[0]))

static void expect(const struct digest *digest, const char *text)
{
	char shown[33];

	digest_format(digest, shown);
	assert_string_equal(shown, text);
}

static void known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ANSWERS; i++) {
		size_t size = answers[i].size;
		uint8_t *bytes = sample(size);
		struct leaf_table *leaves = leaf_table_create();
		struct digest digest;

		assert_non_null(leaves);
		/* From the last leaf to the first. */
		for (uint64_t leaf = leaf_count(size); leaf-- > 0;) {
			assert_int_equal(
			    leaf_table_digest(leaves, size, &digest), 0);
			digest = digest_of(bytes + leaf * LEAF_SIZE,
					   leaf_length(size, leaf));
			assert_int_equal(leaf_table_set(leaves, leaf, &digest),
					 0);
		}
		assert_int_equal(leaf_table_digest(leaves, size, &digest), 1);
		expect(&digest, answers[i].digest);
		if (size <= LEAF_SIZE) {
			digest = digest_of(bytes, size);
			expect(&digest, answers[i].digest);
		}
		leaf_table_free(leaves);
		free(bytes);
	}
}

static void sizes_are_cut_into_leaves(void **state)
{
	(void)state;
	assert_int_equal(leaf_count(0), 0);
	assert_int_equal(leaf_count(1), 1);
	assert_int_equal(leaf_count(LEAF_SIZE), 1);
	assert_int_equal(leaf_count(LEAF_SIZE + 1), 2);
	assert_int_equal(leaf_count(UINT64_MAX), UINT64_C(1) << 44);
	assert_int_equal(leaf_length(1, 0), 1);
	assert_int_equal(leaf_length(LEAF_SIZE, 0), LEAF_SIZE);
	assert_int_equal(leaf_length(LEAF_SIZE + 1, 0), LEAF_SIZE);
	assert_int_equal(leaf_length(LEAF_SIZE + 1, 1), 1);
	assert_int_equal(leaf_length(UINT64_MAX, (UINT64_C(1) << 44) - 1),
			 LEAF_SIZE - 1);
}

static void texts(void **state)
{
	struct digest digest, again;
	char text[34];

	(void)state;
	digest = digest_of("x", 1);
	digest_format(&digest, text);
	assert_int_equal(digest_parse(text, &again), 0);
	assert_true(digest_equal(&digest, &again));
	again.bytes[15] ^= 1;
	assert_false(digest_equal(&digest, &again));
	/* Upper case is read too, and what follows is the caller's. */
	assert_int_equal(
	    digest_parse("99AA06D3014798d86001c324468d497f  file", &again), 0);
	expect(&again, answers[0].digest);
	for (size_t i = 0; i < 32; i++) {
		static const char wrong[] = "g/:@`G \n\xff";

		for (size_t k = 0; k < sizeof(wrong); k++) {
			strcpy(text, answers[0].digest);
			text[i] = wrong[k]; /* NUL among them */
			assert_int_equal(digest_parse(text, &again), -1);
		}
	}
}

static struct digest numbered(uint64_t number)
{
	return digest_of(&number, sizeof(number));
}

static void leaves_come_in_any_order(void **state)
{
	/* Some pages of 256, and far ones. */
	static const uint64_t indexes[] = {
	    300, 0,   255, 256,  1000000, 1,   511,
	    512, 257, 5,   4000, 999999,  300, UINT64_C(1) << 43};
	const size_t count = sizeof(indexes) / sizeof(*indexes);
	struct leaf_table *leaves = leaf_table_create();
	struct digest digest;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		digest = numbered(indexes[i]);
		assert_int_equal(leaf_table_set(leaves, indexes[i], &digest),
				 0);
	}
	for (size_t i = 0; i < count; i++) {
		digest = numbered(indexes[i]);
		assert_true(
		    digest_equal(leaf_table_get(leaves, indexes[i]), &digest));
	}
	assert_null(leaf_table_get(leaves, 2));
	assert_null(leaf_table_get(leaves, 254));
	assert_null(leaf_table_get(leaves, 1000001));
	assert_null(leaf_table_get(leaves, UINT64_MAX));
	/* Set again, and not any more. */
	digest = numbered(7);
	assert_int_equal(leaf_table_set(leaves, 300, &digest), 0);
	assert_true(digest_equal(leaf_table_get(leaves, 300), &digest));
	leaf_table_unset(leaves, 300);
	assert_null(leaf_table_get(leaves, 300));
	leaf_table_unset(leaves, 300);
	leaf_table_unset(leaves, UINT64_MAX);
	assert_non_null(leaf_table_get(leaves, 257));
	leaf_table_free(leaves);
	leaf_table_free(NULL);
}

static void a_missing_leaf_is_no_digest(void **state)
{
	const uint64_t size = 600 * LEAF_SIZE - 1;
	struct leaf_table *leaves = leaf_table_create();
	struct digest digest, file;

	(void)state;
	for (uint64_t i = 0; i < 600; i++) {
		digest = numbered(i);
		leaf_table_set(leaves, i, &digest);
	}
	assert_int_equal(leaf_table_digest(leaves, size, &file), 1);
	for (uint64_t i = 0; i < 600; i += 37) {
		leaf_table_unset(leaves, i);
		assert_int_equal(leaf_table_digest(leaves, size, &digest), 0);
		digest = numbered(i);
		leaf_table_set(leaves, i, &digest);
	}
	/* The size is part of it, and so is each leaf. */
	assert_int_equal(leaf_table_digest(leaves, size - 1, &digest), 1);
	assert_false(digest_equal(&digest, &file));
	digest = numbered(0);
	leaf_table_set(leaves, 599, &digest);
	assert_int_equal(leaf_table_digest(leaves, size, &digest), 1);
	assert_false(digest_equal(&digest, &file));
	/* One that is claimed to be of any size is no work. */
	assert_int_equal(leaf_table_digest(leaves, UINT64_MAX, &digest), 0);
	leaf_table_free(leaves);
}

/* Far leaves cost a page each, whatever lies between. */
static void memory_is_for_what_was_set(void **state)
{
	struct leaf_table *leaves = leaf_table_create();
	struct digest digest = numbered(1);
	size_t before = mallinfo2().uordblks;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		leaf_table_set(leaves, i << 30, &digest);
	assert_true(mallinfo2().uordblks - before < 1000 * 256);
	leaf_table_free(leaves);
}

static void numbers_are_little_endian(void **state)
{
	uint8_t bytes[9];

	(void)state;
	for (size_t at = 0; at < 2; at++) { /* aligned or not */
		put_u32(bytes + at, 0x01020384);
		assert_memory_equal(bytes + at, "\x84\x03\x02\x01", 4);
		assert_int_equal(get_u32(bytes + at), 0x01020384);
		put_u32(bytes + at, UINT32_MAX);
		assert_int_equal(get_u32(bytes + at), UINT32_MAX);
		put_u64(bytes + at, 0x8102030405060784);
		assert_memory_equal(bytes + at,
				    "\x84\x07\x06\x05\x04\x03\x02\x81", 8);
		assert_int_equal(get_u64(bytes + at), 0x8102030405060784);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_answers),
	    cmocka_unit_test(sizes_are_cut_into_leaves),
	    cmocka_unit_test(texts),
	    cmocka_unit_test(leaves_come_in_any_order),
	    cmocka_unit_test(a_missing_leaf_is_no_digest),
	    cmocka_unit_test(memory_is_for_what_was_set),
	    cmocka_unit_test(numbers_are_little_endian),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
