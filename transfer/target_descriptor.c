/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The descriptors of staged files.  QUEUE_DATA opens and closes them while
 * QUEUE_COMMIT may be syncing them, so a close waits for the end of the commit;
 * and a session that ends early leaves some open, so all are listed.
 */
#include <errno.h>
#include <stdlib.h>

#include "transfer/target_internal.h"

static int list_add(struct descriptor_list *list, int descriptor)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity * 2 + 16;
		int *bigger =
		    realloc(list->numbers, capacity * sizeof(*bigger));

		if (bigger == NULL)
			return -1;
		list->numbers = bigger;
		list->capacity = capacity;
	}
	list->numbers[list->count++] = descriptor;
	return 0;
}

/* The one to go is most often among the last that came. */
static void list_remove(struct descriptor_list *list, int descriptor)
{
	for (size_t i = list->count; i-- > 0;)
		if (list->numbers[i] == descriptor) {
			list->numbers[i] = list->numbers[--list->count];
			return;
		}
}

static void list_close(struct target *target, struct descriptor_list *list)
{
	while (list->count > 0)
		io_close(target->io, list->numbers[--list->count]);
}

int target_descriptor_keep(struct target *target, struct staged *staged,
			   int descriptor)
{
	int result;

	pthread_mutex_lock(&target->staged_lock);
	result = list_add(&target->opened, descriptor);
	if (result == 0) {
		staged->descriptor = descriptor;
		staged->dressed = 0;
	}
	pthread_mutex_unlock(&target->staged_lock);
	if (result == 0)
		return descriptor;
	io_close(target->io, descriptor);
	errno = ENOMEM;
	return -1;
}

void target_descriptor_close(struct target *target, struct staged *staged)
{
	int descriptor;

	pthread_mutex_lock(&target->staged_lock);
	descriptor = staged->descriptor;
	staged->descriptor = -1;
	if (descriptor != -1) {
		staged->unsynced = 1;
		list_remove(&target->opened, descriptor);
		if (target->committing &&
		    list_add(&target->discarded, descriptor) == 0)
			descriptor = -1;
	}
	pthread_mutex_unlock(&target->staged_lock);
	io_close(target->io, descriptor);
}

void target_commit_begin(struct target *target)
{
	pthread_mutex_lock(&target->staged_lock);
	target->committing = 1;
	pthread_mutex_unlock(&target->staged_lock);
}

void target_commit_end(struct target *target)
{
	pthread_mutex_lock(&target->staged_lock);
	target->committing = 0;
	list_close(target, &target->discarded);
	pthread_mutex_unlock(&target->staged_lock);
}

void target_descriptor_close_all(struct target *target)
{
	list_close(target, &target->discarded);
	list_close(target, &target->opened);
	free(target->discarded.numbers);
	free(target->opened.numbers);
}
