/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_SIM_DISK_PRIVATE_H
#define FERRY_TESTS_SIM_DISK_PRIVATE_H

#include "tests/sim/disk.h"
#include "tests/sim/memory.h"

/*
 * What the files disk*.c share.  Invariants:
 *
 * 1. A page with cached != durable is dirty, or was lost by a failed sync.
 * 2. Pages at or beyond the size are NULL, and the last page is zero beyond
 *    the size, in the cached state; a crash restores that.
 * 3. inode->names is what calls see; replaying operations that are pending on
 *    inode->durable_names gives the same.
 */
#define PAGE_BYTES 4096

/* Shared by pages of both states, files and snapshots; written only while
 * there is one reference. */
struct block {
	uint32_t references;
	uint8_t bytes[PAGE_BYTES];
};
void block_release(struct block *); /* NULL is fine */

struct page {
	struct block *cached;
	struct block *durable;
	int dirty;
};

struct attributes {
	mode_t mode;
	struct timespec modified;
	struct timespec changed;
};

struct name_table {
	struct name {
		char *text;
		struct inode *inode;
	} * names;
	size_t count;
	size_t capacity;
};

struct inode {
	uint64_t number;
	struct attributes now, durable;
	int attributes_dirty;
	uint64_t size, durable_size;
	int size_dirty;
	struct page *pages;
	size_t page_count;
	size_t dirty_first, dirty_end; /* pages outside are not dirty */
	size_t filled;                 /* cached pages that are not NULL */
	char *link;
	struct name_table names, durable_names; /* of a folder */
	unsigned opened;
	unsigned links;
	unsigned shared_locks;
	unsigned exclusive_locks;
	int reached; /* by disk_crash's sweep */
};

/* A change of names that no sync has covered. */
struct pending {
	struct change {
		struct inode *folder;
		char *name;
		struct inode *inode; /* NULL: the name goes */
	} changes[2];
	size_t count;
	int chosen;
};

struct descriptor {
	struct inode *inode; /* NULL: not open */
	int flags;
	int lock; /* 0, LOCK_SH or LOCK_EX */
};

struct disk {
	struct io io;
	unsigned number;
	struct dice dice;
	uint64_t clock;
	uint64_t ticks;
	uint64_t space;
	int strict;
	unsigned flaky;
	uint64_t fail_sync;
	uint64_t stop_after;
	int stopped;
	uint64_t calls;
	struct inode *root;
	struct inode **inodes;
	size_t inode_count, inode_capacity;
	uint64_t next_inode;
	struct pending *pending;
	size_t pending_count, pending_capacity;
	struct descriptor *descriptors;
	size_t descriptor_count; /* of the table, open or not */
	size_t open_count;
	char misuse[160];
};

struct inode *disk_inode_create(struct disk *, mode_t mode);
struct timespec disk_time(struct disk *);
/* Content or names changed: both times; else only the change time. */
void disk_touch(struct disk *, struct inode *, int modified);

/* disk_page.c: the bytes of a file. */
size_t page_read(const struct inode *, uint8_t *, size_t, uint64_t offset);
/* Bytes written, fewer when there is no space. */
size_t page_write(struct disk *, struct inode *, const uint8_t *, size_t,
		  uint64_t offset);
void page_truncate(struct disk *, struct inode *, uint64_t size);
void page_sync(struct inode *, int attributes_too);
/* A failed sync: some is written, the rest counts as clean. */
void page_lose(struct disk *, struct inode *);
/* keep in a thousand of what is dirty survives. */
void page_crash(struct disk *, struct inode *, unsigned keep);
void page_drop_all(struct disk *, struct inode *); /* of a removed file */

/* disk_name.c: the names in folders. */
struct inode *name_find(const struct name_table *, const char *);
void name_set(struct name_table *, const char *, struct inode *);
void name_table_release(struct name_table *);
/* Change the cached state, and note the change as pending. */
void name_change(struct disk *, const struct change *, size_t count);
void name_sync(struct disk *, const struct inode *folder); /* NULL: all */
void name_crash(struct disk *, unsigned keep);
void name_lose(struct disk *, const struct inode *folder);

/* disk_open.c: descriptors.  Those that return NULL, -1 or 0 for "no" set
 * errno. */
/* Every call but close begins here; nonzero: fail with errno. */
int disk_enter(struct disk *);
/* 1 if this call is to be interrupted; errno is EINTR. */
int disk_flaky(struct disk *);
struct descriptor *disk_descriptor(struct disk *, int number, const char *call);
struct inode *disk_folder(struct disk *, int number, const char *call);
int disk_allowed(const struct disk *, const struct inode *, mode_t bits);
int disk_name_valid(struct disk *, const char *name);
/* The inode of a name in a folder. */
struct inode *disk_find(const struct disk *, const struct inode *folder,
			const char *name);
/* 1 if names in the folder may change. */
int disk_changeable(const struct disk *, const struct inode *folder);
void descriptor_unlock(struct descriptor *);
/* A name or a descriptor of it went: give its space back with the last. */
void inode_unlinked(struct disk *, struct inode *);
void disk_close_all(struct disk *);
int disk_open(void *, int dir, const char *path, int flags, mode_t mode);
int disk_open_beneath(void *, int dir, const char *path, int flags,
		      mode_t mode);
int disk_close(void *, int number);

/* disk_folder.c: calls with a name. */
int disk_stat_at(void *, int dir, const char *name, struct stat *);
int disk_list(void *, int dir, int (*each)(void *cookie, const char *),
	      void *cookie);
ssize_t disk_read_link_at(void *, int dir, const char *name, char *, size_t);
int disk_make_dir_at(void *, int dir, const char *name, mode_t mode);
int disk_make_link_at(void *, int dir, const char *name, const char *target);
int disk_rename_at(void *, int from_dir, const char *from, int to_dir,
		   const char *to);
int disk_unlink_at(void *, int dir, const char *name, int flags);
int disk_set_times_at(void *, int dir, const char *name,
		      const struct timespec times[2]);

/* disk_io.c: calls with a descriptor, and the table of all. */
void inode_stat(const struct disk *, const struct inode *, struct stat *);
void inode_set_times(struct disk *, struct inode *, const struct timespec[2]);
void disk_io_init(struct disk *);

#endif
