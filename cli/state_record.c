/* SPDX-License-Identifier: BSD-2-Clause */
/* How a command line is written down. */
#include "cli/state_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(FILE *file, const char *name, const char *value)
{
	fprintf(file, "%s=%s", name, value);
	fputc('\0', file);
}

static void put_list(FILE *file, const char *name, const struct text_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		put(file, name, list->items[i]);
}

char *state_record_encode(const struct state_record *record, size_t *length)
{
	char number[32];
	char *bytes = NULL;
	FILE *file = open_memstream(&bytes, length);

	if (file == NULL)
		return NULL;
	put(file, "version", "1");
	snprintf(number, sizeof(number), "%lld", (long long)record->started);
	put(file, "started", number);
	put(file, "direction", record->pull ? "pull" : "push");
	snprintf(number, sizeof(number), "%u", record->port);
	put(file, "port", number);
	put(file, "cwd", record->cwd);
	put_list(file, "place", &record->places);
	put_list(file, "option", &record->options);
	put_list(file, "operand", &record->operands);
	if (fclose(file) == 0)
		return bytes;
	free(bytes);
	return NULL;
}

static int decode_number(const char *text, int64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoll(text, &end, 10);
	return end == text || *end != '\0' || errno != 0 ? -1 : 0;
}

static int decode_port(const char *text, unsigned *port)
{
	int64_t number;

	if (decode_number(text, &number) != 0 || number < 0 || number > 65535)
		return -1;
	*port = (unsigned)number;
	return 0;
}

static int decode_field(struct state_record *record, const char *name,
			const char *value)
{
	if (strcmp(name, "started") == 0)
		return decode_number(value, &record->started);
	if (strcmp(name, "direction") == 0) {
		record->pull = strcmp(value, "pull") == 0;
		return 0;
	}
	if (strcmp(name, "port") == 0)
		return decode_port(value, &record->port);
	if (strcmp(name, "cwd") == 0) {
		free(record->cwd);
		record->cwd = strdup(value);
		return record->cwd != NULL ? 0 : -1;
	}
	if (strcmp(name, "place") == 0)
		return text_list_add(&record->places, value);
	if (strcmp(name, "option") == 0)
		return text_list_add(&record->options, value);
	if (strcmp(name, "operand") == 0)
		return text_list_add(&record->operands, value);
	return 0;
}

/* One "name=value" with its NUL. */
static int decode_text(struct state_record *record, const char *text)
{
	const char *equals = strchr(text, '=');
	char name[16];

	if (equals == NULL)
		return -1;
	if ((size_t)(equals - text) >= sizeof(name))
		return 0;
	memcpy(name, text, (size_t)(equals - text));
	name[equals - text] = '\0';
	return decode_field(record, name, equals + 1);
}

int state_record_decode(const char *bytes, size_t length,
			struct state_record *record)
{
	static const char version[] = "version=1";

	memset(record, 0, sizeof(*record));
	if (length < sizeof(version) ||
	    memcmp(bytes, version, sizeof(version)) != 0 ||
	    bytes[length - 1] != '\0')
		return -1;
	for (size_t at = sizeof(version); at < length;
	     at += strlen(bytes + at) + 1) {
		if (decode_text(record, bytes + at) != 0)
			return -1;
	}
	/* Without these it cannot be shown or run. */
	return record->cwd == NULL || record->places.count < 2 ||
		       record->operands.count < 2
		   ? -1
		   : 0;
}

int state_record_same_job(const struct state_record *one,
			  const struct state_record *other)
{
	return one->pull == other->pull && one->port == other->port &&
	       text_list_equal(&one->places, &other->places);
}

void state_record_clear(struct state_record *record)
{
	free(record->cwd);
	text_list_clear(&record->places);
	text_list_clear(&record->options);
	text_list_clear(&record->operands);
	memset(record, 0, sizeof(*record));
}
