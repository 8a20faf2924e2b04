/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_GREETING_H
#define FERRY_TRANSFER_GREETING_H

#include <stddef.h>
#include <stdint.h>

/*
 * Where the protocol begins in what the far side's shell sends: start-up files
 * may print, so everything before a HELLO frame with our nonce is noise.
 */
#define GREETING_NOISE_MAX ((size_t)64 << 10)
/* The beginning of HELLO that is known in advance. */
#define GREETING_SIZE      32

enum greeting {
	GREETING_FOUND,   /* HELLO begins at *offset */
	GREETING_AWAITED, /* not yet: more bytes may bring it */
	GREETING_MISSING  /* there was more noise than is allowed */
};

/*
 * Look for it in the first bytes of a stream.  No offset above
 * GREETING_NOISE_MAX is looked at, so GREETING_NOISE_MAX + GREETING_SIZE bytes
 * are enough to know.
 */
enum greeting greeting_find(const uint8_t *bytes, size_t length,
			    const uint8_t nonce[16], size_t *offset);

/*
 * The noise for a message: its first line that has something in it, without
 * the spaces around it and of at most GREETING_SHOWN_MAX bytes, in quotes.
 * Control bytes are left as they are, but no NUL.  malloc'd; NULL: there is no
 * such line, or no memory.
 */
#define GREETING_SHOWN_MAX 200
char *greeting_quote_noise(const uint8_t *bytes, size_t length);

#endif
