/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_JOURNAL_HEXADECIMAL_H
#define FERRY_JOURNAL_HEXADECIMAL_H

#include <stddef.h>
#include <stdint.h>

/* The value of a hexadecimal digit, 0 to 15; -1 for all else, capitals among
 * it: for what programs write to each other in one way only. */
static inline int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Exactly 2 * size digits, and the end of the text, to bytes.  0 or -1. */
static inline int hex_bytes(const char *text, uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++, text += 2) {
		int high = hex_value(text[0]);
		int low = high < 0 ? -1 : hex_value(text[1]);

		if (low < 0)
			return -1;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return *text == '\0' ? 0 : -1;
}

/* As hex_value, with capitals: for what people type or copy. */
static inline int hex_value_any_case(char digit)
{
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return hex_value(digit);
}

#endif
