/* SPDX-License-Identifier: BSD-2-Clause */
/* Which sequence numbers are in a set, kept as ranges. */
#include "journal/seq_set.h"

#include <stdlib.h>
#include <string.h>

void seq_set_clear(struct seq_set *set)
{
	free(set->ranges);
	set->ranges = NULL;
	set->count = 0;
	set->capacity = 0;
}

/* The first range that ends at number or after it; count if none does. */
static size_t lower_bound(const struct seq_set *set, uint64_t number)
{
	size_t low = 0, high = set->count;

	/* Numbers come in order, mostly. */
	if (high > 0 && set->ranges[high - 1].end < number)
		return high;
	if (high > 0 && set->ranges[high - 1].first <= number)
		return high - 1;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->ranges[middle].end < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int reserve(struct seq_set *set, size_t count)
{
	size_t capacity = set->capacity == 0 ? 4 : set->capacity;
	struct seq_range *ranges;

	if (count <= set->capacity)
		return 0;
	while (capacity < count)
		capacity *= 2;
	ranges = realloc(set->ranges, capacity * sizeof(*ranges));
	if (ranges == NULL)
		return -1;
	set->ranges = ranges;
	set->capacity = capacity;
	return 0;
}

/* Put added ranges in the place of [from, to); there is room. */
static void splice(struct seq_set *set, size_t from, size_t to,
    const struct seq_range *added, size_t added_count)
{
	memmove(&set->ranges[from + added_count], &set->ranges[to],
	    (set->count - to) * sizeof(*set->ranges));
	if (added_count > 0)
		memcpy(&set->ranges[from], added,
		    added_count * sizeof(*added));
	set->count = set->count - (to - from) + added_count;
}

int seq_set_add(struct seq_set *set, uint64_t first, uint64_t end)
{
	struct seq_range range = {first, end};
	size_t from, to;

	if (first >= end)
		return 0;
	/* Ranges that only touch it are joined too. */
	from = to = lower_bound(set, first);
	while (to < set->count && set->ranges[to].first <= end) {
		if (set->ranges[to].first < range.first)
			range.first = set->ranges[to].first;
		if (set->ranges[to].end > range.end)
			range.end = set->ranges[to].end;
		to++;
	}
	if (from == to && reserve(set, set->count + 1) == -1)
		return -1;
	splice(set, from, to, &range, 1);
	return 0;
}

int seq_set_remove(struct seq_set *set, uint64_t first, uint64_t end)
{
	struct seq_range rest[2];
	size_t from, to, count = 0;

	if (first >= end)
		return 0;
	from = lower_bound(set, first);
	if (from < set->count && set->ranges[from].end == first)
		from++; /* only touches */
	for (to = from; to < set->count && set->ranges[to].first < end; to++) {
		const struct seq_range *range = &set->ranges[to];

		if (range->first < first) {
			rest[count].first = range->first;
			rest[count++].end = first;
		}
		if (range->end > end) {
			rest[count].first = end;
			rest[count++].end = range->end;
		}
	}
	if (count > to - from && reserve(set, set->count + 1) == -1)
		return -1;
	if (to > from)
		splice(set, from, to, rest, count);
	return 0;
}

int seq_set_merge(struct seq_set *set, const struct seq_set *from)
{
	for (size_t i = 0; i < from->count; i++) {
		if (seq_set_add(set, from->ranges[i].first,
			from->ranges[i].end) == -1)
			return -1;
	}
	return 0;
}

int seq_set_contains(const struct seq_set *set, uint64_t first, uint64_t end)
{
	struct seq_range range;

	if (first >= end)
		return 1;
	return seq_set_next_range(set, first, &range) && range.first == first &&
	    range.end >= end;
}

uint64_t seq_set_next_missing(const struct seq_set *set, uint64_t from)
{
	struct seq_range range;

	if (seq_set_next_range(set, from, &range) && range.first == from)
		return range.end;
	return from;
}

int seq_set_next_range(const struct seq_set *set, uint64_t from,
    struct seq_range *range)
{
	size_t position = lower_bound(set, from);

	if (position < set->count && set->ranges[position].end == from)
		position++;
	if (position == set->count)
		return 0;
	*range = set->ranges[position];
	if (range->first < from)
		range->first = from;
	return 1;
}

uint64_t seq_set_size(const struct seq_set *set)
{
	uint64_t size = 0;

	for (size_t i = 0; i < set->count; i++)
		size += set->ranges[i].end - set->ranges[i].first;
	return size;
}
