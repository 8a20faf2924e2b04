/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_JOURNAL_SEQ_SET_H
#define FERRY_JOURNAL_SEQ_SET_H

#include <stddef.h>
#include <stdint.h>

/*
 * A set of sequence numbers kept as sorted, disjoint, non-adjacent half-open
 * ranges.  Adding is idempotent and order does not matter, so two sets merge
 * to the same result whatever arrived first.
 */
struct seq_range {
	uint64_t first;
	uint64_t end; /* one past the last */
};

struct seq_set {
	struct seq_range *ranges;
	size_t count;
	size_t capacity;
};

#define SEQ_SET_EMPTY                                                          \
	{                                                                      \
		NULL, 0, 0                                                     \
	}

/* Release the ranges; the set is empty and may be used again. */
void seq_set_clear(struct seq_set *);

/* Add [first, end).  0, or -1 when out of memory (the set is unchanged). */
int seq_set_add(struct seq_set *, uint64_t first, uint64_t end);

/* Take [first, end) out.  0, or -1 when out of memory (unchanged). */
int seq_set_remove(struct seq_set *, uint64_t first, uint64_t end);

/* Add every member of from.  0 or -1. */
int seq_set_merge(struct seq_set *, const struct seq_set *from);

/* 1 if every number in [first, end) is a member (an empty range is), else 0. */
int seq_set_contains(const struct seq_set *, uint64_t first, uint64_t end);

/* The smallest number >= from that is not a member. */
uint64_t seq_set_next_missing(const struct seq_set *, uint64_t from);

/* The first range that ends after from, cut to begin at from or later; 1, or
 * 0 when there is none. */
int seq_set_next_range(const struct seq_set *, uint64_t from,
		       struct seq_range *);

/* How many members. */
uint64_t seq_set_size(const struct seq_set *);

#endif
