/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding what is under way by its number. */
#include "transfer/index_map.h"

#include <stdlib.h>
#include <string.h>

static size_t home(const struct index_map *map, uint64_t index)
{
	/* Fibonacci hashing: 2^64 / golden ratio (Knuth, TAOCP 3, 6.4). */
	uint64_t hash = index * UINT64_C(11400714819323198485);

	return (size_t)(hash >> 32) & (map->capacity - 1);
}

void index_map_clear(struct index_map *map)
{
	free(map->slots);
	memset(map, 0, sizeof(*map));
}

/* The slot that holds index, or the free one where it would go. */
static struct index_slot *find(const struct index_map *map, uint64_t index)
{
	size_t at = home(map, index);

	while (map->slots[at].value != NULL && map->slots[at].index != index)
		at = (at + 1) & (map->capacity - 1);
	return &map->slots[at];
}

static int grow(struct index_map *map)
{
	struct index_map bigger = {NULL, 0, map->count};

	bigger.capacity = map->capacity == 0 ? 64 : map->capacity * 2;
	bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return -1;
	for (size_t i = 0; i < map->capacity; i++) {
		if (map->slots[i].value != NULL)
			*find(&bigger, map->slots[i].index) = map->slots[i];
	}
	free(map->slots);
	*map = bigger;
	return 0;
}

int index_map_put(struct index_map *map, uint64_t index, void *value)
{
	struct index_slot *slot;

	if (map->count >= map->capacity / 2 && grow(map) == -1)
		return -1;
	slot = find(map, index);
	if (slot->value == NULL)
		map->count++;
	slot->index = index;
	slot->value = value;
	return 0;
}

void *index_map_get(const struct index_map *map, uint64_t index)
{
	if (map->count == 0)
		return NULL;
	return find(map, index)->value;
}

void *index_map_remove(struct index_map *map, uint64_t index)
{
	struct index_slot *slot;
	void *value;
	size_t hole, at, from;

	if (map->count == 0)
		return NULL;
	slot = find(map, index);
	value = slot->value;
	if (value == NULL)
		return NULL;

	/* Move later ones of the run into the hole if they may live there. */
	hole = (size_t)(slot - map->slots);
	for (at = (hole + 1) & (map->capacity - 1);
	     map->slots[at].value != NULL;
	     at = (at + 1) & (map->capacity - 1)) {
		from = home(map, map->slots[at].index);
		if (((at - from) & (map->capacity - 1)) <
		    ((at - hole) & (map->capacity - 1)))
			continue;
		map->slots[hole] = map->slots[at];
		hole = at;
	}
	map->slots[hole].value = NULL;
	map->count--;
	return value;
}

void *index_map_each(const struct index_map *map, size_t *position)
{
	while (*position < map->capacity) {
		void *value = map->slots[(*position)++].value;

		if (value != NULL)
			return value;
	}
	return NULL;
}
