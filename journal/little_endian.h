/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_JOURNAL_LITTLE_ENDIAN_H
#define FERRY_JOURNAL_LITTLE_ENDIAN_H

#include <stdint.h>

/* Numbers in files, byte by byte: nothing depends on this machine's order or
 * alignment. */
static inline void put_u32(uint8_t bytes[4], uint32_t value)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
}

static inline void put_u64(uint8_t bytes[8], uint64_t value)
{
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
}

static inline uint32_t get_u32(const uint8_t bytes[4])
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value |= (uint32_t)bytes[i] << 8 * i;
	return value;
}

static inline uint64_t get_u64(const uint8_t bytes[8])
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

#endif
