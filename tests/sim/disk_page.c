/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of a file on the virtual disk, page by page, in the cached and in
 * the durable state.  A page of zeros is NULL and costs nothing, so a test can
 * afford files of some MiB.
 */
#include "tests/sim/disk_private.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t zero_page[PAGE_BYTES];

void block_release(struct block *block)
{
	if (block != NULL && --block->references == 0)
		free(block);
}

static struct block *block_share(struct block *block)
{
	if (block != NULL)
		block->references++;
	return block;
}

static void page_set_durable(struct page *page)
{
	if (page->durable == page->cached)
		return;
	block_release(page->durable);
	page->durable = block_share(page->cached);
}

size_t page_read(const struct inode *inode, uint8_t *buffer, size_t size,
		 uint64_t offset)
{
	size_t done = 0;

	if (offset >= inode->size)
		return 0;
	if (size > inode->size - offset)
		size = (size_t)(inode->size - offset);
	while (done < size) {
		size_t index = (size_t)((offset + done) / PAGE_BYTES);
		size_t begin = (size_t)((offset + done) % PAGE_BYTES);
		size_t part = PAGE_BYTES - begin;
		const struct block *block = NULL;

		if (part > size - done)
			part = size - done;
		if (index < inode->page_count)
			block = inode->pages[index].cached;
		if (block != NULL)
			memcpy(buffer + done, block->bytes + begin, part);
		else
			memset(buffer + done, 0, part);
		done += part;
	}
	return done;
}

static struct page *page_at(struct inode *inode, size_t index)
{
	if (index >= inode->page_count) {
		size_t count = index + 1;

		/* Files grow by a leaf at a time: no doubling needed. */
		count = (count + 15) & ~(size_t)15;
		inode->pages =
		    sim_allocate(inode->pages, count * sizeof(*inode->pages));
		memset(inode->pages + inode->page_count, 0,
		       (count - inode->page_count) * sizeof(*inode->pages));
		inode->page_count = count;
	}
	return &inode->pages[index];
}

static void page_mark(struct disk *disk, struct inode *inode, size_t index)
{
	struct page *page = &inode->pages[index];

	/* The kernel may have written the version before. */
	if (page->dirty && dice_chance(&disk->dice, 125))
		page_set_durable(page);
	page->dirty = 1;
	if (inode->dirty_first == inode->dirty_end) {
		inode->dirty_first = index;
		inode->dirty_end = index + 1;
	}
	if (index < inode->dirty_first)
		inode->dirty_first = index;
	if (index >= inode->dirty_end)
		inode->dirty_end = index + 1;
}

static void page_clear(struct disk *disk, struct inode *inode, size_t index)
{
	struct page *page = page_at(inode, index);

	page_mark(disk, inode, index);
	if (page->cached == NULL)
		return;
	block_release(page->cached);
	page->cached = NULL;
	inode->filled--;
	if (disk->space != UINT64_MAX)
		disk->space++;
}

/* A block that may be written to; NULL: no space. */
static struct block *page_own(struct disk *disk, struct inode *inode,
			      size_t index)
{
	struct page *page = page_at(inode, index);
	struct block *block;

	if (page->cached == NULL && disk->space == 0)
		return NULL;
	page_mark(disk, inode, index);
	if (page->cached != NULL && page->cached->references == 1)
		return page->cached;
	block = sim_allocate(NULL, sizeof(*block));
	block->references = 1;
	if (page->cached != NULL) {
		memcpy(block->bytes, page->cached->bytes, PAGE_BYTES);
		block_release(page->cached);
	} else {
		memset(block->bytes, 0, PAGE_BYTES);
		inode->filled++;
		if (disk->space != UINT64_MAX)
			disk->space--;
	}
	page->cached = block;
	return block;
}

static void page_set_size(struct disk *disk, struct inode *inode, uint64_t size)
{
	if (size == inode->size)
		return;
	if (inode->size_dirty && dice_chance(&disk->dice, 125))
		inode->durable_size = inode->size;
	inode->size = size;
	inode->size_dirty = 1;
}

size_t page_write(struct disk *disk, struct inode *inode, const uint8_t *buffer,
		  size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		size_t index = (size_t)((offset + done) / PAGE_BYTES);
		size_t begin = (size_t)((offset + done) % PAGE_BYTES);
		size_t part = PAGE_BYTES - begin;
		struct block *block;

		if (part > size - done)
			part = size - done;
		if (part == PAGE_BYTES &&
		    memcmp(buffer + done, zero_page, PAGE_BYTES) == 0) {
			page_clear(disk, inode, index);
		} else {
			block = page_own(disk, inode, index);
			if (block == NULL)
				break;
			memcpy(block->bytes + begin, buffer + done, part);
		}
		done += part;
	}
	if (done > 0 && offset + done > inode->size)
		page_set_size(disk, inode, offset + done);
	return done;
}

void page_truncate(struct disk *disk, struct inode *inode, uint64_t size)
{
	size_t first = (size_t)((size + PAGE_BYTES - 1) / PAGE_BYTES);
	size_t index;

	for (index = first; index < inode->page_count; index++)
		if (inode->pages[index].cached != NULL)
			page_clear(disk, inode, index);
	index = (size_t)(size / PAGE_BYTES);
	if (size < inode->size && size % PAGE_BYTES != 0 &&
	    index < inode->page_count && inode->pages[index].cached != NULL) {
		struct block *block = page_own(disk, inode, index);

		memset(block->bytes + size % PAGE_BYTES, 0,
		       PAGE_BYTES - size % PAGE_BYTES);
	}
	page_set_size(disk, inode, size);
}

void page_sync(struct inode *inode, int attributes_too)
{
	size_t index;

	for (index = inode->dirty_first; index < inode->dirty_end; index++) {
		struct page *page = &inode->pages[index];

		if (page->dirty)
			page_set_durable(page);
		page->dirty = 0;
	}
	inode->dirty_first = inode->dirty_end = 0;
	inode->durable_size = inode->size;
	inode->size_dirty = 0;
	if (attributes_too) {
		inode->durable = inode->now;
		inode->attributes_dirty = 0;
	}
}

void page_lose(struct disk *disk, struct inode *inode)
{
	size_t index;

	for (index = inode->dirty_first; index < inode->dirty_end; index++) {
		struct page *page = &inode->pages[index];

		/* A lost page reads as it was written until it is evicted;
		 * leave that to the crash. */
		if (page->dirty && dice_chance(&disk->dice, 500))
			page_set_durable(page);
		page->dirty = 0;
	}
	inode->dirty_first = inode->dirty_end = 0;
}

/* Invariant 2, after the durable size has become the size. */
static void page_trim(struct inode *inode)
{
	size_t first = (size_t)((inode->size + PAGE_BYTES - 1) / PAGE_BYTES);
	size_t tail = (size_t)(inode->size % PAGE_BYTES);
	size_t index;

	for (index = first; index < inode->page_count; index++) {
		block_release(inode->pages[index].durable);
		inode->pages[index].durable = NULL;
	}
	if (tail != 0 && first - 1 < inode->page_count &&
	    inode->pages[first - 1].durable != NULL) {
		struct page *page = &inode->pages[first - 1];
		struct block *block = sim_allocate(NULL, sizeof(*block));

		memcpy(block->bytes, page->durable->bytes, tail);
		memset(block->bytes + tail, 0, PAGE_BYTES - tail);
		block->references = 1;
		block_release(page->durable);
		page->durable = block;
	}
}

void page_crash(struct disk *disk, struct inode *inode, unsigned keep)
{
	size_t index;

	for (index = inode->dirty_first; index < inode->dirty_end; index++)
		if (inode->pages[index].dirty && dice_chance(&disk->dice, keep))
			page_set_durable(&inode->pages[index]);
	if (inode->size_dirty && !dice_chance(&disk->dice, keep))
		inode->size = inode->durable_size;
	if (inode->attributes_dirty && !dice_chance(&disk->dice, keep))
		inode->now = inode->durable;
	page_trim(inode);
	inode->filled = 0;
	for (index = 0; index < inode->page_count; index++) {
		struct page *page = &inode->pages[index];

		if (page->cached != page->durable) {
			block_release(page->cached);
			page->cached = block_share(page->durable);
		}
		page->dirty = 0;
		inode->filled += page->cached != NULL;
	}
	inode->dirty_first = inode->dirty_end = 0;
	inode->durable_size = inode->size;
	inode->durable = inode->now;
	inode->size_dirty = inode->attributes_dirty = 0;
}

void page_drop_all(struct disk *disk, struct inode *inode)
{
	if (disk->space != UINT64_MAX)
		disk->space += inode->filled;
	inode->filled = 0;
}
