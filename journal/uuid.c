/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of transfers. */
#include "journal/uuid.h"

#include <stdio.h>
#include <string.h>

int uuid_create(struct io *io, uint8_t uuid[16])
{
	/* Whole seconds are all that the table's wall clock tells; the rest
	 * of the milliseconds' place is random, as RFC 9562, section 6.2
	 * allows. */
	uint64_t milliseconds;

	if (io->random(io->context, uuid, 16) == -1)
		return -1;
	milliseconds = (uint64_t)io->wall(io->context) * 1000 +
	    (uint64_t)(uuid[4] << 8 | uuid[5]) % 1000;
	for (int i = 0; i < 6; i++)
		uuid[i] = (uint8_t)(milliseconds >> 8 * (5 - i));
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x70);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
	return 0;
}

/* A dash comes before these bytes. */
static int begins_group(int index)
{
	return index == 4 || index == 6 || index == 8 || index == 10;
}

void uuid_format(const uint8_t uuid[16], char text[UUID_TEXT_SIZE])
{
	for (int i = 0; i < 16; i++) {
		if (begins_group(i))
			*text++ = '-';
		snprintf(text, 3, "%02x", uuid[i]);
		text += 2;
	}
}

/* -1: no digit. */
static int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

int uuid_parse(const char *text, uint8_t uuid[16])
{
	if (strlen(text) != UUID_TEXT_SIZE - 1)
		return -1;
	for (int i = 0; i < 16; i++) {
		int high, low;

		if (begins_group(i) && *text++ != '-')
			return -1;
		high = digit_value(*text++);
		low = digit_value(*text++);
		if (high == -1 || low == -1)
			return -1;
		uuid[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}
