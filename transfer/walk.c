/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in a tree, in which order. */
#include "transfer/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/entry.h"

/* So many folders are held open; those further up are opened again when the
 * walk is back there. */
#define LEVELS_OPEN 16

/* One folder on the way to where the walk is. */
struct level {
	char *arena;        /* the names, each with its NUL, one by one */
	const char **names; /* into arena, sorted */
	size_t count, next;
	size_t path_length;
	struct stat status;
	int descriptor; /* -1: closed for now */
};

struct walk {
	struct io *io;
	int anchor;
	char *first; /* where it begins; NULL when begun */
	char *path;
	size_t path_length, path_capacity;
	struct level *levels;
	size_t depth, capacity;
	char link[ENTRY_LINK_MAX + 2];
};

struct walk *walk_create(struct io *io, int anchor, const char *name)
{
	struct walk *walk = calloc(1, sizeof(*walk));

	if (walk == NULL)
		return NULL;
	walk->io = io;
	walk->anchor = anchor;
	walk->first = strdup(name);
	walk->path = calloc(1, 1);
	walk->path_capacity = 1;
	if (walk->first == NULL || walk->path == NULL) {
		walk_free(walk);
		return NULL;
	}
	return walk;
}

static void level_release(struct walk *walk, struct level *level)
{
	io_close(walk->io, level->descriptor);
	free(level->names);
	free(level->arena);
}

void walk_free(struct walk *walk)
{
	if (walk == NULL)
		return;
	while (walk->depth > 0)
		level_release(walk, &walk->levels[--walk->depth]);
	free(walk->levels);
	free(walk->first);
	free(walk->path);
	free(walk);
}

/* What a folder holds, as it is read. */
struct listing {
	char *arena;
	size_t used, capacity, count;
};

static int listing_add(void *cookie, const char *name)
{
	struct listing *listing = cookie;
	size_t size = strlen(name) + 1;

	if (size > listing->capacity - listing->used) {
		size_t capacity = listing->capacity * 2 + size + 1024;
		char *bigger = realloc(listing->arena, capacity);

		if (bigger == NULL) {
			errno = ENOMEM;
			return -1;
		}
		listing->arena = bigger;
		listing->capacity = capacity;
	}
	memcpy(listing->arena + listing->used, name, size);
	listing->used += size;
	listing->count++;
	return 0;
}

static int compare_names(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Read the names in a folder and sort them.  0, or -1 with errno. */
static int level_list(struct walk *walk, struct level *level)
{
	struct listing listing = {NULL, 0, 0, 0};
	const char *name;

	if (walk->io->list(walk->io->context, level->descriptor, listing_add,
			   &listing) != 0)
		goto free_arena;
	level->names = calloc(listing.count + 1, sizeof(*level->names));
	if (level->names == NULL)
		goto free_arena;
	name = listing.arena;
	for (size_t i = 0; i < listing.count; i++) {
		level->names[i] = name;
		name += strlen(name) + 1;
	}
	qsort(level->names, listing.count, sizeof(*level->names),
	      compare_names);
	level->arena = listing.arena;
	level->count = listing.count;
	return 0;

free_arena:
	free(listing.arena);
	return -1;
}

static int problem(struct walk_step *step, const char *what, int error)
{
	step->kind = WALK_PROBLEM;
	step->what = what;
	step->error = error;
	return error == ENOMEM ? -1 : 1;
}

static struct level *push(struct walk *walk)
{
	struct level *level;

	if (walk->depth == walk->capacity) {
		size_t capacity = walk->capacity * 2 + 16;
		struct level *bigger =
		    realloc(walk->levels, capacity * sizeof(*bigger));

		if (bigger == NULL)
			return NULL;
		walk->levels = bigger;
		walk->capacity = capacity;
	}
	if (walk->depth >= LEVELS_OPEN) {
		level = &walk->levels[walk->depth - LEVELS_OPEN];
		io_close(walk->io, level->descriptor);
		level->descriptor = -1;
	}
	level = &walk->levels[walk->depth++];
	memset(level, 0, sizeof(*level));
	level->descriptor = -1;
	level->path_length = walk->path_length;
	return level;
}

/* Go into the folder name of dir; walk->path is its path already. */
static int enter(struct walk *walk, struct walk_step *step, int dir,
		 const char *name)
{
	struct level *level = push(walk);
	const char *what = "cannot open";

	if (level == NULL)
		return -1;
	level->descriptor = io_open_beneath(
	    walk->io, dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (level->descriptor == -1)
		goto leave;
	what = "cannot read";
	if (walk->io->stat(walk->io->context, level->descriptor,
			   &level->status) == -1 ||
	    level_list(walk, level) == -1)
		goto leave;
	step->kind = WALK_FOLDER;
	step->status = level->status;
	return 1;

leave:
	problem(step, what, errno);
	level_release(walk, level);
	walk->depth--;
	return step->error == ENOMEM ? -1 : 1;
}

static int read_link(struct walk *walk, struct walk_step *step, int dir,
		     const char *name)
{
	ssize_t length = walk->io->read_link_at(
	    walk->io->context, dir, name, walk->link, sizeof(walk->link) - 1);

	if (length == -1)
		return problem(step, "cannot read the link", errno);
	if ((size_t)length > ENTRY_LINK_MAX)
		return problem(step, "cannot read the link", ENAMETOOLONG);
	walk->link[length] = '\0';
	step->kind = WALK_LINK;
	step->link = walk->link;
	step->link_length = (size_t)length;
	return 1;
}

/* What is name in dir?  walk->path is its path already. */
static int look(struct walk *walk, struct walk_step *step, int dir,
		const char *name)
{
	step->path = walk->path;
	step->path_length = walk->path_length;
	if (walk->path_length > ENTRY_PATH_MAX)
		return problem(step, "its path is too long", ENAMETOOLONG);
	if (name[0] == '\0')
		return enter(walk, step, dir, name);
	if (strcmp(name, ".ferry") == 0) {
		/* What ferry itself staged is no source, and may go at any
		 * time; but a user's file may be called so too. */
		step->kind = WALK_OTHER;
		return 1;
	}
	if (walk->io->stat_at(walk->io->context, dir, name, &step->status) ==
	    -1)
		return problem(step, "cannot look at it", errno);
	if (S_ISDIR(step->status.st_mode))
		return enter(walk, step, dir, name);
	if (S_ISLNK(step->status.st_mode))
		return read_link(walk, step, dir, name);
	step->kind = S_ISREG(step->status.st_mode) ? WALK_FILE : WALK_OTHER;
	return 1;
}

/* walk->path = its first length bytes, '/', name. */
static int set_path(struct walk *walk, size_t length, const char *name)
{
	size_t name_length = strlen(name);
	size_t needed = length + name_length + 2;
	char *bigger;

	if (needed > walk->path_capacity) {
		bigger = realloc(walk->path, needed * 2);
		if (bigger == NULL)
			return -1;
		walk->path = bigger;
		walk->path_capacity = needed * 2;
	}
	if (length > 0)
		walk->path[length++] = '/';
	memcpy(walk->path + length, name, name_length + 1);
	walk->path_length = length + name_length;
	return 0;
}

static void cut_path(struct walk *walk, size_t length)
{
	walk->path_length = length;
	walk->path[length] = '\0';
}

/* Open a level again that was closed.  0, or -1 with errno. */
static int reopen(struct walk *walk, struct level *level)
{
	struct stat status;

	cut_path(walk, level->path_length);
	level->descriptor =
	    io_open_beneath(walk->io, walk->anchor, walk->path,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (level->descriptor == -1)
		return -1;
	if (walk->io->stat(walk->io->context, level->descriptor, &status) == -1)
		return -1;
	if (status.st_ino == level->status.st_ino &&
	    status.st_dev == level->status.st_dev)
		return 0;
	errno = ESTALE; /* the names are another folder's */
	return -1;
}

static int leave_level(struct walk *walk, struct walk_step *step)
{
	struct level *level = &walk->levels[walk->depth - 1];

	cut_path(walk, level->path_length);
	step->kind = WALK_FOLDER_END;
	step->path = walk->path;
	step->path_length = walk->path_length;
	step->status = level->status;
	level_release(walk, level);
	walk->depth--;
	return 1;
}

static int begin(struct walk *walk, struct walk_step *step)
{
	char *first = walk->first;
	int result;

	walk->first = NULL;
	result = set_path(walk, 0, first);
	if (result == 0)
		result = look(walk, step, walk->anchor, first);
	free(first);
	return result;
}

int walk_next(struct walk *walk, struct walk_step *step)
{
	struct level *level;
	const char *name;

	memset(step, 0, sizeof(*step));
	if (walk->first != NULL)
		return begin(walk, step);
	if (walk->depth == 0)
		return 0;
	level = &walk->levels[walk->depth - 1];
	if (level->next == level->count)
		return leave_level(walk, step);
	if (level->descriptor == -1 && reopen(walk, level) == -1) {
		level->next = level->count; /* nothing more of it */
		step->path = walk->path;
		step->path_length = walk->path_length;
		return problem(step, "cannot open it again", errno);
	}
	name = level->names[level->next++];
	if (set_path(walk, level->path_length, name) == -1)
		return -1;
	return look(walk, step, level->descriptor, name);
}

void walk_pass_over(struct walk *walk)
{
	struct level *level = &walk->levels[walk->depth - 1];

	level->next = level->count;
}
