/* SPDX-License-Identifier: BSD-2-Clause */
/* What is there to be copied, and how much? */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/fault.h"
#include "transfer/source_internal.h"

struct entry *source_entry(enum entry_type type, const char *path,
			   size_t path_length, const struct stat *status)
{
	struct entry *entry = entry_create(type, path, path_length, NULL, 0);

	if (entry == NULL)
		return NULL;
	if (type == ENTRY_FILE)
		entry->size = (uint64_t)status->st_size;
	entry->mtime_seconds = status->st_mtim.tv_sec;
	entry->mtime_nanoseconds = (uint32_t)status->st_mtim.tv_nsec;
	entry->mode = (uint32_t)status->st_mode & 07777;
	entry->version = entry_version(status);
	return entry;
}

char *source_shown_path(const struct root *root, const char *path)
{
	char *shown;

	return asprintf(&shown, "%s%s", root->prefix, path) == -1 ? NULL
								  : shown;
}

static int item_problem(struct walk_item *item, const struct root *root,
			const char *path, enum problem_kind kind, char *text)
{
	item->problem = kind;
	item->path = source_shown_path(root, path);
	item->text = text;
	return item->path == NULL || text == NULL ? -1 : 0;
}

static const char *kind_of_other(mode_t mode)
{
	if (mode == 0)
		return "has a name that ferry keeps for itself";
	if (S_ISSOCK(mode))
		return "is a socket";
	if (S_ISFIFO(mode))
		return "is a named pipe";
	return "is a device";
}

static int item_entry(struct walk_item *item, enum entry_type type,
		      const struct walk_step *step)
{
	item->entry =
	    source_entry(type, step->path, step->path_length, &step->status);
	if (item->entry == NULL)
		return -1;
	if (type == ENTRY_LINK) {
		item->entry->link = strndup(step->link, step->link_length);
		item->entry->link_length = step->link_length;
		if (item->entry->link == NULL)
			return -1;
	}
	return 0;
}

/* What a step of the walk is to the engine.  0, or -1: no memory. */
static int item_set(struct walk_item *item, const struct root *root,
		    const struct walk_step *step)
{
	switch (step->kind) {
	case WALK_FOLDER:
		return item_entry(item, ENTRY_FOLDER, step);
	case WALK_FOLDER_END:
		return item_entry(item, ENTRY_FOLDER_END, step);
	case WALK_LINK:
		return item_entry(item, ENTRY_LINK, step);
	case WALK_FILE:
		if ((uint64_t)step->status.st_size > ENTRY_SIZE_MAX)
			return item_problem(item, root, step->path,
					    PROBLEM_FAILED,
					    strdup("is too large"));
		return item_entry(item, ENTRY_FILE, step);
	case WALK_OTHER:
		return item_problem(
		    item, root, step->path, PROBLEM_SKIPPED,
		    strdup(kind_of_other(step->status.st_mode)));
	case WALK_PROBLEM:
		break;
	}
	if (step->error == ENOENT)
		return item_problem(item, root, step->path, PROBLEM_VANISHED,
				    strdup("vanished"));
	return item_problem(item, root, step->path, PROBLEM_FAILED,
			    fault_text(NULL, step->what, step->error));
}

/* The step is of something that another root has too. */
static int item_overlap(struct walk_item *item, struct source *source,
			const struct walk_step *step)
{
	if (step->kind == WALK_FOLDER_END)
		return 0; /* it was told at the beginning */
	if (step->kind == WALK_FOLDER)
		walk_pass_over(source->walk);
	if (item_problem(item, &source->roots[source->walk_root], step->path,
			 PROBLEM_FAILED,
			 strdup("another source has the same name")) == -1)
		return -1;
	return 1;
}

/* Go on to the next root.  1; 0: it cannot be walked, *item says why; -1: no
 * memory. */
static int next_root(struct source *source, struct walk_item *item)
{
	const struct root *root = &source->roots[source->walk_root];
	int error;

	io_close(source->io, source->walk_anchor);
	source->walk_anchor = source_open_anchor(source, source->walk_root);
	if (source->walk_anchor == -1) {
		error = errno;
		source->walk_root++;
		return item_problem(item, root, root->name,
				    error == ENOENT ? PROBLEM_VANISHED
						    : PROBLEM_FAILED,
				    fault_text(NULL, "cannot open", error));
	}
	source->walk = walk_create(source->io, source->walk_anchor, root->name);
	return source->walk == NULL ? -1 : 1;
}

/* One more item.  1; 0: nothing came of it, go on; -1: no memory. */
static int walk_one(struct source *source, struct walk_item *item)
{
	struct walk_step step;
	int result;

	if (source->walk == NULL) {
		result = next_root(source, item);
		if (result != 1)
			return result == 0 ? 1 : -1;
	}
	result = walk_next(source->walk, &step);
	if (result == 1) {
		if (step.kind != WALK_PROBLEM && step.kind != WALK_OTHER &&
		    source_overlaps(source, &step))
			return item_overlap(item, source, &step);
		result =
		    item_set(item, &source->roots[source->walk_root], &step);
		if (item->entry != NULL)
			item->entry->origin = (uint32_t)source->walk_root;
		return result == 0 ? 1 : -1;
	}
	walk_free(source->walk);
	source->walk = NULL;
	source->walk_root++;
	return result;
}

void source_walk(struct source *source, struct task *task)
{
	struct task_walk *walk = task->walk;

	while (walk->count < WALK_BATCH &&
	       source->walk_root < source->root_count) {
		struct walk_item *item = &walk->items[walk->count];
		int result = walk_one(source, item);

		if (result == -1) {
			walk->count += item->entry != NULL ||
				       item->path != NULL || item->text != NULL;
			fault_task(task, "the source", NULL, ENOMEM);
			return;
		}
		walk->count += (size_t)result;
	}
	walk->end = source->walk_root == source->root_count;
}

/* Add what is in one root; what cannot be looked at does not count. */
static void count_root(const struct source *source, size_t root,
		       struct task_count *count)
{
	int anchor = source_open_anchor(source, root);
	struct walk *walk;
	struct walk_step step;

	if (anchor == -1)
		return;
	walk = walk_create(source->io, anchor, source->roots[root].name);
	while (walk != NULL && walk_next(walk, &step) == 1) {
		if (step.kind == WALK_FILE) {
			count->files++;
			count->bytes += (uint64_t)step.status.st_size;
		}
	}
	walk_free(walk);
	io_close(source->io, anchor);
}

void source_count(const struct source *source, struct task *task)
{
	for (size_t i = 0; i < source->root_count; i++)
		count_root(source, i, task->count);
}
