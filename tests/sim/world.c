/* SPDX-License-Identifier: BSD-2-Clause */
/* How a seed's machines and files are made, and how files change later. */
#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/digest.h"
#include "tests/sim/memory.h"
#include "tests/sim/plant.h"

#define DEPTH_MAX 4

void world_fail(struct world *world, const char *format, ...)
{
	va_list arguments;

	if (world->failure[0] != 0)
		return;
	va_start(arguments, format);
	vsnprintf(world->failure, sizeof(world->failure), format, arguments);
	va_end(arguments);
	world_tell(world, "FAILED: %s", world->failure);
}

int world_failed(const struct world *world)
{
	return world->failure[0] != 0;
}

void world_tell(struct world *world, const char *format, ...)
{
	va_list arguments;

	if (!world->verbose)
		return;
	printf("%12.6f  ", (double)world->now / 1e9);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

const char *world_target(const struct world *world)
{
	return world->target_slash ? "d/" : "d";
}

const char *world_staging(const struct world *world)
{
	return world->form == FORM_NAMED ? ".ferry" : "d/.ferry";
}

static char *join(const char *folder, const char *name)
{
	size_t size = strlen(folder) + strlen(name) + 2;
	char *path = sim_allocate(NULL, size);

	snprintf(path, size, "%s%s%s", folder, *folder && *name ? "/" : "",
		 name);
	return path;
}

struct history *world_find(struct world *world, const char *entry_path)
{
	char *path =
	    world->form == FORM_NAMED ? sim_copy("d") : join("d", entry_path);
	struct history *found = NULL;
	size_t index;

	for (index = 0; index < world->history_count && !found; index++)
		if (strcmp(world->histories[index].target, path) == 0)
			found = &world->histories[index];
	free(path);
	return found;
}

/* Where a path below s goes; NULL: nowhere.  Caller frees. */
static char *map_path(const struct world *world, const char *source)
{
	size_t index;

	switch (world->form) {
	case FORM_CONTENTS:
		return join("d", source[1] == '/' ? source + 2 : source + 1);
	case FORM_FOLDER:
		return join("d", source);
	default:
		break;
	}
	for (index = 0; index < world->path_count; index++) {
		size_t length = strlen(world->paths[index]);

		if (strncmp(source, world->paths[index], length) == 0 &&
		    (source[length] == 0 || source[length] == '/'))
			return world->form == FORM_NAMED
				   ? sim_copy("d")
				   : join("d", source + 2);
	}
	return NULL;
}

/* A name of any bytes but '/' and NUL. */
static char *make_name(struct dice *dice)
{
	static const char letters[] =
	    "abcdeABCDE0123 -_.*'\"\\\n\t\x01\x7f\xc3\xa9\xff";
	size_t length = (size_t)dice_skewed(dice, 1, 12), index;
	char *name;

	if (dice_chance(dice, 10))
		length = (size_t)dice_between(dice, 200, 255);
	name = sim_zeroed(length + 1);
	for (index = 0; index < length; index++)
		name[index] = letters[dice_below(dice, sizeof(letters) - 1)];
	if (name[0] == '.')
		name[0] = 'x'; /* neither "." nor ".." nor ".ferry" */
	return name;
}

static uint64_t make_size(struct dice *dice, const struct world_shape *shape,
			  int first)
{
	/* What the user names alone is often large. */
	if (first && shape->first_large > 0 &&
	    dice_chance(dice, shape->first_large))
		return 2 * LEAF_SIZE + dice_skewed(dice, 1, 2 * LEAF_SIZE);
	if (dice_chance(dice, 100))
		return 0;
	if (dice_chance(dice, 10 * shape->large_percent))
		return dice_between(dice, 0, 2) * LEAF_SIZE +
		       dice_skewed(dice, 1, LEAF_SIZE);
	if (dice_chance(dice, 50))
		return dice_between(dice, 4095, 4097);
	return dice_skewed(dice, 1, 30000);
}

static void make_link(struct snapshot_item *item, const char *path,
		      struct dice *dice)
{
	static const char *const targets[] = {"a",
					      "../b",
					      "/outside",
					      "/outside/file",
					      "no such thing",
					      "../../../../etc",
					      "."};

	plant_make_link(item, path, targets[dice_below(dice, 7)], dice);
}

/* Fill a folder of the source; the list of what was planted is in made. */
struct making {
	struct world *world;
	const struct world_shape *shape;
	struct snapshot_item *items;
	size_t count, capacity;
};

static struct snapshot_item *new_item(struct making *making)
{
	making->items = sim_grow(making->items, making->count,
				 &making->capacity, sizeof(*making->items));
	return &making->items[making->count++];
}

static int name_taken(const struct making *making, const char *path)
{
	size_t index;

	for (index = 0; index < making->count; index++)
		if (strcmp(making->items[index].path, path) == 0)
			return 1;
	return 0;
}

static void fill_folder(struct making *making, const char *folder,
			unsigned depth, size_t entries)
{
	struct dice *dice = &making->world->dice;

	while (entries > 0) {
		char *name = make_name(dice), *path = join(folder, name);

		free(name);
		if (name_taken(making, path)) {
			free(path);
			continue;
		}
		entries--;
		if (depth < DEPTH_MAX && dice_chance(dice, 200)) {
			size_t below = (size_t)dice_below(dice, entries + 1);

			plant_make_folder(new_item(making), path, dice);
			fill_folder(making, path, depth + 1, below);
			entries -= below;
		} else if (dice_chance(dice, 100)) {
			make_link(new_item(making), path, dice);
		} else {
			uint64_t size =
			    make_size(dice, making->shape, making->count == 1);

			plant_make_file(new_item(making), path, size, dice);
		}
		free(path);
	}
}

/* Folders get their modes and times last. */
static void plant_all(struct disk *disk, const struct snapshot_item *items,
		      size_t count)
{
	size_t index;

	for (index = 0; index < count; index++)
		plant_item(disk, &items[index]);
	for (index = count; index-- > 0;)
		if (S_ISDIR(items[index].mode))
			plant_item(disk, &items[index]);
	/* A link's own time is not covered by the sync of its folder. */
	disk_settle(disk);
}

static void plant_fixed(struct disk *disk, const char *path, mode_t mode)
{
	struct snapshot_item item = {0};

	item.path = sim_copy(path);
	item.mode = mode;
	item.modified.tv_sec = 1234567890;
	if (S_ISLNK(mode))
		item.link = sim_copy("outside");
	plant_item(disk, &item);
	snapshot_item_release(&item);
}

static void add_history(struct world *world, const char *source, char *target,
			const struct snapshot_item *item)
{
	struct history *history;

	world->histories =
	    sim_grow(world->histories, world->history_count,
		     &world->history_capacity, sizeof(*world->histories));
	history = &world->histories[world->history_count++];
	memset(history, 0, sizeof(*history));
	history->source = sim_copy(source);
	history->target = target;
	history->versions =
	    sim_grow(NULL, 0, &history->capacity, sizeof(*history->versions));
	snapshot_item_copy(&history->versions[history->count++], item);
}

/* What the user asks for. */
static void choose_form(struct world *world, const struct making *making,
			int form)
{
	struct dice *dice = &world->dice;
	size_t index;

	world->form =
	    form < 0 ? (enum form)dice_below(dice, 5) : (enum form)form;
	if (world->form == FORM_CONTENTS || world->form == FORM_FOLDER) {
		world->paths[world->path_count++] =
		    sim_copy(world->form == FORM_CONTENTS ? "s/" : "s");
	} else {
		for (index = 0; index < making->count && world->path_count < 32;
		     index++) {
			const struct snapshot_item *item =
			    &making->items[index];

			if (strcmp(item->path, "s") == 0 ||
			    strchr(item->path + 2, '/') != NULL ||
			    (world->form != FORM_MANY && S_ISDIR(item->mode)) ||
			    (world->form == FORM_NAMED && S_ISLNK(item->mode)))
				continue;
			world->paths[world->path_count++] =
			    sim_copy(item->path);
			if (world->form != FORM_MANY)
				break;
		}
	}
	if (world->path_count == 0) {
		/* Nothing but folders: there is no single file. */
		world->form = FORM_FOLDER;
		world->paths[world->path_count++] = sim_copy("s");
	}
	/* One file without a slash: the target may be its name. */
	if (world->form == FORM_MANY && world->path_count == 1)
		world->form = FORM_SINGLE;
	world->target_slash = world->form != FORM_NAMED &&
			      world->form != FORM_SINGLE &&
			      dice_chance(dice, 300);
}

/* Put something where the item is to go, or nothing. */
static void make_older(struct world *world, const struct snapshot_item *item,
		       const char *target, struct making *older)
{
	struct dice *dice = &world->dice;
	struct snapshot_item *old = new_item(older);

	snapshot_item_copy(old, item);
	free(old->path);
	old->path = sim_copy(target);
	if (S_ISDIR(old->mode) || dice_chance(dice, 300))
		return;
	if (S_ISREG(old->mode)) {
		if (dice_chance(dice, 200)) {
			old->mode ^= 0011; /* the same, with another mode */
			return;
		}
		if (dice_chance(dice, 800))
			plant_change(old, dice);
		/* The same size and time with other bytes is found only by
		 * comparing them. */
		if (!world->checksum || old->size != item->size ||
		    dice_chance(dice, 500))
			plant_touch(old, dice);
	}
	if (S_ISLNK(old->mode)) {
		free(old->link);
		old->link = sim_copy("elsewhere");
	}
}

/* Is the folder of this path among the items? */
static int has_folder(const struct making *making, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t index, length = slash == NULL ? 0 : (size_t)(slash - path);

	if (slash == NULL)
		return 1;
	for (index = 0; index < making->count; index++)
		if (strncmp(making->items[index].path, path, length) == 0 &&
		    making->items[index].path[length] == 0)
			return S_ISDIR(making->items[index].mode);
	return 0;
}

/* The target's disk: what is in the way, what is there already. */
static void make_target(struct world *world, const struct making *making)
{
	struct making older = {world, making->shape, NULL, 0, 0};
	struct disk *disk = world->disks[END_RECEIVER];
	struct dice *dice = &world->dice;
	size_t index;

	plant_fixed(disk, "state", S_IFDIR | 0700);
	plant_fixed(disk, "outside", S_IFDIR | 0755);
	plant_fixed(disk, "outside/file", S_IFREG | 0600);
	plant_fixed(disk, "d.near", S_IFREG | 0644);
	if (world->form == FORM_SINGLE ||
	    (world->form != FORM_NAMED && dice_chance(dice, 600))) {
		plant_make_folder(new_item(&older), "d", dice);
		older.items[0].mode |= 0700;
	}
	for (index = 0; index < world->history_count; index++) {
		struct history *history = &world->histories[index];

		if (name_taken(&older, history->target) ||
		    !has_folder(&older, history->target) ||
		    !dice_chance(dice, 10 * making->shape->target_percent))
			continue;
		/* A link that the user names as the target is followed, be it
		 * to a folder. */
		if (world->form == FORM_NAMED &&
		    S_ISLNK(history->versions[0].mode))
			continue;
		if (S_ISDIR(history->versions[0].mode) &&
		    strcmp(history->target, "d") != 0 &&
		    dice_chance(dice, 60)) {
			/* Whoever follows this writes to outside/. */
			plant_make_link(new_item(&older), history->target,
					"/outside", dice);
			continue;
		}
		make_older(world, &history->versions[0], history->target,
			   &older);
	}
	if (older.count > 0 && S_ISDIR(older.items[0].mode) &&
	    strcmp(older.items[0].path, "d") == 0)
		plant_make_file(new_item(&older), "d/.unrelated", 100, dice);
	plant_all(disk, older.items, older.count);
	for (index = 0; index < older.count; index++)
		snapshot_item_release(&older.items[index]);
	free(older.items);
}

struct world *world_create(uint64_t seed, const struct world_shape *shape,
			   int verbose)
{
	struct world *world = sim_zeroed(sizeof(*world));
	struct making making = {world, shape, NULL, 0, 0};
	struct dice dice;
	size_t index;

	world->seed = seed;
	world->verbose = verbose;
	world->now = 1000000000;
	dice_init(&world->dice, seed, 0);
	for (index = 0; index < END_COUNT; index++) {
		dice_init(&dice, seed, index + 1);
		world->disks[index] = disk_create((unsigned)index + 1, dice);
		world->fail[index] =
		    fail_io_create(disk_io(world->disks[index]));
	}
	dice_init(&dice, seed, 10);
	world->network = network_create(dice);
	world->promise = promise_create();
	dice_fill(&world->dice, world->uuid, sizeof(world->uuid));
	world->checksum = dice_chance(&world->dice, 250);
	/* Apart, so that the tree of a seed does not depend on it. */
	dice_init(&dice, seed, 11);
	world->client = dice_chance(&dice, 500) ? END_SENDER : END_RECEIVER;
	world->strict = dice_chance(&dice, 300);

	plant_fixed(world->disks[END_SENDER], "state", S_IFDIR | 0700);
	plant_make_folder(new_item(&making), "s", &world->dice);
	fill_folder(&making, "s", 1,
		    (size_t)dice_skewed(&world->dice, 1, shape->entries));
	plant_all(world->disks[END_SENDER], making.items, making.count);
	choose_form(world, &making, shape->form);
	for (index = 0; index < making.count; index++) {
		char *target = map_path(world, making.items[index].path);

		if (target != NULL)
			add_history(world, making.items[index].path, target,
				    &making.items[index]);
	}
	make_target(world, &making);
	world->before = disk_snapshot(world->disks[END_RECEIVER]);
	for (index = 0; index < making.count; index++)
		snapshot_item_release(&making.items[index]);
	free(making.items);
	return world;
}

void world_free(struct world *world)
{
	size_t index, version;

	for (index = 0; index < END_COUNT; index++) {
		fail_io_free(world->fail[index]);
		disk_free(world->disks[index]);
	}
	network_free(world->network);
	promise_free(world->promise);
	snapshot_free(world->before);
	for (index = 0; index < world->path_count; index++)
		free(world->paths[index]);
	for (index = 0; index < world->history_count; index++) {
		struct history *history = &world->histories[index];

		for (version = 0; version < history->count; version++)
			snapshot_item_release(&history->versions[version]);
		free(history->versions);
		free(history->source);
		free(history->target);
	}
	free(world->histories);
	free(world->received);
	free(world);
}
