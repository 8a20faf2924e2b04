/* SPDX-License-Identifier: BSD-2-Clause */
/* What does the far side say on its stderr, and why does no agent greet. */
#include "transfer/far_errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/engine.h"
#include "transfer/greeting.h"

/* What a shell exits with when there is no such program, or it cannot run. */
#define STATUS_NOT_FOUND  127
#define STATUS_CANNOT_RUN 126

static void tell_line(struct far_errors *errors, int greeted, const char *line,
		      size_t length)
{
	char text[FAR_ERRORS_MAX + 1];
	size_t used = 0;

	while (length > 0 && line[length - 1] == '\r')
		length--;
	for (size_t i = 0; i < length; i++) {
		if (line[i] != '\0')
			text[used++] = line[i];
	}
	text[used] = '\0';
	if (used > 0 && errors->tell != NULL)
		errors->tell(errors->cookie, greeted, text);
}

/* Tell whole lines; all: the rest too. */
static void tell_lines(struct far_errors *errors, int greeted, int all)
{
	char *at = errors->bytes, *end = at + errors->length;
	char *newline;

	while ((newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		tell_line(errors, greeted, at, (size_t)(newline - at));
		at = newline + 1;
	}
	if (all) {
		tell_line(errors, greeted, at, (size_t)(end - at));
		at = end;
	}
	errors->length = (size_t)(end - at);
	memmove(errors->bytes, at, errors->length);
}

size_t far_errors_room(struct far_errors *errors, int greeted, char **at)
{
	if (errors->length == FAR_ERRORS_MAX) {
		if (!greeted)
			errors->length /= 2;
		else
			tell_lines(errors, greeted, 1);
	}
	*at = errors->bytes + errors->length;
	return FAR_ERRORS_MAX - errors->length;
}

void far_errors_took(struct far_errors *errors, int greeted, size_t length)
{
	errors->length += length;
	if (greeted && errors->length > 0)
		tell_lines(errors, greeted, 0);
}

void far_errors_end(struct far_errors *errors, int greeted)
{
	tell_lines(errors, greeted, 1);
}

char *far_errors_explain(const struct far_errors *errors, const uint8_t *noise,
			 size_t noise_length, const char *program, int status)
{
	char *said = greeting_quote_noise((const uint8_t *)errors->bytes,
					  errors->length);
	const char *shown;
	char *text;
	int length;

	if (said == NULL)
		said = greeting_quote_noise(noise, noise_length);
	shown = said != NULL ? said : "it said nothing";
	if (status == STATUS_NOT_FOUND)
		length = asprintf(&text,
				  "%s is not found there (%s); install ferry "
				  "on that host, say where it is with "
				  "--remote-ferry, or bring it with "
				  "--bootstrap",
				  program, shown);
	else if (status == STATUS_CANNOT_RUN)
		length = asprintf(&text,
				  "%s cannot be run there (%s); say where "
				  "ferry is with --remote-ferry",
				  program, shown);
	else if (status == FAR_STATUS_UNKNOWN)
		length = asprintf(&text,
				  "%s gave no greeting (%s); the start-up "
				  "files of the shell there must print next "
				  "to nothing",
				  program, shown);
	else
		length = asprintf(&text,
				  "%s ended without a greeting, exit status "
				  "%d (%s); see that it is ferry, or say "
				  "where ferry is with --remote-ferry",
				  program, status, shown);
	free(said);
	return length < 0 ? NULL : text;
}

enum lane_absence far_errors_absence(int status)
{
	return status == STATUS_NOT_FOUND ? LANE_ABSENT_PROGRAM
					  : LANE_ABSENT_AGENT;
}

char *far_errors_explain_ssh(const struct far_errors *errors, const char *host)
{
	size_t end = errors->length, begin;
	char *said, *text;
	int length;

	while (end > 0 && (unsigned char)errors->bytes[end - 1] <= ' ')
		end--;
	for (begin = end; begin > 0 && errors->bytes[begin - 1] != '\n';)
		begin--;
	said = greeting_quote_noise((const uint8_t *)errors->bytes + begin,
				    end - begin);
	length = asprintf(&text,
			  "ssh does not get in (%s); see what \"ssh %s\" "
			  "says",
			  said != NULL ? said : "it said nothing", host);
	free(said);
	return length < 0 ? NULL : text;
}
