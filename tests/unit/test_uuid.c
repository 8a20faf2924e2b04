/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: each transfer gets a name of its own, which is written and read in one
 * form only. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "journal/uuid.h"

/* A table of a wall clock and of random numbers that are none. */
struct fixed {
	struct io io;
	int64_t wall;
	uint8_t random;
	int fails;
};

static int64_t fixed_wall(void *context)
{
	return ((struct fixed *)context)->wall;
}

static int fixed_random(void *context, void *buffer, size_t size)
{
	const struct fixed *fixed = context;

	memset(buffer, fixed->random, size);
	if (fixed->fails)
		errno = EIO;
	return fixed->fails ? -1 : 0;
}

static void fixed_init(struct fixed *fixed, int64_t wall, uint8_t random)
{
	memset(fixed, 0, sizeof(*fixed));
	fixed->io.context = fixed;
	fixed->io.wall = fixed_wall;
	fixed->io.random = fixed_random;
	fixed->wall = wall;
	fixed->random = random;
}

static void it_is_of_version_7(void **state)
{
	char text[UUID_TEXT_SIZE];
	struct fixed fixed;
	uint8_t uuid[16];

	(void)state;
	/* The example of RFC 9562, appendix A.6, but for milliseconds. */
	fixed_init(&fixed, 1645557742, 0xff);
	assert_int_equal(uuid_create(&fixed.io, uuid), 0);
	uuid_format(uuid, text);
	assert_string_equal(text, "017f22e2-79b0-7fff-bfff-ffffffffffff");
	fixed_init(&fixed, 0, 0);
	assert_int_equal(uuid_create(&fixed.io, uuid), 0);
	uuid_format(uuid, text);
	assert_string_equal(text, "00000000-0000-7000-8000-000000000000");
	/* No decision depends on a clock that is wrong. */
	fixed_init(&fixed, -5, 0);
	assert_int_equal(uuid_create(&fixed.io, uuid), 0);
	fixed.fails = 1;
	assert_int_equal(uuid_create(&fixed.io, uuid), -1);
	assert_int_equal(errno, EIO);
}

static void no_two_are_alike(void **state)
{
	uint8_t uuids[500][16];

	(void)state;
	for (size_t i = 0; i < 500; i++) {
		assert_int_equal(uuid_create(io_system(), uuids[i]), 0);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(uuids[i], uuids[k], 16);
	}
}

static void it_is_written_and_read(void **state)
{
	static const char good[] = "01234567-89ab-cdef-0123-456789abcdef";
	uint8_t uuid[16], again[16];
	char text[UUID_TEXT_SIZE + 1];

	(void)state;
	assert_int_equal(uuid_parse(good, uuid), 0);
	assert_memory_equal(uuid,
			    "\x01\x23\x45\x67\x89\xab\xcd\xef"
			    "\x01\x23\x45\x67\x89\xab\xcd\xef",
			    16);
	uuid_format(uuid, text);
	assert_string_equal(text, good);
	assert_int_equal(
	    uuid_parse("01234567-89AB-CDEF-0123-456789ABCDEF", again), 0);
	assert_memory_equal(uuid, again, 16);
	/* Any byte that is wrong, missing, or too many. */
	for (size_t i = 0; i < 36; i++) {
		strcpy(text, good);
		text[i] = text[i] == '-' ? '0' : '-';
		assert_int_equal(uuid_parse(text, again), -1);
		text[i] = 'g';
		assert_int_equal(uuid_parse(text, again), -1);
		text[i] = '\0';
		assert_int_equal(uuid_parse(text, again), -1);
	}
	strcpy(text, good);
	strcat(text, "0");
	assert_int_equal(uuid_parse(text, again), -1);
	assert_int_equal(uuid_parse("", again), -1);
	assert_int_equal(
	    uuid_parse("{01234567-89ab-cdef-0123-456789abcdef}", again), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_is_of_version_7),
	    cmocka_unit_test(no_two_are_alike),
	    cmocka_unit_test(it_is_written_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
