/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: a lane that is closed has sent what it could, in bounded time, and
 * leaves no thread, descriptor or child behind.
 */
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/lane_rig.h"

struct drain {
	int descriptor;
	size_t bytes;
};

/* Read slowly until the end, and only then close. */
static void *drain_slowly(void *cookie)
{
	struct drain *drain = cookie;
	const struct timespec pause = {.tv_nsec = 1000 * 1000};
	char buffer[65536];
	ssize_t size;

	while ((size = read(drain->descriptor, buffer, sizeof(buffer))) > 0) {
		drain->bytes += (size_t)size;
		nanosleep(&pause, NULL);
	}
	close(drain->descriptor);
	return NULL;
}

static void closing_sends_what_is_queued(void **state)
{
	struct inbox *inbox = inbox_create();
	struct drain drain = {.bytes = 0};
	pthread_t thread;
	struct lane *lane = lane_with_far(inbox, &drain.descriptor);

	(void)state;
	for (uint64_t i = 0; i < 5; i++)
		lane_send(lane, numbered(i, 1000000), EPOCH);
	assert_int_equal(pthread_create(&thread, NULL, drain_slowly, &drain),
			 0);
	lane_close(lane);
	pthread_join(thread, NULL);
	assert_int_equal(drain.bytes, 5 * (1000000 + 48 + 16));
	inbox_free(inbox);
}

/* Neither reads nor writes nor goes away. */
static void closing_does_not_wait_for_the_dead(void **state)
{
	struct inbox *inbox = inbox_create();
	int far;
	struct lane *lane = lane_with_far(inbox, &far);
	uint64_t start;

	(void)state;
	for (uint64_t i = 0; i < 4; i++)
		lane_send(lane, numbered(i, 1 << 20), EPOCH);
	start = clock_now();
	lane_close(lane);
	assert_true(clock_now() < start + 2 * SECOND);
	close(far);
	inbox_free(inbox);
	assert_int_equal(frame_pool_full(), 0);
	lane_close(NULL);
}

static pid_t start_child(const char *command, int *in, int *out)
{
	int there[2], back[2];
	pid_t pid;

	assert_int_equal(pipe2(there, O_CLOEXEC), 0);
	assert_int_equal(pipe2(back, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(there[0], 0);
		dup2(back[1], 1);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(there[0]);
	close(back[1]);
	*in = back[0];
	*out = there[1];
	return pid;
}

static void children_are_reaped(void **state)
{
	struct inbox *inbox = inbox_create();
	uint64_t start;
	struct lane *lane;
	pid_t pid;
	int in, out;

	(void)state;
	/* An echo, which ends with its input. */
	pid = start_child("exec cat", &in, &out);
	lane = lane_fd_create(inbox, 3, in, out, pid);
	lane_send(lane, numbered(5, 300000), EPOCH);
	check_numbered(next_event(inbox).frame, 5, 300000);
	lane_close(lane);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);

	/* One that does not care. */
	pid = start_child("exec sleep 60", &in, &out);
	lane = lane_fd_create(inbox, 3, in, out, pid);
	start = clock_now();
	lane_close(lane);
	assert_true(clock_now() < start + 5 * SECOND);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
	inbox_free(inbox);
}

/* How many names are in a folder of /proc/self. */
static unsigned count_in(const char *path)
{
	DIR *folder = opendir(path);
	unsigned count = 0;

	assert_non_null(folder);
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}

/* Each with its own way to go. */
static void come_and_go(struct inbox *inbox, unsigned number)
{
	struct engine_event event;
	int far;
	struct lane *lane = lane_with_far(inbox, &far);

	switch (number % 4) {
	case 0: /* the far end goes, and that was noticed */
		close(far);
		assert_int_equal(next_event(inbox).type, EVENT_LANE_DOWN);
		break;
	case 1: /* or not */
		close(far);
		break;
	case 2: /* with something under way in both directions */
		write_all(far, "\x11", 1);
		lane_send(lane, numbered(1, 5000), EPOCH);
		close(far);
		break;
	case 3: /* we go first */
		lane_send(lane, numbered(1, 500), EPOCH);
		shutdown(far, SHUT_WR);
		break;
	}
	lane_close(lane);
	if (number % 4 == 3)
		close(far);
	while (inbox_take(inbox, &event, 0)) {
		if (event.type == EVENT_FRAME)
			frame_free(event.frame);
	}
}

static void lanes_leave_nothing_behind(void **state)
{
	struct inbox *inbox = inbox_create();
	unsigned threads = count_in("/proc/self/task");
	unsigned descriptors = count_in("/proc/self/fd");

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		come_and_go(inbox, i);
	assert_int_equal(count_in("/proc/self/fd"), descriptors);
	assert_int_equal(count_in("/proc/self/task"), threads);
	inbox_free(inbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(closing_sends_what_is_queued),
	    cmocka_unit_test(closing_does_not_wait_for_the_dead),
	    cmocka_unit_test(children_are_reaped),
	    cmocka_unit_test(lanes_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
