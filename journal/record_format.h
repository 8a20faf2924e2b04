/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_JOURNAL_RECORD_FORMAT_H
#define FERRY_JOURNAL_RECORD_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "journal/record_log.h"

/*
 * The bytes of a record log (ferry-journal(5)); for record_log.c, which writes
 * them, and record_replay.c, which reads them.  All numbers are little endian.
 *
 * The file begins with a header:
 *
 *   0  magic     8 bytes, "FERRYLOG"
 *   8  version   4
 *  12  session   4
 *  16  uuid     16
 *  32  epoch     8
 *  40  zero     16
 *  56  check     8, XXH3-64 of bytes 0..55
 *
 * Then come records, each at a multiple of 8:
 *
 *   0  length    4, of the body
 *   4  type      1, and 3 of zero
 *   8  group     4, from 0
 *  12  previous  4, low half of the check of the record before (of the file's
 *                header for the first)
 *  16  sequence  8, from 0
 *  24  check     8, XXH3-64 with the epoch for a seed of bytes 0..23, then of
 *                the body and its padding with that for a seed
 *  32  body, padded with zeros to a multiple of 8
 *
 * A group ends with a record of type RECORD_COMMIT.
 */
#define LOG_MAGIC          "FERRYLOG"
#define LOG_VERSION        1
#define LOG_HEADER_SIZE    64
#define RECORD_HEADER_SIZE 32
#define RECORD_COMMIT      255

static inline size_t record_padded(size_t length)
{
	return (length + 7) & ~(size_t)7;
}

/* check for a record whose bytes 0..23 are in header; body is padded. */
uint64_t record_check(uint64_t epoch, const uint8_t *header,
		      const uint8_t *body, size_t padded);

#endif
