/* SPDX-License-Identifier: BSD-2-Clause */
/* What does %h stand for? */
#include "cli/ssh_tokens.h"

#include <ctype.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct value {
	char text[HOST_NAME_MAX + 1]; /* where it has to be made */
};

static const char *local_name(struct value *value, int whole)
{
	if (gethostname(value->text, sizeof(value->text)) != 0)
		value->text[0] = '\0';
	value->text[sizeof(value->text) - 1] = '\0';
	if (!whole)
		value->text[strcspn(value->text, ".")] = '\0';
	return value->text;
}

static const char *local_user(void)
{
	const struct passwd *entry = getpwuid(getuid());

	return entry != NULL ? entry->pw_name : NULL;
}

/* NULL: no such token. */
static const char *value_of(char token, const struct ssh_tokens *tokens,
			    struct value *value)
{
	switch (token) {
	case '%':
		return "%";
	case 'h':
		return tokens->host;
	case 'n':
		return tokens->name;
	case 'r':
		return tokens->user;
	case 'd':
		return tokens->home;
	case 'u':
		return local_user();
	case 'p':
		snprintf(value->text, sizeof(value->text), "%u", tokens->port);
		return value->text;
	case 'i':
		snprintf(value->text, sizeof(value->text), "%lu",
			 (unsigned long)getuid());
		return value->text;
	case 'l':
	case 'L':
		return local_name(value, token == 'l');
	default:
		return NULL;
	}
}

char *ssh_tokens_expand(const char *text, const struct ssh_tokens *tokens)
{
	struct value value;
	char *result = NULL;
	size_t size;
	FILE *stream = open_memstream(&result, &size);

	if (stream == NULL)
		return NULL;
	for (; *text != '\0'; text++) {
		const char *stands = NULL;

		if (*text == '%')
			stands = value_of(text[1], tokens, &value);
		if (stands != NULL) {
			fputs(stands, stream);
			text++;
		} else {
			fputc(*text, stream);
		}
	}
	if (fclose(stream) == 0)
		return result;
	free(result);
	return NULL;
}

int ssh_tokens_harmless(const char *text)
{
	if (*text == '-')
		return 0;
	for (; *text != '\0'; text++) {
		if (!isalnum((unsigned char)*text) &&
		    strchr(".-_:%@+,=^", *text) == NULL)
			return 0;
	}
	return 1;
}
