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
	uint8_t type;
};

void io_sftp_free(struct sftp_file *file)
{
	free(file->ahead);
	free(file->held);
	free(file->path);
	free(file);
}

int io_sftp_is_idle(const struct sftp_file *file)
{
	return file->closed && file->pins == 0 &&
	       file->pending[0] + file->pending[1] == 0;
}

/* In the reader's thread. */
static void posted_done(struct sftp_call *call)
{
	struct posted *posted = (struct posted *)call;
	struct io_sftp *store = posted->store;
	struct sftp_file *file = posted->file;
	int idle;

	pthread_mutex_lock(&store->lock);
	if (call->error != 0 && file->written) {
		int error = call->error == SFTP_END ? EIO : call->error;

		if (file->error == 0)
			file->error = error;
		if (file->closed && store->lost == 0)
			store->lost = error;
	}
	file->pending[posted->file_age]--;
	store->pending[posted->store_age]--;
	idle = io_sftp_is_idle(file);
	pthread_cond_broadcast(&store->changed);
	pthread_mutex_unlock(&store->lock);
	if (idle)
		io_sftp_free(file);
	free(call->body);
	free(posted);
}

int io_sftp_post(struct io_sftp *store, struct sftp_file *file, uint8_t type,
		 const struct sftp_writer *body, const void *data, size_t size)
{
	struct posted *posted = calloc(1, sizeof(*posted));
	int error;

	pthread_mutex_lock(&store->lock);
	error = posted == NULL ? ENOMEM : file->error;
	file->told |= error != 0 && type != SFTP_EXTENDED;
	/* A handle is closed also after an error. */
	if (type == SFTP_CLOSE && posted != NULL)
		error = 0;
	if (error == 0) {
		posted->call.expect = SFTP_STATUS;
		posted->call.done = posted_done;
		posted->store = store;
		posted->file = file;
		posted->file_age = file->age;
		posted->store_age = store->age;
		file->pending[file->age]++;
		store->pending[store->age]++;
	}
	pthread_mutex_unlock(&store->lock);
	if (error == 0) {
		sftp_send(store->client, &posted->call, type, body, data, size);
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
static int settle_file(struct io_sftp *store, struct sftp_file *file)
{
	int error;

	pthread_mutex_lock(&store->lock);
	settle(store, &file->settling, &file->age, file->pending);
	file->told |= file->error != 0;
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

/* ---- syncs -------------------------------------------------------------- */

static int fsync_handle(struct io_sftp *store, const struct sftp_file *file)
{
	struct sftp_call call = {.expect = SFTP_STATUS};
	struct sftp_writer body;

	sftp_begin(&body);
	sftp_put_text(&body, "fsync@openssh.com");
	sftp_put_bytes(&body, file->handle, file->handle_length);
	return sftp_ask(store->client, &call, SFTP_EXTENDED, &body);
}

/*
 * OpenSSH's server opens a folder like a file, and syncs it.  One that does
 * not has no other way, and a folder that is gone needs none.
 */
static int sync_folder(struct io_sftp *store, const char *path)
{
	struct sftp_file *file;
	int result, error;

	if (!(store->extensions & SFTP_FSYNC))
		return 0;
	file = io_sftp_open_path(store, path, O_RDONLY, 0);
	if (file == NULL)
		return errno == EPROTO || errno == ECONNRESET ||
			       errno == ECONNABORTED || errno == EPIPE
			   ? -1
			   : 0;
	result = fsync_handle(store, file);
	error = errno;
	io_sftp_let_go(store, file);
	errno = error;
	return result;
}

/* Take the folder number i out of the list, under the lock; or NULL. */
static char *take_folder(struct io_sftp *store, size_t i)
{
	char *path;

	if (i >= store->folder_count)
		return NULL;
	path = store->folders[i];
	store->folders[i] = store->folders[--store->folder_count];
	return path;
}

void io_sftp_note_folder(struct io_sftp *store, const char *path)
{
	size_t length = (size_t)(strrchr(path, '/') - path);
	char *copy = length == 0 ? strdup("/") : strndup(path, length);
	char *oldest = NULL;
	size_t i;

	pthread_mutex_lock(&store->lock);
	if (copy == NULL)
		store->lost = ENOMEM;
	for (i = 0; copy != NULL && i < store->folder_count; i++)
		if (strcmp(store->folders[i], copy) == 0)
			break;
	if (copy != NULL && i == store->folder_count) {
		if (store->folder_count == IO_SFTP_FOLDERS)
			oldest = take_folder(store, 0);
		store->folders[store->folder_count++] = copy;
		copy = NULL;
	}
	pthread_mutex_unlock(&store->lock);
	free(copy);
	if (oldest == NULL)
		return;
	if (sync_folder(store, oldest) == -1) {
		pthread_mutex_lock(&store->lock);
		store->lost = errno;
		pthread_mutex_unlock(&store->lock);
	}
	free(oldest);
}

/* 0, or -1 with errno. */
static int sync_file(struct io_sftp *store, struct sftp_file *file)
{
	int result;

	pthread_mutex_lock(&store->lock);
	file->unsynced = 0;
	pthread_mutex_unlock(&store->lock);
	result = settle_file(store, file);
	if (result == 0 && (store->extensions & SFTP_FSYNC))
		result = fsync_handle(store, file);
	return result;
}

/*
 * Sync what is at a place of the table, if it needs it.  Another thread may
 * close it meanwhile: then the close syncs it, and this may fail.
 */
static int sync_place(struct io_sftp *store, size_t place)
{
	struct sftp_file *file = NULL;
	int result = 0, idle, error;

	pthread_mutex_lock(&store->lock);
	if (place < store->capacity)
		file = store->files[place];
	if (file != NULL && file->unsynced)
		file->pins++;
	else
		file = NULL;
	pthread_mutex_unlock(&store->lock);
	if (file == NULL)
		return 0;
	result = sync_file(store, file);
	error = errno;
	pthread_mutex_lock(&store->lock);
	if (result == -1 && file->closed)
		result = 0;
	else if (result == -1)
		file->error = error;
	file->pins--;
	idle = io_sftp_is_idle(file);
	pthread_mutex_unlock(&store->lock);
	if (idle)
		io_sftp_free(file);
	errno = error;
	return result;
}

/* Folders whose names changed before this. */
static int sync_folders(struct io_sftp *store)
{
	char *paths[IO_SFTP_FOLDERS];
	size_t count = 0;
	int result = 0, error = 0;

	pthread_mutex_lock(&store->lock);
	while (store->folder_count > 0)
		paths[count++] = take_folder(store, 0);
	pthread_mutex_unlock(&store->lock);
	for (size_t i = 0; i < count; i++) {
		if (result == 0) {
			result = sync_folder(store, paths[i]);
			error = errno;
		}
		free(paths[i]);
	}
	errno = error;
	return result;
}

static int sync_all(void *context, int descriptor)
{
	struct io_sftp *store = context;
	size_t capacity;
	int result = 0;

	if (descriptor < IO_SFTP_FIRST)
		return io_system()->sync_all(NULL, descriptor);
	pthread_mutex_lock(&store->lock);
	capacity = store->capacity;
	pthread_mutex_unlock(&store->lock);
	for (size_t i = 0; result == 0 && i < capacity; i++)
		result = sync_place(store, i);
	/* Those that were closed are synced by what their close sent. */
	if (result == 0)
		result = io_sftp_settle(store);
	if (result == 0)
		result = sync_folders(store);
	return result;
}

/* The folder is being synced: it need not be again. */
static void forget_folder(struct io_sftp *store, const char *path)
{
	char *found = NULL;

	pthread_mutex_lock(&store->lock);
	for (size_t i = 0; found == NULL && i < store->folder_count; i++)
		if (strcmp(store->folders[i], path) == 0)
			found = take_folder(store, i);
	pthread_mutex_unlock(&store->lock);
	free(found);
}

static int sync_one(void *context, int descriptor)
{
	struct io_sftp *store = context;
	struct sftp_file *file;
	int result = 0;

	if (descriptor < IO_SFTP_FIRST)
		return io_system()->sync(NULL, descriptor);
	file = io_sftp_file(store, descriptor);
	if (file == NULL)
		return -1;
	if (file->folder) {
		forget_folder(store, file->path);
		return sync_folder(store, file->path);
	}
	result = sync_file(store, file);
	if (result == -1) {
		pthread_mutex_lock(&store->lock);
		file->error = errno;
		pthread_mutex_unlock(&store->lock);
	}
	return result;
}

static int sync_data(void *context, int descriptor)
{
	if (descriptor < IO_SFTP_FIRST)
		return io_system()->sync_data(NULL, descriptor);
	return sync_one(context, descriptor);
}

/* ---- writes and attributes ---------------------------------------------- */

static void note_unsynced(struct io_sftp *store, struct sftp_file *file)
{
	pthread_mutex_lock(&store->lock);
	file->unsynced = file->written = 1;
	pthread_mutex_unlock(&store->lock);
}

static ssize_t pwrite_file(void *context, int descriptor, const void *bytes,
			   size_t size, off_t offset)
{
	struct io_sftp *store = context;
	const size_t most = sftp_client_write_max(store->client);
	struct sftp_file *file;

	if (descriptor < IO_SFTP_FIRST)
		return io_system()->pwrite(NULL, descriptor, bytes, size,
					   offset);
	file = io_sftp_file(store, descriptor);
	if (file == NULL)
		return -1;
	note_unsynced(store, file);
	for (size_t at = 0; at < size;) {
		size_t length = size - at < most ? size - at : most;
		struct sftp_writer body;

		sftp_begin(&body);
		sftp_put_bytes(&body, file->handle, file->handle_length);
		sftp_put_u64(&body, (uint64_t)offset + at);
		sftp_put_u32(&body, (uint32_t)length);
		if (io_sftp_post(store, file, SFTP_WRITE, &body,
				 (const uint8_t *)bytes + at, length) == -1)
			return -1;
		at += length;
	}
	if ((uint64_t)offset + size > file->size)
		file->size = (uint64_t)offset + size;
	return (ssize_t)size;
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
	sftp_begin(&body);
	if (file->folder)
		sftp_put_text(&body, file->path);
	else
		sftp_put_bytes(&body, file->handle, file->handle_length);
	memcpy(body.bytes + body.length, attributes->bytes, attributes->length);
	body.length += attributes->length;
	if (file->folder)
		return sftp_ask(store->client, &call, SFTP_SETSTAT, &body);
	note_unsynced(store, file);
	return io_sftp_post(store, file, SFTP_FSETSTAT, &body, NULL, 0);
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
	io->truncate = truncate_file;
	io->sync_data = sync_data;
	io->sync = sync_one;
	io->sync_all = sync_all;
	io->set_mode = set_mode;
	io->set_times = set_times;
}
