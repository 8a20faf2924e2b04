/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which sequence numbers have been seen?
 *
 * Invariants of ranges[0..count):
 * 1. each range has first < end;
 * 2. each ends before the next begins, with at least one number between.
 * Looking up is a binary search.  Numbers mostly arrive in order, which grows
 * or appends the last range and moves nothing.
 */
#include "journal/seq_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void seq_set_clear(struct seq_set *set)
{
	free(set->ranges);
	set->ranges = NULL;
	set->count = 0;
	set->capacity = 0;
}

/* Room for one more range.  0 or -1. */
static int reserve(struct seq_set *set)
{
	struct seq_range *ranges;
	size_t capacity = set->capacity == 0 ? 8 : set->capacity * 2;

	if (set->count < set->capacity)
		return 0;
	if (capacity > SIZE_MAX / sizeof(*ranges)) {
		errno = ENOMEM;
		return -1;
	}
	ranges = realloc(set->ranges, capacity * sizeof(*ranges));
	if (ranges == NULL)
		return -1;
	set->ranges = ranges;
	set->capacity = capacity;
	return 0;
}

/* The index of the first range whose end is >= number; count if none. */
static size_t find(const struct seq_set *set, uint64_t number)
{
	size_t low = 0, high = set->count;

	/* In order: it can only concern the last range or come after it. */
	if (high > 0 && set->ranges[high - 1].first <= number)
		return set->ranges[high - 1].end >= number ? high - 1 : high;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->ranges[middle].end < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Put count new ranges where old ones were, from index on.  There is room. */
static void splice(struct seq_set *set, size_t index, size_t old,
		   const struct seq_range *ranges, size_t count)
{
	if (old != count)
		memmove(set->ranges + index + count, set->ranges + index + old,
			(set->count - index - old) * sizeof(*ranges));
	if (count > 0)
		memcpy(set->ranges + index, ranges, count * sizeof(*ranges));
	set->count = set->count - old + count;
}

int seq_set_add(struct seq_set *set, uint64_t first, uint64_t end)
{
	struct seq_range range = {first, end};
	size_t index, after;

	if (first >= end)
		return 0;
	index = after = find(set, first);
	/* All that overlap or touch become one. */
	while (after < set->count && set->ranges[after].first <= end)
		after++;
	if (after == index) {
		if (reserve(set) == -1)
			return -1;
	} else {
		if (set->ranges[index].first < first)
			range.first = set->ranges[index].first;
		if (set->ranges[after - 1].end > end)
			range.end = set->ranges[after - 1].end;
	}
	splice(set, index, after - index, &range, 1);
	return 0;
}

int seq_set_remove(struct seq_set *set, uint64_t first, uint64_t end)
{
	struct seq_range left[2];
	size_t index, after, count = 0;

	if (first >= end)
		return 0;
	index = find(set, first);
	if (index < set->count && set->ranges[index].end == first)
		index++; /* touches, but has no number in common */
	after = index;
	while (after < set->count && set->ranges[after].first < end)
		after++;
	if (after == index)
		return 0;
	if (set->ranges[index].first < first) {
		left[count].first = set->ranges[index].first;
		left[count++].end = first;
	}
	if (set->ranges[after - 1].end > end) {
		left[count].first = end;
		left[count++].end = set->ranges[after - 1].end;
	}
	if (count > after - index && reserve(set) == -1)
		return -1;
	splice(set, index, after - index, left, count);
	return 0;
}

int seq_set_merge(struct seq_set *set, const struct seq_set *from)
{
	struct seq_set result = SEQ_SET_EMPTY;
	size_t mine = 0, theirs = 0;

	if (from->count == 0)
		return 0;
	if (from->count == 1)
		return seq_set_add(set, from->ranges[0].first,
				   from->ranges[0].end);
	/* Lowest first, so that each addition is at the end. */
	while (mine < set->count || theirs < from->count) {
		const struct seq_range *next;

		if (theirs == from->count ||
		    (mine < set->count &&
		     set->ranges[mine].first <= from->ranges[theirs].first))
			next = &set->ranges[mine++];
		else
			next = &from->ranges[theirs++];
		if (seq_set_add(&result, next->first, next->end) == -1) {
			seq_set_clear(&result);
			return -1;
		}
	}
	free(set->ranges);
	*set = result;
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
	size_t index = find(set, from);

	if (index < set->count && set->ranges[index].end == from)
		index++;
	if (index == set->count)
		return 0;
	*range = set->ranges[index];
	if (range->first < from)
		range->first = from;
	return 1;
}

uint64_t seq_set_size(const struct seq_set *set)
{
	uint64_t size = 0;
	size_t i;

	for (i = 0; i < set->count; i++)
		size += set->ranges[i].end - set->ranges[i].first;
	return size;
}
