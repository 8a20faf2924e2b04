/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_LINE_H
#define FERRY_TRANSFER_LINE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Is the line the limit, or the processor?  Packing saves time only while the
 * line takes much less than a processor can pack.  What the line takes is
 * measured while something waits for it; what the processor can do, when it
 * packs.  Has no clock: it is told the time.
 */
#define LINE_SAMPLES 8

struct line {
	/* The stretch of time that is being measured. */
	uint64_t begun;
	uint64_t bytes;   /* that left the lanes in it */
	uint64_t idle;    /* nanoseconds of it without anything to send, */
	uint64_t starved; /* and these, while packing was under way */

	uint64_t now;
	int busy;    /* since now, something waits for the line, */
	int packing; /* and chunks are being packed */

	double samples[LINE_SAMPLES]; /* bytes a second; 0: none */
	unsigned next_sample;
	double speed; /* bytes a second that one thread packs at level 1 */
	double ratio; /* of what was packed lately: how many times smaller */
};

void line_init(struct line *, uint64_t now);
/* How it is from now on: whether anything waits for the line, and whether
 * chunks are being packed. */
void line_turn(struct line *, uint64_t now, int busy, int packing);
/* So many bytes have left the lanes; line_turn tells of the time. */
void line_sent(struct line *, size_t bytes);
/* A leaf of length bytes was packed to size in so many nanoseconds. */
void line_packed(struct line *, int level, size_t length, size_t size,
		 uint64_t nanoseconds);

/* What the line takes, bytes a second; 0: not known yet. */
double line_rate(const struct line *);
/*
 * The level at which to pack the next chunk, 1 to 3; 0: better not at all.
 * limit is the user's, bytes a second, or 0.
 */
int line_level(const struct line *, uint64_t limit);

#endif
