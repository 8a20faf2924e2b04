/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is the line the limit, or the processor?
 *
 *  1. Time is cut into stretches of 100 ms or more.  One in which something
 *     waited nearly always is a sample of what the line takes.
 *  2. The line takes what the third best of the last eight samples says.  A
 *     far end that stops for a sync, or a machine that does, does not make the
 *     line slow; what a new lane's buffers swallow at once does not make it
 *     fast.
 *  3. If a third of what a processor can pack is more than that, it is worth
 *     packing; at a higher level, if there still is enough to fill the line.
 *
 * What may go wrong:
 *
 *  - The line is faster than it was, as in TCP's slow start, and nobody sees
 *    it, for packed chunks don't fill it.  Then the lanes are empty while
 *    chunks are packed: after each such stretch it is taken for twice as fast,
 *    until plain chunks go and it is measured again.
 *  - Packing was slow because the processor had other work.  While nothing is
 *    packed, its speed goes back to what it usually is.
 */
#include "transfer/line.h"

#include <string.h>

#define SECOND  1e9
#define STRETCH ((uint64_t)100 * 1000 * 1000)
#define MEGA    1e6

/* How fast one thread packs text at level 1 on a slow machine of today, and at
 * the other levels, as parts of that. */
#define SPEED_USUAL (400 * MEGA)
#define LEVELS      3
static const double level_speed[LEVELS + 1] = {0, 1, 0.8, 0.5};
/* The line is the limit if so many times what it takes can be packed. */
#define MUCH_LESS 3
/* Packed chunks must fill the line, and some more, for a higher level. */
#define MORE_THAN 1.25
/* The sample that is believed, from the best. */
#define BELIEVED  3
/* A new figure counts for a part of so many. */
#define SMOOTH    8

void line_init(struct line *line, uint64_t now)
{
	memset(line, 0, sizeof(*line));
	line->begun = line->now = now;
	line->speed = SPEED_USUAL;
	line->ratio = 1;
}

static void add_sample(struct line *line, double rate)
{
	line->samples[line->next_sample++ % LINE_SAMPLES] = rate;
}

/* The stretch is over: what does it tell? */
static void end_stretch(struct line *line, uint64_t length)
{
	if (line->idle <= length / 4) {
		add_sample(line,
			   (double)line->bytes / ((double)length / SECOND));
	} else if (line->starved >= length / 2) {
		double rate = line_rate(line);

		memset(line->samples, 0, sizeof(line->samples));
		add_sample(line, rate * 2);
	}
	if (!line->packing)
		line->speed += (SPEED_USUAL - line->speed) / SMOOTH;
	line->begun = line->now;
	line->bytes = line->idle = line->starved = 0;
}

void line_turn(struct line *line, uint64_t now, int busy, int packing)
{
	uint64_t passed = now - line->now;

	if (!line->busy) {
		line->idle += passed;
		if (line->packing)
			line->starved += passed;
	}
	line->now = now;
	line->busy = busy;
	line->packing = packing;
}

void line_sent(struct line *line, size_t bytes)
{
	line->bytes += bytes;
	if (line->now - line->begun >= STRETCH)
		end_stretch(line, line->now - line->begun);
}

void line_packed(struct line *line, int level, size_t length, size_t size,
		 uint64_t nanoseconds)
{
	double speed, ratio = (double)length / (double)size;

	if (nanoseconds == 0)
		nanoseconds = 1;
	speed = (double)length / ((double)nanoseconds / SECOND) /
		level_speed[level < LEVELS ? level : LEVELS];
	line->speed += (speed - line->speed) / SMOOTH;
	line->ratio += (ratio - line->ratio) / SMOOTH;
}

double line_rate(const struct line *line)
{
	double best[BELIEVED] = {0}, rate = 0;

	for (size_t i = 0; i < LINE_SAMPLES; i++) {
		double sample = line->samples[i];

		for (size_t j = 0; j < BELIEVED; j++) {
			if (sample > best[j]) {
				double worse = best[j];

				best[j] = sample;
				sample = worse;
			}
		}
	}
	/* Of fewer, the least. */
	for (size_t j = 0; j < BELIEVED && best[j] > 0; j++)
		rate = best[j];
	return rate;
}

int line_level(const struct line *line, uint64_t limit)
{
	double rate = line_rate(line), wanted;

	if (limit > 0 && (rate <= 0 || rate > (double)limit))
		rate = (double)limit;
	if (rate <= 0 || line->speed < rate * MUCH_LESS)
		return 0;
	wanted = rate * line->ratio * MORE_THAN;
	if (wanted < rate * MUCH_LESS)
		wanted = rate * MUCH_LESS;
	for (int level = LEVELS; level > 1; level--) {
		if (line->speed * level_speed[level] >= wanted)
			return level;
	}
	return 1;
}
