/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_SIM_DISK_H
#define FERRY_TESTS_SIM_DISK_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "journal/io.h"
#include "tests/sim/dice.h"

/*
 * A machine's file system in memory, as mean as POSIX allows.  It has a cached
 * state, which the calls of disk_io see, and a durable one, which a crash
 * leaves.  What no sync has covered reaches the durable state by chance:
 *
 * - each page of 4 KiB, the size, and mode with times of a file on its own,
 *   sometimes in a version that has been overwritten since;
 * - each change of a name (create, rename, unlink) on its own, in any order;
 *   only changes of the same name keep their order, and a name in a folder
 *   that itself was lost is lost with it.  A rename happens whole or not;
 * - fsync of a file makes the file durable and not its name; fsync of a folder
 *   its names, and not the folder's own name, nor surely those that were moved
 *   out of it; syncfs everything;
 * - a sync that fails drops what it could not write: the pages count as clean.
 *
 * A disk serves one process.  Not thread-safe.
 */
struct disk;

/* number tells the disks of one world apart (st_dev).  Out of memory ends the
 * test program here and everywhere in the simulator. */
struct disk *disk_create(unsigned number, struct dice);
void disk_free(struct disk *);
/* Freed with the disk. */
struct io *disk_io(struct disk *);

/* What io->clock and the times of files are made from. */
void disk_set_clock(struct disk *, uint64_t nanoseconds);
/* The most pages that may still be filled; UINT64_MAX: no limit. */
void disk_set_space(struct disk *, uint64_t pages);
/* 1: the owner's permission bits count, as for anybody but root. */
void disk_set_strict(struct disk *, int);
/* Short transfers and EINTR, so many in a thousand calls. */
void disk_set_flaky(struct disk *, unsigned per_mille);
/* The sync after so many more syncs fails with EIO and loses its pages. */
void disk_fail_sync(struct disk *, uint64_t after);

/*
 * The process dies at a call: after so many more calls of disk_io nothing has
 * an effect any more, and all but close fails with EIO.  UINT64_MAX: never.
 */
void disk_stop_after(struct disk *, uint64_t calls);
/* It dies now. */
void disk_stop(struct disk *);
int disk_stopped(const struct disk *);
/* How many calls of disk_io there were. */
uint64_t disk_calls(const struct disk *);

/* The process is gone: its descriptors and locks too; the cache stays. */
void disk_kill(struct disk *);
/* The machine is gone, and comes back with what chance made durable. */
void disk_crash(struct disk *);
/* syncfs, from outside. */
void disk_settle(struct disk *);

size_t disk_open_count(const struct disk *);
/* The first use of a descriptor that was not open, or the like; NULL: none. */
const char *disk_misuse(const struct disk *);

/* Everything on the disk at one moment, sorted by path. */
struct snapshot_item {
	char *path;  /* from the root, without a leading '/'; root is "" */
	mode_t mode; /* with the type */
	struct timespec modified;
	uint64_t size;
	char *link;
	struct block **blocks; /* shared with the disk; NULL is all zero */
	size_t block_count;
};
struct snapshot {
	struct snapshot_item *items;
	size_t count;
};
struct snapshot *disk_snapshot(const struct disk *);
/* One of them.  1; 0: there is none.  To be released. */
int disk_look(const struct disk *, const char *path, struct snapshot_item *);
void snapshot_free(struct snapshot *);
const struct snapshot_item *snapshot_find(const struct snapshot *,
					  const char *path);
/* 1 if type, size, bytes or link are equal; attributes don't matter. */
int snapshot_equal(const struct snapshot_item *, const struct snapshot_item *);
/* One item to keep when its snapshot goes: the versions of a file. */
void snapshot_item_copy(struct snapshot_item *, const struct snapshot_item *);
void snapshot_item_release(struct snapshot_item *);

#endif
