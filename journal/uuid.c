/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How is a transfer given a name that no other has, and how is it written?
 */
#include "journal/uuid.h"

#include <string.h>

#include "journal/hexadecimal.h"

int uuid_create(struct io *io, uint8_t uuid[16])
{
	uint8_t bytes[16];
	int64_t wall = io->wall(io->context);
	uint64_t milliseconds = wall > 0 ? (uint64_t)wall * 1000 : 0;
	int i;

	if (io->random(io->context, bytes, sizeof(bytes)) == -1)
		return -1;
	/* The table's clock has whole seconds: names sort by them, and the 74
	 * random bits that follow make them differ. */
	for (i = 0; i < 6; i++)
		bytes[i] = (uint8_t)(milliseconds >> 8 * (5 - i));
	bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x70); /* version 7 */
	bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80); /* variant 10 */
	memcpy(uuid, bytes, sizeof(bytes));
	return 0;
}

/* Is there a "-" before byte number i? */
static int has_dash(size_t i)
{
	return i == 4 || i == 6 || i == 8 || i == 10;
}

void uuid_format(const uint8_t uuid[16], char text[UUID_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < 16; i++) {
		if (has_dash(i))
			*text++ = '-';
		*text++ = digits[uuid[i] >> 4];
		*text++ = digits[uuid[i] & 15];
	}
	*text = 0;
}

int uuid_parse(const char *text, uint8_t uuid[16])
{
	uint8_t parsed[16];
	size_t i;

	for (i = 0; i < sizeof(parsed); i++) {
		int high, low;

		if (has_dash(i) && *text++ != '-')
			return -1;
		high = hex_value_any_case(*text);
		if (high == -1)
			return -1; /* before the end of text is passed */
		low = hex_value_any_case(text[1]);
		if (low == -1)
			return -1;
		parsed[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	if (*text != 0)
		return -1;
	memcpy(uuid, parsed, sizeof(parsed));
	return 0;
}
