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
		posted->store_age = store->age;
		file->pending[file->age]++;
		store->pending[store->age]++;
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
static int settle_file(struct io_sftp *store, struct sftp_file *file)
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

/* ---- syncs -------------------------------------------------------------- */

static void begin_fsync(struct sftp_writer *body, const struct sftp_file *file,
			size_t connection)
{
	const struct sftp_handle *handle = file->handles[connection];

	sftp_begin(body);
	sftp_put_text(body, "fsync@openssh.com");
	sftp_put_bytes(body, handle->bytes, handle->length);
}

/* Best where nobody waits behind it. */
static int fsync_file(struct io_sftp *store, struct sftp_file *file)
{
	struct sftp_call call = {.expect = SFTP_STATUS, .cost = IO_SFTP_SYNC};
	size_t connection = io_sftp_choose(store, file, file->size);
	struct sftp_writer body;

	begin_fsync(&body, file, connection);
	return sftp_ask(store->clients[connection], &call, SFTP_EXTENDED,
			&body);
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
	result = fsync_file(store, file);
	error = errno;
	io_sftp_let_go(store, file);
	errno = error;
	return result;
}

/* Under the store's lock.  0, or -1: no memory. */
static int add_folder(struct io_sftp *store, char *path)
{
	char **bigger = store->folders;

	if (store->folder_count == store->folder_capacity) {
		store->folder_capacity = store->folder_capacity * 2 + 16;
		bigger =
		    realloc(bigger, store->folder_capacity * sizeof(*bigger));
		if (bigger == NULL)
			return -1;
		store->folders = bigger;
	}
	store->folders[store->folder_count++] = path;
	return 0;
}

void io_sftp_note_folder(struct io_sftp *store, const char *path)
{
	size_t length = (size_t)(strrchr(path, '/') - path);
	char *copy = length == 0 ? strdup("/") : strndup(path, length);
	size_t count;
	int known;

	pthread_mutex_lock(&store->lock);
	count = store->folder_count;
	/* Most follow another of the same folder. */
	known = copy != NULL && count > 0 &&
		strcmp(store->folders[count - 1], copy) == 0;
	if (copy == NULL || (!known && add_folder(store, copy) == -1))
		store->lost = ENOMEM;
	else if (!known)
		copy = NULL;
	pthread_mutex_unlock(&store->lock);
	free(copy);
}

/* All changes that were sent before this are on the disk.  0, or -1 with
 * errno. */
static int sync_file(struct io_sftp *store, struct sftp_file *file)
{
	uint64_t changes;
	int result;

	pthread_mutex_lock(&store->lock);
	changes = file->changes;
	pthread_mutex_unlock(&store->lock);
	result = settle_file(store, file);
	if (result == 0 && (store->extensions & SFTP_FSYNC))
		result = fsync_file(store, file);
	pthread_mutex_lock(&store->lock);
	if (result == -1)
		note_error(store, file, errno);
	else if (file->synced < changes)
		file->synced = changes;
	pthread_mutex_unlock(&store->lock);
	return result;
}

/*
 * The end of a file's handles.  What was written is not lost by that: it is
 * synced by the server after it, and nobody waits here, unless it came over
 * several connections.
 */
static void post_close(struct io_sftp *store, struct sftp_file *file)
{
	const int sync = file->synced < file->changes &&
			 (store->extensions & SFTP_FSYNC) != 0;
	struct sftp_writer body;

	if (sync && file->handle_count > 1)
		settle_file(store, file);
	if (sync) {
		begin_fsync(&body, file, file->first_connection);
		io_sftp_post(store, file, file->first_connection, SFTP_EXTENDED,
			     &body, NULL, 0);
	}
	for (size_t i = 0; i < IO_SFTP_CONNECTIONS; i++) {
		if (file->handles[i] == NULL)
			continue;
		io_sftp_begin(&body, file, i);
		io_sftp_post(store, file, i, SFTP_CLOSE, &body, NULL, 0);
	}
}

/* Nobody has the file any more: only requests are out. */
static void end_file(struct io_sftp *store, struct sftp_file *file)
{
	int idle;

	if (!file->folder)
		post_close(store, file);
	pthread_mutex_lock(&store->lock);
	file->ended = 1;
	idle = is_idle(file);
	pthread_mutex_unlock(&store->lock);
	if (idle)
		free_file(file);
}

void io_sftp_end(struct io_sftp *store, struct sftp_file *file)
{
	int last;

	pthread_mutex_lock(&store->lock);
	file->closed = 1;
	if (file->error != 0 && !file->told && store->lost == 0)
		store->lost = file->error;
	last = file->pins == 0;
	pthread_mutex_unlock(&store->lock);
	if (last)
		end_file(store, file);
}

/*
 * Sync what is at a place of the table, if it needs it.  Another thread may
 * close it meanwhile: then the handle is closed here.
 */
static int sync_place(struct io_sftp *store, size_t place)
{
	struct sftp_file *file = NULL;
	int result, error, last;

	pthread_mutex_lock(&store->lock);
	if (place < store->capacity)
		file = store->files[place];
	if (file != NULL && file->synced < file->changes)
		file->pins++;
	else
		file = NULL;
	pthread_mutex_unlock(&store->lock);
	if (file == NULL)
		return 0;
	result = sync_file(store, file);
	error = errno;
	pthread_mutex_lock(&store->lock);
	last = --file->pins == 0 && file->closed;
	pthread_mutex_unlock(&store->lock);
	if (last)
		end_file(store, file);
	errno = error;
	return result;
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Folders whose names changed before this. */
static int sync_folders(struct io_sftp *store)
{
	char **folders;
	size_t count;
	int result = 0, error = 0;

	pthread_mutex_lock(&store->lock);
	folders = store->folders;
	count = store->folder_count;
	store->folders = NULL;
	store->folder_count = store->folder_capacity = 0;
	pthread_mutex_unlock(&store->lock);
	if (count > 0)
		qsort(folders, count, sizeof(*folders), compare_text);
	for (size_t i = 0; i < count; i++) {
		int again = i > 0 && strcmp(folders[i - 1], folders[i]) == 0;

		if (result == 0 && !again) {
			result = sync_folder(store, folders[i]);
			error = errno;
		}
	}
	while (count > 0)
		free(folders[--count]);
	free(folders);
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
	pthread_mutex_lock(&store->sync_all);
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
	pthread_mutex_unlock(&store->sync_all);
	return result;
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
	if (file->folder)
		return sync_folder(store, file->path);
	result = sync_file(store, file);
	if (result == -1) {
		pthread_mutex_lock(&store->lock);
		file->told = 1;
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

static void note_change(struct io_sftp *store, struct sftp_file *file)
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

static ssize_t pwrite_file(void *context, int descriptor, const void *bytes,
			   size_t size, off_t offset)
{
	struct io_sftp *store = context;
	struct sftp_file *file;
	size_t connection, most;

	if (descriptor < IO_SFTP_FIRST)
		return io_system()->pwrite(NULL, descriptor, bytes, size,
					   offset);
	file = io_sftp_file(store, descriptor);
	if (file == NULL)
		return -1;
	note_change(store, file);
	connection = io_sftp_choose(store, file, (uint64_t)offset + size);
	most = sftp_client_write_max(store->clients[connection]);
	for (size_t at = 0; at < size; at += most) {
		if (post_write(store, file, connection,
			       (const uint8_t *)bytes + at,
			       size - at < most ? size - at : most,
			       (uint64_t)offset + at) == -1)
			return -1;
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
	if (file->folder) {
		sftp_begin(&body);
		sftp_put_text(&body, file->path);
	} else {
		io_sftp_begin(&body, file, file->first_connection);
	}
	memcpy(body.bytes + body.length, attributes->bytes, attributes->length);
	body.length += attributes->length;
	if (file->folder)
		return sftp_ask(io_sftp_client(store), &call, SFTP_SETSTAT,
				&body);
	note_change(store, file);
	if (file->handle_count > 1 && settle_file(store, file) == -1)
		return -1;
	if (io_sftp_post(store, file, file->first_connection, SFTP_FSETSTAT,
			 &body, NULL, 0) == -1)
		return -1;
	return file->handle_count > 1 ? settle_file(store, file) : 0;
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
