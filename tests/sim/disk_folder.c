/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual disk's calls on names in a folder: list, make, rename, unlink.
 */
#include "tests/sim/disk_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

int disk_stat_at(void *context, int dir, const char *name, struct stat *status)
{
	struct disk *disk = context;
	struct inode *folder, *inode;

	if (disk_enter(disk))
		return -1;
	folder = disk_folder(disk, dir, "stat_at");
	if (folder == NULL || !disk_name_valid(disk, name))
		return -1;
	inode = disk_find(disk, folder, name);
	if (inode == NULL)
		return -1;
	inode_stat(disk, inode, status);
	return 0;
}

int disk_list(void *context, int dir, int (*each)(void *cookie, const char *),
	      void *cookie)
{
	struct disk *disk = context;
	struct inode *folder;
	char **names;
	size_t count, index, start;
	int result = 0;

	if (disk_enter(disk))
		return -1;
	folder = disk_folder(disk, dir, "list");
	if (folder == NULL || !disk_allowed(disk, folder, S_IRUSR))
		return -1;
	count = folder->names.count;
	names = sim_allocate(NULL, (count + 1) * sizeof(char *));
	start = (size_t)dice_below(&disk->dice, count);
	/* each may change the folder. */
	for (index = 0; index < count; index++)
		names[index] =
		    sim_copy(folder->names.names[(start + index) % count].text);
	for (index = 0; index < count && result == 0; index++)
		result = each(cookie, names[index]);
	for (index = 0; index < count; index++)
		free(names[index]);
	free(names);
	return result;
}

ssize_t disk_read_link_at(void *context, int dir, const char *name,
			  char *buffer, size_t size)
{
	struct disk *disk = context;
	struct inode *folder, *inode;
	size_t length;

	if (disk_enter(disk))
		return -1;
	folder = disk_folder(disk, dir, "read_link_at");
	if (folder == NULL || !disk_name_valid(disk, name))
		return -1;
	inode = disk_find(disk, folder, name);
	if (inode == NULL)
		return -1;
	if (inode->link == NULL) {
		errno = EINVAL;
		return -1;
	}
	length = strlen(inode->link);
	if (length > size)
		length = size;
	memcpy(buffer, inode->link, length);
	return (ssize_t)length;
}

/* A new folder or link. */
static int disk_make(struct disk *disk, int dir, const char *name, mode_t mode,
		     const char *target)
{
	struct change change = {NULL, (char *)(uintptr_t)name, NULL};

	change.folder = disk_folder(disk, dir, "make");
	if (change.folder == NULL || !disk_name_valid(disk, name) ||
	    !disk_changeable(disk, change.folder))
		return -1;
	if (name_find(&change.folder->names, name) != NULL) {
		errno = EEXIST;
		return -1;
	}
	change.inode = disk_inode_create(disk, mode);
	if (target != NULL)
		change.inode->link = sim_copy(target);
	name_change(disk, &change, 1);
	return 0;
}

int disk_make_dir_at(void *context, int dir, const char *name, mode_t mode)
{
	if (disk_enter(context))
		return -1;
	return disk_make(context, dir, name, S_IFDIR | (mode & 07777), NULL);
}

int disk_make_link_at(void *context, int dir, const char *name,
		      const char *target)
{
	if (disk_enter(context))
		return -1;
	if (target[0] == 0) {
		errno = ENOENT;
		return -1;
	}
	return disk_make(context, dir, name, S_IFLNK | 0777, target);
}

static void inode_unlink(struct disk *disk, struct inode *inode)
{
	inode->links = 0;
	inode_unlinked(disk, inode);
}

int disk_rename_at(void *context, int from_dir, const char *from, int to_dir,
		   const char *to)
{
	struct disk *disk = context;
	struct change changes[2];
	struct inode *moved, *replaced;

	if (disk_enter(disk))
		return -1;
	changes[0].folder = disk_folder(disk, from_dir, "rename_at");
	changes[1].folder = disk_folder(disk, to_dir, "rename_at");
	if (changes[0].folder == NULL || changes[1].folder == NULL ||
	    !disk_name_valid(disk, from) || !disk_name_valid(disk, to) ||
	    !disk_changeable(disk, changes[0].folder) ||
	    !disk_changeable(disk, changes[1].folder))
		return -1;
	moved = disk_find(disk, changes[0].folder, from);
	if (moved == NULL)
		return -1;
	replaced = name_find(&changes[1].folder->names, to);
	if (replaced == moved)
		return 0;
	if (replaced != NULL) {
		if (S_ISDIR(replaced->now.mode) != S_ISDIR(moved->now.mode)) {
			errno = S_ISDIR(replaced->now.mode) ? EISDIR : ENOTDIR;
			return -1;
		}
		if (replaced->names.count > 0) {
			errno = ENOTEMPTY;
			return -1;
		}
		inode_unlink(disk, replaced);
	}
	changes[0].name = (char *)(uintptr_t)from;
	changes[0].inode = NULL;
	changes[1].name = (char *)(uintptr_t)to;
	changes[1].inode = moved;
	name_change(disk, changes, 2);
	disk_touch(disk, moved, 0);
	return 0;
}

int disk_unlink_at(void *context, int dir, const char *name, int flags)
{
	struct disk *disk = context;
	struct change change = {NULL, (char *)(uintptr_t)name, NULL};
	struct inode *inode;

	if (disk_enter(disk))
		return -1;
	change.folder = disk_folder(disk, dir, "unlink_at");
	if (change.folder == NULL || !disk_name_valid(disk, name) ||
	    !disk_changeable(disk, change.folder))
		return -1;
	inode = disk_find(disk, change.folder, name);
	if (inode == NULL)
		return -1;
	if (S_ISDIR(inode->now.mode) && !(flags & AT_REMOVEDIR)) {
		errno = EISDIR;
		return -1;
	}
	if (!S_ISDIR(inode->now.mode) && (flags & AT_REMOVEDIR)) {
		errno = ENOTDIR;
		return -1;
	}
	if (inode->names.count > 0) {
		errno = ENOTEMPTY;
		return -1;
	}
	inode_unlink(disk, inode);
	name_change(disk, &change, 1);
	return 0;
}

int disk_set_times_at(void *context, int dir, const char *name,
		      const struct timespec times[2])
{
	struct disk *disk = context;
	struct inode *folder, *inode;

	if (disk_enter(disk))
		return -1;
	folder = disk_folder(disk, dir, "set_times_at");
	if (folder == NULL || !disk_name_valid(disk, name))
		return -1;
	inode = disk_find(disk, folder, name);
	if (inode == NULL)
		return -1;
	inode_set_times(disk, inode, times);
	return 0;
}
