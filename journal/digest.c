/* SPDX-License-Identifier: BSD-2-Clause */
/* What a file's digest is, and how its leaves' digests are kept. */
#include "journal/digest.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "journal/hexadecimal.h"
#include "journal/little_endian.h"

struct digest digest_of(const void *data, size_t size)
{
	XXH128_canonical_t canonical;
	struct digest digest;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, size));
	memcpy(digest.bytes, canonical.digest, sizeof(digest.bytes));
	return digest;
}

int digest_equal(const struct digest *one, const struct digest *other)
{
	return memcmp(one->bytes, other->bytes, sizeof(one->bytes)) == 0;
}

void digest_format(const struct digest *digest, char text[33])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof(digest->bytes); i++) {
		*text++ = digits[digest->bytes[i] >> 4];
		*text++ = digits[digest->bytes[i] & 15];
	}
	*text = '\0';
}

int digest_parse(const char *text, struct digest *digest)
{
	for (size_t i = 0; i < sizeof(digest->bytes); i++) {
		int high = hex_value_any_case(text[2 * i]);
		int low = high == -1 ? -1 : hex_value_any_case(text[2 * i + 1]);

		if (low == -1)
			return -1;
		digest->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

uint64_t leaf_count(uint64_t size)
{
	return size / LEAF_SIZE + (size % LEAF_SIZE != 0);
}

size_t leaf_length(uint64_t size, uint64_t index)
{
	uint64_t rest = size - index * LEAF_SIZE;

	return (size_t)(rest < LEAF_SIZE ? rest : LEAF_SIZE);
}

/*
 * malloc gives a large block 16 bytes behind the start of a page, and to there
 * Linux copies out of its page cache four times slower on some AMD processors
 * ("rep movsb" to 1 to 31 bytes behind its source, modulo 4096; measured on an
 * EPYC: 453 and 133 us for 1 MiB).
 */
uint8_t *leaf_buffer_create(void)
{
	return aligned_alloc(4096, LEAF_SIZE);
}

/* ---- the leaves of one file ---- */

#define PAGE_LEAVES 256

/* Most files have one leaf: a page begins small and grows to PAGE_LEAVES. */
struct page {
	uint64_t number;
	struct digest *digests;
	size_t capacity;
	uint64_t known[PAGE_LEAVES / 64];
};

struct leaf_table {
	struct page *pages; /* sorted by number */
	size_t count;
	size_t capacity;
};

struct leaf_table *leaf_table_create(void)
{
	return calloc(1, sizeof(struct leaf_table));
}

void leaf_table_free(struct leaf_table *table)
{
	if (table == NULL)
		return;
	for (size_t i = 0; i < table->count; i++)
		free(table->pages[i].digests);
	free(table->pages);
	free(table);
}

/* Where the page is, or would be. */
static size_t page_position(const struct leaf_table *table, uint64_t number)
{
	size_t low = 0, high = table->count;

	/* Leaves come in order, mostly. */
	if (high > 0 && table->pages[high - 1].number < number)
		return high;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->pages[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* NULL: there is none. */
static struct page *find_page(const struct leaf_table *table, uint64_t number)
{
	size_t position = page_position(table, number);

	if (position == table->count || table->pages[position].number != number)
		return NULL;
	return &table->pages[position];
}

/* NULL: no memory. */
static struct page *insert_page(struct leaf_table *table, uint64_t number)
{
	size_t position = page_position(table, number);
	struct page *page;

	if (table->count == table->capacity) {
		size_t capacity = table->capacity * 2 + 1;
		struct page *pages =
		    realloc(table->pages, capacity * sizeof(*pages));

		if (pages == NULL)
			return NULL;
		table->pages = pages;
		table->capacity = capacity;
	}
	page = &table->pages[position];
	memmove(page + 1, page, (table->count - position) * sizeof(*page));
	table->count++;
	memset(page, 0, sizeof(*page));
	page->number = number;
	return page;
}

/* 0 or -1. */
static int page_reserve(struct page *page, size_t slot)
{
	size_t capacity = page->capacity == 0 ? 1 : page->capacity;
	struct digest *digests;

	if (slot < page->capacity)
		return 0;
	while (capacity <= slot)
		capacity *= 4;
	digests = realloc(page->digests, capacity * sizeof(*digests));
	if (digests == NULL)
		return -1;
	page->digests = digests;
	page->capacity = capacity;
	return 0;
}

int leaf_table_set(struct leaf_table *table, uint64_t index,
		   const struct digest *digest)
{
	uint64_t number = index / PAGE_LEAVES;
	size_t slot = (size_t)(index % PAGE_LEAVES);
	struct page *page = find_page(table, number);

	if (page == NULL)
		page = insert_page(table, number);
	if (page == NULL || page_reserve(page, slot) == -1)
		return -1;
	page->digests[slot] = *digest;
	page->known[slot / 64] |= (uint64_t)1 << slot % 64;
	return 0;
}

void leaf_table_unset(struct leaf_table *table, uint64_t index)
{
	struct page *page = find_page(table, index / PAGE_LEAVES);
	size_t slot = (size_t)(index % PAGE_LEAVES);

	if (page != NULL)
		page->known[slot / 64] &= ~((uint64_t)1 << slot % 64);
}

const struct digest *leaf_table_get(const struct leaf_table *table,
				    uint64_t index)
{
	const struct page *page = find_page(table, index / PAGE_LEAVES);
	size_t slot = (size_t)(index % PAGE_LEAVES);

	if (page == NULL || (page->known[slot / 64] >> slot % 64 & 1) == 0)
		return NULL;
	return &page->digests[slot];
}

/* The first known slot from slot on; PAGE_LEAVES: there is none. */
static size_t next_slot(const struct page *page, size_t slot)
{
	while (slot < PAGE_LEAVES) {
		uint64_t rest = page->known[slot / 64] >> slot % 64;

		if (rest != 0)
			return slot + (size_t)__builtin_ctzll(rest);
		slot = (slot / 64 + 1) * 64;
	}
	return PAGE_LEAVES;
}

uint64_t leaf_table_next(const struct leaf_table *table, uint64_t from)
{
	uint64_t number = from / PAGE_LEAVES;

	for (size_t i = page_position(table, number); i < table->count; i++) {
		const struct page *page = &table->pages[i];
		size_t begin =
		    page->number == number ? (size_t)(from % PAGE_LEAVES) : 0;
		size_t slot = next_slot(page, begin);

		if (slot < PAGE_LEAVES)
			return page->number * PAGE_LEAVES + slot;
	}
	return UINT64_MAX;
}

uint64_t leaf_table_known(const struct leaf_table *table, uint64_t end)
{
	uint64_t count = 0;

	for (size_t i = 0; i < table->count; i++) {
		const struct page *page = &table->pages[i];
		uint64_t first = page->number * PAGE_LEAVES;

		for (size_t slot = next_slot(page, 0);
		     slot < PAGE_LEAVES && first + slot < end;
		     slot = next_slot(page, slot + 1))
			count++;
	}
	return count;
}

/* Of struct tree_digest there is nothing but the hash's state. */
static XXH3_state_t *state_of(struct tree_digest *tree)
{
	return (XXH3_state_t *)tree;
}

struct tree_digest *tree_digest_create(uint64_t size)
{
	static const char label[] = "ferry-tree-1"; /* with its NUL */
	XXH3_state_t *state = XXH3_createState();
	uint8_t size_bytes[8];

	if (state == NULL)
		return NULL;
	put_u64(size_bytes, size);
	XXH3_128bits_reset(state);
	XXH3_128bits_update(state, label, sizeof(label));
	XXH3_128bits_update(state, size_bytes, sizeof(size_bytes));
	return (struct tree_digest *)state;
}

void tree_digest_free(struct tree_digest *tree)
{
	XXH3_freeState(state_of(tree));
}

void tree_digest_add(struct tree_digest *tree, const struct digest *leaf)
{
	XXH3_128bits_update(state_of(tree), leaf->bytes, sizeof(leaf->bytes));
}

struct digest tree_digest_get(const struct tree_digest *tree)
{
	XXH128_canonical_t canonical;
	struct digest digest;

	XXH128_canonicalFromHash(
	    &canonical, XXH3_128bits_digest((const XXH3_state_t *)tree));
	memcpy(digest.bytes, canonical.digest, sizeof(digest.bytes));
	return digest;
}

int leaf_table_digest(const struct leaf_table *table, uint64_t size,
		      struct digest *file)
{
	uint64_t leaves = leaf_count(size);
	const struct digest *leaf;
	struct tree_digest *tree;

	if (leaves == 0) {
		*file = digest_of("", 0);
		return 1;
	}
	/* One missing ends it before a long walk, whatever size is claimed. */
	leaf = leaf_table_get(table, leaves - 1);
	if (leaf == NULL)
		return 0;
	if (leaves == 1) {
		*file = *leaf;
		return 1;
	}
	tree = tree_digest_create(size);
	if (tree == NULL)
		abort();
	for (uint64_t i = 0; i < leaves && leaf != NULL; i++) {
		leaf = leaf_table_get(table, i);
		if (leaf != NULL)
			tree_digest_add(tree, leaf);
	}
	if (leaf != NULL)
		*file = tree_digest_get(tree);
	tree_digest_free(tree);
	return leaf != NULL;
}
