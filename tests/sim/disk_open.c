/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual disk's descriptors, and how a path becomes one: name by name,
 * following links for open and none for open_beneath.
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

/* Far from descriptors that a real kernel gives out. */
#define FIRST_DESCRIPTOR 10000
#define LINKS_FOLLOWED   40

/* Every call but close begins here; nonzero: fail with errno. */
int disk_enter(struct disk *disk)
{
	disk->calls++;
	if (!disk->stopped) {
		if (disk->stop_after != UINT64_MAX && disk->stop_after-- == 0)
			disk->stopped = 1;
	}
	if (disk->stopped)
		errno = EIO;
	return disk->stopped;
}

int disk_flaky(struct disk *disk)
{
	if (disk->flaky == 0 || !dice_chance(&disk->dice, disk->flaky))
		return 0;
	errno = EINTR;
	return 1;
}

struct descriptor *disk_descriptor(struct disk *disk, int number,
				   const char *call)
{
	size_t index = (size_t)(number - FIRST_DESCRIPTOR);

	if (number >= FIRST_DESCRIPTOR && index < disk->descriptor_count &&
	    disk->descriptors[index].inode != NULL)
		return &disk->descriptors[index];
	if (!disk->stopped && disk->misuse[0] == 0)
		snprintf(disk->misuse, sizeof(disk->misuse),
			 "%s of descriptor %d, which is not open", call,
			 number);
	errno = EBADF;
	return NULL;
}

struct inode *disk_folder(struct disk *disk, int number, const char *call)
{
	struct descriptor *descriptor;

	if (number == AT_FDCWD)
		return disk->root;
	descriptor = disk_descriptor(disk, number, call);
	if (descriptor == NULL)
		return NULL;
	if (!S_ISDIR(descriptor->inode->now.mode)) {
		errno = ENOTDIR;
		return NULL;
	}
	return descriptor->inode;
}

int disk_allowed(const struct disk *disk, const struct inode *inode,
		 mode_t bits)
{
	if (!disk->strict || (inode->now.mode & bits) == bits)
		return 1;
	errno = EACCES;
	return 0;
}

int disk_name_valid(struct disk *disk, const char *name)
{
	if (name[0] == 0 || strchr(name, '/') != NULL ||
	    strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		if (disk->misuse[0] == 0)
			snprintf(disk->misuse, sizeof(disk->misuse),
				 "\"%s\" used as a name", name);
		errno = EINVAL;
		return 0;
	}
	if (strlen(name) > NAME_MAX) {
		errno = ENAMETOOLONG;
		return 0;
	}
	return 1;
}

/* The inode of a name in a folder; NULL with errno. */
struct inode *disk_find(const struct disk *disk, const struct inode *folder,
			const char *name)
{
	struct inode *inode;

	if (!disk_allowed(disk, folder, S_IXUSR))
		return NULL;
	inode = name_find(&folder->names, name);
	if (inode == NULL)
		errno = ENOENT;
	return inode;
}

int disk_changeable(const struct disk *disk, const struct inode *folder)
{
	if (folder->links == 0) {
		errno = ENOENT;
		return 0;
	}
	return disk_allowed(disk, folder, S_IWUSR | S_IXUSR);
}

static int descriptor_create(struct disk *disk, struct inode *inode, int flags)
{
	struct descriptor *descriptor;
	size_t index = 0;

	while (index < disk->descriptor_count &&
	       disk->descriptors[index].inode != NULL)
		index++;
	if (index == disk->descriptor_count) {
		disk->descriptors = sim_allocate(
		    disk->descriptors, (index + 1) * sizeof(*descriptor));
		disk->descriptor_count++;
	}
	descriptor = &disk->descriptors[index];
	descriptor->inode = inode;
	descriptor->flags = flags;
	descriptor->lock = 0;
	inode->opened++;
	disk->open_count++;
	return (int)index + FIRST_DESCRIPTOR;
}

void descriptor_unlock(struct descriptor *descriptor)
{
	if (descriptor->lock == LOCK_SH)
		descriptor->inode->shared_locks--;
	if (descriptor->lock == LOCK_EX)
		descriptor->inode->exclusive_locks--;
	descriptor->lock = 0;
}

void inode_unlinked(struct disk *disk, struct inode *inode)
{
	if (inode->links == 0 && inode->opened == 0)
		page_drop_all(disk, inode);
}

static void descriptor_close(struct disk *disk, struct descriptor *descriptor)
{
	struct inode *inode = descriptor->inode;

	descriptor_unlock(descriptor);
	descriptor->inode = NULL;
	inode->opened--;
	disk->open_count--;
	inode_unlinked(disk, inode);
}

void disk_close_all(struct disk *disk)
{
	size_t index;

	for (index = 0; index < disk->descriptor_count; index++)
		if (disk->descriptors[index].inode != NULL)
			descriptor_close(disk, &disk->descriptors[index]);
}

/* A path being resolved, name by name. */
struct walk {
	struct inode *folder;
	char *rest;
	unsigned links;
	int beneath; /* no link, no "..", no way out */
};

/* Put a link's target before what is left of the path. */
static void walk_follow(struct disk *disk, struct walk *walk, char *rest,
			const char *target)
{
	size_t size = strlen(target) + strlen(rest) + 2;
	char *joined = sim_allocate(NULL, size);

	snprintf(joined, size, "%s%s%s", target, *rest ? "/" : "", rest);
	if (target[0] == '/')
		walk->folder = disk->root;
	free(walk->rest);
	walk->rest = joined;
}

/* ".." has no other way than to look for the folder that has this one. */
static struct inode *disk_parent(struct disk *disk, const struct inode *folder)
{
	size_t index, name;

	for (index = 0; index < disk->inode_count; index++) {
		struct inode *inode = disk->inodes[index];

		for (name = 0; name < inode->names.count; name++)
			if (inode->names.names[name].inode == folder)
				return inode;
	}
	return disk->root;
}

static int open_found(struct disk *disk, struct inode *inode, int flags)
{
	mode_t bits = 0;
	int access = flags & O_ACCMODE;

	if ((flags & O_DIRECTORY) && !S_ISDIR(inode->now.mode)) {
		errno = ENOTDIR;
		return -1;
	}
	if (S_ISLNK(inode->now.mode) && !(flags & O_PATH)) {
		errno = ELOOP;
		return -1;
	}
	if (S_ISDIR(inode->now.mode) && access != O_RDONLY) {
		errno = EISDIR;
		return -1;
	}
	if (access == O_RDONLY || access == O_RDWR)
		bits |= S_IRUSR;
	if (access == O_WRONLY || access == O_RDWR)
		bits |= S_IWUSR;
	if (!(flags & O_PATH) && !disk_allowed(disk, inode, bits))
		return -1;
	if (flags & O_TRUNC) {
		page_truncate(disk, inode, 0);
		disk_touch(disk, inode, 1);
	}
	return descriptor_create(disk, inode, flags);
}

static int open_new(struct disk *disk, struct inode *folder, const char *name,
		    int flags, mode_t mode)
{
	struct change change = {folder, (char *)(uintptr_t)name, NULL};

	if (!disk_name_valid(disk, name) || !disk_changeable(disk, folder))
		return -1;
	change.inode = disk_inode_create(disk, S_IFREG | (mode & 07777));
	name_change(disk, &change, 1);
	return descriptor_create(disk, change.inode, flags);
}

/* The last name of a path: open or create.  -2: a link to be followed. */
static int open_last(struct disk *disk, struct walk *walk, const char *name,
		     int flags, mode_t mode)
{
	struct inode *inode = disk_find(disk, walk->folder, name);

	if (inode == NULL) {
		if (errno != ENOENT || !(flags & O_CREAT))
			return -1;
		return open_new(disk, walk->folder, name, flags, mode);
	}
	if ((flags & O_CREAT) && (flags & O_EXCL)) {
		errno = EEXIST;
		return -1;
	}
	if (S_ISLNK(inode->now.mode) && !walk->beneath && !(flags & O_NOFOLLOW))
		return -2;
	if (S_ISLNK(inode->now.mode) && (flags & O_DIRECTORY) &&
	    (flags & O_NOFOLLOW) && !walk->beneath) {
		errno = ENOTDIR; /* as Linux has it */
		return -1;
	}
	if (S_ISLNK(inode->now.mode) && walk->beneath &&
	    !((flags & O_PATH) && (flags & O_NOFOLLOW))) {
		errno = ELOOP;
		return -1;
	}
	return open_found(disk, inode, flags);
}

/* One name of a path that is not the last.  0 or -1. */
static int walk_enter(struct disk *disk, struct walk *walk, const char *name,
		      char *rest)
{
	struct inode *inode;

	if (strcmp(name, "..") == 0) {
		if (walk->beneath) {
			errno = EXDEV;
			return -1;
		}
		walk->folder = disk_parent(disk, walk->folder);
		memmove(walk->rest, rest, strlen(rest) + 1);
		return 0;
	}
	inode = disk_find(disk, walk->folder, name);
	if (inode == NULL)
		return -1;
	if (S_ISLNK(inode->now.mode)) {
		if (walk->beneath || walk->links++ == LINKS_FOLLOWED) {
			errno = ELOOP;
			return -1;
		}
		walk_follow(disk, walk, rest, inode->link);
		return 0;
	}
	if (!S_ISDIR(inode->now.mode)) {
		errno = ENOTDIR;
		return -1;
	}
	walk->folder = inode;
	memmove(walk->rest, rest, strlen(rest) + 1);
	return 0;
}

/* Cut the first name off walk->rest; *rest is what follows it. */
static void walk_split(struct walk *walk, char name[NAME_MAX + 2], char **rest)
{
	char *begin = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(begin, "/");

	*rest = begin + length;
	*rest += strspn(*rest, "/");
	if (length > NAME_MAX)
		length = NAME_MAX + 1;
	memcpy(name, begin, length);
	name[length] = 0;
}

static int walk_open(struct disk *disk, struct walk *walk, int flags,
		     mode_t mode)
{
	char name[NAME_MAX + 2], *rest;

	for (;;) {
		int result;
		size_t length = strlen(walk->rest);
		int folder = length > 0 && walk->rest[length - 1] == '/';

		walk_split(walk, name, &rest);
		if (strlen(name) > NAME_MAX) {
			errno = ENAMETOOLONG;
			return -1;
		}
		if (name[0] == 0)
			return open_found(disk, walk->folder, flags);
		if (strcmp(name, ".") == 0) {
			memmove(walk->rest, rest, strlen(rest) + 1);
			continue;
		}
		if (*rest == 0 && !folder && strcmp(name, "..") != 0) {
			result = open_last(disk, walk, name, flags, mode);
			if (result != -2)
				return result;
		}
		if (walk_enter(disk, walk, name, rest) == -1)
			return -1;
	}
}

int disk_open(void *context, int dir, const char *path, int flags, mode_t mode)
{
	struct disk *disk = context;
	struct walk walk = {NULL, NULL, 0, 0};
	int result;

	if (disk_enter(disk))
		return -1;
	walk.folder =
	    path[0] == '/' ? disk->root : disk_folder(disk, dir, "open");
	if (walk.folder == NULL)
		return -1;
	if (path[0] == 0) {
		errno = ENOENT;
		return -1;
	}
	walk.rest = sim_copy(path);
	result = walk_open(disk, &walk, flags, mode);
	free(walk.rest);
	return result;
}

int disk_open_beneath(void *context, int dir, const char *path, int flags,
		      mode_t mode)
{
	struct disk *disk = context;
	struct walk walk = {NULL, NULL, 0, 1};
	int result;

	if (disk_enter(disk))
		return -1;
	walk.folder = disk_folder(disk, dir, "open_beneath");
	if (walk.folder == NULL)
		return -1;
	if (path[0] == '/') {
		errno = EXDEV;
		return -1;
	}
	if (disk_flaky(disk))
		return -1;
	walk.rest = sim_copy(path);
	result = walk_open(disk, &walk, flags, mode);
	free(walk.rest);
	return result;
}

int disk_close(void *context, int number)
{
	struct disk *disk = context;
	struct descriptor *descriptor = disk_descriptor(disk, number, "close");

	if (descriptor == NULL)
		return -1;
	/* A dead process's locks go too, so this is right when stopped. */
	descriptor_close(disk, descriptor);
	return 0;
}
