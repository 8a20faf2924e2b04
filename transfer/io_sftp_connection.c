/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which of the connections to an SFTP server does what?  A server does one
 * request at a time, so a sync holds up all that comes behind it: each goes
 * where the least is to be done.  The handle of a file is good for the
 * connection that it was opened on, so a large file is opened on several.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/io_sftp_internal.h"

static int say(char **text, const char *what)
{
	*text = strdup(what);
	return -1;
}

int io_sftp_add(struct io_sftp *store, int in, int out, int milliseconds,
		const atomic_int *over, char **text)
{
	const struct sftp_client_config config = {
	    .in = in,
	    .out = out,
	    .milliseconds = milliseconds,
	    .over = over,
	    .down = store->down,
	    .cookie = store->cookie,
	};
	struct sftp_client *client;
	size_t count;
	int same;

	client = sftp_client_open(&config, text);
	if (client == NULL)
		return -1;
	pthread_mutex_lock(&store->lock);
	count = atomic_load(&store->client_count);
	if (count == 0)
		store->extensions = sftp_client_extensions(client);
	same = store->extensions == sftp_client_extensions(client);
	if (same && count < IO_SFTP_CONNECTIONS) {
		store->clients[count] = client;
		atomic_store(&store->client_count, count + 1);
		client = NULL;
	}
	pthread_mutex_unlock(&store->lock);
	if (client == NULL)
		return 0;
	sftp_client_close(client);
	return say(text, same ? "there are enough connections"
			      : "another SFTP server answered");
}

size_t io_sftp_least(struct io_sftp *store)
{
	const size_t count = atomic_load(&store->client_count);
	size_t best = 0, least = sftp_client_load(store->clients[0]);

	for (size_t i = 1; i < count; i++) {
		size_t load = sftp_client_load(store->clients[i]);

		if (load < least) {
			least = load;
			best = i;
		}
	}
	return best;
}

struct sftp_client *io_sftp_client(struct io_sftp *store)
{
	return store->clients[io_sftp_least(store)];
}

void io_sftp_put_handle(struct sftp_writer *body, const struct sftp_file *file,
			size_t connection)
{
	const struct sftp_handle *handle = file->handles[connection];

	sftp_put_bytes(body, handle->bytes, handle->length);
}

void io_sftp_begin(struct sftp_writer *body, const struct sftp_file *file,
		   size_t connection)
{
	sftp_begin(body);
	io_sftp_put_handle(body, file, connection);
}

static uint32_t open_flags(int flags)
{
	int access = flags & O_ACCMODE;
	uint32_t result = access == O_WRONLY ? 0 : SFTP_FLAG_READ;

	if (access != O_RDONLY)
		result |= SFTP_FLAG_WRITE;
	if (flags & O_CREAT)
		result |= SFTP_FLAG_CREATE;
	if (flags & O_EXCL)
		result |= SFTP_FLAG_EXCLUSIVE;
	if (flags & O_TRUNC)
		result |= SFTP_FLAG_TRUNCATE;
	return result;
}

void io_sftp_begin_open(struct sftp_writer *body, const char *path, int flags,
			mode_t mode)
{
	sftp_begin(body);
	sftp_put_text(body, path);
	sftp_put_u32(body, open_flags(flags));
	sftp_put_u32(body, flags & O_CREAT ? SFTP_ATTR_PERMISSIONS : 0);
	if (flags & O_CREAT)
		sftp_put_u32(body, mode & 07777);
}

/* What a reply holds; NULL with errno. */
static struct sftp_handle *read_handle(const struct sftp_call *call)
{
	struct sftp_reader reader = {call->body, call->length, 0};
	struct sftp_handle *handle = calloc(1, sizeof(*handle));
	const uint8_t *bytes;

	if (handle == NULL)
		return NULL;
	bytes = sftp_get_bytes(&reader, &handle->length);
	if (!reader.bad && handle->length <= SFTP_HANDLE_MAX) {
		memcpy(handle->bytes, bytes, handle->length);
		return handle;
	}
	free(handle);
	errno = EPROTO;
	return NULL;
}

int io_sftp_take_handle(struct sftp_file *file, size_t connection,
			const struct sftp_call *call)
{
	file->handles[connection] = read_handle(call);
	file->handle_count = file->handles[connection] != NULL;
	return file->handles[connection] != NULL ? 0 : -1;
}

/* Another thread may have opened it there too: then this one is closed. */
static void keep_handle(struct io_sftp *store, struct sftp_file *file,
			size_t connection, struct sftp_handle *handle)
{
	struct sftp_call call = {.expect = SFTP_STATUS};
	struct sftp_writer body;

	pthread_mutex_lock(&store->lock);
	if (file->handles[connection] == NULL) {
		file->handles[connection] = handle;
		file->handle_count++;
		handle = NULL;
	}
	pthread_mutex_unlock(&store->lock);
	if (handle == NULL)
		return;
	sftp_begin(&body);
	sftp_put_bytes(&body, handle->bytes, handle->length);
	sftp_ask(store->clients[connection], &call, SFTP_CLOSE, &body);
	free(handle);
}

int io_sftp_ask_handle(struct io_sftp *store, struct sftp_file *file,
		       size_t connection, int flags, mode_t mode)
{
	struct sftp_call call = {.expect = SFTP_HANDLE};
	struct sftp_handle *handle = NULL;
	struct sftp_writer body;

	io_sftp_begin_open(&body, file->path, flags, mode);
	if (sftp_ask(store->clients[connection], &call, SFTP_OPEN, &body) == 0)
		handle = read_handle(&call);
	free(call.body);
	if (handle == NULL)
		return -1;
	keep_handle(store, file, connection, handle);
	return 0;
}

/* Somebody may have put another file in its place: is it the one that was
 * looked at? */
static int is_same(struct io_sftp *store, const struct sftp_file *file,
		   size_t connection)
{
	struct stat status;

	return io_sftp_ask_status(store, file, connection, &status) == 0 &&
	       status.st_size == (off_t)file->known_size &&
	       status.st_mtim.tv_sec == file->known_time;
}

int io_sftp_reach(struct io_sftp *store, struct sftp_file *file,
		  size_t connection)
{
	const int access = file->flags & O_ACCMODE;

	if (connection == file->first_connection)
		return 0;
	if (atomic_load(&file->alone))
		return -1;
	if (file->handles[connection] != NULL)
		return 0;
	/* What is written to is in .ferry, where nobody else has a hand. */
	if (io_sftp_ask_handle(store, file, connection, access, 0) == 0 &&
	    (access != O_RDONLY || is_same(store, file, connection)))
		return 0;
	/* What was opened there may be another file: it is not used again. */
	atomic_store(&file->alone, 1);
	return -1;
}

size_t io_sftp_choose(struct io_sftp *store, struct sftp_file *file,
		      uint64_t end)
{
	size_t connection = file->first_connection;

	if (end > IO_SFTP_SPREAD)
		connection = io_sftp_least(store);
	return io_sftp_reach(store, file, connection) == 0
		   ? connection
		   : file->first_connection;
}
