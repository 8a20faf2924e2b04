/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_INDEX_MAP_H
#define FERRY_TRANSFER_INDEX_MAP_H

#include <stddef.h>
#include <stdint.h>

/*
 * A map from 64-bit numbers to pointers, for the entries that are under way:
 * open addressing with linear probing (Knuth, TAOCP 3, 6.4, algorithms L and
 * R).  Pointers are the caller's and never NULL.
 */
struct index_map {
	struct index_slot {
		uint64_t index;
		void *value; /* NULL: free */
	} * slots;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
};

/*
 * Forget all and free the slots, not what the values point to.  The map is
 * empty and may be used again; one that is all zero is fine.
 */
void index_map_clear(struct index_map *);
/* Add, or replace the value.  0, or -1 when out of memory. */
int index_map_put(struct index_map *, uint64_t index, void *value);
/* The value, or NULL. */
void *index_map_get(const struct index_map *, uint64_t index);
/* Take out; the value, or NULL if there was none. */
void *index_map_remove(struct index_map *, uint64_t index);
/* Visit all in no order: *position starts at 0; NULL after the last.  The map
 * must not change meanwhile. */
void *index_map_each(const struct index_map *, size_t *position);

#endif
