/* SPDX-License-Identifier: BSD-2-Clause */
/* Where do files wait until they are proven? */
#include "cli/far_sums_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal/io.h"

#define HEAD offsetof(struct far_file, path)

struct far_spool {
	int descriptor;
	pthread_mutex_t mutex; /* of all below */
	pthread_cond_t changed;
	off_t end;
	off_t taken[FAR_TAKERS]; /* where each goes on */
	int closed;
};

/* A file without a name.  Its descriptor, or -1 with errno. */
static int open_file(void)
{
	const char *folder = getenv("TMPDIR");
	char *path;
	int descriptor;

	if (folder == NULL || *folder == '\0')
		folder = "/tmp";
	if (asprintf(&path, "%s/ferry-XXXXXX", folder) < 0)
		return -1;
	descriptor = mkostemp(path, O_CLOEXEC);
	if (descriptor != -1)
		unlink(path);
	free(path);
	return descriptor;
}

struct far_spool *far_spool_create(void)
{
	struct far_spool *spool = calloc(1, sizeof(*spool));
	pthread_condattr_t attributes;

	if (spool == NULL)
		return NULL;
	spool->descriptor = open_file();
	if (spool->descriptor == -1) {
		free(spool);
		return NULL;
	}
	pthread_mutex_init(&spool->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&spool->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return spool;
}

void far_spool_free(struct far_spool *spool)
{
	if (spool == NULL)
		return;
	close(spool->descriptor);
	pthread_cond_destroy(&spool->changed);
	pthread_mutex_destroy(&spool->mutex);
	free(spool);
}

/* Nobody waits for what is in the file: begin it anew. */
static void rewind_file(struct far_spool *spool)
{
	for (int i = 0; i < FAR_TAKERS; i++) {
		if (spool->taken[i] != spool->end)
			return;
	}
	spool->end = 0;
	memset(spool->taken, 0, sizeof(spool->taken));
}

int far_spool_add(struct far_spool *spool, const struct far_file *file)
{
	const size_t size = HEAD + file->path_length + 1;
	int result;

	pthread_mutex_lock(&spool->mutex);
	rewind_file(spool);
	result =
	    io_write(io_system(), spool->descriptor, file, size, spool->end);
	if (result == 0)
		spool->end += (off_t)size;
	pthread_cond_broadcast(&spool->changed);
	pthread_mutex_unlock(&spool->mutex);
	return result;
}

void far_spool_close(struct far_spool *spool)
{
	pthread_mutex_lock(&spool->mutex);
	spool->closed = 1;
	pthread_cond_broadcast(&spool->changed);
	pthread_mutex_unlock(&spool->mutex);
}

static struct timespec after(int milliseconds)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_sec += milliseconds / 1000;
	time.tv_nsec += milliseconds % 1000 * 1000000L;
	if (time.tv_nsec >= 1000000000L) {
		time.tv_nsec -= 1000000000L;
		time.tv_sec++;
	}
	return time;
}

/* What is at *from, which goes on behind it.  0 or -1. */
static int read_file(struct far_spool *spool, off_t *from,
		     struct far_file *file)
{
	ssize_t got =
	    io_read(io_system(), spool->descriptor, file, sizeof(*file), *from);

	if (got < (ssize_t)HEAD || file->path_length > FAR_SPOOL_PATH ||
	    (size_t)got < HEAD + file->path_length + 1)
		return -1;
	*from += (off_t)(HEAD + file->path_length + 1);
	return 0;
}

enum far_spool_next far_spool_take(struct far_spool *spool,
				   enum far_taker taker, int milliseconds,
				   struct far_file *file)
{
	const struct timespec until = after(milliseconds);
	enum far_spool_next next = FAR_SPOOL_LATER;
	off_t *from = &spool->taken[taker];

	pthread_mutex_lock(&spool->mutex);
	while (*from == spool->end && !spool->closed &&
	       pthread_cond_timedwait(&spool->changed, &spool->mutex, &until) !=
		   ETIMEDOUT)
		;
	if (*from != spool->end)
		next = read_file(spool, from, file) == 0 ? FAR_SPOOL_FILE
							 : FAR_SPOOL_END;
	else if (spool->closed)
		next = FAR_SPOOL_END;
	pthread_mutex_unlock(&spool->mutex);
	return next;
}
