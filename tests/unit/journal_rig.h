/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_UNIT_JOURNAL_RIG_H
#define FERRY_TESTS_UNIT_JOURNAL_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "journal/io.h"
#include "tests/sim/disk.h"
#include "tests/sim/fail_io.h"

/*
 * A folder on a virtual disk for a journal to be in, and its files' bytes.
 * All of it ends the test when it fails.
 */
struct rig {
	struct disk *disk;
	struct io *io;
	int dir;
};

static inline void rig_make(struct rig *rig, uint64_t seed)
{
	struct dice dice;

	dice_init(&dice, seed, 0);
	rig->disk = disk_create(1, dice);
	rig->io = disk_io(rig->disk);
	assert_int_equal(
	    rig->io->make_dir_at(rig->io->context, AT_FDCWD, "d", 0700), 0);
	disk_settle(rig->disk);
	rig->dir =
	    io_open_beneath(rig->io, AT_FDCWD, "d", O_RDONLY | O_DIRECTORY, 0);
	assert_int_not_equal(rig->dir, -1);
}

static inline void rig_free(struct rig *rig)
{
	io_close(rig->io, rig->dir);
	assert_null(disk_misuse(rig->disk));
	disk_free(rig->disk);
}

/* After disk_crash or disk_kill: the folder is opened again. */
static inline void rig_return(struct rig *rig)
{
	rig->dir =
	    io_open_beneath(rig->io, AT_FDCWD, "d", O_RDONLY | O_DIRECTORY, 0);
	assert_int_not_equal(rig->dir, -1);
}

/* All bytes of a file, malloc'd. */
static inline uint8_t *rig_read(struct rig *rig, const char *name, size_t *size)
{
	int file = io_open_beneath(rig->io, rig->dir, name, O_RDONLY, 0);
	struct stat status;
	uint8_t *bytes;

	assert_int_not_equal(file, -1);
	assert_int_equal(rig->io->stat(rig->io->context, file, &status), 0);
	*size = (size_t)status.st_size;
	bytes = malloc(*size + 1);
	assert_non_null(bytes);
	assert_int_equal(io_read(rig->io, file, bytes, *size, 0), *size);
	io_close(rig->io, file);
	return bytes;
}

static inline void rig_write(struct rig *rig, const char *name,
			     const void *bytes, size_t size)
{
	int file = io_open_beneath(rig->io, rig->dir, name,
				   O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_not_equal(file, -1);
	assert_int_equal(io_write(rig->io, file, bytes, size, 0), 0);
	io_close(rig->io, file);
}

static inline int rig_exists(struct rig *rig, const char *name)
{
	struct stat status;

	return rig->io->stat_at(rig->io->context, rig->dir, name, &status) == 0;
}

static inline void rig_flip(uint8_t *bytes, size_t bit)
{
	bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

#endif
