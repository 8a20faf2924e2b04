/* SPDX-License-Identifier: BSD-2-Clause */
/* What does a file of ssh_config(5) say, as far as is plain? */
#include "cli/ssh_plain.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/text_list.h"

int ssh_plain_matches(const char *patterns, const char *host)
{
	struct text_list list = {NULL, 0};
	int matched = 0;

	if (text_list_split(&list, patterns) != 0)
		list.count = 0;
	for (size_t i = 0; i < list.count; i++) {
		const char *pattern = list.items[i];
		int refuses = *pattern == '!';

		/* A host has no slash and no bracket that would count. */
		if (fnmatch(pattern + refuses, host, FNM_NOESCAPE) != 0)
			continue;
		matched = !refuses;
		if (refuses)
			break;
	}
	text_list_clear(&list);
	return matched;
}

/* What a line is split into; both are in the line, which is cut. */
struct setting {
	const char *name;
	char *value;
};

/* 1, or 0 for an empty line or a comment. */
static int split_line(char *line, struct setting *setting)
{
	char *end;
	size_t length;

	line += strspn(line, " \t");
	if (*line == '\0' || *line == '#' || *line == '\r' || *line == '\n')
		return 0;
	setting->name = line;
	end = line + strcspn(line, " \t=\r\n");
	setting->value = end + strspn(end, " \t");
	setting->value += *setting->value == '=';
	setting->value += strspn(setting->value, " \t");
	*end = '\0';
	length = strlen(setting->value);
	while (length > 0 && strchr(" \t\r\n", setting->value[length - 1]))
		length--;
	setting->value[length] = '\0';
	return 1;
}

/* One value in quotes: without them. */
static char *unquote(char *value)
{
	size_t length = strlen(value);

	if (length < 2 || value[0] != '"' ||
	    strchr(value + 1, '"') != value + length - 1)
		return value;
	value[length - 1] = '\0';
	return value + 1;
}

/* *applies says whether what follows is for this host. */
static int take_line(const struct ssh_plain *plain, char *line,
		     const char *where, int *applies)
{
	struct setting setting;

	if (!split_line(line, &setting))
		return 0;
	if (strcasecmp(setting.name, "Host") == 0) {
		*applies = ssh_plain_matches(setting.value, plain->host);
		return 0;
	}
	if (strcasecmp(setting.name, "Match") == 0) {
		plain->skipped(plain->cookie, "Match", where);
		*applies = 0;
		return 0;
	}
	if (!*applies)
		return 0;
	if (strcasecmp(setting.name, "Include") == 0) {
		plain->skipped(plain->cookie, "Include", where);
		return 0;
	}
	/* Of several files each may be in quotes. */
	if (strcasestr(setting.name, "KnownHostsFile") == NULL)
		setting.value = unquote(setting.value);
	return plain->take(plain->cookie, setting.name, setting.value, where);
}

int ssh_plain_read(const char *path, const struct ssh_plain *plain)
{
	FILE *file = fopen(path, "re");
	char *line = NULL, *where;
	size_t size = 0, number = 0;
	int applies = 1, result = 0;

	if (file == NULL)
		return errno == ENOENT ? 0 : -1;
	while (result == 0 && getline(&line, &size, file) != -1) {
		if (asprintf(&where, "%s line %zu", path, ++number) < 0) {
			result = -1;
			break;
		}
		result = take_line(plain, line, where, &applies);
		free(where);
	}
	if (result == 0 && ferror(file))
		result = -1;
	free(line);
	fclose(file);
	return result;
}
