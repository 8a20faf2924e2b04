/* SPDX-License-Identifier: BSD-2-Clause */
/* How a line gets to stderr without garbling the progress bar. */
#include "cli/notice.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/escape.h"

/*
 * The bar is drawn with the cursor put back to its first column.  When the
 * window is made narrower, a terminal that wraps the line anew keeps the
 * cursor at its first character, and one that does not keeps it there too:
 * erasing from the cursor to the end of the screen is right for both.
 */
#define BAR_ERASE "\r\033[J"
#define BAR_MAX   512

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
struct notice {
	int quiet;
	int verbose;
	int drawn;
	char bar[BAR_MAX]; /* "": there is none */
};
static struct notice notice;

/* One write, so that other processes' lines stay whole too.  When stderr is
 * gone there is nobody to tell. */
static void write_all(const char *text, size_t length)
{
	while (length > 0) {
		ssize_t count = write(STDERR_FILENO, text, length);

		if (count < 0 && errno != EINTR)
			return;
		if (count > 0) {
			text += count;
			length -= (size_t)count;
		}
	}
}

static void erase_bar(void)
{
	if (notice.drawn)
		write_all(BAR_ERASE, strlen(BAR_ERASE));
	notice.drawn = 0;
}

static void draw_bar(void)
{
	char line[BAR_MAX + 16];
	int length;

	if (notice.bar[0] == '\0')
		return;
	length = snprintf(line, sizeof(line), "%s%s\r", BAR_ERASE, notice.bar);
	write_all(line, (size_t)length);
	notice.drawn = 1;
}

static void write_line(const char *prefix, const char *text)
{
	char *escaped = escape_text(text, strlen(text));
	char *line = NULL;
	int length;

	length = asprintf(&line, "%s%s\n", prefix,
			  escaped != NULL ? escaped : "out of memory");
	pthread_mutex_lock(&mutex);
	erase_bar();
	if (length >= 0)
		write_all(line, (size_t)length);
	draw_bar();
	pthread_mutex_unlock(&mutex);
	if (length >= 0)
		free(line);
	free(escaped);
}

static void write_format(const char *format, va_list arguments)
    __attribute__((format(printf, 1, 0)));
static void write_format(const char *format, va_list arguments)
{
	char *text = NULL;

	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	write_line("ferry: ", text != NULL ? text : "out of memory");
	free(text);
}

void notice_configure(int quiet, int verbose)
{
	notice.quiet = quiet;
	notice.verbose = verbose;
}

void notice_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_format(format, arguments);
	va_end(arguments);
}

void notice_failure(const char *path, const char *cause, const char *todo)
{
	notice_error("%s%s%s%s%s", path != NULL ? path : "",
		     path != NULL ? ": " : "", cause, todo != NULL ? "; " : "",
		     todo != NULL ? todo : "");
}

void notice_note(const char *format, ...)
{
	va_list arguments;

	if (notice.quiet)
		return;
	va_start(arguments, format);
	write_format(format, arguments);
	va_end(arguments);
}

void notice_verbose(int level, const char *format, ...)
{
	va_list arguments;

	if (notice.verbose < level)
		return;
	va_start(arguments, format);
	write_format(format, arguments);
	va_end(arguments);
}

void notice_status(const char *text)
{
	write_line("", text);
}

void notice_bar(const char *text)
{
	pthread_mutex_lock(&mutex);
	if (text == NULL) {
		notice.bar[0] = '\0';
		erase_bar();
	} else {
		snprintf(notice.bar, sizeof(notice.bar), "%s", text);
		draw_bar();
	}
	pthread_mutex_unlock(&mutex);
}

void notice_hold(void)
{
	pthread_mutex_lock(&mutex);
	erase_bar();
}

void notice_release(void)
{
	draw_bar();
	pthread_mutex_unlock(&mutex);
}
