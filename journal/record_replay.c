/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How records are read again: where is the journal replayed.
 *
 * The file is read twice.  The first pass finds the end of the last committed
 * group, and judges what comes after it; the second tells the visitor.
 *
 * A crash leaves any part of the last group that was being written, later
 * pages perhaps without earlier ones.  All before it had been synced.  So a
 * bad record is a torn tail as long as no valid record of a later group is
 * found after it; and the first group, which was synced before the file got
 * its name, is never torn.
 *
 * The file may hold anything, made to hurt us: memory is one window, and the
 * search for later groups hashes no more than a fixed multiple of the file.
 */
#include "journal/record_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "journal/little_endian.h"
#include "journal/record_format.h"

/* A search that hashed so much, and so many times what it passed over, was led
 * astray on purpose. */
#define SEARCH_FREE  ((uint64_t)64 << 20)
#define SEARCH_TIMES 4

#define WINDOW_SIZE                                                            \
	(2 * (RECORD_HEADER_SIZE + RECORD_BODY_MAX + LOG_HEADER_SIZE))

struct reader {
	struct io *io;
	int descriptor;
	uint64_t epoch;
	uint32_t header_check;
	uint8_t *window; /* a part of the file */
	uint64_t start;
	size_t length;
	size_t capacity; /* of the window */
	uint64_t end;    /* of the file */
	uint64_t hashed; /* bytes */
	int failed;      /* a read failed; errno */
};

/* Where the next record is, and what it must say. */
struct cursor {
	uint64_t offset;
	uint64_t sequence;
	uint32_t group;
	uint32_t previous;
};

struct record {
	uint8_t type;
	uint32_t group;
	uint32_t previous;
	uint32_t check; /* low half */
	uint64_t sequence;
	const uint8_t *body; /* valid until the next record is looked at */
	size_t length;
	size_t size; /* in the file */
};

/* size bytes at offset; NULL: the file ends before, or cannot be read. */
static const uint8_t *look(struct reader *reader, uint64_t offset, size_t size)
{
	ssize_t count;

	if (reader->failed || size > reader->end || offset > reader->end - size)
		return NULL;
	if (offset < reader->start ||
	    offset + size > reader->start + reader->length) {
		count = io_read(reader->io, reader->descriptor, reader->window,
				reader->capacity, (off_t)offset);
		reader->start = offset;
		reader->length = count == -1 ? 0 : (size_t)count;
		if (count == -1)
			reader->failed = 1;
	}
	if (size > reader->length - (size_t)(offset - reader->start))
		return NULL;
	return reader->window + (offset - reader->start);
}

/* A record that is valid by itself, wherever it stands.  1 or 0. */
static int parse(struct reader *reader, uint64_t offset, struct record *record)
{
	const uint8_t *header = look(reader, offset, RECORD_HEADER_SIZE);
	size_t padded;
	uint64_t check;

	if (header == NULL)
		return 0;
	record->length = get_u32(header);
	if (record->length > RECORD_BODY_MAX || header[4] == 0)
		return 0;
	padded = record_padded(record->length);
	record->size = RECORD_HEADER_SIZE + padded;
	header = look(reader, offset, record->size);
	if (header == NULL)
		return 0;
	reader->hashed += record->size;
	check = get_u64(header + 24);
	if (check != record_check(reader->epoch, header,
				  header + RECORD_HEADER_SIZE, padded))
		return 0;
	record->type = header[4];
	record->group = get_u32(header + 8);
	record->previous = get_u32(header + 12);
	record->sequence = get_u64(header + 16);
	record->check = (uint32_t)check;
	record->body = header + RECORD_HEADER_SIZE;
	return 1;
}

/* The record that belongs here.  1 and the cursor moved on, or 0. */
static int next(struct reader *reader, struct cursor *cursor,
		struct record *record)
{
	if (!parse(reader, cursor->offset, record) ||
	    record->group != cursor->group ||
	    record->sequence != cursor->sequence ||
	    record->previous != cursor->previous)
		return 0;
	cursor->offset += record->size;
	cursor->sequence++;
	cursor->previous = record->check;
	cursor->group += record->type == RECORD_COMMIT;
	return 1;
}

/* 1 if a valid record of a later group than group is found from offset on, or
 * if the search would take too long. */
static int has_later_group(struct reader *reader, uint64_t offset,
			   uint32_t group)
{
	uint64_t start = offset;
	struct record record;

	reader->hashed = 0;
	while (look(reader, offset, RECORD_HEADER_SIZE) != NULL) {
		if (!parse(reader, offset, &record))
			offset += 8;
		else if (record.group > group)
			return 1;
		else
			offset += record.size;
		if (reader->hashed >
		    SEARCH_FREE + SEARCH_TIMES * (offset - start))
			return 1;
	}
	return 0;
}

static struct cursor beginning(const struct reader *reader)
{
	struct cursor cursor = {.offset = LOG_HEADER_SIZE};

	cursor.previous = reader->header_check;
	return cursor;
}

/* The first pass: *end is set behind the last committed group. */
static enum record_replay_result judge(struct reader *reader, uint64_t *end)
{
	enum record_replay_result result = RECORD_REPLAY_TORN;
	struct cursor cursor = beginning(reader);
	struct record record;

	*end = LOG_HEADER_SIZE;
	while (next(reader, &cursor, &record)) {
		if (record.type == RECORD_COMMIT)
			*end = cursor.offset;
	}
	if (look(reader, *end, 1) == NULL)
		result = RECORD_REPLAY_CLEAN;
	else if (has_later_group(reader, cursor.offset, cursor.group))
		result = RECORD_REPLAY_CORRUPT;
	if (reader->failed)
		return RECORD_REPLAY_ERROR;
	return cursor.group == 0 ? RECORD_REPLAY_CORRUPT : result;
}

/* The second pass. */
static int visit_all(struct reader *reader, uint64_t end, record_visit *visit,
		     void *cookie)
{
	struct cursor cursor = beginning(reader);
	struct record record;

	while (cursor.offset < end) {
		if (!next(reader, &cursor, &record)) {
			if (!reader->failed)
				errno = EBADMSG; /* it changed meanwhile */
			return -1;
		}
		if (record.type != RECORD_COMMIT &&
		    visit(cookie, record.type, record.body, record.length) != 0)
			return -1;
	}
	return 0;
}

/* 1, 0 if it is none, -1 if it cannot be read. */
static int read_header(struct reader *reader, struct record_header *header)
{
	const uint8_t *bytes = look(reader, 0, LOG_HEADER_SIZE);

	if (bytes == NULL)
		return reader->failed ? -1 : 0;
	if (memcmp(bytes, LOG_MAGIC, 8) != 0 ||
	    get_u32(bytes + 8) != LOG_VERSION ||
	    get_u64(bytes + 56) != XXH3_64bits(bytes, 56))
		return 0;
	header->session = get_u32(bytes + 12);
	memcpy(header->uuid, bytes + 16, sizeof(header->uuid));
	header->epoch = get_u64(bytes + 32);
	reader->epoch = header->epoch;
	reader->header_check = (uint32_t)get_u64(bytes + 56);
	return 1;
}

static enum record_replay_result replay(struct reader *reader,
					struct record_header *header,
					record_visit *visit, void *cookie)
{
	enum record_replay_result result;
	uint64_t end;

	switch (read_header(reader, header)) {
	case -1:
		return RECORD_REPLAY_ERROR;
	case 0:
		return RECORD_REPLAY_CORRUPT;
	}
	result = judge(reader, &end);
	if ((result == RECORD_REPLAY_CLEAN || result == RECORD_REPLAY_TORN) &&
	    visit_all(reader, end, visit, cookie) == -1)
		return RECORD_REPLAY_ERROR;
	return result;
}

/*
 * Open a file and nothing else.  1; 0, there is something else of that name;
 * -1 with errno.
 */
static int open_file(struct reader *reader, int dir, const char *name)
{
	struct io *io = reader->io;
	struct stat status;

	/* A pipe would wait for who writes to it. */
	reader->descriptor = io_open_beneath(
	    io, dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	if (reader->descriptor == -1)
		return errno == ELOOP || errno == ENXIO ? 0 : -1;
	if (io->stat(io->context, reader->descriptor, &status) == -1)
		return -1;
	if (!S_ISREG(status.st_mode) || status.st_size < 0)
		return 0;
	reader->end = (uint64_t)status.st_size;
	reader->capacity = WINDOW_SIZE;
	if (reader->end < WINDOW_SIZE)
		reader->capacity = (size_t)reader->end + 1;
	return 1;
}

enum record_replay_result record_log_replay(struct io *io, int dir,
					    const char *name,
					    struct record_header *header,
					    record_visit *visit, void *cookie)
{
	struct reader reader = {.io = io};
	enum record_replay_result result = RECORD_REPLAY_ERROR;
	int error;

	memset(header, 0, sizeof(*header));
	switch (open_file(&reader, dir, name)) {
	case 0:
		result = RECORD_REPLAY_CORRUPT;
		break;
	case 1:
		reader.window = malloc(reader.capacity);
		if (reader.window != NULL)
			result = replay(&reader, header, visit, cookie);
	}
	error = errno;
	free(reader.window);
	io_close(io, reader.descriptor);
	errno = error;
	return result;
}
