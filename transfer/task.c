/* SPDX-License-Identifier: BSD-2-Clause */
/* Making and freeing tasks; what each asks for is in task.h. */
#include "transfer/task.h"

#include <stdlib.h>

static const size_t part_sizes[] = {
    [TASK_WALK] = sizeof(struct task_walk),
    [TASK_READ] = sizeof(struct task_read),
    [TASK_PACK] = sizeof(struct task_read),
    [TASK_COUNT] = sizeof(struct task_count),
    [TASK_RECORD] = sizeof(struct task_record),
    [TASK_EXAMINE] = sizeof(struct task_examine),
    [TASK_HASH] = sizeof(struct task_hash),
    [TASK_WRITE] = sizeof(struct task_write),
    [TASK_DISCARD] = sizeof(struct task_discard),
    [TASK_GROUP] = sizeof(struct task_group),
    [TASK_PLACE] = sizeof(struct task_place),
    [TASK_CLOSE] = sizeof(struct task_close),
};

struct task *task_create(enum task_type type)
{
	struct task *task = calloc(1, sizeof(*task));

	if (task == NULL)
		return NULL;
	task->type = type;
	/* All members of the union are pointers to the part. */
	task->walk = calloc(1, part_sizes[type]);
	if (task->walk == NULL) {
		free(task);
		return NULL;
	}
	return task;
}

static void walk_free(struct task_walk *walk)
{
	for (size_t i = 0; i < walk->count; i++) {
		entry_free(walk->items[i].entry);
		free(walk->items[i].path);
		free(walk->items[i].text);
	}
}

static void record_free(struct task_record *record)
{
	for (size_t i = 0; i < record->count; i++)
		entry_free(record->items[i].entry);
	free(record->items);
}

static void examine_free(struct task_examine *examine)
{
	for (size_t i = 0; i < examine->count; i++) {
		leaf_table_free(examine->items[i].leaves);
		free(examine->items[i].text);
	}
}

static void group_free(struct task_group *group)
{
	free(group->files);
	free(group->leaves);
	free(group->planned);
	free(group->receipts);
}

static void place_free(struct task_place *place)
{
	for (size_t i = 0; i < place->count; i++)
		free(place->items[i].text);
	free(place->items);
}

void task_free(struct task *task)
{
	if (task == NULL)
		return;
	switch (task->type) {
	case TASK_WALK:
		walk_free(task->walk);
		break;
	case TASK_READ:
	case TASK_PACK:
		frame_free(task->read->chunk);
		entry_free(task->read->now);
		free(task->read->path);
		break;
	case TASK_RECORD:
		record_free(task->record);
		break;
	case TASK_EXAMINE:
		examine_free(task->examine);
		break;
	case TASK_WRITE:
		frame_free(task->write->chunk);
		break;
	case TASK_GROUP:
		group_free(task->group);
		break;
	case TASK_PLACE:
		place_free(task->place);
		break;
	case TASK_COUNT:
	case TASK_HASH:
	case TASK_DISCARD:
	case TASK_CLOSE:
		break;
	}
	free(task->walk);
	free(task->text);
	free(task);
}

enum task_queue task_queue_of(enum task_type type)
{
	switch (type) {
	case TASK_RECORD:
	case TASK_GROUP:
	case TASK_CLOSE:
		return QUEUE_COMMIT;
	case TASK_PLACE:
		return QUEUE_PLACE;
	case TASK_COUNT:
		return QUEUE_COUNT_ONLY;
	case TASK_PACK:
		return QUEUE_PACK;
	case TASK_WALK:
	case TASK_READ:
	case TASK_EXAMINE:
	case TASK_HASH:
	case TASK_WRITE:
	case TASK_DISCARD:
		break;
	}
	return QUEUE_DATA;
}
