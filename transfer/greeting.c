/* SPDX-License-Identifier: BSD-2-Clause */
/* Where does the protocol begin behind what a shell's start-up printed. */
#include "transfer/greeting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/codec.h"
#include "transfer/message.h"

#define NONCE_SIZE 16

/*
 * The header of HELLO is always the same, for its epoch is 0 and its length
 * fixed, and the nonce is the first of its body.  0, or -1: no memory.
 */
static int make_pattern(uint8_t pattern[GREETING_SIZE], const uint8_t nonce[16])
{
	struct message_hello hello = {.version_lowest = 1,
				      .version_highest = 1};
	struct frame *frame;

	memcpy(hello.nonce, nonce, NONCE_SIZE);
	frame = message_hello_encode(&hello);
	if (frame == NULL)
		return -1;
	frame->epoch = 0;
	frame_seal(frame);
	memcpy(pattern, frame->bytes, GREETING_SIZE);
	frame_free(frame);
	return 0;
}

enum greeting greeting_find(const uint8_t *bytes, size_t length,
			    const uint8_t nonce[16], size_t *offset)
{
	uint8_t pattern[GREETING_SIZE];
	const uint8_t *found;

	_Static_assert(GREETING_SIZE == FRAME_HEADER_SIZE + NONCE_SIZE,
		       "the header and the nonce");
	if (make_pattern(pattern, nonce) == -1)
		return GREETING_MISSING;
	if (length > GREETING_NOISE_MAX + GREETING_SIZE)
		length = GREETING_NOISE_MAX + GREETING_SIZE;
	found = memmem(bytes, length, pattern, GREETING_SIZE);
	if (found != NULL) {
		*offset = (size_t)(found - bytes);
		return GREETING_FOUND;
	}
	return length == GREETING_NOISE_MAX + GREETING_SIZE ? GREETING_MISSING
							    : GREETING_AWAITED;
}

/* Bytes at which a line ends, or that say nothing at its ends. */
static int is_blank(uint8_t byte)
{
	return byte <= ' ';
}

char *greeting_quote_noise(const uint8_t *bytes, size_t length)
{
	size_t start = 0, end;
	char *quoted;
	int cut;

	while (start < length && is_blank(bytes[start]))
		start++;
	for (end = start; end < length && bytes[end] != '\n' &&
			  bytes[end] != '\r' && bytes[end] != '\0';)
		end++;
	while (end > start && is_blank(bytes[end - 1]))
		end--;
	if (end == start)
		return NULL;
	cut = end - start > GREETING_SHOWN_MAX;
	if (cut)
		end = start + GREETING_SHOWN_MAX;
	if (asprintf(&quoted, "\"%.*s%s\"", (int)(end - start),
		     (const char *)bytes + start, cut ? "..." : "") < 0)
		return NULL;
	return quoted;
}
