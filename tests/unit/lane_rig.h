/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_UNIT_LANE_RIG_H
#define FERRY_TESTS_UNIT_LANE_RIG_H

/* What the tests of lanes over descriptors have in common; after cmocka.h. */
#include <sys/socket.h>

#include <dirent.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "transfer/lane.h"

#define SECOND ((uint64_t)1000 * 1000 * 1000)
#define EPOCH  7

static inline uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* How many there are in /proc/self/fd or /proc/self/task. */
static inline unsigned count_entries(const char *path)
{
	DIR *folder = opendir(path);
	unsigned count = 0;

	assert_non_null(folder);
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}

static inline void *do_nothing(void *cookie)
{
	return cookie;
}

/* The same before a test; a sanitizer's own thread begins with the first. */
static inline unsigned count_tasks(void)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, do_nothing, NULL), 0);
	pthread_join(thread, NULL);
	return count_entries("/proc/self/task");
}

/* No more are there than before; one that was joined may take a moment to go,
 * then too when they were counted before. */
static inline void assert_entries(const char *path, unsigned expected)
{
	const struct timespec pause = {.tv_nsec = 1000 * 1000};

	for (int i = 0; i < 10000 && count_entries(path) > expected; i++)
		nanosleep(&pause, NULL);
	assert_true(count_entries(path) <= expected);
}

/* The next event but LANE_SENT and LANE_HEARD, within a minute. */
static inline struct engine_event next_event(struct inbox *inbox)
{
	struct engine_event event;

	do
		assert_int_equal(
		    inbox_take(inbox, &event, clock_now() + 60 * SECOND), 1);
	while (event.type == EVENT_LANE_SENT || event.type == EVENT_LANE_HEARD);
	return event;
}

static inline void make_sockets(int pair[2])
{
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

/* One end of a socketpair as a lane; the other is *far. */
static inline struct lane *lane_with_far(struct inbox *inbox, int *far)
{
	int pair[2];
	struct lane *lane;

	make_sockets(pair);
	lane = lane_fd_create(inbox, 3, pair[0], pair[0], 0);
	assert_non_null(lane);
	*far = pair[1];
	return lane;
}

static inline void write_all(int descriptor, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size > 0) {
		ssize_t written = write(descriptor, at, size);

		assert_true(written > 0);
		at += written;
		size -= (size_t)written;
	}
}

/* A frame whose body can be told from its number. */
static inline struct frame *numbered(uint64_t number, uint32_t length)
{
	struct message_chunk chunk = {.seq = number, .length = length};
	struct frame *frame = message_chunk_create(length);

	assert_non_null(frame);
	memset(message_chunk_data(frame), (int)number, length);
	message_chunk_finish(frame, &chunk);
	return frame;
}

static inline void check_numbered(struct frame *frame, uint64_t number,
				  uint32_t length)
{
	struct message_chunk chunk;

	assert_int_equal(frame->type, FRAME_CHUNK);
	assert_int_equal(frame->epoch, EPOCH);
	assert_int_equal(message_chunk_decode(frame, &chunk), 0);
	assert_int_equal(chunk.seq, number);
	assert_int_equal(chunk.length, length);
	assert_int_equal(chunk.data[0], number & 0xff);
	assert_memory_equal(chunk.data, chunk.data + 1, length - 1);
	frame_free(frame);
}

#endif
