/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual disk's struct io: each call as POSIX has it, checked more
 * strictly than any kernel does (a descriptor that is not open is a misuse
 * that fails the test).
 */
#include "tests/sim/disk_private.h"

#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ssize_t disk_pread(void *context, int number, void *buffer, size_t size,
			  off_t offset)
{
	struct disk *disk = context;
	struct descriptor *descriptor;

	if (disk_enter(disk))
		return -1;
	descriptor = disk_descriptor(disk, number, "pread");
	if (descriptor == NULL)
		return -1;
	if (S_ISDIR(descriptor->inode->now.mode)) {
		errno = EISDIR;
		return -1;
	}
	if ((descriptor->flags & O_ACCMODE) == O_WRONLY ||
	    (descriptor->flags & O_PATH)) {
		errno = EBADF;
		return -1;
	}
	if (disk_flaky(disk)) {
		if (size < 2 || dice_chance(&disk->dice, 500))
			return -1;
		size = (size_t)dice_between(&disk->dice, 1, size - 1);
	}
	return (ssize_t)page_read(descriptor->inode, buffer, size,
				  (uint64_t)offset);
}

static ssize_t disk_pwrite(void *context, int number, const void *buffer,
			   size_t size, off_t offset)
{
	struct disk *disk = context;
	struct descriptor *descriptor;
	size_t done;
	int was_stopped = disk->stopped, stops = disk_enter(disk);

	descriptor = disk_descriptor(disk, number, "pwrite");
	if (descriptor == NULL || (stops && was_stopped))
		return -1;
	if ((descriptor->flags & O_ACCMODE) == O_RDONLY) {
		errno = EBADF;
		return -1;
	}
	if (!stops && disk_flaky(disk)) {
		if (size < 2 || dice_chance(&disk->dice, 500))
			return -1;
		size = (size_t)dice_between(&disk->dice, 1, size - 1);
	}
	if (stops) /* The process dies in the middle of it. */
		size = (size_t)dice_below(&disk->dice, size + 1);
	done =
	    page_write(disk, descriptor->inode, buffer, size, (uint64_t)offset);
	if (done > 0)
		disk_touch(disk, descriptor->inode, 1);
	if (stops) {
		errno = EIO;
		return -1;
	}
	if (done == 0 && size > 0) {
		errno = ENOSPC;
		return -1;
	}
	return (ssize_t)done;
}

static int disk_truncate(void *context, int number, off_t size)
{
	struct disk *disk = context;
	struct descriptor *descriptor;

	if (disk_enter(disk))
		return -1;
	descriptor = disk_descriptor(disk, number, "truncate");
	if (descriptor == NULL)
		return -1;
	if ((descriptor->flags & O_ACCMODE) == O_RDONLY ||
	    !S_ISREG(descriptor->inode->now.mode)) {
		errno = EINVAL;
		return -1;
	}
	if (disk_flaky(disk))
		return -1;
	page_truncate(disk, descriptor->inode, (uint64_t)size);
	disk_touch(disk, descriptor->inode, 1);
	return 0;
}

enum sync_kind { SYNC_DATA, SYNC_FILE, SYNC_ALL };

static void sync_lose(struct disk *disk, struct inode *inode,
		      enum sync_kind kind)
{
	size_t index;

	name_lose(disk, kind == SYNC_ALL ? NULL : inode);
	if (kind != SYNC_ALL)
		page_lose(disk, inode);
	for (index = 0; kind == SYNC_ALL && index < disk->inode_count; index++)
		page_lose(disk, disk->inodes[index]);
}

static int disk_any_sync(struct disk *disk, int number, enum sync_kind kind)
{
	struct descriptor *descriptor;
	struct inode *inode;
	size_t index;

	if (disk_enter(disk))
		return -1;
	descriptor = disk_descriptor(disk, number, "sync");
	if (descriptor == NULL)
		return -1;
	if (disk_flaky(disk))
		return -1;
	inode = descriptor->inode;
	if (disk->fail_sync != UINT64_MAX && disk->fail_sync-- == 0) {
		sync_lose(disk, inode, kind);
		errno = EIO;
		return -1;
	}
	if (kind == SYNC_ALL) {
		name_sync(disk, NULL);
		for (index = 0; index < disk->inode_count; index++)
			page_sync(disk->inodes[index], 1);
		return 0;
	}
	if (S_ISDIR(inode->now.mode))
		name_sync(disk, inode);
	page_sync(inode, kind == SYNC_FILE);
	return 0;
}

static int disk_sync_data(void *context, int number)
{
	return disk_any_sync(context, number, SYNC_DATA);
}

static int disk_sync(void *context, int number)
{
	return disk_any_sync(context, number, SYNC_FILE);
}

static int disk_sync_all(void *context, int number)
{
	return disk_any_sync(context, number, SYNC_ALL);
}

static int disk_advise(void *context, int number, off_t offset, off_t size,
		       int advice)
{
	struct disk *disk = context;

	(void)offset;
	(void)size;
	(void)advice;
	if (disk_enter(disk))
		return -1;
	return disk_descriptor(disk, number, "advise") == NULL ? -1 : 0;
}

void inode_stat(const struct disk *disk, const struct inode *inode,
		struct stat *status)
{
	memset(status, 0, sizeof(*status));
	status->st_dev = disk->number;
	status->st_ino = inode->number;
	status->st_mode = inode->now.mode;
	status->st_nlink = inode->links;
	status->st_uid = geteuid();
	status->st_gid = getegid();
	status->st_size = (off_t)inode->size;
	if (inode->link != NULL)
		status->st_size = (off_t)strlen(inode->link);
	status->st_blksize = PAGE_BYTES;
	status->st_blocks = (blkcnt_t)(inode->filled * (PAGE_BYTES / 512));
	status->st_mtim = inode->now.modified;
	status->st_atim = inode->now.modified;
	status->st_ctim = inode->now.changed;
}

static int disk_stat(void *context, int number, struct stat *status)
{
	struct disk *disk = context;
	struct descriptor *descriptor;

	if (disk_enter(disk))
		return -1;
	descriptor = disk_descriptor(disk, number, "stat");
	if (descriptor == NULL)
		return -1;
	inode_stat(disk, descriptor->inode, status);
	return 0;
}

static int disk_set_mode(void *context, int number, mode_t mode)
{
	struct disk *disk = context;
	struct descriptor *descriptor;

	if (disk_enter(disk))
		return -1;
	descriptor = disk_descriptor(disk, number, "set_mode");
	if (descriptor == NULL)
		return -1;
	descriptor->inode->now.mode =
	    (descriptor->inode->now.mode & S_IFMT) | (mode & 07777);
	disk_touch(disk, descriptor->inode, 0);
	return 0;
}

void inode_set_times(struct disk *disk, struct inode *inode,
		     const struct timespec times[2])
{
	if (times[1].tv_nsec == UTIME_OMIT)
		return;
	inode->now.modified = times[1];
	if (times[1].tv_nsec == UTIME_NOW)
		inode->now.modified = disk_time(disk);
	disk_touch(disk, inode, 0);
}

static int disk_set_times(void *context, int number,
			  const struct timespec times[2])
{
	struct disk *disk = context;
	struct descriptor *descriptor;

	if (disk_enter(disk))
		return -1;
	descriptor = disk_descriptor(disk, number, "set_times");
	if (descriptor == NULL)
		return -1;
	inode_set_times(disk, descriptor->inode, times);
	return 0;
}

static int disk_lock(void *context, int number, int operation)
{
	struct disk *disk = context;
	struct descriptor *descriptor;
	struct inode *inode;
	int wanted = operation & ~LOCK_NB;

	if (disk_enter(disk))
		return -1;
	descriptor = disk_descriptor(disk, number, "lock");
	if (descriptor == NULL)
		return -1;
	inode = descriptor->inode;
	descriptor_unlock(descriptor);
	if ((wanted != LOCK_UN && inode->exclusive_locks > 0) ||
	    (wanted == LOCK_EX && inode->shared_locks > 0)) {
		/* Nobody could ever release it while this call waits. */
		errno = operation & LOCK_NB ? EWOULDBLOCK : EDEADLK;
		return -1;
	}
	if (wanted == LOCK_SH)
		inode->shared_locks++;
	if (wanted == LOCK_EX)
		inode->exclusive_locks++;
	descriptor->lock = wanted == LOCK_UN ? 0 : wanted;
	return 0;
}

#define CALL_NANOSECONDS 1000

/* Not calls that a crash could fall between. */
static uint64_t disk_clock(void *context)
{
	struct disk *disk = context;

	/* Whoever polls must see the time pass. */
	return disk->clock + disk->ticks++ * CALL_NANOSECONDS;
}

static int64_t disk_wall(void *context)
{
	return disk_time(context).tv_sec;
}

static int disk_random(void *context, void *buffer, size_t size)
{
	struct disk *disk = context;

	dice_fill(&disk->dice, buffer, size);
	return 0;
}

void disk_io_init(struct disk *disk)
{
	static const struct io table = {NULL,
					disk_open,
					disk_open_beneath,
					disk_close,
					disk_pread,
					disk_pwrite,
					disk_truncate,
					disk_sync_data,
					disk_sync,
					disk_sync_all,
					disk_advise,
					disk_stat,
					disk_stat_at,
					disk_list,
					disk_read_link_at,
					disk_make_dir_at,
					disk_make_link_at,
					disk_rename_at,
					disk_unlink_at,
					disk_set_mode,
					disk_set_times,
					disk_set_times_at,
					disk_lock,
					disk_clock,
					disk_wall,
					disk_random,
					0,
					NULL,
					NULL,
					NULL,
					0};

	disk->io = table;
	disk->io.context = disk;
}
