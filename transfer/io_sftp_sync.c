/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When is what was sent to an SFTP server on its disk?  A file by its fsync,
 * once all that was sent for it is answered; names by that of their folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/io_sftp_internal.h"

static void begin_fsync(struct sftp_writer *body, const struct sftp_file *file,
			size_t connection)
{
	sftp_begin(body);
	sftp_put_text(body, "fsync@openssh.com");
	io_sftp_put_handle(body, file, connection);
}

/* Ask for the sync of a file: best where nobody waits behind it. */
static struct sftp_client *send_fsync(struct io_sftp *store,
				      struct sftp_file *file,
				      struct sftp_call *call)
{
	const size_t connection = io_sftp_choose(store, file, file->size);
	struct sftp_client *client = store->clients[connection];
	struct sftp_writer body;

	memset(call, 0, sizeof(*call));
	call->expect = SFTP_STATUS;
	call->cost = IO_SFTP_SYNC;
	begin_fsync(&body, file, connection);
	sftp_send(client, call, SFTP_EXTENDED, &body, NULL, 0);
	return client;
}

static int fsync_file(struct io_sftp *store, struct sftp_file *file)
{
	struct sftp_call call;
	struct sftp_client *client = send_fsync(store, file, &call);

	return sftp_wait(client, &call);
}

/* 1: all that is sent for it goes over one connection, where a sync may be
 * sent right behind it. */
static int goes_one_way(struct io_sftp *store, const struct sftp_file *file)
{
	return file->handle_count == 1 &&
	       (file->size <= IO_SFTP_SPREAD ||
		atomic_load(&store->client_count) == 1);
}

/* All that was sent is answered, and on the disk.  0, or -1 with errno. */
static int settle_and_fsync(struct io_sftp *store, struct sftp_file *file)
{
	struct sftp_client *client;
	struct sftp_call call;
	int result, error;

	if (!(store->extensions & SFTP_FSYNC))
		return io_sftp_settle_file(store, file);
	if (!goes_one_way(store, file))
		return io_sftp_settle_file(store, file) == -1
			   ? -1
			   : fsync_file(store, file);
	client = send_fsync(store, file, &call);
	result = io_sftp_settle_file(store, file);
	error = errno;
	if (sftp_wait(client, &call) == -1)
		return -1;
	errno = error;
	return result;
}

/* The connection is lost: anything else says something about the file. */
static int is_loss(int error)
{
	return error == EPROTO || error == ECONNRESET ||
	       error == ECONNABORTED || error == EPIPE;
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
		return is_loss(errno) ? -1 : 0;
	result = fsync_file(store, file);
	error = errno;
	io_sftp_let_go(store, file);
	errno = error;
	return result;
}

/* The same for one that is open: its handle is kept for the next time. */
static int sync_open_folder(struct io_sftp *store, struct sftp_file *folder)
{
	if (!(store->extensions & SFTP_FSYNC))
		return 0;
	if (folder->handle_count == 0) {
		folder->first_connection = io_sftp_least(store);
		if (io_sftp_ask_handle(store, folder, folder->first_connection,
				       O_RDONLY, 0) == -1)
			return is_loss(errno) ? -1 : 0;
	}
	return fsync_file(store, folder);
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

	io_sftp_cache_changed(store, path);
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
	result = settle_and_fsync(store, file);
	if (result == -1) {
		io_sftp_note_error(store, file, errno);
		return -1;
	}
	pthread_mutex_lock(&store->lock);
	if (file->synced < changes)
		file->synced = changes;
	pthread_mutex_unlock(&store->lock);
	return 0;
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
		io_sftp_settle_file(store, file);
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

void io_sftp_end(struct io_sftp *store, struct sftp_file *file)
{
	pthread_mutex_lock(&store->lock);
	file->closed = 1;
	if (file->error != 0 && !file->told && store->lost == 0)
		store->lost = file->error;
	pthread_mutex_unlock(&store->lock);
	post_close(store, file);
	io_sftp_ended(store, file);
}

/* Sync what is at a place of the table, if it needs it.  Nobody closes it
 * meanwhile. */
static int sync_place(struct io_sftp *store, size_t place)
{
	struct sftp_file *file = NULL;

	pthread_mutex_lock(&store->lock);
	if (place < store->capacity)
		file = store->files[place];
	if (file != NULL && file->synced == file->changes)
		file = NULL;
	pthread_mutex_unlock(&store->lock);
	return file == NULL ? 0 : sync_file(store, file);
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
		return sync_open_folder(store, file);
	/* Opened to be synced: what it holds was asked for without it, perhaps
	 * over another connection, and may have failed there. */
	if (file->changes == 0)
		result = io_sftp_settle(store);
	if (result == 0)
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

void io_sftp_fill_sync(struct io *io)
{
	io->sync_data = sync_data;
	io->sync = sync_one;
	io->sync_all = sync_all;
}
