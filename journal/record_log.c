/* SPDX-License-Identifier: BSD-2-Clause */
/* How records are written. */
#include "journal/record_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "journal/little_endian.h"
#include "journal/record_format.h"

/* So much may wait for the commit in memory; what is more is written before:
 * it does not count without its commit marker. */
#define BUFFER_MAX ((size_t)256 << 10)

struct record_log {
	struct io *io;
	int dir; /* until it is published, else -1 */
	char *name;
	char *new_name;
	int descriptor;
	uint64_t epoch;
	uint32_t group;
	uint32_t previous;
	uint64_t sequence;
	uint64_t committed; /* bytes */
	uint64_t written;   /* bytes, of this group too */
	uint8_t *buffer;
	size_t used;
	size_t capacity;
	int pending; /* records since the last commit */
	int failed;  /* errno of the first failure */
};

uint64_t record_check(uint64_t epoch, const uint8_t *header,
		      const uint8_t *body, size_t padded)
{
	uint64_t check = XXH3_64bits_withSeed(header, 24, epoch);

	return XXH3_64bits_withSeed(body, padded, check);
}

static void put_header(uint8_t bytes[LOG_HEADER_SIZE],
		       const struct record_header *header)
{
	memset(bytes, 0, LOG_HEADER_SIZE);
	memcpy(bytes, LOG_MAGIC, 8);
	put_u32(bytes + 8, LOG_VERSION);
	put_u32(bytes + 12, header->session);
	memcpy(bytes + 16, header->uuid, 16);
	put_u64(bytes + 32, header->epoch);
	put_u64(bytes + 56, XXH3_64bits(bytes, 56));
}

/*
 * The folder, which the names are relative to, and the new file.  Whatever bore
 * its name goes first: a crash may have left it, or it may be a link or a pipe
 * that somebody wants us to write to.  0, or -1 with errno.
 */
static int open_files(struct record_log *log, int dir,
		      const struct record_header *header)
{
	uint8_t bytes[LOG_HEADER_SIZE];

	log->dir = io_open_beneath(log->io, dir, "",
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (log->dir == -1 || io_remove_tree(log->io, dir, log->new_name) == -1)
		return -1;
	log->descriptor =
	    io_open_beneath(log->io, dir, log->new_name,
			    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (log->descriptor == -1)
		return -1;
	put_header(bytes, header);
	log->previous = (uint32_t)get_u64(bytes + 56);
	log->written = LOG_HEADER_SIZE;
	return io_write(log->io, log->descriptor, bytes, sizeof(bytes), 0);
}

struct record_log *record_log_create(struct io *io, int dir, const char *name,
				     struct record_header *header)
{
	struct record_log *log = calloc(1, sizeof(*log));
	int error;

	if (log == NULL)
		return NULL;
	log->io = io;
	log->dir = -1;
	log->descriptor = -1;
	log->name = strdup(name);
	if (log->name == NULL ||
	    asprintf(&log->new_name, "%s.new", name) == -1) {
		log->new_name = NULL;
		errno = ENOMEM;
		goto close_log;
	}
	if (io->random(io->context, &header->epoch, sizeof(header->epoch)) ==
	    -1)
		goto close_log;
	log->epoch = header->epoch;
	if (open_files(log, dir, header) == -1)
		goto close_log;
	return log;

close_log:
	error = errno;
	record_log_close(log);
	errno = error;
	return NULL;
}

static int fail(struct record_log *log)
{
	if (log->failed == 0)
		log->failed = errno;
	errno = log->failed;
	return -1;
}

static int write_buffer(struct record_log *log)
{
	if (log->used > 0 && io_write(log->io, log->descriptor, log->buffer,
				      log->used, (off_t)log->written) == -1)
		return fail(log);
	log->written += log->used;
	log->used = 0;
	return 0;
}

/* Room for size bytes at the end of the buffer. */
static int reserve(struct record_log *log, size_t size)
{
	size_t capacity = log->capacity == 0 ? 4096 : log->capacity;
	uint8_t *buffer;

	if (log->used > 0 && log->used + size > BUFFER_MAX &&
	    write_buffer(log) == -1)
		return -1;
	while (capacity < log->used + size)
		capacity *= 2;
	if (capacity == log->capacity)
		return 0;
	buffer = realloc(log->buffer, capacity);
	if (buffer == NULL)
		return -1;
	log->buffer = buffer;
	log->capacity = capacity;
	return 0;
}

static int append(struct record_log *log, uint8_t type, const void *body,
		  size_t length)
{
	size_t padded = record_padded(length);
	uint8_t *header;
	uint64_t check;

	if (log->failed != 0)
		return fail(log);
	if (reserve(log, RECORD_HEADER_SIZE + padded) == -1)
		return -1;
	header = log->buffer + log->used;
	memset(header, 0, RECORD_HEADER_SIZE);
	put_u32(header, (uint32_t)length);
	header[4] = type;
	put_u32(header + 8, log->group);
	put_u32(header + 12, log->previous);
	put_u64(header + 16, log->sequence);
	if (padded > 0) {
		memset(header + RECORD_HEADER_SIZE + padded - 8, 0, 8);
		memcpy(header + RECORD_HEADER_SIZE, body, length);
	}
	check = record_check(log->epoch, header, header + RECORD_HEADER_SIZE,
			     padded);
	put_u64(header + 24, check);
	log->previous = (uint32_t)check;
	log->sequence++;
	log->used += RECORD_HEADER_SIZE + padded;
	return 0;
}

int record_log_append(struct record_log *log, uint8_t type, const void *body,
		      size_t length)
{
	if (length > RECORD_BODY_MAX || type == 0 || type == RECORD_COMMIT) {
		errno = EMSGSIZE;
		return -1;
	}
	if (append(log, type, body, length) == -1)
		return -1;
	log->pending = 1;
	return 0;
}

/* Also a group of no records: a published file has at least one. */
static int commit(struct record_log *log)
{
	if (append(log, RECORD_COMMIT, NULL, 0) == -1)
		return fail(log);
	if (write_buffer(log) == -1)
		return -1;
	if (io_sync_data(log->io, log->descriptor) == -1)
		return fail(log);
	log->committed = log->written;
	log->group++;
	log->pending = 0;
	return 0;
}

int record_log_commit(struct record_log *log)
{
	if (log->failed != 0)
		return fail(log);
	return log->pending ? commit(log) : 0;
}

int record_log_publish(struct record_log *log)
{
	struct io *io = log->io;

	if (log->failed != 0 || commit(log) == -1)
		return fail(log);
	if (io->rename_at(io->context, log->dir, log->new_name, log->dir,
			  log->name) == -1 ||
	    io_sync(io, log->dir) == -1)
		return fail(log);
	io_close(io, log->dir);
	log->dir = -1;
	return 0;
}

uint64_t record_log_size(const struct record_log *log)
{
	return log->committed;
}

void record_log_close(struct record_log *log)
{
	if (log == NULL)
		return;
	io_close(log->io, log->descriptor);
	io_close(log->io, log->dir);
	free(log->buffer);
	free(log->new_name);
	free(log->name);
	free(log);
}
