/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names on the virtual disk: what calls see at once, what is durable, and
 * the operations between the two, of which a crash keeps any that do not
 * depend on a lost one.
 */
#include "tests/sim/disk_private.h"

#include <stdlib.h>
#include <string.h>

static struct name *name_entry(const struct name_table *table, const char *text)
{
	size_t index;

	for (index = 0; index < table->count; index++)
		if (strcmp(table->names[index].text, text) == 0)
			return &table->names[index];
	return NULL;
}

struct inode *name_find(const struct name_table *table, const char *text)
{
	const struct name *name = name_entry(table, text);

	return name == NULL ? NULL : name->inode;
}

void name_set(struct name_table *table, const char *text, struct inode *inode)
{
	struct name *name = name_entry(table, text);

	if (name == NULL) {
		if (inode == NULL)
			return;
		table->names =
		    sim_grow(table->names, table->count, &table->capacity,
			     sizeof(*table->names));
		name = &table->names[table->count++];
		name->text = sim_copy(text);
	} else if (inode == NULL) {
		free(name->text);
		*name = table->names[--table->count];
		return;
	}
	name->inode = inode;
}

void name_table_release(struct name_table *table)
{
	size_t index;

	for (index = 0; index < table->count; index++)
		free(table->names[index].text);
	free(table->names);
	memset(table, 0, sizeof(*table));
}

void name_change(struct disk *disk, const struct change *changes, size_t count)
{
	struct pending *pending;
	size_t index;

	disk->pending =
	    sim_grow(disk->pending, disk->pending_count,
		     &disk->pending_capacity, sizeof(*disk->pending));
	pending = &disk->pending[disk->pending_count++];
	memset(pending, 0, sizeof(*pending));
	pending->count = count;
	for (index = 0; index < count; index++) {
		const struct change *change = &changes[index];

		pending->changes[index] = *change;
		pending->changes[index].name = sim_copy(change->name);
		name_set(&change->folder->names, change->name, change->inode);
		disk_touch(disk, change->folder, 1);
	}
}

/* Does a sync of this folder cover the change?  A rename is in the folder that
 * it leads to; that of the one it leads from covers it by chance. */
static int pending_in(struct disk *disk, const struct pending *pending,
		      const struct inode *folder)
{
	if (pending->changes[pending->count - 1].folder == folder)
		return 1;
	return pending->changes[0].folder == folder &&
	       dice_chance(&disk->dice, 500);
}

/* Both change the same name: their order holds. */
static int pending_ordered(const struct pending *first,
			   const struct pending *second)
{
	size_t a, b;

	for (a = 0; a < first->count; a++)
		for (b = 0; b < second->count; b++)
			if (first->changes[a].folder ==
				second->changes[b].folder &&
			    strcmp(first->changes[a].name,
				   second->changes[b].name) == 0)
				return 1;
	return 0;
}

/*
 * Without the first the second makes no sense: it puts a name into a folder
 * that the first makes, or removes a folder that the first still cleans up.
 */
static int pending_needs(const struct pending *second,
			 const struct pending *first)
{
	size_t a, b;

	if (pending_ordered(first, second))
		return 1;
	for (a = 0; a < first->count; a++)
		for (b = 0; b < second->count; b++) {
			const struct change *made = &first->changes[a];
			const struct change *used = &second->changes[b];

			if (made->inode != NULL && used->inode != NULL &&
			    used->folder == made->inode)
				return 1;
			if (used->inode == NULL &&
			    made->folder ==
				name_find(&used->folder->durable_names,
					  used->name))
				return 1;
		}
	return 0;
}

static void pending_apply(struct pending *pending)
{
	size_t index;

	for (index = 0; index < pending->count; index++) {
		struct change *change = &pending->changes[index];

		name_set(&change->folder->durable_names, change->name,
			 change->inode);
		free(change->name);
	}
}

static void pending_drop(struct pending *pending)
{
	size_t index;

	for (index = 0; index < pending->count; index++)
		free(pending->changes[index].name);
}

void name_sync(struct disk *disk, const struct inode *folder)
{
	struct pending *all = disk->pending;
	size_t count = disk->pending_count, kept = 0, last, index;

	for (last = count; last-- > 0;) {
		all[last].chosen =
		    folder == NULL || pending_in(disk, &all[last], folder);
		for (index = last + 1; !all[last].chosen && index < count;
		     index++)
			all[last].chosen =
			    all[index].chosen &&
			    pending_ordered(&all[last], &all[index]);
	}
	for (index = 0; index < count; index++) {
		if (all[index].chosen)
			pending_apply(&all[index]);
		else
			all[kept++] = all[index];
	}
	disk->pending_count = kept;
}

/* Names are journaled by the file system: what a failed sync of a folder left
 * is as it was, and may be synced later. */
void name_lose(struct disk *disk, const struct inode *folder)
{
	if (dice_chance(&disk->dice, 500))
		name_sync(disk, folder);
}

static void name_copy(struct name_table *to, const struct name_table *from)
{
	size_t index;

	name_table_release(to);
	for (index = 0; index < from->count; index++)
		name_set(to, from->names[index].text, from->names[index].inode);
}

void name_crash(struct disk *disk, unsigned keep)
{
	struct pending *all = disk->pending;
	size_t index, before;

	for (index = 0; index < disk->pending_count; index++) {
		all[index].chosen = dice_chance(&disk->dice, keep);
		for (before = 0; all[index].chosen && before < index; before++)
			if (!all[before].chosen &&
			    pending_needs(&all[index], &all[before]))
				all[index].chosen = 0;
	}
	for (index = 0; index < disk->pending_count; index++) {
		if (all[index].chosen)
			pending_apply(&all[index]);
		else
			pending_drop(&all[index]);
	}
	disk->pending_count = 0;
	for (index = 0; index < disk->inode_count; index++)
		if (S_ISDIR(disk->inodes[index]->now.mode))
			name_copy(&disk->inodes[index]->names,
				  &disk->inodes[index]->durable_names);
}
