/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: the protocol's beginning is found behind whatever a shell's start-up
 * printed, however the bytes are cut up in reading; and what was printed can be
 * shown if it never comes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transfer/greeting.h"
#include "transfer/message.h"

static const uint8_t nonce[16] = "nonce-of-16-byte";

#define MOST (GREETING_NOISE_MAX + GREETING_SIZE + 100)

/* noise bytes of something, then a HELLO.  malloc'd; *size of both. */
static uint8_t *stream(size_t noise, const uint8_t used[16], size_t *size)
{
	uint8_t *bytes = malloc(noise + MOST);
	struct message_hello hello = {.version_lowest = 1,
				      .version_highest = 9};
	struct frame *frame;

	assert_non_null(bytes);
	memcpy(hello.nonce, used, 16);
	frame = message_hello_encode(&hello);
	frame_seal(frame);
	for (size_t i = 0; i < noise; i++)
		bytes[i] = (uint8_t) "motd nonce-of-1\n"[i % 16];
	*size = noise + FRAME_HEADER_SIZE + frame->body_length;
	memcpy(bytes + noise, frame->bytes, *size - noise);
	frame_free(frame);
	return bytes;
}

/* Byte by byte, as reads may bring it. */
static void found_behind(size_t noise)
{
	size_t size, offset;
	uint8_t *bytes = stream(noise, nonce, &size);

	for (size_t length = noise > 300 ? noise - 300 : 0; length <= size;
	     length++) {
		enum greeting greeting =
		    greeting_find(bytes, length, nonce, &offset);

		if (length < noise + GREETING_SIZE) {
			assert_int_equal(greeting, GREETING_AWAITED);
			continue;
		}
		assert_int_equal(greeting, GREETING_FOUND);
		assert_int_equal(offset, noise);
	}
	free(bytes);
}

static void found_behind_any_noise(void **state)
{
	(void)state;
	found_behind(0);
	found_behind(1);
	found_behind(16);
	found_behind(1000);
	found_behind(GREETING_NOISE_MAX - 1);
	found_behind(GREETING_NOISE_MAX);
}

static void too_much_noise(void **state)
{
	size_t size, offset;
	uint8_t *bytes = stream(GREETING_NOISE_MAX + 1, nonce, &size);

	(void)state;
	assert_int_equal(greeting_find(bytes, size, nonce, &offset),
			 GREETING_MISSING);
	/* As soon as it is certain, and not before. */
	assert_int_equal(greeting_find(bytes,
				       GREETING_NOISE_MAX + GREETING_SIZE - 1,
				       nonce, &offset),
			 GREETING_AWAITED);
	assert_int_equal(greeting_find(bytes,
				       GREETING_NOISE_MAX + GREETING_SIZE,
				       nonce, &offset),
			 GREETING_MISSING);
	free(bytes);
}

/* An old agent's, or what the shell echoes. */
static void another_nonce_is_noise(void **state)
{
	static const uint8_t other[16] = "nonce-of-16-bytE";
	size_t first, second, offset;
	uint8_t *bytes = stream(10, other, &first);
	uint8_t *ours = stream(0, nonce, &second);

	(void)state;
	assert_int_equal(greeting_find(bytes, first, nonce, &offset),
			 GREETING_AWAITED);
	memcpy(bytes + first, nonce, 16); /* the nonce alone is none either */
	assert_int_equal(greeting_find(bytes, first + 16, nonce, &offset),
			 GREETING_AWAITED);
	memcpy(bytes + first + 16, ours, second);
	assert_int_equal(
	    greeting_find(bytes, first + 16 + second, nonce, &offset),
	    GREETING_FOUND);
	assert_int_equal(offset, first + 16);
	free(bytes);
	free(ours);
}

static void quoted(const char *noise, size_t length, const char *expected)
{
	char *text = greeting_quote_noise((const uint8_t *)noise, length);

	if (expected == NULL)
		assert_null(text);
	else
		assert_string_equal(text, expected);
	free(text);
}
#define QUOTED(noise, expected) quoted(noise, sizeof(noise) - 1, expected)

static void noise_is_quoted(void **state)
{
	char line[GREETING_SHOWN_MAX + 2];
	char shown[GREETING_SHOWN_MAX + 10];

	(void)state;
	QUOTED("", NULL);
	QUOTED(" \r\n\t\n", NULL);
	QUOTED("\n\n  bash: ferry: command not found \r\nmore\n",
	       "\"bash: ferry: command not found\"");
	QUOTED("no newline", "\"no newline\"");
	QUOTED("a\0b", "\"a\"");
	QUOTED("\0\0x", "\"x\"");
	QUOTED("a \x1b[31mred", "\"a \x1b[31mred\"");
	memset(line, 'x', sizeof(line));
	snprintf(shown, sizeof(shown), "\"%.*s\"", GREETING_SHOWN_MAX, line);
	quoted(line, GREETING_SHOWN_MAX, shown);
	snprintf(shown, sizeof(shown), "\"%.*s...\"", GREETING_SHOWN_MAX, line);
	quoted(line, GREETING_SHOWN_MAX + 1, shown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(found_behind_any_noise),
	    cmocka_unit_test(too_much_noise),
	    cmocka_unit_test(another_nonce_is_noise),
	    cmocka_unit_test(noise_is_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
