/* SPDX-License-Identifier: BSD-2-Clause */
/* What this end knows to have been committed. */
#include "journal/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/little_endian.h"
#include "journal/record_log.h"
#include "journal/uuid.h"

#define LEDGER_FOLDER       "ledger"
#define LEDGER_RECEIPT      1
/* size, mtime: 8 each; nanoseconds: 4, and 4 of zero; digest: 16; the path. */
#define RECEIPT_HEADER_SIZE 40

struct ledger {
	struct record_log *log;
	int opened; /* the log is in its place */
};

/* "<uuid>.received" is the longest. */
#define LEDGER_NAME_SIZE (UUID_TEXT_SIZE + 9)

static void format_name(const uint8_t uuid[16], enum ledger_side side,
			char name[LEDGER_NAME_SIZE])
{
	uuid_format(uuid, name);
	strcat(name, side == LEDGER_SENT ? ".sent" : ".received");
}

static int open_folder(struct io *io, int state_dir)
{
	int folder = io_open_beneath(io, state_dir, LEDGER_FOLDER,
				     O_RDONLY | O_DIRECTORY, 0);

	if (folder != -1 || errno != ENOENT)
		return folder;
	if (io->make_dir_at(io->context, state_dir, LEDGER_FOLDER, 0700) ==
		-1 &&
	    errno != EEXIST)
		return -1;
	if (io_sync(io, state_dir) == -1)
		return -1;
	return io_open_beneath(io, state_dir, LEDGER_FOLDER,
			       O_RDONLY | O_DIRECTORY, 0);
}

/* What the log that was there goes on in. */
struct carrying {
	struct record_log *log;
	const uint8_t *uuid;
	struct record_header old;
};

static int is_receipt(uint8_t type, size_t length)
{
	if (type == LEDGER_RECEIPT && length >= RECEIPT_HEADER_SIZE)
		return 1;
	errno = EBADMSG;
	return 0;
}

/* A log that was renamed proves nothing for the transfer whose name it has. */
static int is_of_transfer(const struct record_header *header,
			  const uint8_t uuid[16])
{
	if (memcmp(header->uuid, uuid, sizeof(header->uuid)) == 0)
		return 1;
	errno = EBADMSG;
	return 0;
}

static int carry_record(void *cookie, uint8_t type, const uint8_t *body,
			size_t length)
{
	struct carrying *carrying = cookie;

	if (!is_receipt(type, length) ||
	    !is_of_transfer(&carrying->old, carrying->uuid))
		return -1;
	return record_log_append(carrying->log, type, body, length);
}

/* The log is written anew, with what the old one had. */
static int begin(struct ledger *ledger, struct io *io, int folder,
		 const uint8_t uuid[16], enum ledger_side side)
{
	char name[LEDGER_NAME_SIZE], bad[LEDGER_NAME_SIZE + 4];
	struct record_header header = {0};
	struct carrying carrying = {.uuid = uuid};
	enum record_replay_result result;

	format_name(uuid, side, name);
	memcpy(header.uuid, uuid, sizeof(header.uuid));
	ledger->log = record_log_create(io, folder, name, &header);
	if (ledger->log == NULL)
		return -1;
	carrying.log = ledger->log;
	result = record_log_replay(io, folder, name, &carrying.old,
				   carry_record, &carrying);
	if (result == RECORD_REPLAY_ERROR && errno == EBADMSG)
		result = RECORD_REPLAY_CORRUPT;
	if (result == RECORD_REPLAY_ERROR && errno != ENOENT)
		return -1;
	if (result == RECORD_REPLAY_CORRUPT) {
		/* Kept for people: a ledger is evidence. */
		snprintf(bad, sizeof(bad), "%s.bad", name);
		if (io->rename_at(io->context, folder, name, folder, bad) == -1)
			return -1;
	}
	if (record_log_publish(ledger->log) == -1)
		return -1;
	ledger->opened = 1;
	return 0;
}

struct ledger *ledger_open(struct io *io, int state_dir, const uint8_t uuid[16],
			   enum ledger_side side)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));
	int folder, error;

	if (ledger == NULL)
		return NULL;
	folder = open_folder(io, state_dir);
	if (folder == -1 || begin(ledger, io, folder, uuid, side) == -1) {
		error = errno;
		ledger_close(ledger);
		ledger = NULL;
		errno = error;
	}
	io_close(io, folder);
	return ledger;
}

int ledger_add(struct ledger *ledger, const struct ledger_receipt *receipt)
{
	size_t length = RECEIPT_HEADER_SIZE + receipt->path_length;
	uint8_t *body = malloc(length);
	int result;

	if (body == NULL)
		return -1;
	put_u64(body, receipt->size);
	put_u64(body + 8, (uint64_t)receipt->mtime_seconds);
	put_u32(body + 16, receipt->mtime_nanoseconds);
	put_u32(body + 20, 0);
	memcpy(body + 24, receipt->digest.bytes, sizeof(receipt->digest.bytes));
	memcpy(body + RECEIPT_HEADER_SIZE, receipt->path, receipt->path_length);
	result = record_log_append(ledger->log, LEDGER_RECEIPT, body, length);
	free(body);
	return result;
}

int ledger_sync(struct ledger *ledger)
{
	return record_log_commit(ledger->log);
}

void ledger_close(struct ledger *ledger)
{
	if (ledger == NULL)
		return;
	if (ledger->log != NULL && ledger->opened)
		record_log_commit(ledger->log);
	record_log_close(ledger->log);
	free(ledger);
}

/* ---- reading ---- */

struct reading {
	int (*each)(void *, const struct ledger_receipt *);
	void *cookie;
	int result; /* what each returned */
	const uint8_t *uuid;
	struct record_header header;
};

static int read_record(void *cookie, uint8_t type, const uint8_t *body,
		       size_t length)
{
	struct reading *reading = cookie;
	struct ledger_receipt receipt;

	if (!is_receipt(type, length) ||
	    !is_of_transfer(&reading->header, reading->uuid))
		return -1;
	receipt.size = get_u64(body);
	receipt.mtime_seconds = (int64_t)get_u64(body + 8);
	receipt.mtime_nanoseconds = get_u32(body + 16);
	memcpy(receipt.digest.bytes, body + 24, sizeof(receipt.digest.bytes));
	receipt.path = (const char *)body + RECEIPT_HEADER_SIZE;
	receipt.path_length = length - RECEIPT_HEADER_SIZE;
	reading->result = reading->each(reading->cookie, &receipt);
	return reading->result == 0 ? 0 : -1;
}

int ledger_read(struct io *io, int state_dir, const uint8_t uuid[16],
		enum ledger_side side,
		int (*each)(void *cookie, const struct ledger_receipt *),
		void *cookie)
{
	struct reading reading = {.each = each, .cookie = cookie, .uuid = uuid};
	enum record_replay_result result;
	char name[LEDGER_NAME_SIZE];
	int folder;

	folder = io_open_beneath(io, state_dir, LEDGER_FOLDER,
				 O_RDONLY | O_DIRECTORY, 0);
	if (folder == -1)
		return -1;
	format_name(uuid, side, name);
	result = record_log_replay(io, folder, name, &reading.header,
				   read_record, &reading);
	io_close(io, folder);
	if (result == RECORD_REPLAY_CORRUPT) {
		errno = EBADMSG;
		return -1;
	}
	if (result == RECORD_REPLAY_ERROR)
		return reading.result != 0 ? reading.result : -1;
	return 0;
}
