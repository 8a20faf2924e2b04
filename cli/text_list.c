/* SPDX-License-Identifier: BSD-2-Clause */
/* A growing list of strings. */
#include "cli/text_list.h"

#include <stdlib.h>
#include <string.h>

int text_list_take(struct text_list *list, char *text)
{
	char **items;

	if (text == NULL)
		return -1;
	items = realloc(list->items, (list->count + 1) * sizeof(*items));
	if (items == NULL) {
		free(text);
		return -1;
	}
	list->items = items;
	items[list->count++] = text;
	return 0;
}

int text_list_add(struct text_list *list, const char *text)
{
	return text_list_take(list, strdup(text));
}

int text_list_split(struct text_list *list, const char *text)
{
	char *word = malloc(strlen(text) + 1);
	int error = word == NULL ? -1 : 0;

	while (error == 0) {
		size_t length = 0;
		char quote = '\0';

		text += strspn(text, " \t");
		if (*text == '\0')
			break;
		for (; *text != '\0' &&
		       (quote != '\0' || (*text != ' ' && *text != '\t'));
		     text++) {
			if (quote == '\0' && (*text == '\'' || *text == '"'))
				quote = *text;
			else if (*text == quote)
				quote = '\0';
			else
				word[length++] = *text;
		}
		word[length] = '\0';
		error = text_list_add(list, word);
	}
	free(word);
	return error;
}

int text_list_end(struct text_list *list)
{
	if (text_list_add(list, "") != 0)
		return -1;
	free(list->items[--list->count]);
	list->items[list->count] = NULL;
	return 0;
}

int text_list_equal(const struct text_list *one, const struct text_list *other)
{
	if (one->count != other->count)
		return 0;
	for (size_t i = 0; i < one->count; i++) {
		if (strcmp(one->items[i], other->items[i]) != 0)
			return 0;
	}
	return 1;
}

void text_list_clear(struct text_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	list->items = NULL;
	list->count = 0;
}
