/* SPDX-License-Identifier: BSD-2-Clause */
/* What the progress bar shows. */
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/notice.h"
#include "cli/time_size.h"

#define LINE_SIZE         320
#define BAR_LEAST         10
#define BAR_MOST          40
#define TERMINAL_INTERVAL (TIME_SECOND / 10)
/* Confirmations come in groups, about one a second: a rate over less than a
 * few of them would jump. */
#define SAMPLE_INTERVAL   (TIME_SECOND / 2)
#define SAMPLE_COUNT      16

enum progress_mode { MODE_NONE, MODE_BAR, MODE_LINES };

struct sample {
	uint64_t time;
	uint64_t bytes;
};

struct progress {
	enum progress_mode mode;
	struct transfer_stats stats;
	uint64_t drawn;                      /* when last */
	struct sample samples[SAMPLE_COUNT]; /* a ring */
	size_t sample_count;                 /* ever taken */
	uint64_t rate;
};

/* A terminal that cannot erase a line gets none. */
static int terminal_can_draw(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term != NULL && *term != '\0' &&
	       strcmp(term, "dumb") != 0;
}

struct progress *progress_create(int wanted, int allowed)
{
	struct progress *progress = calloc(1, sizeof(*progress));

	if (progress == NULL || !allowed)
		return progress;
	if (terminal_can_draw())
		progress->mode = MODE_BAR;
	else if (wanted)
		progress->mode = MODE_LINES;
	return progress;
}

void progress_free(struct progress *progress)
{
	if (progress != NULL && progress->mode == MODE_BAR)
		notice_bar(NULL);
	free(progress);
}

int progress_shown(const struct progress *progress)
{
	return progress != NULL && progress->mode != MODE_NONE;
}

/* What was confirmed by this run's own work: what was there already says
 * nothing about the time left. */
static uint64_t fresh_bytes(const struct transfer_stats *stats)
{
	return stats->bytes_confirmed > stats->bytes_reused
		   ? stats->bytes_confirmed - stats->bytes_reused
		   : 0;
}

static void take_sample(struct progress *progress, uint64_t now)
{
	uint64_t bytes = fresh_bytes(&progress->stats);
	size_t count = progress->sample_count;
	const struct sample *oldest;

	if (count > 0 &&
	    now < progress->samples[(count - 1) % SAMPLE_COUNT].time +
		      SAMPLE_INTERVAL)
		return;
	progress->samples[count % SAMPLE_COUNT].time = now;
	progress->samples[count % SAMPLE_COUNT].bytes = bytes;
	progress->sample_count = ++count;
	oldest =
	    &progress->samples[count > SAMPLE_COUNT ? count % SAMPLE_COUNT : 0];
	/* A new session counts anew what it reuses. */
	if (now <= oldest->time || bytes <= oldest->bytes)
		progress->rate = 0;
	else
		progress->rate = (uint64_t)((double)(bytes - oldest->bytes) *
					    (double)TIME_SECOND /
					    (double)(now - oldest->time));
}

uint64_t progress_rate(const struct progress *progress)
{
	return progress != NULL ? progress->rate : 0;
}

/* One less than the terminal has: a full last column would wrap. */
static unsigned terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return 79;
	return size.ws_col - 1U;
}

void progress_update(struct progress *progress,
		     const struct transfer_stats *stats, uint64_t now)
{
	char line[LINE_SIZE];
	uint64_t interval;

	if (progress == NULL)
		return;
	progress->stats = *stats;
	take_sample(progress, now);
	interval = progress->mode == MODE_BAR ? TERMINAL_INTERVAL : TIME_SECOND;
	if (progress->mode == MODE_NONE ||
	    (progress->drawn != 0 && now < progress->drawn + interval))
		return;
	progress->drawn = now;
	if (progress->mode == MODE_BAR) {
		progress_format(line, sizeof(line), stats, progress->rate,
				terminal_width(), 1);
		notice_bar(line);
	} else {
		progress_format(line, sizeof(line), stats, progress->rate,
				LINE_SIZE - 1, 0);
		notice_status(line);
	}
}

void progress_print_status(const struct progress *progress)
{
	char line[LINE_SIZE];

	if (progress == NULL)
		return;
	progress_format(line, sizeof(line), &progress->stats, progress->rate,
			LINE_SIZE - 1, 0);
	notice_status(line);
}

/* Whole per cent; 100 only when nothing is missing; -1: not known. */
static int percent_of(const struct transfer_stats *stats)
{
	uint64_t done = stats->bytes_confirmed, total = stats->total_bytes;
	int percent;

	if (total == 0) {
		done = stats->files_done;
		total = stats->total_files;
	}
	if (total == 0)
		return -1;
	if (done >= total)
		return 100;
	/* done * 100 may not fit, and a quotient near 1 may become 1. */
	percent = (int)((double)done / (double)total * 100);
	return percent < 100 ? percent : 99;
}

/* The facts in the order in which they stand; each "" if there is none. */
enum {
	PIECE_PERCENT,
	PIECE_BYTES,
	PIECE_RATE,
	PIECE_LEFT,
	PIECE_FILES,
	PIECE_COUNT
};
#define PIECE_SIZE (3 * TIME_SIZE_TEXT)

static void make_amounts(char pieces[PIECE_COUNT][PIECE_SIZE],
			 const struct transfer_stats *stats)
{
	char done[TIME_SIZE_TEXT], total[TIME_SIZE_TEXT];
	int percent = percent_of(stats);

	size_format(stats->bytes_confirmed, done);
	size_format(stats->total_bytes, total);
	if (percent >= 0)
		snprintf(pieces[PIECE_PERCENT], PIECE_SIZE, "%3d%%", percent);
	if (stats->total_bytes > 0)
		snprintf(pieces[PIECE_BYTES], PIECE_SIZE, "%s of %s", done,
			 total);
	else
		snprintf(pieces[PIECE_BYTES], PIECE_SIZE, "%s", done);
	if (stats->total_files > 0)
		snprintf(pieces[PIECE_FILES], PIECE_SIZE, "%llu of %llu files",
			 (unsigned long long)stats->files_done,
			 (unsigned long long)stats->total_files);
	else
		snprintf(pieces[PIECE_FILES], PIECE_SIZE, "%llu files",
			 (unsigned long long)stats->files_done);
}

static void make_speeds(char pieces[PIECE_COUNT][PIECE_SIZE],
			const struct transfer_stats *stats, uint64_t rate)
{
	char text[TIME_SIZE_TEXT];

	size_format(rate, text);
	snprintf(pieces[PIECE_RATE], PIECE_SIZE, "%s/s", text);
	if (stats->total_bytes <= stats->bytes_confirmed)
		return;
	if (rate == 0) {
		snprintf(pieces[PIECE_LEFT], PIECE_SIZE, "-:-- left");
		return;
	}
	time_format((stats->total_bytes - stats->bytes_confirmed) / rate, text);
	snprintf(pieces[PIECE_LEFT], PIECE_SIZE, "%s left", text);
}

/* "[=====>    ]" in exactly width characters, then a space before others. */
static void draw_bar(char *line, size_t width, int percent)
{
	size_t inner = width - 2;
	size_t full = inner * (size_t)percent / 100;

	line[0] = '[';
	for (size_t i = 0; i < inner; i++)
		line[1 + i] = i < full ? '=' : i == full ? '>' : ' ';
	line[width - 1] = ']';
	line[width] = '\0';
}

void progress_format(char *line, size_t size,
		     const struct transfer_stats *stats, uint64_t rate,
		     unsigned width, int bar)
{
	/* Which goes first when there is no room for all. */
	static const int order[PIECE_COUNT] = {
	    PIECE_PERCENT, PIECE_RATE, PIECE_LEFT, PIECE_BYTES, PIECE_FILES};
	char pieces[PIECE_COUNT][PIECE_SIZE];
	char drawn[BAR_MOST + 1] = "";
	int shown[PIECE_COUNT] = {0};
	size_t room = width < size - 1 ? width : size - 1, used = 0;
	const char *gap = "";

	memset(pieces, 0, sizeof(pieces));
	make_amounts(pieces, stats);
	make_speeds(pieces, stats, rate);
	for (int i = 0; i < PIECE_COUNT; i++) {
		size_t length = strlen(pieces[order[i]]);

		if (length == 0)
			continue;
		length += used > 0 ? 2 : 0;
		if (used + length > room)
			break;
		used += length;
		shown[order[i]] = 1;
	}
	if (bar && percent_of(stats) >= 0 && used + 1 + BAR_LEAST <= room) {
		size_t most = room - used - 1;

		draw_bar(drawn, most < BAR_MOST ? most : BAR_MOST,
			 percent_of(stats));
	}
	*line = '\0';
	for (int i = 0; i < PIECE_COUNT; i++) {
		if (!shown[i])
			continue;
		used = strlen(line);
		snprintf(line + used, size - used, "%s%s%s%s", gap, pieces[i],
			 i == PIECE_PERCENT && *drawn != '\0' ? " " : "",
			 i == PIECE_PERCENT ? drawn : "");
		gap = "  ";
	}
}
