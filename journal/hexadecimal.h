/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_JOURNAL_HEXADECIMAL_H
#define FERRY_JOURNAL_HEXADECIMAL_H

/* The value of a hexadecimal digit, 0 to 15; -1 for all else, capitals among
 * it: for what programs write to each other in one way only. */
static inline int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The same with capitals, for what people type or copy. */
static inline int hex_value_any_case(char digit)
{
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return hex_value(digit);
}

#endif
