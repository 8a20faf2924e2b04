/* SPDX-License-Identifier: BSD-2-Clause */
/* When is a file asked for? */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/far_sums_internal.h"

/*
 * A batch is answered when it is full.  Fillers make it so when nothing more
 * comes, or enough bytes are in it that the host there should begin.  Of a
 * longer one, some xargs makes two.
 */
#define BATCH_BYTES ((uint64_t)16 << 20)
#define BATCH_NAMES 16000

#define FILLER_SIZE sizeof(FAR_SUMS_FILLER)

struct batch {
	size_t count, length;
	uint64_t bytes; /* in its files */
	char names[BATCH_NAMES + FAR_SUMS_BATCH * FILLER_SIZE];
};

/* 0, or -1: nobody takes it any more. */
static int put(struct far_sums *sums, const char *bytes, size_t size)
{
	struct pollfd wanted = {.fd = sums->out, .events = POLLOUT};
	ssize_t done;

	while (size > 0) {
		if (atomic_load(&sums->over))
			return -1;
		done = write(sums->out, bytes, size);
		if (done == -1 && errno == EAGAIN)
			poll(&wanted, 1, FAR_SUMS_POLL);
		else if (done == -1 && errno != EINTR)
			return -1;
		if (done > 0) {
			bytes += done;
			size -= (size_t)done;
		}
	}
	return 0;
}

static int put_batch(struct far_sums *sums, struct batch *batch)
{
	int result = put(sums, batch->names, batch->length);

	batch->count = batch->length = batch->bytes = 0;
	return result;
}

/* Have it answered now. */
static int fill(struct far_sums *sums, struct batch *batch)
{
	for (; batch->count < FAR_SUMS_BATCH; batch->count++) {
		memcpy(batch->names + batch->length, FAR_SUMS_FILLER,
		       FILLER_SIZE);
		batch->length += FILLER_SIZE;
	}
	return put_batch(sums, batch);
}

static int add(struct far_sums *sums, struct batch *batch, const char *name)
{
	const size_t size = strlen(name) + 1;

	if (batch->length + size > BATCH_NAMES && fill(sums, batch) == -1)
		return -1;
	memcpy(batch->names + batch->length, name, size);
	batch->length += size;
	batch->count++;
	return batch->count == FAR_SUMS_BATCH ? put_batch(sums, batch) : 0;
}

static int add_file(struct far_sums *sums, struct batch *batch,
		    const struct far_file *file)
{
	const size_t count = far_sums_questions(sums, file);

	for (size_t i = 0; i < count; i++) {
		char *path = far_places_path(sums->there, file->path, i);
		int result = path != NULL ? add(sums, batch, path) : -1;

		free(path);
		if (result == -1)
			return -1;
	}
	batch->bytes += file->size;
	return batch->count > 0 && batch->bytes >= BATCH_BYTES
		   ? fill(sums, batch)
		   : 0;
}

/* Until the shell has said that it is one.  0 or -1. */
static int await_greeting(struct far_sums *sums)
{
	int greeted;

	pthread_mutex_lock(&sums->mutex);
	while (sums->greeted == 0)
		pthread_cond_wait(&sums->changed, &sums->mutex);
	greeted = sums->greeted;
	pthread_mutex_unlock(&sums->mutex);
	return greeted == 1 ? 0 : -1;
}

static int ask_all(struct far_sums *sums, struct batch *batch,
		   struct far_file *file)
{
	for (;;) {
		switch (far_spool_take(sums->spool, FAR_ASKER, FAR_SUMS_POLL,
				       file)) {
		case FAR_SPOOL_FILE:
			if (add_file(sums, batch, file) == -1)
				return -1;
			break;
		case FAR_SPOOL_LATER:
			if (atomic_load(&sums->over) ||
			    (batch->count > 0 && fill(sums, batch) == -1))
				return -1;
			break;
		case FAR_SPOOL_END:
			return put_batch(sums, batch);
		}
	}
}

void *far_sums_ask(void *cookie)
{
	struct far_sums *sums = cookie;
	struct batch *batch = calloc(1, sizeof(*batch));
	struct far_file *file = malloc(sizeof(*file));

	/* An SFTP server that is there in place of a shell ends at the
	 * fillers, which are no request. */
	if (batch != NULL && file != NULL && fill(sums, batch) == 0 &&
	    await_greeting(sums) == 0)
		ask_all(sums, batch, file);
	close(sums->out);
	free(batch);
	free(file);
	return NULL;
}
