/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_ESCAPE_H
#define FERRY_CLI_ESCAPE_H

#include <stddef.h>

/*
 * Names come from disks and peers and may hold any byte; a terminal or a log
 * must see none that it would act on.
 */

/*
 * A copy in which each byte of a control character, of a character that
 * turns the direction of text, or of what is no UTF-8 is "\xNN".  malloc'd, or
 * NULL: no memory.
 */
char *escape_text(const char *text, size_t length);

/* Length in bytes of the UTF-8 character at text (1..4), 0 if it is none. */
size_t escape_character(const char *text, size_t length);

/* 1 if all of text is UTF-8, else 0. */
int escape_is_utf8(const char *text, size_t length);

/* The words as a shell reads them, with quotes where they need them, and one
 * space between.  malloc'd, or NULL: no memory. */
char *escape_for_shell(const char *const *words, size_t count);

/*
 * One word as a shell reads it that we do not know: sh, csh or fish and what is
 * like them.  A newline is beyond csh.  Not for people's eyes.  malloc'd, or
 * NULL: no memory.
 */
char *escape_for_any_shell(const char *word);

#endif
