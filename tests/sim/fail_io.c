/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the n-th call of a struct io fail.  Each call asks fail_now first, and
 * goes on to the table beneath when it says no.
 */
#include "tests/sim/fail_io.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/memory.h"

struct fail_io {
	struct io table;
	struct io *beneath;
	pthread_mutex_t lock; /* held during each call; recursive for list */
	struct fail_plan plan;
	int planned;
	uint64_t calls[FAIL_KIND_COUNT];
	uint64_t failed;
};

static int fail_interruptible(enum fail_kind kind)
{
	switch (kind) {
	case FAIL_OPEN_BENEATH:
	case FAIL_PREAD:
	case FAIL_PWRITE:
	case FAIL_TRUNCATE:
	case FAIL_SYNC_DATA:
	case FAIL_SYNC:
	case FAIL_SYNC_ALL:
		return 1;
	default:
		return 0;
	}
}

/* Count a call, and hold others off until leave.  1 if it is to fail, with
 * errno set; a short one does not: *size is cut instead. */
static int fail_now(struct fail_io *fail, enum fail_kind kind, size_t *size)
{
	const struct fail_plan *plan = &fail->plan;
	uint64_t number;

	pthread_mutex_lock(&fail->lock);
	number = fail->calls[plan->kind];
	fail->calls[FAIL_ANY]++;
	fail->calls[kind]++;
	if (!fail->planned || (plan->kind != FAIL_ANY && plan->kind != kind) ||
	    number < plan->after || number - plan->after >= plan->count ||
	    (plan->stride > 1 && (number - plan->after) % plan->stride != 0))
		return 0;
	if (plan->how == FAIL_SHORT) {
		if (size == NULL || *size < 2)
			return 0;
		*size /= 2;
		fail->failed++;
		return 0;
	}
	if (plan->how == FAIL_INTERRUPT && !fail_interruptible(kind))
		return 0;
	fail->failed++;
	errno = plan->how == FAIL_INTERRUPT ? EINTR : plan->error;
	return 1;
}

static int leave(struct fail_io *fail, int result)
{
	pthread_mutex_unlock(&fail->lock);
	return result;
}

static ssize_t leave_size(struct fail_io *fail, ssize_t result)
{
	pthread_mutex_unlock(&fail->lock);
	return result;
}

static int fail_close(void *context, int descriptor)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	pthread_mutex_lock(&((struct fail_io *)context)->lock);
	return leave(context, io->close(io->context, descriptor));
}

static ssize_t fail_pread(void *context, int descriptor, void *buffer,
			  size_t size, off_t offset)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_PREAD, &size))
		return leave_size(context, -1);
	return leave_size(
	    context, io->pread(io->context, descriptor, buffer, size, offset));
}

static ssize_t fail_pwrite(void *context, int descriptor, const void *buffer,
			   size_t size, off_t offset)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_PWRITE, &size))
		return leave_size(context, -1);
	return leave_size(
	    context, io->pwrite(io->context, descriptor, buffer, size, offset));
}

static int fail_advise(void *context, int descriptor, off_t offset, off_t size,
		       int advice)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	pthread_mutex_lock(&((struct fail_io *)context)->lock);
	return leave(context,
		     io->advise(io->context, descriptor, offset, size, advice));
}

static uint64_t fail_clock(void *context)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	return io->clock(io->context);
}

static int64_t fail_wall(void *context)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	return io->wall(io->context);
}

static int fail_open(void *context, int dir, const char *path, int flags,
		     mode_t mode)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_OPEN, NULL))
		return leave(context, -1);
	return leave(context, io->open(io->context, dir, path, flags, mode));
}

static int fail_open_beneath(void *context, int dir, const char *path,
			     int flags, mode_t mode)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_OPEN_BENEATH, NULL))
		return leave(context, -1);
	return leave(context,
		     io->open_beneath(io->context, dir, path, flags, mode));
}

static int fail_truncate(void *context, int descriptor, off_t size)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_TRUNCATE, NULL))
		return leave(context, -1);
	return leave(context, io->truncate(io->context, descriptor, size));
}

static int fail_sync_data(void *context, int descriptor)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_SYNC_DATA, NULL))
		return leave(context, -1);
	return leave(context, io->sync_data(io->context, descriptor));
}

static int fail_sync(void *context, int descriptor)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_SYNC, NULL))
		return leave(context, -1);
	return leave(context, io->sync(io->context, descriptor));
}

static int fail_sync_all(void *context, int descriptor)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_SYNC_ALL, NULL))
		return leave(context, -1);
	return leave(context, io->sync_all(io->context, descriptor));
}

static int fail_stat(void *context, int descriptor, struct stat *status)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_STAT, NULL))
		return leave(context, -1);
	return leave(context, io->stat(io->context, descriptor, status));
}

static int fail_stat_at(void *context, int dir, const char *name,
			struct stat *status)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_STAT_AT, NULL))
		return leave(context, -1);
	return leave(context, io->stat_at(io->context, dir, name, status));
}

static int fail_list(void *context, int dir,
		     int (*each)(void *cookie, const char *), void *cookie)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_LIST, NULL))
		return leave(context, -1);
	return leave(context, io->list(io->context, dir, each, cookie));
}

static ssize_t fail_read_link_at(void *context, int dir, const char *name,
				 char *buffer, size_t size)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_READ_LINK_AT, NULL))
		return leave_size(context, -1);
	return leave_size(
	    context, io->read_link_at(io->context, dir, name, buffer, size));
}

static int fail_make_dir_at(void *context, int dir, const char *name,
			    mode_t mode)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_MAKE_DIR_AT, NULL))
		return leave(context, -1);
	return leave(context, io->make_dir_at(io->context, dir, name, mode));
}

static int fail_make_link_at(void *context, int dir, const char *name,
			     const char *target)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_MAKE_LINK_AT, NULL))
		return leave(context, -1);
	return leave(context, io->make_link_at(io->context, dir, name, target));
}

static int fail_rename_at(void *context, int from_dir, const char *from,
			  int to_dir, const char *to)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_RENAME_AT, NULL))
		return leave(context, -1);
	return leave(context,
		     io->rename_at(io->context, from_dir, from, to_dir, to));
}

static int fail_unlink_at(void *context, int dir, const char *name, int flags)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_UNLINK_AT, NULL))
		return leave(context, -1);
	return leave(context, io->unlink_at(io->context, dir, name, flags));
}

static int fail_set_mode(void *context, int descriptor, mode_t mode)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_SET_MODE, NULL))
		return leave(context, -1);
	return leave(context, io->set_mode(io->context, descriptor, mode));
}

static int fail_set_times(void *context, int descriptor,
			  const struct timespec times[2])
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_SET_TIMES, NULL))
		return leave(context, -1);
	return leave(context, io->set_times(io->context, descriptor, times));
}

static int fail_set_times_at(void *context, int dir, const char *name,
			     const struct timespec times[2])
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_SET_TIMES_AT, NULL))
		return leave(context, -1);
	return leave(context, io->set_times_at(io->context, dir, name, times));
}

static int fail_lock(void *context, int descriptor, int operation)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_LOCK, NULL))
		return leave(context, -1);
	return leave(context, io->lock(io->context, descriptor, operation));
}

static int fail_random(void *context, void *buffer, size_t size)
{
	struct io *io = ((struct fail_io *)context)->beneath;

	if (fail_now(context, FAIL_RANDOM, NULL))
		return leave(context, -1);
	return leave(context, io->random(io->context, buffer, size));
}

struct fail_io *fail_io_create(struct io *beneath)
{
	static const struct io table = {
	    .open = fail_open,
	    .open_beneath = fail_open_beneath,
	    .close = fail_close,
	    .pread = fail_pread,
	    .pwrite = fail_pwrite,
	    .truncate = fail_truncate,
	    .sync_data = fail_sync_data,
	    .sync = fail_sync,
	    .sync_all = fail_sync_all,
	    .advise = fail_advise,
	    .stat = fail_stat,
	    .stat_at = fail_stat_at,
	    .list = fail_list,
	    .read_link_at = fail_read_link_at,
	    .make_dir_at = fail_make_dir_at,
	    .make_link_at = fail_make_link_at,
	    .rename_at = fail_rename_at,
	    .unlink_at = fail_unlink_at,
	    .set_mode = fail_set_mode,
	    .set_times = fail_set_times,
	    .set_times_at = fail_set_times_at,
	    .lock = fail_lock,
	    .clock = fail_clock,
	    .wall = fail_wall,
	    .random = fail_random,
	};
	struct fail_io *fail = sim_zeroed(sizeof(*fail));
	pthread_mutexattr_t recursive;

	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&fail->lock, &recursive);
	pthread_mutexattr_destroy(&recursive);
	fail->beneath = beneath;
	fail->table = table;
	fail->table.context = fail;
	return fail;
}

void fail_io_free(struct fail_io *fail)
{
	if (fail != NULL)
		pthread_mutex_destroy(&fail->lock);
	free(fail);
}

struct io *fail_io_table(struct fail_io *fail)
{
	return &fail->table;
}

void fail_io_set(struct fail_io *fail, const struct fail_plan *plan)
{
	memset(fail->calls, 0, sizeof(fail->calls));
	fail->failed = 0;
	fail->planned = plan != NULL;
	if (plan != NULL)
		fail->plan = *plan;
}

uint64_t fail_io_calls(const struct fail_io *fail, enum fail_kind kind)
{
	return fail->calls[kind];
}

uint64_t fail_io_failed(const struct fail_io *fail)
{
	return fail->failed;
}
