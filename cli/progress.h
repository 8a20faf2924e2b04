/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_PROGRESS_H
#define FERRY_CLI_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

#include "transfer/engine.h"

/*
 * One bar for the whole transfer, as the last line of stderr where that is a
 * terminal; or, with --progress where it is none, one line a second.
 */
struct progress;

/* wanted: --progress; allowed 0: -q, or JSON on the same terminal.  NULL: out
 * of memory, and then nothing is shown. */
struct progress *progress_create(int wanted, int allowed);
/* Erases the bar. */
void progress_free(struct progress *); /* NULL is fine */

/* 1 if anything is drawn. */
int progress_shown(const struct progress *);

/* What is known now; draws when it is time.  now is monotonic nanoseconds. */
void progress_update(struct progress *, const struct transfer_stats *,
		     uint64_t now);

/* Bytes a second, confirmed lately; 0: none, or not known yet. */
uint64_t progress_rate(const struct progress *);

/* The same facts on one line, because a signal asked. */
void progress_print_status(const struct progress *);

/*
 * The bar's text: ASCII, at most width characters, as much as fits, the most
 * telling first.  bar 0: without the bar proper.  line has room for size.
 */
void progress_format(char *line, size_t size,
		     const struct transfer_stats *stats, uint64_t rate,
		     unsigned width, int bar);

#endif
