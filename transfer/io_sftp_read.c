/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading from an SFTP server: what comes next in a file is asked for before
 * it is wanted, up to the size that was seen, in a ring of requests.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/io_sftp_internal.h"

static struct sftp_ahead *ring_at(struct sftp_file *file, size_t i)
{
	return &file->ahead[(file->first + i) % IO_SFTP_AHEAD];
}

static void drop_first(struct sftp_file *file)
{
	struct sftp_ahead *ahead = ring_at(file, 0);

	sftp_wait(ahead->client, &ahead->call);
	free(ahead->bytes);
	ahead->bytes = NULL;
	file->first = (file->first + 1) % IO_SFTP_AHEAD;
	file->count--;
}

void io_sftp_forget_ahead(struct sftp_file *file)
{
	while (file->count > 0)
		drop_first(file);
}

/* Ask for one piece more, of at most size bytes.  0, or -1: no memory. */
static int ask_more(struct io_sftp *store, struct sftp_file *file, size_t size)
{
	const size_t connection = io_sftp_choose(store, file, file->next);
	struct sftp_client *client = store->clients[connection];
	const size_t most = sftp_client_read_max(client);
	struct sftp_ahead *ahead = ring_at(file, file->count);
	struct sftp_writer body;

	if (size > most)
		size = most;
	ahead->bytes = malloc(size);
	if (ahead->bytes == NULL)
		return -1;
	memset(&ahead->call, 0, sizeof(ahead->call));
	ahead->call.expect = SFTP_DATA;
	ahead->call.cost = size;
	ahead->client = client;
	ahead->call.room = ahead->bytes;
	ahead->call.size = size;
	ahead->offset = file->next;
	file->next += size;
	file->count++;
	io_sftp_begin(&body, file, connection);
	sftp_put_u64(&body, ahead->offset);
	sftp_put_u32(&body, (uint32_t)size);
	sftp_send(client, &ahead->call, SFTP_READ, &body, NULL, 0);
	return 0;
}

/*
 * Have requests out for size bytes at offset, and, where the file is read from
 * its beginning to its end, for what follows.
 */
static int ask_ahead(struct io_sftp *store, struct sftp_file *file,
		     uint64_t offset, size_t size)
{
	uint64_t end = offset + size;

	if (offset == file->read && file->known_size != UINT64_MAX)
		end = file->known_size > end ? file->known_size : end;
	if (file->ahead == NULL)
		file->ahead = calloc(IO_SFTP_AHEAD, sizeof(*file->ahead));
	if (file->ahead == NULL)
		return -1;
	if (file->count == 0 || offset < ring_at(file, 0)->offset ||
	    offset >= file->next) {
		io_sftp_forget_ahead(file);
		file->next = offset;
	}
	while (file->count < IO_SFTP_AHEAD && file->next < end) {
		if (ask_more(store, file, (size_t)(end - file->next)) == -1)
			return -1;
	}
	return 0;
}

static ssize_t give(struct sftp_file *file, void *bytes, size_t size,
		    uint64_t offset)
{
	struct sftp_ahead *ahead = ring_at(file, 0);
	size_t skip = (size_t)(offset - ahead->offset), left;

	if (sftp_wait(ahead->client, &ahead->call) == -1) {
		int error = errno;

		/* Also those behind it would not be what is there now. */
		io_sftp_forget_ahead(file);
		errno = error;
		return error == 0 ? 0 : -1;
	}
	if (skip >= ahead->call.length) {
		/* It was answered in part: the rest is asked for again. */
		io_sftp_forget_ahead(file);
		return -2;
	}
	left = ahead->call.length - skip;
	if (left > size)
		left = size;
	memcpy(bytes, ahead->bytes + skip, left);
	file->read = offset + left;
	if (skip + left == ahead->call.size)
		drop_first(file);
	return (ssize_t)left;
}

static ssize_t pread_file(void *context, int descriptor, void *bytes,
			  size_t size, off_t offset)
{
	struct io_sftp *store = context;
	struct sftp_file *file;
	ssize_t count;

	if (descriptor < IO_SFTP_FIRST)
		return io_system()->pread(NULL, descriptor, bytes, size,
					  offset);
	file = io_sftp_file(store, descriptor);
	/* What we write is there for who reads, as on any disk. */
	if (file == NULL || io_sftp_settle(store) == -1)
		return -1;
	if (size == 0)
		return 0;
	do {
		while (file->count > 0 &&
		       ring_at(file, 0)->offset + ring_at(file, 0)->call.size <=
			   (uint64_t)offset)
			drop_first(file);
		if (ask_ahead(store, file, (uint64_t)offset, size) == -1)
			return -1;
		count = give(file, bytes, size, (uint64_t)offset);
	} while (count == -2);
	return count;
}

int io_sftp_ask_status(struct io_sftp *store, const struct sftp_file *file,
		       size_t connection, struct stat *status)
{
	struct sftp_call call = {.expect = SFTP_ATTRS};
	struct sftp_writer body;
	struct sftp_reader reader;
	int result;

	io_sftp_begin(&body, file, connection);
	result = sftp_ask(store->clients[connection], &call, SFTP_FSTAT, &body);
	if (result == 0) {
		reader = (struct sftp_reader){call.body, call.length, 0};
		sftp_get_attributes(&reader, status);
		if (reader.bad) {
			errno = EPROTO;
			result = -1;
		}
	}
	free(call.body);
	return result;
}

static int stat_file(void *context, int descriptor, struct stat *status)
{
	struct io_sftp *store = context;
	struct sftp_file *file;

	if (descriptor < IO_SFTP_FIRST)
		return io_system()->stat(NULL, descriptor, status);
	file = io_sftp_file(store, descriptor);
	if (file == NULL)
		return -1;
	if (file->folder)
		return io_sftp_look(store, SFTP_LSTAT, file->path, status);
	if (file->fresh && file->size > 0) {
		/* Nobody else writes to it, so we need not ask; which mode it
		 * got we do not know, so it must be set. */
		memset(status, 0, sizeof(*status));
		status->st_mode = S_IFREG | 07000; /* never asked for */
		status->st_nlink = 1;
		status->st_size = (off_t)file->size;
	} else {
		if (file->changes > 0 && io_sftp_settle(store) == -1)
			return -1;
		if (io_sftp_ask_status(store, file, file->first_connection,
				       status) == -1)
			return -1;
		file->known_size = (uint64_t)status->st_size;
		file->known_time = status->st_mtim.tv_sec;
	}
	io_sftp_identify(file->path, status);
	return 0;
}

static int advise(void *context, int descriptor, off_t offset, off_t length,
		  int advice)
{
	(void)context;
	if (descriptor < IO_SFTP_FIRST)
		return io_system()->advise(NULL, descriptor, offset, length,
					   advice);
	return 0;
}

void io_sftp_fill_read(struct io *io)
{
	io->pread = pread_file;
	io->stat = stat_file;
	io->advise = advise;
}
