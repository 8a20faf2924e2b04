/* SPDX-License-Identifier: BSD-2-Clause */
/* How times and sizes are written and read. */
#include "cli/time_size.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define YEARS_100  ((uint64_t)100 * 366 * 86400)
#define RATE_LEAST 512
#define RATE_MAX   ((uint64_t)1 << 60)

/* Nanoseconds in a unit; 0 for what is none. */
static uint64_t unit_of(const char *text)
{
	static const struct {
		const char *name;
		uint64_t nanoseconds;
	} units[] = {
	    {"", TIME_SECOND},          {"d", 86400 * TIME_SECOND},
	    {"h", 3600 * TIME_SECOND},  {"m", 60 * TIME_SECOND},
	    {"ms", TIME_SECOND / 1000}, {"s", TIME_SECOND},
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text, units[i].name) == 0)
			return units[i].nanoseconds;
	}
	return 0;
}

/* Digits to a number of at most limit; -1 if it is more. */
static int parse_digits(const char **text, uint64_t limit, uint64_t *value)
{
	*value = 0;
	for (; isdigit((unsigned char)**text); (*text)++) {
		*value = *value * 10 + (uint64_t)(**text - '0');
		if (*value > limit)
			return -1;
	}
	return 0;
}

/* A decimal number: a whole part of at most limit, and a fraction of scale. */
struct decimal {
	uint64_t whole, fraction, scale;
};

static int parse_decimal(const char **text, uint64_t limit,
			 struct decimal *number)
{
	const char *begin = *text;

	number->fraction = 0;
	number->scale = 1;
	if (!isdigit((unsigned char)*begin) && *begin != '.')
		return -1;
	if (parse_digits(text, limit, &number->whole) != 0)
		return -1;
	if (**text == '.') {
		const char *point = (*text)++;

		if (parse_digits(text, 999999999, &number->fraction) != 0 ||
		    *text - point > 10 || *text - begin < 2)
			return -1;
		for (; point + 1 < *text; point++)
			number->scale *= 10;
	}
	return 0;
}

/* So many units; in long double nothing is lost that matters. */
static uint64_t times(const struct decimal *number, uint64_t unit)
{
	return number->whole * unit +
	       (uint64_t)((long double)number->fraction * (long double)unit /
			  (long double)number->scale);
}

int time_parse(const char *text, uint64_t *nanoseconds)
{
	struct decimal number;
	uint64_t unit;

	if (parse_decimal(&text, YEARS_100 * 1000, &number) != 0)
		return -1;
	unit = unit_of(text);
	if (unit == 0 || number.whole > YEARS_100 * TIME_SECOND / unit)
		return -1;
	*nanoseconds = times(&number, unit);
	return 0;
}

/* Bytes in a unit of a rate; 0 for what is none. */
static uint64_t rate_unit_of(const char *text)
{
	static const char letters[] = "bkmgtp";
	const char *letter;
	uint64_t factor = 1024, unit = 1;

	if (*text == '\0')
		return 1024;
	letter = strchr(letters, tolower((unsigned char)*text));
	if (letter == NULL)
		return 0;
	if (*letter != 'b' && strcasecmp(text + 1, "b") == 0)
		factor = 1000;
	else if (text[1] != '\0' &&
		 (*letter == 'b' || strcasecmp(text + 1, "ib") != 0))
		return 0;
	for (; letter > letters; letter--)
		unit *= factor;
	return unit;
}

int rate_parse(const char *text, uint64_t *rate)
{
	struct decimal number;
	uint64_t unit;

	if (parse_decimal(&text, RATE_MAX, &number) != 0)
		return -1;
	unit = rate_unit_of(text);
	if (unit == 0 || number.whole > RATE_MAX / unit)
		return -1;
	*rate = times(&number, unit);
	return *rate == 0 || *rate >= RATE_LEAST ? 0 : -1;
}

void time_format(uint64_t seconds, char text[TIME_SIZE_TEXT])
{
	unsigned second = (unsigned)(seconds % 60);
	unsigned minute = (unsigned)(seconds / 60 % 60);
	unsigned hour = (unsigned)(seconds / 3600 % 24);
	uint64_t day = seconds / 86400;

	if (day > 0)
		snprintf(text, TIME_SIZE_TEXT, "%llud %02uh",
			 (unsigned long long)day, hour);
	else if (hour > 0)
		snprintf(text, TIME_SIZE_TEXT, "%u:%02u:%02u", hour, minute,
			 second);
	else
		snprintf(text, TIME_SIZE_TEXT, "%u:%02u", minute, second);
}

void size_format(uint64_t bytes, char text[TIME_SIZE_TEXT])
{
	static const char *const names[] = {"KiB", "MiB", "GiB",
					    "TiB", "PiB", "EiB"};
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(text, TIME_SIZE_TEXT, "%u B", (unsigned)bytes);
		return;
	}
	/* 1023.95 and more would be shown as 1024.0. */
	while (value >= 1023.95 && unit < 5) {
		value /= 1024;
		unit++;
	}
	snprintf(text, TIME_SIZE_TEXT, "%.1f %s", value, names[unit]);
}
