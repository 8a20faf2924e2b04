/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual disk as a whole: how it is made, what a crash or the death of
 * the process does to it, and how a test looks at it.
 */
#include "tests/sim/disk_private.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND       UINT64_C(1000000000)
/* 2023-11-14: the files' times begin here. */
#define FIRST_SECOND 1700000000

struct timespec disk_time(struct disk *disk)
{
	struct timespec time;
	/* No two changes at the same moment: else a changed file could look
	 * unchanged, as it can on a real disk with coarse times, but there
	 * only within one tick of the clock. */
	uint64_t now = disk->clock + disk->ticks++;

	time.tv_sec = FIRST_SECOND + (time_t)(now / SECOND);
	time.tv_nsec = (long)(now % SECOND);
	return time;
}

void disk_touch(struct disk *disk, struct inode *inode, int modified)
{
	inode->now.changed = disk_time(disk);
	if (modified)
		inode->now.modified = inode->now.changed;
	inode->attributes_dirty = 1;
}

struct inode *disk_inode_create(struct disk *disk, mode_t mode)
{
	struct inode *inode = sim_allocate(NULL, sizeof(*inode));

	memset(inode, 0, sizeof(*inode));
	inode->number = disk->next_inode++;
	inode->now.mode = mode;
	disk_touch(disk, inode, 1);
	/* What the file system writes together with the name. */
	inode->durable = inode->now;
	inode->attributes_dirty = 0;
	inode->links = 1;
	disk->inodes = sim_grow(disk->inodes, disk->inode_count,
				&disk->inode_capacity, sizeof(struct inode *));
	disk->inodes[disk->inode_count++] = inode;
	return inode;
}

struct disk *disk_create(unsigned number, struct dice dice)
{
	struct disk *disk = sim_allocate(NULL, sizeof(*disk));

	memset(disk, 0, sizeof(*disk));
	disk->number = number;
	disk->dice = dice;
	disk->space = UINT64_MAX;
	disk->fail_sync = UINT64_MAX;
	disk->stop_after = UINT64_MAX;
	disk->next_inode = 2;
	disk->root = disk_inode_create(disk, S_IFDIR | 0755);
	disk_io_init(disk);
	return disk;
}

static void inode_free(struct inode *inode)
{
	size_t index;

	for (index = 0; index < inode->page_count; index++) {
		block_release(inode->pages[index].cached);
		block_release(inode->pages[index].durable);
	}
	free(inode->pages);
	free(inode->link);
	name_table_release(&inode->names);
	name_table_release(&inode->durable_names);
	free(inode);
}

void disk_free(struct disk *disk)
{
	size_t index;

	if (disk == NULL)
		return;
	name_sync(disk, NULL);
	for (index = 0; index < disk->inode_count; index++)
		inode_free(disk->inodes[index]);
	free(disk->inodes);
	free(disk->pending);
	free(disk->descriptors);
	free(disk);
}

struct io *disk_io(struct disk *disk)
{
	return &disk->io;
}

void disk_set_clock(struct disk *disk, uint64_t nanoseconds)
{
	disk->clock = nanoseconds;
}

void disk_set_space(struct disk *disk, uint64_t pages)
{
	disk->space = pages;
}

void disk_set_strict(struct disk *disk, int strict)
{
	disk->strict = strict;
}

void disk_set_flaky(struct disk *disk, unsigned per_mille)
{
	disk->flaky = per_mille;
}

void disk_fail_sync(struct disk *disk, uint64_t after)
{
	disk->fail_sync = after;
}

void disk_stop_after(struct disk *disk, uint64_t calls)
{
	disk->stop_after = calls;
}

void disk_stop(struct disk *disk)
{
	disk->stopped = 1;
}

int disk_stopped(const struct disk *disk)
{
	return disk->stopped;
}

uint64_t disk_calls(const struct disk *disk)
{
	return disk->calls;
}

void disk_kill(struct disk *disk)
{
	disk_close_all(disk);
	disk->stopped = 0;
	disk->stop_after = UINT64_MAX;
}

void disk_settle(struct disk *disk)
{
	size_t index;

	name_sync(disk, NULL);
	for (index = 0; index < disk->inode_count; index++)
		page_sync(disk->inodes[index], 1);
}

static void disk_reach(struct inode *inode)
{
	size_t index;

	assert(!inode->reached); /* no file has two names here */
	inode->reached = 1;
	for (index = 0; index < inode->names.count; index++)
		disk_reach(inode->names.names[index].inode);
}

/* Free what no durable name leads to. */
static void disk_sweep(struct disk *disk)
{
	size_t index, kept = 0;

	for (index = 0; index < disk->inode_count; index++)
		disk->inodes[index]->reached = 0;
	disk_reach(disk->root);
	for (index = 0; index < disk->inode_count; index++) {
		struct inode *inode = disk->inodes[index];

		if (!inode->reached) {
			inode_free(inode);
			continue;
		}
		inode->links = 1;
		disk->inodes[kept++] = inode;
	}
	disk->inode_count = kept;
}

void disk_crash(struct disk *disk)
{
	static const unsigned keeps[] = {0, 100, 500, 900, 1000};
	size_t index;
	unsigned keep = keeps[dice_below(&disk->dice, 5)];

	disk_kill(disk);
	name_crash(disk, keep);
	keep = keeps[dice_below(&disk->dice, 5)];
	for (index = 0; index < disk->inode_count; index++)
		page_crash(disk, disk->inodes[index], keep);
	disk_sweep(disk);
}

size_t disk_open_count(const struct disk *disk)
{
	return disk->open_count;
}

const char *disk_misuse(const struct disk *disk)
{
	return disk->misuse[0] ? disk->misuse : NULL;
}

static void item_fill(struct snapshot_item *item, const struct inode *inode,
		      const char *path)
{
	size_t index;

	memset(item, 0, sizeof(*item));
	item->path = sim_copy(path);
	item->mode = inode->now.mode;
	item->modified = inode->now.modified;
	if (inode->link != NULL)
		item->link = sim_copy(inode->link);
	item->size = S_ISREG(item->mode) ? inode->size : 0;
	item->block_count =
	    (size_t)((item->size + PAGE_BYTES - 1) / PAGE_BYTES);
	if (item->block_count > 0)
		item->blocks =
		    sim_zeroed(item->block_count * sizeof(struct block *));
	for (index = 0; index < item->block_count && index < inode->page_count;
	     index++) {
		item->blocks[index] = inode->pages[index].cached;
		if (item->blocks[index] != NULL)
			item->blocks[index]->references++;
	}
}

int disk_look(const struct disk *disk, const char *path,
	      struct snapshot_item *item)
{
	const struct inode *inode = disk->root;
	const char *rest = path;

	while (inode != NULL && *rest != 0) {
		size_t length = strcspn(rest, "/");
		char name[NAME_MAX + 1];

		if (length > NAME_MAX)
			return 0;
		memcpy(name, rest, length);
		name[length] = 0;
		inode = name_find(&inode->names, name);
		rest += length;
		rest += *rest == '/';
	}
	if (inode != NULL)
		item_fill(item, inode, path);
	return inode != NULL;
}

static void snapshot_walk(struct snapshot *snapshot, size_t *capacity,
			  const struct inode *inode, const char *path)
{
	size_t index;

	snapshot->items = sim_grow(snapshot->items, snapshot->count, capacity,
				   sizeof(*snapshot->items));
	item_fill(&snapshot->items[snapshot->count++], inode, path);
	for (index = 0; index < inode->names.count; index++) {
		const struct name *name = &inode->names.names[index];
		size_t size = strlen(path) + strlen(name->text) + 2;
		char *below = sim_allocate(NULL, size);

		snprintf(below, size, "%s%s%s", path, *path ? "/" : "",
			 name->text);
		snapshot_walk(snapshot, capacity, name->inode, below);
		free(below);
	}
}

static int snapshot_order(const void *a, const void *b)
{
	const struct snapshot_item *first = a, *second = b;

	return strcmp(first->path, second->path);
}

struct snapshot *disk_snapshot(const struct disk *disk)
{
	struct snapshot *snapshot = sim_allocate(NULL, sizeof(*snapshot));
	size_t capacity = 0;

	memset(snapshot, 0, sizeof(*snapshot));
	snapshot_walk(snapshot, &capacity, disk->root, "");
	qsort(snapshot->items, snapshot->count, sizeof(*snapshot->items),
	      snapshot_order);
	return snapshot;
}

void snapshot_free(struct snapshot *snapshot)
{
	size_t index;

	if (snapshot == NULL)
		return;
	for (index = 0; index < snapshot->count; index++)
		snapshot_item_release(&snapshot->items[index]);
	free(snapshot->items);
	free(snapshot);
}

const struct snapshot_item *snapshot_find(const struct snapshot *snapshot,
					  const char *path)
{
	struct snapshot_item key;

	key.path = (char *)(uintptr_t)path;
	return bsearch(&key, snapshot->items, snapshot->count,
		       sizeof(*snapshot->items), snapshot_order);
}

static int block_equal(const struct block *first, const struct block *second)
{
	static const struct block zero;

	if (first == second)
		return 1;
	if (first == NULL)
		first = &zero;
	if (second == NULL)
		second = &zero;
	return memcmp(first->bytes, second->bytes, PAGE_BYTES) == 0;
}

int snapshot_equal(const struct snapshot_item *first,
		   const struct snapshot_item *second)
{
	size_t index;

	if ((first->mode & S_IFMT) != (second->mode & S_IFMT) ||
	    first->size != second->size)
		return 0;
	if (first->link != NULL && strcmp(first->link, second->link) != 0)
		return 0;
	for (index = 0; index < first->block_count; index++)
		if (!block_equal(first->blocks[index], second->blocks[index]))
			return 0;
	return 1;
}

void snapshot_item_copy(struct snapshot_item *to,
			const struct snapshot_item *from)
{
	size_t size = from->block_count * sizeof(struct block *);
	size_t index;

	*to = *from;
	to->path = sim_copy(from->path);
	if (from->link != NULL)
		to->link = sim_copy(from->link);
	if (from->blocks != NULL)
		to->blocks =
		    memcpy(sim_allocate(NULL, size), from->blocks, size);
	for (index = 0; index < from->block_count; index++)
		if (to->blocks[index] != NULL)
			to->blocks[index]->references++;
}

void snapshot_item_release(struct snapshot_item *item)
{
	size_t index;

	for (index = 0; index < item->block_count; index++)
		block_release(item->blocks[index]);
	free(item->blocks);
	free(item->path);
	free(item->link);
}
