/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_UNIT_SCRATCH_H
#define FERRY_TESTS_UNIT_SCRATCH_H

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal/io.h"

/*
 * A folder of a test's own on the real disk, and shorthand for what tests put
 * into it and find in it.  Paths are relative to it.  All of it ends the test
 * when it fails.
 */
struct scratch {
	char path[64];
	int dir;
};

#define SCRATCH_TIME 1234567890L
#define SCRATCH_NANO 123456789L

static inline void scratch_make(struct scratch *scratch)
{
	strcpy(scratch->path, "/tmp/ferry-unit-XXXXXX");
	assert_non_null(mkdtemp(scratch->path));
	scratch->dir = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_not_equal(scratch->dir, -1);
}

/* Folders without permissions stop nobody from cleaning up. */
static inline void scratch_remove(struct scratch *scratch)
{
	char command[200];

	close(scratch->dir);
	snprintf(command, sizeof(command),
		 "chmod -R u+rwx '%s' 2>/dev/null; rm -rf '%s'", scratch->path,
		 scratch->path);
	assert_int_equal(system(command), 0);
}

static inline void scratch_folder(struct scratch *scratch, const char *path)
{
	assert_int_equal(mkdirat(scratch->dir, path, 0755), 0);
}

static inline void scratch_write(struct scratch *scratch, const char *path,
				 const void *bytes, size_t size)
{
	int file = openat(scratch->dir, path,
			  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_not_equal(file, -1);
	assert_int_equal(write(file, bytes, size), size);
	close(file);
}

static inline void scratch_text(struct scratch *scratch, const char *path,
				const char *text)
{
	scratch_write(scratch, path, text, strlen(text));
}

static inline void scratch_times(struct scratch *scratch, const char *path,
				 long seconds, long nanoseconds)
{
	struct timespec times[2] = {{0, UTIME_OMIT}, {seconds, nanoseconds}};

	assert_int_equal(
	    utimensat(scratch->dir, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static inline struct stat scratch_stat(struct scratch *scratch,
				       const char *path)
{
	struct stat status;

	assert_int_equal(
	    fstatat(scratch->dir, path, &status, AT_SYMLINK_NOFOLLOW), 0);
	return status;
}

static inline int scratch_exists(struct scratch *scratch, const char *path)
{
	struct stat status;

	return fstatat(scratch->dir, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The file has exactly these bytes. */
static inline void scratch_holds(struct scratch *scratch, const char *path,
				 const void *bytes, size_t size)
{
	char *buffer = malloc(size + 2);
	int file = openat(scratch->dir, path, O_RDONLY | O_CLOEXEC);
	size_t done = 0;
	ssize_t count;

	assert_non_null(buffer);
	assert_int_not_equal(file, -1);
	while ((count = read(file, buffer + done, size + 1 - done)) > 0)
		done += (size_t)count;
	close(file);
	assert_int_equal(done, size);
	assert_memory_equal(buffer, bytes, size);
	free(buffer);
}

/* size bytes that differ from seed to seed and from place to place. */
static inline uint8_t *scratch_bytes(size_t size, unsigned seed)
{
	uint8_t *bytes = malloc(size + 1);
	uint64_t state = seed * 0x9e3779b97f4a7c15U + 1;

	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++) {
		state = state * 6364136223846793005U + 1442695040888963407U;
		bytes[i] = (uint8_t)(state >> 56);
	}
	return bytes;
}

/* Root is stopped by no permission: be somebody else for a while.  The folder
 * becomes theirs. */
#define SCRATCH_NOBODY 65534
static inline void scratch_plain_user(struct scratch *scratch)
{
	char command[200];

	if (geteuid() != 0)
		return;
	snprintf(command, sizeof(command), "chown -R %d '%s'", SCRATCH_NOBODY,
		 scratch->path);
	assert_int_equal(system(command), 0);
	assert_int_equal(seteuid(SCRATCH_NOBODY), 0);
}

static inline void scratch_self_again(void)
{
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

/*
 * A chain of folders, each in the one before, so deep that no path of
 * PATH_MAX leads to its end, and the file "end" in the last.  *path is
 * malloc'd: the whole of it.
 */
static inline void scratch_deep(struct scratch *scratch, unsigned depth,
				char **path)
{
	static const char name[] = "a-folder-whose-name-has-30-bytes";
	size_t step = sizeof(name), used = 0;
	int dir = dup(scratch->dir), next, file;

	*path = malloc(step * depth + 8);
	assert_non_null(*path);
	for (unsigned i = 0; i < depth; i++) {
		assert_int_equal(mkdirat(dir, name, 0755), 0);
		next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_int_not_equal(next, -1);
		close(dir);
		dir = next;
		memcpy(*path + used, name, step - 1);
		used += step - 1;
		(*path)[used++] = '/';
	}
	file = openat(dir, "end", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_not_equal(file, -1);
	assert_int_equal(write(file, "deep", 4), 4);
	close(file);
	close(dir);
	strcpy(*path + used, "end");
}

#endif
