/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_TEXT_LIST_H
#define FERRY_CLI_TEXT_LIST_H

#include <stddef.h>

/* A growing list of strings of its own. */
struct text_list {
	char **items;
	size_t count;
};

/* Append a copy.  0, or -1 when out of memory. */
int text_list_add(struct text_list *, const char *);
/* Append text, which becomes the list's; freed on failure.  NULL fails. */
int text_list_take(struct text_list *, char *text);
/* Append the words of text, as rsync takes -e apart: at spaces, and what is in
 * quotes is together.  0, or -1 when out of memory. */
int text_list_split(struct text_list *, const char *text);
/* Have a NULL behind the last one, as argv has, until the next is added.  0, or
 * -1 when out of memory. */
int text_list_end(struct text_list *);
/* 1 if both have the same strings in the same order, else 0. */
int text_list_equal(const struct text_list *, const struct text_list *);
/* Frees all strings; the list is empty and may be used again. */
void text_list_clear(struct text_list *);

#endif
