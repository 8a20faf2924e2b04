/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_RELAY_COUNT_H
#define FERRY_TRANSFER_RELAY_COUNT_H

#include "transfer/index_map.h"
#include "transfer/session.h"

/*
 * What is learned from frames that pass by: the figures and the reports for the
 * user, and whether a name was asked for.  For relay.c.
 */
struct relay_count {
	struct session *session; /* its stats and its observer */
	struct index_map items;  /* that have no receipt yet */
	uint64_t next_entry;     /* above all that were announced */
	uint64_t settled;        /* bytes of files with a receipt */
	uint64_t below;          /* all seqs below it are confirmed */
	char **asked;            /* last names, sorted; NULL: any */
	size_t asked_count;
};

/* 0; -1: no memory.  relay_count_end is due both times. */
int relay_count_begin(struct relay_count *, struct session *, char **sources,
		      size_t source_count);
void relay_count_end(struct relay_count *);

/* A frame of the end that reads, and of the one that writes: 0; -1: it is
 * malformed, too much, or of what was not asked for. */
int relay_count_from(struct relay_count *, const struct frame *);
int relay_count_to(struct relay_count *, const struct frame *);

#endif
