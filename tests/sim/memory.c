/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for the simulator, which has no use for running out of it. */
#include "tests/sim/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *sim_allocate(void *old, size_t size)
{
	void *memory = realloc(old, size);

	if (memory == NULL) {
		fputs("simulator: out of memory\n", stderr);
		abort();
	}
	return memory;
}

void *sim_zeroed(size_t size)
{
	return memset(sim_allocate(NULL, size), 0, size);
}

char *sim_copy(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(sim_allocate(NULL, size), text, size);
}

void *sim_grow(void *array, size_t count, size_t *capacity, size_t member)
{
	if (count < *capacity)
		return array;
	*capacity = *capacity ? *capacity * 2 : 4;
	return sim_allocate(array, *capacity * member);
}
