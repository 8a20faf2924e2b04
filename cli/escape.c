/* SPDX-License-Identifier: BSD-2-Clause */
/* Which bytes of a name may reach a terminal, a log or a shell. */
#include "cli/escape.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What a first byte says: how many bytes follow, the bits that it carries, and
 * the smallest code point that may be written so. */
static size_t classify(unsigned char byte, uint32_t *bits, uint32_t *lowest)
{
	if (byte < 0x80) {
		*bits = byte;
		*lowest = 0;
		return 1;
	}
	if (byte >= 0xc2 && byte < 0xe0) {
		*bits = byte & 0x1f;
		*lowest = 0x80;
		return 2;
	}
	if (byte >= 0xe0 && byte < 0xf0) {
		*bits = byte & 0x0f;
		*lowest = 0x800;
		return 3;
	}
	if (byte >= 0xf0 && byte < 0xf5) {
		*bits = byte & 0x07;
		*lowest = 0x10000;
		return 4;
	}
	return 0;
}

/* Decode one character: its length, or 0 for what is no UTF-8. */
static size_t decode(const char *text, size_t length, uint32_t *character)
{
	uint32_t lowest = 0;
	size_t size;

	if (length == 0)
		return 0;
	size = classify((unsigned char)text[0], character, &lowest);
	if (size == 0 || size > length)
		return 0;
	for (size_t i = 1; i < size; i++) {
		unsigned char byte = (unsigned char)text[i];

		if ((byte & 0xc0) != 0x80)
			return 0;
		*character = *character << 6 | (byte & 0x3f);
	}
	if (*character < lowest || *character > 0x10ffff ||
	    (*character >= 0xd800 && *character < 0xe000))
		return 0;
	return size;
}

/*
 * C0, DEL and C1 drive terminals.  The marks of Unicode TR 9 turn the
 * direction of what follows, and the separators break lines: a name could
 * show as another one.
 */
static int is_dangerous(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character < 0xa0) ||
	       character == 0x061c || character == 0x200e ||
	       character == 0x200f ||
	       (character >= 0x2028 && character <= 0x202e) ||
	       (character >= 0x2066 && character <= 0x2069) ||
	       character == 0xfeff;
}

size_t escape_character(const char *text, size_t length)
{
	uint32_t character = 0;

	return decode(text, length, &character);
}

int escape_is_utf8(const char *text, size_t length)
{
	size_t size;

	for (size_t at = 0; at < length; at += size) {
		size = escape_character(text + at, length - at);
		if (size == 0)
			return 0;
	}
	return 1;
}

static char *put_escaped(char *to, const char *from, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		unsigned char byte = (unsigned char)from[i];

		*to++ = '\\';
		*to++ = 'x';
		*to++ = digits[byte >> 4];
		*to++ = digits[byte & 15];
	}
	return to;
}

char *escape_text(const char *text, size_t length)
{
	char *result, *to;
	size_t size;

	if (length > (SIZE_MAX - 1) / 4)
		return NULL;
	result = malloc(length * 4 + 1);
	if (result == NULL)
		return NULL;
	to = result;
	for (size_t at = 0; at < length; at += size) {
		uint32_t character = 0;

		size = decode(text + at, length - at, &character);
		if (size == 0 || is_dangerous(character)) {
			size = size == 0 ? 1 : size;
			to = put_escaped(to, text + at, size);
		} else {
			memcpy(to, text + at, size);
			to += size;
		}
	}
	*to = '\0';
	return result;
}

static int is_plain_word(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789@%_-+=:,./";

	return *word != '\0' && word[strspn(word, plain)] == '\0';
}

/* 'word', with quotes in it as '\\''. */
static char *put_quoted(char *to, const char *word)
{
	*to++ = '\'';
	for (; *word != '\0'; word++) {
		if (*word == '\'') {
			memcpy(to, "'\\''", 4);
			to += 4;
		} else {
			*to++ = *word;
		}
	}
	*to++ = '\'';
	return to;
}

/* $'word', all but plain letters as \xNN: what a terminal must not see. */
static char *put_encoded(char *to, const char *word)
{
	*to++ = '$';
	*to++ = '\'';
	for (; *word != '\0'; word++) {
		char letter[2] = {*word, '\0'};

		if (is_plain_word(letter))
			*to++ = *word;
		else
			to = put_escaped(to, word, 1);
	}
	*to++ = '\'';
	return to;
}

static int is_harmless(const char *word)
{
	size_t length = strlen(word), size;

	for (size_t at = 0; at < length; at += size) {
		uint32_t character = 0;

		size = decode(word + at, length - at, &character);
		if (size == 0 || is_dangerous(character))
			return 0;
	}
	return 1;
}

/* Append one word; *to has room for 4 bytes each and 4 more. */
static char *put_word(char *to, const char *word)
{
	size_t length = strlen(word);

	if (!is_harmless(word))
		return put_encoded(to, word);
	if (!is_plain_word(word))
		return put_quoted(to, word);
	memcpy(to, word, length);
	return to + length;
}

char *escape_for_shell(const char *const *words, size_t count)
{
	size_t room = 1;
	char *result, *to;

	for (size_t i = 0; i < count; i++)
		room += strlen(words[i]) * 4 + 4;
	result = malloc(room);
	if (result == NULL)
		return NULL;
	to = result;
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			*to++ = ' ';
		to = put_word(to, words[i]);
	}
	*to = '\0';
	return result;
}

/* A backslash before a sign makes it nothing special in all of them, where
 * within quotes csh still sees "!" and fish "\\". */
char *escape_for_any_shell(const char *word)
{
	char *result = malloc(3 * strlen(word) + 3);
	char *to = result;

	if (result == NULL)
		return NULL;
	if (*word == '\0')
		to = stpcpy(to, "''");
	for (; *word != '\0'; word++) {
		if (*word == '\n') {
			to = stpcpy(to, "'\n'");
			continue;
		}
		/* To fish, a letter after a backslash is another one. */
		if (!isalnum((unsigned char)*word) &&
		    (unsigned char)*word < 0x80 &&
		    strchr("/._-", *word) == NULL)
			*to++ = '\\';
		*to++ = *word;
	}
	*to = '\0';
	return result;
}
