/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small files, of which many are on their way to an SFTP server at once.
 *
 *  1. io->put copies one into a job, and says that it is done.
 *  2. A thread sends the request that makes the file, and goes on to the next.
 *  3. When that is answered, the thread sends all the rest: bytes, attributes,
 *     sync, close.
 *
 * A job is pending from 1 until the last answer, so that a sync waits for it;
 * what goes wrong is the error of every sync from then on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/io_sftp_internal.h"
#include "transfer/thread.h"

/* Jobs, and bytes of theirs, that may wait; a connection has fewer requests in
 * flight than that. */
#define JOBS_MAX  512
#define BYTES_MAX ((size_t)16 << 20)
/* So many may be asked for before the first is there. */
#define OPENING   128

struct sftp_put {
	struct sftp_call open; /* first */
	struct sftp_put *next;
	struct io_sftp *store;
	struct sftp_file *file;
	int dir;
	int again; /* something was in its place */
	mode_t mode;
	uint32_t time;
	size_t size;
	uint8_t bytes[];
};

/* Under the lock, as all that concerns lists. */
static void append(struct sftp_puts *list, struct sftp_put *put)
{
	put->next = NULL;
	if (list->first == NULL)
		list->first = put;
	else
		list->last->next = put;
	list->last = put;
}

static struct sftp_put *take_first(struct sftp_puts *list)
{
	struct sftp_put *put = list->first;

	if (put != NULL)
		list->first = put->next;
	return put;
}

/* ---- 2 and 3 ------------------------------------------------------------ */

/* In the reader's thread. */
static void opened(struct sftp_call *call)
{
	struct sftp_put *put = (struct sftp_put *)call;
	struct io_sftp *store = put->store;

	pthread_mutex_lock(&store->lock);
	append(&store->opened, put);
	pthread_cond_broadcast(&store->changed);
	pthread_mutex_unlock(&store->lock);
}

static void ask_to_open(struct sftp_put *put)
{
	struct io_sftp *store = put->store;
	struct sftp_writer body;

	put->open.expect = SFTP_HANDLE;
	put->open.cost = put->size;
	put->open.done = opened;
	put->file->first_connection = io_sftp_least(store);
	io_sftp_begin_open(&body, put->file->path, put->file->flags, 0600);
	sftp_send(store->clients[put->file->first_connection], &put->open,
		  SFTP_OPEN, &body, NULL, 0);
}

/* Its last request is sent; failed: it has none. */
static void finish(struct sftp_put *put, int error)
{
	struct io_sftp *store = put->store;
	struct sftp_file *file = put->file;
	const unsigned age = file->put_age;

	if (error != 0)
		io_sftp_note_error(store, file, error);
	io_sftp_end(store, file);
	pthread_mutex_lock(&store->lock);
	store->pending[age]--;
	store->put_count--;
	store->put_bytes -= put->size;
	pthread_cond_broadcast(&store->changed);
	pthread_mutex_unlock(&store->lock);
	free(put->open.body);
	free(put);
}

/* What stands in the way goes.  0, or an errno. */
static int clear_place(const struct sftp_put *put, int error)
{
	const char *path = put->file->path;
	struct stat status;

	if (put->again || (error != EIO && error != EEXIST) ||
	    io_sftp_look(put->store, SFTP_LSTAT, path, &status) == -1)
		return error;
	return io_remove_tree(&put->store->io, put->dir,
			      strrchr(path, '/') + 1) == 0
		   ? 0
		   : errno;
}

static void send_rest(struct sftp_put *put)
{
	struct io_sftp *store = put->store;
	struct sftp_file *file = put->file;
	struct sftp_writer attributes;
	int error = 0;

	if (io_sftp_take_handle(file, file->first_connection, &put->open) ==
		-1 ||
	    (put->size > 0 &&
	     io_sftp_write(store, file, put->bytes, put->size, 0) == -1))
		error = errno;
	sftp_begin(&attributes);
	sftp_put_u32(&attributes, SFTP_ATTR_PERMISSIONS | SFTP_ATTR_TIMES);
	sftp_put_u32(&attributes, put->mode);
	sftp_put_u32(&attributes, put->time);
	sftp_put_u32(&attributes, put->time);
	if (error == 0 && io_sftp_change(store, file, &attributes) == -1)
		error = errno;
	finish(put, error);
}

static void go_on(struct sftp_put *put)
{
	int error = put->open.error;

	if (error == 0) {
		send_rest(put);
		return;
	}
	error = clear_place(put, error);
	if (error != 0) {
		finish(put, error);
		return;
	}
	put->again = 1;
	pthread_mutex_lock(&put->store->lock);
	put->store->opening++;
	pthread_mutex_unlock(&put->store->lock);
	ask_to_open(put);
}

static void *run(void *cookie)
{
	struct io_sftp *store = cookie;

	pthread_mutex_lock(&store->lock);
	while (!store->ending || store->put_count > 0) {
		struct sftp_put *ready = take_first(&store->opened);
		struct sftp_put *next = NULL;

		if (ready != NULL)
			store->opening--;
		else if (store->opening < OPENING)
			next = take_first(&store->waiting);
		if (next != NULL)
			store->opening++;
		if (ready == NULL && next == NULL) {
			pthread_cond_wait(&store->changed, &store->lock);
			continue;
		}
		pthread_mutex_unlock(&store->lock);
		if (ready != NULL)
			go_on(ready);
		else
			ask_to_open(next);
		pthread_mutex_lock(&store->lock);
	}
	pthread_mutex_unlock(&store->lock);
	return NULL;
}

/* ---- 1 ------------------------------------------------------------------ */

/* NULL with errno. */
static struct sftp_put *make_job(struct io_sftp *store, int dir,
				 const char *name, const struct io_file *file)
{
	struct sftp_put *put = malloc(sizeof(*put) + file->size);
	char *path = io_sftp_path_at(store, dir, name);

	if (put == NULL || path == NULL)
		goto free_both;
	memset(put, 0, sizeof(*put));
	put->store = store;
	put->dir = dir;
	put->mode = file->mode & 0777;
	put->time = io_sftp_time(file->times[1].tv_sec);
	put->size = file->size;
	if (file->size > 0)
		memcpy(put->bytes, file->bytes, file->size);
	put->file = io_sftp_create(path);
	if (put->file == NULL)
		goto free_both;
	put->file->flags = O_RDWR | O_CREAT | O_EXCL;
	put->file->put = 1;
	/* Nobody has a descriptor of it: its errors are the store's. */
	put->file->closed = 1;
	free(path);
	return put;

free_both:
	free(put);
	free(path);
	return NULL;
}

/* Into the queue, when there is room.  0, or an errno. */
static int queue(struct io_sftp *store, struct sftp_put *put)
{
	int error = 0;

	pthread_mutex_lock(&store->lock);
	if (!store->putting)
		error = thread_start(&store->putter, run, store);
	store->putting |= error == 0;
	while (error == 0 && store->lost == 0 && store->put_count > 0 &&
	       (store->put_count >= JOBS_MAX ||
		store->put_bytes + put->size > BYTES_MAX))
		pthread_cond_wait(&store->changed, &store->lock);
	if (error == 0)
		error = store->lost;
	if (error == 0) {
		put->file->put_age = store->age;
		store->pending[store->age]++;
		store->put_count++;
		store->put_bytes += put->size;
		append(&store->waiting, put);
		pthread_cond_broadcast(&store->changed);
	}
	pthread_mutex_unlock(&store->lock);
	return error;
}

static int put_file(void *context, int dir, const char *name,
		    const struct io_file *file)
{
	struct io_sftp *store = context;
	struct sftp_put *put = make_job(store, dir, name, file);
	int error;

	if (put == NULL)
		return -1;
	io_sftp_note_folder(store, put->file->path);
	error = queue(store, put);
	if (error == 0)
		return 0;
	free(put->file->path);
	free(put->file);
	free(put);
	errno = error;
	return -1;
}

void io_sftp_end_puts(struct io_sftp *store)
{
	if (!store->putting)
		return;
	pthread_mutex_lock(&store->lock);
	store->ending = 1;
	pthread_cond_broadcast(&store->changed);
	pthread_mutex_unlock(&store->lock);
	pthread_join(store->putter, NULL);
}

void io_sftp_fill_put(struct io *io)
{
	io->put = put_file;
}
