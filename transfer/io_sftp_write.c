/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is sent to an SFTP server and not waited for: writes, changes of
 * attributes, closes.  The server does what concerns one file in the order in
 * which it was asked to.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/io_sftp_internal.h"

struct posted {
	struct sftp_call call; /* first */
	struct io_sftp *store;
	struct sftp_file *file;
	unsigned file_age, store_age;
};

static void free_file(struct sftp_file *file)
{
	for (size_t i = 0; i < IO_SFTP_CONNECTIONS; i++)
		free(file->handles[i]);
	free(file->ahead);
	free(file->held);
	free(file->path);
	free(file);
}

/* Under the store's lock: nobody has it any more, nor will. */
static int is_idle(const struct sftp_file *file)
{
	return file->ended && file->pending[0] + file->pending[1] == 0;
}

/* Under the store's lock. */
static void note_error(struct io_sftp *store, struct sftp_file *file, int error)
{
	if (file->error == 0)
		file->error = error;
	if (file->closed && !file->told && store->lost == 0)
		store->lost = file->error;
}

void io_sftp_note_error(struct io_sftp *store, struct sftp_file *file,
			int error)
{
	pthread_mutex_lock(&store->lock);
	note_error(store, file, error);
	pthread_mutex_unlock(&store->lock);
}

/* In the reader's thread. */
static void posted_done(struct sftp_call *call)
{
	struct posted *posted = (struct posted *)call;
	struct io_sftp *store = posted->store;
	struct sftp_file *file = posted->file;
	int idle;

	pthread_mutex_lock(&store->lock);
	if (call->error != 0 && file->changes > 0)
		note_error(store, file,
			   call->error == SFTP_END ? EIO : call->error);
	file->pending[posted->file_age]--;
	store->pending[posted->store_age]--;
	idle = is_idle(file);
	pthread_cond_broadcast(&store->changed);
	pthread_mutex_unlock(&store->lock);
	if (idle)
		free_file(file);
	free(call->body);
	free(posted);
}

void io_sftp_ended(struct io_sftp *store, struct sftp_file *file)
{
	int idle;

	pthread_mutex_lock(&store->lock);
	file->ended = 1;
	idle = is_idle(file);
	pthread_mutex_unlock(&store->lock);
	if (idle)
		free_file(file);
}

int io_sftp_post(struct io_sftp *store, struct sftp_file *file,
		 size_t connection, uint8_t type,
		 const struct sftp_writer *body, const void *data, size_t size)
{
	struct posted *posted = calloc(1, sizeof(*posted));
	int error;

	pthread_mutex_lock(&store->lock);
	if (posted == NULL)
		note_error(store, file, ENOMEM);
	error = file->error;
	file->told |= error != 0 && type != SFTP_EXTENDED;
	/* A handle is closed also after an error. */
	if (type == SFTP_CLOSE && posted != NULL)
		error = 0;
	if (error == 0) {
		posted->call.expect = SFTP_STATUS;
		posted->call.done = posted_done;
		posted->call.cost = type == SFTP_EXTENDED ? IO_SFTP_SYNC : 0;
		posted->store = store;
		posted->file = file;
		posted->file_age = file->age;
		posted->store_age = file->put ? file->put_age : store->age;
		file->pending[file->age]++;
		store->pending[posted->store_age]++;
	}
	pthread_mutex_unlock(&store->lock);
	if (error == 0) {
		sftp_send(store->clients[connection], &posted->call, type, body,
			  data, size);
		return 0;
	}
	free(posted);
	errno = error;
	return -1;
}

/*
 * Wait for the requests of an age, and begin the next one.  Under the lock.
 * One at a time, so that none is left of an age before that.
 */
static void settle(struct io_sftp *store, int *settling, unsigned *age,
		   const size_t pending[2])
{
	unsigned old;

	while (*settling)
		pthread_cond_wait(&store->changed, &store->lock);
	*settling = 1;
	old = *age;
	*age = !old;
	while (pending[old] > 0)
		pthread_cond_wait(&store->changed, &store->lock);
	*settling = 0;
	pthread_cond_broadcast(&store->changed);
}

/* All that was sent for a file until now is done.  0, or -1 with errno. */
int io_sftp_settle_file(struct io_sftp *store, struct sftp_file *file)
{
	int error;

	pthread_mutex_lock(&store->lock);
	settle(store, &file->settling, &file->age, file->pending);
	error = file->error != 0 ? file->error : store->lost;
	pthread_mutex_unlock(&store->lock);
	errno = error;
	return error == 0 ? 0 : -1;
}

int io_sftp_settle(struct io_sftp *store)
{
	int error;

	pthread_mutex_lock(&store->lock);
	settle(store, &store->settling, &store->age, store->pending);
	error = store->lost;
	pthread_mutex_unlock(&store->lock);
	errno = error;
	return error == 0 ? 0 : -1;
}

/* ---- writes and attributes ---------------------------------------------- */

void io_sftp_note_change(struct io_sftp *store, struct sftp_file *file)
{
	pthread_mutex_lock(&store->lock);
	file->changes++;
	pthread_mutex_unlock(&store->lock);
}

/* 0, or -1 with errno. */
static int post_write(struct io_sftp *store, struct sftp_file *file,
		      size_t connection, const void *bytes, size_t size,
		      uint64_t offset)
{
	struct sftp_writer body;

	io_sftp_begin(&body, file, connection);
	sftp_put_u64(&body, offset);
	sftp_put_u32(&body, (uint32_t)size);
	return io_sftp_post(store, file, connection, SFTP_WRITE, &body, bytes,
			    size);
}

int io_sftp_write(struct io_sftp *store, struct sftp_file *file,
		  const void *bytes, size_t size, uint64_t offset)
{
	const size_t connection = io_sftp_choose(store, file, offset + size);
	const size_t most = sftp_client_write_max(store->clients[connection]);

	io_sftp_note_change(store, file);
	for (size_t at = 0; at < size; at += most) {
		if (post_write(
			store, file, connection, (const uint8_t *)bytes + at,
			size - at < most ? size - at : most, offset + at) == -1)
			return -1;
	}
	io_sftp_note_change(store, file);
	if (offset + size > file->size)
		file->size = offset + size;
	return 0;
}

static ssize_t pwrite_file(void *context, int descriptor, const void *bytes,
			   size_t size, off_t offset)
{
	struct sftp_file *file;

	if (descriptor < IO_SFTP_FIRST)
		return io_system()->pwrite(NULL, descriptor, bytes, size,
					   offset);
	file = io_sftp_file(context, descriptor);
	if (file == NULL ||
	    io_sftp_write(context, file, bytes, size, (uint64_t)offset) == -1)
		return -1;
	return (ssize_t)size;
}

int io_sftp_change(struct io_sftp *store, struct sftp_file *file,
		   const struct sftp_writer *attributes)
{
	struct sftp_writer body;

	io_sftp_begin(&body, file, file->first_connection);
	memcpy(body.bytes + body.length, attributes->bytes, attributes->length);
	body.length += attributes->length;
	io_sftp_note_change(store, file);
	if (file->handle_count > 1 && io_sftp_settle_file(store, file) == -1)
		return -1;
	if (io_sftp_post(store, file, file->first_connection, SFTP_FSETSTAT,
			 &body, NULL, 0) == -1)
		return -1;
	io_sftp_note_change(store, file);
	return file->handle_count > 1 ? io_sftp_settle_file(store, file) : 0;
}

/* Attributes of an open file, or of the folder at a path.  0 or -1. */
static int change(struct io_sftp *store, int descriptor,
		  const struct sftp_writer *attributes)
{
	struct sftp_call call = {.expect = SFTP_STATUS};
	struct sftp_file *file = io_sftp_file(store, descriptor);
	struct sftp_writer body;

	if (file == NULL)
		return -1;
	if (!file->folder)
		return io_sftp_change(store, file, attributes);
	sftp_begin(&body);
	sftp_put_text(&body, file->path);
	memcpy(body.bytes + body.length, attributes->bytes, attributes->length);
	body.length += attributes->length;
	return sftp_ask(io_sftp_client(store), &call, SFTP_SETSTAT, &body);
}

static int truncate_file(void *context, int descriptor, off_t size)
{
	struct io_sftp *store = context;
	struct sftp_writer body;
	struct sftp_file *file;

	if (descriptor < IO_SFTP_FIRST)
		return io_system()->truncate(NULL, descriptor, size);
	file = io_sftp_file(store, descriptor);
	if (file == NULL)
		return -1;
	file->size = (uint64_t)size;
	sftp_begin(&body);
	sftp_put_u32(&body, SFTP_ATTR_SIZE);
	sftp_put_u64(&body, (uint64_t)size);
	return change(store, descriptor, &body);
}

static int copy(void *context, int from, off_t from_offset, int to,
		off_t to_offset, size_t size)
{
	struct io_sftp *store = context;
	struct sftp_call call = {.expect = SFTP_STATUS, .cost = size};
	struct sftp_file *source = io_sftp_file(store, from);
	struct sftp_file *target = io_sftp_file(store, to);
	struct sftp_writer body;
	size_t connection;
	int result;

	if (source == NULL || target == NULL)
		return -1;
	connection = target->first_connection;
	errno = ENOSYS;
	if (!(store->extensions & SFTP_COPY_DATA) ||
	    io_sftp_settle_file(store, source) == -1 ||
	    io_sftp_reach(store, source, connection) == -1)
		return -1;
	sftp_begin(&body);
	sftp_put_text(&body, "copy-data");
	io_sftp_put_handle(&body, source, connection);
	sftp_put_u64(&body, (uint64_t)from_offset);
	sftp_put_u64(&body, size);
	io_sftp_put_handle(&body, target, connection);
	sftp_put_u64(&body, (uint64_t)to_offset);
	io_sftp_note_change(store, target);
	result =
	    sftp_ask(store->clients[connection], &call, SFTP_EXTENDED, &body);
	io_sftp_note_change(store, target);
	if ((uint64_t)to_offset + size > target->size)
		target->size = (uint64_t)to_offset + size;
	return result;
}

static int set_mode(void *context, int descriptor, mode_t mode)
{
	struct sftp_writer body;

	if (descriptor < IO_SFTP_FIRST)
		return io_system()->set_mode(NULL, descriptor, mode);
	sftp_begin(&body);
	sftp_put_u32(&body, SFTP_ATTR_PERMISSIONS);
	sftp_put_u32(&body, mode & 07777);
	return change(context, descriptor, &body);
}

/* There is no time alone: that of the last access goes with it. */
static int set_times(void *context, int descriptor,
		     const struct timespec times[2])
{
	struct sftp_writer body;

	if (descriptor < IO_SFTP_FIRST)
		return io_system()->set_times(NULL, descriptor, times);
	sftp_begin(&body);
	sftp_put_u32(&body, SFTP_ATTR_TIMES);
	sftp_put_u32(&body, io_sftp_time(times[1].tv_sec));
	sftp_put_u32(&body, io_sftp_time(times[1].tv_sec));
	return change(context, descriptor, &body);
}

void io_sftp_fill_write(struct io *io)
{
	io->pwrite = pwrite_file;
	io->copy = copy;
	io->truncate = truncate_file;
	io->set_mode = set_mode;
	io->set_times = set_times;
}
