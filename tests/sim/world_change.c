/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens to files on both disks that is not ferry's doing. */
#include <stdlib.h>
#include <string.h>

#include "journal/uuid.h"
#include "tests/sim/memory.h"
#include "tests/sim/plant.h"
#include "tests/sim/world.h"

/* A random file of the source that is still there. */
static struct history *random_file(struct world *world)
{
	unsigned tries;

	for (tries = 0; tries < 10; tries++) {
		struct history *history = &world->histories[dice_below(
		    &world->dice, world->history_count)];

		if (!history->vanished && S_ISREG(history->versions[0].mode))
			return history;
	}
	return NULL;
}

void world_change(struct world *world)
{
	struct disk *disk = world->disks[END_SENDER];
	struct history *history = random_file(world);
	struct snapshot_item *version;

	if (history == NULL || disk_stopped(disk))
		return;
	history->versions =
	    sim_grow(history->versions, history->count, &history->capacity,
		     sizeof(*history->versions));
	version = &history->versions[history->count];
	snapshot_item_copy(version, version - 1);
	history->count++;
	plant_change(version, &world->dice);
	plant_touch(version, &world->dice);
	world_tell(world, "source changes: %s", history->source);
	if (dice_chance(&world->dice, 500))
		plant_item(disk, version);
	else
		plant_replace(disk, version);
}

/* What the user named and is not there is a mistake, not a transfer. */
static int is_named(const struct world *world, const char *source)
{
	size_t index;

	for (index = 0; index < world->path_count; index++)
		if (strcmp(world->paths[index], source) == 0)
			return 1;
	return 0;
}

void world_vanish(struct world *world)
{
	struct disk *disk = world->disks[END_SENDER];
	struct history *history = random_file(world);

	if (history == NULL || disk_stopped(disk) ||
	    is_named(world, history->source))
		return;
	history->vanished = 1;
	world_tell(world, "source vanishes: %s", history->source);
	plant_remove(disk, history->source);
}

/* A staged file, or the journal: what a transfer goes on from. */
static int is_staged(const struct world *world, const char *path)
{
	size_t length = strlen(world_staging(world));

	if (strncmp(path, world_staging(world), length) != 0 ||
	    path[length] != '/')
		return 0;
	path = strchr(path + length + 1, '/');
	return path != NULL &&
	       (strlen(path + 1) == 32 || strcmp(path + 1, "journal") == 0);
}

void world_rot(struct world *world)
{
	struct disk *disk = world->disks[END_RECEIVER];
	struct snapshot *now = disk_snapshot(disk);
	const struct snapshot_item *chosen = NULL;
	size_t index, seen = 0;
	const char *name;
	uint64_t at;

	for (index = 0; index < now->count; index++)
		if (S_ISREG(now->items[index].mode) &&
		    now->items[index].size > 0 &&
		    is_staged(world, now->items[index].path) &&
		    dice_below(&world->dice, ++seen) == 0)
			chosen = &now->items[index];
	if (chosen != NULL) {
		world_tell(world, "a bit of %s flips", chosen->path);
		at = plant_rot(disk, chosen, &world->dice);
		name = strrchr(chosen->path, '/') + 1;
		if (strcmp(name, "journal") == 0) {
			world->rotten = 1;
			name = NULL;
		}
		promise_rot(world->promise, name, at / LEAF_SIZE);
	}
	snapshot_free(now);
}
