/* SPDX-License-Identifier: BSD-2-Clause */
/* What other programs do to the virtual disks: files made, changed, removed. */
#include "tests/sim/plant.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/digest.h"
#include "tests/sim/disk_private.h"

#define FILE_MODES                                                             \
	{                                                                      \
		0644, 0600, 0444, 0755, 0400, 0640                             \
	}
#define FOLDER_MODES                                                           \
	{                                                                      \
		0755, 0700, 0555, 0500, 0775                                   \
	}

static void make(struct snapshot_item *item, const char *path, mode_t mode,
		 struct dice *dice)
{
	memset(item, 0, sizeof(*item));
	item->path = sim_copy(path);
	item->mode = mode;
	plant_touch(item, dice);
}

static void fill_block(struct snapshot_item *item, size_t index,
		       struct dice *dice)
{
	uint64_t begin = index * (uint64_t)PAGE_BYTES;
	size_t length = PAGE_BYTES;
	struct block *block = sim_zeroed(sizeof(*block));

	if (item->size - begin < PAGE_BYTES)
		length = (size_t)(item->size - begin);
	block->references = 1;
	dice_fill(dice, block->bytes, length);
	/* Half of them can be packed, if they are large enough to be no less
	 * different from each other. */
	if (length >= 200 && block->bytes[0] % 2 == 0) {
		for (size_t at = 0; at < length; at++)
			block->bytes[at] &= 0x0f;
	}
	block_release(item->blocks[index]);
	item->blocks[index] = block;
}

static void set_size(struct snapshot_item *item, uint64_t size)
{
	size_t count = (size_t)((size + PAGE_BYTES - 1) / PAGE_BYTES);
	size_t index, tail = (size_t)(size % PAGE_BYTES);

	for (index = count; index < item->block_count; index++)
		block_release(item->blocks[index]);
	item->blocks =
	    sim_allocate(item->blocks, (count + 1) * sizeof(struct block *));
	for (index = item->block_count; index < count; index++)
		item->blocks[index] = NULL;
	item->block_count = count;
	if (size < item->size && tail != 0 && item->blocks[count - 1] != NULL) {
		struct block *block = sim_zeroed(sizeof(*block));

		memcpy(block->bytes, item->blocks[count - 1]->bytes, tail);
		block->references = 1;
		block_release(item->blocks[count - 1]);
		item->blocks[count - 1] = block;
	}
	item->size = size;
}

void plant_make_file(struct snapshot_item *item, const char *path,
		     uint64_t size, struct dice *dice)
{
	static const mode_t modes[] = FILE_MODES;
	size_t pages_of_leaf = LEAF_SIZE / PAGE_BYTES, index;

	make(item, path, S_IFREG | modes[dice_below(dice, 6)], dice);
	set_size(item, size);
	for (index = 0; index < item->block_count; index++) {
		/* The first page makes the leaf different from others. */
		if (item->block_count < 32 || index % pages_of_leaf == 0 ||
		    dice_chance(dice, 10))
			fill_block(item, index, dice);
	}
}

void plant_make_folder(struct snapshot_item *item, const char *path,
		       struct dice *dice)
{
	static const mode_t modes[] = FOLDER_MODES;

	make(item, path, S_IFDIR | modes[dice_below(dice, 5)], dice);
}

void plant_make_link(struct snapshot_item *item, const char *path,
		     const char *target, struct dice *dice)
{
	make(item, path, S_IFLNK | 0777, dice);
	item->link = sim_copy(target);
}

void plant_change(struct snapshot_item *item, struct dice *dice)
{
	size_t count;

	if (item->size == 0 || dice_chance(dice, 300)) {
		uint64_t size =
		    item->size / 2 + dice_skewed(dice, 1, item->size + 5000);

		set_size(item, size);
	}
	for (count = dice_skewed(dice, 1, 4); count > 0; count--)
		fill_block(item, (size_t)dice_below(dice, item->block_count),
			   dice);
}

void plant_touch(struct snapshot_item *item, struct dice *dice)
{
	item->modified.tv_sec =
	    (time_t)dice_between(dice, 1000000000, 1600000000);
	item->modified.tv_nsec = (long)dice_below(dice, 1000000000);
}

/* The folder that path is in, and its last name. */
static int open_parent(struct disk *disk, const char *path, const char **name)
{
	struct io *io = disk_io(disk);
	const char *slash = strrchr(path, '/');
	char *folder = sim_copy(path);
	int descriptor;

	*name = slash == NULL ? path : slash + 1;
	folder[slash == NULL ? 0 : slash - path] = 0;
	descriptor = io->open_beneath(io->context, AT_FDCWD, folder,
				      O_RDONLY | O_DIRECTORY, 0);
	assert(descriptor != -1);
	free(folder);
	return descriptor;
}

static void set_attributes(struct disk *disk, int descriptor,
			   const struct snapshot_item *item)
{
	struct timespec times[2] = {item->modified, item->modified};
	struct io *io = disk_io(disk);

	io->set_mode(io->context, descriptor, item->mode & 07777);
	io->set_times(io->context, descriptor, times);
	io->sync(io->context, descriptor);
	io->close(io->context, descriptor);
}

static void plant_file(struct disk *disk, int folder, const char *name,
		       const struct snapshot_item *item)
{
	struct io *io = disk_io(disk);
	int file = io->open_beneath(io->context, folder, name,
				    O_CREAT | O_RDWR | O_TRUNC, 0600);
	size_t index;

	assert(file != -1);
	for (index = 0; index < item->block_count; index++)
		if (item->blocks[index] != NULL)
			io->pwrite(io->context, file,
				   item->blocks[index]->bytes, PAGE_BYTES,
				   (off_t)index * PAGE_BYTES);
	io->truncate(io->context, file, (off_t)item->size);
	set_attributes(disk, file, item);
}

/* Other programs are not subject to what the test does to ferry's. */
struct exemption {
	int strict;
	unsigned flaky;
	uint64_t space, stop_after, fail_sync;
};

static struct exemption exempt(struct disk *disk)
{
	struct exemption saved = {disk->strict, disk->flaky, disk->space,
				  disk->stop_after, disk->fail_sync};

	disk->strict = 0;
	disk->flaky = 0;
	disk->space = UINT64_MAX;
	disk->stop_after = disk->fail_sync = UINT64_MAX;
	return saved;
}

static void exempt_no_more(struct disk *disk, const struct exemption *saved)
{
	disk->strict = saved->strict;
	disk->flaky = saved->flaky;
	disk->space = saved->space;
	disk->stop_after = saved->stop_after;
	disk->fail_sync = saved->fail_sync;
}

void plant_item(struct disk *disk, const struct snapshot_item *item)
{
	struct exemption saved = exempt(disk);
	struct io *io = disk_io(disk);
	struct timespec times[2] = {item->modified, item->modified};
	const char *name;
	int folder = open_parent(disk, item->path, &name);

	if (S_ISREG(item->mode)) {
		plant_file(disk, folder, name, item);
	} else if (S_ISLNK(item->mode)) {
		io->make_link_at(io->context, folder, name, item->link);
		io->set_times_at(io->context, folder, name, times);
	} else {
		io->make_dir_at(io->context, folder, name, 0700);
		set_attributes(disk,
			       io->open_beneath(io->context, folder, name,
						O_RDONLY | O_DIRECTORY, 0),
			       item);
	}
	io->sync(io->context, folder);
	io->close(io->context, folder);
	exempt_no_more(disk, &saved);
}

void plant_replace(struct disk *disk, const struct snapshot_item *item)
{
	struct exemption saved = exempt(disk);
	struct io *io = disk_io(disk);
	const char *name;
	int folder = open_parent(disk, item->path, &name);

	plant_file(disk, folder, "planted.tmp", item);
	io->rename_at(io->context, folder, "planted.tmp", folder, name);
	io->sync(io->context, folder);
	io->close(io->context, folder);
	exempt_no_more(disk, &saved);
}

void plant_remove(struct disk *disk, const char *path)
{
	struct exemption saved = exempt(disk);
	struct io *io = disk_io(disk);
	const char *name;
	int folder = open_parent(disk, path, &name);

	io->unlink_at(io->context, folder, name, 0);
	io->sync(io->context, folder);
	io->close(io->context, folder);
	exempt_no_more(disk, &saved);
}

uint64_t plant_rot(struct disk *disk, const struct snapshot_item *item,
		   struct dice *dice)
{
	struct exemption saved = exempt(disk);
	struct timespec times[2] = {item->modified, item->modified};
	struct io *io = disk_io(disk);
	const char *name;
	int folder = open_parent(disk, item->path, &name);
	int file = io->open_beneath(io->context, folder, name, O_RDWR, 0);
	off_t at = (off_t)dice_below(dice, item->size);
	uint8_t byte = 0;

	assert(file != -1);
	io->pread(io->context, file, &byte, 1, at);
	byte ^= (uint8_t)(1U << dice_below(dice, 8));
	io->pwrite(io->context, file, &byte, 1, at);
	io->set_times(io->context, file, times);
	io->sync(io->context, file);
	io->close(io->context, file);
	io->close(io->context, folder);
	exempt_no_more(disk, &saved);
	return (uint64_t)at;
}
