/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_SIM_ONE_FILE_H
#define FERRY_TESTS_SIM_ONE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "journal/io.h"

/*
 * A struct io for readers, under which every name is that of one file, or of a
 * folder where one is asked for.  The bytes are the caller's, who may change
 * them, and their number, between two reads: much quicker than a disk.
 */
struct one_file {
	struct io io;
	const uint8_t *bytes;
	size_t size;
	unsigned open; /* descriptors */
};

void one_file_init(struct one_file *, const uint8_t *bytes, size_t size);

#endif
