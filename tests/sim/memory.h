/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_SIM_MEMORY_H
#define FERRY_TESTS_SIM_MEMORY_H

#include <stddef.h>

/* realloc, or the end of the program. */
void *sim_allocate(void *old, size_t size);
/* New memory, zeroed. */
void *sim_zeroed(size_t size);
char *sim_copy(const char *);
/* Room for one more member; the capacity is doubled. */
void *sim_grow(void *array, size_t count, size_t *capacity, size_t member);

#endif
