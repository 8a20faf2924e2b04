/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_JOURNAL_UUID_H
#define FERRY_JOURNAL_UUID_H

#include <stdint.h>

#include "journal/io.h"

#define UUID_TEXT_SIZE 37 /* 36 characters and a NUL */

/* A new UUIDv7 (RFC 9562, section 5.7) from the table's wall clock and random
 * numbers.  0 or -1. */
int uuid_create(struct io *, uint8_t uuid[16]);
void uuid_format(const uint8_t uuid[16], char text[UUID_TEXT_SIZE]);
/* 0, or -1 if text is not exactly one UUID. */
int uuid_parse(const char *text, uint8_t uuid[16]);

#endif
