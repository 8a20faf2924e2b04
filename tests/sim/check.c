/* SPDX-License-Identifier: BSD-2-Clause */
/* What must be true of the target's disk, at any moment and at the end. */
#include "tests/sim/check.h"

#include <stdint.h>
#include <string.h>

static int same_attributes(const struct snapshot_item *first,
			   const struct snapshot_item *second)
{
	return first->modified.tv_sec == second->modified.tv_sec &&
	       first->modified.tv_nsec == second->modified.tv_nsec &&
	       (S_ISLNK(first->mode) || first->mode == second->mode);
}

/* The newest version that has this content; count: none. */
static size_t find_version(const struct history *history,
			   const struct snapshot_item *item)
{
	size_t index;

	for (index = history->count; index-- > 0;)
		if (snapshot_equal(&history->versions[index], item))
			return index;
	return history->count;
}

static void check_confirmed(struct world *world, const struct history *history,
			    const struct snapshot_item *item)
{
	size_t index;

	if (item == NULL) {
		world_fail(world, "%s was confirmed and is gone",
			   history->target);
		return;
	}
	if (S_ISDIR(history->versions[0].mode)) {
		if (!S_ISDIR(item->mode))
			world_fail(world, "%s was confirmed as a folder",
				   history->target);
		return;
	}
	for (index = history->confirmed; index < history->count; index++)
		if (snapshot_equal(&history->versions[index], item) &&
		    same_attributes(&history->versions[index], item))
			return;
	index = find_version(history, item);
	if (index < history->confirmed)
		world_fail(world, "%s was confirmed as version %zu and is %zu",
			   history->target, history->confirmed, index);
	else
		world_fail(world,
			   "%s was confirmed as version %zu and is %s: "
			   "mode %o, time %lld.%09ld",
			   history->target, history->confirmed,
			   index == history->count ? "none of them"
						   : "it, but for attributes",
			   (unsigned)item->mode,
			   (long long)item->modified.tv_sec,
			   item->modified.tv_nsec);
}

/* A path that ferry is to bring: item is what is there, or NULL. */
static void check_path(struct world *world, const struct history *history,
		       const struct snapshot_item *item)
{
	const struct snapshot_item *before =
	    snapshot_find(world->before, history->target);
	mode_t type = history->versions[0].mode & S_IFMT;

	if (history->is_confirmed) {
		check_confirmed(world, history, item);
		return;
	}
	if (item == NULL) {
		if (before != NULL && (before->mode & S_IFMT) == type)
			world_fail(world, "%s is gone", history->target);
		return;
	}
	if (S_ISDIR(item->mode) && type == S_IFDIR)
		return;
	if (before != NULL && snapshot_equal(before, item))
		return;
	if (find_version(history, item) == history->count)
		world_fail(
		    world,
		    "%s is neither the old file nor a new one, %llu bytes",
		    history->target, (unsigned long long)item->size);
}

static int is_below(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	return strncmp(path, folder, length) == 0 &&
	       (path[length] == 0 || path[length] == '/');
}

/* 1 if another run of the loops looks at this path, or nobody has to. */
static int is_known(const struct world *world, const char *path)
{
	size_t index;

	if (path[0] == 0 || is_below(path, "state") ||
	    is_below(path, world_staging(world)))
		return 1;
	for (index = 0; index < world->history_count; index++)
		if (strcmp(world->histories[index].target, path) == 0)
			return 1;
	return 0;
}

/* What has nothing to do with the transfer is as it was. */
static void check_others(struct world *world, const struct snapshot *now)
{
	const struct snapshot *before = world->before;
	const struct snapshot_item *item, *other;
	size_t index;

	for (index = 0; index < before->count; index++) {
		item = &before->items[index];
		if (is_known(world, item->path))
			continue;
		other = snapshot_find(now, item->path);
		if (other == NULL || !snapshot_equal(item, other) ||
		    (strcmp(item->path, "d") != 0 &&
		     !same_attributes(item, other)))
			world_fail(world, "%s was changed, and is not ours",
				   item->path);
	}
	for (index = 0; index < now->count; index++) {
		item = &now->items[index];
		if (is_known(world, item->path) || strcmp(item->path, "d") == 0)
			continue;
		if (snapshot_find(before, item->path) == NULL)
			world_fail(world, "%s was made, and is not ours",
				   item->path);
	}
}

void check_always(struct world *world)
{
	struct snapshot *now = disk_snapshot(world->disks[END_RECEIVER]);
	size_t index;

	for (index = 0; index < world->history_count; index++) {
		struct history *history = &world->histories[index];

		check_path(world, history, snapshot_find(now, history->target));
	}
	check_others(world, now);
	snapshot_free(now);
}

static void check_same(struct world *world, const struct history *history,
		       const struct snapshot_item *source,
		       const struct snapshot_item *target)
{
	if (source == NULL)
		world_fail(world, "%s is gone from the source",
			   history->source);
	else if (target == NULL)
		world_fail(world, "%s is not there", history->target);
	else if (!snapshot_equal(source, target))
		world_fail(world, "%s has other bytes", history->target);
	else if (source->modified.tv_sec != target->modified.tv_sec ||
		 source->modified.tv_nsec != target->modified.tv_nsec)
		world_fail(world, "%s has another time", history->target);
	else if (!same_attributes(source, target))
		world_fail(world, "%s has mode %o, not %o", history->target,
			   (unsigned)target->mode, (unsigned)source->mode);
}

void check_final(struct world *world)
{
	struct snapshot *now = disk_snapshot(world->disks[END_RECEIVER]);
	struct snapshot *source = disk_snapshot(world->disks[END_SENDER]);
	size_t index;

	for (index = 0; index < world->history_count; index++) {
		struct history *history = &world->histories[index];

		if (!history->vanished && !history->blocked)
			check_same(world, history,
				   snapshot_find(source, history->source),
				   snapshot_find(now, history->target));
	}
	snapshot_free(now);
	snapshot_free(source);
}

void check_tidy(struct world *world)
{
	struct snapshot *now = disk_snapshot(world->disks[END_RECEIVER]);
	size_t index;

	if (snapshot_find(now, world_staging(world)) != NULL && !world->rotten)
		world_fail(world, "%s is left", world_staging(world));
	for (index = 0; index < now->count; index++)
		if (is_below(now->items[index].path, world_staging(world)))
			world_tell(world, "   %s, %llu bytes",
				   now->items[index].path,
				   (unsigned long long)now->items[index].size);
	snapshot_free(now);
}

void check_confirm(struct world *world, struct history *history)
{
	struct snapshot_item item;
	size_t version;

	if (!disk_look(world->disks[END_RECEIVER], history->target, &item)) {
		world_fail(world, "%s is confirmed and not there",
			   history->target);
		return;
	}
	/* Two versions may have the same bytes, but not the same time. */
	version = history->count;
	while (version-- > 0)
		if (snapshot_equal(&history->versions[version], &item) &&
		    same_attributes(&history->versions[version], &item))
			break;
	if (version == SIZE_MAX)
		version = find_version(history, &item);
	if (S_ISDIR(history->versions[0].mode))
		version = 0;
	if (version == history->count)
		world_fail(world, "%s is confirmed and is not there as such",
			   history->target);
	else if (!history->is_confirmed || history->confirmed < version)
		history->confirmed = version;
	history->is_confirmed = 1;
	check_confirmed(world, history, &item);
	snapshot_item_release(&item);
}
